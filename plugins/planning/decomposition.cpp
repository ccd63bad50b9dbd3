#include "planning/decomposition.hpp"

#include "planning/anomaly.hpp"
#include "planning/checks.hpp"
#include "planning/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace crossdock::planning {
namespace {

using numbers = std::vector<double>;

// -- local regression -------------------------------------------------------------------
/// What one loess smoother does. Positions are 1-based, as in the paper.
struct loess {
  long window;
  int degree; ///< 0 or 1.
  long jump;  ///< Fitted at every jump-th point, straight lines between.
};

/// The fit at `x` from the points left..right of y. False: no point has any weight.
bool fit_at(const numbers& y, const loess& how, double x, double& fit, long left,
            long right, const numbers* weights) {
  const auto n = static_cast<long>(y.size());
  double h = std::max(x - static_cast<double>(left), static_cast<double>(right) - x);
  if (how.window > n)
    h += static_cast<double>((how.window - n) / 2);
  const double outside = 0.999 * h;
  const double inside = 0.001 * h;
  thread_local numbers w;
  w.assign(static_cast<std::size_t>(right - left + 1), 0.0);
  double sum = 0;
  for (long j = left; j <= right; ++j) {
    const double r = std::abs(static_cast<double>(j) - x);
    if (r > outside)
      continue;
    auto& at = w[static_cast<std::size_t>(j - left)];
    if (r <= inside) {
      at = 1;
    } else {
      const double q = r / h;
      const double t = 1 - q * q * q;
      at = t * t * t;
    }
    if (weights != nullptr)
      at *= (*weights)[static_cast<std::size_t>(j - 1)];
    sum += at;
  }
  if (!(sum > 0))
    return false;
  for (double& at : w)
    at /= sum;
  if (h > 0 && how.degree > 0) {
    double a = 0;
    for (long j = left; j <= right; ++j)
      a += w[static_cast<std::size_t>(j - left)] * static_cast<double>(j);
    double b = x - a;
    double c = 0;
    for (long j = left; j <= right; ++j) {
      const double d = static_cast<double>(j) - a;
      c += w[static_cast<std::size_t>(j - left)] * d * d;
    }
    if (std::sqrt(c) > 0.001 * static_cast<double>(n - 1)) {
      b /= c;
      for (long j = left; j <= right; ++j)
        w[static_cast<std::size_t>(j - left)] *= b * (static_cast<double>(j) - a) + 1;
    }
  }
  fit = 0;
  for (long j = left; j <= right; ++j)
    fit += w[static_cast<std::size_t>(j - left)] * y[static_cast<std::size_t>(j - 1)];
  return true;
}

numbers smooth(const numbers& y, const loess& how, const numbers* weights) {
  const auto n = static_cast<long>(y.size());
  numbers fit(y.size());
  if (n < 2)
    return y;
  const auto at = [&](long i) -> double& { return fit[static_cast<std::size_t>(i - 1)]; };
  const long jump = std::min(how.jump, n - 1);
  const long half = (how.window + 1) / 2;
  const auto put = [&](long i, long left, long right) {
    if (!fit_at(y, how, static_cast<double>(i), at(i), left, right, weights))
      at(i) = y[static_cast<std::size_t>(i - 1)];
  };
  long left = 1;
  long right = n;
  if (how.window >= n) {
    for (long i = 1; i <= n; i += jump)
      put(i, 1, n);
  } else if (jump == 1) {
    right = how.window;
    for (long i = 1; i <= n; ++i) {
      if (i > half && right != n) {
        ++left;
        ++right;
      }
      put(i, left, right);
    }
  } else {
    for (long i = 1; i <= n; i += jump) {
      if (i < half) {
        left = 1;
        right = how.window;
      } else if (i >= n - half + 1) {
        left = n - how.window + 1;
        right = n;
      } else {
        left = i - half + 1;
        right = how.window + i - half;
      }
      put(i, left, right);
    }
  }
  if (jump == 1)
    return fit;
  for (long i = 1; i + jump <= n; i += jump) {
    const double step = (at(i + jump) - at(i)) / static_cast<double>(jump);
    for (long j = i + 1; j < i + jump; ++j)
      at(j) = at(i) + step * static_cast<double>(j - i);
  }
  const long last = ((n - 1) / jump) * jump + 1;
  if (last != n) {
    put(n, left, right);
    const double step = (at(n) - at(last)) / static_cast<double>(n - last);
    for (long j = last + 1; j < n; ++j)
      at(j) = at(last) + step * static_cast<double>(j - last);
  }
  return fit;
}

numbers moving_average(const numbers& x, std::size_t length) {
  numbers out;
  double sum = std::accumulate(x.begin(), x.begin() + static_cast<long>(length), 0.0);
  out.push_back(sum / static_cast<double>(length));
  for (std::size_t k = length; k < x.size(); ++k) {
    sum += x[k] - x[k - length];
    out.push_back(sum / static_cast<double>(length));
  }
  return out;
}

/// Each cycle position smoothed by itself, extended by a cycle at both ends.
numbers smooth_cycles(const numbers& y, std::size_t period, const loess& how,
                      const numbers* weights) {
  numbers out(y.size() + 2 * period);
  for (std::size_t j = 0; j < period; ++j) {
    numbers own;
    numbers w;
    for (std::size_t t = j; t < y.size(); t += period) {
      own.push_back(y[t]);
      if (weights != nullptr)
        w.push_back((*weights)[t]);
    }
    const auto* used = weights != nullptr ? &w : nullptr;
    const auto fit = smooth(own, how, used);
    const auto k = static_cast<long>(own.size());
    double before = 0;
    double after = 0;
    if (!fit_at(own, how, 0, before, 1, std::min(how.window, k), used))
      before = fit.front();
    if (!fit_at(own, how, static_cast<double>(k + 1), after,
                std::max(1L, k - how.window + 1), k, used))
      after = fit.back();
    out[j] = before;
    for (std::size_t m = 0; m < fit.size(); ++m)
      out[(m + 1) * period + j] = fit[m];
    out[(fit.size() + 1) * period + j] = after;
  }
  return out;
}

// -- spread of the residuals ------------------------------------------------------------
/// R's stl() asks a partial sort for the two middle ranks in descending order, although
/// the sort (Chambers 1971, CACM algorithm 410) wants them ascending. Where a partition
/// ends exactly between the two, one half is taken for finished too early, and an element
/// near the middle stands for the median. Figures that are to agree with R's need the
/// same.
class chambers_sort {
public:
  /// Median of at least one value, as R has it.
  static double median(numbers values) {
    const auto n = static_cast<long>(values.size());
    chambers_sort sort(std::move(values), n / 2, n - n / 2 - 1);
    sort.run();
    return (sort.a_[static_cast<std::size_t>(sort.ranks_[0])] +
            sort.a_[static_cast<std::size_t>(sort.ranks_[1])]) /
           2;
  }

private:
  struct segment {
    long first, last;
    int low, high; ///< Which of ranks_ are looked for in it.
  };
  static constexpr long short_enough = 10;

