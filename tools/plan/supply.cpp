#include "planning/supply.hpp"
#include "plan/entry.hpp"
#include "planning/lead_time.hpp"
#include "planning/sharing.hpp"
#include "planning/value.hpp"

namespace crossdock::plan {
namespace {

namespace p = planning;

std::vector<p::stock_request> requests(const input& in) {
  std::vector<p::stock_request> out;
  for (const auto& r : in.at("requests")) {
    out.push_back({r.at("id"), r.at("qty"), r.value("priority", 0.0)});
  }
  return out;
}

field request_list(bool ranked) {
  auto request = object_of({{"id", type("string")}, {"qty", type("number")}});
  if (ranked) {
    request["properties"]["priority"] = type("number");
    request["required"].push_back("priority");
  } else {
    request["properties"]["priority"] = type("number");
  }
  return any("requests", list_of(std::move(request)),
             ranked ? "id, qty (units) and priority (lower first) of each"
                    : "id and qty (units) of each");
}

result<json> echelon(const input& in) {
  std::map<std::string, p::stocking_point> nodes;
  for (const auto& [name, node] : in.at("nodes").items()) {
    nodes[name] = {node.at("on_hand"), node.at("on_order"), node.value("in_transit", 0.0),
                   node.at("backorders"),
                   node.at("children").get<std::vector<std::string>>()};
  }
  return answer(p::echelon_inventory_position(nodes), [](const auto& positions) {
    return json{{"echelon_position", positions}};
  });
}

json allocated(const std::map<std::string, double>& r) {
  return {{"allocated", r}};
}

const char* const allocated_out = "allocated: units, by request";

function priority_score(const char* name, const char* domain, const char* about) {
  return {name,
          domain,
          about,
          {named_numbers("weights", "by criterion, >= 0"),
           named_numbers("normalised", "by criterion, 0..1; 1 is most urgent")},
          gives({"score: sum of weight times value"}),
          [](const input& in) {
            using by_criterion = std::map<std::string, double>;
            return figure(
                p::order_priority_score(in.at("weights").get<by_criterion>(),
                                        in.at("normalised").get<by_criterion>()),
                "score");
          }};
}

std::vector<function> lead_times() {
  const auto times = numbers("times", "any unit of time; open ones: how long so far");
  const auto event = flags("event", "1: completed, 0: still open (right-censored)");
  return {
      {"kaplan_meier",
       "procurement",
       "Survival of lead times, open ones included (Kaplan & Meier 1958)",
       {times, event},
       gives({"time: distinct times, rising", "survival: P(longer than that)"}),
       [](const input& in) {
         return answer(p::kaplan_meier(in.list("times"), in.bits("event")),
                       [](const auto& r) {
                         return json{{"time", r.time}, {"survival", r.survival}};
                       });
       }},
      {"conditional_late_probability_km",
       "procurement",
       "Probability of being late, given how long it is open, from history",
       {times, event, number("elapsed", "open so long, unit of times"),
        number("promised", "promised after so long, unit of times")},
       gives({"p_late"}),
       [](const input& in) {
         return figure(p::conditional_late_probability_km(in.list("times"),
                                                          in.bits("event"), in("elapsed"),
                                                          in("promised")),
                       "p_late");
       }},
      {"late_probability_lognormal",
       "procurement",
       "Probability of being late, given how long it is open, lognormal lead time",
       {number("mu"), number("sigma"), number("elapsed", "open so long"),
        number("promised", "promised after so long")},
       gives({"p_late", "mean: lead time at the order date",
              "p90: 90 % of lead times are shorter"}),
       [](const input& in) {
         return answer(
             p::late_probability_lognormal(in("mu"), in("sigma"), in("elapsed"),
                                           in("promised")),
             [](const auto& r) {
               return json{{"p_late", r.p_late}, {"mean", r.mean}, {"p90", r.p90}};
             });
       }},
      {"on_time_rate_wilson",
       "procurement",
       "On-time rate with its Wilson interval (Wilson 1927)",
       {integer("on_time", "receipts on time"), integer("total", "receipts"),
        optional(number("z", "1.959964 is 95 %"), 1.959964)},
       gives({"rate: 0..1", "lower: rank suppliers by it", "upper: 0..1"}),
       [](const input& in) {
         return answer(
             p::on_time_rate_wilson(in.count("on_time"), in.count("total"), in("z")),
             [](const auto& r) {
               return json{{"rate", r.rate}, {"lower", r.lower}, {"upper", r.upper}};
             });
       }},
      {"eta_update",
       "transport",
       "Remaining transit time after a delay was seen, normal",
       {number("prior_remaining_hours_mean", "hours"), number("prior_sd", "hours"),
        number("observed_delay_hours", "hours; negative is early"),
        number("delay_carryover", "share of the delay that stays, 0..1"),
        number("deadline_hours", "hours from now")},
       gives({"mean: hours from now", "p_late"}),
       [](const input& in) {
         return answer(p::eta_update(in("prior_remaining_hours_mean"), in("prior_sd"),
                                     in("observed_delay_hours"), in("delay_carryover"),
                                     in("deadline_hours")),
                       [](const auto& r) {
                         return json{{"mean", r.mean}, {"p_late", r.p_late}};
                       });
       }},
  };
}

std::vector<function> promises() {
  return {
      {"atp_discrete",
       "order",
       "Available to promise by period",
       {number("on_hand"), numbers("mps", "units received, by period"),
        numbers("booked", "units promised already, by period")},
       gives({"discrete: units, by period", "cumulative_no_lookahead: units, by period"}),
       [](const input& in) {
         return answer(p::atp_discrete(in("on_hand"), in.list("mps"), in.list("booked")),
                       [](const auto& r) {
                         return json{
                             {"discrete", r.discrete},
                             {"cumulative_no_lookahead", r.cumulative_no_lookahead}};
                       });
       }},
      {"promise_date",
       "order",
       "The first period in which a quantity can be promised",
       {number("on_hand"), numbers("mps", "units received, by period"),
        numbers("booked", "units promised already, by period"),
        number("qty", "units asked for"),
        optional(yes_no("allow_partial", "the first units may come earlier"), false)},
       gives({"period_1based: null if it cannot be promised",
              "deliveries: period_1based and quantity (units) of each"}),
       [](const input& in) {
         return answer(p::promise_date(in("on_hand"), in.list("mps"), in.list("booked"),
                                       in("qty"), in.yes("allow_partial")),
                       [](const auto& r) {
                         json deliveries = json::array();
                         for (const auto& d : r.deliveries) {
                           deliveries.push_back({{"period_1based", d.period_1based},
                                                 {"quantity", d.quantity}});
                         }
                         return json{{"period_1based", or_null(r.period_1based)},
                                     {"deliveries", deliveries}};
                       });
       }},
      {"allocate_priority",
       "order",
       "Scarce stock by priority",
       {number("available"), request_list(true)},
       gives({allocated_out}),
       [](const input& in) {
         return answer(p::allocate_priority(in("available"), requests(in)), allocated);
       }},
      {"allocate_fair_share",
       "order",
       "Scarce stock in proportion to the requests",
       {number("available"), request_list(false),
        optional(yes_no("integer", "whole units, by largest remainder"), false)},
       gives({allocated_out}),
       [](const input& in) {
         return answer(
             p::allocate_fair_share(in("available"), requests(in), in.yes("integer")),
             allocated);
       }},
      {"allocate_equal_fractile",
       "inventory",
       "Scarce stock so that all sites are equally safe (Eppen & Schrage 1981)",
       {number("available"),
        numbers("ltd_mean", "demand over the lead time, units, by site"),
        numbers("ltd_sd", "its deviation, units, by site"),
        numbers("inventory_position", "units, by site")},
       gives({"k: common safety factor", "allocation: units, by site"}),
       [](const input& in) {
         return answer(p::allocate_equal_fractile(in("available"), in.list("ltd_mean"),
                                                  in.list("ltd_sd"),
                                                  in.list("inventory_position")),
                       [](const auto& r) {
                         return json{{"k", r.k}, {"allocation", r.allocation}};
                       });
       }},
      {"echelon_inventory_position",
       "inventory",
       "Stock of each point and of everything below it",
       {any("nodes",
            map_of(object_of({{"on_hand", type("number")},
                              {"on_order", type("number")},
                              {"in_transit?", type("number")},
                              {"backorders", type("number")},
                              {"children", list_of(type("string"))}})),
            "by name: on_hand, on_order, in_transit and backorders (units), children")},
       gives({"echelon_position: units, by point"}),
       echelon},
      priority_score("order_priority_score", "order",
                     "Weighted score of an order's urgency"),
      priority_score("case_priority_score", "service",
                     "Weighted score of a service case's urgency"),
      {"critical_ratio",
       "order",
       "Time until an order is due over the time it still needs",
       {number("days_until_due", "days; negative is overdue"),
        number("lead_time_remaining", "days")},
       gives({"critical_ratio: below 1 is behind schedule"}),
       [](const input& in) {
         return figure(p::critical_ratio(in("days_until_due"), in("lead_time_remaining")),
                       "critical_ratio");
       }},
  };
}

} // namespace

std::vector<function> supply_functions() {
  auto all = lead_times();
  auto more = promises();
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

} // namespace crossdock::plan
