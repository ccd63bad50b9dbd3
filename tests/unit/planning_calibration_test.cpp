#include "planning/calibration.hpp"
#include "planning/confidence.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <numeric>
#include <random>
#include <vector>

using namespace crossdock::planning;

namespace {

// Scores whose true probability is score^2: confident, but too much so.
std::vector<scored_outcome> overconfident(std::size_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> any(0, 1);
  std::vector<scored_outcome> outcomes;
  for (std::size_t i = 0; i < n; ++i) {
    const double score = any(random);
    outcomes.push_back({score, any(random) < score * score});
  }
  return outcomes;
}

calibrator fitted(calibration_model model, const std::vector<scored_outcome>& outcomes) {
  return *calibrator::fit(model, outcomes);
}

data_facts good_data() {
  data_facts facts;
  facts.samples = 1000000;
  return facts;
}

} // namespace

// -- isotonic regression ----------------------------------------------------------------
TEST_CASE("pooled violators rise strictly and keep the weighted mean", "[planning]") {
  const unsigned seed = 577;
  CAPTURE(seed);
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> grid(0, 20); // many ties
  std::normal_distribution<double> noise(0, 1);
  std::uniform_real_distribution<double> positive(0.1, 3);
  for (int round = 0; round < 300; ++round) {
    std::vector<double> x;
    std::vector<double> y;
    std::vector<double> w;
    double sum = 0;
    for (int i = 0; i < 1 + round % 60; ++i) {
      x.push_back(grid(random));
      y.push_back(0.1 * x.back() + noise(random));
      w.push_back(positive(random));
      sum += y.back() * w.back();
    }
    const auto blocks = isotonic_regression(x, y, w);
    double fitted_sum = 0;
    double weight = 0;
    for (std::size_t b = 0; b < blocks->size(); ++b) {
      const auto& block = (*blocks)[b];
      CHECK(block.lower <= block.upper);
      if (b > 0) {
        CHECK(block.lower > (*blocks)[b - 1].upper);
        CHECK(block.value > (*blocks)[b - 1].value);
      }
      fitted_sum += block.value * block.weight;
      weight += block.weight;
    }
    CHECK(fitted_sum == Approx(sum).margin(1e-9));
    CHECK(weight == Approx(std::accumulate(w.begin(), w.end(), 0.0)));
  }
}

TEST_CASE("isotonic regression gives the textbook pooling", "[planning]") {
  const auto blocks =
      isotonic_regression({1, 2, 3, 4, 5}, {1, 3, 2, 4, 3.5}, {1, 1, 1, 1, 1});
  REQUIRE(blocks->size() == 3);
  CHECK((*blocks)[0].value == 1);
  CHECK((*blocks)[1].value == 2.5);
  CHECK((*blocks)[2].value == 3.75);
  CHECK(isotonic_regression({}, {}, {}).error().field == "x");
  CHECK(isotonic_regression({1}, {1}, {0}).error().field == "weight");
}

// -- quality ----------------------------------------------------------------------------
TEST_CASE("a calibration that says what happens has no error", "[planning]") {
  const auto r = brier_ece({0.75, 0.75, 0.75, 0.75, 0, 1}, {1, 1, 1, 0, 0, 1});
  CHECK(r->ece == Approx(0).margin(1e-12));
  CHECK(r->brier == Approx((3 * 0.0625 + 0.5625) / 6));
  CHECK(brier_ece({}, {}).error().field == "confidence");
  CHECK(brier_ece({1.2}, {1}).error().field == "confidence");
  CHECK(brier_ece({0.9}, {1}, {0, 0.5}).error().field == "bins");
  CHECK(brier_ece({0.4}, {1}, {0.5, 0.2}).error().field == "bins");
}

