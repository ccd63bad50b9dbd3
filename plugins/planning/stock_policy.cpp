#include "planning/stock_policy.hpp"

#include "planning/checks.hpp"
#include "planning/distributions.hpp"
#include "planning/lot_size.hpp"
#include "planning/roots.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace crossdock::planning {
namespace {

std::optional<domain_error> wrong_rq(const rq_costs& costs, const rq_demand& demand) {
  return checks()
      .positive("holding_cost", costs.holding)
      .positive("stockout_cost", costs.stockout)
      .positive("fixed_cost", costs.fixed)
      .positive("demand_mean", demand.mean)
      .positive("demand_sd", demand.sd)
      .positive("lead_time", demand.lead_time)
      .failure();
}

/// Normal demand over a lead time.
struct lead_normal {
  double mean;
  double sd;
  explicit lead_normal(const rq_demand& d)
      : mean(d.mean * d.lead_time), sd(d.sd * std::sqrt(d.lead_time)) {}

  /// E[(D - x)+].
  double loss(double x) const {
    const double z = (x - mean) / sd;
    return sd * (normal_density(z) - z * normal_above(z));
  }
  /// Integral of loss() from x to infinity.
  double second_loss(double x) const {
    const double z = (x - mean) / sd;
    return sd * sd / 2 * ((z * z + 1) * normal_above(z) - z * normal_density(z));
  }
};

/// Holding and stock-out cost rate when y is there or on its way.
double cost_rate(double holding, double stockout, const lead_normal& d, double y) {
  return holding * (y - d.mean) + (holding + stockout) * d.loss(y);
}

/// The same for Poisson demand; every unit below 0 is short as well.
double poisson_rate(double holding, double stockout, double mean, double y) {
  const auto pair = poisson_loss(std::max(y, 0.0), mean);
  return holding * (y < 0 ? 0.0 : pair->complementary_loss) +
         stockout * (pair->loss - std::min(y, 0.0));
}

double policy_cost(const rq_costs& costs, const rq_demand& demand, double r, double q) {
  const lead_normal d(demand);
  const double stock =
      costs.holding * (r + q / 2 - d.mean) * q +
      (costs.holding + costs.stockout) * (d.second_loss(r) - d.second_loss(r + q));
  return (costs.fixed * demand.mean + stock) / q;
}

/// An exact search walks through the lot, which grows as fixed costs rise and as holding
/// or stock-outs become cheap (the lot of eoq_backorders()).
checks& searchable_lot(checks& c, double holding, double stockout, double fixed,
                       double demand_mean, double units) {
  const double lot = std::sqrt(2 * fixed * demand_mean / holding);
  return c.that(lot <= units, "fixed_cost", "makes lots too large for the exact search")
      .that(lot * std::sqrt((holding + stockout) / stockout) <= units, "stockout_cost",
            "makes lots too large for the exact search");
}

double best_r(double holding, double stockout, const rq_demand& demand, double q) {
  const lead_normal d(demand);
  const auto off = [&](double r) {
    return cost_rate(holding, stockout, d, r) - cost_rate(holding, stockout, d, r + q);
  };
  // The cost rate is convex: far to the left it falls (off > 0), at its minimum it rises.
  double high = d.mean + 40 * d.sd;
  double low = d.mean - q - 40 * d.sd;
  return bisect(off, low, high);
}

} // namespace

// -- newsvendor and base stock ----------------------------------------------------------
outcome<base_stock> newsvendor_normal(double holding_cost, double stockout_cost,
                                      double demand_mean, double demand_sd,
                                      double lead_time) {
  if (auto wrong = checks()
                       .positive("holding_cost", holding_cost)
                       .positive("stockout_cost", stockout_cost)
                       .not_negative("demand_mean", demand_mean)
                       .positive("demand_sd", demand_sd)
                       .not_negative("lead_time", lead_time)
                       .failure())
    return *wrong;
  const auto z = normal_quantile(stockout_cost / (stockout_cost + holding_cost));
  if (!z)
    return domain_error{"stockout_cost", "is too far from holding_cost to be told apart"};
  const double sd = demand_sd * std::sqrt(lead_time + 1);
  return base_stock{demand_mean * (lead_time + 1) + *z * sd,
                    (holding_cost + stockout_cost) * sd * normal_density(*z)};
}

