/// How much to order at once: economic order quantities and their relatives, quantity
/// discounts, uncertain yield, several items on one order, lot sizing of a known demand,
/// and what a supplier's rules make of it. Money in one currency; a rate of demand and a
/// holding cost share one unit of time (usually a year).
#pragma once

#include "planning/outcome.hpp"

#include <cstddef>
#include <vector>

namespace crossdock::planning {

// -- economic order quantity ------------------------------------------------------------
struct order_quantity {
  double quantity; ///< Units.
  double cost;     ///< Money per unit of time: ordering and holding, no purchase cost.
};

/// Harris 1913: Q = sqrt(2 K d / h), cost = K d / Q + h Q / 2. `holding_cost` is money
/// per unit and time. Valid: all > 0.
outcome<order_quantity> eoq(double fixed_cost, double holding_cost, double demand_rate);

/// What another quantity costs. Valid: all > 0.
outcome<double> eoq_cost(double fixed_cost, double holding_cost, double demand_rate,
                         double order_quantity);

struct backorder_quantity {
  double quantity;
  double stockout_fraction; ///< Share of the cycle without stock, 0..1.
  double cost;
};

/// EOQ with planned backorders at `stockout_cost` per unit and time (Snyder & Shen 2e,
/// section 3.5). Valid: all > 0.
outcome<backorder_quantity> eoq_backorders(double fixed_cost, double holding_cost,
                                           double stockout_cost, double demand_rate);

/// Economic production quantity: stock comes at `production_rate` instead of at once
/// (Taft 1918). Valid: all > 0, production_rate > demand_rate.
outcome<order_quantity> epq(double fixed_cost, double holding_cost, double demand_rate,
                            double production_rate);

// -- quantity discounts -----------------------------------------------------------------
struct discount_quantity {
  double quantity;
  std::size_t region; ///< Index of the price that applies, from 0.
  double cost;        ///< Per unit of time, purchase cost included.
};

/// All-units discount: the whole order has the price of its region (Snyder & Shen 2e,
/// section 3.4). Holding costs `holding_cost_rate` of the unit's price per unit of time.
/// Valid: numbers > 0; breakpoints[0] = 0 and strictly rising; as many prices, falling.
outcome<discount_quantity> eoq_all_units_discount(double fixed_cost,
                                                  double holding_cost_rate,
                                                  double demand_rate,
                                                  const std::vector<double>& breakpoints,
                                                  const std::vector<double>& unit_costs);

/// Incremental discount: each price holds for the units of its region alone. Valid: as
/// eoq_all_units_discount().
outcome<discount_quantity>
eoq_incremental_discount(double fixed_cost, double holding_cost_rate, double demand_rate,
                         const std::vector<double>& breakpoints,
                         const std::vector<double>& unit_costs);

// -- uncertain yield --------------------------------------------------------------------
/// Q units ordered arrive as Q * Z, with mean and deviation of Z (Snyder & Shen 2e,
/// section 9.3). Valid: costs, rate and yield_mean > 0, yield_sd >= 0.
outcome<order_quantity> eoq_yield_multiplicative(double holding_cost, double fixed_cost,
                                                 double demand_rate, double yield_mean,
                                                 double yield_sd);

/// Q units ordered arrive as Q + Y; a negative mean is a loss. Valid: costs and rate > 0,
/// yield_sd >= 0.
outcome<order_quantity> eoq_yield_additive(double holding_cost, double fixed_cost,
                                           double demand_rate, double yield_mean,
                                           double yield_sd);

// -- several items on one order ---------------------------------------------------------
struct joint_order {
  std::vector<double> quantities; ///< Units, one per item.
  double base_cycle_time;         ///< Units of time between two orders.
  std::vector<int> multiples;     ///< An item is on every m-th order.
  double cost;                    ///< Per unit of time, without purchase cost.
};

/// Silver's heuristic for joint replenishment (1976): items of one supplier share the
/// cost of an order. Multiples are rounded to the nearest whole number >= 1.
/// Valid: shared cost > 0, individual costs >= 0, holding costs and rates > 0, equally
/// many (at least one).
outcome<joint_order> joint_replenishment_silver(double shared_fixed_cost,
                                                const std::vector<double>& fixed_costs,
                                                const std::vector<double>& holding_costs,
                                                const std::vector<double>& demand_rates);

// -- lot sizing of a known demand -------------------------------------------------------
struct lot_plan {
  std::vector<double> quantities; ///< Ordered at the start of each period, units.
  double cost; ///< Fixed, holding (on what is left at the end of a period) and purchase.
};

/// Longest horizon of the lot-sizing functions: their work grows with its square.
constexpr std::size_t lot_periods_max = 5000;

/// The cheapest plan (Wagner & Whitin 1958). Each cost is one number or one per period;
/// `purchase_cost` may be empty: none. Valid: everything >= 0, 1..lot_periods_max
/// periods.
outcome<lot_plan> wagner_whitin(const std::vector<double>& demand,
                                const std::vector<double>& fixed_cost,
                                const std::vector<double>& holding_cost,
                                const std::vector<double>& purchase_cost = {});

/// Silver & Meal 1973: a lot grows until the cost per period rises for the first time.
/// A lot never starts in a period without demand. Valid as wagner_whitin().
outcome<lot_plan> silver_meal(const std::vector<double>& demand, double fixed_cost,
                              double holding_cost);

/// Least unit cost: a lot grows until the cost per unit rises for the first time.
outcome<lot_plan> least_unit_cost(const std::vector<double>& demand, double fixed_cost,
                                  double holding_cost);

/// Part-period balancing: the horizon whose holding cost comes closest to the fixed cost,
/// the shorter one of two.
outcome<lot_plan> part_period_balancing(const std::vector<double>& demand,
                                        double fixed_cost, double holding_cost);

// -- what the supplier's rules make of it -----------------------------------------------
struct order_rules {
  double minimum = 0;  ///< MOQ, units; 0: none.
  double multiple = 0; ///< Pack size, units; 0: any quantity.
  double maximum = 0;  ///< Shelf life or cover, units; 0: no limit.
};

struct ruled_quantity {
  double quantity;          ///< 0 when nothing is needed or the rules leave nothing.
  bool raised_to_minimum;   ///< The MOQ asked for more than is needed.
  bool rounded_to_multiple; ///< Up, unless that would break the maximum; then down.
  bool limited_by_maximum;  ///< Less than needed may be ordered.
  bool impossible;          ///< The minimum does not fit under the maximum.
};

/// `needed` units made an order: MOQ first, then up to the multiple, then the cap of
/// shelf life, which beats both. Valid: everything >= 0, finite.
outcome<ruled_quantity> apply_order_rules(double needed, const order_rules& rules);

/// Most that may be ordered so that the stock is sold `margin_days` before its shelf life
/// ends: demand_rate * (shelf_life_days - margin_days) - on_hand - on_order, at least 0:
/// the `maximum` of order_rules. Units, days, units per day. Valid: shelf life > margin
/// >= 0, the rest >= 0.
outcome<double> shelf_life_maximum(double demand_rate, double shelf_life_days,
                                   double margin_days, double on_hand = 0,
                                   double on_order = 0);

struct vendor_line {
  double quantity;    ///< Units, as decided for the line.
  double available;   ///< Units that the item has without the order.
  double demand_rate; ///< Units per day, > 0.
  double unit_cost;   ///< Money, > 0.
  double multiple = 0;
};

/// Fills an order up to the vendor's minimum value by equalising days of supply: what
/// runs out first grows first, in whole multiples. Answers the new quantities; never
/// lowers one. Valid: numbers finite, quantities and minimum >= 0, at least one line.
outcome<std::vector<double>> fill_to_vendor_minimum(const std::vector<vendor_line>& lines,
                                                    double minimum_value);

} // namespace crossdock::planning
