/// What runs a component's code: the scheduler's thread or a thread of its own.
#pragma once

#include <functional>
#include <memory>

namespace crossdock::host {

class executor {
public:
  virtual ~executor() = default;
  /// Runs `work` after everything handed in before it. Inline for the scheduled executor.
  virtual void run(std::function<void()> work) = 0;
  /// Gives up a thread that hangs: it may finish or never, nobody waits for it.
  virtual void abandon() = 0;
  /// Runs what was handed in, then `last`, and ends by itself: nobody waits. Nothing may be
  /// handed in afterwards.
  virtual void finish(std::function<void()> last) = 0;
};

std::unique_ptr<executor> make_scheduled_executor();
std::unique_ptr<executor> make_thread_executor(const std::string& name);

} // namespace crossdock::host
