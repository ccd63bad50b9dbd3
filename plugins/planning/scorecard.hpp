/// A probability from many features, and why: logistic regression as credit scorecards
/// use it.
#pragma once

#include "planning/outcome.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace crossdock::planning {

struct scorecard {
  std::vector<std::string> features; ///< Names, in the order of the rest.
  std::vector<double> weights;       ///< Log odds per unit of the feature.
  double intercept = 0;
  std::vector<double> usual; ///< Of each feature: reasons are told against it.
};

struct score_reason {
  std::string feature;
  double
      contribution; ///< Log odds beyond those of the usual value; > 0: towards the event.
};

struct scored_probability {
  double probability; ///< Of the event (a default), 0..1.
  /// The features that raised it most, at most four: what a refusal must name.
  std::vector<score_reason> reasons;
};

constexpr std::size_t score_reasons_max = 4;

/// 1 / (1 + exp(-(intercept + sum weight * value))). Valid: a weight, a usual value and a
/// finite value per feature, at least one feature.
outcome<scored_probability> score(const scorecard& card,
                                  const std::vector<double>& values);

/// Most rows times features that are fitted.
constexpr std::size_t scorecard_cells_max = 10'000'000;

/// Maximum likelihood by iterated reweighted least squares, with a ridge penalty on the
/// weights (not the intercept) in units of the standardised features, so that separated
/// classes have an answer too. The usual values are the means. Valid: equally many rows
/// and events, each row one finite value per feature, both outcomes among the events, no
/// constant feature, ridge >= 0, at most 100 features. Error "ridge": the fit does not
/// settle; raise it.
outcome<scorecard> fit_scorecard(const std::vector<std::string>& features,
                                 const std::vector<std::vector<double>>& rows,
                                 const std::vector<bool>& event, double ridge = 1e-4);

} // namespace crossdock::planning
