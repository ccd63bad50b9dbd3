#include "planning/forecast.hpp"

#include "planning/checks.hpp"
#include "planning/demand.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace crossdock::planning {
namespace {

constexpr std::size_t horizon_max = 10'000;

checks& wrong_series(checks& c, const char* field, const std::vector<double>& series,
                     std::size_t least) {
  return c
      .that(series.size() >= least, field,
            "must have at least " + std::to_string(least) +
                (least == 1 ? " value" : " values"))
      .that(series.size() <= series_max, field, "must have at most 2000000 values")
      .all_finite(field, series);
}

checks& weight(checks& c, const char* field, double x) {
  return c.that(x > 0 && x <= 1, field, "must be greater than 0 and at most 1");
}

checks& horizon(checks& c, std::size_t h) {
  return c.that(h >= 1 && h <= horizon_max, "h", "must lie between 1 and 10000");
}

double mean_of(const std::vector<double>& xs) {
  return std::accumulate(xs.begin(), xs.end(), 0.0) / static_cast<double>(xs.size());
}

double median_of(std::vector<double> xs) {
  const auto middle = xs.begin() + static_cast<long>(xs.size() / 2);
  std::nth_element(xs.begin(), middle, xs.end());
  if (xs.size() % 2 == 1)
    return *middle;
  return (*middle + *std::max_element(xs.begin(), middle)) / 2;
}

// SES errors are linear in the first level: e_t = a_t - b_t level0. The best level for an
// alpha is least squares.
struct ses_at {
  double level0;
  double level;
  double sse;
};

ses_at best_ses(const std::vector<double>& y, double alpha) {
  double from_data = 0; // level_t = from_data + remains * level0
  double remains = 1;
  double ab = 0, bb = 0, aa = 0;
  for (const double x : y) {
    const double a = x - from_data;
    aa += a * a;
    ab += a * remains;
    bb += remains * remains;
    from_data += alpha * (x - from_data);
    remains *= 1 - alpha;
  }
  const double level0 = ab / bb;
  // Once more with the level known: aa - ab^2 / bb would cancel.
  ses_at at{level0, level0, 0};
  for (const double x : y) {
    const double e = x - at.level;
    at.sse += e * e;
    at.level += alpha * e;
  }
  return at;
}

constexpr double alpha_min = 0.0001;
constexpr double alpha_max = 0.9999;

/// The alpha with the least SSE: a grid finds the valley, golden section its bottom.
double best_alpha(const std::vector<double>& y) {
  constexpr int steps = 40;
  const auto at = [](int k) {
    return alpha_min + (alpha_max - alpha_min) * k / static_cast<double>(steps);
  };
  int best = 0;
  double least = std::numeric_limits<double>::infinity();
  for (int k = 0; k <= steps; ++k) {
    const double sse = best_ses(y, at(k)).sse;
    if (sse < least) {
      least = sse;
      best = k;
    }
  }
  double low = at(std::max(best - 1, 0));
  double high = at(std::min(best + 1, steps));
  constexpr double golden = 0.6180339887498949;
  double x1 = high - golden * (high - low), x2 = low + golden * (high - low);
  double f1 = best_ses(y, x1).sse, f2 = best_ses(y, x2).sse;
  while (high - low > 1e-9) {
    if (f1 <= f2) {
      high = x2;
      x2 = x1;
      f2 = f1;
      x1 = high - golden * (high - low);
      f1 = best_ses(y, x1).sse;
    } else {
      low = x1;
      x1 = x2;
      f1 = f2;
      x2 = low + golden * (high - low);
      f2 = best_ses(y, x2).sse;
    }
  }
  const double inside = (low + high) / 2;
  for (const double edge : {alpha_min, alpha_max})
    if (best_ses(y, edge).sse <= best_ses(y, inside).sse)
      return edge;
  return inside;
}

/// Autocorrelations 1..lags.
std::vector<double> autocorrelation(const std::vector<double>& y, std::size_t lags) {
  const double mean = mean_of(y);
  double all = 0;
  for (const double x : y)
    all += (x - mean) * (x - mean);
  std::vector<double> r;
  for (std::size_t lag = 1; lag <= lags; ++lag) {
    double sum = 0;
    for (std::size_t t = lag; t < y.size(); ++t)
      sum += (y[t] - mean) * (y[t - lag] - mean);
    r.push_back(all > 0 ? sum / all : 0);
  }
  return r;
}

/// Classical multiplicative figures, one per period, mean 1 (as R's decompose()).
std::vector<double> seasonal_figures(const std::vector<double>& y, std::size_t period) {
  std::vector<double> sum(period, 0.0);
  std::vector<double> count(period, 0.0);
  const std::size_t half = period / 2;
  for (std::size_t t = half; t + half < y.size(); ++t) {
    double trend = 0;
    for (std::size_t k = t - half; k <= t + half; ++k) {
      const bool edge = period % 2 == 0 && (k == t - half || k == t + half);
      trend += edge ? y[k] / 2 : y[k];
    }
    trend /= static_cast<double>(period);
    if (trend != 0) {
      sum[t % period] += y[t] / trend;
      count[t % period] += 1;
    }
  }
  for (std::size_t k = 0; k < period; ++k)
    sum[k] = count[k] > 0 ? sum[k] / count[k] : 1;
  const double mean = mean_of(sum);
  for (double& x : sum)
    x /= mean;
  return sum;
}

} // namespace

