/// When to order: demand over a lead time, the stock that covers it with a given cycle
/// service level, and which distribution suits which class of item.
/// All demand in units; demand and lead time share one time unit.
#pragma once

#include "planning/demand.hpp"
#include "planning/distributions.hpp"
#include "planning/outcome.hpp"

#include <string>
#include <vector>

namespace crossdock::planning {

// -- demand over a lead time ------------------------------------------------------------
struct lead_time_demand {
  double mean;     ///< Units.
  double variance; ///< Units^2.
};

/// E = d E[L], Var = E[L] Var(d) + d^2 Var(L) (Eppen & Martin 1988), for demand that is
/// independent from day to day and of the lead time. Use the variance of the forecast
/// error where there is a forecast. Valid: all >= 0.
outcome<lead_time_demand> demand_over_lead_time(double demand_mean,
                                                double demand_variance,
                                                double lead_time_mean,
                                                double lead_time_variance);

// -- one formula each -------------------------------------------------------------------
struct normal_reorder_point {
  double z;
  double sigma_ltd;    ///< Standard deviation of demand over the lead time, units.
  double safety_stock; ///< z * sigma_ltd, units; negative below 50 % service.
  double reorder_point;
};

/// Normal lead-time demand. Below about 70 % cycle service the normal approximation
/// misjudges lead-time variability (Chopra, Reinhardt & Dada 2004): prefer the gamma.
/// Valid: means and deviations >= 0, 0 < cycle_service_level < 1.
outcome<normal_reorder_point>
safety_stock_reorder_point(double demand_mean, double demand_sd, double lead_time_mean,
                           double lead_time_sd, double cycle_service_level);

struct gamma_reorder_point {
  double shape;
  double scale;
  double reorder_point;
};

/// Gamma lead-time demand (Burgin 1975). Valid: mean > 0, sd > 0, 0 < service < 1.
outcome<gamma_reorder_point> reorder_point_gamma_ltd(double ltd_mean, double ltd_sd,
                                                     double cycle_service_level);

struct negative_binomial_reorder_point {
  double n; ///< Successes, not necessarily whole.
  double p; ///< Probability of a success.
  double reorder_point;
};

/// Negative binomial lead-time demand (Syntetos & Boylan): the smallest whole r with
/// P(demand <= r) >= service. Valid: mean > 0, variance > mean, 0 < service < 1.
outcome<negative_binomial_reorder_point>
reorder_point_negbin_ltd(double ltd_mean, double ltd_variance,
                         double cycle_service_level);

struct base_stock_service {
  double fill_rate; ///< Share of units served at once.
  double expected_backorders;
  double expected_on_hand;
};

/// One-for-one replenishment of a slow mover, continuous review, Poisson demand (Palm;
/// Sherbrooke 1968): what a base stock of S gives. Valid: rate > 0, lead time > 0, S a
/// whole number >= 0.
outcome<base_stock_service>
base_stock_poisson_service(double demand_rate, double lead_time, double base_stock_level);

// -- the one that suits the item --------------------------------------------------------
struct chosen_family {
  demand_family family;
  std::string reason; ///< One clause, fit for a rationale.
};

/// Gamma for smooth and erratic items, negative binomial for lumpy and intermittent ones,
/// Poisson where the variance does not exceed the mean by more than a tenth (units taken
/// one by one), certain where there is no spread. Valid: mean >= 0, variance >= 0.
outcome<chosen_family> choose_family(demand_class demand, double ltd_mean,
                                     double ltd_variance);

struct class_reorder_point {
  demand_distribution demand; ///< Over the lead time.
  double reorder_point;       ///< Units; whole for discrete families.
  double safety_stock;        ///< reorder_point - mean of the demand.
  std::string reason;         ///< Why this distribution.
};

/// The reorder point with the distribution of choose_family().
outcome<class_reorder_point> reorder_point_for(demand_class demand,
                                               const lead_time_demand& ltd,
                                               double cycle_service_level);

// -- what a site must keep --------------------------------------------------------------
/// Something on its way to the site.
struct refill {
  double days;     ///< From now until it is surely there, >= 0.
  double quantity; ///< Units, >= 0.
};

struct stock_to_keep {
  double units;      ///< On the shelf now; never negative.
  double until_days; ///< End of the stretch that asks for the most.
  double demand;     ///< Demand of that stretch at the service level, units.
  double inbound;    ///< Of it, served by what arrives before its end, units.
};

/// The stock that a site needs now to serve its own customers until it is refilled, with
/// probability `cycle_service_level` on each stretch: until each refill what it has and
/// what came before must last, and over a whole lead time (the soonest that a new order
/// can help) what is on its way counts too. Without refills this is the reorder point; a
/// reorder point compares with stock *and* orders under way, not with the shelf alone.
/// Valid: as demand_over_lead_time() and reorder_point_for(); refills in any order.
outcome<stock_to_keep> stock_until_refilled(demand_class demand, double demand_mean,
                                            double demand_variance, double lead_time_mean,
                                            double lead_time_variance,
                                            std::vector<refill> refills,
                                            double cycle_service_level);

} // namespace crossdock::planning
