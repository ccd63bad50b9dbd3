#include "planning/performance.hpp"

#include "planning/checks.hpp"
#include "planning/statistics.hpp"

#include <algorithm>
#include <map>

namespace crossdock::planning {

namespace {

std::string at(const char* list, std::size_t i, const char* member) {
  return std::string(list) + "[" + std::to_string(i) + "]." + member;
}

checks& part_of(checks& c, const char* field, double part, double whole) {
  return c.not_negative(field, part)
      .that(part <= whole, field, "must not exceed what it is a part of");
}

} // namespace

outcome<fill_rate_set> fill_rates(const std::vector<shipped_line>& lines) {
  if (lines.empty())
    return domain_error{"lines", "must have at least one line"};
  struct order_state {
    bool full = true;
    bool on_time = true;
  };
  std::map<std::string, order_state> orders;
  double ordered = 0;
  double shipped = 0;
  double full_lines = 0;
  double otif_lines = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto& line = lines[i];
    if (auto wrong = checks()
                         .positive(at("lines", i, "ordered"), line.ordered)
                         .not_negative(at("lines", i, "shipped"), line.shipped)
                         .failure())
      return *wrong;
    ordered += line.ordered;
    shipped += std::min(line.shipped, line.ordered);
    const bool full = line.shipped >= line.ordered;
    full_lines += full ? 1 : 0;
    otif_lines += full && line.on_time ? 1 : 0;
    auto& order = orders[line.order];
    order.full = order.full && full;
    order.on_time = order.on_time && line.on_time;
  }
  double full_orders = 0;
  double otif_orders = 0;
  for (const auto& [name, order] : orders) {
    full_orders += order.full ? 1 : 0;
    otif_orders += order.full && order.on_time ? 1 : 0;
  }
  const auto n_lines = static_cast<double>(lines.size());
  const auto n_orders = static_cast<double>(orders.size());
  return fill_rate_set{shipped / ordered, full_lines / n_lines, full_orders / n_orders,
                       otif_orders / n_orders, otif_lines / n_lines};
}

outcome<perfect_orders> perfect_order(const order_counts& n) {
  checks c;
  c.positive("orders", n.orders);
  part_of(c, "in_full", n.in_full, n.orders);
  part_of(c, "on_time", n.on_time, n.orders);
  part_of(c, "damage_free", n.damage_free, n.orders);
  part_of(c, "documentation_ok", n.documentation_ok, n.orders);
  c.not_negative("all_four_ok", n.all_four_ok)
      .that(n.all_four_ok <=
                std::min({n.in_full, n.on_time, n.damage_free, n.documentation_ok}),
            "all_four_ok", "must not exceed any of the four counts");
  if (c.failure())
    return *c.failure();
  return perfect_orders{100 * n.all_four_ok / n.orders,
                        100 * (n.in_full / n.orders) * (n.on_time / n.orders) *
                            (n.damage_free / n.orders) * (n.documentation_ok / n.orders)};
}

outcome<stockout_rates> stockout_frequency(double sku_location_days, double stockout_days,
                                           double stockout_events,
                                           double demand_lines_during_stockout,
                                           double demand_lines) {
  checks c;
  c.positive("sku_location_days", sku_location_days);
  part_of(c, "stockout_days", stockout_days, sku_location_days);
  c.not_negative("stockout_events", stockout_events)
      .positive("demand_lines", demand_lines);
  part_of(c, "demand_lines_during_stockout", demand_lines_during_stockout, demand_lines);
  if (c.failure())
    return *c.failure();
  return stockout_rates{stockout_days / sku_location_days,
                        1000 * stockout_events / sku_location_days,
                        demand_lines_during_stockout / demand_lines};
}

outcome<resolution_times>
exception_resolution_time(const std::vector<timed_exception>& exceptions, double as_of) {
  if (auto wrong =
          checks()
              .finite("as_of", as_of)
              .that(!exceptions.empty(), "exceptions", "must have at least one exception")
              .failure())
    return *wrong;
  std::vector<double> hours;
  resolution_times r;
  for (std::size_t i = 0; i < exceptions.size(); ++i) {
    const auto& e = exceptions[i];
    checks c;
    c.finite(at("exceptions", i, "opened"), e.opened)
        .that(e.opened <= as_of, at("exceptions", i, "opened"),
              "must not be after as_of");
    if (e.resolved)
      c.finite(at("exceptions", i, "resolved"), *e.resolved)
          .that(*e.resolved >= e.opened, at("exceptions", i, "resolved"),
                "must not be before opened");
    if (c.failure())
      return *c.failure();
    if (e.resolved && *e.resolved <= as_of) {
      hours.push_back(*e.resolved - e.opened);
    } else {
      ++r.open;
      r.open_age_hours_max = std::max(r.open_age_hours_max.value_or(0), as_of - e.opened);
    }
  }
  r.resolved = hours.size();
  if (!hours.empty()) {
    r.mean_hours = mean_of(hours);
    r.median_hours = median_of(hours);
    r.p90_hours_type7 = quantile_type7(hours, 0.9);
  }
  return r;
}

} // namespace crossdock::planning
