#include "planning/anomaly.hpp"

#include "planning/checks.hpp"
#include "planning/distributions.hpp"
#include "planning/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

namespace crossdock::planning {
namespace {

using numbers = std::vector<double>;

} // namespace
// -- robust scores ----------------------------------------------------------------------
outcome<robust_scores> modified_z(const std::vector<double>& series) {
  checks c;
  if (c.series("series", series, 3).failure())
    return *c.failure();
  robust_scores r;
  r.median = median_of(series);
  numbers off;
  for (const double x : series)
    off.push_back(std::abs(x - r.median));
  r.mad = median_of(off);
  if (!(r.mad > 0))
    return domain_error{"series", "has no spread: at least half of its values are equal"};
  for (std::size_t i = 0; i < series.size(); ++i) {
    r.z.push_back(0.6745 * (series[i] - r.median) / r.mad);
    if (std::abs(r.z.back()) > modified_z_cut_off)
      r.flagged_1based.push_back(i + 1);
  }
  return r;
}

// -- control charts ---------------------------------------------------------------------
outcome<ewma_result> ewma_chart(const std::vector<double>& series, double target,
                                double sigma, double lambda, double L) {
  checks c;
  c.series("series", series, 1)
      .finite("target", target)
      .positive("sigma", sigma)
      .that(lambda > 0 && lambda <= 1, "lambda", "must be greater than 0 and at most 1")
      .positive("L", L);
  if (c.failure())
    return *c.failure();
  const double steady = L * sigma * std::sqrt(lambda / (2 - lambda));
  const auto limit = [&](double i) {
    return steady * std::sqrt(1 - std::pow(1 - lambda, 2 * i));
  };
  ewma_result r{{}, target + steady, target - steady, target + limit(1), std::nullopt};
  double z = target;
  for (std::size_t i = 0; i < series.size(); ++i) {
    z += lambda * (series[i] - z);
    r.z.push_back(z);
    if (!r.first_signal_1based &&
        std::abs(z - target) > limit(static_cast<double>(i + 1)))
      r.first_signal_1based = i + 1;
  }
  return r;
}

outcome<cusum_result> cusum_tabular(const std::vector<double>& series, double target,
                                    double k, double h) {
  checks c;
  c.series("series", series, 1)
      .finite("target", target)
      .not_negative("k", k)
      .positive("h", h);
  if (c.failure())
    return *c.failure();
  cusum_result r;
  double plus = 0;
  double minus = 0;
  for (std::size_t i = 0; i < series.size(); ++i) {
    plus = std::max(0.0, series[i] - target - k + plus);
    minus = std::max(0.0, target - k - series[i] + minus);
    r.c_plus.push_back(plus);
    r.c_minus.push_back(minus);
    if (!r.first_signal_1based && (plus > h || minus > h))
      r.first_signal_1based = i + 1;
  }
  return r;
}

// -- outlier test -----------------------------------------------------------------------
outcome<esd_result> generalized_esd(const std::vector<double>& series,
                                    std::size_t max_outliers, double alpha) {
  checks c;
  c.series("series", series, 3)
      .that(max_outliers >= 1 && max_outliers <= 1000 &&
                max_outliers + 2 <= series.size(),
            "max_outliers", "must be at least 1, at most 1000, and leave two values")
      .inside_unit("alpha", alpha);
  if (c.failure())
    return *c.failure();
  const auto n = series.size();
  esd_result r{{}, {}, 0, {}};
  std::vector<std::size_t> left(n);
  std::iota(left.begin(), left.end(), std::size_t{0});
  for (std::size_t i = 1; i <= max_outliers; ++i) {
    double mean = 0;
    for (const auto k : left)
      mean += series[k];
    mean /= static_cast<double>(left.size());
    double squares = 0;
    for (const auto k : left)
      squares += (series[k] - mean) * (series[k] - mean);
    const double sd = std::sqrt(squares / static_cast<double>(left.size() - 1));
    const auto furthest =
        std::max_element(left.begin(), left.end(), [&](std::size_t a, std::size_t b) {
          return std::abs(series[a] - mean) < std::abs(series[b] - mean);
        });
    r.test_statistics.push_back(sd > 0 ? std::abs(series[*furthest] - mean) / sd : 0.0);
    const auto rest = static_cast<double>(n - i + 1); // values at this step
    const double p = 1 - alpha / (2 * rest);
    const auto t = student_quantile(p, rest - 2);
    if (!t)
      return domain_error{"alpha", "is too small to be told from 0"};
    r.critical_values.push_back((rest - 1) * *t / std::sqrt((rest - 2 + *t * *t) * rest));
    r.outliers_1based.push_back(*furthest + 1);
    if (r.test_statistics.back() > r.critical_values.back())
      r.num_outliers = i;
    left.erase(furthest);
  }
  r.outliers_1based.resize(r.num_outliers);
  return r;
}

// -- isolation forest -------------------------------------------------------------------
namespace {

/// c(n) by the logarithm.
double mean_path(double n) {
  constexpr double euler_gamma = 0.57721566490153286;
  if (n <= 1)
    return 0;
  return n == 2 ? 1 : 2 * (std::log(n - 1) + euler_gamma) - 2 * (n - 1) / n;
}

} // namespace

outcome<path_normalisation> isolation_forest_c(std::uint64_t n) {
  constexpr std::uint64_t points_max = 100'000'000;
  if (auto wrong = checks()
                       .that(n >= 1 && n <= points_max, "n",
                             "must be a whole number from 1 to 100000000")
                       .failure())
    return *wrong;
  if (n == 1)
    return path_normalisation{0, 0};
  double harmonic = 0;
  for (std::uint64_t k = n - 1; k >= 1; --k)
    harmonic += 1 / static_cast<double>(k);
  const auto m = static_cast<double>(n);
  return path_normalisation{2 * harmonic - 2 * (m - 1) / m, mean_path(m)};
}

outcome<double> isolation_forest_score(double mean_path_length, std::uint64_t subsample) {
  if (auto wrong = checks()
                       .not_negative("mean_path_length", mean_path_length)
                       .that(subsample >= 2, "subsample", "must be at least 2")
                       .failure())
    return *wrong;
  return std::exp2(-mean_path_length / mean_path(static_cast<double>(subsample)));
}

namespace {

/// SplitMix64 (Steele, Lea & Flood 2014): small, seeded, the same everywhere.
class generator {
public:
  explicit generator(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    state_ += 0x9E3779B97F4A7C15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31U);
  }
  double unit() { return static_cast<double>(next() >> 11U) * 0x1.0p-53; }
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(next() % n); }

private:
  std::uint64_t state_;
};

} // namespace

