/// A child process that runs one instance: started, watched, ended. No other code starts
/// it.
#pragma once

#include "base/error.hpp"

#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>

#include <sys/types.h>

namespace crossdock::host::child {

/// Descriptors that the child finds: 0 nothing, 1 and 2 a pipe, then these.
constexpr int step_descriptor = 3;
constexpr int any_descriptor = 4;
constexpr int plugin_descriptor = 5;

/// Owns the process and the descriptors. kill(), demote() and how_it_ended() from any
/// thread. When the thread that started it ends, so does it.
class process {
public:
  /// Starts `program` without environment and without any descriptor but its own;
  /// `plugin` is the sealed plugin file. Errors: not_found (no such program), io.
  static result<process> start(const std::filesystem::path& program, int plugin);
  process(process&& other) noexcept;
  process& operator=(process&&) = delete;
  /// Kills it, if it is still there.
  ~process();

  int step() const { return step_; }
  int any() const { return any_; }
  int output() const { return output_; } ///< what it prints; never blocks
  int watched() const { return pidfd_; } ///< readable once it ended
  pid_t id() const { return id_; }

  void kill() const;
  /// From now on it runs only when nothing else wants the processor (SCHED_IDLE): what
  /// the node wakes up for takes its place at once.
  void demote() const;
  /// How long its main thread was ready to run and did not get a processor, since its
  /// start; zero if the kernel does not say (CONFIG_SCHED_INFO).
  std::chrono::nanoseconds waited_to_run() const;
  /// Waits for its end, at most this long; "ended by SIGSEGV (Segmentation fault)",
  /// "ended itself with code 3"; empty while it runs. The answer stays the same.
  std::string how_it_ended(int wait_ms);

private:
  process() = default;
  pid_t id_ = -1;
  int pidfd_ = -1;
  int step_ = -1;
  int any_ = -1;
  int output_ = -1;
  /// Guards `end_`: while it is empty, the process was not waited for and its number is
  /// its own.
  std::unique_ptr<std::mutex> mutex_ = std::make_unique<std::mutex>();
  std::string end_;
};

/// `crossdock-plugin-host` beside this program, or in ../libexec/crossdock. Errors:
/// not_found.
result<std::filesystem::path> find_program(const std::filesystem::path& configured);

} // namespace crossdock::host::child
