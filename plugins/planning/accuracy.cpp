#include "planning/accuracy.hpp"

#include "planning/checks.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace crossdock::planning {

outcome<accuracy> forecast_accuracy(const std::vector<double>& series,
                                    std::size_t train_end_1based, benchmark_method method,
                                    std::size_t period, std::size_t h) {
  checks c;
  c.series("series", series, 3)
      .that(h >= 1, "h", "must be at least 1")
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
  c.series("actual", actual)
      .series("forecast", forecast)
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
  c.series("insample", insample, 2)
      .series("actual", actual)
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

} // namespace crossdock::planning
