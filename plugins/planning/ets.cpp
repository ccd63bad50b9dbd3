#include "planning/ets.hpp"

#include "planning/checks.hpp"
#include "planning/decomposition.hpp"
#include "planning/forecast.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

namespace crossdock::planning {
namespace {

using numbers = std::vector<double>;

constexpr double infinite = std::numeric_limits<double>::infinity();
constexpr double weight_min = 0.0001;
constexpr double weight_max = 0.9999;
constexpr double phi_min = 0.8;
constexpr double phi_max = 0.98;

// -- one form on one series -------------------------------------------------------------
/// What is estimated, in one vector: alpha, beta, gamma, phi (those that the form has),
/// level, trend, season without its last figure (which follows from the others).
class form_on_series {
public:
  form_on_series(const numbers& y, const ets_form& form, std::size_t period)
      : y_(y), form_(form), period_(form.season == 'N' ? 1 : period),
        multiplies_(form.season == 'M') {}

  bool trended() const { return form_.trend != 'N'; }
  bool damped() const { return form_.trend == 'D'; }
  bool seasonal() const { return form_.season != 'N'; }

  std::size_t weights() const {
    return 1 + std::size_t(trended()) + std::size_t(seasonal()) + std::size_t(damped());
  }
  std::size_t parameters() const {
    return weights() + 1 + std::size_t(trended()) + (seasonal() ? period_ - 1 : 0);
  }

  /// Weights to start from, and states by regression on the start of the adjusted series.
  numbers start(double alpha) const {
    numbers p{alpha};
    if (trended())
      p.push_back(alpha / 10);
    if (seasonal())
      p.push_back((1 - alpha) / 10);
    if (damped())
      p.push_back(0.95);
    numbers season;
    auto adjusted = y_;
    if (seasonal()) {
      season = seasonal_figures(
          y_, period_, multiplies_ ? season_kind::multiplicative : season_kind::additive);
      for (double& s : season)
        s = multiplies_ ? std::max(s, 0.01) : s;
      for (std::size_t t = 0; t < y_.size(); ++t)
        adjusted[t] =
            multiplies_ ? y_[t] / season[t % period_] : y_[t] - season[t % period_];
    }
    const auto n = std::min(y_.size(), std::max<std::size_t>(10, 2 * period_));
    double mean_x = 0, mean_y = 0, xy = 0, xx = 0;
    for (std::size_t t = 0; t < n; ++t) {
      mean_x += static_cast<double>(t + 1) / static_cast<double>(n);
      mean_y += adjusted[t] / static_cast<double>(n);
    }
    for (std::size_t t = 0; t < n; ++t) {
      xy += (static_cast<double>(t + 1) - mean_x) * (adjusted[t] - mean_y);
      xx += std::pow(static_cast<double>(t + 1) - mean_x, 2);
    }
    const double slope = xy / xx;
    p.push_back(trended() ? mean_y - slope * mean_x : mean_y);
    if (trended())
      p.push_back(slope);
    if (seasonal())
      p.insert(p.end(), season.begin(), season.end() - 1);
    return p;
  }

  /// n ln(sum of squared errors), with 'M' of the relative ones and 2 sum ln |forecast|:
  /// -2 log likelihood, as R counts it. Infinite where a parameter is out of bounds.
  double deviance(const numbers& p) const {
    run r(*this, p);
    if (!r.allowed)
      return infinite;
    double squares = 0;
    double logs = 0;
    double product = 1; // of |forecast|: one logarithm for many
    for (const double y : y_) {
      const double forecast = r.next();
      double e = y - forecast;
      if (form_.error == 'M') {
        const double size = std::abs(forecast);
        if (!(size > 1e-10))
          return infinite;
        e /= forecast;
        product *= size;
        if (product > 1e100 || product < 1e-100) {
          logs += std::log(product);
          product = 1;
        }
      }
      squares += e * e;
      r.take(y);
    }
    logs += std::log(product);
    const double d = static_cast<double>(y_.size()) * std::log(squares) + 2 * logs;
    return std::isfinite(d) && std::isfinite(r.level) ? d : infinite;
  }

