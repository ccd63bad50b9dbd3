#include "planning/confidence.hpp"

#include "planning/checks.hpp"

#include <cmath>

namespace crossdock::planning {

outcome<data_quality> judge_data(const data_facts& facts) {
  if (auto wrong = checks()
                       .not_negative("age_hours", facts.age_hours)
                       .positive("tau_hours", facts.tau_hours)
                       .probability("record_accuracy", facts.record_accuracy)
                       .failure())
    return *wrong;
  data_quality quality;
  const auto apply = [&](const char* flag, double factor) {
    if (factor >= 1)
      return;
    quality.product *= factor;
    quality.factors.push_back({flag, factor});
  };
  const auto n = static_cast<double>(facts.samples);
  apply("stale", std::exp(-facts.age_hours / facts.tau_hours));
  apply("few_samples", n / (n + sample_shrinkage));
  apply("missing_master_data",
        facts.missing_master_data ? missing_master_data_factor : 1.0);
  apply("unit_mismatch", facts.unit_mismatch ? unit_mismatch_factor : 1.0);
  apply("negative_on_hand", facts.negative_on_hand ? negative_on_hand_factor : 1.0);
  apply("record_accuracy", facts.record_accuracy);
  return quality;
}

outcome<confidence> confidence_of(const calibrator& calibration, double raw_score,
                                  const data_facts& facts) {
  const auto score = calibration.of(raw_score);
  if (!score)
    return score.error();
  const auto data = judge_data(facts);
  if (!data)
    return data.error();
  const double uncapped = score->probability * data->product;
  const bool capped =
      calibration.n_samples() < cap_until_outcomes && uncapped > unproven_cap;
  return confidence{capped ? unproven_cap : uncapped,
                    uncapped,
                    capped,
                    raw_score,
                    score->probability,
                    *data,
                    score->basis};
}

} // namespace crossdock::planning