// -- exponential smoothing --------------------------------------------------------------
outcome<double> ses(const std::vector<double>& series, double alpha, ses_init init) {
  checks c;
  if (weight(wrong_series(c, "series", series, 1), "alpha", alpha).failure())
    return *c.failure();
  double level = init == ses_init::mean ? mean_of(series) : series.front();
  for (std::size_t t = init == ses_init::mean ? 0 : 1; t < series.size(); ++t)
    level += alpha * (series[t] - level);
  return level;
}

outcome<trend_forecast> holt_linear(const std::vector<double>& series, double alpha,
                                    double beta, double level0, double trend0,
                                    std::size_t start_index_1based, std::size_t h) {
  checks c;
  horizon(wrong_series(c, "series", series, 1), h)
      .probability("alpha", alpha)
      .probability("beta", beta)
      .finite("level0", level0)
      .finite("trend0", trend0)
      .that(start_index_1based >= 1 && start_index_1based <= series.size(),
            "start_index_1based", "must lie within the series");
  if (c.failure())
    return *c.failure();
  trend_forecast f{{}, level0, trend0, 0};
  for (std::size_t t = start_index_1based - 1; t < series.size(); ++t) {
    const double expected = f.level + f.trend;
    f.sse += (series[t] - expected) * (series[t] - expected);
    const double level = alpha * series[t] + (1 - alpha) * expected;
    f.trend = beta * (level - f.level) + (1 - beta) * f.trend;
    f.level = level;
  }
  for (std::size_t k = 1; k <= h; ++k)
    f.forecasts.push_back(f.level + static_cast<double>(k) * f.trend);
  return f;
}

outcome<trend_forecast> holt_winters(const std::vector<double>& series, season_kind kind,
                                     double alpha, double beta, double gamma,
                                     double level0, double trend0,
                                     const std::vector<double>& season0,
                                     std::size_t start_index_1based, std::size_t h) {
  checks c;
  horizon(wrong_series(c, "series", series, 1), h)
      .probability("alpha", alpha)
      .probability("beta", beta)
      .probability("gamma", gamma)
      .finite("level0", level0)
      .finite("trend0", trend0)
      .that(!season0.empty(), "season0", "must have one figure per period of a season")
      .all_finite("season0", season0)
      .that(start_index_1based >= 1 && start_index_1based <= series.size(),
            "start_index_1based", "must lie within the series");
  if (c.failure())
    return *c.failure();
  const bool multiplies = kind == season_kind::multiplicative;
  trend_forecast f{{}, level0, trend0, 0};
  auto season = season0;
  std::size_t at = 0;
  for (std::size_t t = start_index_1based - 1; t < series.size(); ++t) {
    const double x = series[t];
    const double base = f.level + f.trend;
    const double s = season[at];
    const double expected = multiplies ? base * s : base + s;
    f.sse += (x - expected) * (x - expected);
    if (multiplies && s == 0)
      return domain_error{"season0", "must not hold 0 for a multiplicative season"};
    const double level = alpha * (multiplies ? x / s : x - s) + (1 - alpha) * base;
    if (multiplies && level == 0)
      return domain_error{"series",
                          "brings the level to 0, where a multiplicative season "
                          "is not defined"};
    f.trend = beta * (level - f.level) + (1 - beta) * f.trend;
    season[at] = gamma * (multiplies ? x / level : x - level) + (1 - gamma) * s;
    f.level = level;
    at = (at + 1) % season.size();
  }
  for (std::size_t k = 1; k <= h; ++k) {
    const double base = f.level + static_cast<double>(k) * f.trend;
    const double s = season[(at + k - 1) % season.size()];
    f.forecasts.push_back(multiplies ? base * s : base + s);
  }
  return f;
}

