#include "ledger/tiles.hpp"

#include "ledger/merkle.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

namespace crossdock::ledger {
namespace {

constexpr std::uint32_t no_body = 0xffffffff;

template <class Number>
void append_number(std::string& out, Number n) {
  for (int shift = 8 * (static_cast<int>(sizeof n) - 1); shift >= 0; shift -= 8) {
    out += static_cast<char>((n >> shift) & 0xff);
  }
}

/// Reads and takes away; empty if there is not enough.
template <class Number>
std::optional<Number> take_number(std::string_view& bytes) {
  if (bytes.size() < sizeof(Number)) {
    return std::nullopt;
  }
  Number n = 0;
  for (std::size_t i = 0; i < sizeof n; ++i) {
    n = static_cast<Number>((n << 8) | static_cast<std::uint8_t>(bytes[i]));
  }
  bytes.remove_prefix(sizeof n);
  return n;
}

std::string three_digits(std::uint64_t n) {
  char text[4];
  std::snprintf(text, sizeof text, "%03u", static_cast<unsigned>(n % 1000));
  return text;
}

error of_file(const std::filesystem::path& file, const char* what, int number) {
  return error(number == ENOSPC || number == EDQUOT ? errc::disk_full : errc::io,
               std::string(what) + ": " + std::strerror(number))
      .at("file", file.string());
}

} // namespace

std::string tile_name::path() const {
  auto rest = number / 1000;
  std::string digits = three_digits(number);
  for (; rest > 0; rest /= 1000) {
    digits.insert(0, "x" + three_digits(rest) + "/");
  }
  return level + "/" + digits +
         (width == tile_width ? "" : ".p/" + std::to_string(width));
}

std::vector<tile_name> tiles_of(const std::string& level, std::uint64_t count) {
  std::vector<tile_name> tiles;
  for (std::uint64_t n = 0; n < count / tile_width; ++n) {
    tiles.push_back({level, n, tile_width});
  }
  if (count % tile_width != 0) {
    tiles.push_back({level, count / tile_width, count % tile_width});
  }
  return tiles;
}

std::size_t hash_levels(std::uint64_t size) {
  std::size_t levels = 1;
  while ((size >>= 8) != 0) {
    ++levels;
  }
  return levels;
}

std::vector<std::string> archive_files(std::uint64_t size) {
  std::vector<std::string> files{"checkpoint", "checkpoints.jsonl"};
  const auto add = [&files](const std::string& level, std::uint64_t count) {
    for (const auto& tile : tiles_of(level, count)) {
      files.push_back(tile.path());
    }
  };
  for (std::size_t level = 0; level < hash_levels(size); ++level) {
    add("tile/" + std::to_string(level), size >> (8 * level));
  }
  add("tile/entries", size);
  add("bodies", size);
  std::sort(files.begin(), files.end());
  return files;
}

sha256 subtree_root(const std::vector<sha256>& hashes) {
  frontier f;
  for (const auto& hash : hashes) {
    f.push(hash);
  }
  return f.root();
}

sha256 root_of(const std::vector<std::vector<sha256>>& unfinished) {
  // Largest subtrees first: the highest level, and in it from the left.
  std::vector<sha256> subtrees;
  for (auto level = unfinished.rbegin(); level != unfinished.rend(); ++level) {
    auto from = level->begin();
    for (auto left = level->size(); left > 0;) {
      const auto size = std::bit_floor(left);
      subtrees.push_back(subtree_root({from, from + static_cast<std::ptrdiff_t>(size)}));
      from += static_cast<std::ptrdiff_t>(size);
      left -= size;
    }
  }
  if (subtrees.empty()) {
    return sha256_of("");
  }
  auto root = subtrees.back();
  for (auto it = subtrees.rbegin() + 1; it != subtrees.rend(); ++it) {
    root = node_hash(*it, root);
  }
  return root;
}

result<std::vector<sha256>> read_tile(std::string_view bytes, std::uint64_t width) {
  if (bytes.size() != width * sizeof(sha256)) {
    return error(errc::malformed,
                 "does not hold exactly " + std::to_string(width) + " hashes");
  }
  std::vector<sha256> hashes(width);
  for (auto& hash : hashes) {
    std::copy_n(bytes.begin(), sizeof(sha256), reinterpret_cast<char*>(hash.data()));
    bytes.remove_prefix(sizeof(sha256));
  }
  return hashes;
}

result<void> append_entry(std::string& bundle, std::string_view entry) {
  if (entry.size() > 0xffff) {
    return error(errc::limit, "an entry of a bundle has at most 65535 bytes");
  }
  append_number(bundle, static_cast<std::uint16_t>(entry.size()));
  bundle += entry;
  return {};
}

result<std::vector<std::string>> read_entries(std::string_view bundle,
                                              std::uint64_t count) {
  std::vector<std::string> entries;
  while (entries.size() < count) {
    const auto length = take_number<std::uint16_t>(bundle);
    if (!length || bundle.size() < *length) {
      return error(errc::malformed, "ends within entry " +
                                        std::to_string(entries.size() + 1) + " of " +
                                        std::to_string(count));
    }
    entries.emplace_back(bundle.substr(0, *length));
    bundle.remove_prefix(*length);
  }
  if (!bundle.empty()) {
    return error(errc::malformed,
                 "goes on after its " + std::to_string(count) + " entries");
  }
  return entries;
}

void append_body(std::string& bundle, const std::optional<std::string>& body) {
  append_number(bundle, body ? static_cast<std::uint32_t>(body->size()) : no_body);
  bundle += body.value_or("");
}

result<std::vector<std::optional<std::string>>> read_bodies(std::string_view bundle,
                                                            std::uint64_t count) {
  std::vector<std::optional<std::string>> bodies;
  while (bodies.size() < count) {
    const auto length = take_number<std::uint32_t>(bundle);
    if (length && *length == no_body) {
      bodies.emplace_back();
      continue;
    }
    if (!length || bundle.size() < *length) {
      return error(errc::malformed, "ends within body " +
                                        std::to_string(bodies.size() + 1) + " of " +
                                        std::to_string(count));
    }
    bodies.emplace_back(bundle.substr(0, *length));
    bundle.remove_prefix(*length);
  }
  if (!bundle.empty()) {
    return error(errc::malformed,
                 "goes on after its " + std::to_string(count) + " bodies");
  }
  return bodies;
}

result<std::string> read_whole(const std::filesystem::path& file) {
  std::error_code failure;
  if (!std::filesystem::is_regular_file(file, failure)) {
    return error(errc::not_found, "there is no such file").at("file", file.string());
  }
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (std::filesystem::file_size(file, failure) == 0 && in) {
    return std::string();
  }
  if (!in || !(text << in.rdbuf())) {
    return of_file(file, "cannot read the file", errno);
  }
  return std::move(text).str();
}

result<void> write_whole(const std::filesystem::path& file, std::string_view bytes) {
  std::error_code failure;
  std::filesystem::create_directories(file.parent_path(), failure);
  if (failure) {
    return of_file(file.parent_path(), "cannot make the folder", failure.value());
  }
  auto beside = file;
  beside += ".new";
  const int fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) {
    return of_file(file, "cannot write the file", errno);
  }
  bool good = true;
  while (good && !bytes.empty()) {
    const auto n = ::write(fd, bytes.data(), bytes.size());
    good = n > 0 || (n < 0 && errno == EINTR);
    bytes.remove_prefix(n > 0 ? static_cast<std::size_t>(n) : 0);
  }
  good = good && ::fdatasync(fd) == 0;
  const int number = errno;
  good = ::close(fd) == 0 && good;
  if (!good || ::rename(beside.c_str(), file.c_str()) != 0) {
    const auto wrong = of_file(file, "cannot write the file", good ? errno : number);
    std::filesystem::remove(beside, failure);
    return wrong;
  }
  return {};
}

result<void> sync_folders(const std::set<std::filesystem::path>& folders) {
  for (const auto& folder : folders) {
    const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool good = fd >= 0 && ::fsync(fd) == 0;
    const int number = errno;
    if (fd >= 0) {
      ::close(fd);
    }
    if (!good) {
      return of_file(folder, "cannot sync the folder", number);
    }
  }
  return {};
}

} // namespace crossdock::ledger
