#include "host/child/confine.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>

namespace crossdock::host::child {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

constexpr unsigned nobody = 65534;
/// What the header of the build machine does not know yet is in the kernel's numbers
/// anyway.
constexpr std::uint64_t truncate_file = 1ull << 14; // ABI 3
constexpr std::uint64_t device_ioctl = 1ull << 15;  // ABI 5
constexpr std::uint64_t bind_tcp = 1ull << 0;       // ABI 4, a field of its own
constexpr std::uint64_t connect_tcp = 1ull << 1;

error failed(const char* what, int number = errno) {
  return error(errc::io, std::string(what) + ": " + std::strerror(number));
}

result<void> limit(__rlimit_resource_t what, rlim_t most) {
  const rlimit l{most, most};
  if (::setrlimit(what, &l) != 0) {
    return failed("a resource limit cannot be set");
  }
  return {};
}

/// The attribute of the kernel's second and fourth version; it reads as many bytes as we
/// say.
struct ruleset_attributes {
  std::uint64_t files = 0;
  std::uint64_t network = 0;
};

long landlock_version() {
  return ::syscall(SYS_landlock_create_ruleset, nullptr, 0,
                   LANDLOCK_CREATE_RULESET_VERSION);
}

/// Everything that is known of at this version is denied, but for reading and executing
/// below `folders` and reading `files`.
result<void> restrict_files(long version, std::initializer_list<const char*> folders,
                            std::initializer_list<const char*> files) {
  ruleset_attributes all;
  all.files = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1; // every right of version 1
  if (version >= 2) {
    all.files |= LANDLOCK_ACCESS_FS_REFER;
  }
  if (version >= 3) {
    all.files |= truncate_file;
  }
  if (version >= 5) {
    all.files |= device_ioctl;
  }
  std::size_t size = sizeof all.files;
  if (version >= 4) {
    all.network = bind_tcp | connect_tcp;
    size = sizeof all;
  }
  const auto rules =
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &all, size, 0));
  if (rules < 0) {
    return failed("no Landlock rules");
  }
  const auto allow = [&](const char* path, std::uint64_t rights) {
    const int at = ::open(path, O_PATH | O_CLOEXEC);
    if (at < 0) {
      return; // what is not there cannot be opened either
    }
    landlock_path_beneath_attr rule{};
    rule.allowed_access = rights;
    rule.parent_fd = at;
    ::syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    ::close(at);
  };
  for (const auto* folder : folders) {
    allow(folder, LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
                      LANDLOCK_ACCESS_FS_EXECUTE);
  }
  for (const auto* file : files) {
    allow(file, LANDLOCK_ACCESS_FS_READ_FILE);
  }
  const auto status = ::syscall(SYS_landlock_restrict_self, rules, 0);
  const int why = errno;
  ::close(rules);
  return status == 0 ? result<void>() : failed("Landlock cannot be applied", why);
}

struct filter {
  scmp_filter_ctx context = nullptr;
  explicit filter(std::uint32_t otherwise) : context(seccomp_init(otherwise)) {}
  ~filter() {
    if (context != nullptr) {
      seccomp_release(context);
    }
  }
  filter(const filter&) = delete;
  filter& operator=(const filter&) = delete;

  bool fine = true;
  void rule(std::uint32_t action, int call) {
    fine = fine && seccomp_rule_add(context, action, call, 0) == 0;
  }
  void rule(std::uint32_t action, int call, scmp_arg_cmp a) {
    fine = fine && seccomp_rule_add(context, action, call, 1, a) == 0;
  }
  void rule(std::uint32_t action, int call, scmp_arg_cmp a, scmp_arg_cmp b) {
    fine = fine && seccomp_rule_add(context, action, call, 2, a, b) == 0;
  }
};

} // namespace

result<void> lower(const confinement& c) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
    return failed("the process cannot be bound to its parent");
  }
  ::setpriority(PRIO_PROCESS, 0, 10); // a plugin waits for the node, not the node for it
  for (const auto& [what, most] :
       std::initializer_list<std::pair<__rlimit_resource_t, rlim_t>>{
           {RLIMIT_CORE, 0},
           {RLIMIT_FSIZE, 0},
           {RLIMIT_NOFILE, 64},
           {RLIMIT_MEMLOCK, 0},
           {RLIMIT_MSGQUEUE, 0},
           {RLIMIT_STACK, 8u << 20}}) {
    if (auto r = limit(what, most); !r) {
      return r;
    }
  }
  // ASan maps terabytes of shadow before main.
  if (!sanitized) {
    if (auto r = limit(RLIMIT_AS, c.address_space_bytes); !r) {
      return r;
    }
  }
  if (::geteuid() == 0) {
    if (::setgroups(0, nullptr) != 0 || ::setresgid(nobody, nobody, nobody) != 0 ||
        ::setresuid(nobody, nobody, nobody) != 0) {
      return failed("root cannot be given up");
    }
    // Changing the user forgets it, and lets nobody read what is denied
    // (process_vm_readv).
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::prctl(PR_SET_DUMPABLE, 1) != 0) {
      return failed("the process cannot be bound to its parent");
    }
  }
  return {};
}