outcome<ets_fit> ets_ann_fit(const std::vector<double>& series) {
  checks c;
  if (wrong_series(c, "series", series, 4).failure())
    return *c.failure();
  const double alpha = best_alpha(series);
  const auto at = best_ses(series, alpha);
  const auto n = static_cast<double>(series.size());
  if (!(at.sse > 0) || !std::isfinite(at.sse))
    return domain_error{"series", at.sse > 0
                                      ? "holds values too large to square"
                                      : "is constant: its likelihood is unbounded"};
  const double loglik = -n / 2 * std::log(at.sse);
  const double aicc =
      n > 4 ? -2 * loglik + 6 + 24 / (n - 4) : std::numeric_limits<double>::infinity();
  return ets_fit{alpha, at.level0, loglik, at.sse, aicc, at.level};
}

outcome<theta_forecast> theta(const std::vector<double>& series, std::size_t period,
                              std::size_t h) {
  checks c;
  horizon(wrong_series(c, "series", series, 4), h)
      .that(period >= 1 && period <= series.size(), "period",
            "must lie between 1 and the length of the series");
  if (c.failure())
    return *c.failure();
  const auto n = series.size();
  theta_forecast f{{}, 0, 0, false};
  auto adjusted = series;
  std::vector<double> season(period, 1.0);
  const bool constant =
      std::all_of(series.begin(), series.end(), [&](double x) { return x == series[0]; });
  if (period > 1 && !constant && n > 2 * period) {
    const auto r = autocorrelation(series, period);
    double squares = 0;
    for (std::size_t k = 0; k + 1 < period; ++k)
      squares += r[k] * r[k];
    const double spread = std::sqrt((1 + 2 * squares) / static_cast<double>(n));
    constexpr double z_90_two_sided = 1.6448536269514722;
    f.seasonal = std::abs(r.back()) / spread > z_90_two_sided;
  }
  if (f.seasonal) {
    season = seasonal_figures(series, period);
    if (std::any_of(season.begin(), season.end(), [](double s) { return !(s > 0); }))
      f.seasonal = false, season.assign(period, 1.0);
    for (std::size_t t = 0; t < n; ++t)
      adjusted[t] = series[t] / season[t % period];
  }
  f.alpha = constant ? alpha_max : best_alpha(adjusted);
  const double level = best_ses(adjusted, f.alpha).level;
  const double middle = static_cast<double>(n - 1) / 2;
  const double mean = mean_of(adjusted);
  double xy = 0;
  double xx = 0;
  for (std::size_t t = 0; t < n; ++t) {
    const double x = static_cast<double>(t) - middle;
    xy += x * (adjusted[t] - mean);
    xx += x * x;
  }
  f.drift = xy / xx / 2;
  const double start = (1 - std::pow(1 - f.alpha, static_cast<double>(n))) / f.alpha;
  for (std::size_t k = 0; k < h; ++k)
    f.forecasts.push_back((level + f.drift * (static_cast<double>(k) + start)) *
                          season[(n + k) % period]);
  return f;
}

