/// Plugin files by their content, below one folder:
///
///   sha256/HASH/NAME.so            read-only; never changed, never replaced
///   sha256/HASH/NAME.so*.minisig   the signatures that came with it
///   journal.jsonl                  what was staged and admitted, one line each, only appended
#pragma once

#include "trust/history.hpp"
#include "trust/judge.hpp"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace crossdock::trust {

/// A plugin file larger than this is none; the ELF reader says the same.
constexpr std::size_t plugin_bytes_max = 256u << 20;

/// Reads FILE.minisig and FILE.NAME.minisig from beside `file`, in the order of their names; at
/// most 8. Errors: io, limit, denied.
result<std::vector<named_signature>> signatures_beside(const std::filesystem::path& file);

struct staged_file {
  std::filesystem::path path;
  std::string sha256; ///< the name of its folder; checked when it is loaded
};

class store {
public:
  enum class use {
    read, ///< an absent store reads as an empty one; others may read meanwhile
    write ///< creates it; waits for others to finish
  };
  /// Locked for as long as the object lives. Errors: denied (others could write to the folder),
  /// corrupt (the journal), io, disk_full.
  static result<store> open(const std::filesystem::path& folder, use how);
  ~store();
  store(store&&) noexcept;
  store& operator=(store&&) = delete;

  const history& before() const { return history_; }
  std::vector<staged_file> files() const;

  /// Puts the bytes and signatures in their place and reads them back: returns the path of the
  /// file. Putting the same again changes nothing. Errors: io, disk_full, corrupt.
  result<std::filesystem::path> put(const std::string& name, std::string_view bytes,
                                    const std::vector<named_signature>& signatures);
  /// Writes the line durably, then knows it.
  result<void> append(staging line);

private:
  store() = default;
  std::filesystem::path folder_;
  int journal_ = -1;
  bool writes_ = false;
  history history_;
};

} // namespace crossdock::trust
