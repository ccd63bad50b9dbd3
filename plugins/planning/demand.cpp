#include "planning/demand.hpp"

#include "planning/checks.hpp"

#include <numeric>

namespace crossdock::planning {

namespace {

double mean_of(const std::vector<double>& xs) {
  return std::accumulate(xs.begin(), xs.end(), 0.0) / static_cast<double>(xs.size());
}

// With the divisor n - 1; 0 for a single value.
double variance_of(const std::vector<double>& xs) {
  if (xs.size() < 2)
    return 0;
  const double mean = mean_of(xs);
  double sum = 0;
  for (const double x : xs)
    sum += (x - mean) * (x - mean);
  return sum / static_cast<double>(xs.size() - 1);
}

// A series seen through its demands: how large each was, how long it was waited for.
struct demand_events {
  std::vector<double> sizes;
  std::vector<double> intervals;
};

outcome<demand_events> events_of(const std::vector<double>& series) {
  if (auto wrong = checks().all_not_negative("series", series).failure())
    return *wrong;
  demand_events events;
  double waited = 0;
  for (const double quantity : series) {
    ++waited;
    if (quantity > 0) {
      events.sizes.push_back(quantity);
      events.intervals.push_back(waited);
      waited = 0;
    }
  }
  if (events.sizes.empty())
    return domain_error{"series", "must hold at least one demand above 0"};
  return events;
}

double bias_correction(croston_variant variant, double alpha_interval) {
  switch (variant) {
  case croston_variant::croston:
    return 1;
  case croston_variant::sba:
    return 1 - alpha_interval / 2;
  case croston_variant::sbj:
    return 1 - alpha_interval / (2 - alpha_interval);
  }
  return 1;
}

} // namespace

// -- daily statistics -------------------------------------------------------------------
outcome<std::vector<double>> daily_series(const std::vector<demand_on_day>& lines,
                                          day_number from, day_number to) {
  checks check;
  check.that(from <= to && to - from < demand_days_max, "window",
             "must be 1 to " + std::to_string(demand_days_max) + " days");
  for (const auto& line : lines)
    check.not_negative("quantity", line.quantity);
  if (check.failure())
    return *check.failure();

  std::vector<double> series(static_cast<std::size_t>(to - from) + 1, 0.0);
  for (const auto& line : lines)
    if (line.day >= from && line.day <= to)
      series[static_cast<std::size_t>(line.day - from)] += line.quantity;
  return series;
}

outcome<daily_demand> daily_statistics(const std::vector<demand_on_day>& lines,
                                       day_number from, day_number to) {
  const auto series = daily_series(lines, from, to);
  if (!series)
    return series.error();
  daily_demand result;
  result.days = static_cast<int>(series->size());
  result.mean = mean_of(*series);
  result.variance = variance_of(*series);
  for (const double quantity : *series) {
    result.total += quantity;
    result.demand_days += quantity > 0 ? 1 : 0;
  }
  return result;
}

// -- class ------------------------------------------------------------------------------
const char* to_string(demand_class c) {
  switch (c) {
  case demand_class::smooth:
    return "smooth";
  case demand_class::erratic:
    return "erratic";
  case demand_class::intermittent:
    return "intermittent";
  case demand_class::lumpy:
    return "lumpy";
  }
  return "unknown";
}

outcome<demand_classification> demand_class_sbc(const std::vector<double>& series) {
  const auto events = events_of(series);
  if (!events)
    return events.error();
  const double mean_size = mean_of(events->sizes);
  demand_classification result{};
  result.adi = mean_of(events->intervals);
  result.cv2 = variance_of(events->sizes) / (mean_size * mean_size);
  const bool rare = result.adi >= adi_cut_off;
  const bool uneven = result.cv2 >= cv2_cut_off;
  result.demand = rare ? (uneven ? demand_class::lumpy : demand_class::intermittent)
                       : (uneven ? demand_class::erratic : demand_class::smooth);
  return result;
}

// -- intermittent forecast --------------------------------------------------------------
outcome<croston_forecast> croston_family(const std::vector<double>& series,
                                         croston_variant variant, croston_init init,
                                         double alpha_demand, double alpha_interval) {
  if (auto wrong = checks()
                       .inside_unit("alpha_demand", alpha_demand)
                       .inside_unit("alpha_interval", alpha_interval)
                       .failure())
    return *wrong;
  const auto events = events_of(series);
  if (!events)
    return events.error();

  double level = events->sizes.front();
  double interval = init == croston_init::naive ? events->intervals.front()
                                                : mean_of(events->intervals);
  for (std::size_t i = 1; i < events->sizes.size(); ++i) {
    level += alpha_demand * (events->sizes[i] - level);
    interval += alpha_interval * (events->intervals[i] - interval);
  }
  return croston_forecast{bias_correction(variant, alpha_interval) * level / interval,
                          level, interval};
}

} // namespace crossdock::planning
