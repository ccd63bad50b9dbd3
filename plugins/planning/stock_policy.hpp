/// Stock policies and their exact or approximate optima: newsvendor and base stock,
/// (r, Q), (s, S), (R, S) and type-2 service. Demand in units per period (or year), lead
/// times in the same unit of time, holding and stock-out costs in money per unit and
/// time. Formulas: Snyder & Shen, Fundamentals of Supply Chain Theory 2e, chapters 4 and
/// 5, unless another source is named.
#pragma once

#include "planning/outcome.hpp"

#include <map>

namespace crossdock::planning {

// -- newsvendor and base stock ----------------------------------------------------------
struct base_stock {
  double level; ///< Units to have after ordering; whole for discrete demand.
  double cost;  ///< Expected money per period.
};

/// Normal demand over lead_time + 1 periods: S = mean + z sd with Phi(z) = p / (p + h).
/// lead_time 0 is the newsvendor. Valid: costs and demand_sd > 0, mean and lead_time >=
/// 0.
outcome<base_stock> newsvendor_normal(double holding_cost, double stockout_cost,
                                      double demand_mean, double demand_sd,
                                      double lead_time = 0);

/// Expected cost per period of another level.
outcome<double> newsvendor_normal_cost(double holding_cost, double stockout_cost,
                                       double demand_mean, double demand_sd,
                                       double base_stock_level, double lead_time = 0);

struct newsvendor_profit {
  double level;
  double expected_profit; ///< Money per period.
};

/// With prices instead of costs: critical ratio (r - c + p) / (r - v + h + p).
/// Valid: salvage_value - holding_cost < purchase_cost < revenue + stockout_cost,
/// demand_sd > 0.
outcome<newsvendor_profit>
newsvendor_normal_explicit(double revenue, double purchase_cost, double salvage_value,
                           double demand_mean, double demand_sd, double holding_cost = 0,
                           double stockout_cost = 0, double lead_time = 0);

/// Poisson demand: the smallest S with P(demand over lead_time + 1 <= S) >= p / (p + h).
/// Valid: costs and mean > 0, lead_time >= 0.
outcome<base_stock> newsvendor_poisson(double holding_cost, double stockout_cost,
                                       double demand_mean, double lead_time = 0);

/// Any discrete demand: value -> probability, adding up to 1 (within 1e-6).
outcome<base_stock> newsvendor_discrete(double holding_cost, double stockout_cost,
                                        const std::map<double, double>& demand_pmf);

/// Lognormal demand with ln D ~ N(mu, sigma^2). Valid: costs and sigma > 0.
outcome<base_stock> newsvendor_lognormal(double holding_cost, double stockout_cost,
                                         double mu, double sigma);

/// Certain demand, a supplier that fails with `disruption_prob` per period and comes back
/// with `recovery_prob`: stock for whole periods of disruption (section 9.2).
/// Valid: costs and demand > 0, probabilities strictly inside 0..1.
outcome<base_stock> newsvendor_disruptions(double holding_cost, double stockout_cost,
                                           double demand, double disruption_prob,
                                           double recovery_prob);

// -- (r, Q): order Q when the position falls to r ---------------------------------------
struct rq_demand {
  double mean;      ///< Units per unit of time, > 0.
  double sd;        ///< Of one unit of time, > 0.
  double lead_time; ///< > 0.
};

struct rq_costs {
  double holding;  ///< > 0.
  double stockout; ///< > 0; per unit and time, in rq_eil() per unit.
  double fixed;    ///< Per order, > 0.
};

struct rq_policy {
  double reorder_point;
  double order_quantity;
  double cost; ///< Per unit of time.
};

/// Expected cost of a policy, continuous review, backorders, normal lead-time demand:
/// [K lambda + integral of h E[(y - D)+] + p E[(D - y)+] over r..r+Q] / Q.
outcome<double> rq_cost_normal(const rq_costs& costs, const rq_demand& demand,
                               double reorder_point, double order_quantity);

/// The best reorder point for a given quantity: the one with equal cost rates at r and at
/// r + Q.
outcome<double> rq_optimal_r_for_q(double holding_cost, double stockout_cost,
                                   const rq_demand& demand, double order_quantity);

/// Expected-inventory-level approximation (Hadley & Whitin 1963): r = F^-1(1 - Q h / (p
/// lambda)) and Q = sqrt(2 lambda (K + p n(r)) / h) until neither moves. `cost` is of the
/// approximation. Error "stockout_cost": too low for the iteration to have a solution.
outcome<rq_policy> rq_eil(const rq_costs& costs, const rq_demand& demand);

/// Q of eoq_backorders(), then its best r. `cost` is exact.
outcome<rq_policy> rq_eoqb(const rq_costs& costs, const rq_demand& demand);

/// Q of eoq(), r with cycle service p / (p + h). `cost` is exact.
outcome<rq_policy> rq_eoq_plus_safety_stock(const rq_costs& costs,
                                            const rq_demand& demand);

/// Largest mean demand of a lead time or period that the exact discrete searches take;
/// beyond it the normal forms are the ones to use.
constexpr double exact_demand_max = 20'000;

/// Exact optimum for Poisson demand (Federgruen & Zheng 1992); whole numbers.
/// Valid: all > 0, demand_mean * lead_time <= exact_demand_max.
outcome<rq_policy> rq_poisson_exact(double holding_cost, double stockout_cost,
                                    double fixed_cost, double demand_mean,
                                    double lead_time);

// -- (s, S): order up to S when the position is at or below s
// ----------------------------
struct ss_policy {
  double s;
  double S;
  double cost; ///< Per period; NaN where the approximation has none.
};

/// Exact optimum for Poisson demand, periodic review, no lead time, backorders (Zheng &
/// Federgruen 1991). Valid: costs > 0, 0 < demand_mean <= 1000.
outcome<ss_policy> ss_exact_poisson(double holding_cost, double stockout_cost,
                                    double fixed_cost, double demand_mean);

/// Power approximation (Ehrhardt & Mosier 1984; Snyder & Shen 4.77-4.80), without the cap
/// for small quantities that the 1984 paper adds where Q / mean <= 1.5.
/// Valid: costs, mean and deviation > 0, lead_time >= 0.
outcome<ss_policy> ss_power_approximation(double holding_cost, double stockout_cost,
                                          double fixed_cost, double demand_mean,
                                          double demand_sd, double lead_time = 0);

// -- share of units served at once (type 2) ---------------------------------------------
/// beta = 1 - (sd / Q) [G((r - m) / sd) - G((r + Q - m) / sd)] (Axsater, Inventory
/// Control 2e, section 5.3). Valid: Q > 0, ltd_sd > 0.
outcome<double> fill_rate_rq_normal(double reorder_point, double order_quantity,
                                    double ltd_mean, double ltd_sd);

struct fill_rate_reorder_point {
  double simple; ///< n(r) = (1 - beta) Q, without the second loss (Nahmias).
  double exact;  ///< As fill_rate_rq_normal().
};

/// Valid: as fill_rate_rq_normal(), 0 < fill_rate < 1.
outcome<fill_rate_reorder_point> reorder_point_for_fill_rate(double order_quantity,
                                                             double ltd_mean,
                                                             double ltd_sd,
                                                             double fill_rate);

struct periodic_order {
  double order_up_to;
  double order_quantity;   ///< Never negative.
  double fill_rate_approx; ///< In 0..1.
};

/// (R, S): S = d (R + L) + z sd sqrt(R + L) (Silver, Pyke & Thomas, chapter 6).
/// Valid: demand_mean and review_period > 0, sd and lead_time >= 0, finite z and stocks.
outcome<periodic_order> order_up_to_periodic(double demand_mean, double demand_sd,
                                             double review_period, double lead_time,
                                             double z, double on_hand, double on_order,
                                             double backorders);

} // namespace crossdock::planning
