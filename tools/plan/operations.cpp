#include "plan/entry.hpp"
#include "planning/invoices.hpp"
#include "planning/picking.hpp"
#include "planning/routing.hpp"
#include "planning/sharing.hpp"

#include <cmath>

namespace crossdock::plan {
namespace {

namespace p = planning;

json by_pair(const std::vector<p::pair_saving>& savings, const char* between) {
  json named = json::object();
  for (const auto& s : savings) {
    named[s.a + between + s.b] = s.value;
  }
  return named;
}

result<json> abc(const input& in) {
  const auto cuts = in.list("cuts");
  return answer(
      p::abc_classes(in.at("annual_usage_value").get<std::map<std::string, double>>(),
                     cuts[0], cuts[1]),
      [](const auto& r) {
        json classes = json::object();
        for (const auto& [item, letter] : r.classes) {
          classes[item] = std::string(1, letter);
        }
        return json{{"classes", classes}, {"cumulative_share", r.cumulative_share}};
      });
}

result<json> slotting(const input& in) {
  std::map<std::string, p::slot_item> items;
  for (const auto& [name, item] : in.at("skus").items()) {
    items[name] = {item.at("cube"), item.at("picks")};
  }
  return answer(p::slotting_coi(items, in.list("location_distance")), [](const auto& r) {
    return json{{"coi", r.coi},
                {"assignment", r.assignment},
                {"expected_travel", r.expected_travel}};
  });
}

result<json> s_shape(const input& in) {
  std::vector<p::pick_position> picks;
  for (const auto& pick : in.at("picks")) {
    picks.push_back({pick.at("aisle"), pick.at("pos")});
  }
  return figure(p::s_shape_distance(in("aisle_length"), in("aisle_spacing"), picks,
                                    in.whole("depot_aisle")),
                "distance");
}

result<json> vehicles(const input& in) {
  std::map<std::string, p::place> points;
  for (const auto& [name, at] : in.at("points").items()) {
    points[name] = {at[0], at[1]};
  }
  return answer(p::clarke_wright_vrp(points,
                                     in.at("demand").get<std::map<std::string, double>>(),
                                     in("capacity")),
                [](const auto& r) {
                  return json{{"savings", by_pair(r.savings, "-")},
                              {"routes", r.routes},
                              {"total_distance", r.total_distance}};
                });
}

json aisle_number() {
  return {{"type", "integer"}, {"minimum", 0}, {"maximum", 1'000'000}};
}

result<json> hourly_labor(const input& in) {
  std::vector<p::cut_off_work> work;
  for (const auto& w : in.at("work")) {
    work.push_back(
        {w.at("id"), w.at("hours"), w.at("cut_off"), w.value("available", 0.0)});
  }
  return answer(p::hourly_labor_plan(work, in.list("capacity")), [](const auto& r) {
    json outlook = json::array();
    for (const auto& w : r.work) {
      outlook.push_back(
          {{"id", w.id},
           {"finished", std::isfinite(w.finished) ? json(w.finished) : json()},
           {"hours_short", w.hours_short}});
    }
    return json{{"work", outlook}, {"used", r.used}, {"hours_short", r.hours_short}};
  });
}

std::vector<function> warehouse() {
  json pair = list_of(type("number"));
  pair["minItems"] = pair["maxItems"] = 2;
  return {
      {"abc_classes",
       "warehouse",
       "ABC classes by share of the annual value",
       {named_numbers("annual_usage_value", "money per year, by item"),
        optional(any("cuts", pair, "shares up to which A and B go"), {0.8, 0.95})},
       gives({"classes: A, B or C, by item", "cumulative_share: by falling value"}),
       abc},
      {"slotting_coi",
       "warehouse",
       "Slots by cube per order (single-command picking)",
       {any("skus",
            map_of(object_of({{"cube", type("number")}, {"picks", type("number")}})),
            "by item: cube (any unit) and picks per period"),
        numbers("location_distance", "of each location from the door")},
       gives({"coi: cube / picks, by item", "assignment: distance, by item",
              "expected_travel: distance per period"}),
       slotting},
      {"s_shape_distance",
       "warehouse",
       "Length of a pick tour by the S-shape rule",
       {number("aisle_length", "any unit of length"),
        number("aisle_spacing", "between two aisles, same unit"),
        any("picks",
            list_of(object_of({{"aisle", aisle_number()}, {"pos", type("number")}})),
            "aisle (from 0) and pos (from its front) of each"),
        optional(any("depot_aisle", aisle_number(), "where the tour begins and ends"),
                 0)},
       gives({"distance: same unit"}),
       s_shape},
      {"savings_batching",
       "warehouse",
       "Orders picked together (Clarke & Wright savings, S-shape tours)",
       {any("orders", map_of(list_of(aisle_number())), "aisles to visit, by order"),
        integer("capacity_orders", "orders in a batch"),
        number("aisle_length", "any unit of length"),
        number("aisle_spacing", "between two aisles, same unit"),
        optional(text("distance_rule",
                      "for the reader alone: it is always the S-shape rule"))},
       gives({"savings: distance, by pair of orders", "batches: names of the orders",
              "total_distance: same unit"}),
       [](const input& in) {
         return answer(p::savings_batching(
                           in.at("orders").get<std::map<std::string, std::vector<int>>>(),
                           in.count("capacity_orders"), in("aisle_length"),
                           in("aisle_spacing")),
                       [](const auto& r) {
                         return json{{"savings", by_pair(r.savings, "")},
                                     {"batches", r.batches},
                                     {"total_distance", r.total_distance}};
                       });
       }},
      {"hourly_labor_plan",
       "warehouse",
       "Capacity by the hour against carriers' cut-offs: what is at risk",
       {any("work",
            list_of(object_of({{"id", type("string")},
                               {"hours", type("number")},
                               {"cut_off", type("number")},
                               {"available?", type("number")}})),
            "id, hours (person-hours), cut_off and available (hours from now) of each"),
        numbers("capacity", "person-hours, by hour from now")},
       gives({"work: id, finished (hours from now, or null) and hours_short of each",
              "used: person-hours, by hour",
              "hours_short: person-hours; 0: all in time"}),
       hourly_labor},
      {"labor_plan",
       "warehouse",
       "Hours and heads for a day's lines and orders",
       {number("lines", "to be picked"), number("standard_seconds_per_line", "seconds"),
        number("fixed_seconds_per_order", "seconds"), number("orders", "to be picked"),
        number("pfd_allowance", "personal, fatigue and delay, as a share"),
        number("performance", "of the standard; 1 is as planned"),
        number("shift_hours", "productive hours of a person")},
       gives({"standard_hours: by the standards", "required_hours: at this performance",
              "heads: people"}),
       [](const input& in) {
         return answer(p::labor_plan(in("lines"), in("standard_seconds_per_line"),
                                     in("orders"), in("fixed_seconds_per_order"),
                                     in("pfd_allowance"), in("performance"),
                                     in("shift_hours")),
                       [](const auto& r) {
                         return json{{"standard_hours", r.standard_hours},
                                     {"required_hours", r.required_hours},
                                     {"heads", r.heads}};
                       });
       }},
  };
}

} // namespace

std::vector<function> operation_functions() {
  json pair = list_of(type("number"));
  pair["minItems"] = pair["maxItems"] = 2;
  auto all = warehouse();
  const std::vector<function> transport{
      {"haversine_km",
       "transport",
       "Great-circle distance",
       {number("lat1", "degrees"), number("lon1", "degrees"), number("lat2", "degrees"),
        number("lon2", "degrees")},
       gives({"km: on a sphere of 6371 km"}),
       [](const input& in) {
         return figure(p::haversine_km(in("lat1"), in("lon1"), in("lat2"), in("lon2")),
                       "km");
       }},
      {"clarke_wright_vrp",
       "transport",
       "Vehicle routes by savings (Clarke & Wright 1964)",
       {any("points", map_of(pair), "x and y by name; \"0\" is the depot"),
        named_numbers("demand", "load by point, without the depot"),
        number("capacity", "load of a vehicle")},
       gives({"savings: distance, by pair of points", "routes: points in order",
              "total_distance: unit of the points"}),
       vehicles},
      {"freight_audit",
       "transport",
       "A carrier's bill against the contract",
       {number("contract_rate_per_cwt", "money per 100 lb"),
        number("weight_lb", "pounds"),
        number("fuel_surcharge_pct", "percent of the linehaul"),
        named_numbers("accessorials", "money agreed, by kind"),
        number("minimum_charge", "money, of the linehaul"), number("invoiced", "money")},
       gives({"linehaul: money", "fuel: money", "expected_total: money",
              "variance: invoiced - expected"}),
       [](const input& in) {
         return answer(
             p::freight_audit(in("contract_rate_per_cwt"), in("weight_lb"),
                              in("fuel_surcharge_pct"),
                              in.at("accessorials").get<std::map<std::string, double>>(),
                              in("minimum_charge"), in("invoiced")),
             [](const auto& r) {
               return json{{"linehaul", r.linehaul},
                           {"fuel", r.fuel},
                           {"expected_total", r.expected_total},
                           {"variance", r.variance}};
             });
       }},
  };
  all.insert(all.end(), transport.begin(), transport.end());
  return all;
}

} // namespace crossdock::plan
