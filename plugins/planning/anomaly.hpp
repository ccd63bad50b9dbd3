/// What is out of the ordinary: robust scores, control charts, outlier tests and
/// isolation forests. The season is taken out first where there is one:
/// decomposition.hpp.
#pragma once

#include "planning/outcome.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace crossdock::planning {

// -- robust scores ----------------------------------------------------------------------
constexpr double modified_z_cut_off = 3.5;

struct robust_scores {
  double median;
  double mad; ///< Median absolute deviation, not scaled.
  std::vector<double> z;
  std::vector<std::size_t> flagged_1based; ///< |z| above modified_z_cut_off.
};

/// 0.6745 (x - median) / MAD (Iglewicz & Hoaglin 1993). Valid: at least 3 finite values.
/// Error "series": more than half of them are equal, so that there is no spread.
outcome<robust_scores> modified_z(const std::vector<double>& series);

// -- control charts ---------------------------------------------------------------------
struct ewma_result {
  std::vector<double> z;
  double ucl_steady, lcl_steady; ///< Limits after many observations.
  double ucl_1;                  ///< Upper limit of the first one.
  std::optional<std::size_t> first_signal_1based;
};

/// EWMA chart with exact time-varying limits (Montgomery, section 9.2). Valid: sigma and
/// L > 0, 0 < lambda <= 1, at least one finite value.
outcome<ewma_result> ewma_chart(const std::vector<double>& series, double target,
                                double sigma, double lambda, double L);

struct cusum_result {
  std::vector<double> c_plus, c_minus;
  std::optional<std::size_t> first_signal_1based; ///< Either above h.
};

/// Tabular CUSUM; k and h in units of the series. Valid: k >= 0, h > 0.
outcome<cusum_result> cusum_tabular(const std::vector<double>& series, double target,
                                    double k, double h);

// -- outlier test -----------------------------------------------------------------------
struct esd_result {
  std::vector<double> test_statistics, critical_values; ///< One per suspected outlier.
  std::size_t num_outliers;
  std::vector<std::size_t> outliers_1based; ///< The most extreme first.
};

/// Generalized extreme studentized deviate test (Rosner 1983): up to `max_outliers`,
/// which do not mask each other. Valid: finite, 1 <= max_outliers <= 1000 and length - 2,
/// 0 < alpha < 1.
outcome<esd_result> generalized_esd(const std::vector<double>& series,
                                    std::size_t max_outliers, double alpha);

// -- isolation forest -------------------------------------------------------------------
/// Mean path length of an unsuccessful search in a tree of n points (Liu, Ting & Zhou
/// 2008, eq. 1): 2 H(n-1) - 2 (n-1) / n, with the exact harmonic number or ln(n-1) +
/// gamma.
struct path_normalisation {
  double exact_harmonic;
  double log_approx; ///< 1 for n = 2 (as scikit-learn), 0 for n = 1.
};
/// Valid: 1 <= n <= 100000000.
outcome<path_normalisation> isolation_forest_c(std::uint64_t n);

/// 2^(-mean path / c(subsample)), c by the logarithm: near 1 is an anomaly, below 0.5 is
/// none. Valid: path >= 0, subsample >= 2.
outcome<double> isolation_forest_score(double mean_path_length, std::uint64_t subsample);

/// A forest grown with its own seeded generator: the same rows and seed give the same
/// scores everywhere.
class isolation_forest {
public:
  /// Valid: at least two rows, equally long and finite, 1..1000 trees, subsample >= 2
  /// (rows beyond the subsample are drawn without replacement).
  static outcome<isolation_forest> grow(const std::vector<std::vector<double>>& rows,
                                        std::uint64_t seed, std::size_t trees = 100,
                                        std::size_t subsample = 256);

  /// Valid: as many finite features as the rows had.
  outcome<double> score(const std::vector<double>& row) const;

private:
  struct node {
    int feature = -1; ///< -1: a leaf.
    double at = 0;
    std::size_t left = 0, right = 0;
    std::size_t size = 0;
  };
  std::vector<std::vector<node>> trees_;
  std::size_t features_ = 0;
  std::size_t subsample_ = 0;
};

// -- many at once -----------------------------------------------------------------------
/// Benjamini & Hochberg 1995: which of these p-values (0-based) are discoveries at a
/// false discovery rate of `q`. Valid: probabilities, 0 < q < 1.
outcome<std::vector<std::size_t>>
false_discovery_rate(const std::vector<double>& p_values, double q = 0.1);

} // namespace crossdock::planning
