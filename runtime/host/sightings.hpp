/// Counts what happens again and again, so that it can be told without being repeated for
/// ever.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace crossdock::host {

/// Thread-safe. Bounded: beyond 200 different things the rest is counted together.
class sightings {
public:
  /// How often `what` was seen by now, if that is to be told: the first, tenth,
  /// hundredth, ... time. 0: it is not.
  std::uint64_t note(const std::string& what);

private:
  std::mutex mutex_;
  std::map<std::string, std::uint64_t> times_;
};

} // namespace crossdock::host