  ets_model_fit fit(const numbers& p, double deviance, std::size_t h) const {
    run r(*this, p);
    double squares = 0;
    for (const double y : y_) {
      const double forecast = r.next();
      const double e = form_.error == 'M' ? y / forecast - 1 : y - forecast;
      squares += e * e;
      r.take(y);
    }
    const auto n = static_cast<double>(y_.size());
    const auto k = static_cast<double>(parameters() + 1); // and the variance
    ets_model_fit f{form_, p[0], std::nullopt, std::nullopt, std::nullopt, {}, 0, 0,
                    0,     {}};
    std::size_t at = 1;
    if (trended())
      f.beta = p[at++];
    if (seasonal())
      f.gamma = p[at++];
    if (damped())
      f.phi = p[at++];
    f.states.assign(p.begin() + static_cast<long>(at), p.end());
    if (seasonal())
      f.states.push_back(run(*this, p).season.back());
    f.loglik = -deviance / 2;
    f.aicc = deviance + 2 * k + 2 * k * (k + 1) / (n - k - 1);
    f.error_sd = std::sqrt(squares / (n - k + 1));
    for (std::size_t i = 0; i < h; ++i) {
      f.forecasts.push_back(r.next());
      r.step_ahead();
    }
    return f;
  }

private:
  /// The recursions of all forms, a value at a time.
  struct run {
    run(const form_on_series& what, const numbers& p) : form(what) {
      std::size_t next_of = 0;
      alpha = p[next_of++];
      beta = what.trended() ? p[next_of++] : 0;
      gamma = what.seasonal() ? p[next_of++] : 0;
      phi = what.damped() ? p[next_of++] : 1;
      level = p[next_of++];
      trend = what.trended() ? p[next_of++] : 0;
      if (what.seasonal()) {
        season.assign(p.begin() + static_cast<long>(next_of), p.end());
        const double sum = std::accumulate(season.begin(), season.end(), 0.0);
        season.push_back((what.multiplies_ ? static_cast<double>(what.period_) : 0) -
                         sum);
      }
      const auto within = [](double x, double low, double high) {
        return x >= low && x <= high;
      };
      allowed = within(alpha, weight_min, weight_max) &&
                (!what.trended() || within(beta, weight_min, alpha)) &&
                (!what.seasonal() || within(gamma, weight_min, 1 - alpha)) &&
                (!what.damped() || within(phi, phi_min, phi_max)) &&
                (!what.multiplies_ || std::all_of(season.begin(), season.end(),
                                                  [](double s) { return s > 0; }));
    }

    double next() const {
      const double base = level + phi * trend;
      return season.empty()     ? base
             : form.multiplies_ ? base * season[at]
                                : base + season[at];
    }

    void take(double y) {
      const double base = level + phi * trend;
      double value = y;
      if (!season.empty()) {
        value = form.multiplies_ ? y / season[at] : y - season[at];
        const double seen = form.multiplies_ ? y / base : y - base;
        season[at] += gamma * (seen - season[at]);
        at = at + 1 == season.size() ? 0 : at + 1;
      }
      const double before = level;
      level = base + alpha * (value - base);
      if (form.trended())
        trend = phi * trend + beta / alpha * (level - before - phi * trend);
    }

    /// The next period comes as expected.
    void step_ahead() {
      level += phi * trend;
      trend *= phi;
      if (!season.empty())
        at = at + 1 == season.size() ? 0 : at + 1;
    }

    const form_on_series& form;
    double alpha, beta, gamma, phi, level, trend;
    numbers season;
    std::size_t at = 0;
    bool allowed = false;
  };

