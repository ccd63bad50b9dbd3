#include "host/staged_plugin.hpp"

#include "crossdock/abi.h"
#include "sdk/manifest/check.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U // Linux 6.3; older kernels answer EINVAL
#endif

namespace crossdock::host {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t file_bytes_max = 256u
                                       << 20; // as the ELF reader; larger is no plugin

class owned_fd {
public:
  explicit owned_fd(int fd) : fd_(fd) {}
  ~owned_fd() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }
  owned_fd(const owned_fd&) = delete;
  owned_fd& operator=(const owned_fd&) = delete;
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

private:
  int fd_;
};

error failed(const char* what, const fs::path& file, int code = errno) {
  return error(code == ENOENT ? errc::not_found : errc::io,
               std::string(what) + ": " + std::strerror(code))
      .at("file", file.string());
}

bool write_all(int fd, const char* data, std::size_t size) {
  while (size > 0) {
    const auto n = ::write(fd, data, size);
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n <= 0) {
      return false;
    }
    data += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

int memory_file(const char* name) {
  // Where the kernel wants it said, say that nobody will ever execve() this file.
  const int fd = ::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
  return fd >= 0 || errno != EINVAL
             ? fd
             : ::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

/// The copy that lies in the store has these bytes, and nobody but its owner could change
/// them.
result<void> compare(const fs::path& copy, std::string_view bytes) {
  const owned_fd fd(::open(copy.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) {
    if (errno == ELOOP) {
      return error(errc::denied,
                   "the stored copy of the plugin is a symbolic link: remove it")
          .at("file", copy.string());
    }
    return failed("cannot read the stored copy of the plugin", copy);
  }
  struct stat s {};
  if (::fstat(fd.get(), &s) != 0) {
    return failed("cannot read the stored copy of the plugin", copy);
  }
  if (!S_ISREG(s.st_mode)) {
    return error(errc::denied,
                 "the stored copy of the plugin is no plain file: remove it")
        .at("file", copy.string());
  }
  if ((s.st_uid != ::geteuid() && s.st_uid != 0) ||
      (s.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return error(errc::denied,
                 "the stored copy of the plugin may be written by others than the "
                 "node's own user: remove it and start again")
        .at("file", copy.string());
  }
  bool same = s.st_size >= 0 && static_cast<std::size_t>(s.st_size) == bytes.size();
  std::string piece(1u << 16, '\0');
  for (std::size_t at = 0; same && at < bytes.size();) {
    const auto n = ::read(fd.get(), piece.data(), piece.size());
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      return failed("cannot read the stored copy of the plugin", copy);
    }
    const auto got = static_cast<std::size_t>(n);
    same = got > 0 && bytes.substr(at, got) == std::string_view(piece.data(), got);
    at += got;
  }
  if (!same) {
    return error(errc::corrupt,
                 "the stored copy of the plugin does not have its hash: remove "
                 "this file and start again")
        .at("file", copy.string());
  }
  return {};
}

} // namespace

staged_plugin::~staged_plugin() {
  if (mapped_ != nullptr) {
    ::munmap(const_cast<char*>(mapped_), size_);
  }
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

std::string_view staged_plugin::bytes() const {
  return {mapped_, size_};
}

/// Copies `source` to the memory file and seals it. From here on nobody can change a
/// byte.
result<void> staged_plugin::fill(int source) {
  descriptor_ = memory_file(file_.filename().c_str());
  if (descriptor_ < 0) {
    return failed("cannot make a memory file for the plugin", file_);
  }
  std::string piece(1u << 16, '\0');
  for (;;) {
    const auto n = ::read(source, piece.data(), piece.size());
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      return failed("cannot read the plugin", file_);
    }
    if (n == 0) {
      break;
    }
    size_ += static_cast<std::size_t>(n);
    if (size_ > file_bytes_max) {
      return error(errc::limit, "the plugin is larger than 256 MiB")
          .at("file", file_.string());
    }
    if (!write_all(descriptor_, piece.data(), static_cast<std::size_t>(n))) {
      return failed("cannot copy the plugin to memory", file_);
    }
  }
  if (size_ == 0) {
    return error(errc::plugin, "the file is not a loadable plugin: it is empty")
        .at("file", file_.string());
  }
  if (::fcntl(descriptor_, F_ADD_SEALS,
              F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0) {
    return failed("cannot seal the plugin's copy in memory", file_);
  }
  void* mapped = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor_, 0);
  if (mapped == MAP_FAILED) {
    return failed("cannot map the plugin", file_);
  }
  mapped_ = static_cast<const char*>(mapped);
  sha256_ = to_hex(sha256_of(bytes()));
  return {};
}

result<void> staged_plugin::check() {
  // The checker opens by name: this name is the sealed copy, and its texts shall say the
  // file's.
  const auto opened = "/proc/self/fd/" + std::to_string(descriptor_);
  const auto readable = [&](std::string text) {
    for (std::size_t at = 0; (at = text.find(opened, at)) != std::string::npos;) {
      text.replace(at, opened.size(), file_.string());
      at += file_.string().size();
    }
    return text;
  };
  if (const auto findings = crossdock::manifest::check_plugin(opened);
      !findings.empty()) {
    return error(errc::plugin,
                 "the file is not a loadable plugin: " + readable(findings.front()))
        .at("file", file_.string());
  }
  auto parsed = crossdock::manifest::from_plugin(opened);
  if (const auto* problems = std::get_if<crossdock::manifest::problems>(&parsed)) {
    return error(errc::schema,
                 "the plugin's manifest cannot be used: " +
                     (problems->empty() ? "unreadable"
                                        : readable(problems->front().text())))
        .at("file", file_.string());
  }
  manifest_ = std::get<json>(std::move(parsed));

  const auto abi = manifest_.value("abi", json::object());
  const auto major = abi.value("major", 0u);
  const auto min_host = abi.value("min_host_minor", 0u);
  if (major != CDK_ABI_MAJOR || min_host > CDK_ABI_MINOR) {
    return error(errc::version,
                 fmt::format(
                     "the plugin needs plugin ABI {}.{} and this host offers {}.{}: "
                     "install a build of the plugin for ABI {}",
                     major, min_host, CDK_ABI_MAJOR, CDK_ABI_MINOR, CDK_ABI_MAJOR))
        .at("file", file_.string());
  }
  return {};
}

result<std::shared_ptr<const staged_plugin>> staged_plugin::read(const fs::path& file) {
  const owned_fd source(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!source) {
    return failed("cannot read the file", file);
  }
  struct stat s {};
  if (::fstat(source.get(), &s) != 0) {
    return failed("cannot read the file", file);
  }
  if (!S_ISREG(s.st_mode)) {
    return error(errc::plugin, "the file is not a loadable plugin: it is no plain file")
        .at("file", file.string());
  }
  std::shared_ptr<staged_plugin> out(new staged_plugin);
  out->file_ = file;
  if (auto r = out->fill(source.get()); !r) {
    return std::move(r).error();
  }
  if (auto r = out->check(); !r) {
    return std::move(r).error();
  }
  return std::shared_ptr<const staged_plugin>(std::move(out));
}

result<fs::path> staged_plugin::keep(const fs::path& store) const {
  const auto folder = store / "sha256" / sha256_;
  const auto target = folder / file_.filename();
  std::error_code failure;
  fs::create_directories(folder, failure);
  if (failure) {
    return error(errc::io, "cannot create the plugin store: " + failure.message())
        .at("folder", folder.string());
  }
  if (fs::symlink_status(target, failure).type() == fs::file_type::not_found) {
    auto partial = (folder / ".incoming.XXXXXX").string();
    const owned_fd out(::mkostemp(partial.data(), O_CLOEXEC));
    const bool copied = out && write_all(out.get(), mapped_, size_) &&
                        ::fchmod(out.get(), 0444) == 0 && ::fsync(out.get()) == 0 &&
                        ::rename(partial.c_str(), target.c_str()) == 0;
    const int why = errno;
    if (!copied) {
      if (out) {
        ::unlink(partial.c_str());
      }
      return failed("cannot copy the plugin into the store", target, why);
    }
    const owned_fd entry(::open(folder.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECTORY));
    if (!entry || ::fsync(entry.get()) != 0) {
      return failed("cannot sync the plugin store", folder);
    }
  }
  if (auto r = compare(target, bytes()); !r) {
    return std::move(r).error();
  }
  return target;
}

std::string staged_plugin::release() const {
  return id() + " " + version() + " sha256:" + sha256_.substr(0, 16);
}

const json* staged_plugin::component(std::string_view name) const {
  if (const auto it = manifest_.find("components"); it != manifest_.end()) {
    for (const auto& c : *it) {
      if (text_or(c, "id") == name) {
        return &c;
      }
    }
  }
  return nullptr;
}

} // namespace crossdock::host
