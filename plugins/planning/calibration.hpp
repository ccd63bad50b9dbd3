/// From a raw score to a probability that can be believed: calibration on outcomes, its
/// quality, and a backtest that never looks ahead. What becomes of that probability is in
/// confidence.hpp.
#pragma once

#include "planning/outcome.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace crossdock::planning {

/// A score given before the fact, and whether the declared success test was met.
struct scored_outcome {
  double score; ///< In [0, 1].
  bool success;
};

// -- quality ----------------------------------------------------------------------------
struct calibration_quality {
  double brier; ///< mean (p - y)^2 (Brier 1950); 0 is perfect, 0.25 is a coin.
  double ece; ///< Expected calibration error (Guo et al. 2017): sum n_b/n |hits - conf|.
};

/// Ten equal bins on 0..1: the edges that the rest of this header uses.
std::vector<double> ten_bins();

/// `bins`: rising edges; a value belongs to the bin (lo, hi], and the lowest edge to the
/// first bin. Valid: equally many (at least one) confidences in 0..1 and outcomes, at
/// least two edges that cover every confidence.
outcome<calibration_quality> brier_ece(const std::vector<double>& confidence,
                                       const std::vector<bool>& correct,
                                       const std::vector<double>& bins = ten_bins());

// -- isotonic regression ----------------------------------------------------------------
/// A stretch of x on which the fit is constant.
struct isotonic_block {
  double lower; ///< Smallest x in the block.
  double upper; ///< Largest x in the block.
  double value; ///< Weighted mean of y.
  double weight;
};

/// Least-squares fit that never falls with x: pool adjacent violators (Ayer et al. 1955).
/// Equal x are pooled first. Blocks come with rising x and strictly rising value; the
/// weighted mean of y is preserved.
/// Valid: equally many (at least one) finite x and y, weights > 0.
outcome<std::vector<isotonic_block>>
isotonic_regression(const std::vector<double>& x, const std::vector<double>& y,
                    const std::vector<double>& weight);

// -- calibrator -------------------------------------------------------------------------
enum class calibration_model {
  none,      ///< No outcomes: the score as it is.
  histogram, ///< Hit rate of ten equal bins, shrunk to the overall rate by bin_shrinkage.
  isotonic ///< Monotone fit; one imagined failure at the top, one success at the bottom.
};

/// "none", "histogram", "isotonic".
const char* to_string(calibration_model model);

/// Outcomes that a bin is credited at the overall rate (a proposal, to be tuned).
constexpr double bin_shrinkage = 5;

/// Outcomes that must be known before a later one is predicted for brier and ece.
constexpr std::size_t evaluation_warm_up = 20;

/// What a calibrated probability rests on: what a planner is shown beside it.
struct confidence_basis {
  std::string model;         ///< to_string(calibration_model).
  std::size_t n_samples = 0; ///< Outcomes the calibration was fitted on.
  double bin_lower = 0;      ///< Range of scores that were treated alike.
  double bin_upper = 1;
  std::size_t bin_samples = 0;        ///< Outcomes in that range.
  std::optional<double> bin_hit_rate; ///< Their share of successes, unsmoothed.
  /// Quality of predictions made from earlier outcomes only; empty until
  /// evaluation_warm_up + 1 outcomes exist.
  std::optional<double> brier;
  std::optional<double> ece;
  std::size_t n_evaluated = 0; ///< Predictions behind brier and ece.
};

struct calibrated_score {
  double score;       ///< As given.
  double probability; ///< Calibrated, in [0, 1]; rises with the score for `isotonic`.
  confidence_basis basis;
};

/// Scores treated alike. A score between two bins belongs to the lower one: never more
/// confident than the evidence.
struct calibration_bin {
  double lower;
  double upper;
  double probability;
  std::size_t samples;
  std::size_t hits;
};

/// Maps scores to probabilities. Immutable once fitted.
class calibrator {
public:
  /// `outcomes` oldest first (brier and ece depend on the order). With none, the model is
  /// `none` whatever was asked for. Valid: scores in 0..1. Cost: O(n log n) a fit, about
  /// 200 fits for the quality.
  static outcome<calibrator> fit(calibration_model model,
                                 const std::vector<scored_outcome>& outcomes);

  /// Valid: 0 <= score <= 1.
  outcome<calibrated_score> of(double score) const;

  std::size_t n_samples() const { return n_samples_; }
  const std::optional<calibration_quality>& quality() const { return quality_; }

  /// Rising ranges of scores; empty for `none`.
  const std::vector<calibration_bin>& bins() const { return bins_; }

private:
  calibration_model model_ = calibration_model::none;
  std::vector<calibration_bin> bins_;
  std::size_t n_samples_ = 0;
  std::optional<calibration_quality> quality_;
  std::size_t n_evaluated_ = 0;
};

/// Brier score of always saying the hit rate so far, on the outcomes on which quality()
/// is measured: what a calibration has to beat. Empty below evaluation_warm_up + 1
/// outcomes.
std::optional<double> base_rate_brier(const std::vector<scored_outcome>& outcomes);

// -- backtest ---------------------------------------------------------------------------
/// Rolling-origin backtest: each case is scored using only the cases whose outcome was
/// known before it was decided, as if it had been live.
///   decided_at(c) -> comparable time of the decision (e.g. day_number)
///   known_at(c)   -> time from which its outcome was known (strictly before: usable)
///   score(c, const std::vector<const Case*>& known) -> std::optional<double>; empty when
///                    the history did not suffice, the case is then left out
///   success(c)    -> bool
/// Answers scored outcomes by time of decision (equal times keep their order), ready for
/// calibrator::fit(). `known` is ordered by known_at.
template <class Case, class DecidedAt, class KnownAt, class Score, class Success>
std::vector<scored_outcome> rolling_origin(const std::vector<Case>& cases,
                                           DecidedAt decided_at, KnownAt known_at,
                                           Score score, Success success) {
  std::vector<const Case*> by_decision;
  for (const auto& c : cases)
    by_decision.push_back(&c);
  std::vector<const Case*> by_knowledge = by_decision;
  std::stable_sort(
      by_decision.begin(), by_decision.end(),
      [&](const Case* a, const Case* b) { return decided_at(*a) < decided_at(*b); });
  std::stable_sort(
      by_knowledge.begin(), by_knowledge.end(),
      [&](const Case* a, const Case* b) { return known_at(*a) < known_at(*b); });

  std::vector<scored_outcome> scored;
  std::vector<const Case*> known;
  auto next = by_knowledge.begin();
  for (const Case* c : by_decision) {
    while (next != by_knowledge.end() && known_at(**next) < decided_at(*c))
      known.push_back(*next++);
    if (const std::optional<double> s = score(*c, known))
      scored.push_back({*s, static_cast<bool>(success(*c))});
  }
  return scored;
}

} // namespace crossdock::planning
