// Runs every case of tests/data/domain-cases-issue2.json: published values, values
// computed by established peers, and values derived by hand. A case names the function;
// its inputs and expected values are that function's own words.
#include "planning/calibration.hpp"
#include "planning/demand.hpp"
#include "planning/distributions.hpp"
#include "planning/lead_time.hpp"
#include "planning/picking.hpp"
#include "planning/reorder_point.hpp"
#include "planning/supply.hpp"
#include "planning/value.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

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
      check_close(value, actual.at(key), tolerance, path + "." + key);
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
  CHECK(domain_cases().at("cases").size() >= 27);
}
