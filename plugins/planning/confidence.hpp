/// How sure an agent may say it is: the calibrated probability, taken down by the quality
/// of the data it was computed from and capped until there is evidence.
#pragma once

#include "planning/calibration.hpp"
#include "planning/outcome.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace crossdock::planning {

/// Nobody is surer than this before `cap_until_outcomes` outcomes are known.
constexpr double unproven_cap = 0.60;
constexpr std::size_t cap_until_outcomes = 50;

/// What is known about the data behind one recommendation.
struct data_facts {
  double age_hours = 0;  ///< Age of the oldest fact used, hours, >= 0.
  double tau_hours = 24; ///< Age at which a fact keeps 1/e of its weight, hours, > 0.
  /// Observations behind the statistics used (demand days, deliveries, days picked).
  std::size_t samples = 0;
  bool missing_master_data = false; ///< A lead time, pack size or cost had to be assumed.
  bool unit_mismatch = false;       ///< Units or currencies that could not be reconciled.
  bool negative_on_hand = false;
  double record_accuracy = 1; ///< Share of right counts at the location, 0..1.
};

constexpr double sample_shrinkage = 5; ///< n / (n + 5).
constexpr double missing_master_data_factor = 0.5;
constexpr double unit_mismatch_factor = 0;
constexpr double negative_on_hand_factor = 0.6;

/// A factor below 1 and why, fit for a data-quality flag: "stale", "few_samples",
/// "missing_master_data", "unit_mismatch", "negative_on_hand", "record_accuracy".
struct quality_factor {
  std::string flag;
  double factor;
};

struct data_quality {
  double product = 1;                  ///< In [0, 1].
  std::vector<quality_factor> factors; ///< Only those below 1; they multiply to product.
};

/// exp(-age / tau) * n / (n + 5) * the factors above * record accuracy.
outcome<data_quality> judge_data(const data_facts& facts);

struct confidence {
  double value;     ///< What may be shown and compared with a threshold, [0, 1].
  double uncapped;  ///< Calibrated probability * data quality.
  bool capped;      ///< True when the cap lowered it.
  double raw_score; ///< The model's own, before calibration.
  double calibrated;
  data_quality data;
  confidence_basis basis;
};

/// calibrated probability * data quality, at most unproven_cap while fewer than
/// cap_until_outcomes outcomes are known (backtested outcomes count).
outcome<confidence> confidence_of(const calibrator& calibration, double raw_score,
                                  const data_facts& facts);

} // namespace crossdock::planning
