#include "sdk/manifest/imports.hpp"

#include <algorithm>
#include <vector>

namespace crossdock::manifest {
namespace {

struct group {
  bool agents_only;
  std::string_view reason;
  std::vector<std::string_view> symbols;
};

/// Groups rather than a row per symbol: the reason is what people read.
const std::vector<group>& groups() {
  static const std::vector<group> all{
      // -- for every plugin: what belongs to the whole process -------------------------
      {false,
       "starts another process, which no executor allows; do the work in a connector or "
       "outside the node",
       {"fork", "vfork", "_Fork", "clone", "execl", "execle", "execlp", "execv", "execve",
        "execveat", "execvp", "execvpe", "fexecve", "posix_spawn", "posix_spawnp",
        "system", "popen", "wordexp", "forkpty"}},
      {false,
       "changes what the process does on a signal, for every plugin in it; report errors "
       "as a status",
       {"signal", "sigaction", "bsd_signal", "sysv_signal", "sigset", "siginterrupt",
        "sigaltstack", "signalfd"}},
      {false,
       "reaches into another process or the node itself",
       {"ptrace", "process_vm_readv", "process_vm_writev", "kill", "killpg", "tgkill",
        "pidfd_open", "pidfd_getfd", "pidfd_send_signal", "sigqueue"}},
      {false,
       "ends the process and every other plugin in it; return CDK_E_FATAL instead",
       {"exit", "_exit", "_Exit", "quick_exit", "at_quick_exit", "on_exit",
        "pthread_exit"}},
      {false,
       "loads code that nobody checked or signed; link what is needed",
       {"dlopen", "dlmopen", "dlsym", "dlvsym"}},
      {false,
       "leaves a destructor in every thread, which runs after the plugin is gone; keep "
       "the value in the instance",
       {"pthread_key_create", "tss_create"}},
      {false,
       "runs when the process ends, in whatever order; release things in destroy()",
       {"atexit"}},
      {false,
       "changes the language settings of the whole process; format numbers and dates "
       "without a locale",
       {"setlocale", "_ZNSt6locale6globalERKS_"}},
      {false,
       "changes a setting of the whole process that other plugins rely on",
       {"chdir",       "fchdir",       "chroot",        "umask",       "setenv",
        "putenv",      "unsetenv",     "clearenv",      "setrlimit",   "setrlimit64",
        "prlimit",     "prlimit64",    "setpriority",   "nice",        "prctl",
        "personality", "unshare",      "setns",         "mount",       "umount",
        "umount2",     "setuid",       "setgid",        "seteuid",     "setegid",
        "setreuid",    "setregid",     "setresuid",     "setresgid",   "setgroups",
        "setsid",      "setpgid",      "srand",         "srandom",     "seccomp",
        "mlockall",    "settimeofday", "clock_settime", "sethostname", "reboot"}},
      {false,
       "makes system calls that no check sees; call the library's function",
       {"syscall"}},

      // -- for agents: what a replay could not repeat, and what a step may not wait for -
      {true,
       "talks to the network; agents do not, a connector offers a tool for it",
       {"socket",        "socketpair",      "connect",       "bind",
        "listen",        "accept",          "accept4",       "send",
        "sendto",        "sendmsg",         "sendmmsg",      "recv",
        "recvfrom",      "recvmsg",         "recvmmsg",      "getaddrinfo",
        "gethostbyname", "gethostbyname_r", "gethostbyaddr", "getnameinfo",
        "res_query",     "__res_query"}},
      {true,
       "reads a clock, so a recorded event would not give the same result again; use "
       "step.now()",
       {"clock", "clock_gettime", "gettimeofday", "time", "times", "timespec_get",
        "ftime", "localtime", "localtime_r", "mktime", "ctime", "ctime_r",
        "_ZNSt6chrono3_V212system_clock3nowEv", "_ZNSt6chrono3_V212steady_clock3nowEv",
        "clock_nanosleep", "timer_create", "timerfd_create", "alarm", "setitimer"}},
      {true,
       "is random in its own way, so a recorded event would not give the same result "
       "again; use step.random()",
       {"rand", "rand_r", "random", "random_r", "drand48", "erand48", "lrand48",
        "nrand48", "mrand48", "jrand48", "getrandom", "getentropy", "arc4random",
        "arc4random_buf", "arc4random_uniform", "_ZNSt13random_device9_M_getvalEv",
        "_ZNSt13random_device7_M_initERKNSt7__cxx1112basic_stringIcSt11char_"
        "traitsIcESaIcEEE"}},
      {true,
       "waits inside a step, which keeps every other event of the component waiting; "
       "set a timer and return",
       {"sleep", "usleep", "nanosleep", "pause", "sigsuspend", "sigwait", "select",
        "pselect", "poll", "ppoll", "epoll_wait", "epoll_pwait",
        "_ZNSt11this_thread11__sleep_forENSt6chrono8durationIlSt5ratioILl1ELl1EEEENS1_"
        "IlS2_"
        "ILl1ELl1000000000EEEE"}},
      {true,
       "starts a thread; an agent has none of its own, its steps are called one at a "
       "time",
       {"pthread_create", "thrd_create",
        "_ZNSt6thread15_M_start_threadESt10unique_ptrINS_6_StateESt14default_deleteIS1_"
        "EEPFvvE"}},
      {true,
       "opens or changes files; an agent keeps what it knows in memory/1",
       {"open",
        "open64",
        "openat",
        "openat64",
        "creat",
        "creat64",
        "fopen",
        "fopen64",
        "freopen",
        "freopen64",
        "unlink",
        "unlinkat",
        "remove",
        "rename",
        "renameat",
        "mkdir",
        "mkdirat",
        "rmdir",
        "opendir",
        "fdopendir",
        "mkstemp",
        "mkostemp",
        "tmpfile",
        "tmpfile64",
        "link",
        "symlink",
        "truncate",
        "truncate64",
        "chmod",
        "chown",
        "_ZNSt13basic_filebufIcSt11char_traitsIcEE4openEPKcSt13_Ios_Openmode",
        "_ZNSt12__basic_fileIcE4openEPKcSt13_Ios_Openmodei",
        "shm_open",
        "memfd_create"}},
      {true,
       "reads the machine's environment, which is not recorded; declare what is needed "
       "as "
       "configuration",
       {"getenv", "secure_getenv", "gethostname", "uname", "getpid", "getppid", "getuid",
        "getlogin", "getcwd"}},
  };
  return all;
}

std::string_view shown(std::string_view symbol) {
  if (symbol == "_ZNSt6chrono3_V212system_clock3nowEv")
    return "std::chrono::system_clock::now";
  if (symbol == "_ZNSt6chrono3_V212steady_clock3nowEv")
    return "std::chrono::steady_clock::now";
  if (symbol.starts_with("_ZNSt13random_device"))
    return "std::random_device";
  if (symbol.starts_with("_ZNSt6thread"))
    return "std::thread";
  if (symbol.starts_with("_ZNSt13basic_filebuf") ||
      symbol.starts_with("_ZNSt12__basic_file"))
    return "std::fstream";
  if (symbol.starts_with("_ZNSt11this_thread"))
    return "std::this_thread::sleep_for";
  if (symbol == "_ZNSt6locale6globalERKS_")
    return "std::locale::global";
  return {};
}

} // namespace

std::span<const import_rule> import_rules() {
  static const auto sorted = [] {
    std::vector<import_rule> out;
    for (const auto& g : groups())
      for (const auto symbol : g.symbols)
        out.push_back({symbol, shown(symbol), g.agents_only, g.reason});
    std::sort(out.begin(), out.end(),
              [](const auto& a, const auto& b) { return a.symbol < b.symbol; });
    return out;
  }();
  return sorted;
}

const import_rule* forbidden_import(std::string_view symbol, bool holds_agent) {
  const auto all = import_rules();
  const auto it = std::lower_bound(
      all.begin(), all.end(), symbol,
      [](const import_rule& r, std::string_view s) { return r.symbol < s; });
  if (it == all.end() || it->symbol != symbol || (it->agents_only && !holds_agent))
    return nullptr;
  return &*it;
}

} // namespace crossdock::manifest
