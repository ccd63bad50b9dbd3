/// Which forecasting method suits a series: rolling origin among the candidates of its
/// demand class.
#pragma once

#include "planning/outcome.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace crossdock::planning {

struct method_score {
  std::string method;
  double mase;   ///< Mean absolute error of all origins over the naive error in sample.
  double bias;   ///< Sum of errors over sum of actuals.
  std::size_t n; ///< One-step forecasts that were compared.
};

struct selected_forecast {
  std::string method;
  double forecast; ///< Units per period.
  double error_sd; ///< Of its one-step errors, units: what safety stock is made of.
  std::vector<method_score> scores; ///< Best first.
};

/// Chooses by rolling origin: every period of the last `origins` is forecast from what
/// was known before it, by the candidates that suit the demand class (croston, sba, sbj,
/// tsb, adida for intermittent and lumpy items; naive, ses, damped Holt, mean and their
/// median for the others); the least mean absolute error wins, the simpler one of two
/// equals. Valid: quantities >= 0, at least 8 periods, 1 <= origins < length - 4.
outcome<selected_forecast> select_forecast(const std::vector<double>& series,
                                           std::size_t origins = 13);

} // namespace crossdock::planning