outcome<double> newsvendor_normal_cost(double holding_cost, double stockout_cost,
                                       double demand_mean, double demand_sd,
                                       double base_stock_level, double lead_time) {
  if (auto wrong = checks()
                       .positive("holding_cost", holding_cost)
                       .positive("stockout_cost", stockout_cost)
                       .not_negative("demand_mean", demand_mean)
                       .positive("demand_sd", demand_sd)
                       .finite("base_stock_level", base_stock_level)
                       .not_negative("lead_time", lead_time)
                       .that(std::isfinite(demand_mean * (lead_time + 1)) &&
                                 std::isfinite(demand_sd * std::sqrt(lead_time + 1)),
                             "lead_time", "makes the demand over it infinite")
                       .failure())
    return *wrong;
  const auto pair = normal_loss(base_stock_level, demand_mean * (lead_time + 1),
                                demand_sd * std::sqrt(lead_time + 1));
  if (!pair)
    return pair.error();
  return holding_cost * pair->complementary_loss + stockout_cost * pair->loss;
}

outcome<newsvendor_profit>
newsvendor_normal_explicit(double revenue, double purchase_cost, double salvage_value,
                           double demand_mean, double demand_sd, double holding_cost,
                           double stockout_cost, double lead_time) {
  if (auto wrong = checks()
                       .finite("revenue", revenue)
                       .finite("purchase_cost", purchase_cost)
                       .finite("salvage_value", salvage_value)
                       .not_negative("holding_cost", holding_cost)
                       .not_negative("stockout_cost", stockout_cost)
                       .that(revenue + stockout_cost > purchase_cost, "revenue",
                             "must be greater than purchase_cost")
                       .that(purchase_cost > salvage_value - holding_cost,
                             "salvage_value", "must be less than purchase_cost")
                       .failure())
    return *wrong;
  const double over = purchase_cost - salvage_value + holding_cost;
  const double under = revenue - purchase_cost + stockout_cost;
  const auto best = newsvendor_normal(over, under, demand_mean, demand_sd, lead_time);
  if (!best)
    return best.error();
  return newsvendor_profit{best->level,
                           (revenue - purchase_cost) * demand_mean - best->cost};
}

outcome<base_stock> newsvendor_poisson(double holding_cost, double stockout_cost,
                                       double demand_mean, double lead_time) {
  if (auto wrong = checks()
                       .positive("holding_cost", holding_cost)
                       .positive("stockout_cost", stockout_cost)
                       .positive("demand_mean", demand_mean)
                       .not_negative("lead_time", lead_time)
                       .that(demand_mean * (lead_time + 1) <= discrete_mean_max,
                             "demand_mean", discrete_mean_words)
                       .failure())
    return *wrong;
  const double mean = demand_mean * (lead_time + 1);
  const auto demand = demand_distribution::make(demand_family::poisson, mean, mean);
  if (!demand)
    return demand.error();
  const auto level = demand->quantile(stockout_cost / (stockout_cost + holding_cost));
  if (!level)
    return domain_error{"stockout_cost", "is too far from holding_cost to be told apart"};
  const auto pair = poisson_loss(*level, mean);
  if (!pair)
    return pair.error();
  return base_stock{*level,
                    holding_cost * pair->complementary_loss + stockout_cost * pair->loss};
}

