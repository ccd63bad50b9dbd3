#include "host/child/attempts.hpp"

#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace crossdock::host::child {
namespace {

constexpr const char* unreadable = "?";

/// Zero-terminated text in another process, at most 200 bytes; `unreadable` if it cannot
/// be read.
std::string text_in(pid_t process, std::uint64_t address) {
  char text[200];
  // A text may end just before a page that is not there.
  const auto to_page_end = 4096 - address % 4096;
  iovec here{text, sizeof text};
  iovec there[2] = {
      {reinterpret_cast<void*>(address), std::min<std::size_t>(to_page_end, sizeof text)},
      {reinterpret_cast<void*>(address + to_page_end),
       sizeof text - std::min<std::size_t>(to_page_end, sizeof text)}};
  const auto n =
      ::process_vm_readv(process, &here, 1, there, there[1].iov_len > 0 ? 2 : 1, 0);
  if (n <= 0) {
    return unreadable;
  }
  std::string out(text, ::strnlen(text, static_cast<std::size_t>(n)));
  for (auto& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == '"') {
      c = '?';
    }
  }
  return out;
}

std::string family(std::uint64_t f) {
  switch (f) {
  case AF_UNIX:
    return "AF_UNIX";
  case AF_INET:
    return "AF_INET";
  case AF_INET6:
    return "AF_INET6";
  case AF_NETLINK:
    return "AF_NETLINK";
  case AF_PACKET:
    return "AF_PACKET";
  default:
    return std::to_string(f);
  }
}

std::string name_of(const seccomp_data& d) {
  char* found = seccomp_syscall_resolve_num_arch(d.arch, d.nr);
  std::string name = found == nullptr ? "system call " + std::to_string(d.nr) : found;
  std::free(found);
  return name;
}

/// The path of a call that names one, by its argument; -1 if it names none.
int path_argument(int call) {
  switch (call) {
  case SYS_open:
  case SYS_access:
  case SYS_readlink:
  case SYS_stat:
  case SYS_lstat:
  case SYS_execve:
  case SYS_unlink:
  case SYS_mkdir:
  case SYS_chmod:
  case SYS_truncate:
  case SYS_rename:
    return 0;
  case SYS_openat:
  case SYS_openat2:
  case SYS_faccessat:
  case SYS_faccessat2:
  case SYS_readlinkat:
  case SYS_execveat:
  case SYS_unlinkat:
  case SYS_mkdirat:
    return 1;
  default:
    return -1;
  }
}

bool opens(int call) {
  return call == SYS_open || call == SYS_openat || call == SYS_openat2;
}

std::string describe(const seccomp_data& d, const std::string& path) {
  const auto name = name_of(d);
  switch (d.nr) {
  case SYS_socket:
    return name + "(" + family(d.args[0]) + ")";
  case SYS_mmap:
  case SYS_mprotect:
    return name + "(memory that can be executed)";
  case SYS_kill:
    return name + "(signal " + std::to_string(d.args[1]) + ")";
  case SYS_tgkill:
    return name + "(another process)";
  case SYS_clone:
    return (d.args[0] & CLONE_THREAD) != 0 ? "clone(a thread)" : "clone(a process)";
  default:
    return path.empty() ? name + "()" : name + "(\"" + path + "\")";
  }
}

/// What the loader opens, reads and looks for. Landlock holds if the path is changed
/// meanwhile.
bool of_the_loader(const seccomp_data& d, const std::string& path) {
  const std::uint64_t flags = d.nr == SYS_open     ? d.args[1]
                              : d.nr == SYS_openat ? d.args[2]
                                                   : 0;
  if (d.nr == SYS_mmap || d.nr == SYS_mprotect) { // asked only for what can be executed
    return (d.args[2] & PROT_WRITE) == 0;
  }
  if (d.nr == SYS_openat2 || (flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)) != 0 ||
      path.find("/../") != std::string::npos) {
    return false;
  }
  if (!opens(d.nr) && d.nr != SYS_access && d.nr != SYS_readlink &&
      d.nr != SYS_faccessat && d.nr != SYS_faccessat2 && d.nr != SYS_readlinkat) {
    return false;
  }
  if (path == unreadable) {
    // Where the kernel lets us read nothing of another process, Landlock alone must do.
    return ::syscall(SYS_landlock_create_ruleset, nullptr, 0,
                     LANDLOCK_CREATE_RULESET_VERSION) > 0;
  }
  const std::string_view p = path;
  for (const std::string_view folder : {"/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/",
                                        "/usr/local/lib/", "/proc/self/"}) {
    if (p.starts_with(folder)) {
      return true;
    }
  }
  return p == "/etc/ld.so.cache" || p == "/etc/ld.so.preload";
}

} // namespace

attempts::attempts(int listener, teller tell)
    : listener_(listener), tell_(std::move(tell)) {}

attempts::~attempts() {
  if (listener_ >= 0) {
    ::close(listener_);
  }
}

bool attempts::answer(bool loading) {
  seccomp_notif call{};
  if (::ioctl(listener_, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0) {
    return errno == EINTR || errno == ENOENT; // it died meanwhile: others may follow
  }
  const auto argument = path_argument(call.data.nr);
  const auto path = argument < 0
                        ? std::string()
                        : text_in(static_cast<pid_t>(call.pid),
                                  call.data.args[static_cast<std::size_t>(argument)]);
  seccomp_notif_resp answer{};
  answer.id = call.id;
  if (loading && of_the_loader(call.data, path)) {
    answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  } else {
    answer.error = opens(call.data.nr) ? -EACCES : -EPERM;
    ++count_;
    tell_(describe(call.data, path));
  }
  ::ioctl(listener_, SECCOMP_IOCTL_NOTIF_SEND, &answer);
  return true;
}

} // namespace crossdock::host::child
