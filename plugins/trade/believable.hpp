/// Confidence that stays with what was seen, and what is shown of it.
#pragma once

#include <planning/confidence.hpp>

#include <crossdock/json.hpp>

#include <algorithm>
#include <cmath>

namespace crossdock::trade {

/// planning::confidence_of(), but where no outcome of the past had so low a score, never
/// surer than the score itself: a calibration says nothing of what it has not seen, and
/// the nearest outcomes were better ones.
inline planning::outcome<planning::confidence>
believable(const planning::calibrator& calibration, double score,
           const planning::data_facts& data) {
  auto sure = planning::confidence_of(calibration, score, data);
  if (!sure || sure->basis.n_samples == 0)
    return sure;
  auto c = *std::move(sure);
  if (c.basis.bin_samples == 0 || score < c.basis.bin_lower) {
    c.calibrated = std::min(c.calibrated, score);
    c.uncapped = std::min(c.uncapped, score * c.data.product);
    c.value = std::min(c.value, c.uncapped);
  }
  return c;
}

/// Probabilities are shown with four digits: more than any history supports.
inline double rounded(double p) {
  return std::round(p * 1e4) / 1e4;
}

/// What a confidence rests on, in the words of the catalogue.
inline sdk::json basis_of(const planning::confidence& sure) {
  sdk::json b{{"model", sure.basis.model},
              {"score", rounded(sure.raw_score)},
              {"n_samples", sure.basis.n_samples},
              {"calibrated", rounded(sure.calibrated)},
              {"data_quality", rounded(sure.data.product)},
              {"capped", sure.capped}};
  if (sure.basis.bin_hit_rate) {
    b["bin"] = {rounded(sure.basis.bin_lower), rounded(sure.basis.bin_upper)};
    b["bin_samples"] = sure.basis.bin_samples;
    b["bin_hit_rate"] = rounded(*sure.basis.bin_hit_rate);
  }
  return b;
}

} // namespace crossdock::trade
