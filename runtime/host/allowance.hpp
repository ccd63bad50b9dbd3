/// What a component may cause over time.
#pragma once

#include <chrono>
#include <mutex>

namespace crossdock::host {

/// A token bucket that may be overdrawn once: what a step costs is known only when it is
/// over, so it is taken then, and nothing more happens until the debt is paid.
/// Thread-safe.
class allowance {
public:
  using clock = std::chrono::steady_clock;

  /// `per_s` 0: no limit. It starts full and holds at most `most`.
  allowance(double per_s, double most, clock::time_point now)
      : per_s_(per_s), most_(most), left_(most), counted_(now) {}

  /// True if this is what overdrew it.
  bool take(double cost, clock::time_point now);
  /// Takes it if nothing is owed; false, and takes nothing, otherwise.
  bool try_take(double cost, clock::time_point now);
  /// Until nothing is owed any more; zero if nothing is.
  std::chrono::milliseconds owed(clock::time_point now);

private:
  void grow(clock::time_point now);

  std::mutex mutex_;
  double per_s_;
  double most_;
  double left_;
  clock::time_point counted_;
};

} // namespace crossdock::host
