/// Middle values of a sample.
#pragma once

#include <vector>

namespace crossdock::planning {

/// Arithmetic mean of at least one value.
double mean_of(const std::vector<double>& xs);

/// Median of at least one value; the mean of the middle two of an even number.
double median_of(std::vector<double> xs);

/// The p-quantile of at least one value, 0 <= p <= 1: definition 7 of Hyndman & Fan 1996,
/// which R and NumPy use unless told otherwise.
double quantile_type7(std::vector<double> xs, double p);

} // namespace crossdock::planning
