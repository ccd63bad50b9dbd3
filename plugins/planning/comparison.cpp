#include "planning/comparison.hpp"

#include "planning/checks.hpp"
#include "planning/distributions.hpp"

#include <cmath>
#include <string>

namespace crossdock::planning {

namespace {

constexpr double group_size_max = 1e15;

} // namespace

outcome<double> did_2x2(double treated_before, double treated_after,
                        double control_before, double control_after) {
  if (auto wrong = checks()
                       .finite("treated_before", treated_before)
                       .finite("treated_after", treated_after)
                       .finite("control_before", control_before)
                       .finite("control_after", control_after)
                       .failure())
    return *wrong;
  return (treated_after - treated_before) - (control_after - control_before);
}

outcome<proportion_test> two_proportion_z(double p1, double n1, double p2, double n2) {
  if (auto wrong = checks()
                       .probability("p1", p1)
                       .finite("n1", n1)
                       .that(n1 >= 1, "n1", "must be at least 1")
                       .probability("p2", p2)
                       .finite("n2", n2)
                       .that(n2 >= 1, "n2", "must be at least 1")
                       .that(!(p1 == p2 && (p1 == 0 || p1 == 1)), "p1",
                             "must leave some variance: both proportions are 0 or 1")
                       .failure())
    return *wrong;
  const double pooled = (p1 * n1 + p2 * n2) / (n1 + n2);
  const double z = (p2 - p1) / std::sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n2));
  return proportion_test{z, 2 * normal_above(std::abs(z))};
}

outcome<double> sample_size_two_proportions(double p1, double p2, double alpha,
                                            double power) {
  if (auto wrong = checks()
                       .inside_unit("p1", p1)
                       .inside_unit("p2", p2)
                       .that(p1 != p2, "p2", "must differ from p1")
                       .inside_unit("alpha", alpha)
                       .inside_unit("power", power)
                       .failure())
    return *wrong;
  const double mean = (p1 + p2) / 2;
  const double at_alpha = -*normal_quantile(alpha / 2);
  const double at_power = *normal_quantile(power);
  const double root = at_alpha * std::sqrt(2 * mean * (1 - mean)) +
                      at_power * std::sqrt(p1 * (1 - p1) + p2 * (1 - p2));
  if (root <= 0)
    return 1.0; // a test that may be wrong that often sees anything
  const double n = std::ceil(std::pow(root / (p1 - p2), 2));
  if (!(n <= group_size_max))
    return domain_error{"p2", "is too close to p1 for a number of cases"};
  return n;
}

outcome<reduced_variance> cuped_variance(double var_y, double corr) {
  if (auto wrong = checks()
                       .not_negative("var_y", var_y)
                       .finite("corr", corr)
                       .that(std::abs(corr) <= 1, "corr", "must be between -1 and 1")
                       .failure())
    return *wrong;
  return reduced_variance{(1 - corr * corr) * var_y, 100 * corr * corr};
}

outcome<agreement> cohen_kappa(const std::vector<std::vector<double>>& table) {
  const std::size_t n = table.size();
  if (n < 2)
    return domain_error{"table", "must have at least two classes"};
  std::vector<double> rows(n, 0.0);
  std::vector<double> columns(n, 0.0);
  double total = 0;
  double agreed = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const auto field = "table[" + std::to_string(i) + "]";
    if (auto wrong = checks()
                         .same_length(field, table[i].size(), n)
                         .all_not_negative(field, table[i])
                         .failure())
      return *wrong;
    for (std::size_t j = 0; j < n; ++j) {
      rows[i] += table[i][j];
      columns[j] += table[i][j];
      total += table[i][j];
    }
    agreed += table[i][i];
  }
  if (!(total > 0) || !std::isfinite(total))
    return domain_error{"table", "must count at least one case"};
  double by_chance = 0;
  for (std::size_t i = 0; i < n; ++i)
    by_chance += rows[i] / total * (columns[i] / total);
  if (by_chance >= 1)
    return domain_error{"table", "must not have all cases in one class"};
  const double observed = agreed / total;
  return agreement{observed, by_chance, (observed - by_chance) / (1 - by_chance)};
}

} // namespace crossdock::planning