// -- intermittent demand ----------------------------------------------------------------
outcome<double> tsb(const std::vector<double>& series, double alpha_demand,
                    double alpha_probability, tsb_init init) {
  checks c;
  wrong_series(c, "series", series, 1)
      .all_not_negative("series", series)
      .inside_unit("alpha_demand", alpha_demand)
      .inside_unit("alpha_probability", alpha_probability);
  if (c.failure())
    return *c.failure();
  const auto first =
      std::find_if(series.begin(), series.end(), [](double x) { return x > 0; });
  if (first == series.end())
    return domain_error{"series", "must hold at least one demand"};
  double size = *first;
  const auto demands =
      std::count_if(series.begin(), series.end(), [](double x) { return x > 0; });
  double chance = init == tsb_init::mean
                      ? static_cast<double>(demands) / static_cast<double>(series.size())
                      : 1.0 / static_cast<double>(first - series.begin() + 1);
  for (std::size_t t = 1; t < series.size(); ++t) {
    chance += alpha_probability * ((series[t] > 0 ? 1 : 0) - chance);
    if (series[t] > 0)
      size += alpha_demand * (series[t] - size);
  }
  return chance * size;
}

outcome<adida_forecast> adida(const std::vector<double>& series,
                              std::size_t aggregation_level, double alpha) {
  checks c;
  weight(wrong_series(c, "series", series, 1), "alpha", alpha)
      .that(aggregation_level >= 1 && aggregation_level <= series.size(),
            "aggregation_level", "must lie between 1 and the length of the series");
  if (c.failure())
    return *c.failure();
  adida_forecast f{{}, 0};
  for (std::size_t t = 0; t + aggregation_level <= series.size(); t += aggregation_level)
    f.aggregated.push_back(
        std::accumulate(series.begin() + static_cast<long>(t),
                        series.begin() + static_cast<long>(t + aggregation_level), 0.0));
  f.forecast = *ses(f.aggregated, alpha) / static_cast<double>(aggregation_level);
  return f;
}

// -- how good was it --------------------------------------------------------------------
outcome<accuracy> forecast_accuracy(const std::vector<double>& series,
                                    std::size_t train_end_1based, benchmark_method method,
                                    std::size_t period, std::size_t h) {
  checks c;
  horizon(wrong_series(c, "series", series, 3), h)
      .that(period >= 1, "period", "must be at least 1")
      .that(train_end_1based >= 2 && train_end_1based > period &&
                train_end_1based < series.size(),
            "train_end_1based", "must be greater than period and leave periods to test")
      .that(h <= series.size() - std::min(train_end_1based, series.size()), "h",
            "must end within the series");
  if (c.failure())
    return *c.failure();
  const auto n = train_end_1based;
  double scale = 0;
  for (std::size_t t = period; t < n; ++t)
    scale += std::abs(series[t] - series[t - period]);
  scale /= static_cast<double>(n - period);
  if (!(scale > 0))
    return domain_error{"series", "is constant in sample: MASE has no scale"};
  const double mean =
      std::accumulate(series.begin(), series.begin() + static_cast<long>(n), 0.0) /
      static_cast<double>(n);
  accuracy a{0, 0, 0, 0, 0};
  for (std::size_t k = 1; k <= h; ++k) {
    double f = series[n - 1];
    if (method == benchmark_method::mean)
      f = mean;
    else if (method == benchmark_method::drift)
      f += static_cast<double>(k) * (series[n - 1] - series[0]) /
           static_cast<double>(n - 1);
    else if (method == benchmark_method::seasonal_naive)
      f = series[n - period + (k - 1) % period];
    const double actual = series[n + k - 1];
    const double e = actual - f;
    a.me += e;
    a.rmse += e * e;
    a.mae += std::abs(e);
    a.mape += actual == 0 ? std::numeric_limits<double>::quiet_NaN()
                          : std::abs(e / actual) * 100;
  }
  const auto count = static_cast<double>(h);
  return accuracy{a.me / count, std::sqrt(a.rmse / count), a.mae / count, a.mape / count,
                  a.mae / count / scale};
}

outcome<bias_figures> bias_metrics(const std::vector<double>& actual,
                                   const std::vector<double>& forecast) {
  checks c;
  wrong_series(wrong_series(c, "actual", actual, 1), "forecast", forecast, 1)
      .same_length("forecast", forecast.size(), actual.size());
  if (c.failure())
    return *c.failure();
  double sum = 0;
  double off = 0;
  double missed = 0;
  for (std::size_t t = 0; t < actual.size(); ++t) {
    sum += actual[t];
    off += std::abs(actual[t] - forecast[t]);
    missed += actual[t] - forecast[t];
  }
  if (sum == 0)
    return domain_error{"actual", "must not add up to 0"};
  const double mad = off / static_cast<double>(actual.size());
  return bias_figures{off / sum, -missed / sum, mad > 0 ? missed / mad : 0};
}

