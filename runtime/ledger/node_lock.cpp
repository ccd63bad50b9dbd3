#include "ledger/node_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace crossdock::ledger {
namespace {

error system_failure(std::string_view what, const std::filesystem::path& file) {
  const int e = errno;
  return error(e == ENOSPC || e == EDQUOT ? errc::disk_full : errc::io,
               std::string(what) + ": " + std::strerror(e))
      .at("file", file.string());
}

class descriptor {
public:
  explicit descriptor(int fd) : fd_(fd) {}
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

private:
  int fd_;
};

result<void> write_all(int fd, std::string_view content,
                       const std::filesystem::path& file) {
  while (!content.empty()) {
    const auto n = ::write(fd, content.data(), content.size());
    if (n < 0) {
      if (errno == EINTR) {
        continue;
      }
      return system_failure("cannot write the file", file);
    }
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

} // namespace

result<node_lock> node_lock::take(const std::filesystem::path& file) {
  descriptor fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (fd.get() < 0) {
    return system_failure("cannot open the lock file", file);
  }
  // flock belongs to the open file, so it also keeps out a second store of this process.
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) {
      return system_failure("cannot lock", file);
    }
    char text[32] = {};
    const auto n = ::pread(fd.get(), text, sizeof text - 1, 0);
    std::string owner(text, n > 0 ? static_cast<std::size_t>(n) : 0);
    owner.erase(owner.find_last_not_of(" \n") + 1);
    return error(errc::busy,
                 "another node uses this ledger" +
                     (owner.empty() ? std::string() : " (process " + owner + ")") +
                     "; stop it, or give this node a directory of its own")
        .at("file", file.string());
  }
  const auto pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd.get(), 0) != 0 ||
      ::pwrite(fd.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return system_failure("cannot write the lock file", file);
  }
  return node_lock(fd.release());
}

node_lock::~node_lock() {
  if (fd_ >= 0) {
    ::close(fd_);
  }
}

result<void> sync_directory(const std::filesystem::path& directory) {
  const descriptor fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0 || ::fsync(fd.get()) != 0) {
    return system_failure("cannot make the directory durable", directory);
  }
  return {};
}

result<void> replace_file(const std::filesystem::path& file, std::string_view content,
                          unsigned mode) {
  auto fresh = file;
  fresh += ".new";
  ::unlink(fresh.c_str());
  {
    const descriptor fd(
        ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    if (fd.get() < 0) {
      return system_failure("cannot create the file", fresh);
    }
    if (auto r = write_all(fd.get(), content, fresh); !r) {
      return r;
    }
    if (::fsync(fd.get()) != 0) {
      return system_failure("cannot make the file durable", fresh);
    }
  }
  if (::rename(fresh.c_str(), file.c_str()) != 0) {
    return system_failure("cannot put the file in place", file);
  }
  return sync_directory(file.parent_path());
}

} // namespace crossdock::ledger
