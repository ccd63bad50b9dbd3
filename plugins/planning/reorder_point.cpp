#include "planning/reorder_point.hpp"

#include "planning/checks.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

namespace crossdock::planning {

// -- demand over a lead time ------------------------------------------------------------
outcome<lead_time_demand> demand_over_lead_time(double demand_mean,
                                                double demand_variance,
                                                double lead_time_mean,
                                                double lead_time_variance) {
  if (auto wrong = checks()
                       .not_negative("demand_mean", demand_mean)
                       .not_negative("demand_variance", demand_variance)
                       .not_negative("lead_time_mean", lead_time_mean)
                       .not_negative("lead_time_variance", lead_time_variance)
                       .failure())
    return *wrong;
  return lead_time_demand{demand_mean * lead_time_mean,
                          lead_time_mean * demand_variance +
                              demand_mean * demand_mean * lead_time_variance};
}

// -- one formula each -------------------------------------------------------------------
outcome<normal_reorder_point>
safety_stock_reorder_point(double demand_mean, double demand_sd, double lead_time_mean,
                           double lead_time_sd, double cycle_service_level) {
  if (auto wrong = checks()
                       .not_negative("demand_sd", demand_sd)
                       .finite("demand_sd", demand_sd * demand_sd)
                       .not_negative("lead_time_sd", lead_time_sd)
                       .finite("lead_time_sd", lead_time_sd * lead_time_sd)
                       .inside_unit("cycle_service_level", cycle_service_level)
                       .failure())
    return *wrong;
  const auto ltd = demand_over_lead_time(demand_mean, demand_sd * demand_sd,
                                         lead_time_mean, lead_time_sd * lead_time_sd);
  if (!ltd)
    return ltd.error();
  const double z = *normal_quantile(cycle_service_level);
  const double sigma = std::sqrt(ltd->variance);
  return normal_reorder_point{z, sigma, z * sigma, ltd->mean + z * sigma};
}

outcome<gamma_reorder_point> reorder_point_gamma_ltd(double ltd_mean, double ltd_sd,
                                                     double cycle_service_level) {
  if (auto wrong = checks()
                       .positive("ltd_mean", ltd_mean)
                       .positive("ltd_sd", ltd_sd)
                       .finite("ltd_sd", ltd_sd * ltd_sd)
                       .inside_unit("cycle_service_level", cycle_service_level)
                       .failure())
    return *wrong;
  const double variance = ltd_sd * ltd_sd;
  const auto demand = demand_distribution::make(demand_family::gamma, ltd_mean, variance);
  if (!demand)
    return demand.error();
  return gamma_reorder_point{ltd_mean * ltd_mean / variance, variance / ltd_mean,
                             *demand->quantile(cycle_service_level)};
}

outcome<negative_binomial_reorder_point>
reorder_point_negbin_ltd(double ltd_mean, double ltd_variance,
                         double cycle_service_level) {
  if (auto wrong =
          checks()
              .positive("ltd_mean", ltd_mean)
              .that(ltd_mean <= discrete_mean_max, "ltd_mean", discrete_mean_words)
              .inside_unit("cycle_service_level", cycle_service_level)
              .failure())
    return *wrong;
  const auto demand =
      demand_distribution::make(demand_family::negative_binomial, ltd_mean, ltd_variance);
  if (!demand)
    return domain_error{"ltd_variance", demand.error().message};
  return negative_binomial_reorder_point{ltd_mean * ltd_mean / (ltd_variance - ltd_mean),
                                         ltd_mean / ltd_variance,
                                         *demand->quantile(cycle_service_level)};
}

outcome<base_stock_service> base_stock_poisson_service(double demand_rate,
                                                       double lead_time,
                                                       double base_stock_level) {
  if (auto wrong = checks()
                       .positive("demand_rate", demand_rate)
                       .positive("lead_time", lead_time)
                       .not_negative("base_stock_level", base_stock_level)
                       .that(std::floor(base_stock_level) == base_stock_level,
                             "base_stock_level", "must be a whole number")
                       .that(demand_rate * lead_time <= discrete_mean_max, "demand_rate",
                             discrete_mean_words)
                       .failure())
    return *wrong;
  const double mean = demand_rate * lead_time;
  const auto demand = demand_distribution::make(demand_family::poisson, mean, mean);
  if (!demand)
    return demand.error();
  const double backorders = demand->expected_shortage(base_stock_level);
  return base_stock_service{demand->at_most(base_stock_level - 1), backorders,
                            base_stock_level - mean + backorders};
}

// -- the one that suits the item --------------------------------------------------------
outcome<chosen_family> choose_family(demand_class demand, double ltd_mean,
                                     double ltd_variance) {
  if (auto wrong = checks()
                       .not_negative("ltd_mean", ltd_mean)
                       .not_negative("ltd_variance", ltd_variance)
                       .failure())
    return *wrong;
  if (ltd_mean == 0 || ltd_variance == 0)
    return chosen_family{demand_family::certain, "the history shows no spread"};
  if (demand == demand_class::smooth || demand == demand_class::erratic)
    return chosen_family{demand_family::gamma,
                         std::string(to_string(demand)) +
                             " demand is skewed and never negative"};
  // Within a tenth the two cannot be told apart on a year of history (proposal).
  constexpr double poisson_tolerance = 1.1;
  if (ltd_variance <= poisson_tolerance * ltd_mean)
    return chosen_family{demand_family::poisson, "units are taken one by one"};
  return chosen_family{demand_family::negative_binomial,
                       std::string(to_string(demand)) +
                           " demand varies more than its mean"};
}

outcome<class_reorder_point> reorder_point_for(demand_class demand,
                                               const lead_time_demand& ltd,
                                               double cycle_service_level) {
  const auto chosen = choose_family(demand, ltd.mean, ltd.variance);
  if (!chosen)
    return chosen.error();
  const auto distribution =
      demand_distribution::make(chosen->family, ltd.mean, ltd.variance);
  if (!distribution)
    return distribution.error();
  const auto level = distribution->quantile(cycle_service_level);
  if (!level)
    return domain_error{"cycle_service_level", level.error().message};
  return class_reorder_point{*distribution, *level, *level - distribution->mean(),
                             chosen->reason};
}

// -- what a site must keep --------------------------------------------------------------
outcome<stock_to_keep> stock_until_refilled(demand_class demand, double demand_mean,
                                            double demand_variance, double lead_time_mean,
                                            double lead_time_variance,
                                            std::vector<refill> refills,
                                            double cycle_service_level) {
  for (const auto& r : refills)
    if (auto wrong = checks()
                         .not_negative("refills.days", r.days)
                         .not_negative("refills.quantity", r.quantity)
                         .failure())
      return *wrong;
  std::sort(refills.begin(), refills.end(),
            [](const refill& a, const refill& b) { return a.days < b.days; });

  stock_to_keep most{0, 0, 0, 0};
  // A refill's own day is sure by the caller's word; only the lead time of an order not
  // placed yet varies.
  const auto consider = [&](double days, double variance,
                            double inbound) -> std::optional<domain_error> {
    const auto ltd = demand_over_lead_time(demand_mean, demand_variance, days, variance);
    if (!ltd)
      return ltd.error();
    const auto level = reorder_point_for(demand, *ltd, cycle_service_level);
    if (!level)
      return level.error();
    const double units = level->reorder_point - inbound;
    if (units > most.units)
      most = {units, days, level->reorder_point, inbound};
    return std::nullopt;
  };
  double inbound = 0;
  for (const auto& r : refills) {
    if (r.days >= lead_time_mean)
      break;
    if (auto wrong = consider(r.days, 0, inbound))
      return *wrong;
    inbound += r.quantity;
  }
  if (auto wrong = consider(lead_time_mean, lead_time_variance, inbound))
    return *wrong;
  return most;
}

} // namespace crossdock::planning
