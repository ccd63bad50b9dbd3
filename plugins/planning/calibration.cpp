#include "planning/calibration.hpp"

#include "planning/checks.hpp"

#include <cmath>
#include <functional>
#include <numeric>

namespace crossdock::planning {

namespace {

using bin_list = std::vector<calibration_bin>;

double as_number(std::size_t n) {
  return static_cast<double>(n);
}

// The bin (edges[b], edges[b + 1]] that holds x; the lowest edge belongs to the first.
std::size_t bin_of(double x, const std::vector<double>& edges) {
  const auto edge = std::lower_bound(edges.begin() + 1, edges.end() - 1, x);
  return static_cast<std::size_t>(edge - edges.begin()) - 1;
}

bin_list fit_histogram(const std::vector<scored_outcome>& outcomes, std::size_t count) {
  const auto edges = ten_bins();
  bin_list fitted;
  for (std::size_t b = 0; b + 1 < edges.size(); ++b)
    fitted.push_back({edges[b], edges[b + 1], 0, 0, 0});
  std::size_t hits = 0;
  for (std::size_t i = 0; i < count; ++i) {
    auto& bin = fitted[bin_of(outcomes[i].score, edges)];
    ++bin.samples;
    bin.hits += outcomes[i].success ? 1 : 0;
    hits += outcomes[i].success ? 1 : 0;
  }
  // Rule of succession: even the overall rate never claims certainty.
  const double overall = as_number(hits + 1) / as_number(count + 2);
  for (auto& bin : fitted)
    bin.probability = (as_number(bin.hits) + bin_shrinkage * overall) /
                      (as_number(bin.samples) + bin_shrinkage);
  return fitted;
}

bin_list fit_isotonic(const std::vector<scored_outcome>& outcomes, std::size_t count) {
  double lowest = 1;
  double highest = 0;
  std::vector<double> x;
  std::vector<double> y;
  for (std::size_t i = 0; i < count; ++i) {
    x.push_back(outcomes[i].score);
    y.push_back(outcomes[i].success ? 1 : 0);
    lowest = std::min(lowest, outcomes[i].score);
    highest = std::max(highest, outcomes[i].score);
  }
  x.push_back(lowest);
  y.push_back(1);
  x.push_back(highest);
  y.push_back(0);
  const auto blocks = isotonic_regression(x, y, std::vector<double>(x.size(), 1.0));
  bin_list fitted;
  if (!blocks)
    return fitted; // Unreachable: scores were checked and there are at least two.
  for (const auto& block : *blocks) {
    calibration_bin bin{block.lower, block.upper, block.value, 0, 0};
    for (std::size_t i = 0; i < count; ++i) {
      if (outcomes[i].score >= block.lower && outcomes[i].score <= block.upper) {
        ++bin.samples;
        bin.hits += outcomes[i].success ? 1 : 0;
      }
    }
    fitted.push_back(bin);
  }
  return fitted;
}

// Fits the first `count` (>= 1) outcomes.
bin_list fit_bins(calibration_model model, const std::vector<scored_outcome>& outcomes,
                  std::size_t count) {
  switch (model) {
  case calibration_model::histogram:
    return fit_histogram(outcomes, count);
  case calibration_model::isotonic:
    return fit_isotonic(outcomes, count);
  case calibration_model::none:
    break;
  }
  return {};
}

const calibration_bin& bin_for(const bin_list& fitted, double score) {
  std::size_t found = 0;
  for (std::size_t b = 1; b < fitted.size(); ++b) {
    const bool reaches = fitted[b - 1].upper == fitted[b].lower
                             ? score > fitted[b].lower // histogram: (lo, hi]
                             : score >= fitted[b].lower;
    if (reaches)
      found = b;
  }
  return fitted[found];
}

} // namespace

// -- quality ----------------------------------------------------------------------------
std::vector<double> ten_bins() {
  std::vector<double> edges;
  for (int i = 0; i <= 10; ++i)
    edges.push_back(i / 10.0);
  return edges;
}

outcome<calibration_quality> brier_ece(const std::vector<double>& confidence,
                                       const std::vector<bool>& correct,
                                       const std::vector<double>& edges) {
  checks check;
  check.that(!confidence.empty(), "confidence", "must have at least one entry")
      .same_length("correct", correct.size(), confidence.size())
      .all_finite("bins", edges)
      .that(edges.size() >= 2 &&
                std::adjacent_find(edges.begin(), edges.end(),
                                   std::greater_equal<double>()) == edges.end(),
            "bins", "must be at least two rising edges");
  for (const double p : confidence)
    check.probability("confidence", p)
        .that(edges.empty() || (p >= edges.front() && p <= edges.back()), "bins",
              "must cover every confidence");
  if (check.failure())
    return *check.failure();

  struct tally {
    double confidence = 0;
    double hits = 0;
  };
  std::vector<tally> tallies(edges.size() - 1);
  double squares = 0;
  for (std::size_t i = 0; i < confidence.size(); ++i) {
    const double hit = correct[i] ? 1 : 0;
    squares += (confidence[i] - hit) * (confidence[i] - hit);
    auto& bin = tallies[bin_of(confidence[i], edges)];
    bin.confidence += confidence[i];
    bin.hits += hit;
  }
  double gaps = 0; // n_b |accuracy - confidence| is the gap of the sums
  for (const auto& bin : tallies)
    gaps += std::abs(bin.hits - bin.confidence);
  const double n = as_number(confidence.size());
  return calibration_quality{squares / n, gaps / n};
}

// -- isotonic regression ----------------------------------------------------------------
outcome<std::vector<isotonic_block>>
isotonic_regression(const std::vector<double>& x, const std::vector<double>& y,
                    const std::vector<double>& weight) {
  checks check;
  check.that(!x.empty(), "x", "must have at least one entry")
      .all_finite("x", x)
      .all_finite("y", y)
      .same_length("y", y.size(), x.size())
      .same_length("weight", weight.size(), x.size());
  for (const double w : weight)
    check.positive("weight", w);
  if (check.failure())
    return *check.failure();

  std::vector<std::size_t> order(x.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return x[a] < x[b]; });

