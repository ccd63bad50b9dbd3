/// A series taken apart: season, trend and what is left, and what stands out in it.
#pragma once

#include "planning/outcome.hpp"

#include <cstddef>
#include <vector>

namespace crossdock::planning {

enum class season_kind { additive, multiplicative };

/// Classical seasonal figures, one per period of a season, from a centred moving average:
/// of mean 0 (additive) or 1 (multiplicative), as R's decompose(). Needs two whole
/// seasons; a figure that no value carries is neutral.
std::vector<double> seasonal_figures(const std::vector<double>& series,
                                     std::size_t period, season_kind kind);

struct decomposition {
  std::vector<double> seasonal, trend, remainder, robustness; ///< As long as the series.
};

/// STL with a periodic season (Cleveland, Cleveland, McRae & Terpenning 1990), with the
/// defaults of R's stl(): the season is the same in every cycle. `robust` down-weights
/// outliers in 15 outer rounds, scaled as R scales them (docs/LIMITS.md). Valid: finite,
/// period >= 2, more than two whole cycles, at most 1000000 values.
outcome<decomposition> stl_periodic(const std::vector<double>& series, std::size_t period,
                                    bool robust);

struct remainder_outliers {
  std::vector<double> z;         ///< modified_z() of the remainder.
  std::size_t argmax_1based = 0; ///< The period that stands out most.
  double second_largest_abs_z = 0;
  double remainder_median = 0;
  double remainder_mad = 0; ///< Not scaled.
};

/// What is out of the ordinary once season and trend are gone. Valid: as stl_periodic();
/// error "series" as modified_z().
outcome<remainder_outliers> stl_robust_z(const std::vector<double>& series,
                                         std::size_t period, bool robust);

} // namespace crossdock::planning