outcome<base_stock> newsvendor_discrete(double holding_cost, double stockout_cost,
                                        const std::map<double, double>& demand_pmf) {
  checks c;
  c.positive("holding_cost", holding_cost)
      .positive("stockout_cost", stockout_cost)
      .that(!demand_pmf.empty(), "demand_pmf", "must have at least one value");
  double sum = 0;
  for (const auto& [value, probability] : demand_pmf) {
    c.finite("demand_pmf", value).probability("demand_pmf", probability);
    sum += probability;
  }
  c.that(std::abs(sum - 1) <= 1e-6, "demand_pmf",
         "must have probabilities that add up to 1");
  if (c.failure())
    return *c.failure();
  // The rounding of the probabilities must not move the quantile to the next value.
  const double target = stockout_cost / (stockout_cost + holding_cost) * sum - 1e-12;
  double level = demand_pmf.rbegin()->first;
  double below = 0;
  for (const auto& [value, probability] : demand_pmf) {
    below += probability;
    if (below >= target) {
      level = value;
      break;
    }
  }
  double cost = 0;
  for (const auto& [value, probability] : demand_pmf)
    cost += probability * (holding_cost * std::max(level - value, 0.0) +
                           stockout_cost * std::max(value - level, 0.0));
  return base_stock{level, cost};
}

outcome<base_stock> newsvendor_lognormal(double holding_cost, double stockout_cost,
                                         double mu, double sigma) {
  if (auto wrong = checks()
                       .positive("holding_cost", holding_cost)
                       .positive("stockout_cost", stockout_cost)
                       .finite("mu", mu)
                       .positive("sigma", sigma)
                       .failure())
    return *wrong;
  const auto z = normal_quantile(stockout_cost / (stockout_cost + holding_cost));
  if (!z)
    return domain_error{"stockout_cost", "is too far from holding_cost to be told apart"};
  const double level = std::exp(mu + *z * sigma);
  if (!std::isfinite(level))
    return domain_error{"mu", "must leave the level within the numbers that exist"};
  const auto pair = lognormal_loss(level, mu, sigma);
  if (!pair)
    return pair.error();
  return base_stock{level,
                    holding_cost * pair->complementary_loss + stockout_cost * pair->loss};
}

outcome<base_stock> newsvendor_disruptions(double holding_cost, double stockout_cost,
                                           double demand, double disruption_prob,
                                           double recovery_prob) {
  if (auto wrong = checks()
                       .positive("holding_cost", holding_cost)
                       .positive("stockout_cost", stockout_cost)
                       .positive("demand", demand)
                       .inside_unit("disruption_prob", disruption_prob)
                       .inside_unit("recovery_prob", recovery_prob)
                       .failure())
    return *wrong;
  const double down = disruption_prob / (disruption_prob + recovery_prob);
  const double stays = 1 - recovery_prob;
  // P(disrupted for more than n periods) = down * stays^n; n of them are covered.
  const double tail = holding_cost / (holding_cost + stockout_cost);
  const double exact = std::log(tail / down) / std::log(stays);
  const double n = std::max(0.0, std::ceil(exact - 1e-12));
  constexpr double periods_max = 1e7;
  if (!(n <= periods_max))
    return domain_error{"recovery_prob", "is too small: disruptions would last longer "
                                         "than can be added up"};
  double cost = (1 - down) * holding_cost * n * demand;
  double chance = down * recovery_prob;
  for (double k = 1; k < n; ++k, chance *= stays)
    cost += chance * holding_cost * (n - k) * demand;
  cost += stockout_cost * demand * down * std::pow(stays, n) / recovery_prob;
  return base_stock{demand * (n + 1), cost};
}

// -- (r, Q) -----------------------------------------------------------------------------
outcome<double> rq_cost_normal(const rq_costs& costs, const rq_demand& demand,
                               double reorder_point, double order_quantity) {
  if (auto wrong = wrong_rq(costs, demand))
    return *wrong;
  if (auto wrong = checks()
                       .finite("reorder_point", reorder_point)
                       .positive("order_quantity", order_quantity)
                       .failure())
    return *wrong;
  return policy_cost(costs, demand, reorder_point, order_quantity);
}