  std::vector<isotonic_block> blocks;
  const auto pool_last_two = [&] {
    const isotonic_block last = blocks.back();
    blocks.pop_back();
    auto& into = blocks.back();
    const double weight_of_both = into.weight + last.weight;
    into.value = (into.value * into.weight + last.value * last.weight) / weight_of_both;
    into.weight = weight_of_both;
    into.upper = last.upper;
  };
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::size_t at = order[i];
    blocks.push_back({x[at], x[at], y[at], weight[at]});
    if (blocks.size() > 1 && blocks[blocks.size() - 2].upper == x[at])
      pool_last_two();
    // A tie is complete only when the next x differs: pooling earlier would be undone.
    const bool more_ties = i + 1 < order.size() && x[order[i + 1]] == x[at];
    if (more_ties)
      continue;
    while (blocks.size() > 1 && blocks[blocks.size() - 2].value >= blocks.back().value)
      pool_last_two();
  }
  return blocks;
}

// -- calibrator -------------------------------------------------------------------------
const char* to_string(calibration_model model) {
  switch (model) {
  case calibration_model::none:
    return "none";
  case calibration_model::histogram:
    return "histogram";
  case calibration_model::isotonic:
    return "isotonic";
  }
  return "unknown";
}

outcome<calibrator> calibrator::fit(calibration_model model,
                                    const std::vector<scored_outcome>& outcomes) {
  checks check;
  for (const auto& o : outcomes)
    check.probability("score", o.score);
  if (check.failure())
    return *check.failure();

  calibrator fitted;
  fitted.n_samples_ = outcomes.size();
  if (outcomes.empty())
    return fitted;
  fitted.model_ = model;
  fitted.bins_ = fit_bins(model, outcomes, outcomes.size());

  // Each outcome is predicted from earlier ones; refitting about 200 times is enough to
  // see the quality and bounds the cost.
  constexpr std::size_t refits_max = 200;
  const std::size_t stride = std::max<std::size_t>(1, outcomes.size() / refits_max);
  std::vector<double> predicted;
  std::vector<bool> correct;
  bin_list earlier;
  for (std::size_t i = evaluation_warm_up; i < outcomes.size(); ++i) {
    if ((i - evaluation_warm_up) % stride == 0)
      earlier = fit_bins(model, outcomes, i);
    predicted.push_back(earlier.empty()
                            ? outcomes[i].score
                            : bin_for(earlier, outcomes[i].score).probability);
    correct.push_back(outcomes[i].success);
  }
  if (!predicted.empty()) {
    const auto quality = brier_ece(predicted, correct);
    if (!quality)
      return quality.error();
    fitted.quality_ = *quality;
    fitted.n_evaluated_ = predicted.size();
  }
  return fitted;
}

outcome<calibrated_score> calibrator::of(double score) const {
  if (auto wrong = checks().probability("score", score).failure())
    return *wrong;
  calibrated_score result{score, score, {}};
  result.basis.model = to_string(model_);
  result.basis.n_samples = n_samples_;
  result.basis.n_evaluated = n_evaluated_;
  if (quality_) {
    result.basis.brier = quality_->brier;
    result.basis.ece = quality_->ece;
  }
  if (bins_.empty())
    return result;
  const auto& bin = bin_for(bins_, score);
  result.probability = bin.probability;
  result.basis.bin_lower = bin.lower;
  result.basis.bin_upper = bin.upper;
  result.basis.bin_samples = bin.samples;
  if (bin.samples > 0)
    result.basis.bin_hit_rate = as_number(bin.hits) / as_number(bin.samples);
  return result;
}

std::optional<double> base_rate_brier(const std::vector<scored_outcome>& outcomes) {
  double hits = 0;
  double squares = 0;
  std::size_t n = 0;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const double y = outcomes[i].success ? 1 : 0;
    if (i >= evaluation_warm_up) {
      const double miss = hits / as_number(i) - y;
      squares += miss * miss;
      ++n;
    }
    hits += y;
  }
  if (n == 0)
    return std::nullopt;
  return squares / as_number(n);
}

} // namespace crossdock::planning
