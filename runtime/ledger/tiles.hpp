/// Private to the room: C2SP tlog-tiles, the files a transparency log is handed on as.
#pragma once

#include "base/digest.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace crossdock::ledger {

/// Hashes in a full tile, and entries in a full bundle (tlog-tiles, "Merkle tree").
constexpr std::uint64_t tile_width = 256;

/// One file of a level: its number, and how much is in it (tile_width: full).
struct tile_name {
  std::string level; ///< "tile/0", "tile/1", ..., "tile/entries", "bodies"
  std::uint64_t number = 0;
  std::uint64_t width = tile_width;

  /// "tile/0/x001/x234/067", "tile/entries/000.p/52".
  std::string path() const;
};

/// The tiles of a level that has `count` hashes or entries, in order.
std::vector<tile_name> tiles_of(const std::string& level, std::uint64_t count);
/// All files of an archive of this size, in order of path.
std::vector<std::string> archive_files(std::uint64_t size);
/// Levels of hashes that a tree of this size has: at least 1.
std::size_t hash_levels(std::uint64_t size);

/// MTH of up to 256 hashes that are subtrees of equal size.
sha256 subtree_root(const std::vector<sha256>& hashes);
/// The root of a tree whose unfinished tiles (one a level, level 0 first) hold these.
sha256 root_of(const std::vector<std::vector<sha256>>& unfinished);

/// The hashes of a tile. Errors: malformed (not exactly `width`).
result<std::vector<sha256>> read_tile(std::string_view bytes, std::uint64_t width);

/// An entry bundle: 16-bit big-endian lengths. Errors: limit (an entry is longer).
result<void> append_entry(std::string& bundle, std::string_view entry);
/// Errors: malformed (it does not hold exactly `count`).
result<std::vector<std::string>> read_entries(std::string_view bundle,
                                              std::uint64_t count);

/// The same of bodies with 32-bit lengths; none is 0xffffffff.
void append_body(std::string& bundle, const std::optional<std::string>& body);
result<std::vector<std::optional<std::string>>> read_bodies(std::string_view bundle,
                                                            std::uint64_t count);

/// Errors: not_found, io; name the file.
result<std::string> read_whole(const std::filesystem::path& file);
/// Beside, synced and renamed. Makes folders; their entries are durable after
/// sync_folders(). Errors: io, disk_full; name the file.
result<void> write_whole(const std::filesystem::path& file, std::string_view bytes);
result<void> sync_folders(const std::set<std::filesystem::path>& folders);

} // namespace crossdock::ledger
