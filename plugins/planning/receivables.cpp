#include "planning/receivables.hpp"

#include "planning/checks.hpp"

#include <cmath>
#include <cstdint>

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
namespace {

std::optional<domain_error> wrong_balance(double working_capital,
                                          double retained_earnings, double ebit,
                                          double total_assets, double total_liabilities) {
  return checks()
      .finite("working_capital", working_capital)
      .finite("retained_earnings", retained_earnings)
      .finite("ebit", ebit)
      .positive("total_assets", total_assets)
      .positive("total_liabilities", total_liabilities)
      .failure();
}

} // namespace

outcome<z_score> altman_z(double working_capital, double retained_earnings, double ebit,
                          double market_equity, double sales, double total_assets,
                          double total_liabilities) {
  if (auto wrong = wrong_balance(working_capital, retained_earnings, ebit, total_assets,
                                 total_liabilities))
    return *wrong;
  if (auto wrong = checks()
                       .finite("market_equity", market_equity)
                       .finite("sales", sales)
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
  if (auto wrong = wrong_balance(working_capital, retained_earnings, ebit, total_assets,
                                 total_liabilities))
    return *wrong;
  if (auto wrong = checks().finite("book_equity", book_equity).failure())
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

} // namespace crossdock::planning
