/// What the business earned: return on inventory and on a project, what serving a
/// customer left over, and why two periods differ. Money in one currency.
#pragma once

#include "planning/outcome.hpp"

#include <optional>
#include <string>
#include <vector>

namespace crossdock::planning {

struct inventory_return {
  double gmroi;           ///< Gross margin per unit of money in stock.
  double turns;           ///< Cost of goods sold / average inventory.
  double turn_earn_index; ///< Gross margin percent times turns.
};

/// Gross-margin return on inventory investment, for one period (usually a year).
/// Valid: average_inventory_cost and sales > 0, gross_margin <= sales.
outcome<inventory_return> gmroi(double gross_margin, double average_inventory_cost,
                                double sales);

/// What one customer, order or line brought and cost.
struct service_costs {
  double revenue; ///< > 0.
  double cogs;    ///< Cost of the goods; this and the rest >= 0.
  double freight_standard;
  double freight_expedite;
  double handling;
  double returns_credit;
  double rebate;
  double payment_terms_cost;
};

struct served_margin {
  double gross_margin;        ///< revenue - cogs.
  double net_margin;          ///< Gross margin less all costs of serving.
  double margin_leakage;      ///< What a plan has none of: expedites, credits, rebates.
  double leakage_pct_revenue; ///< Percent.
};

outcome<served_margin> cost_to_serve_margin(const service_costs& costs);

struct project_return {
  double npv; ///< Money today; the first flow is not discounted.
  /// Discount rate at which npv is 0; empty where none or more than one exists (the flows
  /// do not change sign exactly once).
  std::optional<double> irr;
  /// Periods until the undiscounted sum stays at 0 or above, interpolated within the
  /// last; empty if that never happens.
  std::optional<double> payback_periods;
  double roi_pct; ///< Sum of all flows / sum of the outflows, percent.
};

/// `cash_flows`: one per period, period 0 first; outflows are negative. Valid: finite, at
/// least one negative flow, discount_rate > -1.
outcome<project_return> roi_npv(const std::vector<double>& cash_flows,
                                double discount_rate);

struct item_sales {
  double quantity_before; ///< Units, >= 0; this and quantity_after may be 0.
  double price_before;    ///< Money per unit (revenue or margin), where there were units.
  double quantity_after;
  double price_after;
};

struct sales_bridge {
  double price;  ///< sum (p1 - p0) q1 over the items of both periods.
  double volume; ///< (Q1 - Q0) at the average price before.
  double mix;    ///< The rest: items above or below the average, new and lost ones.
  double total;  ///< After minus before: the three add up to it.
};

/// Price-volume-mix bridge between two periods. Valid: at least one item, units in both
/// periods, prices finite.
outcome<sales_bridge> price_volume_mix(const std::vector<item_sales>& items);

} // namespace crossdock::planning