outcome<double> pinball_loss(double quantile, double actual, double forecast) {
  if (auto wrong = checks()
                       .inside_unit("quantile", quantile)
                       .finite("actual", actual)
                       .finite("forecast", forecast)
                       .failure())
    return *wrong;
  const double e = actual - forecast;
  return e >= 0 ? quantile * e : (quantile - 1) * e;
}

outcome<double> rmsse(const std::vector<double>& insample,
                      const std::vector<double>& actual,
                      const std::vector<double>& forecast) {
  checks c;
  wrong_series(wrong_series(c, "insample", insample, 2), "actual", actual, 1)
      .same_length("forecast", forecast.size(), actual.size())
      .all_finite("forecast", forecast);
  if (c.failure())
    return *c.failure();
  std::size_t first = 0;
  while (first < insample.size() && insample[first] == 0)
    ++first;
  double scale = 0;
  std::size_t n = 0;
  for (std::size_t t = std::max<std::size_t>(first, 1); t < insample.size(); ++t, ++n)
    scale += (insample[t] - insample[t - 1]) * (insample[t] - insample[t - 1]);
  if (!(scale > 0))
    return domain_error{"insample",
                        "must change from its first demand on: there is no scale"};
  scale /= static_cast<double>(n);
  double off = 0;
  for (std::size_t t = 0; t < actual.size(); ++t)
    off += (actual[t] - forecast[t]) * (actual[t] - forecast[t]);
  return std::sqrt(off / static_cast<double>(actual.size()) / scale);
}

// -- which method -----------------------------------------------------------------------
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
  wrong_series(c, "series", series, 8)
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

// -- cleaning ---------------------------------------------------------------------------
outcome<cleaned_demand> clean_demand(const std::vector<demand_period>& periods) {
  checks c;
  c.that(!periods.empty(), "periods", "must have at least one period");
  for (std::size_t t = 0; t < periods.size() && !c.failure(); ++t) {
    const auto at = "periods[" + std::to_string(t) + "].";
    c.not_negative(at + "sold", periods[t].sold)
        .probability(at + "in_stock_share", periods[t].in_stock_share)
        .positive(at + "uplift", periods[t].uplift);
  }
  if (c.failure())
    return *c.failure();
  constexpr double share_min = 0.25;
  cleaned_demand cleaned;
  std::vector<double> undisturbed;
  for (std::size_t t = 0; t < periods.size(); ++t) {
    const auto& p = periods[t];
    if (p.special || p.in_stock_share < share_min) {
      cleaned.filled.push_back(t);
      cleaned.demand.push_back(0);
      continue;
    }
    cleaned.demand.push_back(p.sold / p.in_stock_share / p.uplift);
    undisturbed.push_back(cleaned.demand.back());
  }
  if (undisturbed.empty())
    return domain_error{"periods", "must have at least one period with stock and without "
                                   "special orders"};
  const double usual = median_of(undisturbed);
  for (const auto t : cleaned.filled)
    cleaned.demand[t] = usual;
  return cleaned;
}

outcome<std::vector<double>> merge_superseded(const std::vector<double>& series,
                                              const std::vector<predecessor>& before) {
  checks c;
  c.all_not_negative("series", series);
  std::size_t longest = series.size();
  for (std::size_t i = 0; i < before.size(); ++i) {
    const auto at = "before[" + std::to_string(i) + "].";
    c.all_not_negative(at + "series", before[i].series)
        .positive(at + "factor", before[i].factor);
    longest = std::max(longest, before[i].series.size());
  }
  c.that(longest > 0, "series", "must have at least one period");
  if (c.failure())
    return *c.failure();
  std::vector<double> merged(longest, 0.0);
  const auto add = [&](const std::vector<double>& xs, double factor) {
    for (std::size_t t = 0; t < xs.size(); ++t)
      merged[longest - xs.size() + t] += factor * xs[t];
  };
  add(series, 1);
  for (const auto& p : before)
    add(p.series, p.factor);
  return merged;
}

} // namespace crossdock::planning
