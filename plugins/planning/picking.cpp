#include "planning/picking.hpp"

#include "planning/checks.hpp"
#include "planning/distributions.hpp"

#include <cmath>
#include <set>
#include <string>

namespace crossdock::planning {

namespace {

constexpr int minutes_per_day = 24 * 60;

checks check_days(const std::vector<pick_day>& days) {
  checks check;
  for (const auto& d : days)
    check.not_negative("lines_due", d.lines_due)
        .not_negative("hours_available", d.hours_available)
        .not_negative("lines_picked", d.lines_picked)
        .not_negative("hours_worked", d.hours_worked);
  return check;
}

} // namespace

// -- cut-off ----------------------------------------------------------------------------
outcome<ship_date> next_ship_date(const working_calendar& calendar, day_number today,
                                  int now_minutes, int cut_off_minutes) {
  constexpr const char* range = "must be 0 to 1439 minutes after midnight";
  if (auto wrong = checks()
                       .that(now_minutes >= 0 && now_minutes < minutes_per_day,
                             "now_minutes", range)
                       .that(cut_off_minutes >= 0 && cut_off_minutes < minutes_per_day,
                             "cut_off_minutes", range)
                       .failure())
    return *wrong;
  const bool can_leave_today = calendar.works_on(today) && now_minutes < cut_off_minutes;
  const day_number day = can_leave_today ? today : calendar.next_after(today);
  return ship_date{day, can_leave_today,
                   (day - today) * minutes_per_day + cut_off_minutes - now_minutes};
}

// -- pick rate --------------------------------------------------------------------------
outcome<pick_rate> pick_rate_of(const std::vector<pick_day>& days) {
  double lines = 0;
  double hours = 0;
  std::size_t n = 0;
  for (const auto& d : days) {
    if (d.hours_worked > 0) {
      lines += d.lines_picked;
      hours += d.hours_worked;
      ++n;
    }
  }
  if (auto wrong = check_days(days)
                       .that(n >= 2, "days", "must hold at least two days with work")
                       .failure())
    return *wrong;
  const double mean = lines / hours;
  double squares = 0;
  for (const auto& d : days) {
    if (d.hours_worked > 0) {
      const double off = d.lines_picked - mean * d.hours_worked;
      squares += off * off / d.hours_worked;
    }
  }
  return pick_rate{mean, std::sqrt(squares / static_cast<double>(n - 1)), n};
}

// -- feasibility ------------------------------------------------------------------------
outcome<double> pick_probability(double open_lines, double extra_lines, double hours,
                                 double mean_rate, double sd_rate) {
  if (auto wrong = checks()
                       .not_negative("open_lines", open_lines)
                       .not_negative("extra_lines", extra_lines)
                       .not_negative("hours", hours)
                       .not_negative("mean_rate", mean_rate)
                       .not_negative("sd_rate", sd_rate)
                       .failure())
    return *wrong;
  const double lines = open_lines + extra_lines;
  const double capacity = mean_rate * hours;
  const double spread = sd_rate * std::sqrt(hours);
  if (lines == 0)
    return 1.0;
  if (spread == 0)
    return capacity >= lines ? 1.0 : 0.0;
  return normal_below((capacity - lines) / spread);
}

outcome<std::vector<scored_outcome>>
backtest_pick_probability(const std::vector<pick_day>& days, std::size_t days_min) {
  if (auto wrong = check_days(days)
                       .that(days_min >= 2, "days_min", "must be at least 2")
                       .failure())
    return *wrong;
  const auto day_of = [](const pick_day& d) { return d.day; };
  const auto score = [&](const pick_day& d, const std::vector<const pick_day*>& known) {
    std::vector<pick_day> earlier;
    for (const auto* k : known)
      if (k->hours_worked > 0)
        earlier.push_back(*k);
    if (earlier.size() < days_min)
      return std::optional<double>();
    const auto rate = pick_rate_of(earlier);
    if (!rate)
      return std::optional<double>();
    const auto p =
        pick_probability(d.lines_due, 0, d.hours_available, rate->mean, rate->sd);
    return p ? std::optional<double>(*p) : std::nullopt;
  };
  const auto success = [](const pick_day& d) { return d.lines_picked >= d.lines_due; };
  return rolling_origin(days, day_of, day_of, score, success);
}

// -- labour -----------------------------------------------------------------------------
outcome<labor_need> labor_plan(double lines, double standard_seconds_per_line,
                               double orders, double fixed_seconds_per_order,
                               double pfd_allowance, double performance,
                               double shift_hours) {
  if (auto wrong =
          checks()
              .not_negative("lines", lines)
              .not_negative("standard_seconds_per_line", standard_seconds_per_line)
              .not_negative("orders", orders)
              .not_negative("fixed_seconds_per_order", fixed_seconds_per_order)
              .not_negative("pfd_allowance", pfd_allowance)
              .positive("performance", performance)
              .positive("shift_hours", shift_hours)
              .failure())
    return *wrong;
  constexpr double seconds_per_hour = 3600;
  const double normal_hours =
      (lines * standard_seconds_per_line + orders * fixed_seconds_per_order) /
      seconds_per_hour;
  const double standard_hours = normal_hours * (1 + pfd_allowance);
  const double required_hours = standard_hours / performance;
  const double heads = std::ceil(required_hours / shift_hours);
  constexpr double heads_max = 1e6; // more people than any site; keeps the number whole
  if (heads > heads_max)
    return domain_error{"lines", "needs more than a million people"};
  return labor_need{standard_hours, required_hours, static_cast<int>(heads)};
}

outcome<hourly_plan> hourly_labor_plan(const std::vector<cut_off_work>& work,
                                       const std::vector<double>& capacity) {
  checks c;
  c.that(!capacity.empty() && capacity.size() <= 1000, "capacity",
         "must have 1 to 1000 hours")
      .all_not_negative("capacity", capacity)
      .that(work.size() <= 5000, "work", "must have at most 5000 pieces");
  for (std::size_t i = 0; i < work.size() && !c.failure(); ++i) {
    const auto at = "work[" + std::to_string(i) + "].";
    c.not_negative(at + "hours", work[i].hours)
        .positive(at + "cut_off", work[i].cut_off)
        .not_negative(at + "available", work[i].available);
  }
  if (c.failure())
    return *c.failure();

  struct piece {
    const cut_off_work* what;
    double left;
    double finished;
    double short_at_cut_off;
  };
  std::vector<piece> pieces;
  for (const auto& w : work)
    pieces.push_back({&w, w.hours, w.hours > 0 ? HUGE_VAL : w.available, w.hours});
  std::stable_sort(pieces.begin(), pieces.end(), [](const piece& a, const piece& b) {
    return a.what->cut_off < b.what->cut_off;
  });
  // Within an hour capacity is even, so that time and person-hours run in proportion;
  // what changes in between (a cut-off, something available) parts the hour.
  std::set<double> instants;
  for (const auto& w : work) {
    instants.insert(w.cut_off);
    instants.insert(w.available);
  }
  hourly_plan plan{{}, std::vector<double>(capacity.size(), 0.0), 0};
  std::size_t first = 0; // pieces before it are done
  for (std::size_t hour = 0; hour < capacity.size(); ++hour) {
    const auto end_of_hour = static_cast<double>(hour + 1);
    auto from = static_cast<double>(hour);
    while (from < end_of_hour) {
      const auto change = instants.upper_bound(from);
      const double to =
          change == instants.end() ? end_of_hour : std::min(*change, end_of_hour);
      const double rate = capacity[hour];
      double now = from;
      for (std::size_t i = first; i < pieces.size() && rate > 0 && now < to; ++i) {
        auto& p = pieces[i];
        if (p.left <= 0 || p.what->available > from)
          continue;
        const double done = std::min(p.left, rate * (to - now));
        now = done == p.left ? now + done / rate : to;
        p.left = done == p.left ? 0 : p.left - done;
        plan.used[hour] += done;
        if (p.what->cut_off >= to)
          p.short_at_cut_off = p.left;
        if (p.left == 0)
          p.finished = now;
      }
      while (first < pieces.size() && pieces[first].left <= 0)
        ++first;
      from = to;
    }
  }
  for (const auto& p : pieces) {
    plan.work.push_back({p.what->id, p.finished, p.short_at_cut_off});
    plan.hours_short += p.short_at_cut_off;
  }
  return plan;
}

} // namespace crossdock::planning
