#include "plan/entry.hpp"
#include "planning/distributions.hpp"
#include "planning/guaranteed_service.hpp"
#include "planning/reorder_point.hpp"
#include "planning/stock_policy.hpp"

#include <charconv>

namespace crossdock::plan {
namespace {

namespace p = planning;

// -- loss functions
// -----------------------------------------------------------------------
json losses(const p::expected_loss_pair& r) {
  return {{"loss", r.loss}, {"complementary_loss", r.complementary_loss}};
}

function loss(const char* name, const char* about, std::vector<field> inputs,
              p::outcome<p::expected_loss_pair> (*run)(const input&)) {
  return {name,
          "inventory",
          about,
          std::move(inputs),
          gives({"loss: units short, E[(X - x)+]",
                 "complementary_loss: units left, E[(x - X)+]"}),
          [run](const input& in) { return answer(run(in), losses); }};
}

// -- newsvendor and base stock
// ------------------------------------------------------------
json base_stock(const p::base_stock& r) {
  return {{"base_stock_level", r.level}, {"cost_per_period", r.cost}};
}

const std::initializer_list<const char*> base_stock_out{"base_stock_level",
                                                        "cost_per_period"};

field lead_time_periods() {
  return optional(number("lead_time", "periods; 0 is the newsvendor"), 0);
}

std::vector<field> normal_costs(std::vector<field> more) {
  std::vector<field> fields{number("holding_cost", "money per unit and period"),
                            number("stockout_cost", "money per unit and period"),
                            number("demand_mean"), number("demand_sd")};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

function normal_base_stock(const char* name, const char* about) {
  return {name,
          "inventory",
          about,
          normal_costs({lead_time_periods()}),
          gives(base_stock_out),
          [](const input& in) {
            return answer(p::newsvendor_normal(in("holding_cost"), in("stockout_cost"),
                                               in("demand_mean"), in("demand_sd"),
                                               in("lead_time")),
                          base_stock);
          }};
}

function normal_base_stock_cost(const char* name, const char* about) {
  return {name,
          "inventory",
          about,
          normal_costs({number("base_stock_level"), lead_time_periods()}),
          gives({"cost_per_period"}),
          [](const input& in) {
            return figure(p::newsvendor_normal_cost(
                              in("holding_cost"), in("stockout_cost"), in("demand_mean"),
                              in("demand_sd"), in("base_stock_level"), in("lead_time")),
                          "cost_per_period");
          }};
}

result<json> newsvendor_discrete(const input& in) {
  std::map<double, double> pmf;
  for (const auto& [name, probability] : in.at("demand_pmf").items()) {
    double value = 0;
    const char* end = name.data() + name.size();
    if (const auto read = std::from_chars(name.data(), end, value);
        read.ec != std::errc() || read.ptr != end) {
      return error(errc::invalid, "demand_pmf: '" + name + "' is not a number of units")
          .at("field", "demand_pmf." + name);
    }
    pmf[value] += probability.get<double>();
  }
  return answer(p::newsvendor_discrete(in("holding_cost"), in("stockout_cost"), pmf),
                base_stock);
}

// -- (r, Q) and (s, S)
// --------------------------------------------------------------------
p::rq_demand rq_demand(const input& in) {
  return {in("demand_mean"), in("demand_sd"), in("lead_time")};
}

p::rq_costs rq_costs(const input& in) {
  return {in("holding_cost"), in("stockout_cost"), in("fixed_cost")};
}

std::vector<field> rq_inputs(std::vector<field> more = {}) {
  std::vector<field> fields{number("holding_cost"),
                            number("stockout_cost",
                                   "money per unit short and year; rq_eil: per "
                                   "unit short"),
                            number("fixed_cost"),
                            number("demand_mean", "units per year"),
                            number("demand_sd", "of a year, units"),
                            number("lead_time", "years")};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

json rq(const p::rq_policy& r) {
  return {{"reorder_point", r.reorder_point},
          {"order_quantity", r.order_quantity},
          {"cost_per_year", r.cost}};
}

const std::initializer_list<const char*> rq_out{
    "reorder_point", "order_quantity: units per order", "cost_per_year"};

function rq_policy(const char* name, const char* about,
                   p::outcome<p::rq_policy> (*run)(const p::rq_costs&,
                                                   const p::rq_demand&)) {
  return {name, "inventory", about, rq_inputs(), gives(rq_out), [run](const input& in) {
            return answer(run(rq_costs(in), rq_demand(in)), rq);
          }};
}

// -- guaranteed service
// -------------------------------------------------------------------
result<json> gsm_serial(const input& in) {
  const auto costs = in.list("local_holding_cost");
  if (in.has("num_nodes") && in.count("num_nodes") != costs.size()) {
    return error(errc::invalid, "num_nodes must be the length of local_holding_cost")
        .at("field", "num_nodes");
  }
  return answer(p::gsm_serial_cst(costs, in.at("processing_time").get<std::vector<int>>(),
                                  in("demand_bound_constant"), in("demand_sd"),
                                  in.whole("external_inbound_cst"),
                                  in.whole("external_outbound_cst")),
                [](const auto& r) {
                  return json{{"committed_service_times", r.committed}, {"cost", r.cost}};
                });
}

json number_or_null() {
  return {{"type", {"number", "null"}}};
}

result<json> gsm_tree(const input& in) {
  const auto value = [](const json& node, const char* key) {
    return node.contains(key) && !node[key].is_null() ? node[key].get<double>() : 0.0;
  };
  std::map<std::string, p::service_stage> stages;
  for (const auto& [name, node] : in.at("nodes").items()) {
    auto& stage = stages[name];
    stage.processing_time = node.at("processing_time");
    stage.external_inbound_cst = static_cast<int>(value(node, "external_inbound_cst"));
    if (node.contains("external_outbound_cst") &&
        !node["external_outbound_cst"].is_null()) {
      stage.external_outbound_cst = node["external_outbound_cst"].get<int>();
    }
    stage.holding_cost = node.at("local_holding_cost");
    stage.demand_bound_constant = value(node, "demand_bound_constant");
    stage.demand_sd = value(node, "demand_sd");
    for (const auto& next : node.at("successors")) {
      stage.successors.push_back(next.is_string() ? next.get<std::string>()
                                                  : std::to_string(next.get<int>()));
    }
  }
  return answer(p::gsm_tree_cst(stages), [](const auto& r) {
    return json{{"committed_service_times", r.committed}, {"cost", r.cost}};
  });
}

json whole_or_null() {
  return {{"type", {"integer", "null"}}, {"minimum", 0}, {"maximum", 1'000'000}};
}

function gsm_tree_function() {
  const auto whole = json{{"type", "integer"}, {"minimum", 0}, {"maximum", 1'000'000}};
  const auto stage =
      object_of({{"processing_time", whole},
                 {"local_holding_cost", type("number")},
                 {"external_inbound_cst?", whole_or_null()},
                 {"external_outbound_cst?", whole_or_null()},
                 {"demand_bound_constant?", number_or_null()},
                 {"demand_sd?", number_or_null()},
                 {"successors", list_of({{"type", {"string", "integer"}}})}});
  return {
      "gsm_tree_cst",
      "inventory",
      "Committed service times in a tree of stages (guaranteed service)",
      {optional(text("instance", "a name, for the reader alone")),
       any("nodes", map_of(stage),
           "by name: processing_time (periods), local_holding_cost (money per unit and "
           "period), external_inbound_cst and external_outbound_cst (periods or null), "
           "demand_bound_constant (z), demand_sd (units per period), successors")},
      gives({"committed_service_times: periods, by stage", "cost: money per period"}),
      gsm_tree};
}

std::vector<function> policies() {
  return {
      rq_policy(
          "rq_eil",
          "(r, Q) by the expected-inventory-level approximation (Hadley & Whitin 1963)",
          p::rq_eil),
      rq_policy("rq_eoqb", "(r, Q): the quantity with backorders, then its best r",
                p::rq_eoqb),
      rq_policy("rq_eoq_plus_safety_stock",
                "(r, Q): the economic quantity and a safety stock",
                p::rq_eoq_plus_safety_stock),
      {"rq_cost_normal", "inventory",
       "Expected cost of an (r, Q) policy under normal demand",
       rq_inputs({number("reorder_point"), number("order_quantity", "units per order")}),
       gives({"cost_per_year"}),
       [](const input& in) {
         return figure(p::rq_cost_normal(rq_costs(in), rq_demand(in), in("reorder_point"),
                                         in("order_quantity")),
                       "cost_per_year");
       }},
      {"rq_optimal_r_for_q",
       "inventory",
       "The best reorder point for a given quantity",
       {number("holding_cost"), number("stockout_cost"),
        number("demand_mean", "units per year"), number("demand_sd", "of a year, units"),
        number("lead_time", "years"), number("order_quantity", "units per order")},
       gives({"reorder_point"}),
       [](const input& in) {
         return figure(p::rq_optimal_r_for_q(in("holding_cost"), in("stockout_cost"),
                                             rq_demand(in), in("order_quantity")),
                       "reorder_point");
       }},
      {"rq_poisson_exact",
       "inventory",
       "The best (r, Q) under Poisson demand (Federgruen & Zheng 1992)",
       {number("holding_cost"), number("stockout_cost"), number("fixed_cost"),
        number("demand_mean", "units per year"), number("lead_time", "years")},
       gives(rq_out),
       [](const input& in) {
         return answer(p::rq_poisson_exact(in("holding_cost"), in("stockout_cost"),
                                           in("fixed_cost"), in("demand_mean"),
                                           in("lead_time")),
                       rq);
       }},
      {"ss_exact_poisson",
       "inventory",
       "The best (s, S) under Poisson demand, no lead time (Zheng & Federgruen 1991)",
       {number("holding_cost", "money per unit and period"),
        number("stockout_cost", "money per unit and period"), number("fixed_cost"),
        number("demand_mean")},
       gives({"s: order at or below it, units", "S: order up to it, units",
              "cost_per_period"}),
       [](const input& in) {
         return answer(p::ss_exact_poisson(in("holding_cost"), in("stockout_cost"),
                                           in("fixed_cost"), in("demand_mean")),
                       [](const auto& r) {
                         return json{{"s", r.s}, {"S", r.S}, {"cost_per_period", r.cost}};
                       });
       }},
      {"ss_power_approximation",
       "inventory",
       "(s, S) by the power approximation (Ehrhardt & Mosier 1984)",
       {number("holding_cost", "money per unit and period"),
        number("stockout_cost", "money per unit and period"), number("fixed_cost"),
        number("demand_mean"), number("demand_sd"),
        optional(number("lead_time", "periods"), 0)},
       gives({"s: order at or below it, units", "S: order up to it, units"}),
       [](const input& in) {
         return answer(p::ss_power_approximation(in("holding_cost"), in("stockout_cost"),
                                                 in("fixed_cost"), in("demand_mean"),
                                                 in("demand_sd"), in("lead_time")),
                       [](const auto& r) {
                         return json{{"s", r.s}, {"S", r.S}};
                       });
       }},
      {"order_up_to_periodic",
       "inventory",
       "Order-up-to level and order of a periodic review (R, S)",
       {number("demand_mean"), number("demand_sd"), number("review_period", "periods"),
        number("lead_time", "periods"), number("z", "safety factor"), number("on_hand"),
        number("on_order"), number("backorders")},
       gives({"order_up_to: units", "order_quantity: units now",
              "fill_rate_approx: share of units, 0..1"}),
       [](const input& in) {
         return answer(p::order_up_to_periodic(in("demand_mean"), in("demand_sd"),
                                               in("review_period"), in("lead_time"),
                                               in("z"), in("on_hand"), in("on_order"),
                                               in("backorders")),
                       [](const auto& r) {
                         return json{{"order_up_to", r.order_up_to},
                                     {"order_quantity", r.order_quantity},
                                     {"fill_rate_approx", r.fill_rate_approx}};
                       });
       }},
  };
}

std::vector<function> service_levels() {
  return {
      {"safety_stock_reorder_point",
       "inventory",
       "Safety stock and reorder point for a cycle service level, lead time uncertain",
       {number("demand_mean"), number("demand_sd"), number("lead_time_mean", "periods"),
        number("lead_time_sd", "periods"), number("cycle_service_level")},
       gives({"z: safety factor",
              "sigma_ltd: deviation of the demand over the lead time, units",
              "safety_stock: units", "reorder_point"}),
       [](const input& in) {
         return answer(p::safety_stock_reorder_point(
                           in("demand_mean"), in("demand_sd"), in("lead_time_mean"),
                           in("lead_time_sd"), in("cycle_service_level")),
                       [](const auto& r) {
                         return json{{"z", r.z},
                                     {"sigma_ltd", r.sigma_ltd},
                                     {"safety_stock", r.safety_stock},
                                     {"reorder_point", r.reorder_point}};
                       });
       }},
      {"reorder_point_gamma_ltd",
       "inventory",
       "Reorder point when the lead-time demand is gamma (Burgin 1975)",
       {number("ltd_mean"), number("ltd_sd"), number("cycle_service_level")},
       gives({"shape: of the gamma distribution",
              "scale: of the gamma distribution, units", "reorder_point"}),
       [](const input& in) {
         return answer(p::reorder_point_gamma_ltd(in("ltd_mean"), in("ltd_sd"),
                                                  in("cycle_service_level")),
                       [](const auto& r) {
                         return json{{"shape", r.shape},
                                     {"scale", r.scale},
                                     {"reorder_point", r.reorder_point}};
                       });
       }},
      {"reorder_point_negbin_ltd",
       "inventory",
       "Reorder point when the lead-time demand is negative binomial",
       {number("ltd_mean"),
        number("ltd_var", "of the demand over the lead time, units^2"),
        number("cycle_service_level")},
       gives({"n: of the negative binomial", "p: of the negative binomial",
              "reorder_point"}),
       [](const input& in) {
         return answer(
             p::reorder_point_negbin_ltd(in("ltd_mean"), in("ltd_var"),
                                         in("cycle_service_level")),
             [](const auto& r) {
               return json{{"n", r.n}, {"p", r.p}, {"reorder_point", r.reorder_point}};
             });
       }},
      {"base_stock_poisson_service",
       "inventory",
       "What a base-stock level gives under Poisson demand",
       {number("demand_rate", "units per unit of time"),
        number("lead_time", "units of time"), number("base_stock_level")},
       gives({"fill_rate", "expected_backorders: units", "expected_on_hand: units"}),
       [](const input& in) {
         return answer(p::base_stock_poisson_service(in("demand_rate"), in("lead_time"),
                                                     in("base_stock_level")),
                       [](const auto& r) {
                         return json{{"fill_rate", r.fill_rate},
                                     {"expected_backorders", r.expected_backorders},
                                     {"expected_on_hand", r.expected_on_hand}};
                       });
       }},
      {"fill_rate_rq_normal",
       "inventory",
       "Share of units served at once by an (r, Q) policy (Axsater)",
       {number("reorder_point"), number("order_quantity", "units per order"),
        number("ltd_mean"), number("ltd_sd")},
       gives({"fill_rate"}),
       [](const input& in) {
         return figure(p::fill_rate_rq_normal(in("reorder_point"), in("order_quantity"),
                                              in("ltd_mean"), in("ltd_sd")),
                       "fill_rate");
       }},
      {"reorder_point_for_fill_rate",
       "inventory",
       "Reorder point for a share of units served at once",
       {number("order_quantity", "units per order"), number("ltd_mean"), number("ltd_sd"),
        number("fill_rate")},
       gives({"reorder_point_simple: units, without the second loss (Nahmias)",
              "reorder_point_exact: units"}),
       [](const input& in) {
         return answer(p::reorder_point_for_fill_rate(in("order_quantity"),
                                                      in("ltd_mean"), in("ltd_sd"),
                                                      in("fill_rate")),
                       [](const auto& r) {
                         return json{{"reorder_point_simple", r.simple},
                                     {"reorder_point_exact", r.exact}};
                       });
       }},
      {"gsm_serial_cst",
       "inventory",
       "Committed service times in a chain of stages (guaranteed service)",
       {optional(integer("num_nodes", "length of local_holding_cost, as a check")),
        numbers("local_holding_cost",
                "money per unit and period, the stage facing the customer first"),
        integers("processing_time", "periods, one per stage"),
        number("demand_bound_constant", "z of the demand bound"), number("demand_sd"),
        integer("external_inbound_cst", "periods in which the supplier delivers"),
        integer("external_outbound_cst", "periods in which the customer is served")},
       gives({"committed_service_times: periods, by stage", "cost: money per period"}),
       gsm_serial},
      gsm_tree_function(),
  };
}

} // namespace

std::vector<function> stock_functions() {
  std::vector<function> all{
      loss("standard_normal_loss", "Loss function of the standard normal",
           {number("z", "")},
           [](const input& in) { return p::standard_normal_loss(in("z")); }),
      loss("normal_loss", "Loss function of normal demand",
           {number("x"), number("mean"), number("sd")},
           [](const input& in) { return p::normal_loss(in("x"), in("mean"), in("sd")); }),
      loss("poisson_loss", "Loss function of Poisson demand",
           {number("x"), number("mean")},
           [](const input& in) { return p::poisson_loss(in("x"), in("mean")); }),
      loss("gamma_loss", "Loss function of gamma demand",
           {number("x"), number("shape", "mean / scale"), number("scale", "units")},
           [](const input& in) {
             return p::gamma_loss(in("x"), in("shape"), in("scale"));
           }),
      loss("negative_binomial_loss", "Loss function of negative binomial demand",
           {number("x"), number("mean"), number("sd")},
           [](const input& in) {
             return p::negative_binomial_loss(in("x"), in("mean"), in("sd"));
           }),
      loss("lognormal_loss", "Loss function of lognormal demand",
           {number("x"), number("mu"), number("sigma")},
           [](const input& in) {
             return p::lognormal_loss(in("x"), in("mu"), in("sigma"));
           }),
      normal_base_stock("newsvendor_normal", "Newsvendor level under normal demand"),
      normal_base_stock("base_stock_normal", "Base-stock level under normal demand"),
      normal_base_stock_cost("newsvendor_normal_cost",
                             "Cost of another newsvendor level"),
      normal_base_stock_cost("base_stock_normal_cost",
                             "Cost of another base-stock level"),
      {"newsvendor_normal_explicit",
       "inventory",
       "Newsvendor level and profit from prices, normal demand",
       {number("revenue", "money per unit sold"),
        number("purchase_cost", "money per unit"),
        number("salvage_value", "money per unit left over"), number("demand_mean"),
        number("demand_sd"),
        optional(number("holding_cost", "money per unit left over"), 0),
        optional(number("stockout_cost", "money per unit short, beyond the revenue"), 0),
        lead_time_periods()},
       gives({"base_stock_level", "expected_profit: money per period"}),
       [](const input& in) {
         return answer(p::newsvendor_normal_explicit(
                           in("revenue"), in("purchase_cost"), in("salvage_value"),
                           in("demand_mean"), in("demand_sd"), in("holding_cost"),
                           in("stockout_cost"), in("lead_time")),
                       [](const auto& r) {
                         return json{{"base_stock_level", r.level},
                                     {"expected_profit", r.expected_profit}};
                       });
       }},
      {"newsvendor_poisson",
       "inventory",
       "Newsvendor level under Poisson demand",
       {number("holding_cost", "money per unit and period"),
        number("stockout_cost", "money per unit and period"), number("demand_mean"),
        lead_time_periods()},
       gives(base_stock_out),
       [](const input& in) {
         return answer(p::newsvendor_poisson(in("holding_cost"), in("stockout_cost"),
                                             in("demand_mean"), in("lead_time")),
                       base_stock);
       }},
      {"newsvendor_discrete",
       "inventory",
       "Newsvendor level under any discrete demand",
       {number("holding_cost", "money per unit left over"),
        number("stockout_cost", "money per unit short"),
        named_numbers("demand_pmf", "probability by number of units, adding up to 1")},
       gives(base_stock_out),
       newsvendor_discrete},
      {"newsvendor_lognormal",
       "inventory",
       "Newsvendor level under lognormal demand",
       {number("holding_cost", "money per unit left over"),
        number("stockout_cost", "money per unit short"), number("mu"), number("sigma")},
       gives(base_stock_out),
       [](const input& in) {
         return answer(p::newsvendor_lognormal(in("holding_cost"), in("stockout_cost"),
                                               in("mu"), in("sigma")),
                       base_stock);
       }},
      {"newsvendor_disruptions",
       "procurement",
       "Base stock against a supplier that fails and comes back",
       {number("holding_cost", "money per unit and period"),
        number("stockout_cost", "money per unit and period"),
        number("demand", "units per period, certain"),
        number("disruption_prob", "probability per period that the supplier fails"),
        number("recovery_prob", "probability per period that it comes back")},
       gives(base_stock_out),
       [](const input& in) {
         return answer(p::newsvendor_disruptions(in("holding_cost"), in("stockout_cost"),
                                                 in("demand"), in("disruption_prob"),
                                                 in("recovery_prob")),
                       base_stock);
       }},
  };
  for (auto part : {policies(), service_levels()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

} // namespace crossdock::plan
