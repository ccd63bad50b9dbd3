/// Private to the room: one node per ledger directory, and files that survive power loss.
#pragma once

#include "base/error.hpp"

#include <filesystem>
#include <string_view>
#include <utility>

namespace crossdock::ledger {

/// Held while the object lives; the kernel gives it back when the process dies.
class node_lock {
public:
  /// Errors: busy, naming the process that has it and the remedy; io, disk_full.
  static result<node_lock> take(const std::filesystem::path& file);

  node_lock(node_lock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  node_lock& operator=(node_lock&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~node_lock();

private:
  explicit node_lock(int fd) : fd_(fd) {}
  int fd_;
};

/// Makes the names in a directory durable. Errors: io.
result<void> sync_directory(const std::filesystem::path& directory);

/// Replaces a file as a whole, with its owner's permissions only (`mode`), durably.
/// Errors: io, disk_full.
result<void> replace_file(const std::filesystem::path& file, std::string_view content,
                          unsigned mode);

} // namespace crossdock::ledger
