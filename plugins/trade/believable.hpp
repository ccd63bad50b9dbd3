/// Confidence that stays with what was seen.
#pragma once

#include <planning/confidence.hpp>

#include <algorithm>

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

} // namespace crossdock::trade
