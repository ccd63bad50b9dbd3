#include "planning/selection.hpp"

#include "planning/checks.hpp"
#include "planning/demand.hpp"
#include "planning/statistics.hpp"

#include <algorithm>
#include <cmath>

namespace crossdock::planning {

namespace {

constexpr double smoothing = 0.1;

/// One-step forecasters that are fed a period at a time, so that a rolling origin costs
/// one pass and not one per origin.
class candidate {
public:
  enum kind { naive, mean, ses_02, damped_holt, median, croston, sba, sbj, tsb_, adida_ };

  explicit candidate(kind k) : kind_(k) {}

  const char* name() const {
    static const char* const names[] = {"naive",   "mean", "ses", "damped_holt", "median",
                                        "croston", "sba",  "sbj", "tsb",         "adida"};
    return names[kind_];
  }

  kind which() const { return kind_; }
  double forecast() const { return forecast_; }
  void set(double forecast) { forecast_ = forecast; }

  void feed(double y) {
    ++n_;
    switch (kind_) {
    case naive:
      forecast_ = y;
      break;
    case mean:
      forecast_ += (y - forecast_) / static_cast<double>(n_);
      break;
    case ses_02:
      forecast_ = n_ == 1 ? y : forecast_ + 0.2 * (y - forecast_);
      break;
    case damped_holt:
      feed_holt(y);
      break;
    case median:
      break; // set() from the others
    case croston:
    case sba:
    case sbj:
      feed_croston(y);
      break;
    case tsb_:
      feed_tsb(y);
      break;
    case adida_:
      feed_adida(y);
      break;
    }
  }

private:
  void feed_holt(double y) {
    constexpr double alpha = 0.2, beta = 0.1, phi = 0.9;
    if (n_ == 1) {
      level_ = y;
    } else {
      const double level = alpha * y + (1 - alpha) * (level_ + phi * trend_);
      trend_ = beta * (level - level_) + (1 - beta) * phi * trend_;
      level_ = level;
    }
    forecast_ = std::max(0.0, level_ + phi * trend_);
  }

  void feed_croston(double y) {
    ++since_;
    if (y <= 0)
      return;
    const auto gap = static_cast<double>(since_);
    since_ = 0;
    level_ = level_ == 0 ? y : level_ + smoothing * (y - level_);
    interval_ = interval_ == 0 ? gap : interval_ + smoothing * (gap - interval_);
    const double factor = kind_ == sba   ? 1 - smoothing / 2
                          : kind_ == sbj ? 1 - smoothing / (2 - smoothing)
                                         : 1;
    forecast_ = factor * level_ / interval_;
  }

  void feed_tsb(double y) {
    ++since_;
    if (level_ == 0 && y > 0) { // the first demand: its interval is the first probability
      level_ = y;
      chance_ = 1 / static_cast<double>(since_);
    } else if (level_ > 0) {
      chance_ += 0.05 * ((y > 0 ? 1 : 0) - chance_);
      if (y > 0)
        level_ += smoothing * (y - level_);
    }
    forecast_ = chance_ * level_;
  }

  void feed_adida(double y) {
    // The bucket is the mean interval so far, at least 1; it is fixed when it begins.
    if (in_bucket_ == 0)
      bucket_ =
          demands_ == 0 ? 1 : std::max<std::size_t>(1, (n_ + demands_ / 2) / demands_);
    demands_ += y > 0 ? 1 : 0;
    sum_ += y;
    if (++in_bucket_ < bucket_)
      return;
    const double rate = sum_ / static_cast<double>(bucket_);
    forecast_ = buckets_++ == 0 ? rate : forecast_ + smoothing * (rate - forecast_);
    in_bucket_ = 0;
    sum_ = 0;
  }

  kind kind_;
  std::size_t n_ = 0;
  double forecast_ = 0;
  double level_ = 0, trend_ = 0, interval_ = 0, chance_ = 0, sum_ = 0;
  std::size_t since_ = 0, demands_ = 0, bucket_ = 1, in_bucket_ = 0, buckets_ = 0;
};

} // namespace

outcome<selected_forecast> select_forecast(const std::vector<double>& series,
                                           std::size_t origins) {
  checks c;
  c.series("series", series, 8)
      .all_not_negative("series", series)
      .that(origins >= 1 && origins + 4 < series.size(), "origins",
            "must leave at least 5 periods to learn from");
  if (c.failure())
    return *c.failure();
  selected_forecast selected{"none", 0, 0, {}};
  const auto cls = demand_class_sbc(series);
  if (!cls) // no demand at all: there is nothing to expect
    return selected;
  const bool sparse =
      cls->demand == demand_class::intermittent || cls->demand == demand_class::lumpy;
  std::vector<candidate> all;
  for (const auto kind :
       sparse ? std::vector<candidate::kind>{candidate::sba, candidate::croston,
                                             candidate::sbj, candidate::tsb_,
                                             candidate::adida_}
              : std::vector<candidate::kind>{candidate::naive, candidate::mean,
                                             candidate::ses_02, candidate::damped_holt,
                                             candidate::median})
    all.emplace_back(kind);
  struct errors {
    double absolute = 0, sum = 0, squares = 0;
  };
  std::vector<errors> of(all.size());
  double actual = 0;
  double naive_error = 0;
  const auto n = series.size();
  for (std::size_t t = 0; t < n; ++t) {
    if (t >= n - origins) {
      actual += series[t];
      for (std::size_t k = 0; k < all.size(); ++k) {
        const double e = series[t] - all[k].forecast();
        of[k].absolute += std::abs(e);
        of[k].sum += e;
        of[k].squares += e * e;
      }
    } else if (t > 0) {
      naive_error += std::abs(series[t] - series[t - 1]);
    }
    std::vector<double> others;
    for (auto& method : all) {
      if (method.which() == candidate::median) {
        method.set(median_of(others));
      } else {
        method.feed(series[t]);
        others.push_back(method.forecast());
      }
    }
  }
  const double scale = naive_error / static_cast<double>(n - origins - 1);
  std::size_t best = 0;
  for (std::size_t k = 0; k < all.size(); ++k) {
    if (of[k].absolute < of[best].absolute)
      best = k;
    const double mae = of[k].absolute / static_cast<double>(origins);
    selected.scores.push_back({all[k].name(), scale > 0 ? mae / scale : mae,
                               actual > 0 ? of[k].sum / actual : 0, origins});
  }
  selected.method = all[best].name();
  selected.forecast = all[best].forecast();
  selected.error_sd = std::sqrt(of[best].squares / static_cast<double>(origins));
  std::stable_sort(
      selected.scores.begin(), selected.scores.end(),
      [](const method_score& a, const method_score& b) { return a.mase < b.mase; });
  return selected;
}

} // namespace crossdock::planning
