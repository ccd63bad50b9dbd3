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

} // namespace crossdock::planning
