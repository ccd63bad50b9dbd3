#include "host/child/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <utility>

#ifndef P_PIDFD
#define P_PIDFD static_cast<idtype_t>(3)
#endif

namespace crossdock::host::child {
namespace {

namespace fs = std::filesystem;

error failed(const char* what, int number = errno) {
  return error(errc::io, std::string(what) + ": " + std::strerror(number));
}

/// Above the numbers that the child gets, so that moving one there overwrites no other.
int lifted(int descriptor) {
  const int high = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 64);
  const int why = errno;
  ::close(descriptor);
  errno = why;
  return high;
}

struct ends {
  int here = -1;
  int there = -1;
};

void close_all(std::initializer_list<int> descriptors) {
  for (const int d : descriptors) {
    if (d >= 0) {
      ::close(d);
    }
  }
}

bool make_pair(ends& e) {
  int two[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, two) != 0) {
    return false;
  }
  e.here = two[0];
  e.there = lifted(two[1]);
  return e.there >= 0;
}

} // namespace

result<fs::path> find_program(const fs::path& configured) {
  std::error_code failure;
  if (!configured.empty()) {
    if (fs::exists(configured, failure)) {
      return configured;
    }
    return error(errc::not_found,
                 "there is no such program to run plugins in a process of their own")
        .at("file", configured.string());
  }
  const auto here = fs::read_symlink("/proc/self/exe", failure).parent_path();
  for (const auto& candidate : {here / "crossdock-plugin-host",
                                here / "../libexec/crossdock/crossdock-plugin-host"}) {
    if (fs::exists(candidate, failure)) {
      return candidate.lexically_normal();
    }
  }
  return error(errc::not_found, "the program that runs plugins in a process of their "
                                "own, crossdock-plugin-host, is "
                                "neither beside this program nor in ../libexec/crossdock")
      .at("folder", here.string());
}

result<process> process::start(const fs::path& program, int plugin) {
  ends step;
  ends any;
  int output[2] = {-1, -1};
  const auto give_up = [&](const char* what, int number) {
    close_all({step.here, step.there, any.here, any.there, output[0], output[1]});
    return failed(what, number);
  };
  if (!make_pair(step) || !make_pair(any) ||
      ::pipe2(output, O_CLOEXEC | O_NONBLOCK) != 0) {
    return give_up("no channel to a new process", errno);
  }
  output[1] = lifted(output[1]);
  const int file = ::fcntl(plugin, F_DUPFD_CLOEXEC, 64);
  const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  const int null = nothing < 0 ? -1 : lifted(nothing);

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  const std::array<std::pair<int, int>, 6> places = {{{null, 0},
                                                      {output[1], 1},
                                                      {output[1], 2},
                                                      {step.there, step_descriptor},
                                                      {any.there, any_descriptor},
                                                      {file, plugin_descriptor}}};
  for (const auto& [from, to] : places) {
    ::posix_spawn_file_actions_adddup2(&actions, from, to);
  }
  ::posix_spawn_file_actions_addclosefrom_np(&actions, plugin_descriptor + 1);
  sigset_t none;
  sigset_t all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  ::posix_spawnattr_setpgroup(&attributes,
                              0); // Ctrl-C is for the node, which ends it in order
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETPGROUP);
  auto name = program.filename().string();
  char* arguments[] = {name.data(), nullptr};
  char* environment[] = {nullptr};
  process out;
  const int r = ::posix_spawn(&out.id_, program.c_str(), &actions, &attributes, arguments,
                              environment);
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  close_all({step.there, any.there, output[1], file, null});
  step.there = any.there = output[1] = -1;
  if (r != 0) {
    out.id_ = -1;
    return give_up("the program that runs plugins cannot be started", r);
  }
  out.step_ = step.here;
  out.any_ = any.here;
  out.output_ = output[0];
  // Nobody else waits for it, so the number cannot belong to another process yet.
  out.pidfd_ = static_cast<int>(::syscall(SYS_pidfd_open, out.id_, 0));
  if (out.pidfd_ < 0) {
    const int why = errno;
    ::kill(out.id_, SIGKILL);
    ::waitpid(out.id_, nullptr, 0);
    out.id_ = -1;
    return failed("a new process cannot be watched", why);
  }
  return out;
}

process::process(process&& other) noexcept
    : id_(std::exchange(other.id_, -1)), pidfd_(std::exchange(other.pidfd_, -1)),
      step_(std::exchange(other.step_, -1)), any_(std::exchange(other.any_, -1)),
      output_(std::exchange(other.output_, -1)), mutex_(std::move(other.mutex_)),
      end_(std::move(other.end_)) {}

process::~process() {
  if (pidfd_ >= 0) {
    kill();
    how_it_ended(-1);
  }
  close_all({step_, any_, output_, pidfd_});
}

void process::kill() const {
  if (pidfd_ >= 0) { // of the process itself, whatever became of its number
    ::syscall(SYS_pidfd_send_signal, pidfd_, SIGKILL, nullptr, 0);
  }
}

void process::demote() const {
  const std::lock_guard lock(*mutex_);
  if (pidfd_ < 0 || !end_.empty()) {
    return;
  }
  std::error_code failure;
  const sched_param none{};
  for (const auto& task :
       fs::directory_iterator("/proc/" + std::to_string(id_) + "/task", failure)) {
    ::sched_setscheduler(std::atoi(task.path().filename().c_str()), SCHED_IDLE, &none);
  }
}

std::chrono::nanoseconds process::waited_to_run() const {
  // "run_ns wait_ns slices" (Documentation/scheduler/sched-stats.rst).
  std::ifstream file("/proc/" + std::to_string(id_) + "/schedstat");
  std::uint64_t ran = 0;
  std::uint64_t waited = 0;
  return file >> ran >> waited ? std::chrono::nanoseconds(waited) : std::chrono::nanoseconds(0);
}

std::string process::how_it_ended(int wait_ms) {
  if (pidfd_ < 0) {
    return {};
  }
  pollfd p{pidfd_, POLLIN, 0};
  int n = 0;
  while ((n = ::poll(&p, 1, wait_ms)) < 0 && errno == EINTR) {
  }
  const std::lock_guard lock(*mutex_);
  siginfo_t info{};
  if (!end_.empty() || n <= 0 ||
      ::waitid(P_PIDFD, static_cast<id_t>(pidfd_), &info, WEXITED) != 0) {
    return end_;
  }
  if (info.si_code == CLD_EXITED) {
    end_ = "ended itself with code " + std::to_string(info.si_status);
  } else {
    const char* abbreviation = ::sigabbrev_np(info.si_status);
    end_ = "ended by " +
           (abbreviation == nullptr ? "signal " + std::to_string(info.si_status)
                                    : "SIG" + std::string(abbreviation)) +
           " (" + ::strsignal(info.si_status) + ")";
  }
  return end_;
}

} // namespace crossdock::host::child
