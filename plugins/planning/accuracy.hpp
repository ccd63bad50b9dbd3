/// How good a forecast was.
#pragma once

#include "planning/outcome.hpp"

#include <cstddef>
#include <vector>

namespace crossdock::planning {

enum class benchmark_method { naive, seasonal_naive, mean, drift };

struct accuracy {
  double me, rmse, mae, mape, mase; ///< MAPE in percent, NaN where an actual is 0.
};

/// Errors of a benchmark forecast made at `train_end_1based` for the next `h` periods;
/// MASE is scaled by the in-sample (seasonal) naive error (Hyndman & Koehler 2006).
/// Valid: train_end + h within the series, train_end > period. Error "series": constant
/// in sample, so that MASE has no scale.
outcome<accuracy> forecast_accuracy(const std::vector<double>& series,
                                    std::size_t train_end_1based, benchmark_method method,
                                    std::size_t period, std::size_t h);

struct bias_figures {
  double wape;            ///< Sum |e| / sum of actuals.
  double bias;            ///< (Sum of forecasts - sum of actuals) / sum of actuals.
  double tracking_signal; ///< Sum (actual - forecast) / mean |e|; 0 when all are exact.
};

/// Valid: equally long, at least one period, actuals that do not add up to 0.
outcome<bias_figures> bias_metrics(const std::vector<double>& actual,
                                   const std::vector<double>& forecast);

/// Loss of a quantile forecast (Koenker & Bassett 1978). Valid: 0 < quantile < 1.
outcome<double> pinball_loss(double quantile, double actual, double forecast);

/// Root mean squared scaled error of M5; scaling starts with the step to the first
/// non-zero period.
/// Valid: at least two periods from there on, not all equal; equally long actuals and
/// forecasts.
outcome<double> rmsse(const std::vector<double>& insample,
                      const std::vector<double>& actual,
                      const std::vector<double>& forecast);

} // namespace crossdock::planning
