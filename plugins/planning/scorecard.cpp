#include "planning/scorecard.hpp"

#include "planning/checks.hpp"

#include <algorithm>
#include <cmath>

namespace crossdock::planning {
namespace {

constexpr std::size_t features_max = 100;

std::string cell(std::size_t row, std::size_t column) {
  return "rows[" + std::to_string(row) + "][" + std::to_string(column) + "]";
}

double logistic(double x) {
  return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x));
}

/// Solves a symmetric positive definite system in place (Cholesky). False: it is none.
bool solve(std::vector<double>& a, std::vector<double>& b) {
  const std::size_t n = b.size();
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = a[i * n + j];
      for (std::size_t k = 0; k < j; ++k)
        sum -= a[i * n + k] * a[j * n + k];
      if (i == j) {
        if (!(sum > 0))
          return false;
        a[i * n + i] = std::sqrt(sum);
      } else {
        a[i * n + j] = sum / a[j * n + j];
      }
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < i; ++k)
      b[i] -= a[i * n + k] * b[k];
    b[i] /= a[i * n + i];
  }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t k = i + 1; k < n; ++k)
      b[i] -= a[k * n + i] * b[k];
    b[i] /= a[i * n + i];
  }
  return true;
}

struct scale {
  double mean = 0;
  double sd = 0;
};

std::vector<scale> scales_of(const std::vector<std::vector<double>>& rows) {
  const auto n = static_cast<double>(rows.size());
  std::vector<scale> scales(rows.front().size());
  for (const auto& row : rows)
    for (std::size_t j = 0; j < row.size(); ++j)
      scales[j].mean += row[j] / n;
  for (const auto& row : rows)
    for (std::size_t j = 0; j < row.size(); ++j)
      scales[j].sd += (row[j] - scales[j].mean) * (row[j] - scales[j].mean) / n;
  for (auto& s : scales)
    s.sd = std::sqrt(s.sd);
  return scales;
}

} // namespace

outcome<scored_probability> score(const scorecard& card,
                                  const std::vector<double>& values) {
  checks c;
  c.that(!card.features.empty(), "weights", "must have at least one feature")
      .same_length("weights", card.weights.size(), card.features.size())
      .same_length("usual", card.usual.size(), card.features.size())
      .same_length("values", values.size(), card.features.size())
      .finite("intercept", card.intercept)
      .all_finite("weights", card.weights)
      .all_finite("usual", card.usual)
      .all_finite("values", values);
  if (c.failure())
    return *c.failure();
  double odds = card.intercept;
  scored_probability s{0, {}};
  for (std::size_t j = 0; j < values.size(); ++j) {
    odds += card.weights[j] * values[j];
    const double more = card.weights[j] * (values[j] - card.usual[j]);
    if (more > 0)
      s.reasons.push_back({card.features[j], more});
  }
  if (std::isnan(odds))
    return domain_error{"values", "are too large for these weights"};
  s.probability = logistic(odds);
  std::stable_sort(s.reasons.begin(), s.reasons.end(),
                   [](const score_reason& a, const score_reason& b) {
                     return a.contribution > b.contribution;
                   });
  if (s.reasons.size() > score_reasons_max)
    s.reasons.resize(score_reasons_max);
  return s;
}

outcome<scorecard> fit_scorecard(const std::vector<std::string>& features,
                                 const std::vector<std::vector<double>>& rows,
                                 const std::vector<bool>& event, double ridge) {
  const std::size_t k = features.size();
  checks c;
  c.that(k >= 1 && k <= features_max, "features", "must be 1 to 100")
      .that(!rows.empty() &&
                rows.size() * std::max<std::size_t>(k, 1) <= scorecard_cells_max,
            "rows", "must be at least one, and at most 10000000 values")
      .same_length("event", event.size(), rows.size())
      .not_negative("ridge", ridge);
  for (std::size_t i = 0; i < rows.size() && !c.failure(); ++i) {
    c.same_length("rows[" + std::to_string(i) + "]", rows[i].size(), k);
    for (std::size_t j = 0; j < rows[i].size() && !c.failure(); ++j)
      c.finite(cell(i, j), rows[i][j]);
  }
  if (c.failure())
    return *c.failure();
  const auto events = static_cast<double>(std::count(event.begin(), event.end(), true));
  const auto n = static_cast<double>(rows.size());
  if (events == 0 || events == n)
    return domain_error{"event", "must hold both outcomes"};
  const auto scales = scales_of(rows);
  for (std::size_t j = 0; j < k; ++j)
    if (!(scales[j].sd > 0) || !std::isfinite(scales[j].sd))
      return domain_error{"features", "'" + features[j] +
                                          "' is constant, or beyond what " +
                                          "has a variance"};

  // Newton's steps on the standardised features; w[0] is the intercept.
  std::vector<double> w(k + 1, 0.0);
  w[0] = std::log(events / (n - events));
  bool settled = false;
  for (int round = 0; round < 100 && !settled; ++round) {
    std::vector<double> hessian((k + 1) * (k + 1), 0.0);
    std::vector<double> step(k + 1, 0.0);
    std::vector<double> x(k + 1, 1.0);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      double odds = w[0];
      for (std::size_t j = 0; j < k; ++j) {
        x[j + 1] = (rows[i][j] - scales[j].mean) / scales[j].sd;
        odds += w[j + 1] * x[j + 1];
      }
      const double p = logistic(odds);
      const double off = (event[i] ? 1 : 0) - p;
      for (std::size_t a = 0; a <= k; ++a) {
        step[a] += off * x[a];
        for (std::size_t b = 0; b <= a; ++b)
          hessian[a * (k + 1) + b] += p * (1 - p) * x[a] * x[b];
      }
    }
    for (std::size_t j = 1; j <= k; ++j) {
      step[j] -= ridge * n * w[j];
      hessian[j * (k + 1) + j] += ridge * n;
    }
    if (!solve(hessian, step))
      return domain_error{"ridge", "must be larger: features depend on each other"};
    double largest = 0;
    for (const double s : step)
      largest = std::max(largest, std::abs(s));
    const double damping = largest > 5 ? 5 / largest : 1; // far steps overshoot
    for (std::size_t j = 0; j <= k; ++j)
      w[j] += damping * step[j];
    settled = largest < 1e-10;
  }
  if (!settled)
    return domain_error{"ridge",
                        "must be larger: the outcomes can be told apart entirely"};

  scorecard card{features, {}, w[0], {}};
  for (std::size_t j = 0; j < k; ++j) {
    card.weights.push_back(w[j + 1] / scales[j].sd);
    card.usual.push_back(scales[j].mean);
    card.intercept -= card.weights[j] * scales[j].mean;
  }
  return card;
}

} // namespace crossdock::planning
