#include "plan/entry.hpp"
#include "planning/cash_matching.hpp"
#include "planning/dates.hpp"
#include "planning/invoices.hpp"
#include "planning/profit.hpp"
#include "planning/receivables.hpp"
#include "planning/scorecard.hpp"
#include "planning/text_match.hpp"

namespace crossdock::plan {
namespace {

namespace p = planning;

result<p::day_number> day(const json& value, const std::string& name) {
  auto parsed = p::parse_date(value.get<std::string>());
  if (!parsed) {
    return error(errc::invalid, name + " " + parsed.error().message).at("field", name);
  }
  return *parsed;
}

result<json> ageing(const input& in) {
  const auto as_of = day(in.at("as_of"), "as_of");
  if (!as_of) {
    return as_of.error();
  }
  std::vector<p::open_invoice> invoices;
  for (const auto& i : in.at("invoices")) {
    const auto due =
        day(i.at("due"), "invoices[" + std::to_string(invoices.size()) + "].due");
    if (!due) {
      return due.error();
    }
    invoices.push_back({i.at("id"), *due, i.at("open")});
  }
  return answer(p::ageing_buckets(*as_of, invoices), [](const auto& r) {
    return json{{"current", r.current},
                {"1_30", r.days_1_30},
                {"31_60", r.days_31_60},
                {"61_90", r.days_61_90},
                {"over_90", r.over_90}};
  });
}

result<json> cash_match(const input& in) {
  std::vector<p::open_item> items;
  for (const auto& i : in.at("open_invoices")) {
    items.push_back({i.at("id"), i.at("open")});
  }
  return answer(
      p::cash_match_subset_sum(in("payment"), items, in("tolerance")), [](const auto& r) {
        return json{{"matched", r.unique ? json(r.solutions.front()) : json::array()},
                    {"residual", r.residual},
                    {"unique", r.unique},
                    {"solutions", r.solutions}};
      });
}

std::vector<field> money_fields(std::initializer_list<const char*> names) {
  std::vector<field> fields;
  for (const char* name : names) {
    fields.push_back(number(name, "money"));
  }
  return fields;
}

std::vector<function> receivables() {
  return {
      {"ageing_buckets",
       "finance",
       "Open invoices by days past due",
       {date("as_of", "YYYY-MM-DD"),
        any("invoices",
            list_of(object_of({{"id", type("string")},
                               {"due", type("string")},
                               {"open", type("number")}})),
            "id, due (YYYY-MM-DD) and open (money) of each")},
       gives({"current: money not yet due", "1_30: money", "31_60: money", "61_90: money",
              "over_90: money"}),
       ageing},
      {"dso",
       "finance",
       "Days sales outstanding",
       {number("receivables", "money"), number("credit_sales", "money"),
        number("days", "of the sales")},
       gives({"dso: days"}),
       [](const input& in) {
         return figure(p::dso(in("receivables"), in("credit_sales"), in("days")), "dso");
       }},
      {"dso_countback",
       "finance",
       "Days sales outstanding, counted back month by month",
       {number("receivables", "money"),
        numbers("monthly_sales_latest_first", "money, by month"),
        numbers("days_latest_first", "days, by month")},
       gives({"dso: days"}),
       [](const input& in) {
         return figure(p::dso_countback(in("receivables"),
                                        in.list("monthly_sales_latest_first"),
                                        in.list("days_latest_first")),
                       "dso");
       }},
      {"best_possible_dso",
       "finance",
       "Days sales outstanding if everybody paid in time",
       {number("current_receivables", "money not yet due"),
        number("credit_sales", "money"), number("days", "of the sales")},
       gives({"bpdso: days"}),
       [](const input& in) {
         return figure(p::best_possible_dso(in("current_receivables"), in("credit_sales"),
                                            in("days")),
                       "bpdso");
       }},
      {"cei", "finance", "Collection effectiveness index",
       money_fields({"beginning_receivables", "monthly_credit_sales",
                     "ending_total_receivables", "ending_current_receivables"}),
       gives({"cei_pct: percent"}),
       [](const input& in) {
         return figure(p::cei(in("beginning_receivables"), in("monthly_credit_sales"),
                              in("ending_total_receivables"),
                              in("ending_current_receivables")),
                       "cei_pct");
       }},
      {"cash_to_cash",
       "finance",
       "Cash-to-cash cycle time (SCOR AM.1.1)",
       {number("dio", "days of inventory"), number("dso", "days of sales"),
        number("dpo", "days of payables")},
       gives({"c2c_days: days"}),
       [](const input& in) {
         return figure(p::cash_to_cash(in("dio"), in("dso"), in("dpo")), "c2c_days");
       }},
      {"terms_discount_apr",
       "finance",
       "What not taking a cash discount costs per year",
       {number("discount_pct", "percent"), number("discount_days", "days"),
        number("net_days", "days")},
       gives({"simple_apr: share of 365 days", "effective_annual: compounded, share"}),
       [](const input& in) {
         return answer(p::terms_discount_apr(in("discount_pct"), in("discount_days"),
                                             in("net_days")),
                       [](const auto& r) {
                         return json{{"simple_apr", r.simple_apr},
                                     {"effective_annual", r.effective_annual}};
                       });
       }},
  };
}

std::vector<function> credit() {
  return {
      {"altman_z", "finance", "Altman's Z of a listed manufacturer (1968)",
       money_fields({"working_capital", "retained_earnings", "ebit", "market_equity",
                     "sales", "total_assets", "total_liabilities"}),
       gives({"z: score", "zone: safe, grey or distress"}),
       [](const input& in) {
         return answer(p::altman_z(in("working_capital"), in("retained_earnings"),
                                   in("ebit"), in("market_equity"), in("sales"),
                                   in("total_assets"), in("total_liabilities")),
                       [](const auto& r) {
                         return json{{"z", r.z}, {"zone", r.zone}};
                       });
       }},
      {"altman_z_double_prime", "finance",
       "Altman's Z'' of a private firm outside manufacturing (1995)",
       money_fields({"working_capital", "retained_earnings", "ebit", "book_equity",
                     "total_assets", "total_liabilities"}),
       gives({"z: score", "zone: safe, grey or distress"}),
       [](const input& in) {
         return answer(p::altman_z_double_prime(in("working_capital"),
                                                in("retained_earnings"), in("ebit"),
                                                in("book_equity"), in("total_assets"),
                                                in("total_liabilities")),
                       [](const auto& r) {
                         return json{{"z", r.z}, {"zone", r.zone}};
                       });
       }},
      {"expected_loss",
       "finance",
       "Expected credit loss",
       {number("pd", "probability of default, 0..1"), number("ead", "money at default"),
        number("lgd", "share lost given default, 0..1")},
       gives({"expected_loss: money"}),
       [](const input& in) {
         return figure(p::expected_loss(in("pd"), in("ead"), in("lgd")), "expected_loss");
       }},
      {"credit_exposure_check", "finance", "Whether an order fits a customer's credit",
       money_fields({"credit_limit", "open_ar", "overdue_ar", "max_overdue",
                     "open_deliveries_not_billed", "open_orders", "new_order"}),
       gives({"exposure: money with the new order", "headroom: money left of the limit",
              "hold_reasons: over_limit, overdue"}),
       [](const input& in) {
         return answer(p::credit_exposure_check({in("credit_limit"), in("open_ar"),
                                                 in("overdue_ar"), in("max_overdue"),
                                                 in("open_deliveries_not_billed"),
                                                 in("open_orders"), in("new_order")}),
                       [](const auto& r) {
                         return json{{"exposure", r.exposure},
                                     {"headroom", r.headroom},
                                     {"hold_reasons", r.hold_reasons}};
                       });
       }},
  };
}

std::vector<function> scorecards() {
  return {
      {"scorecard_score",
       "finance",
       "Probability of a logistic scorecard, and the four reasons that raised it most",
       {named_numbers("weights", "log odds per unit, by feature"),
        number("intercept", "log odds"),
        named_numbers("usual", "value by feature that reasons are told against"),
        named_numbers("values", "by feature")},
       gives({"probability: of the event, 0..1",
              "reasons: feature and contribution (log odds), the largest first"}),
       [](const input& in) -> result<json> {
         p::scorecard card;
         card.intercept = in("intercept");
         std::vector<double> values;
         for (const auto& [name, weight] : in.at("weights").items()) {
           for (const auto* other : {"usual", "values"}) {
             if (!in.at(other).contains(name)) {
               return error(errc::invalid,
                            std::string(other) + "." + name + " is missing")
                   .at("field", std::string(other) + "." + name);
             }
           }
           card.features.push_back(name);
           card.weights.push_back(weight);
           card.usual.push_back(in.at("usual")[name]);
           values.push_back(in.at("values")[name]);
         }
         return answer(p::score(card, values), [](const auto& r) {
           json reasons = json::array();
           for (const auto& reason : r.reasons) {
             reasons.push_back(
                 {{"feature", reason.feature}, {"contribution", reason.contribution}});
           }
           return json{{"probability", r.probability}, {"reasons", reasons}};
         });
       }},
      {"scorecard_fit",
       "finance",
       "Logistic regression for a scorecard",
       {any("features", list_of(type("string")), "names"),
        any("rows", list_of(list_of(type("number"))),
            "values in that order, one list a case"),
        flags("event", "1: it happened (a default), one per case"),
        optional(number("ridge", "penalty on standardised weights"), 1e-4)},
       gives({"weights: log odds per unit, by feature", "intercept: log odds",
              "usual: mean by feature"}),
       [](const input& in) {
         return answer(
             p::fit_scorecard(in.at("features").get<std::vector<std::string>>(),
                              in.at("rows").get<std::vector<std::vector<double>>>(),
                              in.bits("event"), in("ridge")),
             [](const auto& r) {
               json weights = json::object();
               json usual = json::object();
               for (std::size_t i = 0; i < r.features.size(); ++i) {
                 weights[r.features[i]] = r.weights[i];
                 usual[r.features[i]] = r.usual[i];
               }
               return json{
                   {"weights", weights}, {"intercept", r.intercept}, {"usual", usual}};
             });
       }},
  };
}

std::vector<function> matching() {
  return {
      {"three_way_match",
       "procurement",
       "A supplier's bill against the order and the receipt",
       {number("po_price", "money per unit"), number("po_qty", "units"),
        number("received_qty", "units"), number("prev_invoiced_qty", "units"),
        number("invoice_qty", "units"), number("invoice_price", "money per unit"),
        number("price_tol_pct", "percent"), number("price_tol_abs", "money"),
        number("qty_tol_abs", "money")},
       gives({"price_variance: money", "price_variance_pct: percent of the price agreed",
              "qty_variance_value: money", "blocks: PP_ABS, PP_PCT, DQ_ABS"}),
       [](const input& in) {
         return answer(
             p::three_way_match(
                 {in("po_price"), in("po_qty"), in("received_qty"),
                  in("prev_invoiced_qty"), in("invoice_qty"), in("invoice_price")},
                 {in("price_tol_pct"), in("price_tol_abs"), in("qty_tol_abs")}),
             [](const auto& r) {
               return json{{"price_variance", r.price_variance},
                           {"price_variance_pct", r.price_variance_pct},
                           {"qty_variance_value", r.qty_variance_value},
                           {"blocks", r.blocks}};
             });
       }},
      {"cash_match_subset_sum",
       "finance",
       "Open items that a payment settles; unique or not",
       {number("payment", "money, whole cents"),
        any("open_invoices",
            list_of(object_of({{"id", type("string")}, {"open", type("number")}})),
            "id and open (money, whole cents) of each"),
        optional(number("tolerance", "money that may be missing"), 0)},
       gives({"matched: ids, empty unless unique", "residual: money",
              "unique: post only then", "solutions: ids of each that fits"}),
       cash_match},
      {"levenshtein",
       "finance",
       "Edit distance of two texts",
       {text("a", "UTF-8"), text("b", "UTF-8")},
       gives({"distance: insertions, deletions and replacements"}),
       [](const input& in) {
         return answer(p::levenshtein(in.text("a"), in.text("b")), [](auto distance) {
           return json{{"distance", distance}};
         });
       }},
      {"jaro_winkler",
       "finance",
       "Likeness of two texts",
       {text("a", "UTF-8"), text("b", "UTF-8")},
       gives({"similarity: 0..1"}),
       [](const input& in) {
         return figure(p::jaro_winkler(in.text("a"), in.text("b")), "similarity");
       }},
      {"gs1_check_digit",
       "master_data",
       "Check digit of a GTIN, GLN or SSCC (GS1)",
       {text("digits", "without the check digit")},
       gives({"check_digit: 0..9"}),
       [](const input& in) {
         return answer(p::gs1_check_digit(in.text("digits")), [](auto digit) {
           return json{{"check_digit", digit}};
         });
       }},
  };
}

std::vector<function> profit() {
  return {
      {"gmroi",
       "finance",
       "Gross-margin return on inventory",
       {number("gross_margin", "money per year"),
        number("average_inventory_cost", "money in stock"),
        number("sales", "money per year")},
       gives({"gmroi: margin per money in stock", "turns: cost of goods / stock",
              "turn_earn_index: margin percent times turns"}),
       [](const input& in) {
         return answer(
             p::gmroi(in("gross_margin"), in("average_inventory_cost"), in("sales")),
             [](const auto& r) {
               return json{{"gmroi", r.gmroi},
                           {"turns", r.turns},
                           {"turn_earn_index", r.turn_earn_index}};
             });
       }},
      {"cost_to_serve_margin", "finance",
       "What serving a customer left over, and what leaked",
       money_fields({"revenue", "cogs", "freight_standard", "freight_expedite",
                     "handling", "returns_credit", "rebate", "payment_terms_cost"}),
       gives({"gross_margin: money", "net_margin: money",
              "margin_leakage: expedites, credits and rebates, money",
              "leakage_pct_revenue: percent"}),
       [](const input& in) {
         return answer(p::cost_to_serve_margin(
                           {in("revenue"), in("cogs"), in("freight_standard"),
                            in("freight_expedite"), in("handling"), in("returns_credit"),
                            in("rebate"), in("payment_terms_cost")}),
                       [](const auto& r) {
                         return json{{"gross_margin", r.gross_margin},
                                     {"net_margin", r.net_margin},
                                     {"margin_leakage", r.margin_leakage},
                                     {"leakage_pct_revenue", r.leakage_pct_revenue}};
                       });
       }},
      {"roi_npv",
       "attribution",
       "Net present value, internal rate, payback and return of a project",
       {numbers("cash_flows", "money by period, period 0 first; outflows negative"),
        number("discount_rate", "share per period")},
       gives({"npv: money today", "irr: share per period; null without a unique one",
              "payback_periods: null if never", "roi_pct: percent of the outflows"}),
       [](const input& in) {
         return answer(p::roi_npv(in.list("cash_flows"), in("discount_rate")),
                       [](const auto& r) {
                         return json{{"npv", r.npv},
                                     {"irr", or_null(r.irr)},
                                     {"payback_periods", or_null(r.payback_periods)},
                                     {"roi_pct", r.roi_pct}};
                       });
       }},
      {"price_volume_mix",
       "finance",
       "Why two periods differ: price, volume and mix",
       {any("items",
            list_of(object_of({{"quantity_before", type("number")},
                               {"price_before", type("number")},
                               {"quantity_after", type("number")},
                               {"price_after", type("number")}})),
            "quantity_before and quantity_after (units), price_before and price_after "
            "(money) "
            "of each")},
       gives({"price: money", "volume: money", "mix: money", "total: their sum"}),
       [](const input& in) {
         std::vector<p::item_sales> items;
         for (const auto& i : in.at("items")) {
           items.push_back({i.at("quantity_before"), i.at("price_before"),
                            i.at("quantity_after"), i.at("price_after")});
         }
         return answer(p::price_volume_mix(items), [](const auto& r) {
           return json{{"price", r.price},
                       {"volume", r.volume},
                       {"mix", r.mix},
                       {"total", r.total}};
         });
       }},
  };
}

} // namespace

std::vector<function> money_functions() {
  std::vector<function> all;
  for (auto part : {receivables(), credit(), scorecards(), matching(), profit()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

} // namespace crossdock::plan
