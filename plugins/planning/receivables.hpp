/// What customers owe: age, days of sales, terms; and whom to give credit. Money in one
/// currency as double: these are measures, nothing here is posted.
#pragma once

#include "planning/dates.hpp"
#include "planning/outcome.hpp"

#include <string>
#include <vector>

namespace crossdock::planning {

// -- receivables ------------------------------------------------------------------------
struct open_invoice {
  std::string id;
  day_number due = 0;
  double open = 0; ///< Money; negative: a credit.
};

struct ageing {
  double current = 0, days_1_30 = 0, days_31_60 = 0, days_61_90 = 0, over_90 = 0;
};

/// By days past due; due today is current. Valid: finite amounts.
outcome<ageing> ageing_buckets(day_number as_of,
                               const std::vector<open_invoice>& invoices);

/// Receivables / credit sales * days. Valid: receivables >= 0, sales and days > 0.
outcome<double> dso(double receivables, double credit_sales, double days);

/// Count-back DSO: whole months of sales are taken off the receivables, the latest first,
/// and a share of the days of the month that exceeds them. Valid: equally many sales and
/// days, > 0. Error "monthly_sales_latest_first": the months do not reach back far
/// enough.
outcome<double> dso_countback(double receivables, const std::vector<double>& sales,
                              const std::vector<double>& days);

/// Current receivables / credit sales * days.
outcome<double> best_possible_dso(double current_receivables, double credit_sales,
                                  double days);

/// Collection effectiveness index in percent (Credit Research Foundation). Valid: all >=
/// 0 and something to collect.
outcome<double> cei(double beginning_receivables, double monthly_credit_sales,
                    double ending_total_receivables, double ending_current_receivables);

/// DIO + DSO - DPO, days (SCOR AM.1.1). Valid: all >= 0.
outcome<double> cash_to_cash(double dio, double dso, double dpo);

struct discount_rate {
  double simple_apr;       ///< Of 365 days, as a share.
  double effective_annual; ///< Compounded.
};

/// What not taking a cash discount costs: "2/10 net 30" is 2, 10, 30. Valid:
/// 0 < discount_pct < 100, 0 <= discount_days < net_days.
outcome<discount_rate> terms_discount_apr(double discount_pct, double discount_days,
                                          double net_days);

// -- credit -----------------------------------------------------------------------------
struct z_score {
  double z;
  const char* zone; ///< "distress", "grey", "safe".
};

/// Altman 1968, listed manufacturers: distress below 1.81, safe above 2.99.
/// Valid: finite, total_assets and total_liabilities > 0.
outcome<z_score> altman_z(double working_capital, double retained_earnings, double ebit,
                          double market_equity, double sales, double total_assets,
                          double total_liabilities);

/// Z'' for private firms outside manufacturing (Altman 1995): distress below 1.10, safe
/// above 2.60.
outcome<z_score> altman_z_double_prime(double working_capital, double retained_earnings,
                                       double ebit, double book_equity,
                                       double total_assets, double total_liabilities);

/// PD * EAD * LGD. Valid: probabilities, ead >= 0.
outcome<double> expected_loss(double pd, double ead, double lgd);

struct credit_position {
  double credit_limit = 0, open_ar = 0, overdue_ar = 0, max_overdue = 0,
         open_deliveries_not_billed = 0, open_orders = 0, new_order = 0;
};

struct credit_judgement {
  double exposure; ///< Receivables, deliveries, orders and the new one.
  double headroom; ///< Limit less exposure; negative when it is exceeded.
  std::vector<std::string> hold_reasons; ///< "over_limit", "overdue"; empty: none.
};

/// Valid: everything finite and >= 0 (open_ar may be a credit).
outcome<credit_judgement> credit_exposure_check(const credit_position& p);

} // namespace crossdock::planning
