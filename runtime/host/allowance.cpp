#include "host/allowance.hpp"

#include <algorithm>

namespace crossdock::host {

void allowance::grow(clock::time_point now) {
  const auto passed = std::chrono::duration<double>(now - counted_).count();
  left_ = std::min(most_, left_ + per_s_ * std::max(passed, 0.0));
  counted_ = std::max(counted_, now);
}

bool allowance::take(double cost, clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (per_s_ == 0) {
    return false;
  }
  grow(now);
  const bool had = left_ >= 0;
  left_ -= cost;
  return had && left_ < 0;
}

bool allowance::try_take(double cost, clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (per_s_ == 0) {
    return true;
  }
  grow(now);
  if (left_ < 0) {
    return false;
  }
  left_ -= cost;
  return true;
}

std::chrono::milliseconds allowance::owed(clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (per_s_ == 0) {
    return std::chrono::milliseconds(0);
  }
  grow(now);
  if (left_ >= 0) {
    return std::chrono::milliseconds(0);
  }
  return std::chrono::ceil<std::chrono::milliseconds>(
      std::chrono::duration<double>(-left_ / per_s_));
}

} // namespace crossdock::host
