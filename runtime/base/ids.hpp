/// Time-ordered identifiers: ULIDs, 26 characters of Crockford's base 32.
#pragma once

#include "base/clock.hpp"

#include <memory>
#include <mutex>
#include <string>

namespace crossdock {

/// Hands out ids that sort by the time they were made and, within a millisecond, by order.
/// Safe from any thread.
class id_source {
public:
  id_source(std::shared_ptr<const clock> time, std::shared_ptr<random_source> random);
  std::string next();

private:
  std::mutex mutex_;
  std::shared_ptr<const clock> clock_;
  std::shared_ptr<random_source> random_;
  std::uint64_t last_ms_ = 0;
  std::uint64_t high_ = 0; ///< upper 16 of the 80 random bits
  std::uint64_t low_ = 0;  ///< lower 64
};

} // namespace crossdock
