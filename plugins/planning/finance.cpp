#include "planning/finance.hpp"

#include "planning/checks.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>

namespace crossdock::planning {

// -- receivables ------------------------------------------------------------------------
outcome<ageing> ageing_buckets(day_number as_of,
                               const std::vector<open_invoice>& invoices) {
  ageing a;
  for (std::size_t i = 0; i < invoices.size(); ++i) {
    if (auto wrong =
            checks()
                .finite("invoices[" + std::to_string(i) + "].open", invoices[i].open)
                .failure())
      return *wrong;
    const auto late = static_cast<std::int64_t>(as_of) - invoices[i].due;
    (late <= 0    ? a.current
     : late <= 30 ? a.days_1_30
     : late <= 60 ? a.days_31_60
     : late <= 90 ? a.days_61_90
                  : a.over_90) += invoices[i].open;
  }
  return a;
}

outcome<double> dso(double receivables, double credit_sales, double days) {
  if (auto wrong = checks()
                       .not_negative("receivables", receivables)
                       .positive("credit_sales", credit_sales)
                       .positive("days", days)
                       .failure())
    return *wrong;
  return receivables / credit_sales * days;
}

outcome<double> dso_countback(double receivables, const std::vector<double>& sales,
                              const std::vector<double>& days) {
  checks c;
  c.not_negative("receivables", receivables)
      .that(!sales.empty(), "monthly_sales_latest_first", "must have at least one month")
      .all_not_negative("monthly_sales_latest_first", sales)
      .same_length("days_latest_first", days.size(), sales.size())
      .all_not_negative("days_latest_first", days);
  if (c.failure())
    return *c.failure();
  double counted = 0;
  for (std::size_t m = 0; m < sales.size(); ++m) {
    if (receivables < sales[m])
      return counted + receivables / sales[m] * days[m];
    receivables -= sales[m];
    counted += days[m];
  }
  if (receivables > 0)
    return domain_error{"monthly_sales_latest_first",
                        "must reach back until the sales exceed the receivables"};
  return counted;
}

outcome<double> best_possible_dso(double current_receivables, double credit_sales,
                                  double days) {
  if (auto wrong =
          checks().not_negative("current_receivables", current_receivables).failure())
    return *wrong;
  return dso(current_receivables, credit_sales, days);
}

outcome<double> cei(double beginning_receivables, double monthly_credit_sales,
                    double ending_total_receivables, double ending_current_receivables) {
  if (auto wrong =
          checks()
              .not_negative("beginning_receivables", beginning_receivables)
              .not_negative("monthly_credit_sales", monthly_credit_sales)
              .not_negative("ending_total_receivables", ending_total_receivables)
              .not_negative("ending_current_receivables", ending_current_receivables)
              .failure())
    return *wrong;
  const double there = beginning_receivables + monthly_credit_sales;
  if (there <= ending_current_receivables)
    return domain_error{"ending_current_receivables",
                        "must leave something that was to be collected"};
  return (there - ending_total_receivables) / (there - ending_current_receivables) * 100;
}

outcome<double> cash_to_cash(double dio, double dso, double dpo) {
  if (auto wrong = checks()
                       .not_negative("dio", dio)
                       .not_negative("dso", dso)
                       .not_negative("dpo", dpo)
                       .failure())
    return *wrong;
  return dio + dso - dpo;
}

outcome<discount_rate> terms_discount_apr(double discount_pct, double discount_days,
                                          double net_days) {
  if (auto wrong = checks()
                       .that(discount_pct > 0 && discount_pct < 100, "discount_pct",
                             "must lie strictly between 0 and 100")
                       .not_negative("discount_days", discount_days)
                       .finite("net_days", net_days)
                       .that(net_days > discount_days, "net_days",
                             "must be greater than discount_days")
                       .failure())
    return *wrong;
  const double share = discount_pct / 100;
  const double once = share / (1 - share);
  const double times = 365 / (net_days - discount_days);
  return discount_rate{once * times, std::pow(1 + once, times) - 1};
}

// -- credit -----------------------------------------------------------------------------
outcome<z_score> altman_z(double working_capital, double retained_earnings, double ebit,
                          double market_equity, double sales, double total_assets,
                          double total_liabilities) {
  if (auto wrong = checks()
                       .finite("working_capital", working_capital)
                       .finite("retained_earnings", retained_earnings)
                       .finite("ebit", ebit)
                       .finite("market_equity", market_equity)
                       .finite("sales", sales)
                       .positive("total_assets", total_assets)
                       .positive("total_liabilities", total_liabilities)
                       .failure())
    return *wrong;
  const double z = 1.2 * working_capital / total_assets +
                   1.4 * retained_earnings / total_assets + 3.3 * ebit / total_assets +
                   0.6 * market_equity / total_liabilities + sales / total_assets;
  return z_score{z, z < 1.81 ? "distress" : z > 2.99 ? "safe" : "grey"};
}

outcome<z_score> altman_z_double_prime(double working_capital, double retained_earnings,
                                       double ebit, double book_equity,
                                       double total_assets, double total_liabilities) {
  if (auto wrong = checks()
                       .finite("working_capital", working_capital)
                       .finite("retained_earnings", retained_earnings)
                       .finite("ebit", ebit)
                       .finite("book_equity", book_equity)
                       .positive("total_assets", total_assets)
                       .positive("total_liabilities", total_liabilities)
                       .failure())
    return *wrong;
  const double z = 6.56 * working_capital / total_assets +
                   3.26 * retained_earnings / total_assets + 6.72 * ebit / total_assets +
                   1.05 * book_equity / total_liabilities;
  return z_score{z, z < 1.10 ? "distress" : z > 2.60 ? "safe" : "grey"};
}

outcome<double> expected_loss(double pd, double ead, double lgd) {
  if (auto wrong = checks()
                       .probability("pd", pd)
                       .not_negative("ead", ead)
                       .probability("lgd", lgd)
                       .failure())
    return *wrong;
  return pd * ead * lgd;
}

outcome<credit_judgement> credit_exposure_check(const credit_position& p) {
  if (auto wrong =
          checks()
              .not_negative("credit_limit", p.credit_limit)
              .finite("open_ar", p.open_ar)
              .not_negative("overdue_ar", p.overdue_ar)
              .not_negative("max_overdue", p.max_overdue)
              .not_negative("open_deliveries_not_billed", p.open_deliveries_not_billed)
              .not_negative("open_orders", p.open_orders)
              .not_negative("new_order", p.new_order)
              .failure())
    return *wrong;
  credit_judgement j{
      p.open_ar + p.open_deliveries_not_billed + p.open_orders + p.new_order, 0, {}};
  j.headroom = p.credit_limit - j.exposure;
  if (j.headroom < 0)
    j.hold_reasons.emplace_back("over_limit");
  if (p.overdue_ar > p.max_overdue)
    j.hold_reasons.emplace_back("overdue");
  return j;
}

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

// -- cash application -------------------------------------------------------------------
outcome<cash_match> cash_match_subset_sum(double payment,
                                          const std::vector<open_invoice>& invoices,
                                          double tolerance) {
  checks c;
  constexpr double money_max = 1e13; // in hundredths, all of them add up within 2^63
  const auto amount = [&](const std::string& field, double x) {
    c.positive(field, x).that(x <= money_max, field, "must be at most 10^13");
  };
  amount("payment", payment);
  c.not_negative("tolerance", tolerance)
      .that(invoices.size() <= cash_items_max, "open_invoices",
            "must be at most 36: preselect by payer, reference or age");
  std::set<std::string> seen;
  double smallest = payment;
  for (std::size_t i = 0; i < invoices.size() && !c.failure(); ++i) {
    const auto at = "open_invoices[" + std::to_string(i) + "].";
    amount(at + "open", invoices[i].open);
    c.that(seen.insert(invoices[i].id).second, at + "id", "must be unique");
    smallest = std::min(smallest, invoices[i].open);
  }
  c.that(tolerance < smallest, "tolerance",
         "must be less than the payment and every open amount");
  if (c.failure())
    return *c.failure();
  const auto cents = [](double x) { return std::llround(x * 100); };
  const std::int64_t wanted = cents(payment);
  const auto slack = static_cast<std::int64_t>(std::floor(tolerance * 100 + 1e-6));
  const std::size_t n = invoices.size();
  const std::size_t half = n / 2;
  struct partial {
    std::int64_t sum;
    std::uint32_t mask;
  };
  const auto sums = [&](std::size_t first, std::size_t last) {
    std::vector<partial> all{{0, 0}};
    for (std::size_t i = first; i < last; ++i) {
      const auto count = all.size();
      for (std::size_t k = 0; k < count; ++k)
        all.push_back(
            {all[k].sum + cents(invoices[i].open), all[k].mask | (1U << (i - first))});
    }
    std::sort(all.begin(), all.end(),
              [](const partial& a, const partial& b) { return a.sum < b.sum; });
    return all;
  };
  const auto left = sums(0, half);
  const auto right = sums(half, n);
  struct solution {
    std::uint64_t mask;
    std::int64_t sum;
  };
  // Two different subsets settle whether it is unique; the list is for people. A bounded
  // heap would keep the best: the search stops after many times what is shown.
  constexpr std::size_t found_max = 100'000;
  std::vector<solution> found;
  for (const auto& l : left) {
    const auto from =
        std::lower_bound(right.begin(), right.end(), wanted - slack - l.sum,
                         [](const partial& p, std::int64_t x) { return p.sum < x; });
    for (auto r = from;
         r != right.end() && l.sum + r->sum <= wanted + slack && found.size() < found_max;
         ++r) {
      const auto mask = l.mask | (static_cast<std::uint64_t>(r->mask) << half);
      if (mask != 0)
        found.push_back({mask, l.sum + r->sum});
    }
  }
  const auto ids = [&](std::uint64_t mask) {
    std::vector<std::size_t> which;
    for (std::size_t i = 0; i < n; ++i)
      if ((mask >> i & 1U) != 0)
        which.push_back(i);
    return which;
  };
  std::sort(found.begin(), found.end(), [&](const solution& a, const solution& b) {
    const auto x = ids(a.mask);
    const auto y = ids(b.mask);
    return x.size() != y.size() ? x.size() < y.size() : x < y;
  });
  cash_match m;
  m.unique = found.size() == 1;
  m.more = found.size() > cash_solutions_max;
  m.residual = static_cast<double>(found.empty() ? wanted : wanted - found[0].sum) / 100;
  for (std::size_t k = 0; k < std::min(found.size(), cash_solutions_max); ++k) {
    m.solutions.emplace_back();
    for (const auto i : ids(found[k].mask))
      m.solutions.back().push_back(invoices[i].id);
  }
  return m;
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