// -- calibrator -------------------------------------------------------------------------
TEST_CASE("calibration takes overconfident scores down to their hit rate", "[planning]") {
  const unsigned seed = 11;
  CAPTURE(seed);
  const auto outcomes = overconfident(3000, seed);
  for (const auto model : {calibration_model::histogram, calibration_model::isotonic}) {
    CAPTURE(to_string(model));
    const auto c = fitted(model, outcomes);
    CHECK(c.of(0.55)->probability == Approx(0.55 * 0.55).margin(0.08));
    CHECK(c.of(0.85)->probability == Approx(0.85 * 0.85).margin(0.08));
    const auto raw = fitted(calibration_model::none, outcomes);
    REQUIRE(c.quality());
    CHECK(c.quality()->ece < raw.quality()->ece / 2);
    CHECK(c.quality()->brier < raw.quality()->brier);
  }
}

TEST_CASE("a calibrated probability shows what it rests on", "[planning]") {
  std::vector<scored_outcome> outcomes;
  for (int i = 0; i < 40; ++i) {
    outcomes.push_back({0.75, i % 4 != 0});
    outcomes.push_back({0.15, i % 10 == 0});
  }
  const auto score = *fitted(calibration_model::histogram, outcomes).of(0.72);
  CHECK(score.basis.model == "histogram");
  CHECK(score.basis.n_samples == 80);
  CHECK(score.basis.bin_lower == Approx(0.7));
  CHECK(score.basis.bin_upper == Approx(0.8));
  CHECK(score.basis.bin_samples == 40);
  CHECK(*score.basis.bin_hit_rate == Approx(0.75));
  CHECK(score.basis.n_evaluated == 60);
  CHECK(*score.basis.brier < 0.25);
  CHECK(score.basis.ece);
  const auto empty_bin = *fitted(calibration_model::histogram, outcomes).of(0.95);
  CHECK(empty_bin.basis.bin_samples == 0);
  CHECK_FALSE(empty_bin.basis.bin_hit_rate);
  CHECK(empty_bin.probability == Approx(35.0 / 82)); // the overall rate
}

TEST_CASE("calibration never claims certainty and isotonic never reverses",
          "[planning]") {
  for (const bool always : {false, true}) {
    std::vector<scored_outcome> outcomes;
    for (int i = 0; i < 30; ++i)
      outcomes.push_back({i / 30.0, always});
    for (const auto model : {calibration_model::histogram, calibration_model::isotonic}) {
      CAPTURE(always, to_string(model));
      const auto c = fitted(model, outcomes);
      double before = 0;
      for (int i = 0; i <= 100; ++i) {
        const double p = c.of(i / 100.0)->probability;
        CHECK(p > 0);
        CHECK(p < 1);
        if (model == calibration_model::isotonic) {
          CHECK(p >= before);
        }
        before = p;
      }
    }
  }
}

TEST_CASE("without outcomes a score stays what it is and says so", "[planning]") {
  const auto c = fitted(calibration_model::isotonic, {});
  const auto score = *c.of(0.8);
  CHECK(score.probability == 0.8);
  CHECK(score.basis.model == "none");
  CHECK_FALSE(score.basis.brier);
  CHECK(c.of(1.1).error().field == "score");
  CHECK(calibrator::fit(calibration_model::histogram, {{-0.1, true}}).error().field ==
        "score");
}

TEST_CASE("quality is measured only on outcomes that were still unknown", "[planning]") {
  // Success is a coin whatever the score: a fit that saw its own answers would look good.
  std::mt19937 random(5);
  std::vector<scored_outcome> coins;
  for (int i = 0; i < 400; ++i)
    coins.push_back({(i % 400) / 400.0, random() % 2 == 0});
  for (const auto model : {calibration_model::histogram, calibration_model::isotonic})
    CHECK(fitted(model, coins).quality()->brier > 0.245);
  const auto few = fitted(calibration_model::histogram, overconfident(20, 1));
  CHECK_FALSE(few.quality());
}

