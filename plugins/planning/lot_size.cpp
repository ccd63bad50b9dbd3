#include "planning/lot_size.hpp"

#include "planning/checks.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <string>

namespace crossdock::planning {
namespace {

std::optional<domain_error> wrong_lot_costs(double fixed_cost, double holding_cost,
                                            double demand_rate) {
  return checks()
      .positive("fixed_cost", fixed_cost)
      .positive("holding_cost", holding_cost)
      .positive("demand_rate", demand_rate)
      .failure();
}

std::optional<domain_error> wrong_prices(double fixed_cost, double holding_cost_rate,
                                         double demand_rate,
                                         const std::vector<double>& breakpoints,
                                         const std::vector<double>& unit_costs) {
  checks c;
  c.positive("fixed_cost", fixed_cost)
      .positive("holding_cost_rate", holding_cost_rate)
      .positive("demand_rate", demand_rate)
      .all_finite("breakpoints", breakpoints)
      .that(!breakpoints.empty() && breakpoints.front() == 0, "breakpoints",
            "must begin with 0")
      .that(std::adjacent_find(breakpoints.begin(), breakpoints.end(),
                               std::greater_equal<>()) == breakpoints.end(),
            "breakpoints", "must rise strictly")
      .same_length("unit_costs", unit_costs.size(), breakpoints.size());
  c.all_positive("unit_costs", unit_costs)
      .that(std::adjacent_find(unit_costs.begin(), unit_costs.end(),
                               std::less_equal<>()) == unit_costs.end(),
            "unit_costs", "must fall from region to region");
  return c.failure();
}

/// One number for all periods, or one each.
double in_period(const std::vector<double>& costs, std::size_t period) {
  return costs.size() == 1 ? costs.front() : costs[period];
}

std::optional<domain_error> wrong_demand(const std::vector<double>& demand) {
  checks c;
  c.that(!demand.empty(), "demand", "must have at least one period")
      .that(demand.size() <= lot_periods_max, "demand",
            "must have at most " + std::to_string(lot_periods_max) + " periods")
      .all_not_negative("demand", demand);
  return c.failure();
}

std::optional<domain_error> wrong_lot(const std::vector<double>& demand,
                                      double fixed_cost, double holding_cost) {
  if (auto wrong = wrong_demand(demand))
    return wrong;
  return checks()
      .not_negative("fixed_cost", fixed_cost)
      .not_negative("holding_cost", holding_cost)
      .failure();
}

/// Orders each lot for the stretch that `until` answers (one past its last period).
template <class Until>
lot_plan plan_lots(const std::vector<double>& demand, double fixed_cost,
                   double holding_cost, Until until) {
  lot_plan plan{std::vector<double>(demand.size(), 0.0), 0};
  std::size_t first = 0;
  while (first < demand.size()) {
    if (demand[first] == 0) {
      ++first;
      continue;
    }
    const std::size_t end = until(first);
    plan.cost += fixed_cost;
    for (std::size_t t = first; t < end; ++t) {
      plan.quantities[first] += demand[t];
      plan.cost += holding_cost * static_cast<double>(t - first) * demand[t];
    }
    first = end;
  }
  return plan;
}

} // namespace

// -- economic order quantity ------------------------------------------------------------
outcome<order_quantity> eoq(double fixed_cost, double holding_cost, double demand_rate) {
  if (auto wrong = wrong_lot_costs(fixed_cost, holding_cost, demand_rate))
    return *wrong;
  const double q = std::sqrt(2 * fixed_cost * demand_rate / holding_cost);
  return order_quantity{q, fixed_cost * demand_rate / q + holding_cost * q / 2};
}

outcome<double> eoq_cost(double fixed_cost, double holding_cost, double demand_rate,
                         double order_quantity) {
  if (auto wrong = wrong_lot_costs(fixed_cost, holding_cost, demand_rate))
    return *wrong;
  if (auto wrong = checks().positive("order_quantity", order_quantity).failure())
    return *wrong;
  return fixed_cost * demand_rate / order_quantity + holding_cost * order_quantity / 2;
}

outcome<backorder_quantity> eoq_backorders(double fixed_cost, double holding_cost,
                                           double stockout_cost, double demand_rate) {
  if (auto wrong = wrong_lot_costs(fixed_cost, holding_cost, demand_rate))
    return *wrong;
  if (auto wrong = checks().positive("stockout_cost", stockout_cost).failure())
    return *wrong;
  const double both = holding_cost + stockout_cost;
  const double q =
      std::sqrt(2 * fixed_cost * demand_rate * both / (holding_cost * stockout_cost));
  const double x = holding_cost / both;
  return backorder_quantity{q, x,
                            fixed_cost * demand_rate / q +
                                holding_cost * q * (1 - x) * (1 - x) / 2 +
                                stockout_cost * q * x * x / 2};
}

outcome<order_quantity> epq(double fixed_cost, double holding_cost, double demand_rate,
                            double production_rate) {
  if (auto wrong = wrong_lot_costs(fixed_cost, holding_cost, demand_rate))
    return *wrong;
  if (auto wrong = checks()
                       .finite("production_rate", production_rate)
                       .that(production_rate > demand_rate, "production_rate",
                             "must be greater than demand_rate")
                       .failure())
    return *wrong;
  return eoq(fixed_cost, holding_cost * (1 - demand_rate / production_rate), demand_rate);
}

// -- quantity discounts -----------------------------------------------------------------
outcome<discount_quantity> eoq_all_units_discount(double fixed_cost,
                                                  double holding_cost_rate,
                                                  double demand_rate,
                                                  const std::vector<double>& breakpoints,
                                                  const std::vector<double>& unit_costs) {
  if (auto wrong = wrong_prices(fixed_cost, holding_cost_rate, demand_rate, breakpoints,
                                unit_costs))
    return *wrong;
  discount_quantity best{0, 0, std::numeric_limits<double>::infinity()};
  for (std::size_t j = 0; j < breakpoints.size(); ++j) {
    const double holding = holding_cost_rate * unit_costs[j];
    double q = std::sqrt(2 * fixed_cost * demand_rate / holding);
    if (j + 1 < breakpoints.size() && q >= breakpoints[j + 1])
      continue; // the next region has this quantity for its own price
    q = std::max(q, breakpoints[j]);
    const double cost =
        unit_costs[j] * demand_rate + fixed_cost * demand_rate / q + holding * q / 2;
    if (cost < best.cost)
      best = {q, j, cost};
  }
  return best;
}

outcome<discount_quantity>
eoq_incremental_discount(double fixed_cost, double holding_cost_rate, double demand_rate,
                         const std::vector<double>& breakpoints,
                         const std::vector<double>& unit_costs) {
  if (auto wrong = wrong_prices(fixed_cost, holding_cost_rate, demand_rate, breakpoints,
                                unit_costs))
    return *wrong;
  discount_quantity best{0, 0, std::numeric_limits<double>::infinity()};
  double paid_below = 0; // for the units of the regions before
  for (std::size_t j = 0; j < breakpoints.size(); ++j) {
    if (j > 0)
      paid_below += unit_costs[j - 1] * (breakpoints[j] - breakpoints[j - 1]);
    const double extra = paid_below - unit_costs[j] * breakpoints[j];
    const double holding = holding_cost_rate * unit_costs[j];
    const double q = std::sqrt(2 * (fixed_cost + extra) * demand_rate / holding);
    const bool inside =
        q >= breakpoints[j] && (j + 1 == breakpoints.size() || q < breakpoints[j + 1]);
    const double cost = unit_costs[j] * demand_rate + holding_cost_rate * extra / 2 +
                        (fixed_cost + extra) * demand_rate / q + holding * q / 2;
    if (inside && cost < best.cost)
      best = {q, j, cost};
  }
  return best;
}

// -- uncertain yield --------------------------------------------------------------------
outcome<order_quantity> eoq_yield_multiplicative(double holding_cost, double fixed_cost,
                                                 double demand_rate, double yield_mean,
                                                 double yield_sd) {
  if (auto wrong = checks()
                       .positive("holding_cost", holding_cost)
                       .positive("fixed_cost", fixed_cost)
                       .positive("demand_rate", demand_rate)
                       .positive("yield_mean", yield_mean)
                       .not_negative("yield_sd", yield_sd)
                       .failure())
    return *wrong;
  const double square = yield_mean * yield_mean + yield_sd * yield_sd;
  const double q = std::sqrt(2 * fixed_cost * demand_rate / (holding_cost * square));
  return order_quantity{q, fixed_cost * demand_rate / (q * yield_mean) +
                               holding_cost * q * square / (2 * yield_mean)};
}

outcome<order_quantity> eoq_yield_additive(double holding_cost, double fixed_cost,
                                           double demand_rate, double yield_mean,
                                           double yield_sd) {
  if (auto wrong = checks()
                       .positive("holding_cost", holding_cost)
                       .positive("fixed_cost", fixed_cost)
                       .positive("demand_rate", demand_rate)
                       .finite("yield_mean", yield_mean)
                       .not_negative("yield_sd", yield_sd)
                       .failure())
    return *wrong;
  const double arrives =
      std::sqrt(2 * fixed_cost * demand_rate / holding_cost + yield_sd * yield_sd);
  if (arrives <= yield_mean)
    return domain_error{"yield_mean", "must leave something to order: it exceeds the "
                                      "best quantity to receive"};
  return order_quantity{arrives - yield_mean,
                        fixed_cost * demand_rate / arrives +
                            holding_cost * (arrives * arrives + yield_sd * yield_sd) /
                                (2 * arrives)};
}

// -- several items on one order ---------------------------------------------------------
outcome<joint_order> joint_replenishment_silver(double shared_fixed_cost,
                                                const std::vector<double>& fixed_costs,
                                                const std::vector<double>& holding_costs,
                                                const std::vector<double>& demand_rates) {
  checks c;
  c.positive("shared_fixed_cost", shared_fixed_cost)
      .that(!fixed_costs.empty(), "individual_fixed_costs", "must have at least one item")
      .all_not_negative("individual_fixed_costs", fixed_costs)
      .same_length("holding_costs", holding_costs.size(), fixed_costs.size())
      .same_length("demand_rates", demand_rates.size(), fixed_costs.size());
  c.all_positive("holding_costs", holding_costs);
  c.all_positive("demand_rates", demand_rates);
  if (c.failure())
    return *c.failure();
  const auto n = fixed_costs.size();
  std::size_t base = 0;
  const auto ratio = [&](std::size_t i) {
    return fixed_costs[i] / (holding_costs[i] * demand_rates[i]);
  };
  for (std::size_t i = 1; i < n; ++i)
    if (ratio(i) < ratio(base))
      base = i;
  joint_order order;
  double fixed = shared_fixed_cost;
  double holding = 0;
  for (std::size_t i = 0; i < n; ++i) {
    double m = 1;
    if (i != base)
      m = std::round(std::sqrt(ratio(i) * holding_costs[base] * demand_rates[base] /
                               (shared_fixed_cost + fixed_costs[base])));
    m = std::clamp(m, 1.0, 1e9);
    order.multiples.push_back(static_cast<int>(m));
    fixed += fixed_costs[i] / m;
    holding += holding_costs[i] * m * demand_rates[i];
  }
  order.base_cycle_time = std::sqrt(2 * fixed / holding);
  for (std::size_t i = 0; i < n; ++i)
    order.quantities.push_back(order.multiples[i] * order.base_cycle_time *
                               demand_rates[i]);
  order.cost = std::sqrt(2 * fixed * holding);
  return order;
}

// -- lot sizing of a known demand -------------------------------------------------------
outcome<lot_plan> wagner_whitin(const std::vector<double>& demand,
                                const std::vector<double>& fixed_cost,
                                const std::vector<double>& holding_cost,
                                const std::vector<double>& purchase_cost) {
  if (auto wrong = wrong_demand(demand))
    return *wrong;
  const auto n = demand.size();
  const auto costs = [&](checks& c, const char* field, const std::vector<double>& xs) {
    c.that(xs.size() == 1 || xs.size() == n, field,
           "must be one number or one per period (" + std::to_string(n) + ")")
        .all_not_negative(field, xs);
  };
  checks c;
  costs(c, "fixed_cost", fixed_cost);
  costs(c, "holding_cost", holding_cost);
  if (!purchase_cost.empty())
    costs(c, "purchase_cost", purchase_cost);
  if (c.failure())
    return *c.failure();

  std::vector<double> best(n + 1, 0.0); // cost of the periods from t on
  std::vector<std::size_t> next(n, n);  // when is ordered again
  for (std::size_t t = n; t-- > 0;) {
    if (demand[t] == 0) { // nothing is needed now: ordering may wait
      best[t] = best[t + 1];
      next[t] = t;
    } else {
      best[t] = std::numeric_limits<double>::infinity();
    }
    const double unit = purchase_cost.empty() ? 0 : in_period(purchase_cost, t);
    double carried = 0; // holding of one unit from t to the end of period s
    double lot = in_period(fixed_cost, t);
    for (std::size_t s = t; s < n; ++s) {
      lot += demand[s] * (unit + carried);
      if (lot + best[s + 1] < best[t]) {
        best[t] = lot + best[s + 1];
        next[t] = s + 1;
      }
      carried += in_period(holding_cost, s);
    }
  }
  lot_plan plan{std::vector<double>(n, 0.0), best[0]};
  for (std::size_t t = 0; t < n;) {
    if (next[t] == t) {
      ++t;
      continue;
    }
    for (std::size_t s = t; s < next[t]; ++s)
      plan.quantities[t] += demand[s];
    t = next[t];
  }
  return plan;
}

outcome<lot_plan> silver_meal(const std::vector<double>& demand, double fixed_cost,
                              double holding_cost) {
  if (auto wrong = wrong_lot(demand, fixed_cost, holding_cost))
    return *wrong;
  return plan_lots(demand, fixed_cost, holding_cost, [&](std::size_t first) {
    double total = fixed_cost;
    double before = fixed_cost;
    for (std::size_t t = first + 1; t < demand.size(); ++t) {
      total += holding_cost * static_cast<double>(t - first) * demand[t];
      const double per_period = total / static_cast<double>(t - first + 1);
      if (per_period > before)
        return t;
      before = per_period;
    }
    return demand.size();
  });
}

outcome<lot_plan> least_unit_cost(const std::vector<double>& demand, double fixed_cost,
                                  double holding_cost) {
  if (auto wrong = wrong_lot(demand, fixed_cost, holding_cost))
    return *wrong;
  return plan_lots(demand, fixed_cost, holding_cost, [&](std::size_t first) {
    double total = fixed_cost;
    double units = demand[first];
    double before = total / units;
    for (std::size_t t = first + 1; t < demand.size(); ++t) {
      total += holding_cost * static_cast<double>(t - first) * demand[t];
      units += demand[t];
      if (total / units > before)
        return t;
      before = total / units;
    }
    return demand.size();
  });
}

outcome<lot_plan> part_period_balancing(const std::vector<double>& demand,
                                        double fixed_cost, double holding_cost) {
  if (auto wrong = wrong_lot(demand, fixed_cost, holding_cost))
    return *wrong;
  return plan_lots(demand, fixed_cost, holding_cost, [&](std::size_t first) {
    double held = 0;
    double closest = fixed_cost;
    std::size_t end = first + 1;
    for (std::size_t t = first + 1; t < demand.size(); ++t) {
      held += holding_cost * static_cast<double>(t - first) * demand[t];
      const double off = std::abs(held - fixed_cost);
      if (off < closest) {
        closest = off;
        end = t + 1;
      } else if (held > fixed_cost) {
        break;
      }
    }
    return end;
  });
}

// -- what the supplier's rules make of it -----------------------------------------------
outcome<ruled_quantity> apply_order_rules(double needed, const order_rules& rules) {
  if (auto wrong = checks()
                       .not_negative("needed", needed)
                       .not_negative("minimum", rules.minimum)
                       .not_negative("multiple", rules.multiple)
                       .not_negative("maximum", rules.maximum)
                       .failure())
    return *wrong;
  ruled_quantity r{needed, false, false, false, false};
  if (needed == 0)
    return r;
  // A quantity that is whole but for the rounding of its own computation stays what it
  // is.
  const auto packs = [&](double q, bool up) {
    if (rules.multiple == 0)
      return q;
    const double n = q / rules.multiple;
    const double nearest = std::round(n);
    if (std::abs(n - nearest) <= 1e-9 * std::max(1.0, nearest))
      return nearest * rules.multiple;
    return (up ? std::ceil(n) : std::floor(n)) * rules.multiple;
  };
  if (r.quantity < rules.minimum) {
    r.quantity = rules.minimum;
    r.raised_to_minimum = true;
  }
  const double rounded = packs(r.quantity, true);
  r.rounded_to_multiple = rounded != r.quantity;
  r.quantity = rounded;
  if (rules.maximum > 0 && r.quantity > rules.maximum) {
    r.quantity = packs(rules.maximum, false);
    if (r.quantity > rules.maximum) // a multiple that only rounding made fit
      r.quantity -= rules.multiple;
    r.quantity = std::max(r.quantity, 0.0);
    r.limited_by_maximum = r.quantity < needed;
    if (r.quantity == 0 || r.quantity < rules.minimum) {
      r.quantity = 0;
      r.impossible = true;
      r.limited_by_maximum = true;
    }
  }
  return r;
}

outcome<double> shelf_life_maximum(double demand_rate, double shelf_life_days,
                                   double margin_days, double on_hand, double on_order) {
  if (auto wrong = checks()
                       .not_negative("demand_rate", demand_rate)
                       .positive("shelf_life_days", shelf_life_days)
                       .not_negative("margin_days", margin_days)
                       .that(margin_days < shelf_life_days, "margin_days",
                             "must be shorter than the shelf life")
                       .not_negative("on_hand", on_hand)
                       .not_negative("on_order", on_order)
                       .failure())
    return *wrong;
  const double sold = demand_rate * (shelf_life_days - margin_days);
  return std::max(0.0, sold - on_hand - on_order);
}

outcome<std::vector<double>> fill_to_vendor_minimum(const std::vector<vendor_line>& lines,
                                                    double minimum_value) {
  checks c;
  c.that(!lines.empty(), "lines", "must have at least one line")
      .not_negative("minimum_value", minimum_value);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto at = "lines[" + std::to_string(i) + "].";
    c.not_negative(at + "quantity", lines[i].quantity)
        .finite(at + "available", lines[i].available)
        .positive(at + "demand_rate", lines[i].demand_rate)
        .positive(at + "unit_cost", lines[i].unit_cost)
        .not_negative(at + "multiple", lines[i].multiple);
  }
  if (c.failure())
    return *c.failure();
  double value = 0;
  for (const auto& line : lines)
    value += line.quantity * line.unit_cost;
  const auto quantities_at = [&](double days) {
    std::vector<double> q;
    for (const auto& line : lines) {
      const double short_of = days * line.demand_rate - line.available - line.quantity;
      const double pack = line.multiple > 0 ? line.multiple : 0;
      double more = std::max(short_of, 0.0);
      if (pack > 0)
        more = std::ceil(more / pack - 1e-9) * pack;
      q.push_back(line.quantity + more);
    }
    return q;
  };
  const auto value_at = [&](double days) {
    const auto q = quantities_at(days);
    double v = 0;
    for (std::size_t i = 0; i < q.size(); ++i)
      v += q[i] * lines[i].unit_cost;
    return v;
  };
  if (value >= minimum_value)
    return quantities_at(-std::numeric_limits<double>::max());
  // Value rises with the days of supply that everybody gets: bisect on them.
  double low = 0;
  double high = 1;
  for (const auto& line : lines)
    low = std::min(low, (line.available + line.quantity) / line.demand_rate);
  while (value_at(high) < minimum_value)
    high *= 2;
  for (int i = 0; i < 200 && high - low > 1e-9 * std::max(1.0, high); ++i) {
    const double middle = (low + high) / 2;
    (value_at(middle) < minimum_value ? low : high) = middle;
  }
  return quantities_at(high);
}

} // namespace crossdock::planning