outcome<isolation_forest>
isolation_forest::grow(const std::vector<std::vector<double>>& rows, std::uint64_t seed,
                       std::size_t trees, std::size_t subsample) {
  checks c;
  c.that(rows.size() >= 2, "rows", "must have at least two rows")
      .that(trees >= 1 && trees <= 1000, "trees", "must lie between 1 and 1000")
      .that(subsample >= 2, "subsample", "must be at least 2")
      .that(!rows.empty() && !rows.front().empty(), "rows", "must have features");
  for (std::size_t i = 0; i < rows.size() && !c.failure(); ++i)
    c.same_length("rows[" + std::to_string(i) + "]", rows[i].size(), rows.front().size())
        .all_finite("rows[" + std::to_string(i) + "]", rows[i]);
  if (c.failure())
    return *c.failure();
  isolation_forest forest;
  forest.features_ = rows.front().size();
  forest.subsample_ = std::min(subsample, rows.size());
  const auto depth_max = static_cast<std::size_t>(
      std::ceil(std::log2(static_cast<double>(forest.subsample_))));
  generator random(seed);
  std::vector<std::size_t> all(rows.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  for (std::size_t k = 0; k < trees; ++k) {
    for (std::size_t i = 0; i < forest.subsample_; ++i)
      std::swap(all[i], all[i + random.below(all.size() - i)]);
    struct open_node {
      std::size_t at, first, last, depth;
    };
    std::vector<node> tree(1);
    std::vector<std::size_t> own(all.begin(),
                                 all.begin() + static_cast<long>(forest.subsample_));
    std::vector<open_node> open{{0, 0, own.size(), 0}};
    while (!open.empty()) {
      const auto o = open.back();
      open.pop_back();
      tree[o.at].size = o.last - o.first;
      std::vector<std::size_t> splits; // features that still differ
      for (std::size_t f = 0; f < forest.features_; ++f)
        for (std::size_t i = o.first + 1; i < o.last; ++i)
          if (rows[own[i]][f] != rows[own[o.first]][f]) {
            splits.push_back(f);
            break;
          }
      if (o.depth >= depth_max || splits.empty())
        continue;
      const auto f = splits[random.below(splits.size())];
      double low = rows[own[o.first]][f];
      double high = low;
      for (std::size_t i = o.first; i < o.last; ++i) {
        low = std::min(low, rows[own[i]][f]);
        high = std::max(high, rows[own[i]][f]);
      }
      double cut = low + random.unit() * (high - low);
      if (!(cut > low)) // so that both sides have a row
        cut = high;
      const auto middle = static_cast<std::size_t>(
          std::partition(own.begin() + static_cast<long>(o.first),
                         own.begin() + static_cast<long>(o.last),
                         [&](std::size_t i) { return rows[i][f] < cut; }) -
          own.begin());
      tree[o.at].feature = static_cast<int>(f);
      tree[o.at].at = cut;
      tree[o.at].left = tree.size();
      tree[o.at].right = tree.size() + 1;
      open.push_back({tree.size(), o.first, middle, o.depth + 1});
      open.push_back({tree.size() + 1, middle, o.last, o.depth + 1});
      tree.resize(tree.size() + 2);
    }
    forest.trees_.push_back(std::move(tree));
  }
  return forest;
}

outcome<double> isolation_forest::score(const std::vector<double>& row) const {
  if (auto wrong = checks()
                       .same_length("row", row.size(), features_)
                       .all_finite("row", row)
                       .failure())
    return *wrong;
  double path = 0;
  for (const auto& tree : trees_) {
    std::size_t at = 0;
    double depth = 0;
    while (tree[at].feature >= 0) {
      at = row[static_cast<std::size_t>(tree[at].feature)] < tree[at].at ? tree[at].left
                                                                         : tree[at].right;
      ++depth;
    }
    path += depth + mean_path(static_cast<double>(tree[at].size));
  }
  return isolation_forest_score(path / static_cast<double>(trees_.size()), subsample_);
}

// -- many at once -----------------------------------------------------------------------
outcome<std::vector<std::size_t>>
false_discovery_rate(const std::vector<double>& p_values, double q) {
  checks c;
  c.inside_unit("q", q);
  for (std::size_t i = 0; i < p_values.size() && !c.failure(); ++i)
    c.probability("p_values[" + std::to_string(i) + "]", p_values[i]);
  if (c.failure())
    return *c.failure();
  std::vector<std::size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return p_values[a] < p_values[b];
  });
  std::size_t found = 0;
  for (std::size_t k = 0; k < order.size(); ++k)
    if (p_values[order[k]] <=
        q * static_cast<double>(k + 1) / static_cast<double>(order.size()))
      found = k + 1;
  order.resize(found);
  return order;
}

} // namespace crossdock::planning
