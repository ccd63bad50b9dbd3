// Runs every case of tests/data/domain-cases.json: published values, values
// computed by established peers, and values derived by hand. A case names the function;
// its inputs and expected values are that function's own words.
#include "planning/accuracy.hpp"
#include "planning/anomaly.hpp"
#include "planning/calibration.hpp"
#include "planning/cash_matching.hpp"
#include "planning/dates.hpp"
#include "planning/demand.hpp"
#include "planning/distributions.hpp"
#include "planning/forecast.hpp"
#include "planning/guaranteed_service.hpp"
#include "planning/invoices.hpp"
#include "planning/lead_time.hpp"
#include "planning/lot_size.hpp"
#include "planning/picking.hpp"
#include "planning/receivables.hpp"
#include "planning/reorder_point.hpp"
#include "planning/routing.hpp"
#include "planning/sharing.hpp"
#include "planning/stock_policy.hpp"
#include "planning/supply.hpp"
#include "planning/text_match.hpp"
#include "planning/value.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

using nlohmann::json;
using namespace crossdock::planning;

namespace {

using numbers = std::vector<double>;

const json& domain_cases() {
  static const json cases = [] {
    std::ifstream file(CROSSDOCK_DOMAIN_CASES);
    return json::parse(file);
  }();
  return cases;
}

numbers series_of(const json& in) {
  const auto& series = in.at("series");
  if (series.is_object())
    return domain_cases().at("datasets").at(series.at("$dataset")).get<numbers>();
  return series.get<numbers>();
}

std::vector<bool> flags(const json& values) {
  std::vector<bool> result;
  for (const auto& v : values)
    result.push_back(v.get<int>() != 0);
  return result;
}

json loss_json(const outcome<expected_loss_pair>& pair) {
  return {{"loss", pair->loss}, {"complementary_loss", pair->complementary_loss}};
}

double number(const json& in, const char* key) {
  return in.at(key).get<double>();
}

json run_croston(const json& in) {
  static const std::map<std::string, croston_variant> variants{
      {"croston", croston_variant::croston},
      {"sba", croston_variant::sba},
      {"sbj", croston_variant::sbj}};
  const auto r = croston_family(series_of(in), variants.at(in.at("variant")),
                                in.at("init") == "naive" ? croston_init::naive
                                                         : croston_init::mean_interval,
                                number(in, "alpha_demand"), number(in, "alpha_interval"));
  return {{"forecast", r->forecast},
          {"demand_level", r->demand_level},
          {"interval_level", r->interval_level}};
}

json run_echelon(const json& in) {
  std::map<std::string, stocking_point> nodes;
  for (const auto& [name, node] : in.at("nodes").items()) {
    nodes[name] = {node.at("on_hand"), node.at("on_order"), node.value("in_transit", 0.0),
                   node.at("backorders"),
                   node.at("children").get<std::vector<std::string>>()};
  }
  return {{"echelon_position", *echelon_inventory_position(nodes)}};
}

/// A list of numbers, one number as a list, or an empty one when the field is missing.
numbers list(const json& in, const char* key) {
  if (!in.contains(key))
    return {};
  return in.at(key).is_number() ? numbers{in.at(key).get<double>()}
                                : in.at(key).get<numbers>();
}

std::vector<stock_request> requests_of(const json& in) {
  std::vector<stock_request> requests;
  for (const auto& r : in.at("requests"))
    requests.push_back({r.at("id"), r.at("qty"), r.value("priority", 0.0)});
  return requests;
}

std::vector<open_invoice> invoices_of(const json& in) {
  std::vector<open_invoice> invoices;
  for (const auto& i : in)
    invoices.push_back(
        {i.at("id"), *parse_date(i.at("due").get<std::string>()), i.at("open")});
  return invoices;
}

std::vector<open_item> items_of(const json& in) {
  std::vector<open_item> items;
  for (const auto& i : in)
    items.push_back({i.at("id"), i.at("open")});
  return items;
}

json by_pair(const std::vector<pair_saving>& savings, const char* between) {
  json named;
  for (const auto& s : savings)
    named[s.a + between + s.b] = s.value;
  return named;
}

json run_tree(const json& in) {
  std::map<std::string, service_stage> stages;
  for (const auto& [name, node] : in.at("nodes").items()) {
    auto& s = stages[name];
    const auto whole = [&node = node](const char* key) {
      return node.at(key).is_null() ? 0 : node.at(key).get<int>();
    };
    s.processing_time = whole("processing_time");
    s.external_inbound_cst = whole("external_inbound_cst");
    if (!node.at("external_outbound_cst").is_null())
      s.external_outbound_cst = whole("external_outbound_cst");
    s.holding_cost = node.at("local_holding_cost");
    s.demand_bound_constant = node.at("demand_bound_constant");
    s.demand_sd = whole("demand_sd");
    for (const auto& next : node.at("successors"))
      s.successors.push_back(next.is_string() ? next.get<std::string>()
                                              : std::to_string(next.get<int>()));
  }
  const auto r = gsm_tree_cst(stages);
  return {{"committed_service_times", r->committed}, {"cost", r->cost}};
}

using runner = std::function<json(const json&)>;

const std::map<std::string, runner>& runners() {
  static const std::map<std::string, runner> table{
      {"standard_normal_loss",
       [](const json& in) { return loss_json(standard_normal_loss(in.at("z"))); }},
      {"normal_loss",
       [](const json& in) {
         return loss_json(normal_loss(in.at("x"), in.at("mean"), in.at("sd")));
       }},
      {"poisson_loss",
       [](const json& in) { return loss_json(poisson_loss(in.at("x"), in.at("mean"))); }},
      {"gamma_loss",
       [](const json& in) {
         return loss_json(gamma_loss(in.at("x"), in.at("shape"), in.at("scale")));
       }},
      {"negative_binomial_loss",
       [](const json& in) {
         return loss_json(negative_binomial_loss(in.at("x"), in.at("mean"), in.at("sd")));
       }},
      {"safety_stock_reorder_point",
       [](const json& in) -> json {
         const auto r = safety_stock_reorder_point(
             in.at("demand_mean"), in.at("demand_sd"), in.at("lead_time_mean"),
             in.at("lead_time_sd"), in.at("cycle_service_level"));
         return {{"z", r->z},
                 {"sigma_ltd", r->sigma_ltd},
                 {"safety_stock", r->safety_stock},
                 {"reorder_point", r->reorder_point}};
       }},
      {"reorder_point_gamma_ltd",
       [](const json& in) -> json {
         const auto r = reorder_point_gamma_ltd(in.at("ltd_mean"), in.at("ltd_sd"),
                                                in.at("cycle_service_level"));
         return {{"shape", r->shape},
                 {"scale", r->scale},
                 {"reorder_point", r->reorder_point}};
       }},
      {"reorder_point_negbin_ltd",
       [](const json& in) -> json {
         const auto r = reorder_point_negbin_ltd(in.at("ltd_mean"), in.at("ltd_var"),
                                                 in.at("cycle_service_level"));
         return {{"n", r->n}, {"p", r->p}, {"reorder_point", r->reorder_point}};
       }},
      {"base_stock_poisson_service",
       [](const json& in) -> json {
         const auto r = base_stock_poisson_service(
             in.at("demand_rate"), in.at("lead_time"), in.at("base_stock_level"));
         return {{"fill_rate", r->fill_rate},
                 {"expected_backorders", r->expected_backorders},
                 {"expected_on_hand", r->expected_on_hand}};
       }},
      {"demand_class_sbc",
       [](const json& in) -> json {
         const auto r = demand_class_sbc(series_of(in));
         return {{"adi", r->adi}, {"cv2", r->cv2}, {"class", to_string(r->demand)}};
       }},
      {"croston_family", run_croston},
      {"kaplan_meier",
       [](const json& in) -> json {
         const auto r =
             kaplan_meier(in.at("times").get<numbers>(), flags(in.at("event")));
         return {{"time", r->time}, {"survival", r->survival}};
       }},
      {"conditional_late_probability_km",
       [](const json& in) -> json {
         return {{"p_late", *conditional_late_probability_km(
                                in.at("times").get<numbers>(), flags(in.at("event")),
                                in.at("elapsed"), in.at("promised"))}};
       }},
      {"late_probability_lognormal",
       [](const json& in) -> json {
         const auto r = late_probability_lognormal(in.at("mu"), in.at("sigma"),
                                                   in.at("elapsed"), in.at("promised"));
         return {{"p_late", r->p_late}, {"mean", r->mean}, {"p90", r->p90}};
       }},
      {"on_time_rate_wilson",
       [](const json& in) -> json {
         const auto r = on_time_rate_wilson(in.at("on_time"), in.at("total"), in.at("z"));
         return {{"rate", r->rate}, {"lower", r->lower}, {"upper", r->upper}};
       }},
      {"atp_discrete",
       [](const json& in) -> json {
         const auto r = atp_discrete(in.at("on_hand"), in.at("mps").get<numbers>(),
                                     in.at("booked").get<numbers>());
         return {{"discrete", r->discrete},
                 {"cumulative_no_lookahead", r->cumulative_no_lookahead}};
       }},
      {"promise_date",
       [](const json& in) -> json {
         const auto r = promise_date(in.at("on_hand"), in.at("mps").get<numbers>(),
                                     in.at("booked").get<numbers>(), in.at("qty"),
                                     in.at("allow_partial").get<bool>());
         return {{"period_1based", r->period_1based.value_or(0)}};
       }},
      {"echelon_inventory_position", run_echelon},
      {"labor_plan",
       [](const json& in) -> json {
         const auto r = labor_plan(in.at("lines"), in.at("standard_seconds_per_line"),
                                   in.at("orders"), in.at("fixed_seconds_per_order"),
                                   in.at("pfd_allowance"), in.at("performance"),
                                   in.at("shift_hours"));
         return {{"standard_hours", r->standard_hours},
                 {"required_hours", r->required_hours},
                 {"heads", r->heads}};
       }},
      {"brier_ece",
       [](const json& in) -> json {
         const auto r = brier_ece(in.at("confidence").get<numbers>(),
                                  flags(in.at("correct")), in.at("bins").get<numbers>());
         return {{"brier", r->brier}, {"ece", r->ece}};
       }},
      {"allocate_equal_fractile",
       [](const json& in) -> json {
         const auto r = allocate_equal_fractile(
             in.at("available"), in.at("ltd_mean").get<numbers>(),
             in.at("ltd_sd").get<numbers>(), in.at("inventory_position").get<numbers>());
         return {{"k", r->k}, {"allocation", r->allocation}};
       }},
      {"eoq",
       [](const json& in) -> json {
         const auto r = eoq(number(in, "fixed_cost"), number(in, "holding_cost"),
                            number(in, "demand_rate"));
         return {{"order_quantity", r->quantity}, {"cost_per_year", r->cost}};
       }},
      {"eoq_cost",
       [](const json& in) -> json {
         const auto r = eoq_cost(number(in, "fixed_cost"), number(in, "holding_cost"),
                                 number(in, "demand_rate"), number(in, "order_quantity"));
         return {{"cost_per_year", *r}};
       }},
      {"eoq_backorders",
       [](const json& in) -> json {
         const auto r =
             eoq_backorders(number(in, "fixed_cost"), number(in, "holding_cost"),
                            number(in, "stockout_cost"), number(in, "demand_rate"));
         return {{"order_quantity", r->quantity},
                 {"stockout_fraction", r->stockout_fraction},
                 {"cost_per_year", r->cost}};
       }},
      {"epq",
       [](const json& in) -> json {
         const auto r = epq(number(in, "fixed_cost"), number(in, "holding_cost"),
                            number(in, "demand_rate"), number(in, "production_rate"));
         return {{"order_quantity", r->quantity}, {"cost_per_year", r->cost}};
       }},
      {"eoq_all_units_discount",
       [](const json& in) -> json {
         const auto r = eoq_all_units_discount(
             number(in, "fixed_cost"), number(in, "holding_cost_rate"),
             number(in, "demand_rate"), list(in, "breakpoints"), list(in, "unit_costs"));
         return {{"order_quantity", r->quantity},
                 {"region", r->region},
                 {"cost_per_year", r->cost}};
       }},
      {"eoq_incremental_discount",
       [](const json& in) -> json {
         const auto r = eoq_incremental_discount(
             number(in, "fixed_cost"), number(in, "holding_cost_rate"),
             number(in, "demand_rate"), list(in, "breakpoints"), list(in, "unit_costs"));
         return {{"order_quantity", r->quantity},
                 {"region", r->region},
                 {"cost_per_year", r->cost}};
       }},
      {"eoq_yield_multiplicative",
       [](const json& in) -> json {
         const auto r = eoq_yield_multiplicative(
             number(in, "holding_cost"), number(in, "fixed_cost"),
             number(in, "demand_rate"), number(in, "yield_mean"), number(in, "yield_sd"));
         return {{"order_quantity", r->quantity}, {"cost_per_year", r->cost}};
       }},
      {"eoq_yield_additive",
       [](const json& in) -> json {
         const auto r = eoq_yield_additive(
             number(in, "holding_cost"), number(in, "fixed_cost"),
             number(in, "demand_rate"), number(in, "yield_mean"), number(in, "yield_sd"));
         return {{"order_quantity", r->quantity}, {"cost_per_year", r->cost}};
       }},
      {"joint_replenishment_silver",
       [](const json& in) -> json {
         const auto r = joint_replenishment_silver(
             number(in, "shared_fixed_cost"), list(in, "individual_fixed_costs"),
             list(in, "holding_costs"), list(in, "demand_rates"));
         return {{"order_quantities", r->quantities},
                 {"base_cycle_time", r->base_cycle_time},
                 {"order_multiples", r->multiples},
                 {"cost_per_year", r->cost}};
       }},
      {"wagner_whitin",
       [](const json& in) -> json {
         const auto r =
             wagner_whitin(list(in, "demand"), list(in, "fixed_cost"),
                           list(in, "holding_cost"), list(in, "purchase_cost"));
         return {{"order_quantities", r->quantities}, {"cost", r->cost}};
       }},
      {"silver_meal",
       [](const json& in) -> json {
         const auto r = silver_meal(list(in, "demand"), number(in, "fixed_cost"),
                                    number(in, "holding_cost"));
         return {{"order_quantities", r->quantities}, {"cost", r->cost}};
       }},
      {"least_unit_cost",
       [](const json& in) -> json {
         const auto r = least_unit_cost(list(in, "demand"), number(in, "fixed_cost"),
                                        number(in, "holding_cost"));
         return {{"order_quantities", r->quantities}, {"cost", r->cost}};
       }},
      {"part_period_balancing",
       [](const json& in) -> json {
         const auto r = part_period_balancing(
             list(in, "demand"), number(in, "fixed_cost"), number(in, "holding_cost"));
         return {{"order_quantities", r->quantities}, {"cost", r->cost}};
       }},
      {"newsvendor_normal",
       [](const json& in) -> json {
         const auto r =
             newsvendor_normal(number(in, "holding_cost"), number(in, "stockout_cost"),
                               number(in, "demand_mean"), number(in, "demand_sd"),
                               in.value("lead_time", 0.0));
         return {{"base_stock_level", r->level}, {"cost_per_period", r->cost}};
       }},
      {"base_stock_normal",
       [](const json& in) -> json {
         const auto r =
             newsvendor_normal(number(in, "holding_cost"), number(in, "stockout_cost"),
                               number(in, "demand_mean"), number(in, "demand_sd"),
                               in.value("lead_time", 0.0));
         return {{"base_stock_level", r->level}, {"cost_per_period", r->cost}};
       }},
      {"newsvendor_normal_cost",
       [](const json& in) -> json {
         const auto r = newsvendor_normal_cost(
             number(in, "holding_cost"), number(in, "stockout_cost"),
             number(in, "demand_mean"), number(in, "demand_sd"),
             number(in, "base_stock_level"), in.value("lead_time", 0.0));
         return {{"cost_per_period", *r}};
       }},
      {"base_stock_normal_cost",
       [](const json& in) -> json {
         const auto r = newsvendor_normal_cost(
             number(in, "holding_cost"), number(in, "stockout_cost"),
             number(in, "demand_mean"), number(in, "demand_sd"),
             number(in, "base_stock_level"), in.value("lead_time", 0.0));
         return {{"cost_per_period", *r}};
       }},
      {"newsvendor_normal_explicit",
       [](const json& in) -> json {
         const auto r = newsvendor_normal_explicit(
             number(in, "revenue"), number(in, "purchase_cost"),
             number(in, "salvage_value"), number(in, "demand_mean"),
             number(in, "demand_sd"));
         return {{"base_stock_level", r->level}, {"expected_profit", r->expected_profit}};
       }},
      {"newsvendor_poisson",
       [](const json& in) -> json {
         const auto r =
             newsvendor_poisson(number(in, "holding_cost"), number(in, "stockout_cost"),
                                number(in, "demand_mean"), in.value("lead_time", 0.0));
         return {{"base_stock_level", r->level}, {"cost_per_period", r->cost}};
       }},
      {"newsvendor_discrete",
       [](const json& in) -> json {
         std::map<double, double> pmf;
         for (const auto& [value, probability] : in.at("demand_pmf").items())
           pmf[std::stod(value)] = probability.get<double>();
         const auto r = newsvendor_discrete(number(in, "holding_cost"),
                                            number(in, "stockout_cost"), pmf);
         return {{"base_stock_level", r->level}, {"cost_per_period", r->cost}};
       }},
      {"newsvendor_lognormal",
       [](const json& in) -> json {
         const auto r =
             newsvendor_lognormal(number(in, "holding_cost"), number(in, "stockout_cost"),
                                  number(in, "mu"), number(in, "sigma"));
         return {{"base_stock_level", r->level}, {"cost_per_period", r->cost}};
       }},
      {"lognormal_loss",
       [](const json& in) {
         return loss_json(lognormal_loss(in.at("x"), in.at("mu"), in.at("sigma")));
       }},
      {"newsvendor_disruptions",
       [](const json& in) -> json {
         const auto r = newsvendor_disruptions(
             number(in, "holding_cost"), number(in, "stockout_cost"),
             number(in, "demand"), number(in, "disruption_prob"),
             number(in, "recovery_prob"));
         return {{"base_stock_level", r->level}, {"cost_per_period", r->cost}};
       }},
      {"rq_cost_normal",
       [](const json& in) -> json {
         const auto r = rq_cost_normal(
             rq_costs{number(in, "holding_cost"), number(in, "stockout_cost"),
                      in.value("fixed_cost", 1.0)},
             rq_demand{number(in, "demand_mean"), number(in, "demand_sd"),
                       number(in, "lead_time")},
             number(in, "reorder_point"), number(in, "order_quantity"));
         return {{"cost_per_year", *r}};
       }},
      {"rq_optimal_r_for_q",
       [](const json& in) -> json {
         const auto r = rq_optimal_r_for_q(
             number(in, "holding_cost"), number(in, "stockout_cost"),
             rq_demand{number(in, "demand_mean"), number(in, "demand_sd"),
                       number(in, "lead_time")},
             number(in, "order_quantity"));
         return {{"reorder_point", *r}};
       }},
      {"rq_eil",
       [](const json& in) -> json {
         const auto r =
             rq_eil(rq_costs{number(in, "holding_cost"), number(in, "stockout_cost"),
                             in.value("fixed_cost", 1.0)},
                    rq_demand{number(in, "demand_mean"), number(in, "demand_sd"),
                              number(in, "lead_time")});
         return {{"reorder_point", r->reorder_point},
                 {"order_quantity", r->order_quantity},
                 {"cost_per_year", r->cost}};
       }},
      {"rq_eoqb",
       [](const json& in) -> json {
         const auto r =
             rq_eoqb(rq_costs{number(in, "holding_cost"), number(in, "stockout_cost"),
                              in.value("fixed_cost", 1.0)},
                     rq_demand{number(in, "demand_mean"), number(in, "demand_sd"),
                               number(in, "lead_time")});
         return {{"reorder_point", r->reorder_point},
                 {"order_quantity", r->order_quantity},
                 {"cost_per_year", r->cost}};
       }},
      {"rq_eoq_plus_safety_stock",
       [](const json& in) -> json {
         const auto r = rq_eoq_plus_safety_stock(
             rq_costs{number(in, "holding_cost"), number(in, "stockout_cost"),
                      in.value("fixed_cost", 1.0)},
             rq_demand{number(in, "demand_mean"), number(in, "demand_sd"),
                       number(in, "lead_time")});
         return {{"reorder_point", r->reorder_point},
                 {"order_quantity", r->order_quantity}};
       }},
      {"rq_poisson_exact",
       [](const json& in) -> json {
         const auto r =
             rq_poisson_exact(number(in, "holding_cost"), number(in, "stockout_cost"),
                              number(in, "fixed_cost"), number(in, "demand_mean"),
                              number(in, "lead_time"));
         return {{"reorder_point", r->reorder_point},
                 {"order_quantity", r->order_quantity},
                 {"cost_per_year", r->cost}};
       }},
      {"ss_exact_poisson",
       [](const json& in) -> json {
         const auto r =
             ss_exact_poisson(number(in, "holding_cost"), number(in, "stockout_cost"),
                              number(in, "fixed_cost"), number(in, "demand_mean"));
         return {{"s", r->s}, {"S", r->S}, {"cost_per_period", r->cost}};
       }},
      {"ss_power_approximation",
       [](const json& in) -> json {
         const auto r =
             ss_power_approximation(number(in, "holding_cost"),
                                    number(in, "stockout_cost"), number(in, "fixed_cost"),
                                    number(in, "demand_mean"), number(in, "demand_sd"));
         return {{"s", r->s}, {"S", r->S}};
       }},
      {"fill_rate_rq_normal",
       [](const json& in) -> json {
         const auto r = fill_rate_rq_normal(number(in, "reorder_point"),
                                            number(in, "order_quantity"),
                                            number(in, "ltd_mean"), number(in, "ltd_sd"));
         return {{"fill_rate", *r}};
       }},
      {"reorder_point_for_fill_rate",
       [](const json& in) -> json {
         const auto r = reorder_point_for_fill_rate(
             number(in, "order_quantity"), number(in, "ltd_mean"), number(in, "ltd_sd"),
             number(in, "fill_rate"));
         return {{"reorder_point_simple", r->simple}, {"reorder_point_exact", r->exact}};
       }},
      {"order_up_to_periodic",
       [](const json& in) -> json {
         const auto r = order_up_to_periodic(
             number(in, "demand_mean"), number(in, "demand_sd"),
             number(in, "review_period"), number(in, "lead_time"), number(in, "z"),
             number(in, "on_hand"), number(in, "on_order"), number(in, "backorders"));
         return {{"order_up_to", r->order_up_to},
                 {"order_quantity", r->order_quantity},
                 {"fill_rate_approx", r->fill_rate_approx}};
       }},
      {"gsm_serial_cst",
       [](const json& in) -> json {
         const auto r = gsm_serial_cst(
             list(in, "local_holding_cost"),
             in.at("processing_time").get<std::vector<int>>(),
             number(in, "demand_bound_constant"), number(in, "demand_sd"),
             in.at("external_inbound_cst"), in.at("external_outbound_cst"));
         return {{"committed_service_times", r->committed}, {"cost", r->cost}};
       }},
      {"gsm_tree_cst", run_tree},
      {"ses",
       [](const json& in) -> json {
         const auto r = ses(series_of(in), number(in, "alpha"));
         return {{"forecast", *r}};
       }},
      {"ets_ann_fit",
       [](const json& in) -> json {
         const auto r = ets_ann_fit(series_of(in));
         return {{"alpha", r->alpha},
                 {"level0", r->level0},
                 {"loglik", r->loglik},
                 {"forecast", r->forecast}};
       }},
      {"tsb",
       [](const json& in) -> json {
         const auto r = tsb(series_of(in), number(in, "alpha_demand"),
                            number(in, "alpha_probability"));
         return {{"forecast", *r}};
       }},
      {"adida",
       [](const json& in) -> json {
         const auto r =
             adida(series_of(in), in.at("aggregation_level"), number(in, "alpha"));
         return {{"aggregated", r->aggregated}, {"forecast", r->forecast}};
       }},
      {"holt_linear",
       [](const json& in) -> json {
         const auto r = holt_linear(series_of(in), number(in, "alpha"),
                                    number(in, "beta"), number(in, "level0"),
                                    number(in, "trend0"), in.at("start_index_1based"), 3);
         return {{"forecasts", r->forecasts},
                 {"level", r->level},
                 {"trend", r->trend},
                 {"sse", r->sse}};
       }},
      {"holt_winters_multiplicative",
       [](const json& in) -> json {
         const auto r =
             holt_winters(series_of(in), season_kind::multiplicative, number(in, "alpha"),
                          number(in, "beta"), number(in, "gamma"), number(in, "level0"),
                          number(in, "trend0"), list(in, "season0"),
                          in.at("start_index_1based"), in.at("period"));
         return {{"forecasts", r->forecasts},
                 {"level", r->level},
                 {"trend", r->trend},
                 {"sse", r->sse}};
       }},
      {"holt_winters_additive",
       [](const json& in) -> json {
         const auto r =
             holt_winters(series_of(in), season_kind::additive, number(in, "alpha"),
                          number(in, "beta"), number(in, "gamma"), number(in, "level0"),
                          number(in, "trend0"), list(in, "season0"),
                          in.at("start_index_1based"), in.at("period"));
         return {{"forecasts", r->forecasts},
                 {"level", r->level},
                 {"trend", r->trend},
                 {"sse", r->sse}};
       }},
      {"theta",
       [](const json& in) -> json {
         const auto r = theta(series_of(in), in.at("period"), in.at("h"));
         return {{"forecasts", r->forecasts}, {"alpha", r->alpha}, {"drift", r->drift}};
       }},
      {"forecast_accuracy",
       [](const json& in) -> json {
         const auto r = forecast_accuracy(series_of(in), in.at("train_end_1based"),
                                          in.at("method") == "naive"
                                              ? benchmark_method::naive
                                              : benchmark_method::seasonal_naive,
                                          in.at("period"), in.at("h"));
         return {{"RMSE", r->rmse},
                 {"MAE", r->mae},
                 {"MAPE", r->mape},
                 {"MASE", r->mase},
                 {"ME", r->me}};
       }},
      {"bias_metrics",
       [](const json& in) -> json {
         const auto r = bias_metrics(list(in, "actual"), list(in, "forecast"));
         return {{"wape", r->wape},
                 {"bias", r->bias},
                 {"tracking_signal", r->tracking_signal}};
       }},
      {"pinball_loss",
       [](const json& in) -> json {
         const auto r = pinball_loss(number(in, "quantile"), number(in, "actual"),
                                     number(in, "forecast"));
         return {{"loss", *r}};
       }},
      {"rmsse",
       [](const json& in) -> json {
         const auto r =
             rmsse(list(in, "insample"), list(in, "actual"), list(in, "forecast"));
         return {{"rmsse", *r}};
       }},
      {"modified_z",
       [](const json& in) -> json {
         const auto r = modified_z(series_of(in));
         return {{"median", r->median},
                 {"mad", r->mad},
                 {"modified_z", r->z},
                 {"flagged_1based", r->flagged_1based}};
       }},
      {"ewma_chart",
       [](const json& in) -> json {
         const auto r =
             ewma_chart(series_of(in), number(in, "target"), number(in, "sigma"),
                        number(in, "lambda"), number(in, "L"));
         return {{"z", r->z},
                 {"ucl_steady", r->ucl_steady},
                 {"lcl_steady", r->lcl_steady},
                 {"ucl_1", r->ucl_1},
                 {"first_signal_1based", r->first_signal_1based.value_or(0)}};
       }},
      {"cusum_tabular",
       [](const json& in) -> json {
         const auto r = cusum_tabular(series_of(in), number(in, "target"),
                                      number(in, "k"), number(in, "h"));
         return {{"c_plus", r->c_plus},
                 {"c_minus", r->c_minus},
                 {"first_signal_1based", r->first_signal_1based.value_or(0)}};
       }},
      {"generalized_esd",
       [](const json& in) -> json {
         const auto r =
             generalized_esd(series_of(in), in.at("max_outliers"), number(in, "alpha"));
         return {{"test_statistics", r->test_statistics},
                 {"critical_values", r->critical_values},
                 {"num_outliers", r->num_outliers}};
       }},
      {"isolation_forest_c",
       [](const json& in) -> json {
         const auto r = isolation_forest_c(in.at("n"));
         return {{"c_exact_harmonic", r->exact_harmonic},
                 {"c_log_approx", r->log_approx}};
       }},
      {"isolation_forest_score",
       [](const json& in) -> json {
         const auto r =
             isolation_forest_score(number(in, "mean_path_length"), in.at("subsample"));
         return {{"score", *r}};
       }},
      {"allocate_priority",
       [](const json& in) -> json {
         const auto r = allocate_priority(number(in, "available"), requests_of(in));
         return {{"allocated", *r}};
       }},
      {"allocate_fair_share",
       [](const json& in) -> json {
         const auto r = allocate_fair_share(number(in, "available"), requests_of(in),
                                            in.at("integer").get<bool>());
         return {{"allocated", *r}};
       }},
      {"abc_classes",
       [](const json& in) -> json {
         const auto r =
             abc_classes(in.at("annual_usage_value").get<std::map<std::string, double>>(),
                         in.at("cuts")[0], in.at("cuts")[1]);
         json classes;
         for (const auto& [item, letter] : r->classes)
           classes[item] = std::string(1, letter);
         return {{"classes", classes}, {"cumulative_share", r->cumulative_share}};
       }},
      {"slotting_coi",
       [](const json& in) -> json {
         std::map<std::string, slot_item> items;
         for (const auto& [name, item] : in.at("skus").items())
           items[name] = {item.at("cube"), item.at("picks")};
         const auto r = slotting_coi(items, list(in, "location_distance"));
         return {{"coi", r->coi},
                 {"assignment", r->assignment},
                 {"expected_travel", r->expected_travel}};
       }},
      {"s_shape_distance",
       [](const json& in) -> json {
         std::vector<pick_position> picks;
         for (const auto& p : in.at("picks"))
           picks.push_back({p.at("aisle"), p.at("pos")});
         return {{"distance", *s_shape_distance(number(in, "aisle_length"),
                                                number(in, "aisle_spacing"), picks,
                                                in.at("depot_aisle"))}};
       }},
      {"savings_batching",
       [](const json& in) -> json {
         const auto r = savings_batching(
             in.at("orders").get<std::map<std::string, std::vector<int>>>(),
             in.at("capacity_orders"), number(in, "aisle_length"),
             number(in, "aisle_spacing"));
         return {{"savings", by_pair(r->savings, "")},
                 {"batches", r->batches},
                 {"total_distance", r->total_distance}};
       }},
      {"clarke_wright_vrp",
       [](const json& in) -> json {
         std::map<std::string, place> points;
         for (const auto& [name, at] : in.at("points").items())
           points[name] = {at[0], at[1]};
         const auto r = clarke_wright_vrp(
             points, in.at("demand").get<std::map<std::string, double>>(),
             number(in, "capacity"));
         return {{"savings", by_pair(r->savings, "-")},
                 {"routes", r->routes},
                 {"total_distance", r->total_distance}};
       }},
      {"haversine_km",
       [](const json& in) -> json {
         const auto r = haversine_km(number(in, "lat1"), number(in, "lon1"),
                                     number(in, "lat2"), number(in, "lon2"));
         return {{"km", *r}};
       }},
      {"freight_audit",
       [](const json& in) -> json {
         const auto r =
             freight_audit(number(in, "contract_rate_per_cwt"), number(in, "weight_lb"),
                           number(in, "fuel_surcharge_pct"),
                           in.at("accessorials").get<std::map<std::string, double>>(),
                           number(in, "minimum_charge"), number(in, "invoiced"));
         return {{"linehaul", r->linehaul},
                 {"fuel", r->fuel},
                 {"expected_total", r->expected_total},
                 {"variance", r->variance}};
       }},
      {"ageing_buckets",
       [](const json& in) -> json {
         const auto r = ageing_buckets(*parse_date(in.at("as_of").get<std::string>()),
                                       invoices_of(in.at("invoices")));
         return {{"current", r->current},
                 {"1_30", r->days_1_30},
                 {"31_60", r->days_31_60},
                 {"61_90", r->days_61_90},
                 {"over_90", r->over_90}};
       }},
      {"dso",
       [](const json& in) -> json {
         const auto r = dso(number(in, "receivables"), number(in, "credit_sales"),
                            number(in, "days"));
         return {{"dso", *r}};
       }},
      {"dso_countback",
       [](const json& in) -> json {
         const auto r = dso_countback(number(in, "receivables"),
                                      list(in, "monthly_sales_latest_first"),
                                      list(in, "days_latest_first"));
         return {{"dso", *r}};
       }},
      {"best_possible_dso",
       [](const json& in) -> json {
         const auto r = best_possible_dso(number(in, "current_receivables"),
                                          number(in, "credit_sales"), number(in, "days"));
         return {{"bpdso", *r}};
       }},
      {"cei",
       [](const json& in) -> json {
         const auto r =
             cei(number(in, "beginning_receivables"), number(in, "monthly_credit_sales"),
                 number(in, "ending_total_receivables"),
                 number(in, "ending_current_receivables"));
         return {{"cei_pct", *r}};
       }},
      {"cash_to_cash",
       [](const json& in) -> json {
         const auto r =
             cash_to_cash(number(in, "dio"), number(in, "dso"), number(in, "dpo"));
         return {{"c2c_days", *r}};
       }},
      {"terms_discount_apr",
       [](const json& in) -> json {
         const auto r =
             terms_discount_apr(number(in, "discount_pct"), number(in, "discount_days"),
                                number(in, "net_days"));
         return {{"simple_apr", r->simple_apr},
                 {"effective_annual", r->effective_annual}};
       }},
      {"altman_z",
       [](const json& in) -> json {
         const auto r = altman_z(
             number(in, "working_capital"), number(in, "retained_earnings"),
             number(in, "ebit"), number(in, "market_equity"), number(in, "sales"),
             number(in, "total_assets"), number(in, "total_liabilities"));
         return {{"z", r->z}, {"zone", r->zone}};
       }},
      {"altman_z_double_prime",
       [](const json& in) -> json {
         const auto r = altman_z_double_prime(
             number(in, "working_capital"), number(in, "retained_earnings"),
             number(in, "ebit"), number(in, "book_equity"), number(in, "total_assets"),
             number(in, "total_liabilities"));
         return {{"z", r->z}};
       }},
      {"expected_loss",
       [](const json& in) -> json {
         const auto r =
             expected_loss(number(in, "pd"), number(in, "ead"), number(in, "lgd"));
         return {{"expected_loss", *r}};
       }},
      {"credit_exposure_check",
       [](const json& in) -> json {
         const auto r = credit_exposure_check(
             {number(in, "credit_limit"), number(in, "open_ar"), number(in, "overdue_ar"),
              number(in, "max_overdue"), number(in, "open_deliveries_not_billed"),
              number(in, "open_orders"), number(in, "new_order")});
         return {{"exposure", r->exposure},
                 {"headroom", r->headroom},
                 {"hold_reasons", r->hold_reasons}};
       }},
      {"three_way_match",
       [](const json& in) -> json {
         const auto r =
             three_way_match({number(in, "po_price"), number(in, "po_qty"),
                              number(in, "received_qty"), number(in, "prev_invoiced_qty"),
                              number(in, "invoice_qty"), number(in, "invoice_price")},
                             {number(in, "price_tol_pct"), number(in, "price_tol_abs"),
                              number(in, "qty_tol_abs")});
         return {{"price_variance", r->price_variance},
                 {"price_variance_pct", r->price_variance_pct},
                 {"qty_variance_value", r->qty_variance_value},
                 {"blocks", r->blocks}};
       }},
      {"cash_match_subset_sum",
       [](const json& in) -> json {
         const auto r = cash_match_subset_sum(number(in, "payment"),
                                              items_of(in.at("open_invoices")),
                                              number(in, "tolerance"));
         return {{"solutions", r->solutions},
                 {"matched", r->unique ? json(r->solutions.front()) : json::array()},
                 {"residual", r->residual},
                 {"unique", r->unique}};
       }},
      {"levenshtein",
       [](const json& in) -> json {
         const auto r =
             levenshtein(in.at("a").get<std::string>(), in.at("b").get<std::string>());
         return {{"distance", *r}};
       }},
      {"jaro_winkler",
       [](const json& in) -> json {
         const auto r =
             jaro_winkler(in.at("a").get<std::string>(), in.at("b").get<std::string>());
         return {{"similarity", *r}};
       }},
      {"gs1_check_digit",
       [](const json& in) -> json {
         const auto r = gs1_check_digit(in.at("digits").get<std::string>());
         return {{"check_digit", *r}};
       }},
      {"order_priority_score",
       [](const json& in) -> json {
         return {
             {"score", *order_priority_score(
                           in.at("weights").get<std::map<std::string, double>>(),
                           in.at("normalised").get<std::map<std::string, double>>())}};
       }},
  };
  return table;
}

// The absolute or the relative tolerance must hold; where none is given it is exact.
void check_close(const json& expected, const json& actual, const json& tolerance,
                 const std::string& path) {
  INFO(path << ": expected " << expected << ", got " << actual);
  if (expected.is_object()) {
    for (const auto& [key, value] : expected.items()) {
      REQUIRE(actual.contains(key));
      auto own = tolerance;
      if (tolerance.contains("abs") && tolerance.at("abs").is_object())
        own["abs"] = tolerance.at("abs").value(key, 0.0);
      if (tolerance.contains("int_exact") &&
          std::count(tolerance.at("int_exact").begin(), tolerance.at("int_exact").end(),
                     json(key)) > 0)
        own = json::object();
      check_close(value, actual.at(key), own, path + "." + key);
    }
  } else if (expected.is_array()) {
    REQUIRE(actual.size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i)
      check_close(expected[i], actual[i], tolerance,
                  path + "[" + std::to_string(i) + "]");
  } else if (expected.is_number()) {
    const double e = expected.get<double>();
    const double off = std::abs(actual.get<double>() - e);
    CHECK((off <= tolerance.value("abs", 0.0) ||
           off <= tolerance.value("rel", 0.0) * std::abs(e)));
  } else {
    CHECK(actual == expected);
  }
}

} // namespace

TEST_CASE("every domain case gives its published, peer-computed or derived value",
          "[planning]") {
  for (const auto& domain_case : domain_cases().at("cases")) {
    const auto id = domain_case.at("id").get<std::string>();
    DYNAMIC_SECTION(id) {
      const auto run = runners().find(domain_case.at("function").get<std::string>());
      REQUIRE(run != runners().end());
      INFO("source: " << domain_case.at("source"));
      check_close(domain_case.at("expected"), run->second(domain_case.at("inputs")),
                  domain_case.at("tolerance"), id);
    }
  }
}

TEST_CASE("no planning function with domain cases goes without one", "[planning]") {
  std::set<std::string> covered;
  for (const auto& domain_case : domain_cases().at("cases"))
    covered.insert(domain_case.at("function").get<std::string>());
  for (const auto& [function, run] : runners())
    CHECK(covered.count(function) == 1);
  CHECK(domain_cases().at("cases").size() >= 110);
}
