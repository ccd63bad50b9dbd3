#include "planning/cleaning.hpp"

#include "planning/checks.hpp"
#include "planning/statistics.hpp"

#include <algorithm>
#include <string>

namespace crossdock::planning {

outcome<cleaned_demand> clean_demand(const std::vector<demand_period>& periods) {
  checks c;
  c.that(!periods.empty(), "periods", "must have at least one period");
  for (std::size_t t = 0; t < periods.size() && !c.failure(); ++t) {
    const auto at = "periods[" + std::to_string(t) + "].";
    c.not_negative(at + "sold", periods[t].sold)
        .probability(at + "in_stock_share", periods[t].in_stock_share)
        .positive(at + "uplift", periods[t].uplift);
  }
  if (c.failure())
    return *c.failure();
  constexpr double share_min = 0.25;
  cleaned_demand cleaned;
  std::vector<double> undisturbed;
  for (std::size_t t = 0; t < periods.size(); ++t) {
    const auto& p = periods[t];
    if (p.special || p.in_stock_share < share_min) {
      cleaned.filled.push_back(t);
      cleaned.demand.push_back(0);
      continue;
    }
    cleaned.demand.push_back(p.sold / p.in_stock_share / p.uplift);
    undisturbed.push_back(cleaned.demand.back());
  }
  if (undisturbed.empty())
    return domain_error{"periods", "must have at least one period with stock and without "
                                   "special orders"};
  const double usual = median_of(undisturbed);
  for (const auto t : cleaned.filled)
    cleaned.demand[t] = usual;
  return cleaned;
}

outcome<std::vector<double>> merge_superseded(const std::vector<double>& series,
                                              const std::vector<predecessor>& before) {
  checks c;
  c.all_not_negative("series", series);
  std::size_t longest = series.size();
  for (std::size_t i = 0; i < before.size(); ++i) {
    const auto at = "before[" + std::to_string(i) + "].";
    c.all_not_negative(at + "series", before[i].series)
        .positive(at + "factor", before[i].factor);
    longest = std::max(longest, before[i].series.size());
  }
  c.that(longest > 0, "series", "must have at least one period");
  if (c.failure())
    return *c.failure();
  std::vector<double> merged(longest, 0.0);
  const auto add = [&](const std::vector<double>& xs, double factor) {
    for (std::size_t t = 0; t < xs.size(); ++t)
      merged[longest - xs.size() + t] += factor * xs[t];
  };
  add(series, 1);
  for (const auto& p : before)
    add(p.series, p.factor);
  return merged;
}

} // namespace crossdock::planning
