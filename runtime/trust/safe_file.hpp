/// Files and folders that only their owner and root can have written.
#pragma once

#include "base/error.hpp"

#include <filesystem>
#include <string>
#include <string_view>

namespace crossdock::trust {

/// Whether nobody but root and this process's user can put something else at `path`: each folder
/// up to the root belongs to one of them and is writable by nobody else, or is sticky as /tmp is.
/// The last part itself must not be writable by others at all. Errors: denied, naming the folder
/// and the remedy; not_found; io.
result<void> check_folder(const std::filesystem::path& path);

/// Reads a file that passes the same, by one descriptor; a symbolic link is refused. Errors:
/// denied, not_found, io, limit (larger than `bytes_max`).
result<std::string> read_private_file(const std::filesystem::path& file, std::size_t bytes_max);

/// Reads a regular file through one descriptor. Errors: not_found, io, limit, denied (a symbolic
/// link although `follow` is false, or no regular file).
result<std::string> read_whole_file(const std::filesystem::path& file, std::size_t bytes_max,
                                    bool follow);

/// Makes `bytes` the content of `file`, durably and at once: temporary file, fsync, rename, fsync
/// of the folder. An existing file is replaced. Errors: io, disk_full.
result<void> put_file(const std::filesystem::path& file, std::string_view bytes, unsigned mode);

} // namespace crossdock::trust
