/// Middle values of a sample.
#pragma once

#include <vector>

namespace crossdock::planning {

/// Arithmetic mean of at least one value.
double mean_of(const std::vector<double>& xs);

/// Median of at least one value; the mean of the middle two of an even number.
double median_of(std::vector<double> xs);

} // namespace crossdock::planning