  chambers_sort(numbers values, long upper, long lower)
      : a_(std::move(values)), ranks_{upper, lower} {}

  void run() {
    std::vector<segment> waiting{{0, static_cast<long>(a_.size()) - 1, 0, 1}};
    while (!waiting.empty()) {
      segment s = waiting.back();
      waiting.pop_back();
      while (s.low <= s.high && s.first < s.last) {
        if (s.last - s.first <= short_enough && s.first > 0) {
          std::sort(a_.begin() + s.first, a_.begin() + s.last + 1);
          break;
        }
        const auto [left_end, right_begin] = split(s);
        if (left_end - s.first <= s.last - right_begin) {
          waiting.push_back({right_begin, s.last, s.low, s.high});
          s.last = left_end;
          while (s.low <= s.high && ranks_[s.high] > s.last)
            --s.high;
          if (s.low <= s.high)
            waiting.back().low = s.high + 1;
        } else {
          waiting.push_back({s.first, left_end, s.low, s.high});
          s.first = right_begin;
          while (s.low <= s.high && ranks_[s.low] < s.first)
            ++s.low;
          if (s.low <= s.high)
            waiting.back().high = s.low - 1;
        }
      }
    }
  }

  /// Hoare's partition around the median of three: everything up to the first answer is
  /// at most, everything from the second on at least that median.
  std::pair<long, long> split(const segment& s) {
    double& low = at(s.first);
    double& middle = at((s.first + s.last) / 2);
    double& high = at(s.last);
    if (low > middle)
      std::swap(low, middle);
    if (high < middle)
      std::swap(high, middle);
    if (low > middle)
      std::swap(low, middle);
    const double pivot = middle;
    long l = s.last;
    long k = s.first;
    while (true) {
      do
        --l;
      while (at(l) > pivot);
      do
        ++k;
      while (at(k) < pivot);
      if (k > l)
        return {l, k};
      std::swap(at(l), at(k));
    }
  }

  double& at(long i) { return a_[static_cast<std::size_t>(i)]; }

  numbers a_;
  long ranks_[2];
};

long next_odd(double x) {
  const auto n = static_cast<long>(std::round(x));
  return n % 2 == 0 ? n + 1 : n;
}

} // namespace

