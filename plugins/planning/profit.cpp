#include "planning/profit.hpp"

#include "planning/checks.hpp"
#include "planning/roots.hpp"

#include <algorithm>
#include <cmath>

namespace crossdock::planning {

namespace {

double present_value(const std::vector<double>& flows, double rate) {
  double value = 0;
  for (auto flow = flows.rbegin(); flow != flows.rend(); ++flow)
    value = value / (1 + rate) + *flow;
  return value;
}

std::size_t sign_changes(const std::vector<double>& flows) {
  std::size_t changes = 0;
  double last = 0;
  for (const double flow : flows) {
    if (flow == 0)
      continue;
    changes += last * flow < 0 ? 1 : 0;
    last = flow > 0 ? 1 : -1;
  }
  return changes;
}

// With one change of sign there is one rate (Descartes). Found as the discount factor x =
// 1 / (1 + rate), a polynomial that may overflow to infinity but never loses its sign.
std::optional<double> internal_rate(const std::vector<double>& flows) {
  if (sign_changes(flows) != 1)
    return std::nullopt;
  const auto value = [&flows](double x) {
    double sum = 0;
    for (auto flow = flows.rbegin(); flow != flows.rend(); ++flow)
      sum = sum * x + *flow;
    return sum;
  };
  const double first =
      *std::find_if(flows.begin(), flows.end(), [](double flow) { return flow != 0; });
  const auto like_first = [&](double x) { return value(x) * first > 0; };
  double low = 1;
  double high = 1;
  while (!like_first(low) && low > 1e-9)
    low /= 2;
  while (like_first(high) && high < 1e9)
    high *= 2;
  if (!like_first(low) || like_first(high))
    return std::nullopt;
  return 1 / bisect(value, low, high) - 1;
}

std::optional<double> payback(const std::vector<double>& flows) {
  std::optional<double> at;
  double sum = 0;
  for (std::size_t period = 0; period < flows.size(); ++period) {
    const double before = sum;
    sum += flows[period];
    if (sum < 0)
      at.reset();
    else if (!at)
      at = period == 0 ? 0
                       : static_cast<double>(period) - 1 +
                             (before < 0 ? -before / flows[period] : 0);
  }
  return at;
}

} // namespace

outcome<inventory_return> gmroi(double gross_margin, double average_inventory_cost,
                                double sales) {
  if (auto wrong =
          checks()
              .finite("gross_margin", gross_margin)
              .positive("average_inventory_cost", average_inventory_cost)
              .positive("sales", sales)
              .that(gross_margin <= sales, "gross_margin", "must not exceed the sales")
              .failure())
    return *wrong;
  const double turns = (sales - gross_margin) / average_inventory_cost;
  return inventory_return{gross_margin / average_inventory_cost, turns,
                          100 * gross_margin / sales * turns};
}

outcome<served_margin> cost_to_serve_margin(const service_costs& m) {
  if (auto wrong = checks()
                       .positive("revenue", m.revenue)
                       .not_negative("cogs", m.cogs)
                       .not_negative("freight_standard", m.freight_standard)
                       .not_negative("freight_expedite", m.freight_expedite)
                       .not_negative("handling", m.handling)
                       .not_negative("returns_credit", m.returns_credit)
                       .not_negative("rebate", m.rebate)
                       .not_negative("payment_terms_cost", m.payment_terms_cost)
                       .failure())
    return *wrong;
  const double gross = m.revenue - m.cogs;
  const double leakage = m.freight_expedite + m.returns_credit + m.rebate;
  return served_margin{
      gross, gross - m.freight_standard - m.handling - m.payment_terms_cost - leakage,
      leakage, 100 * leakage / m.revenue};
}

outcome<project_return> roi_npv(const std::vector<double>& cash_flows,
                                double discount_rate) {
  double invested = 0;
  double sum = 0;
  for (const double flow : cash_flows) {
    invested += std::max(0.0, -flow);
    sum += flow;
  }
  if (auto wrong = checks()
                       .series("cash_flows", cash_flows)
                       .that(invested > 0, "cash_flows", "must have at least one outflow")
                       .finite("discount_rate", discount_rate)
                       .that(discount_rate > -1, "discount_rate", "must be above -1")
                       .failure())
    return *wrong;
  project_return r{present_value(cash_flows, discount_rate), internal_rate(cash_flows),
                   payback(cash_flows), 100 * sum / invested};
  if (!std::isfinite(r.npv) || !std::isfinite(r.roi_pct))
    return domain_error{"cash_flows",
                        "must have a present value that can be represented"};
  return r;
}

outcome<sales_bridge> price_volume_mix(const std::vector<item_sales>& items) {
  double units_before = 0;
  double units_after = 0;
  double before = 0;
  double after = 0;
  double price = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto& item = items[i];
    const auto field = [i](const char* member) {
      return "items[" + std::to_string(i) + "]." + member;
    };
    if (auto wrong = checks()
                         .not_negative(field("quantity_before"), item.quantity_before)
                         .finite(field("price_before"), item.price_before)
                         .not_negative(field("quantity_after"), item.quantity_after)
                         .finite(field("price_after"), item.price_after)
                         .failure())
      return *wrong;
    units_before += item.quantity_before;
    units_after += item.quantity_after;
    before += item.quantity_before * item.price_before;
    after += item.quantity_after * item.price_after;
    if (item.quantity_before > 0)
      price += (item.price_after - item.price_before) * item.quantity_after;
  }
  if (units_before <= 0 || units_after <= 0)
    return domain_error{"items", "must have units in both periods"};
  const double volume = (units_after - units_before) * before / units_before;
  const double total = after - before;
  return sales_bridge{price, volume, total - price - volume, total};
}

} // namespace crossdock::planning
