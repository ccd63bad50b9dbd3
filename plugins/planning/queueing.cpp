#include "planning/queueing.hpp"

#include "planning/checks.hpp"

#include <cmath>

namespace crossdock::planning {

outcome<desk_service> erlang_c(double arrivals_per_hour, double handle_minutes,
                               double agents, double target_minutes) {
  const double load = arrivals_per_hour * handle_minutes / 60;
  if (auto wrong =
          checks()
              .positive("arrivals_per_hour", arrivals_per_hour)
              .positive("handle_minutes", handle_minutes)
              .finite("agents", agents)
              .that(agents >= 1 && agents == std::floor(agents) && agents <= agents_max,
                    "agents", "must be a whole number from 1 to 1000000")
              .that(load < agents, "agents",
                    "must exceed the offered load of " + std::to_string(load) +
                        " erlangs, or the queue grows without end")
              .not_negative("target_minutes", target_minutes)
              .failure())
    return *wrong;
  // Erlang B by its recursion, which neither overflows nor cancels; C follows from B.
  double blocked = 1;
  for (double n = 1; n <= agents; ++n)
    blocked = load * blocked / (n + load * blocked);
  const double p_wait = agents * blocked / (agents - load * (1 - blocked));
  const double served = (agents - load) / handle_minutes; // per minute, all busy
  return desk_service{load, p_wait, 1 - p_wait * std::exp(-served * target_minutes),
                      p_wait / served};
}

} // namespace crossdock::planning