std::vector<double> seasonal_figures(const std::vector<double>& series,
                                     std::size_t period, season_kind kind) {
  const bool multiplies = kind == season_kind::multiplicative;
  const double neutral = multiplies ? 1 : 0;
  std::vector<double> sum(period, 0.0);
  std::vector<double> count(period, 0.0);
  const std::size_t half = period / 2;
  for (std::size_t t = half; t + half < series.size(); ++t) {
    double trend = 0;
    for (std::size_t k = t - half; k <= t + half; ++k) {
      const bool edge = period % 2 == 0 && (k == t - half || k == t + half);
      trend += edge ? series[k] / 2 : series[k];
    }
    trend /= static_cast<double>(period);
    if (multiplies && trend == 0)
      continue;
    sum[t % period] += multiplies ? series[t] / trend : series[t] - trend;
    count[t % period] += 1;
  }
  for (std::size_t k = 0; k < period; ++k)
    sum[k] = count[k] > 0 ? sum[k] / count[k] : neutral;
  const double mean = mean_of(sum);
  for (double& x : sum)
    x = multiplies ? x / mean : x - mean;
  return sum;
}

outcome<decomposition> stl_periodic(const std::vector<double>& series, std::size_t period,
                                    bool robust) {
  checks c;
  c.series("series", series, 1)
      .that(period >= 2, "period", "must be at least 2")
      .that(series.size() <= 1'000'000, "series", "must have at most 1000000 values")
      .that(period <= series.size() && series.size() > 2 * period, "series",
            "must have more than two whole periods");
  if (c.failure())
    return *c.failure();
  const auto n = series.size();
  const auto np = static_cast<double>(period);
  const auto jump_of = [](long window) { return (window + 9) / 10; };
  const long s_window = 10 * static_cast<long>(n) + 1;
  const long t_window =
      next_odd(std::ceil(1.5 * np / (1 - 1.5 / static_cast<double>(s_window))));
  const long l_window = next_odd(np);
  const loess cycles{s_window, 0, jump_of(s_window)};
  const loess trending{t_window, 1, jump_of(t_window)};
  const loess low_pass{l_window, 1, jump_of(l_window)};
  const int inner = robust ? 1 : 2;
  const int outer = robust ? 15 : 0;

  decomposition d;
  d.seasonal.assign(n, 0.0);
  d.trend.assign(n, 0.0);
  d.robustness.assign(n, 1.0);
  numbers work(n);
  for (int round = 0; round <= outer; ++round) {
    const auto* weights = round > 0 ? &d.robustness : nullptr;
    for (int i = 0; i < inner; ++i) {
      for (std::size_t t = 0; t < n; ++t)
        work[t] = series[t] - d.trend[t];
      const auto cycle = smooth_cycles(work, period, cycles, weights);
      const auto low =
          smooth(moving_average(moving_average(moving_average(cycle, period), period), 3),
                 low_pass, nullptr);
      for (std::size_t t = 0; t < n; ++t) {
        d.seasonal[t] = cycle[period + t] - low[t];
        work[t] = series[t] - d.seasonal[t];
      }
      d.trend = smooth(work, trending, weights);
    }
    if (round == outer)
      break;
    numbers off(n);
    for (std::size_t t = 0; t < n; ++t)
      off[t] = std::abs(series[t] - d.seasonal[t] - d.trend[t]);
    const double spread = 6 * chambers_sort::median(off);
    for (std::size_t t = 0; t < n; ++t) {
      if (off[t] <= 0.001 * spread) {
        d.robustness[t] = 1;
      } else if (off[t] <= 0.999 * spread) {
        const double q = off[t] / spread;
        d.robustness[t] = (1 - q * q) * (1 - q * q);
      } else {
        d.robustness[t] = 0;
      }
    }
  }
  for (std::size_t j = 0; j < period; ++j) {
    double sum = 0;
    double count = 0;
    for (std::size_t t = j; t < n; t += period, ++count)
      sum += d.seasonal[t];
    for (std::size_t t = j; t < n; t += period)
      d.seasonal[t] = sum / count;
  }
  for (std::size_t t = 0; t < n; ++t)
    d.remainder.push_back(series[t] - d.seasonal[t] - d.trend[t]);
  return d;
}

outcome<remainder_outliers> stl_robust_z(const std::vector<double>& series,
                                         std::size_t period, bool robust) {
  const auto parts = stl_periodic(series, period, robust);
  if (!parts)
    return parts.error();
  auto scores = modified_z(parts->remainder);
  if (!scores)
    return scores.error();
  remainder_outliers r;
  r.remainder_median = scores->median;
  r.remainder_mad = scores->mad;
  double largest = -1;
  for (std::size_t t = 0; t < scores->z.size(); ++t) {
    const double size = std::abs(scores->z[t]);
    if (size > largest) {
      r.second_largest_abs_z = std::max(largest, 0.0);
      largest = size;
      r.argmax_1based = t + 1;
    } else {
      r.second_largest_abs_z = std::max(r.second_largest_abs_z, size);
    }
  }
  r.z = std::move(std::move(scores).value().z);
  return r;
}

} // namespace crossdock::planning