result<confined> confine(const confinement& c) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return failed("no_new_privs cannot be set");
  }
  confined out;
  const auto version = std::max(landlock_version(), 0l);
  if (version > 0) {
    auto r = sanitized ? restrict_files(version,
                                        {"/lib", "/lib64", "/usr/lib", "/usr/lib64",
                                         "/usr/local/lib", "/proc"},
                                        {"/etc/ld.so.cache"})
                       : restrict_files(version,
                                        {"/lib", "/lib64", "/usr/lib", "/usr/lib64",
                                         "/usr/local/lib"},
                                        {"/etc/ld.so.cache"});
    if (!r) {
      return std::move(r).error();
    }
  }
  filter f(SCMP_ACT_NOTIFY);
  if (f.context == nullptr) {
    return failed("no seccomp filter", ENOMEM);
  }
  for (const int call : {SCMP_SYS(read),
                         SCMP_SYS(write),
                         SCMP_SYS(readv),
                         SCMP_SYS(writev),
                         SCMP_SYS(pread64),
                         SCMP_SYS(lseek),
                         SCMP_SYS(close),
                         SCMP_SYS(fstat),
                         SCMP_SYS(newfstatat),
                         SCMP_SYS(statx),
                         SCMP_SYS(munmap),
                         SCMP_SYS(mremap),
                         SCMP_SYS(madvise),
                         SCMP_SYS(brk),
                         SCMP_SYS(rt_sigprocmask),
                         SCMP_SYS(rt_sigreturn),
                         SCMP_SYS(sigaltstack),
                         SCMP_SYS(futex),
                         SCMP_SYS(sched_yield),
                         SCMP_SYS(sched_getaffinity),
                         SCMP_SYS(clock_gettime),
                         SCMP_SYS(clock_getres),
                         SCMP_SYS(clock_nanosleep),
                         SCMP_SYS(nanosleep),
                         SCMP_SYS(gettimeofday),
                         SCMP_SYS(time),
                         SCMP_SYS(getpid),
                         SCMP_SYS(gettid),
                         SCMP_SYS(getuid),
                         SCMP_SYS(geteuid),
                         SCMP_SYS(getgid),
                         SCMP_SYS(getegid),
                         SCMP_SYS(getppid),
                         SCMP_SYS(exit),
                         SCMP_SYS(exit_group),
                         SCMP_SYS(restart_syscall),
                         SCMP_SYS(poll),
                         SCMP_SYS(ppoll),
                         SCMP_SYS(select),
                         SCMP_SYS(pselect6),
                         SCMP_SYS(getrandom),
                         SCMP_SYS(sendmsg),
                         SCMP_SYS(recvmsg),
                         SCMP_SYS(sendto),
                         SCMP_SYS(recvfrom),
                         SCMP_SYS(shutdown),
                         SCMP_SYS(getsockopt),
                         SCMP_SYS(getsockname),
                         SCMP_SYS(getpeername),
                         SCMP_SYS(rseq),
                         SCMP_SYS(set_robust_list),
                         SCMP_SYS(getrlimit),
                         SCMP_SYS(getrusage),
                         SCMP_SYS(sysinfo),
                         SCMP_SYS(uname),
                         SCMP_SYS(membarrier),
                         SCMP_SYS(rt_sigaction),
                         SCMP_SYS(landlock_create_ruleset),
                         SCMP_SYS(landlock_restrict_self)}) {
    f.rule(SCMP_ACT_ALLOW, call);
  }
  // Memory that can be executed is the loader's to ask for; the parent says until when.
  for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)}) {
    f.rule(SCMP_ACT_ALLOW, call, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
  }
  // A limit may be read, not changed; a signal may be sent to itself, as abort() does.
  f.rule(SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), SCMP_A2(SCMP_CMP_EQ, 0));
  f.rule(SCMP_ACT_ALLOW, SCMP_SYS(tgkill),
         SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(::getpid())));
  for (const int command : {F_GETFD, F_SETFD, F_GETFL, F_SETFL}) {
    f.rule(SCMP_ACT_ALLOW, SCMP_SYS(fcntl),
           SCMP_A1(SCMP_CMP_EQ, static_cast<scmp_datum_t>(command)));
  }
  f.rule(SCMP_ACT_ALLOW, SCMP_SYS(prctl), SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME));
  f.rule(SCMP_ACT_ERRNO(ENOTTY), SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_EQ, TCGETS)); // isatty
  // glibc then asks by clone(), whose flags can be seen here.
  f.rule(SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3));
  if (sanitized) { // UBSan asks the kernel whether memory can be read by writing it into
                   // a pipe
    f.rule(SCMP_ACT_ALLOW, SCMP_SYS(pipe2));
  }
  if (c.threads) {
    constexpr scmp_datum_t thread = CLONE_VM | CLONE_THREAD | CLONE_SIGHAND;
    f.rule(SCMP_ACT_ALLOW, SCMP_SYS(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, thread, thread));
    for (const int call :
         {SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait),
          SCMP_SYS(epoll_pwait), SCMP_SYS(eventfd2), SCMP_SYS(timerfd_create),
          SCMP_SYS(timerfd_settime), SCMP_SYS(pipe2), SCMP_SYS(setsockopt),
          SCMP_SYS(sendmmsg), SCMP_SYS(recvmmsg), SCMP_SYS(dup)}) {
      f.rule(SCMP_ACT_ALLOW, call);
    }
    f.rule(SCMP_ACT_ALLOW, SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_EQ, FIONBIO));
  }
  if (!f.fine) {
    return failed("the seccomp filter cannot be built", EINVAL);
  }
  if (const int r = seccomp_load(f.context); r != 0) {
    return failed("the seccomp filter cannot be applied", -r);
  }
  out.listener = seccomp_notify_fd(f.context);
  if (out.listener < 0) {
    return failed("denied system calls cannot be handed to the parent", -out.listener);
  }
  out.report = {{"landlock", version}, {"seccomp", "notify"}, {"no_new_privs", true}};
  return out;
}

result<void> seal() {
  if (const auto version = landlock_version(); version > 0 && !sanitized) {
    if (auto r = restrict_files(version, {}, {}); !r) {
      return r;
    }
  }
  return {};
}

} // namespace crossdock::host::child
