#include "random.hpp"

#include <cmath>

namespace crossdock::sim {

std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> c,
                                    std::array<std::uint32_t, 2> k) {
  for (int round = 0; round < 10; ++round) {
    const auto left = std::uint64_t{0xD2511F53} * c[0];
    const auto right = std::uint64_t{0xCD9E8D57} * c[2];
    c = {static_cast<std::uint32_t>(right >> 32) ^ c[1] ^ k[0],
         static_cast<std::uint32_t>(right),
         static_cast<std::uint32_t>(left >> 32) ^ c[3] ^ k[1],
         static_cast<std::uint32_t>(left)};
    k[0] += 0x9E3779B9;
    k[1] += 0xBB67AE85;
  }
  return c;
}

namespace {
constexpr double ln2 = 0.693147180559945309417232121458;
constexpr double two_pi = 6.283185307179586476925286766559;
} // namespace

double exact_log(double x) {
  int exponent = 0;
  double m = std::frexp(x, &exponent); // exact
  if (m < 0.70710678118654752) {
    m *= 2;
    --exponent;
  }
  const double s = (m - 1) / (m + 1); // |s| < 0.1716: 11 odd terms reach 1e-17
  const double s2 = s * s;
  double sum = 0;
  for (int n = 21; n >= 1; n -= 2)
    sum = sum * s2 + 1.0 / n;
  return 2 * s * sum + exponent * ln2;
}

double exact_exp(double x) {
  const double k = std::floor(x / ln2 + 0.5);
  const double r = x - k * ln2; // |r| < 0.35: 15 terms reach 1e-19
  double sum = 1;
  for (int n = 15; n >= 1; --n)
    sum = 1 + sum * r / n;
  return std::ldexp(sum, static_cast<int>(k)); // exact
}

double exact_sin(double x) {
  x -= two_pi * std::floor(x / two_pi + 0.5);
  const double x2 = x * x;
  double sum = 1;
  for (int n = 28; n >= 2; n -= 2)
    sum = 1 - sum * x2 / (n * (n + 1.0));
  return x * sum;
}

double exact_pow(double x, double y) {
  return exact_exp(y * exact_log(x));
}

stream::stream(std::uint64_t seed, purpose what, std::uint64_t a, std::uint32_t b)
    : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)},
      // 27 bits count blocks, 5 bits name the purpose: 2^28 numbers a stream.
      counter_{static_cast<std::uint32_t>(what) << 27, static_cast<std::uint32_t>(a),
               static_cast<std::uint32_t>(a >> 32), b} {}

std::uint64_t stream::next() {
  if (half_) {
    half_ = false;
    return (std::uint64_t{block_[3]} << 32) | block_[2];
  }
  block_ = philox(counter_, key_);
  ++counter_[0];
  half_ = true;
  return (std::uint64_t{block_[1]} << 32) | block_[0];
}

double stream::uniform() {
  return (static_cast<double>(next() >> 11) + 0.5) * 0x1p-53;
}

std::int64_t stream::below(std::int64_t n) {
  return static_cast<std::int64_t>(uniform() * static_cast<double>(n));
}

std::int64_t stream::between(std::int64_t low, std::int64_t high) {
  return low + below(high - low + 1);
}

double stream::normal() {
  // P. J. Acklam's rational approximation of the inverse normal, relative error 1.2e-9.
  const double p = uniform();
  const auto tail = [](double q) {
    return (((((-7.784894002430293e-03 * q - 3.223964580411365e-01) * q -
               2.400758277161838e+00) *
                  q -
              2.549732539343734e+00) *
                 q +
             4.374664141464968e+00) *
                q +
            2.938163982698783e+00) /
           ((((7.784695709041462e-03 * q + 3.224671290700398e-01) * q +
              2.445134137142996e+00) *
                 q +
             3.754408661907416e+00) *
                q +
            1);
  };
  if (p < 0.02425)
    return tail(std::sqrt(-2 * exact_log(p)));
  if (p > 1 - 0.02425)
    return -tail(std::sqrt(-2 * exact_log(1 - p)));
  const double q = p - 0.5;
  const double r = q * q;
  return (((((-3.969683028665376e+01 * r + 2.209460984245205e+02) * r -
             2.759285104469687e+02) *
                r +
            1.383577518672690e+02) *
               r -
           3.066479806614716e+01) *
              r +
          2.506628277459239e+00) *
         q /
         (((((-5.447609879822406e+01 * r + 1.615858368580409e+02) * r -
             1.556989798598866e+02) *
                r +
            6.680131188771972e+01) *
               r -
           1.328068155288572e+01) *
              r +
          1);
}

double stream::gamma(double mean, double cv) {
  const double shape = 1 / (cv * cv);
  const double d = shape - 1.0 / 3;
  const double c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = normal();
    const double v = (1 + c * x) * (1 + c * x) * (1 + c * x);
    if (v <= 0)
      continue;
    if (exact_log(uniform()) < 0.5 * x * x + d - d * v + d * exact_log(v))
      return d * v * mean / shape;
  }
}

std::int64_t stream::poisson(double mean) {
  if (mean >
      30) // a sum of two halves keeps the inversion short and exp(-mean) far from 0
    return poisson(mean / 2) + poisson(mean / 2);
  double p = exact_exp(-mean);
  double u = uniform();
  std::int64_t n = 0;
  while (u > p && n < 200) {
    u -= p;
    ++n;
    p *= mean / static_cast<double>(n);
  }
  return n;
}

} // namespace crossdock::sim