// -- backtest ---------------------------------------------------------------------------
TEST_CASE("a backtest scores each case with what was known before it", "[planning]") {
  struct shipment {
    int ordered;
    int arrived;
  };
  const std::vector<shipment> history{{5, 9}, {1, 7}, {2, 3}, {9, 12}, {9, 10}, {20, 21}};
  std::vector<int> asked;
  const auto scored = rolling_origin(
      history, [](const shipment& s) { return s.ordered; },
      [](const shipment& s) { return s.arrived; },
      [&](const shipment& s, const std::vector<const shipment*>& known) {
        for (const auto* k : known)
          CHECK(k->arrived < s.ordered);
        asked.push_back(s.ordered);
        return known.empty() ? std::nullopt
                             : std::optional<double>(0.1 * double(known.size()));
      },
      [](const shipment& s) { return s.arrived - s.ordered <= 2; });
  CHECK(asked == std::vector<int>{1, 2, 5, 9, 9, 20});
  REQUIRE(scored.size() == 4); // 1 and 2 had no history
  CHECK(scored[0].score == Approx(0.1));
  CHECK_FALSE(scored[0].success);
  CHECK(scored[1].score == Approx(0.2)); // arrived on day 9 is not known on day 9
  CHECK(scored[3].score == Approx(0.5));
  CHECK(scored[3].success);
}

// -- confidence -------------------------------------------------------------------------
TEST_CASE("confidence is capped until fifty outcomes are known", "[planning]") {
  const auto outcomes = [](std::size_t n) {
    return std::vector<scored_outcome>(n, scored_outcome{0.9, true});
  };
  const auto before =
      *confidence_of(fitted(calibration_model::isotonic, outcomes(49)), 0.9, good_data());
  CHECK(before.value == unproven_cap);
  CHECK(before.capped);
  CHECK(before.uncapped > 0.9);
  const auto after =
      *confidence_of(fitted(calibration_model::isotonic, outcomes(50)), 0.9, good_data());
  CHECK_FALSE(after.capped);
  CHECK(after.value > 0.9);
  const auto unsure =
      *confidence_of(fitted(calibration_model::none, {}), 0.3, good_data());
  CHECK_FALSE(unsure.capped);
  CHECK(unsure.value == Approx(0.3).epsilon(1e-4));
}

TEST_CASE("each flaw of the data takes its share of confidence and is named",
          "[planning]") {
  auto facts = good_data();
  CHECK(judge_data(facts)->product == Approx(1).epsilon(1e-4));

  facts.samples = 15;
  facts.age_hours = 24;
  facts.tau_hours = 48;
  facts.missing_master_data = true;
  facts.negative_on_hand = true;
  facts.record_accuracy = 0.9;
  const auto q = *judge_data(facts);
  CHECK(q.product == Approx(std::exp(-0.5) * 15 / 20 * 0.5 * 0.6 * 0.9));
  double product = 1;
  for (const auto& f : q.factors)
    product *= f.factor;
  CHECK(product == Approx(q.product));
  CHECK(q.factors.size() == 5);

  facts.unit_mismatch = true;
  CHECK(judge_data(facts)->product == 0);
  facts.samples = 0;
  CHECK(judge_data(facts)->product == 0);
  facts.tau_hours = 0;
  CHECK(judge_data(facts).error().field == "tau_hours");
}

TEST_CASE("the base rate's Brier score is that of guessing the hit rate so far",
          "[planning]") {
  std::vector<scored_outcome> outcomes(evaluation_warm_up, {0.5, true});
  CHECK_FALSE(base_rate_brier(outcomes));
  outcomes.push_back({0.5, false}); // guessed 1, was 0
  CHECK(*base_rate_brier(outcomes) == Approx(1));
  outcomes.push_back({0.5, true}); // guessed 20 of 21
  CHECK(*base_rate_brier(outcomes) == Approx((1 + 1 / (21.0 * 21.0)) / 2));
}
