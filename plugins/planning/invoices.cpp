#include "planning/invoices.hpp"

#include "planning/checks.hpp"

#include <algorithm>
#include <cmath>

namespace crossdock::planning {

// -- supplier invoices ------------------------------------------------------------------
outcome<three_way_result> three_way_match(const invoice_line& l,
                                          const match_tolerances& limits) {
  if (auto wrong = checks()
                       .positive("po_price", l.po_price)
                       .not_negative("po_qty", l.po_qty)
                       .not_negative("received_qty", l.received_qty)
                       .not_negative("prev_invoiced_qty", l.prev_invoiced_qty)
                       .not_negative("invoice_qty", l.invoice_qty)
                       .not_negative("invoice_price", l.invoice_price)
                       .not_negative("price_tol_pct", limits.price_pct)
                       .not_negative("price_tol_abs", limits.price_abs)
                       .not_negative("qty_tol_abs", limits.quantity_abs)
                       .failure())
    return *wrong;
  // Prices have few decimals: what is left of them after a subtraction is not a variance.
  const auto exact = [](double x) { return std::round(x * 1e9) / 1e9; };
  three_way_result r{
      exact(l.invoice_qty * (l.invoice_price - l.po_price)),
      exact((l.invoice_price - l.po_price) / l.po_price * 100),
      exact(l.po_price * (l.invoice_qty - (l.received_qty - l.prev_invoiced_qty))),
      {}};
  if (std::abs(r.price_variance) > limits.price_abs)
    r.blocks.emplace_back("PP_ABS");
  if (std::abs(r.price_variance_pct) > limits.price_pct)
    r.blocks.emplace_back("PP_PCT");
  if (r.qty_variance_value > limits.quantity_abs)
    r.blocks.emplace_back("DQ_ABS");
  return r;
}

outcome<freight_bill> freight_audit(double contract_rate_per_cwt, double weight_lb,
                                    double fuel_surcharge_pct,
                                    const std::map<std::string, double>& accessorials,
                                    double minimum_charge, double invoiced) {
  checks c;
  c.not_negative("contract_rate_per_cwt", contract_rate_per_cwt)
      .not_negative("weight_lb", weight_lb)
      .not_negative("fuel_surcharge_pct", fuel_surcharge_pct)
      .not_negative("minimum_charge", minimum_charge)
      .not_negative("invoiced", invoiced);
  double extras = 0;
  for (const auto& [name, amount] : accessorials) {
    c.not_negative("accessorials." + name, amount);
    extras += amount;
  }
  if (c.failure())
    return *c.failure();
  const double linehaul =
      std::max(minimum_charge, contract_rate_per_cwt * weight_lb / 100);
  const double fuel = linehaul * fuel_surcharge_pct / 100;
  const double total = linehaul + fuel + extras;
  return freight_bill{linehaul, fuel, total, invoiced - total};
}

// -- disputes ---------------------------------------------------------------------------
outcome<dispute_class> classify_dispute(const std::string& reason) {
  static const std::map<std::string, dispute_class> known{
      {"01", {"price", "pricing"}},      {"02", {"allowance", "pricing"}},
      {"04", {"damage", "transport"}},   {"05", {"quality", "purchasing"}},
      {"06", {"quantity", "warehouse"}}, {"07", {"wrong_product", "warehouse"}},
      {"09", {"terms", "credit"}},       {"11", {"return", "service"}},
      {"12", {"return", "service"}},     {"13", {"return", "service"}},
      {"14", {"return", "service"}},     {"15", {"return", "service"}},
      {"19", {"duplicate", "billing"}},  {"24", {"discount", "credit"}},
      {"30", {"freight", "transport"}},  {"43", {"discount", "credit"}},
      {"46", {"freight", "transport"}},  {"54", {"freight", "transport"}},
      {"55", {"tax", "finance"}}};
  const auto found = known.find(reason);
  if (found == known.end())
    return domain_error{"reason", "must be a known code of X12 data element 426, such as "
                                  "\"01\" (price) or \"06\" (quantity)"};
  return found->second;
}

outcome<bool> accept_dispute(double amount, double p_valid, double cost_to_investigate) {
  if (auto wrong = checks()
                       .not_negative("amount", amount)
                       .probability("p_valid", p_valid)
                       .not_negative("cost_to_investigate", cost_to_investigate)
                       .failure())
    return *wrong;
  // Investigating costs its effort and still pays what is valid.
  return amount <= cost_to_investigate + p_valid * amount;
}

} // namespace crossdock::planning
