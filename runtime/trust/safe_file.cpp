#include "trust/safe_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace crossdock::trust {
namespace {

namespace fs = std::filesystem;

class descriptor {
public:
  explicit descriptor(int fd) : fd_(fd) {}
  ~descriptor() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  int get() const { return fd_; }

private:
  int fd_;
};

error system_failure(const std::string& what, const fs::path& file) {
  const int e = errno;
  const auto code = e == ENOENT                      ? errc::not_found
                    : e == ENOSPC || e == EDQUOT     ? errc::disk_full
                    : e == EACCES || e == EPERM      ? errc::denied
                                                     : errc::io;
  return error(code, what + ": " + std::strerror(e)).at("file", file.string());
}

/// Group and others may not write; the owner is root or this process's user.
result<void> check_owner(const struct stat& s, const fs::path& path, bool sticky_will_do) {
  if (s.st_uid != 0 && s.st_uid != ::geteuid()) {
    return error(errc::denied, "it belongs to user " + std::to_string(s.st_uid) +
                                 ", who could change what is trusted: it must belong to root "
                                 "or to user " +
                                 std::to_string(::geteuid()))
      .at("path", path.string());
  }
  if ((s.st_mode & (S_IWGRP | S_IWOTH)) != 0 &&
      !(sticky_will_do && (s.st_mode & S_ISVTX) != 0)) {
    return error(errc::denied, "others than its owner may write it: chmod go-w")
      .at("path", path.string());
  }
  return {};
}

result<std::string> read_through(int fd, std::size_t bytes_max, const fs::path& file) {
  std::string out;
  char buffer[1u << 16];
  for (;;) {
    const auto n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      return system_failure("cannot read the file", file);
    }
    if (n == 0) {
      return out;
    }
    if (out.size() + static_cast<std::size_t>(n) > bytes_max) {
      return error(errc::limit, "the file is larger than " + std::to_string(bytes_max) + " bytes")
        .at("file", file.string());
    }
    out.append(buffer, static_cast<std::size_t>(n));
  }
}

result<std::string> read_checked(const fs::path& file, std::size_t bytes_max, bool follow,
                                 bool private_file) {
  // O_NONBLOCK: a pipe in its place must not hold the node up.
  const descriptor fd(
    ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW)));
  if (fd.get() < 0) {
    if (errno == ELOOP) {
      return error(errc::denied, "it is a symbolic link, which could be pointed elsewhere: name "
                                 "the file itself")
        .at("file", file.string());
    }
    return system_failure("cannot open the file", file);
  }
  struct stat s {};
  if (::fstat(fd.get(), &s) != 0) {
    return system_failure("cannot look at the file", file);
  }
  if (!S_ISREG(s.st_mode)) {
    return error(errc::denied, "it is no regular file").at("file", file.string());
  }
  if (private_file) {
    if (auto r = check_owner(s, file, false); !r) {
      return std::move(r).error();
    }
  }
  return read_through(fd.get(), bytes_max, file);
}

/// Each folder from `path` to the root, as it is written and as it really is: a link on the way
/// could be pointed elsewhere by who owns the folder that the link is in.
result<void> check_way(const fs::path& path, bool last_may_be_sticky) {
  std::error_code failure;
  const auto real = fs::canonical(path, failure);
  if (failure) {
    return error(failure == std::errc::no_such_file_or_directory ? errc::not_found : errc::io,
                 "the folder cannot be looked at: " + failure.message())
      .at("folder", path.string());
  }
  for (const auto& start : {fs::absolute(path).lexically_normal(), real}) {
    for (auto at = start;; at = at.parent_path()) {
      struct stat s {};
      if (::stat(at.c_str(), &s) != 0) {
        return system_failure("cannot look at the folder", at);
      }
      if (auto r = check_owner(s, at, last_may_be_sticky || at != start); !r) {
        return r;
      }
      if (at == at.root_path()) {
        break;
      }
    }
  }
  return {};
}

} // namespace

result<void> check_folder(const fs::path& path) {
  return check_way(path, false);
}

result<std::string> read_private_file(const fs::path& file, std::size_t bytes_max) {
  auto text = read_checked(file, bytes_max, false, true);
  if (!text) {
    return text;
  }
  // Its own folder may be sticky: nobody else can take the file's place there.
  if (auto r = check_way(fs::absolute(file).lexically_normal().parent_path(), true); !r) {
    return std::move(r).error();
  }
  return text;
}

result<std::string> read_whole_file(const fs::path& file, std::size_t bytes_max, bool follow) {
  return read_checked(file, bytes_max, follow, false);
}

result<void> put_file(const fs::path& file, std::string_view bytes, unsigned mode) {
  auto fresh = file.parent_path() / ("." + file.filename().string() + ".XXXXXX");
  std::string name = fresh.string();
  const descriptor fd(::mkostemp(name.data(), O_CLOEXEC));
  if (fd.get() < 0) {
    return system_failure("cannot create the file", fresh);
  }
  fresh = name;
  const auto give_up = [&](const char* what) {
    auto e = system_failure(what, fresh);
    ::unlink(fresh.c_str());
    return e;
  };
  while (!bytes.empty()) {
    const auto n = ::write(fd.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      return give_up("cannot write the file");
    }
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  if (::fchmod(fd.get(), mode) != 0 || ::fsync(fd.get()) != 0) {
    return give_up("cannot make the file durable");
  }
  if (::rename(fresh.c_str(), file.c_str()) != 0) {
    return give_up("cannot put the file in place");
  }
  const descriptor folder(
    ::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0 || ::fsync(folder.get()) != 0) {
    return system_failure("cannot make the folder durable", file.parent_path());
  }
  return {};
}

} // namespace crossdock::trust
