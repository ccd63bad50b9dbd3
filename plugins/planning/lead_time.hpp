/// How long suppliers take, learnt from receipts including the ones still open. An open
/// order is a right-censored observation: it has taken at least so long. Leaving it out
/// makes lead times look too short.
#pragma once

#include "planning/dates.hpp"
#include "planning/projection.hpp"

#include <cstddef>
#include <optional>
#include <vector>

namespace crossdock::planning {

// -- survival ---------------------------------------------------------------------------
/// P(L > t) as a falling step function, and how many observations carry it.
struct survival_curve {
  std::vector<double> time;         ///< Distinct observed times, rising.
  std::vector<double> survival;     ///< P(L > time[i]), in [0, 1], never rising.
  std::vector<std::size_t> at_risk; ///< Observations with time >= time[i].
  std::size_t n_samples = 0;
  std::size_t n_events = 0; ///< Completed; the rest is censored.
};

/// Kaplan & Meier (1958). `event[i]` is true for a completed observation, false for one
/// still open at `times[i]`. Times may be negative (delays against a promise). At equal
/// times the completed come before the censored.
/// Valid: at least one observation, equally many events.
outcome<survival_curve> kaplan_meier(const std::vector<double>& times,
                                     const std::vector<bool>& event);

/// P(L > t): 1 before the first time, the last value after the last one (so a curve whose
/// longest observation is open never reaches 0).
double survival_at(const survival_curve& curve, double t);

/// Observations known to exceed t: the evidence behind survival beyond it.
std::size_t at_risk_after(const survival_curve& curve, double t);

/// P(L > promised | L > elapsed) = S(promised) / S(elapsed). Same unit as the times.
/// 1 when promised <= elapsed. Error "elapsed": no observation lasted that long.
outcome<double> conditional_late_probability_km(const std::vector<double>& times,
                                                const std::vector<bool>& event,
                                                double elapsed, double promised);

struct lognormal_lateness {
  double p_late; ///< P(L > promised | L > elapsed).
  double mean;   ///< E[L] at the order date: not conditioned on `elapsed`.
  double p90;    ///< 90 % quantile of L at the order date.
};

/// The same for a lognormal lead time (ln L has mean `mu`, standard deviation `sigma`):
/// the fallback where there is too little history. Valid: sigma > 0, elapsed >= 0,
/// promised >= 0. Error "elapsed": beyond anything the distribution holds possible.
outcome<lognormal_lateness> late_probability_lognormal(double mu, double sigma,
                                                       double elapsed, double promised);

// -- rates and pooling ------------------------------------------------------------------
struct rate_interval {
  double rate;  ///< on_time / total.
  double lower; ///< Rank suppliers by this, so that 2 of 2 does not beat 97 of 100.
  double upper;
};

/// Wilson score interval (Wilson 1927; Newcombe 1998 method 3). z = 1.959964 is 95 %
/// two-sided. Valid: total >= 1, on_time <= total, z > 0.
outcome<rate_interval> on_time_rate_wilson(std::size_t on_time, std::size_t total,
                                           double z = 1.959964);

/// Weight of the group in partial pooling, in observations.
constexpr double pooling_strength = 8;

/// (n * own + k * group) / (n + k): a supplier with little history is taken for an
/// average one of its group. Valid: k >= 0, and n + k > 0.
outcome<double> pool_toward_group(double own, double n, double group,
                                  double k = pooling_strength);

// -- will it be here by then? -----------------------------------------------------------
/// One order line of the past or still open.
struct delivery {
  day_number promised;
  std::optional<day_number> received;
};

/// Delays in days (received - promised; early is negative) as known at the start of
/// `as_of`: lines received on or after `as_of` count as still open, so a backtest cannot
/// see the future. Error "deliveries": none given.
outcome<survival_curve> delay_curve(const std::vector<delivery>& deliveries,
                                    day_number as_of);

/// A probability and what it rests on.
struct arrival_estimate {
  double probability;        ///< P(arrived by the day asked for).
  std::size_t own_at_risk;   ///< Deliveries of this supplier that were as late as this.
  std::size_t group_at_risk; ///< The same for its group.
  std::optional<double> own_only; ///< Before pooling; empty without own evidence.
};

/// P(a receipt promised for `promised`, not here at the start of `as_of`, arrives by the
/// end of `by`), from the supplier's own delays pooled toward its group (weight `k`). 0
/// when `by` lies before `as_of`. The group should contain the supplier's own history or
/// its peers'; pass an empty curve where there is none. Error "history": neither ever saw
/// a receipt this late, so nothing can be said.
outcome<arrival_estimate> arrival_probability(const survival_curve& own,
                                              const survival_curve& group,
                                              day_number promised, day_number by,
                                              day_number as_of,
                                              double k = pooling_strength);

/// arrival_probability() for each of `horizon_days` days from `as_of`, as a projection
/// wants it: only days on which the probability rises, never falling. Valid: 1 to
/// projection_days_max days.
outcome<std::vector<arrival_step>>
arrival_steps(const survival_curve& own, const survival_curve& group, day_number promised,
              day_number as_of, int horizon_days, double k = pooling_strength);

// -- on the road ------------------------------------------------------------------------
struct arrival_update {
  double mean;   ///< Hours from the moment of the observation.
  double p_late; ///< P(arrival after the deadline).
};

/// Normal update of a remaining transit time after a delay was seen: mean = prior +
/// carryover * delay (the rest is made up on the way); the spread stays. Hours. Valid:
/// prior_sd > 0, 0 <= delay_carryover <= 1, the rest finite (a negative delay is early).
outcome<arrival_update> eta_update(double prior_remaining_hours_mean, double prior_sd,
                                   double observed_delay_hours, double delay_carryover,
                                   double deadline_hours);

} // namespace crossdock::planning
