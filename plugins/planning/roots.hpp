/// Where a function that falls (or rises) once through zero does so.
#pragma once

#include <cmath>

namespace crossdock::planning {

/// Bisects `f` between two points of opposite sign to the last bit that differs; at the
/// end nearer to a zero when both have one sign.
template <class Function>
double bisect(Function f, double low, double high) {
  const bool low_positive = f(low) > 0;
  if (low_positive == (f(high) > 0))
    return std::abs(f(low)) < std::abs(f(high)) ? low : high;
  for (int i = 0; i < 2000; ++i) {
    const double middle = low + (high - low) / 2;
    if (middle <= low || middle >= high)
      break;
    ((f(middle) > 0) == low_positive ? low : high) = middle;
  }
  return low + (high - low) / 2;
}

} // namespace crossdock::planning
