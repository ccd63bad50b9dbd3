/// Can it be picked in time? Cut-offs, pick rates, the probability of finishing before a
/// carrier leaves, and how many people a day needs.
#pragma once

#include "planning/calibration.hpp"
#include "planning/dates.hpp"
#include "planning/outcome.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace crossdock::planning {

// -- cut-off ----------------------------------------------------------------------------
struct ship_date {
  day_number day;         ///< The working day on whose cut-off it can leave.
  bool today;             ///< Its cut-off is still ahead today.
  int minutes_to_cut_off; ///< Clock minutes until that cut-off, nights included; > 0.
};

/// The next cut-off that can still be met. `now_minutes` and `cut_off_minutes` are local
/// minutes after midnight of the site, 0..1439. At the very minute of the cut-off it is
/// missed. Days of 24 h are assumed: a change of daylight saving between now and the
/// cut-off is the caller's to add.
outcome<ship_date> next_ship_date(const working_calendar& calendar, day_number today,
                                  int now_minutes, int cut_off_minutes);

// -- pick rate --------------------------------------------------------------------------
/// What happened on a day (or any stretch) before a cut-off.
struct pick_day {
  day_number day;
  double lines_due;       ///< Lines that had to be picked before the cut-off.
  double hours_available; ///< Working hours from the decision to the cut-off.
  double lines_picked;    ///< Lines picked in that time.
  double hours_worked; ///< Hours really spent picking them; <= hours_available when done
                       ///< early, so that an empty queue does not look like a slow one.
};

struct pick_rate {
  double mean;   ///< Lines per hour of the whole site.
  double sd;     ///< Standard deviation of the lines of one hour.
  std::size_t n; ///< Stretches it was learnt from.
};

/// Mean and spread per hour: mean = lines / hours; variance = sum (lines - mean h)^2 / h
/// / (n - 1), for hours that are independent of each other. Days without hours worked are
/// ignored. Errors: fewer than two usable days; negative numbers.
outcome<pick_rate> pick_rate_of(const std::vector<pick_day>& days);

// -- feasibility ------------------------------------------------------------------------
/// P(`extra_lines` on top of `open_lines` are picked within `hours`):
/// Phi((mean h - lines) / (sd sqrt(h))). 0 when there is work and no time; a raw score,
/// to be calibrated. Valid: all >= 0.
outcome<double> pick_probability(double open_lines, double extra_lines, double hours,
                                 double mean_rate, double sd_rate);

/// Scores every day by the pick rate of the days before it (at least `days_min`), against
/// whether all its lines were picked: outcomes for calibrator::fit(). Errors: negative
/// numbers; days_min < 2.
outcome<std::vector<scored_outcome>>
backtest_pick_probability(const std::vector<pick_day>& days, std::size_t days_min = 10);

// -- labour -----------------------------------------------------------------------------
struct labor_need {
  double standard_hours; ///< Normal time with personal, fatigue and delay allowance.
  double required_hours; ///< At the performance that is really reached.
  int heads;             ///< Whole people for one shift.
};

/// Engineered labour standard: (lines * s/line + orders * s/order) * (1 + pfd), divided
/// by performance; heads = ceil(hours / shift). Valid: counts, seconds and pfd >= 0,
/// performance > 0 (1 is standard), shift_hours > 0.
outcome<labor_need> labor_plan(double lines, double standard_seconds_per_line,
                               double orders, double fixed_seconds_per_order,
                               double pfd_allowance, double performance,
                               double shift_hours);

/// Work that must be done before a carrier leaves. Hours from now.
struct cut_off_work {
  std::string id;
  double hours;         ///< Person-hours, >= 0.
  double cut_off;       ///< > 0.
  double available = 0; ///< Not before (a replenishment, a receipt), >= 0.
};

struct work_outlook {
  std::string id;
  double finished;    ///< Hours from now; infinity if the staff given never gets there.
  double hours_short; ///< Person-hours not done by the cut-off; 0: in time.
};

struct hourly_plan {
  std::vector<work_outlook> work; ///< In the order of doing: the nearest cut-off first.
  std::vector<double> used;       ///< Person-hours of each hour.
  double hours_short;             ///< Of all; 0: every cut-off is met.
};

/// Capacity by the hour against cut-offs: each hour's person-hours go to the available
/// work with the nearest cut-off (Jackson 1955; with work that can be interrupted, if
/// this misses a cut-off every order of work misses one). People share work freely.
/// `capacity`: person-hours of the hours from now on, >= 0, 1 to 1000 hours. At most
/// 5000 pieces of work.
outcome<hourly_plan> hourly_labor_plan(const std::vector<cut_off_work>& work,
                                       const std::vector<double>& capacity);

} // namespace crossdock::planning
