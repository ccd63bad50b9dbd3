#include "base/clock.hpp"
#include "plan/entry.hpp"
#include "planning/calibration.hpp"
#include "planning/comparison.hpp"
#include "planning/performance.hpp"
#include "planning/queueing.hpp"

#include <chrono>

namespace crossdock::plan {
namespace {

namespace p = planning;

result<double> hours(const json& value, const std::string& name) {
  auto time = parse_rfc3339(value.get<std::string>());
  if (!time) {
    return error(errc::invalid, name + " must be a time such as 2026-02-02T08:00:00Z")
        .at("field", name);
  }
  return std::chrono::duration<double, std::ratio<3600>>(time->time_since_epoch())
      .count();
}

result<json> resolution(const input& in) {
  const auto as_of = hours(in.at("as_of"), "as_of");
  if (!as_of) {
    return as_of.error();
  }
  std::vector<p::timed_exception> exceptions;
  for (const auto& e : in.at("exceptions")) {
    const auto name = "exceptions[" + std::to_string(exceptions.size()) + "]";
    const auto opened = hours(e.at("opened"), name + ".opened");
    if (!opened) {
      return opened.error();
    }
    // Counted from as_of on, so that the hours keep their decimals.
    p::timed_exception one{*opened - *as_of, std::nullopt};
    if (e.contains("resolved") && !e["resolved"].is_null()) {
      const auto resolved = hours(e["resolved"], name + ".resolved");
      if (!resolved) {
        return resolved.error();
      }
      one.resolved = *resolved - *as_of;
    }
    exceptions.push_back(one);
  }
  return answer(p::exception_resolution_time(exceptions, 0), [](const auto& r) {
    return json{{"resolved", r.resolved},
                {"median_hours", or_null(r.median_hours)},
                {"mean_hours", or_null(r.mean_hours)},
                {"p90_hours_type7", or_null(r.p90_hours_type7)},
                {"open", r.open},
                {"open_age_hours_max", or_null(r.open_age_hours_max)}};
  });
}

result<json> fill(const input& in) {
  std::vector<p::shipped_line> lines;
  for (const auto& l : in.at("lines")) {
    lines.push_back({l.at("order"), l.at("ordered"), l.at("shipped"), l.at("on_time")});
  }
  return answer(p::fill_rates(lines), [](const auto& r) {
    return json{{"unit_fill_rate", r.unit_fill_rate},
                {"line_fill_rate", r.line_fill_rate},
                {"order_fill_rate", r.order_fill_rate},
                {"otif_order", r.otif_order},
                {"otif_line", r.otif_line}};
  });
}

std::vector<function> kpis() {
  return {
      {"fill_rates",
       "kpi",
       "First-shipment fill rates and OTIF",
       {any("lines",
            list_of(object_of({{"order", type("string")},
                               {"ordered", type("number")},
                               {"shipped", type("number")},
                               {"on_time", type("boolean")}})),
            "order, ordered and shipped (units) and on_time of each")},
       gives({"unit_fill_rate: 0..1", "line_fill_rate: 0..1", "order_fill_rate: 0..1",
              "otif_order: every line full and on time, 0..1", "otif_line: 0..1"}),
       fill},
      {"perfect_order",
       "kpi",
       "Perfect order fulfilment (SCOR RL.1.1)",
       {number("orders", "count"), number("in_full", "count"), number("on_time", "count"),
        number("damage_free", "count"), number("documentation_ok", "count"),
        number("all_four_ok", "orders without any fault")},
       gives({"perfect_order_pct: percent of orders",
              "product_index_pct: product of the four shares, percent"}),
       [](const input& in) {
         return answer(p::perfect_order({in("orders"), in("in_full"), in("on_time"),
                                         in("damage_free"), in("documentation_ok"),
                                         in("all_four_ok")}),
                       [](const auto& r) {
                         return json{{"perfect_order_pct", r.perfect_order_pct},
                                     {"product_index_pct", r.product_index_pct}};
                       });
       }},
      {"stockout_frequency",
       "kpi",
       "How often stocked items were out of stock",
       {number("sku_location_days", "days times item-sites"),
        number("stockout_days", "of these, without stock"),
        number("stockout_events", "beginnings of a stock-out"),
        number("demand_lines_during_stockout", "lines that met one"),
        number("demand_lines", "all lines")},
       gives({"stockout_day_rate: 0..1", "events_per_1000_sku_days: count",
              "lines_hit_rate: 0..1"}),
       [](const input& in) {
         return answer(
             p::stockout_frequency(
                 in("sku_location_days"), in("stockout_days"), in("stockout_events"),
                 in("demand_lines_during_stockout"), in("demand_lines")),
             [](const auto& r) {
               return json{{"stockout_day_rate", r.stockout_day_rate},
                           {"events_per_1000_sku_days", r.events_per_1000_sku_days},
                           {"lines_hit_rate", r.lines_hit_rate}};
             });
       }},
      {"exception_resolution_time",
       "kpi",
       "How long exceptions took, and the open ones beside",
       {any("exceptions",
            list_of(object_of({{"opened", type("string")},
                               {"resolved?", {{"type", {"string", "null"}}}}})),
            "opened and resolved (RFC 3339, null: open) of each"),
        text("as_of", "RFC 3339")},
       gives({"resolved: count", "median_hours: null without any", "mean_hours: hours",
              "p90_hours_type7: hours", "open: count", "open_age_hours_max: hours"}),
       resolution},
  };
}

std::vector<function> attribution() {
  return {
      {"did_2x2",
       "attribution",
       "Difference in differences",
       {number("treated_before", "mean of the treated"),
        number("treated_after", "the same"),
        number("control_before", "mean of the others"),
        number("control_after", "the same")},
       gives({"did: unit of the means"}),
       [](const input& in) {
         return figure(p::did_2x2(in("treated_before"), in("treated_after"),
                                  in("control_before"), in("control_after")),
                       "did");
       }},
      {"two_proportion_z",
       "attribution",
       "Test of two proportions",
       {number("p1", "0..1"), number("n1", "cases"), number("p2", "0..1"),
        number("n2", "cases")},
       gives({"z: of p2 - p1", "p_value_two_sided: 0..1"}),
       [](const input& in) {
         return answer(
             p::two_proportion_z(in("p1"), in("n1"), in("p2"), in("n2")),
             [](const auto& r) {
               return json{{"z", r.z}, {"p_value_two_sided", r.p_value_two_sided}};
             });
       }},
      {"sample_size_two_proportions",
       "attribution",
       "Cases needed to see a difference of two proportions (Fleiss)",
       {number("p1", "0..1"), number("p2", "0..1"),
        number("alpha", "two-sided significance"),
        number("power", "probability of seeing it")},
       gives({"n_per_group: cases"}),
       [](const input& in) {
         return figure(
             p::sample_size_two_proportions(in("p1"), in("p2"), in("alpha"), in("power")),
             "n_per_group");
       }},
      {"cuped_variance",
       "attribution",
       "Variance that a covariate from before takes off (Deng et al. 2013)",
       {number("var_y", "variance of the outcome"),
        number("corr", "correlation with the covariate, -1..1")},
       gives({"adjusted_variance: unit of var_y", "reduction_pct: percent"}),
       [](const input& in) {
         return answer(p::cuped_variance(in("var_y"), in("corr")), [](const auto& r) {
           return json{{"adjusted_variance", r.adjusted_variance},
                       {"reduction_pct", r.reduction_pct}};
         });
       }},
  };
}

std::vector<function> service() {
  return {
      {"erlang_c",
       "service",
       "A service desk as a queue (Erlang 1917)",
       {number("arrivals_per_hour", "cases"),
        number("handle_minutes", "minutes per case"),
        number("agents", "people, above the offered load"),
        number("target_minutes", "minutes within which to answer")},
       gives({"offered_load_erlangs: people busy on average", "p_wait: 0..1",
              "service_level: share answered within the target",
              "asa_minutes: mean wait of all"}),
       [](const input& in) {
         return answer(p::erlang_c(in("arrivals_per_hour"), in("handle_minutes"),
                                   in("agents"), in("target_minutes")),
                       [](const auto& r) {
                         return json{{"offered_load_erlangs", r.offered_load_erlangs},
                                     {"p_wait", r.p_wait},
                                     {"service_level", r.service_level},
                                     {"asa_minutes", r.asa_minutes}};
                       });
       }},
      {"cohen_kappa",
       "service",
       "Agreement of two raters beyond chance (Cohen 1960)",
       {any("table", list_of(list_of(type("number"))),
            "cases by class of the first (rows) and the second")},
       gives({"observed: share on which both agree", "expected: share by chance",
              "kappa: 1 is full agreement, 0 chance"}),
       [](const input& in) {
         return answer(
             p::cohen_kappa(in.at("table").get<std::vector<std::vector<double>>>()),
             [](const auto& r) {
               return json{{"observed", r.observed},
                           {"expected", r.expected},
                           {"kappa", r.kappa}};
             });
       }},
      {"brier_ece",
       "governance",
       "How well confidences are calibrated (Brier 1950, Guo et al. 2017)",
       {numbers("confidence", "0..1, one per case"), flags("correct", "one per case"),
        optional(numbers("bins", "rising edges; none: ten equal bins"))},
       gives(
           {"brier: 0 is perfect, 0.25 a coin", "ece: expected calibration error, 0..1"}),
       [](const input& in) {
         return answer(p::brier_ece(in.list("confidence"), in.bits("correct"),
                                    in.has("bins") ? in.list("bins") : p::ten_bins()),
                       [](const auto& r) {
                         return json{{"brier", r.brier}, {"ece", r.ece}};
                       });
       }},
  };
}

} // namespace

std::vector<function> measurement_functions() {
  auto all = kpis();
  for (auto part : {attribution(), service()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

} // namespace crossdock::plan
