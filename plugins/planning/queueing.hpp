/// Waiting for people: a service desk as an M/M/N queue.
#pragma once

#include "planning/outcome.hpp"

namespace crossdock::planning {

/// Most agents that erlang_c() takes: its work grows with them.
constexpr double agents_max = 1'000'000;

struct desk_service {
  double offered_load_erlangs; ///< Arrivals per handling time.
  double p_wait;               ///< Probability that a case finds everybody busy.
  double service_level;        ///< Share answered within the target time.
  double asa_minutes;          ///< Average speed of answer: mean wait of all cases.
};

/// Erlang C (Erlang 1917): Poisson arrivals, exponential handling, nobody gives up.
/// Valid: arrivals and handling > 0, target >= 0, a whole number of agents above the
/// offered load (otherwise the queue grows without end), at most agents_max.
outcome<desk_service> erlang_c(double arrivals_per_hour, double handle_minutes,
                               double agents, double target_minutes);

} // namespace crossdock::planning
