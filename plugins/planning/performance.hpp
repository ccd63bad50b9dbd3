/// How well the business delivered: service, stock-outs and how fast exceptions were
/// closed. Each figure is pinned to one definition, since none of them is a standard;
/// shares are 0..1 unless the name ends in _pct.
#pragma once

#include "planning/outcome.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace crossdock::planning {

/// One line of a customer's order after its first shipment.
struct shipped_line {
  std::string order; ///< Lines of the same order share it.
  double ordered;    ///< Units, > 0.
  double shipped;    ///< Units of the first shipment, >= 0.
  bool on_time;      ///< By the clock that was agreed (requested or promised date).
};

struct fill_rate_set {
  double
      unit_fill_rate; ///< Units shipped / ordered; a surplus on a line counts for none.
  double line_fill_rate;  ///< Share of the lines shipped in full.
  double order_fill_rate; ///< Share of the orders with every line in full.
  double otif_order;      ///< Share of the orders with every line in full and on time.
  double otif_line;       ///< Share of the lines in full and on time.
};

/// First-shipment fill rates and OTIF (on time, in full). Valid: at least one line.
outcome<fill_rate_set> fill_rates(const std::vector<shipped_line>& lines);

struct order_counts {
  double orders;
  double in_full;
  double on_time;
  double damage_free;
  double documentation_ok;
  double all_four_ok; ///< Orders without any of the four faults.
};

struct perfect_orders {
  double perfect_order_pct; ///< SCOR RL.1.1: orders with all four right, percent.
  double product_index_pct; ///< Product of the four shares: what independence would give.
};

/// Valid: orders > 0, each count in 0..orders, all_four_ok no more than any of the four.
outcome<perfect_orders> perfect_order(const order_counts& counts);

struct stockout_rates {
  double stockout_day_rate; ///< Days without stock / days stocked items should have it.
  double events_per_1000_sku_days; ///< Beginnings of a stock-out.
  double lines_hit_rate;           ///< Share of the demand lines that met one.
};

/// Over item-sites that are meant to be stocked. Valid: days and lines > 0, counts >= 0,
/// parts no more than their whole.
outcome<stockout_rates> stockout_frequency(double sku_location_days, double stockout_days,
                                           double stockout_events,
                                           double demand_lines_during_stockout,
                                           double demand_lines);

/// Times in hours since any moment that all share.
struct timed_exception {
  double opened;
  std::optional<double> resolved; ///< Empty: still open.
};

struct resolution_times {
  std::size_t resolved = 0;
  std::optional<double> median_hours; ///< Of the resolved; empty without any.
  std::optional<double> mean_hours;
  std::optional<double> p90_hours_type7; ///< Hyndman & Fan 1996, definition 7 (R's own).
  std::size_t open = 0;
  std::optional<double> open_age_hours_max; ///< At `as_of`; empty without any.
};

/// Wall-clock hours from opened to resolved. One that is resolved after `as_of` counts as
/// open; the open ones are told beside, since leaving them out flatters. Valid: at least
/// one, none opened after `as_of` or resolved before it was opened.
outcome<resolution_times>
exception_resolution_time(const std::vector<timed_exception>& exceptions, double as_of);

} // namespace crossdock::planning
