/// Stock day by day: what is there when receipts and demands fall due, when it runs out,
/// and how likely that is when receipts may slip and demand is random.
#pragma once

#include "planning/dates.hpp"
#include "planning/distributions.hpp"

#include <optional>
#include <string>
#include <vector>

namespace crossdock::planning {

// -- the picture that is projected ------------------------------------------------------
/// From `day` on, the receipt has arrived with this probability.
struct arrival_step {
  day_number day;
  double probability;
};

/// An open purchase order line or transfer.
struct receipt {
  std::string id;
  day_number promised = 0;
  double quantity = 0; ///< Units, >= 0.
  /// P(arrived by day), a step function that only rises (lead_time.hpp makes it from the
  /// history of delays). Empty: certain, on the promised day.
  std::vector<arrival_step> arrives_by;
};

struct dated_demand {
  day_number day = 0;
  double quantity = 0; ///< Units, >= 0.
};

/// Everything known about one item at one site.
struct stock_picture {
  day_number today = 0;
  /// Units on hand that no one has reserved yet. Negative is a fact (counts go wrong),
  /// not an error.
  double available = 0;
  std::vector<receipt> receipts;
  /// Committed demand that `available` does not yet reflect. What is overdue falls due
  /// today.
  std::vector<dated_demand> demands;
};

/// P(arrived by the end of `day`) of one receipt seen from `today`. A certain receipt
/// whose promised day has passed is expected today.
double arrived_by(const receipt& r, day_number today, day_number day);

// -- projection -------------------------------------------------------------------------
struct projected_day {
  day_number day;
  double receipts;           ///< Units falling due this day as promised.
  double demand;             ///< Units of committed demand this day.
  double available;          ///< End of day, if every receipt comes as promised.
  double expected_available; ///< End of day, receipts weighted by their probability.
};

struct projection {
  std::vector<projected_day> days; ///< today, today + 1, ...
  /// First day that ends with available <= 0. Zero is a value: an empty shelf is out of
  /// stock although nobody has been let down yet.
  std::optional<day_number> first_stock_out;
  /// First day that ends with available < 0: a committed demand is not met.
  std::optional<day_number> first_shortage;
  double lowest = 0;        ///< Lowest end-of-day available, units; 0 and below included.
  day_number lowest_on = 0; ///< The first day on which it is that low.
};

/// Longest projection: ten years of days, far beyond any lead time.
constexpr int projection_days_max = 3660;

/// Projects `horizon_days` days from today (today included). Overdue receipts count as
/// promised for today; whatever lies beyond the horizon is ignored. Nothing is lost or
/// made: last available = first available + receipts - demands.
/// Valid: 1..projection_days_max days; quantities >= 0; arrival probabilities in 0..1,
/// rising with strictly rising days.
outcome<projection> project(const stock_picture& picture, int horizon_days);

/// First day that ends below `level` units; empty if none does.
std::optional<day_number> first_below(const projection& p, double level);

/// Units missing to keep `minimum` at the lowest point, never negative. With minimum 10
/// and a projection of 0, then 5, it is 10: the later 5 does not hide the 0.
double shortage_against(const projection& p, double minimum);

// -- risk -------------------------------------------------------------------------------
/// One possible supply and its probability.
struct supply_state {
  double quantity; ///< Units; negative when committed demand exceeds it.
  double probability;
};

/// More states than this are merged in neighbouring pairs, always to the smaller
/// quantity, so the error only ever understates supply.
constexpr std::size_t supply_states_max = 1024;

/// Available + arrived receipts - committed demands by the end of `day`, as a
/// distribution: each receipt comes whole or not at all, independently. Sorted by
/// quantity; probabilities add up to 1. Validity as project().
outcome<std::vector<supply_state>> supply_by(const stock_picture& picture,
                                             day_number day);

/// P(supply >= quantity).
double probability_at_least(const std::vector<supply_state>& supply, double quantity);

/// P(demand until the end of `day` > supply by then). `demand` is the random demand on
/// top of the committed one. A supply below zero is a stock-out whatever the demand.
outcome<double> stock_out_probability(const stock_picture& picture, day_number day,
                                      const demand_distribution& demand);

/// Units of random demand expected to be missing by the end of `day` (committed demand
/// that is not covered included).
outcome<double> expected_units_short(const stock_picture& picture, day_number day,
                                     const demand_distribution& demand);

struct risk_on_day {
  day_number day;
  double stock_out_probability;
};

/// stock_out_probability() at the end of each day, for independent daily demand of
/// `daily_mean` units and `daily_variance` units^2 of the given family (negative binomial
/// falls back to Poisson where the variance does not exceed the mean). The probability
/// can fall again when a receipt arrives.
outcome<std::vector<risk_on_day>> stock_out_risk(const stock_picture& picture,
                                                 int horizon_days, demand_family family,
                                                 double daily_mean,
                                                 double daily_variance);

/// First day of `risk` with at least `threshold` probability; empty if there is none.
std::optional<day_number> first_at_risk(const std::vector<risk_on_day>& risk,
                                        double threshold);

/// A day that can be promised, and the probability that it will be kept.
struct dated_promise {
  std::optional<day_number> day; ///< Empty: not within the horizon.
  double probability_met = 0;    ///< On `day`; the best reached when there is none.
};

/// The earliest day by which `qty` units are there with at least `service_target`
/// probability, and stay there on every later day of the horizon (so that an older
/// promise is not broken for this one). Valid: qty > 0, 0 < service_target <= 1.
outcome<dated_promise> promise_date_at_service(const stock_picture& picture, double qty,
                                               double service_target, int horizon_days);

} // namespace crossdock::planning