  const numbers& y_;
  ets_form form_;
  std::size_t period_;
  bool multiplies_;
};

// -- search -----------------------------------------------------------------------------
/// Nelder & Mead 1965 with the usual coefficients. `value` may be infinite, not at the
/// start. Answers the least value and moves `at` there.
double nelder_mead(const std::function<double(const numbers&)>& value, numbers& at,
                   const numbers& steps, int evaluations) {
  struct vertex {
    numbers at;
    double value;
  };
  const std::size_t n = at.size();
  std::vector<vertex> simplex{{at, value(at)}};
  for (std::size_t i = 0; i < n; ++i) {
    auto moved = at;
    moved[i] += steps[i];
    double v = value(moved);
    if (!std::isfinite(v)) {
      moved[i] = at[i] - steps[i];
      v = value(moved);
    }
    simplex.push_back({moved, v});
  }
  const auto less = [](const vertex& a, const vertex& b) { return a.value < b.value; };
  int used = static_cast<int>(n) + 1;
  while (used < evaluations) {
    std::sort(simplex.begin(), simplex.end(), less);
    if (simplex.back().value - simplex.front().value <=
        1e-7 * (1 + 1e-3 * std::abs(simplex.front().value)))
      break;
    numbers centre(n, 0.0);
    for (std::size_t v = 0; v < n; ++v)
      for (std::size_t i = 0; i < n; ++i)
        centre[i] += simplex[v].at[i] / static_cast<double>(n);
    const auto along = [&](double step) {
      vertex v{numbers(n), 0};
      for (std::size_t i = 0; i < n; ++i)
        v.at[i] = centre[i] + step * (simplex.back().at[i] - centre[i]);
      v.value = value(v.at);
      ++used;
      return v;
    };
    const auto reflected = along(-1);
    if (reflected.value < simplex.front().value) {
      auto expanded = along(-2);
      simplex.back() = expanded.value < reflected.value ? std::move(expanded) : reflected;
    } else if (reflected.value < simplex[n - 1].value) {
      simplex.back() = reflected;
    } else {
      auto contracted = along(reflected.value < simplex.back().value ? -0.5 : 0.5);
      if (contracted.value < std::min(reflected.value, simplex.back().value)) {
        simplex.back() = std::move(contracted);
      } else {
        for (std::size_t v = 1; v <= n; ++v) {
          for (std::size_t i = 0; i < n; ++i)
            simplex[v].at[i] = (simplex[v].at[i] + simplex[0].at[i]) / 2;
          simplex[v].value = value(simplex[v].at);
          ++used;
        }
      }
    }
  }
  const auto best = std::min_element(simplex.begin(), simplex.end(), less);
  at = best->at;
  return best->value;
}

/// From the better of some starts, searched again from where a search ended: the simplex
/// collapses early in a valley of many dimensions.
std::pair<numbers, double> best_parameters(const form_on_series& form, double spread) {
  const auto value = [&form](const numbers& q) { return form.deviance(q); };
  numbers p;
  double least = infinite;
  for (const double alpha : {0.05, 0.2, 0.5, 0.8}) {
    auto start = form.start(alpha);
    if (const double found = value(start); found < least) {
      least = found;
      p = std::move(start);
    }
  }
  if (!std::isfinite(least))
    return {p, least};
  numbers steps;
  for (std::size_t i = 0; i < p.size(); ++i)
    steps.push_back(i < form.weights() ? -0.3 * p[i]
                    : p[i] != 0        ? 0.1 * std::abs(p[i])
                                       : 0.1 * spread);
  const int evaluations = 300 * static_cast<int>(p.size());
  for (int round = 0; round < 4; ++round) {
    const double found = nelder_mead(value, p, steps, evaluations);
    for (std::size_t i = 0; i < p.size(); ++i)
      steps[i] = (round == 0 ? 0.1 : 0.02) * (p[i] != 0 ? std::abs(p[i]) : spread);
    const bool settled = least - found < 1e-3; // in units of AIC
    least = found;
    if (settled)
      break;
  }
  return {p, least};
}

double spread_of(const numbers& y) {
  const auto [low, high] = std::minmax_element(y.begin(), y.end());
  return *high - *low;
}

checks series_checks(const numbers& series, std::size_t period, std::size_t h) {
  checks c;
  c.series("series", series, 4)
      .that(series.size() <= ets_series_max, "series", "must have at most 10000 values")
      .that(period >= 1 && period <= ets_season_max, "period",
            "must lie between 1 and 24")
      .that(h >= 1 && h <= horizon_max, "h", "must lie between 1 and 10000");
  if (!c.failure())
    c.that(spread_of(series) > 0, "series", "is constant: its likelihood is unbounded")
        .finite("series", spread_of(series) * spread_of(series) *
                              static_cast<double>(series.size()));
  return c;
}

bool positive(const numbers& series) {
  return std::all_of(series.begin(), series.end(), [](double x) { return x > 0; });
}

} // namespace

std::string to_string(const ets_form& form) {
  return std::string(1, form.error) +
         (form.trend == 'D' ? "Ad" : std::string(1, form.trend)) + form.season;
}

outcome<ets_form> parse_ets_form(const std::string& model) {
  for (const char error : {'A', 'M'})
    for (const char trend : {'N', 'A', 'D'})
      for (const char season : {'N', 'A', 'M'})
        if (const ets_form form{error, trend, season};
            to_string(form) == model && !(error == 'A' && season == 'M'))
          return form;
  return domain_error{"model",
                      "must be a form such as ANN, MAN, AAdA or MAM; an additive "
                      "error with a multiplicative season has no variance"};
}

outcome<ets_model_fit> ets_fit_form(const std::vector<double>& series,
                                    const ets_form& form, std::size_t period,
                                    std::size_t h) {
  if (auto wrong = parse_ets_form(to_string(form)); !wrong)
    return wrong.error();
  const auto c = series_checks(series, period, h);
  if (c.failure())
    return *c.failure();
  const form_on_series fitted(series, form, period);
  if (auto wrong =
          checks()
              .that(!fitted.seasonal() || period >= 2, "period",
                    "must be at least 2 for a form with a season")
              .that(!fitted.seasonal() || series.size() >= 2 * period, "series",
                    "must have two whole periods for a form with a season")
              .that(series.size() > fitted.parameters() + 2, "series",
                    "is too short for this form")
              .that((form.error == 'A' && form.season != 'M') || positive(series),
                    "series", "must be greater than 0 for a multiplicative form")
              .failure())
    return *wrong;
  const auto [p, deviance] = best_parameters(fitted, spread_of(series));
  if (!std::isfinite(deviance))
    return domain_error{"series", "has no finite likelihood under this form"};
  return fitted.fit(p, deviance, h);
}

outcome<ets_model_fit> ets_select(const std::vector<double>& series, std::size_t period,
                                  std::size_t h) {
  const auto c = series_checks(series, period, h);
  if (c.failure())
    return *c.failure();
  std::optional<ets_model_fit> best;
  for (const char error : {'A', 'M'})
    for (const char trend : {'N', 'A', 'D'})
      for (const char season : {'N', 'A', 'M'}) {
        const ets_form form{error, trend, season};
        if ((season != 'N' && period == 1) || (error == 'A' && season == 'M'))
          continue;
        auto one = ets_fit_form(series, form, period, h);
        if (one && (!best || one->aicc < best->aicc))
          best = std::move(one).value();
      }
  if (!best)
    return domain_error{"series", "is too short for any form"};
  return *best;
}

} // namespace crossdock::planning
