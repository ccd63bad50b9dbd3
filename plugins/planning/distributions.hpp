/// The probability distributions that demand and supply are judged with, and their loss
/// functions. The only place that knows Boost.Math.
#pragma once

#include "planning/outcome.hpp"

namespace crossdock::planning {

// -- the normal distribution ------------------------------------------------------------
/// Density of the standard normal at z.
double normal_density(double z);

/// P(Z <= z) for a standard normal Z; accurate in both tails.
double normal_below(double z);

/// P(Z > z), without the cancellation of 1 - normal_below(z).
double normal_above(double z);

/// The z with P(Z <= z) = p. Valid: 0 < p < 1.
outcome<double> normal_quantile(double p);

/// The t with P(T <= t) = p for a Student t of `degrees` degrees of freedom.
/// Valid: 0 < p < 1, degrees > 0.
outcome<double> student_quantile(double p, double degrees);

// -- loss functions ---------------------------------------------------------------------
/// Units short and units left over when x units meet random demand X.
struct expected_loss_pair {
  double loss;               ///< E[(X - x)+]: expected shortage, units.
  double complementary_loss; ///< E[(x - X)+]: expected left-over, units.
};

/// L(z) = phi(z) - z (1 - Phi(z)) (Snyder & Shen, Fundamentals of Supply Chain Theory,
/// appendix C). Valid: finite z.
outcome<expected_loss_pair> standard_normal_loss(double z);

/// Normal demand. Valid: sd > 0.
outcome<expected_loss_pair> normal_loss(double x, double mean, double sd);

/// Largest mean of a discrete demand, units: beyond it single units mean nothing, and
/// counting them would not end.
constexpr double discrete_mean_max = 1e12;
constexpr const char* discrete_mean_words = "must be at most 1e12 for whole units";

/// Poisson demand; x may be fractional. Valid: 0 < mean <= discrete_mean_max.
outcome<expected_loss_pair> poisson_loss(double x, double mean);

/// Gamma demand (Burgin 1975), mean = shape * scale. Valid: shape > 0, scale > 0.
outcome<expected_loss_pair> gamma_loss(double x, double shape, double scale);

/// Lognormal demand, ln X ~ N(mu, sigma^2). Valid: sigma > 0, finite mu and x.
outcome<expected_loss_pair> lognormal_loss(double x, double mu, double sigma);

/// Negative binomial demand by its moments. Valid: 0 < mean <= discrete_mean_max, sd^2 >
/// mean.
outcome<expected_loss_pair> negative_binomial_loss(double x, double mean, double sd);

// -- demand over an interval ------------------------------------------------------------
enum class demand_family {
  certain, ///< Known exactly: all mass at the mean.
  normal,  ///< Large, steady volumes; can go negative, so never chosen by itself.
  gamma,   ///< Fast or erratic items: skewed, never negative.
  negative_binomial, ///< Lumpy items: integer, variance above the mean.
  poisson            ///< Slow movers taken one by one: variance equals the mean.
};

/// "certain", "normal", "gamma", "negative_binomial", "poisson".
const char* to_string(demand_family family);

/// Random demand in units over some interval (a lead time, the days until a receipt).
/// An immutable value.
class demand_distribution {
public:
  /// `mean` in units, `variance` in units^2. Valid: both >= 0; negative_binomial needs
  /// variance > mean. A variance of 0 (normal, gamma) or a mean of 0 makes it `certain`;
  /// poisson ignores `variance` and uses the mean.
  static outcome<demand_distribution> make(demand_family family, double mean,
                                           double variance);

  /// P(demand <= x).
  double at_most(double x) const;

  /// P(demand > x): the probability that x units are not enough.
  double exceeds(double x) const;

  /// The smallest x with P(demand <= x) >= p; a whole number for the discrete families.
  /// Valid: 0 < p < 1.
  outcome<double> quantile(double p) const;

  /// E[(demand - x)+]: units expected to be missing when x are there.
  double expected_shortage(double x) const;

  demand_family family() const { return family_; }
  double mean() const { return mean_; }
  double variance() const { return variance_; }

private:
  demand_distribution(demand_family family, double mean, double variance)
      : family_(family), mean_(mean), variance_(variance) {}

  demand_family family_;
  double mean_;
  double variance_;
};

} // namespace crossdock::planning
