/// Exponential smoothing as a family of state-space models, fitted by maximum likelihood
/// and chosen by AICc (Hyndman, Koehler, Ord & Snyder 2008). The quick form without trend
/// and season is ets_ann_fit() of forecast.hpp.
#pragma once

#include "planning/outcome.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace crossdock::planning {

/// Longest series that is fitted, and longest season: a fit visits every value some
/// thousand times, and estimates each figure of the season.
constexpr std::size_t ets_series_max = 10'000;
constexpr std::size_t ets_season_max = 24;

struct ets_form {
  char error;  ///< 'A' or 'M'.
  char trend;  ///< 'N', 'A', or 'D': additive and damped.
  char season; ///< 'N', 'A' or 'M'.
};

/// "ANN", "MAdM", ... as the literature writes them; and back. Error "model": no such
/// form, or one whose variance is infinite (additive error with a multiplicative season).
std::string to_string(const ets_form& form);
outcome<ets_form> parse_ets_form(const std::string& model);

struct ets_model_fit {
  ets_form form;
  double alpha; ///< Of the level.
  std::optional<double> beta, gamma, phi;
  std::vector<double> states; ///< At the start: level, trend, season (oldest first).
  double loglik;              ///< As R's forecast::ets() counts it.
  double aicc;
  double error_sd; ///< Of one-step errors; with 'M' relative to the forecast.
  std::vector<double> forecasts;
};

/// Fits one form. `period` 1: no season. Smoothing weights within 0.0001 <= beta <= alpha
/// <= 0.9999, gamma <= 1 - alpha, 0.8 <= phi <= 0.98. Valid: finite, not constant, more
/// values than parameters + 1, at most ets_series_max; seasonal: 2 <= period <=
/// ets_season_max and two whole periods; multiplicative: values > 0; 1 <= h <= 10000.
outcome<ets_model_fit> ets_fit_form(const std::vector<double>& series,
                                    const ets_form& form, std::size_t period,
                                    std::size_t h);

/// The form with the least AICc among those that the series allows: 6 without, 15 with
/// season (period > 1), fewer if a value is not positive or the series is short.
outcome<ets_model_fit> ets_select(const std::vector<double>& series, std::size_t period,
                                  std::size_t h);

} // namespace crossdock::planning
