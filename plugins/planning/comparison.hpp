/// Did it help? The arithmetic of before and after, with and without: two groups, two
/// proportions, how many cases a comparison needs, and whether two people agree.
#pragma once

#include "planning/outcome.hpp"

#include <vector>

namespace crossdock::planning {

/// Difference in differences: (treated after - before) - (control after - before), in the
/// unit of the inputs. Valid: finite.
outcome<double> did_2x2(double treated_before, double treated_after,
                        double control_before, double control_after);

struct proportion_test {
  double z; ///< Of p2 - p1; positive when the second is larger.
  double p_value_two_sided;
};

/// Two-proportion z test with the pooled variance. Valid: proportions in 0..1 that are
/// not both 0 or both 1, group sizes >= 1.
outcome<proportion_test> two_proportion_z(double p1, double n1, double p2, double n2);

/// Cases that each of two groups needs, so that a two-sided test at `alpha` sees the
/// difference with probability `power`: without continuity correction (Fleiss,
/// Statistical Methods for Rates and Proportions), rounded up. Valid: p1 != p2, all
/// strictly inside 0..1; error "p2" when they are too close for a number of cases.
outcome<double> sample_size_two_proportions(double p1, double p2, double alpha,
                                            double power);

struct reduced_variance {
  double adjusted_variance; ///< (1 - corr^2) var_y, unit of var_y.
  double reduction_pct;     ///< Percent.
};

/// CUPED (Deng et al. 2013): what a covariate from before the experiment takes off the
/// variance. Valid: var_y >= 0, corr in -1..1.
outcome<reduced_variance> cuped_variance(double var_y, double corr);

struct agreement {
  double observed; ///< Share of cases on which both agree.
  double expected; ///< Share on which chance would have them agree.
  double kappa;    ///< (observed - expected) / (1 - expected).
};

/// Cohen 1960: `table[i][j]` counts the cases that the first put into class i and the
/// second into class j. Valid: square, at least 2 x 2, counts >= 0, not all in one class.
outcome<agreement> cohen_kappa(const std::vector<std::vector<double>>& table);

} // namespace crossdock::planning
