/// Bills of suppliers and carriers against what was agreed, and who settles a customer's
/// deduction. Money in one currency.
#pragma once

#include "planning/outcome.hpp"

#include <map>
#include <string>
#include <vector>

namespace crossdock::planning {

// -- supplier invoices ------------------------------------------------------------------
struct invoice_line {
  double po_price = 0, po_qty = 0, received_qty = 0, prev_invoiced_qty = 0,
         invoice_qty = 0, invoice_price = 0;
};

struct match_tolerances {
  double price_pct = 0, price_abs = 0; ///< PP: percent and money, either way.
  double quantity_abs = 0;             ///< DQ: money too much invoiced.
};

struct three_way_result {
  double price_variance;     ///< Money: quantity * (invoice price - order price).
  double price_variance_pct; ///< Of quantity * order price.
  double qty_variance_value; ///< Money: order price * (invoiced - (received - before)).
  std::vector<std::string> blocks; ///< "PP_ABS", "PP_PCT", "DQ_ABS".
};

/// Order, receipt and invoice, with SAP's tolerance keys: a limit that is exceeded
/// blocks. Valid: everything >= 0, order price > 0.
outcome<three_way_result> three_way_match(const invoice_line& line,
                                          const match_tolerances& limits);

struct freight_bill {
  double linehaul, fuel, expected_total, variance; ///< Money.
};

/// Rate per hundredweight, at least the minimum charge, fuel in percent of it,
/// accessorials. Valid: everything >= 0.
outcome<freight_bill> freight_audit(double contract_rate_per_cwt, double weight_lb,
                                    double fuel_surcharge_pct,
                                    const std::map<std::string, double>& accessorials,
                                    double minimum_charge, double invoiced);

// -- disputes ---------------------------------------------------------------------------
struct dispute_class {
  std::string cause; ///< "price", "quantity", "damage", "freight", "tax", "terms", ...
  std::string owner; ///< Who can settle it.
};

/// Root cause and owner of an X12 adjustment reason (data element 426). Error "reason":
/// not one that is known here.
outcome<dispute_class> classify_dispute(const std::string& reason);

/// Accept rather than investigate a claim that is worth less than finding out. Valid:
/// amount and cost >= 0, probability that it is valid.
outcome<bool> accept_dispute(double amount, double p_valid, double cost_to_investigate);

} // namespace crossdock::planning
