#include "planning/statistics.hpp"

#include <algorithm>
#include <numeric>

namespace crossdock::planning {

double mean_of(const std::vector<double>& xs) {
  return std::accumulate(xs.begin(), xs.end(), 0.0) / static_cast<double>(xs.size());
}

double median_of(std::vector<double> xs) {
  const auto middle = xs.begin() + static_cast<long>(xs.size() / 2);
  std::nth_element(xs.begin(), middle, xs.end());
  if (xs.size() % 2 == 1)
    return *middle;
  return (*middle + *std::max_element(xs.begin(), middle)) / 2;
}

double quantile_type7(std::vector<double> xs, double p) {
  std::sort(xs.begin(), xs.end());
  const double at = p * static_cast<double>(xs.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const auto above = std::min(below + 1, xs.size() - 1);
  return xs[below] + (at - static_cast<double>(below)) * (xs[above] - xs[below]);
}

} // namespace crossdock::planning
