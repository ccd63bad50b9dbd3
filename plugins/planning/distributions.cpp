#include "planning/distributions.hpp"

#include "planning/checks.hpp"

#include <boost/math/distributions/gamma.hpp>
#include <boost/math/distributions/negative_binomial.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/poisson.hpp>
#include <boost/math/distributions/students_t.hpp>

#include <algorithm>
#include <cmath>

namespace crossdock::planning {

namespace {

namespace bm = boost::math;
namespace bp = boost::math::policies;

// Inputs are checked before Boost sees them, so nothing may throw; double arithmetic is
// enough (the published cases hold to 1e-9).
using quiet =
    bp::policy<bp::domain_error<bp::ignore_error>, bp::pole_error<bp::ignore_error>,
               bp::overflow_error<bp::ignore_error>,
               bp::evaluation_error<bp::ignore_error>,
               bp::indeterminate_result_error<bp::ignore_error>,
               bp::rounding_error<bp::ignore_error>, bp::promote_double<false>,
               bp::discrete_quantile<bp::integer_round_up>>;

using normal_law = bm::normal_distribution<double, quiet>;
using gamma_law = bm::gamma_distribution<double, quiet>;
using negative_binomial_law = bm::negative_binomial_distribution<double, quiet>;
using poisson_law = bm::poisson_distribution<double, quiet>;

gamma_law gamma_of(double mean, double variance) {
  return gamma_law(mean * mean / variance, variance / mean);
}

// Failures until n successes of probability p (n need not be whole): p = mean / variance,
// n = mean^2 / (variance - mean).
negative_binomial_law negative_binomial_of(double mean, double variance) {
  return negative_binomial_law(mean * mean / (variance - mean), mean / variance);
}

// P(X <= x) of a discrete law, for any real x.
template <class Law>
double discrete_at_most(const Law& law, double x) {
  return x < 0 ? 0.0 : bm::cdf(law, std::floor(x));
}

template <class Law>
double discrete_exceeds(const Law& law, double x) {
  return x < 0 ? 1.0 : bm::cdf(bm::complement(law, std::floor(x)));
}

// Boost's integer rounding can be off by one where the distribution function hits p
// exactly; the definition decides.
template <class Law>
double discrete_quantile(const Law& law, double p) {
  double r = std::max(0.0, std::ceil(bm::quantile(law, p)));
  while (r > 0 && bm::cdf(law, r - 1) >= p)
    --r;
  while (bm::cdf(law, r) < p)
    ++r;
  return r;
}

double normal_shortage(double x, double mean, double sd) {
  const double z = (x - mean) / sd;
  return sd * (normal_density(z) - z * normal_above(z));
}

// E[X; X > x] of a gamma law is mean * P(X' > x) with one more unit of shape.
double gamma_shortage(double x, double shape, double scale) {
  if (x <= 0)
    return shape * scale - x;
  const double above_x = bm::cdf(bm::complement(gamma_law(shape, scale), x));
  const double above_x_by_size = bm::cdf(bm::complement(gamma_law(shape + 1, scale), x));
  return shape * scale * above_x_by_size - x * above_x;
}

// E[X; X > x] = mean * P(X' > x - 1), where X' is the size-biased law less one: again
// Poisson, or negative binomial with one more success.
double poisson_shortage(double x, double mean) {
  if (x < 0)
    return mean - x;
  const poisson_law law(mean);
  return mean * discrete_exceeds(law, x - 1) - x * discrete_exceeds(law, x);
}

double negative_binomial_shortage(double x, double mean, double variance) {
  if (x < 0)
    return mean - x;
  const auto law = negative_binomial_of(mean, variance);
  const negative_binomial_law biased(law.successes() + 1, law.success_fraction());
  return mean * discrete_exceeds(biased, x - 1) - x * discrete_exceeds(law, x);
}

// E[(X - x)+] - E[(x - X)+] = E[X] - x for every law. Rounding must not make either of
// them negative.
expected_loss_pair pair_of(double shortage, double x, double mean) {
  const double loss = std::max({0.0, shortage, mean - x});
  return {loss, std::max(0.0, loss - (mean - x))};
}

} // namespace

double normal_density(double z) {
  return bm::pdf(normal_law(), z);
}

double normal_below(double z) {
  return bm::cdf(normal_law(), z);
}

double normal_above(double z) {
  return bm::cdf(bm::complement(normal_law(), z));
}

outcome<double> normal_quantile(double p) {
  if (auto wrong = checks().inside_unit("p", p).failure())
    return *wrong;
  return bm::quantile(normal_law(), p);
}

outcome<double> student_quantile(double p, double degrees) {
  if (auto wrong = checks().inside_unit("p", p).positive("degrees", degrees).failure())
    return *wrong;
  return boost::math::quantile(boost::math::students_t(degrees), p);
}

outcome<expected_loss_pair> standard_normal_loss(double z) {
  if (auto wrong = checks().finite("z", z).failure())
    return *wrong;
  return normal_loss(z, 0, 1);
}

outcome<expected_loss_pair> normal_loss(double x, double mean, double sd) {
  if (auto wrong =
          checks().finite("x", x).finite("mean", mean).positive("sd", sd).failure())
    return *wrong;
  // The mirrored call keeps the small one of the two accurate in the far tails.
  return expected_loss_pair{normal_shortage(x, mean, sd), normal_shortage(-x, -mean, sd)};
}

outcome<expected_loss_pair> poisson_loss(double x, double mean) {
  if (auto wrong = checks()
                       .finite("x", x)
                       .positive("mean", mean)
                       .that(mean <= discrete_mean_max, "mean", discrete_mean_words)
                       .failure())
    return *wrong;
  return pair_of(poisson_shortage(x, mean), x, mean);
}

outcome<expected_loss_pair> gamma_loss(double x, double shape, double scale) {
  if (auto wrong = checks()
                       .finite("x", x)
                       .positive("shape", shape)
                       .positive("scale", scale)
                       .failure())
    return *wrong;
  return pair_of(gamma_shortage(x, shape, scale), x, shape * scale);
}

outcome<expected_loss_pair> lognormal_loss(double x, double mu, double sigma) {
  if (auto wrong =
          checks().finite("x", x).finite("mu", mu).positive("sigma", sigma).failure())
    return *wrong;
  const double mean = std::exp(mu + sigma * sigma / 2);
  if (!std::isfinite(mean))
    return domain_error{"mu", "must leave the mean within the numbers that exist"};
  if (x <= 0)
    return expected_loss_pair{mean - x, 0};
  const double z = (std::log(x) - mu) / sigma;
  const double loss = mean * normal_above(z - sigma) - x * normal_above(z);
  return expected_loss_pair{std::max(loss, 0.0), std::max(x - mean + loss, 0.0)};
}

outcome<expected_loss_pair> negative_binomial_loss(double x, double mean, double sd) {
  if (auto wrong = checks()
                       .finite("x", x)
                       .positive("mean", mean)
                       .that(mean <= discrete_mean_max, "mean", discrete_mean_words)
                       .positive("sd", sd)
                       .that(sd * sd > mean, "sd", "sd squared must exceed the mean")
                       .failure())
    return *wrong;
  return pair_of(negative_binomial_shortage(x, mean, sd * sd), x, mean);
}

const char* to_string(demand_family family) {
  switch (family) {
  case demand_family::certain:
    return "certain";
  case demand_family::normal:
    return "normal";
  case demand_family::gamma:
    return "gamma";
  case demand_family::negative_binomial:
    return "negative_binomial";
  case demand_family::poisson:
    return "poisson";
  }
  return "unknown";
}

outcome<demand_distribution> demand_distribution::make(demand_family family, double mean,
                                                       double variance) {
  if (auto wrong = checks()
                       .not_negative("mean", mean)
                       .not_negative("variance", variance)
                       .failure())
    return *wrong;
  const bool spread_needed =
      family == demand_family::normal || family == demand_family::gamma;
  if (family == demand_family::certain || mean == 0 || (spread_needed && variance == 0))
    return demand_distribution(demand_family::certain, mean, 0);
  const bool discrete =
      family == demand_family::poisson || family == demand_family::negative_binomial;
  if (discrete && mean > discrete_mean_max)
    return domain_error{"mean", discrete_mean_words};
  if (family == demand_family::poisson)
    return demand_distribution(family, mean, mean);
  if (family == demand_family::negative_binomial && variance <= mean)
    return domain_error{"variance",
                        "must exceed the mean for the negative binomial; use poisson"};
  return demand_distribution(family, mean, variance);
}

double demand_distribution::at_most(double x) const {
  switch (family_) {
  case demand_family::certain:
    return x >= mean_ ? 1.0 : 0.0;
  case demand_family::normal:
    return normal_below((x - mean_) / std::sqrt(variance_));
  case demand_family::gamma:
    return x <= 0 ? 0.0 : bm::cdf(gamma_of(mean_, variance_), x);
  case demand_family::negative_binomial:
    return discrete_at_most(negative_binomial_of(mean_, variance_), x);
  case demand_family::poisson:
    return discrete_at_most(poisson_law(mean_), x);
  }
  return 0;
}

double demand_distribution::exceeds(double x) const {
  switch (family_) {
  case demand_family::certain:
    return x >= mean_ ? 0.0 : 1.0;
  case demand_family::normal:
    return normal_above((x - mean_) / std::sqrt(variance_));
  case demand_family::gamma:
    return x <= 0 ? 1.0 : bm::cdf(bm::complement(gamma_of(mean_, variance_), x));
  case demand_family::negative_binomial:
    return discrete_exceeds(negative_binomial_of(mean_, variance_), x);
  case demand_family::poisson:
    return discrete_exceeds(poisson_law(mean_), x);
  }
  return 1;
}

outcome<double> demand_distribution::quantile(double p) const {
  if (auto wrong = checks().inside_unit("p", p).failure())
    return *wrong;
  switch (family_) {
  case demand_family::certain:
    return mean_;
  case demand_family::normal:
    return mean_ + std::sqrt(variance_) * bm::quantile(normal_law(), p);
  case demand_family::gamma:
    return bm::quantile(gamma_of(mean_, variance_), p);
  case demand_family::negative_binomial:
    return discrete_quantile(negative_binomial_of(mean_, variance_), p);
  case demand_family::poisson:
    return discrete_quantile(poisson_law(mean_), p);
  }
  return mean_;
}

double demand_distribution::expected_shortage(double x) const {
  switch (family_) {
  case demand_family::certain:
    return std::max(0.0, mean_ - x);
  case demand_family::normal:
    return normal_shortage(x, mean_, std::sqrt(variance_));
  case demand_family::gamma:
    return pair_of(gamma_shortage(x, mean_ * mean_ / variance_, variance_ / mean_), x,
                   mean_)
        .loss;
  case demand_family::negative_binomial:
    return pair_of(negative_binomial_shortage(x, mean_, variance_), x, mean_).loss;
  case demand_family::poisson:
    return pair_of(poisson_shortage(x, mean_), x, mean_).loss;
  }
  return 0;
}

} // namespace crossdock::planning
