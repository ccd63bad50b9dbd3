#include "host/sightings.hpp"

namespace crossdock::host {

std::uint64_t sightings::note(const std::string& what) {
  constexpr std::size_t things_max = 200;
  const std::lock_guard lock(mutex_);
  auto it = times_.find(what);
  if (it == times_.end()) {
    it = times_.try_emplace(times_.size() < things_max ? what : std::string()).first;
  }
  const auto times = ++it->second;
  auto power = times;
  while (power % 10 == 0) {
    power /= 10;
  }
  return power == 1 ? times : 0;
}

} // namespace crossdock::host
