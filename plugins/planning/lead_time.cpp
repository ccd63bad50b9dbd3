#include "planning/lead_time.hpp"

#include "planning/checks.hpp"
#include "planning/distributions.hpp"

#include <algorithm>
#include <cmath>

namespace crossdock::planning {

namespace {

struct observation {
  double time;
  bool completed;
};

// P(delay <= d | delay > known), empty without anyone who was that late.
std::optional<double> arrived_given_open(const survival_curve& curve, double known,
                                         double d) {
  const double still_open = survival_at(curve, known);
  if (at_risk_after(curve, known) == 0 || still_open <= 0)
    return std::nullopt;
  return 1 - survival_at(curve, std::max(known, d)) / still_open;
}

} // namespace

// -- survival ---------------------------------------------------------------------------
outcome<survival_curve> kaplan_meier(const std::vector<double>& times,
                                     const std::vector<bool>& event) {
  if (auto wrong =
          checks()
              .that(!times.empty(), "times", "must have at least one observation")
              .all_finite("times", times)
              .same_length("event", event.size(), times.size())
              .failure())
    return *wrong;

  std::vector<observation> sorted;
  for (std::size_t i = 0; i < times.size(); ++i)
    sorted.push_back({times[i], event[i]});
  std::sort(sorted.begin(), sorted.end(),
            [](const observation& a, const observation& b) { return a.time < b.time; });

  survival_curve curve;
  curve.n_samples = sorted.size();
  double survival = 1;
  for (std::size_t first = 0; first < sorted.size();) {
    std::size_t next = first;
    std::size_t completed = 0;
    for (; next < sorted.size() && sorted[next].time == sorted[first].time; ++next)
      completed += sorted[next].completed ? 1 : 0;
    const std::size_t at_risk = sorted.size() - first;
    survival *= static_cast<double>(at_risk - completed) / static_cast<double>(at_risk);
    curve.time.push_back(sorted[first].time);
    curve.survival.push_back(survival);
    curve.at_risk.push_back(at_risk);
    curve.n_events += completed;
    first = next;
  }
  return curve;
}

double survival_at(const survival_curve& curve, double t) {
  const auto after = std::upper_bound(curve.time.begin(), curve.time.end(), t);
  if (after == curve.time.begin())
    return 1;
  return curve.survival[static_cast<std::size_t>(after - curve.time.begin()) - 1];
}

std::size_t at_risk_after(const survival_curve& curve, double t) {
  const auto after = std::upper_bound(curve.time.begin(), curve.time.end(), t);
  if (after == curve.time.end())
    return 0;
  return curve.at_risk[static_cast<std::size_t>(after - curve.time.begin())];
}

outcome<double> conditional_late_probability_km(const std::vector<double>& times,
                                                const std::vector<bool>& event,
                                                double elapsed, double promised) {
  if (auto wrong =
          checks().finite("elapsed", elapsed).finite("promised", promised).failure())
    return *wrong;
  const auto curve = kaplan_meier(times, event);
  if (!curve)
    return curve.error();
  if (promised <= elapsed)
    return 1.0;
  const auto arrived = arrived_given_open(*curve, elapsed, promised);
  if (!arrived)
    return domain_error{"elapsed", "no observation lasted longer than this"};
  return 1 - *arrived;
}

outcome<lognormal_lateness> late_probability_lognormal(double mu, double sigma,
                                                       double elapsed, double promised) {
  if (auto wrong = checks()
                       .finite("mu", mu)
                       .positive("sigma", sigma)
                       .not_negative("elapsed", elapsed)
                       .not_negative("promised", promised)
                       .failure())
    return *wrong;
  const auto survival = [&](double t) {
    return t <= 0 ? 1.0 : normal_above((std::log(t) - mu) / sigma);
  };
  const double still_open = survival(elapsed);
  if (still_open <= 0)
    return domain_error{"elapsed", "lies beyond the range of this lead time"};
  constexpr double z90 = 1.2815515655446004; // 90 % quantile of the standard normal
  return lognormal_lateness{promised <= elapsed ? 1.0 : survival(promised) / still_open,
                            std::exp(mu + sigma * sigma / 2), std::exp(mu + z90 * sigma)};
}

// -- rates and pooling ------------------------------------------------------------------
outcome<rate_interval> on_time_rate_wilson(std::size_t on_time, std::size_t total,
                                           double z) {
  if (auto wrong = checks()
                       .that(total >= 1, "total", "must be at least 1")
                       .that(on_time <= total, "on_time", "must not exceed total")
                       .positive("z", z)
                       .failure())
    return *wrong;
  const auto n = static_cast<double>(total);
  const double rate = static_cast<double>(on_time) / n;
  const double scale = 1 + z * z / n;
  const double centre = (rate + z * z / (2 * n)) / scale;
  const double half = z * std::sqrt(rate * (1 - rate) / n + z * z / (4 * n * n)) / scale;
  return rate_interval{rate, on_time == 0 ? 0.0 : std::max(0.0, centre - half),
                       on_time == total ? 1.0 : std::min(1.0, centre + half)};
}

outcome<double> pool_toward_group(double own, double n, double group, double k) {
  if (auto wrong = checks()
                       .finite("own", own)
                       .not_negative("n", n)
                       .finite("group", group)
                       .not_negative("k", k)
                       .that(n + k > 0, "n", "n and k must not both be 0")
                       .failure())
    return *wrong;
  return (n * own + k * group) / (n + k);
}

// -- will it be here by then? -----------------------------------------------------------
outcome<survival_curve> delay_curve(const std::vector<delivery>& deliveries,
                                    day_number as_of) {
  if (deliveries.empty())
    return domain_error{"deliveries", "must have at least one delivery"};
  std::vector<double> delays;
  std::vector<bool> received;
  for (const auto& d : deliveries) {
    const bool known = d.received && *d.received < as_of;
    // Open at the start of as_of: it had not come by the end of the day before.
    delays.push_back(known ? *d.received - d.promised : as_of - 1 - d.promised);
    received.push_back(known);
  }
  return kaplan_meier(delays, received);
}

outcome<arrival_estimate> arrival_probability(const survival_curve& own,
                                              const survival_curve& group,
                                              day_number promised, day_number by,
                                              day_number as_of, double k) {
  if (auto wrong = checks().not_negative("k", k).failure())
    return *wrong;
  const double known_delay = as_of - 1 - promised;
  const double asked_delay = by - promised;
  const auto from_own = arrived_given_open(own, known_delay, asked_delay);
  const auto from_group = arrived_given_open(group, known_delay, asked_delay);
  if (!from_own && !from_group)
    return domain_error{"history", "no past receipt was this late and still came"};

  const std::size_t own_n = at_risk_after(own, known_delay);
  arrival_estimate estimate{0, own_n, at_risk_after(group, known_delay), from_own};
  if (by < as_of)
    return estimate;
  if (!from_group)
    estimate.probability = *from_own;
  else if (!from_own)
    estimate.probability = *from_group;
  else
    estimate.probability = (static_cast<double>(own_n) * *from_own + k * *from_group) /
                           (static_cast<double>(own_n) + k);
  return estimate;
}

outcome<std::vector<arrival_step>> arrival_steps(const survival_curve& own,
                                                 const survival_curve& group,
                                                 day_number promised, day_number as_of,
                                                 int horizon_days, double k) {
  if (auto wrong = checks()
                       .that(horizon_days >= 1 && horizon_days <= projection_days_max,
                             "horizon_days", "must be 1 to 3660 days")
                       .failure())
    return *wrong;
  std::vector<arrival_step> steps;
  double reached = 0;
  for (int i = 0; i < horizon_days; ++i) {
    const auto estimate = arrival_probability(own, group, promised, as_of + i, as_of, k);
    if (!estimate)
      return estimate.error();
    if (steps.empty() || estimate->probability > reached)
      steps.push_back({as_of + i, std::clamp(estimate->probability, reached, 1.0)});
    reached = steps.back().probability;
  }
  return steps;
}

// -- on the road ------------------------------------------------------------------------
outcome<arrival_update> eta_update(double prior_remaining_hours_mean, double prior_sd,
                                   double observed_delay_hours, double delay_carryover,
                                   double deadline_hours) {
  if (auto wrong = checks()
                       .finite("prior_remaining_hours_mean", prior_remaining_hours_mean)
                       .positive("prior_sd", prior_sd)
                       .finite("observed_delay_hours", observed_delay_hours)
                       .probability("delay_carryover", delay_carryover)
                       .finite("deadline_hours", deadline_hours)
                       .failure())
    return *wrong;
  const double mean = prior_remaining_hours_mean + delay_carryover * observed_delay_hours;
  return arrival_update{mean, normal_above((deadline_hours - mean) / prior_sd)};
}

} // namespace crossdock::planning
