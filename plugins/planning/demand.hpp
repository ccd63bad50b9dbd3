/// What history says about demand: daily statistics, the class of an item and the
/// forecast for intermittent items. Demand is what customers ordered, by order date, not
/// what was shipped; special orders, drop-ships and days without stock are the caller's
/// to leave out.
#pragma once

#include "planning/dates.hpp"
#include "planning/outcome.hpp"

#include <cstddef>
#include <vector>

namespace crossdock::planning {

// -- daily statistics -------------------------------------------------------------------
/// One order line, or the sum of a day.
struct demand_on_day {
  day_number day;
  double quantity; ///< Units, >= 0. Returns do not belong here.
};

struct daily_demand {
  double mean = 0;     ///< Units per day, days without demand included.
  double variance = 0; ///< Units^2 per day (n - 1); 0 for a window of one day.
  int days = 0;        ///< Length of the window.
  int demand_days = 0; ///< Days with demand above 0.
  double total = 0;    ///< Units in the window.
};

/// Longest window: ten years of days.
constexpr int demand_days_max = 3660;

/// Demand per day of the window [from, to], zeros where nothing was ordered. Lines of one
/// day add up; lines outside the window are ignored.
/// Valid: from <= to, at most demand_days_max days, quantities >= 0.
outcome<std::vector<double>> daily_series(const std::vector<demand_on_day>& lines,
                                          day_number from, day_number to);

/// Mean and variance over the same window, per calendar day. Validity as daily_series().
outcome<daily_demand> daily_statistics(const std::vector<demand_on_day>& lines,
                                       day_number from, day_number to);

// -- class ------------------------------------------------------------------------------
enum class demand_class { smooth, erratic, intermittent, lumpy };

/// "smooth", "erratic", "intermittent", "lumpy".
const char* to_string(demand_class c);

struct demand_classification {
  double adi; ///< Average interval between demands, periods; the first counts from 0.
  double cv2; ///< Squared coefficient of variation of the non-zero demands (n - 1).
  demand_class demand;
};

/// Cut-offs of Syntetos, Boylan & Croston 2005.
constexpr double adi_cut_off = 1.32;
constexpr double cv2_cut_off = 0.49;

/// Classifies a series of demand per period (units, >= 0). A single demand has cv2 = 0.
/// Error "series": no demand at all, so there is nothing to classify.
outcome<demand_classification> demand_class_sbc(const std::vector<double>& series);

// -- intermittent forecast --------------------------------------------------------------
enum class croston_variant {
  croston, ///< Croston 1972: level / interval. Biased upwards.
  sba,     ///< Syntetos & Boylan 2005: times 1 - a/2. Our default.
  sbj      ///< Shale, Boylan & Johnston 2006: times 1 - a/(2 - a).
};

enum class croston_init {
  naive,        ///< First demand and first interval.
  mean_interval ///< First demand and the mean interval.
};

struct croston_forecast {
  double forecast;       ///< Units per period.
  double demand_level;   ///< Smoothed size of a demand, units.
  double interval_level; ///< Smoothed periods between demands.
};

/// Croston's method and its corrections on demand per period. The levels move only at a
/// demand; the first interval counts from period 0.
/// Valid: quantities >= 0 with at least one demand, both weights strictly inside 0..1.
outcome<croston_forecast> croston_family(const std::vector<double>& series,
                                         croston_variant variant, croston_init init,
                                         double alpha_demand = 0.1,
                                         double alpha_interval = 0.1);

} // namespace crossdock::planning