outcome<double> rq_optimal_r_for_q(double holding_cost, double stockout_cost,
                                   const rq_demand& demand, double order_quantity) {
  if (auto wrong = wrong_rq({holding_cost, stockout_cost, 1}, demand))
    return *wrong;
  if (auto wrong = checks().positive("order_quantity", order_quantity).failure())
    return *wrong;
  return best_r(holding_cost, stockout_cost, demand, order_quantity);
}

outcome<rq_policy> rq_eil(const rq_costs& costs, const rq_demand& demand) {
  if (auto wrong = wrong_rq(costs, demand))
    return *wrong;
  const lead_normal d(demand);
  double q = std::sqrt(2 * costs.fixed * demand.mean / costs.holding);
  double r = d.mean;
  constexpr int rounds_max = 10'000;
  for (int i = 0; i < rounds_max; ++i) {
    const double missed = q * costs.holding / (costs.stockout * demand.mean);
    const auto z = normal_quantile(missed); // of the upper tail: exact when it is tiny
    if (!z)
      return domain_error{"stockout_cost", "is too low for this approximation: a lot "
                                           "costs more to hold than to be without"};
    const double r_before = r;
    const double q_before = q;
    r = d.mean - *z * d.sd;
    q = std::sqrt(2 * demand.mean * (costs.fixed + costs.stockout * d.loss(r)) /
                  costs.holding);
    if (std::abs(r - r_before) <= 1e-10 * std::max(1.0, std::abs(r)) &&
        std::abs(q - q_before) <= 1e-10 * q)
      return rq_policy{r, q,
                       costs.holding * (r - d.mean + q / 2) +
                           costs.fixed * demand.mean / q +
                           costs.stockout * demand.mean * d.loss(r) / q};
  }
  return domain_error{"stockout_cost", "leaves the iteration without an end"};
}

outcome<rq_policy> rq_eoqb(const rq_costs& costs, const rq_demand& demand) {
  if (auto wrong = wrong_rq(costs, demand))
    return *wrong;
  const auto lot =
      eoq_backorders(costs.fixed, costs.holding, costs.stockout, demand.mean);
  if (!lot)
    return lot.error();
  const double r = best_r(costs.holding, costs.stockout, demand, lot->quantity);
  return rq_policy{r, lot->quantity, policy_cost(costs, demand, r, lot->quantity)};
}

outcome<rq_policy> rq_eoq_plus_safety_stock(const rq_costs& costs,
                                            const rq_demand& demand) {
  if (auto wrong = wrong_rq(costs, demand))
    return *wrong;
  const auto z = normal_quantile(costs.stockout / (costs.stockout + costs.holding));
  const auto lot = eoq(costs.fixed, costs.holding, demand.mean);
  if (!z || !lot)
    return domain_error{"stockout_cost", "is too far from holding_cost to be told apart"};
  const lead_normal d(demand);
  const double r = d.mean + *z * d.sd;
  return rq_policy{r, lot->quantity, policy_cost(costs, demand, r, lot->quantity)};
}

outcome<rq_policy> rq_poisson_exact(double holding_cost, double stockout_cost,
                                    double fixed_cost, double demand_mean,
                                    double lead_time) {
  if (auto wrong = wrong_rq({holding_cost, stockout_cost, fixed_cost},
                            {demand_mean, 1, lead_time}))
    return *wrong;
  const double mean = demand_mean * lead_time;
  checks c;
  c.that(mean <= exact_demand_max, "demand_mean",
         "must give at most 20000 units in a lead time");
  if (searchable_lot(c, holding_cost, stockout_cost, fixed_cost, demand_mean, 1e6)
          .failure())
    return *c.failure();
  const auto rate = [&](double y) {
    return poisson_rate(holding_cost, stockout_cost, mean, y);
  };
  const auto best = newsvendor_poisson(holding_cost, stockout_cost, mean);
  if (!best)
    return best.error();
  double r = best->level - 1;
  double q = 1;
  double sum = fixed_cost * demand_mean + rate(best->level);
  double left = rate(r);
  double right = rate(r + q + 1);
  while (std::min(left, right) < sum / q) {
    if (left <= right) {
      sum += left;
      left = rate(--r);
    } else {
      sum += right;
      right = rate(r + q + 2);
    }
    ++q;
  }
  return rq_policy{r, q, sum / q};
}

