#include "plan/entry.hpp"
#include "planning/lot_size.hpp"

namespace crossdock::plan {
namespace {

namespace p = planning;

const char* const order_quantity_out = "order_quantity: units per order";

json discounted(const p::discount_quantity& r) {
  return {
      {"order_quantity", r.quantity}, {"region", r.region}, {"cost_per_year", r.cost}};
}

json economic(const p::order_quantity& r) {
  return {{"order_quantity", r.quantity}, {"cost_per_year", r.cost}};
}

json lots(const p::lot_plan& r) {
  return {{"order_quantities", r.quantities}, {"cost", r.cost}};
}

const std::initializer_list<const char*> lots_out{
    "order_quantities: units ordered at the start of each period",
    "cost: money over the horizon"};

using heuristic = p::outcome<p::lot_plan> (*)(const std::vector<double>&, double, double);

function lot_heuristic(const char* name, const char* about, heuristic run) {
  return {name,
          "inventory",
          about,
          {numbers("demand", "units per period"), number("fixed_cost"),
           number("holding_cost", "money per unit left at the end of a period")},
          gives(lots_out),
          [run](const input& in) {
            return answer(run(in.list("demand"), in("fixed_cost"), in("holding_cost")),
                          lots);
          }};
}

using discount = p::outcome<p::discount_quantity> (*)(double, double, double,
                                                      const std::vector<double>&,
                                                      const std::vector<double>&);

function discounted_quantity(const char* name, const char* about, discount run) {
  return {name,
          "procurement",
          about,
          {number("fixed_cost"),
           number("holding_cost_rate", "share of the unit's price per year"),
           number("demand_rate"),
           numbers("breakpoints", "units from which each price holds; the first is 0"),
           numbers("unit_costs", "money per unit, one per breakpoint, falling")},
          gives({order_quantity_out, "region: index of the price that applies, from 0",
                 "cost_per_year: money per year, purchases included"}),
          [run](const input& in) {
            return answer(run(in("fixed_cost"), in("holding_cost_rate"),
                              in("demand_rate"), in.list("breakpoints"),
                              in.list("unit_costs")),
                          discounted);
          }};
}

using yield = p::outcome<p::order_quantity> (*)(double, double, double, double, double);

function yield_quantity(const char* name, const char* about, const char* mean,
                        yield run) {
  return {name,
          "procurement",
          about,
          {number("holding_cost"), number("fixed_cost"), number("demand_rate"),
           number("yield_mean", mean), number("yield_sd", "its standard deviation")},
          gives({order_quantity_out, "cost_per_year"}),
          [run](const input& in) {
            return answer(run(in("holding_cost"), in("fixed_cost"), in("demand_rate"),
                              in("yield_mean"), in("yield_sd")),
                          economic);
          }};
}

result<json> wagner_whitin(const input& in) {
  auto demand = in.list("demand");
  if (in.has("num_periods") && in.count("num_periods") != demand.size()) {
    return error(errc::invalid, "num_periods must be the length of demand")
        .at("field", "num_periods");
  }
  return answer(p::wagner_whitin(demand, in.list("fixed_cost"), in.list("holding_cost"),
                                 in.list("purchase_cost")),
                lots);
}

} // namespace

std::vector<function> lot_size_functions() {
  return {
      {"eoq",
       "inventory",
       "Economic order quantity (Harris 1913)",
       {number("fixed_cost"), number("holding_cost"), number("demand_rate")},
       gives({order_quantity_out, "cost_per_year"}),
       [](const input& in) {
         return answer(p::eoq(in("fixed_cost"), in("holding_cost"), in("demand_rate")),
                       economic);
       }},
      {"eoq_cost",
       "inventory",
       "What another quantity than the economic one costs",
       {number("fixed_cost"), number("holding_cost"), number("demand_rate"),
        number("order_quantity", "units per order")},
       gives({"cost_per_year"}),
       [](const input& in) {
         return figure(p::eoq_cost(in("fixed_cost"), in("holding_cost"),
                                   in("demand_rate"), in("order_quantity")),
                       "cost_per_year");
       }},
      {"eoq_backorders",
       "inventory",
       "Economic order quantity with planned backorders",
       {number("fixed_cost"), number("holding_cost"), number("stockout_cost"),
        number("demand_rate")},
       gives({order_quantity_out, "stockout_fraction: share of the cycle without stock",
              "cost_per_year"}),
       [](const input& in) {
         return answer(p::eoq_backorders(in("fixed_cost"), in("holding_cost"),
                                         in("stockout_cost"), in("demand_rate")),
                       [](const auto& r) {
                         return json{{"order_quantity", r.quantity},
                                     {"stockout_fraction", r.stockout_fraction},
                                     {"cost_per_year", r.cost}};
                       });
       }},
      {"epq",
       "inventory",
       "Economic production quantity: stock comes at a rate (Taft 1918)",
       {number("fixed_cost"), number("holding_cost"), number("demand_rate"),
        number("production_rate", "units per year, above the demand")},
       gives({order_quantity_out, "cost_per_year"}),
       [](const input& in) {
         return answer(p::epq(in("fixed_cost"), in("holding_cost"), in("demand_rate"),
                              in("production_rate")),
                       economic);
       }},
      discounted_quantity("eoq_all_units_discount",
                          "Order quantity when the whole order has the price of its size",
                          p::eoq_all_units_discount),
      discounted_quantity("eoq_incremental_discount",
                          "Order quantity when each price holds for its own units",
                          p::eoq_incremental_discount),
      yield_quantity("eoq_yield_multiplicative",
                     "Order quantity when a share of it arrives",
                     "mean share of an order that arrives", p::eoq_yield_multiplicative),
      yield_quantity("eoq_yield_additive",
                     "Order quantity when a number of units more or less arrives",
                     "mean units that arrive beyond the order; negative is a loss",
                     p::eoq_yield_additive),
      {"joint_replenishment_silver",
       "procurement",
       "Several items on one supplier's order (Silver 1976)",
       {number("shared_fixed_cost", "money per order, whatever is on it"),
        numbers("individual_fixed_costs", "money per item on an order"),
        numbers("holding_costs", "money per unit and year, one per item"),
        numbers("demand_rates", "units per year, one per item")},
       gives({"order_quantities: units per order, one per item",
              "base_cycle_time: years between two orders",
              "order_multiples: an item is on every m-th order", "cost_per_year"}),
       [](const input& in) {
         return answer(p::joint_replenishment_silver(
                           in("shared_fixed_cost"), in.list("individual_fixed_costs"),
                           in.list("holding_costs"), in.list("demand_rates")),
                       [](const auto& r) {
                         return json{{"order_quantities", r.quantities},
                                     {"base_cycle_time", r.base_cycle_time},
                                     {"order_multiples", r.multiples},
                                     {"cost_per_year", r.cost}};
                       });
       }},
      {"wagner_whitin",
       "inventory",
       "The cheapest lots for a known demand (Wagner & Whitin 1958)",
       {optional(integer("num_periods", "length of demand, as a check")),
        number_or_numbers(
            "holding_cost",
            "money per unit left at the end of a period, one or one per period"),
        number_or_numbers("fixed_cost", "money per order, one or one per period"),
        numbers("demand", "units per period"),
        optional(number_or_numbers(
            "purchase_cost", "money per unit, one or one per period; none: no cost"))},
       gives(lots_out),
       wagner_whitin},
      {"shelf_life_maximum",
       "inventory",
       "Most that may be ordered before it goes bad on the shelf",
       {number("demand_rate", "units per day"), number("shelf_life_days", "days"),
        optional(number("margin_days", "days of it that customers want left"), 0),
        optional(number("on_hand"), 0), optional(number("on_order"), 0)},
       gives({"maximum: units"}),
       [](const input& in) {
         return figure(p::shelf_life_maximum(in("demand_rate"), in("shelf_life_days"),
                                             in("margin_days"), in("on_hand"),
                                             in("on_order")),
                       "maximum");
       }},
      {"order_rules",
       "inventory",
       "What MOQ, pack and maximum make of a quantity",
       {number("needed", "units"), optional(number("minimum", "MOQ, units"), 0),
        optional(number("multiple", "pack, units; 0: any quantity"), 0),
        optional(number("maximum", "shelf life or cover, units; 0: no limit"), 0)},
       gives({"quantity: units to order", "raised_to_minimum: true or false",
              "rounded_to_multiple: true or false", "limited_by_maximum: true or false",
              "impossible: the minimum does not fit under the maximum"}),
       [](const input& in) {
         return answer(p::apply_order_rules(
                           in("needed"), {in("minimum"), in("multiple"), in("maximum")}),
                       [](const auto& r) {
                         return json{{"quantity", r.quantity},
                                     {"raised_to_minimum", r.raised_to_minimum},
                                     {"rounded_to_multiple", r.rounded_to_multiple},
                                     {"limited_by_maximum", r.limited_by_maximum},
                                     {"impossible", r.impossible}};
                       });
       }},
      lot_heuristic("silver_meal",
                    "Lots by the lowest cost per period (Silver & Meal 1973)",
                    p::silver_meal),
      lot_heuristic("least_unit_cost", "Lots by the lowest cost per unit",
                    p::least_unit_cost),
      lot_heuristic("part_period_balancing",
                    "Lots whose holding cost comes closest to the fixed cost",
                    p::part_period_balancing),
  };
}

} // namespace crossdock::plan
