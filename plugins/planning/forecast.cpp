#include "planning/forecast.hpp"

#include "planning/checks.hpp"
#include "planning/decomposition.hpp"
#include "planning/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace crossdock::planning {
namespace {

checks& weight(checks& c, const char* field, double x) {
  return c.that(x > 0 && x <= 1, field, "must be greater than 0 and at most 1");
}

checks& horizon(checks& c, std::size_t h) {
  return c.that(h >= 1 && h <= horizon_max, "h", "must lie between 1 and 10000");
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

} // namespace

// -- exponential smoothing --------------------------------------------------------------
outcome<double> ses(const std::vector<double>& series, double alpha, ses_init init) {
  checks c;
  if (weight(c.series("series", series), "alpha", alpha).failure())
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
  horizon(c.series("series", series), h)
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
  horizon(c.series("series", series), h)
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
  if (c.series("series", series, 4).failure())
    return *c.failure();
  if (std::all_of(series.begin(), series.end(), [&](double x) { return x == series[0]; }))
    return domain_error{"series", "is constant: its likelihood is unbounded"};
  const double alpha = best_alpha(series);
  const auto at = best_ses(series, alpha);
  const auto n = static_cast<double>(series.size());
  if (!(at.sse > 0) || !std::isfinite(at.sse))
    return domain_error{"series", "holds values whose squares are no numbers"};
  const double loglik = -n / 2 * std::log(at.sse);
  const double aicc =
      n > 4 ? -2 * loglik + 6 + 24 / (n - 4) : std::numeric_limits<double>::infinity();
  return ets_fit{alpha, at.level0, loglik, at.sse, aicc, at.level};
}

outcome<theta_forecast> theta(const std::vector<double>& series, std::size_t period,
                              std::size_t h) {
  checks c;
  horizon(c.series("series", series, 4), h)
      .that(period >= 1 && period <= std::min(series.size(), season_max), "period",
            "must lie between 1 and the length of the series, at most 1000");
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
    season = seasonal_figures(series, period, season_kind::multiplicative);
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
  c.series("series", series)
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
  weight(c.series("series", series), "alpha", alpha)
      .that(aggregation_level >= 1 && aggregation_level <= series.size(),
            "aggregation_level", "must lie between 1 and the length of the series");
  if (c.failure())
    return *c.failure();
  adida_forecast f{{}, 0};
  for (std::size_t t = 0; t + aggregation_level <= series.size(); t += aggregation_level)
    f.aggregated.push_back(
        std::accumulate(series.begin() + static_cast<long>(t),
                        series.begin() + static_cast<long>(t + aggregation_level), 0.0));
  const auto smoothed = ses(f.aggregated, alpha);
  if (!smoothed) // sums of finite values that are not finite
    return domain_error{"series", "has buckets beyond the numbers that exist"};
  f.forecast = *smoothed / static_cast<double>(aggregation_level);
  return f;
}

} // namespace crossdock::planning