// -- (s, S) -----------------------------------------------------------------------------
outcome<ss_policy> ss_exact_poisson(double holding_cost, double stockout_cost,
                                    double fixed_cost, double demand_mean) {
  constexpr double mean_max = 1000;
  checks c;
  c.positive("holding_cost", holding_cost)
      .positive("stockout_cost", stockout_cost)
      .positive("fixed_cost", fixed_cost)
      .positive("demand_mean", demand_mean)
      .that(demand_mean <= mean_max, "demand_mean",
            "must be at most 1000: the exact search grows with its "
            "square; use ss_power_approximation");
  if (searchable_lot(c, holding_cost, stockout_cost, fixed_cost, demand_mean, 20'000)
          .failure())
    return *c.failure();
  std::vector<double> rates; // of levels 0, 1, ...: each is asked for many times
  const auto rate = [&](double y) {
    if (y < 0)
      return stockout_cost * (demand_mean - y);
    const auto level = static_cast<std::size_t>(y);
    while (rates.size() <= level)
      rates.push_back(poisson_rate(holding_cost, stockout_cost, demand_mean,
                                   static_cast<double>(rates.size())));
    return rates[level];
  };
  // m(j): expected visits j units below S before the next order (renewal density).
  std::vector<double> chance; // P(demand = k)
  std::vector<double> visits;
  std::vector<double> periods{0}; // M(j) = m(0) + ... + m(j - 1)
  const auto m = [&](std::size_t j) {
    while (visits.size() <= j) {
      const auto k = visits.size();
      chance.push_back(std::exp(static_cast<double>(k) * std::log(demand_mean) -
                                demand_mean - std::lgamma(static_cast<double>(k) + 1)));
      double sum = k == 0 ? 1 : 0;
      for (std::size_t l = 1; l <= k; ++l)
        sum += chance[l] * visits[k - l];
      visits.push_back(sum / -std::expm1(-demand_mean));
      periods.push_back(periods.back() + visits.back());
    }
    return visits[j];
  };
  const auto cost = [&](double low, double high) {
    double all = fixed_cost;
    const auto n = static_cast<std::size_t>(high - low);
    for (std::size_t j = 0; j < n; ++j)
      all += m(j) * rate(high - static_cast<double>(j));
    return all / periods[n];
  };
  // The two steps of Zheng & Federgruen: s for the best single level, then better S.
  const auto start = newsvendor_poisson(holding_cost, stockout_cost, demand_mean);
  if (!start)
    return start.error();
  double top = start->level;
  double s = top - 1;
  double sum = fixed_cost + m(0) * rate(top);
  for (std::size_t n = 1; sum / periods[n] > rate(s); ++n, --s)
    sum += m(n) * rate(s);
  double best = cost(s, top);
  for (double candidate = top + 1; rate(candidate) <= best; ++candidate) {
    if (cost(s, candidate) < best) {
      top = candidate;
      while (cost(s, top) <= rate(s + 1))
        ++s;
      best = cost(s, top);
    }
  }
  return ss_policy{s, top, best};
}

outcome<ss_policy> ss_power_approximation(double holding_cost, double stockout_cost,
                                          double fixed_cost, double demand_mean,
                                          double demand_sd, double lead_time) {
  if (auto wrong = checks()
                       .positive("holding_cost", holding_cost)
                       .positive("stockout_cost", stockout_cost)
                       .positive("fixed_cost", fixed_cost)
                       .positive("demand_mean", demand_mean)
                       .positive("demand_sd", demand_sd)
                       .not_negative("lead_time", lead_time)
                       .failure())
    return *wrong;
  const double mean_l = demand_mean * (lead_time + 1);
  const double sd_l = demand_sd * std::sqrt(lead_time + 1);
  const double q = 1.30 * std::pow(demand_mean, 0.494) *
                   std::pow(fixed_cost / holding_cost, 0.506) *
                   std::pow(1 + sd_l * sd_l / (demand_mean * demand_mean), 0.116);
  const double z = std::sqrt(q * holding_cost / (sd_l * stockout_cost));
  const double s = 0.973 * mean_l + sd_l * (0.183 / z + 1.063 - 2.192 * z);
  return ss_policy{s, s + q, std::numeric_limits<double>::quiet_NaN()};
}

// -- type 2 service ---------------------------------------------------------------------
outcome<double> fill_rate_rq_normal(double reorder_point, double order_quantity,
                                    double ltd_mean, double ltd_sd) {
  if (auto wrong = checks()
                       .finite("reorder_point", reorder_point)
                       .positive("order_quantity", order_quantity)
                       .not_negative("ltd_mean", ltd_mean)
                       .positive("ltd_sd", ltd_sd)
                       .failure())
    return *wrong;
  const auto below = standard_normal_loss((reorder_point - ltd_mean) / ltd_sd);
  const auto above =
      standard_normal_loss((reorder_point + order_quantity - ltd_mean) / ltd_sd);
  if (!below || !above)
    return domain_error{"ltd_sd", "is too small to be told from 0"};
  return 1 - ltd_sd / order_quantity * (below->loss - above->loss);
}

outcome<fill_rate_reorder_point> reorder_point_for_fill_rate(double order_quantity,
                                                             double ltd_mean,
                                                             double ltd_sd,
                                                             double fill_rate) {
  if (auto wrong = checks()
                       .positive("order_quantity", order_quantity)
                       .not_negative("ltd_mean", ltd_mean)
                       .positive("ltd_sd", ltd_sd)
                       .inside_unit("fill_rate", fill_rate)
                       .failure())
    return *wrong;
  const double missing = (1 - fill_rate) * order_quantity;
  const lead_normal d({ltd_mean, ltd_sd, 1});
  const double low = ltd_mean - order_quantity - 40 * ltd_sd;
  const double high = ltd_mean + 40 * ltd_sd;
  return fill_rate_reorder_point{
      bisect([&](double r) { return d.loss(r) - missing; }, low - order_quantity, high),
      bisect([&](double r) { return d.loss(r) - d.loss(r + order_quantity) - missing; },
             low, high)};
}

outcome<periodic_order> order_up_to_periodic(double demand_mean, double demand_sd,
                                             double review_period, double lead_time,
                                             double z, double on_hand, double on_order,
                                             double backorders) {
  if (auto wrong = checks()
                       .positive("demand_mean", demand_mean)
                       .not_negative("demand_sd", demand_sd)
                       .positive("review_period", review_period)
                       .not_negative("lead_time", lead_time)
                       .finite("z", z)
                       .finite("on_hand", on_hand)
                       .not_negative("on_order", on_order)
                       .not_negative("backorders", backorders)
                       .failure())
    return *wrong;
  const double interval = review_period + lead_time;
  const double sd = demand_sd * std::sqrt(interval);
  const double up_to = demand_mean * interval + z * sd;
  const auto loss = standard_normal_loss(z);
  if (!loss)
    return loss.error();
  const double missed = sd * loss->loss / (demand_mean * review_period);
  return periodic_order{up_to, std::max(0.0, up_to - (on_hand + on_order - backorders)),
                        std::clamp(1 - missed, 0.0, 1.0)};
}

} // namespace crossdock::planning
