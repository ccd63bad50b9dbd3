/// What time it is in each system of record, learned from its own answers.
#pragma once

#include "base/clock.hpp"

#include <map>
#include <mutex>
#include <string>

namespace crossdock {

/// A fact's age is judged by the clock of the system that gave it: an ERP whose clock is off,
/// lives in another day (a simulation, a restored backup) or runs ahead does not make its facts
/// look fresh or stale. Thread-safe.
class system_clocks {
public:
  /// An answer of `system`, received at `received`, said that it was `as_of` there.
  void observe(const std::string& system, timestamp as_of, timestamp received) {
    const std::lock_guard lock(mutex_);
    ahead_[system] = as_of - received;
  }

  /// The time there when it is `now` here; `now` for a system that never answered.
  timestamp there(const std::string& system, timestamp now) const {
    const std::lock_guard lock(mutex_);
    const auto it = ahead_.find(system);
    return it == ahead_.end() ? now : now + it->second;
  }

private:
  mutable std::mutex mutex_;
  std::map<std::string, std::chrono::microseconds> ahead_;
};

} // namespace crossdock
