// The planning library by name: what it says of itself, what it refuses, and the command
// line around it.
#include "crossdock/app.hpp"
#include "plan/plan.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <limits>
#include <set>
#include <sstream>

using namespace crossdock;
using Catch::Contains;
using cli::exit_code;

namespace {

struct told {
  exit_code code;
  std::string out;
  std::string err;
};

told crossdock_plan(std::vector<std::string> words, const std::string& input = "",
                    bool person = false) {
  std::istringstream in(input);
  std::ostringstream out;
  std::ostringstream err;
  cli::surroundings around{out,   err,   0,
                           false, false, [](const char*) { return std::string(); }};
  around.in = person ? nullptr : &in;
  words.insert(words.begin(), "plan");
  const auto code = cli::run(std::move(words), std::move(around));
  return {code, out.str(), err.str()};
}

std::string field_of(const error& e) {
  for (const auto& [name, value] : e.context())
    if (name == "field")
      return value;
  return "";
}

error refused(const char* function, const json& inputs) {
  const auto* f = plan::find(function);
  REQUIRE(f != nullptr);
  const auto answer = plan::evaluate(*f, inputs);
  REQUIRE(!answer);
  return answer.error();
}

/// One call of each function: the committed cases, and those that have none.
json example_calls() {
  std::ifstream in(CROSSDOCK_DOMAIN_CASES);
  auto all = json::parse(in).at("cases");
  const json beyond = json::parse(R"({
    "ets": {"series": [3, 5, 4, 6, 5, 7, 6, 8, 7, 9, 8, 11], "period": 2, "h": 2},
    "hourly_labor_plan": {"work": [{"id": "a", "hours": 2, "cut_off": 3, "available": 1}],
                          "capacity": [1, 1, 1]},
    "order_rules": {"needed": 7, "minimum": 10, "multiple": 4, "maximum": 30},
    "price_volume_mix": {"items": [{"quantity_before": 2, "price_before": 5,
                                    "quantity_after": 3, "price_after": 6}]},
    "scorecard_fit": {"features": ["x"], "rows": [[1], [2], [3], [2]], "event": [0, 0, 1, 1]},
    "scorecard_score": {"weights": {"x": 1}, "intercept": 0, "usual": {"x": 1},
                        "values": {"x": 3}},
    "shelf_life_maximum": {"demand_rate": 4, "shelf_life_days": 30}})");
  for (const auto& [name, inputs] : beyond.items())
    all.push_back({{"id", name}, {"function", name}, {"inputs", inputs}});
  return all;
}

// JSON text has none of these; a caller in C++ may.
constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();
constexpr double infinite = std::numeric_limits<double>::infinity();

bool finite(const json& value) {
  if (value.is_structured())
    return std::all_of(value.begin(), value.end(), finite);
  return !value.is_number() || std::isfinite(value.get<double>());
}

const json eoq_inputs{{"fixed_cost", 8}, {"holding_cost", 0.225}, {"demand_rate", 1300}};

} // namespace

TEST_CASE("every function says what each input and output means", "[plan]") {
  for (const auto& f : plan::functions()) {
    INFO(f.name);
    CHECK(!f.about.empty());
    CHECK(!f.domain.empty());
    CHECK(!f.inputs.empty());
    CHECK(!f.outputs.empty());
    for (const auto* fields : {&f.inputs, &f.outputs}) {
      for (const auto& field : *fields) {
        INFO(field.name);
        CHECK(!field.about.empty());
      }
    }
  }
}

TEST_CASE("a missing, unknown or ill-typed input is refused by name", "[plan]") {
  for (const auto& one : example_calls()) {
    const auto name = one.at("function").get<std::string>();
    const auto* f = plan::find(name);
    REQUIRE(f != nullptr);
    for (const auto& field : f->inputs) {
      INFO(name << "." << field.name);
      auto inputs = one.at("inputs");
      inputs.erase(field.name);
      const auto without = plan::evaluate(*f, inputs);
      CHECK(without.ok() == !field.required);
      if (!without)
        CHECK(field_of(without.error()) == field.name);
      inputs[field.name] = nullptr;
      const auto with_null = plan::evaluate(*f, inputs);
      REQUIRE(!with_null);
      CHECK(field_of(with_null.error()) == field.name);
    }
    auto inputs = one.at("inputs");
    inputs["holdng_cost"] = 1;
    CHECK(field_of(refused(name.c_str(), inputs)) == "holdng_cost");
  }
}

TEST_CASE("whatever an input is, the answer is finite or an error names the input",
          "[plan]") {
  const std::vector<json> hostile{nan_value,
                                  infinite,
                                  -infinite,
                                  json::array({1, nan_value, 2, 3, 4, 5}),
                                  json::array({infinite, 1, 2, 3, 4, 5}),
                                  json::array({-infinite}),
                                  nullptr,
                                  true,
                                  "",
                                  "text",
                                  -1,
                                  0,
                                  0.5,
                                  1,
                                  3,
                                  1e-300,
                                  -1e300,
                                  1e308,
                                  123456789,
                                  json::array(),
                                  json::object(),
                                  json::array({0}),
                                  json::array({1, 1, 1, 1, 1}),
                                  json::array({0, 0, 0, 0, 0, 0, 0, 0}),
                                  json::array({-1, 2, -3, 4}),
                                  json::array({1e308, 1e308, -1e308}),
                                  json::array({1e-308, 1e308, 1, 2, 3}),
                                  json::array({"a", 1}),
                                  json::array({json::array({1})}),
                                  1000,
                                  json{{"a", 1}},
                                  json{{"a", -1}, {"b", 1e308}},
                                  json{{"$dataset", "nowhere"}}};
  for (const auto& one : example_calls()) {
    const auto* f = plan::find(one.at("function").get<std::string>());
    for (const auto& field : f->inputs) {
      for (const auto& value : hostile) {
        auto inputs = one.at("inputs");
        inputs[field.name] = value;
        INFO(one.at("id") << " " << field.name << " = " << value);
        const auto answer = plan::evaluate(*f, inputs);
        if (answer) {
          CHECK(finite(*answer));
          continue;
        }
        INFO(answer.error().describe());
        const auto named = field_of(answer.error());
        bool known = answer.error().message().find("too large") != std::string::npos;
        for (const auto& other : f->inputs)
          known = known || named.compare(0, other.name.size(), other.name) == 0;
        CHECK(known);
      }
    }
  }
}

TEST_CASE("a series of a million values has a finite answer or a clear error", "[plan]") {
#ifdef __SANITIZE_ADDRESS__
  constexpr int length = 50'000;
#else
  constexpr int length = 1'000'000;
#endif
  auto series = json::array();
  for (int i = 0; i < length; ++i)
    series.push_back(10 + i % 7 + (i % 11 == 0 ? 5 : 0));
  std::set<std::string> seen;
  for (const auto& one : example_calls()) {
    const auto name = one.at("function").get<std::string>();
    auto inputs = one.at("inputs");
    if (!inputs.contains("series") || !seen.insert(name).second)
      continue;
    inputs["series"] = series;
    const auto answer = plan::evaluate(*plan::find(name), inputs);
    INFO(name << ": " << (answer ? "" : answer.error().describe()));
    if (answer)
      CHECK(finite(*answer));
    else
      CHECK(field_of(answer.error()) == "series");
  }
  CHECK(seen.size() >= 15);
}

TEST_CASE("an error inside a list or object names the way to it", "[plan]") {
  CHECK(field_of(refused("echelon_inventory_position",
                         {{"nodes",
                           {{"w",
                             {{"on_hand", "x"},
                              {"on_order", 1},
                              {"backorders", 0},
                              {"children", json::array()}}}}}})) == "nodes.w.on_hand");
  CHECK(field_of(refused(
            "fill_rates",
            {{"lines",
              {{{"order", "p"}, {"ordered", 0}, {"shipped", 0}, {"on_time", true}}}}})) ==
        "lines[0].ordered");
  CHECK(field_of(refused(
            "ageing_buckets",
            {{"as_of", "2026-02-28"},
             {"invoices", {{{"id", "a"}, {"due", "2026-02-30"}, {"open", 1}}}}})) ==
        "invoices[0].due");
}

TEST_CASE("4.0 is a whole number, 4.5 is not", "[plan]") {
  const json inputs{
      {"series", {1, 5, 2, 8, 3, 9}}, {"aggregation_level", 2.0}, {"alpha", 0.2}};
  CHECK(plan::evaluate(*plan::find("adida"), inputs));
  auto wrong = inputs;
  wrong["aggregation_level"] = 2.5;
  CHECK_THAT(refused("adida", wrong).message(), Contains("whole number"));
}

TEST_CASE("what does not exist is null", "[plan]") {
  const json never{{"on_hand", 1}, {"mps", {0, 0}}, {"booked", {0, 0}}, {"qty", 5}};
  const auto promised = plan::evaluate(*plan::find("promise_date"), never);
  REQUIRE(promised);
  CHECK((*promised)["period_1based"].is_null());
  const json twice{{"cash_flows", {-100, 230, -132}}, {"discount_rate", 0.1}};
  const auto worth = plan::evaluate(*plan::find("roi_npv"), twice);
  REQUIRE(worth);
  CHECK((*worth)["irr"].is_null()); // 10 % and 20 % both give 0
}

TEST_CASE("plan eval takes JSON, a file, or words", "[plan][cli]") {
  const auto expected = plan::evaluate(*plan::find("eoq"), eoq_inputs);
  REQUIRE(expected);
  const auto piped = crossdock_plan({"eval", "eoq"}, eoq_inputs.dump());
  CHECK(piped.code == exit_code::ok);
  CHECK(json::parse(piped.out) == *expected);
  const auto words = crossdock_plan(
      {"eval", "eoq", "fixed_cost=8", "holding_cost=0.225", "demand_rate=1300"}, "",
      true);
  CHECK(words.out == piped.out);
  char name[] = "/tmp/crossdock-plan-XXXXXX";
  const int file = ::mkstemp(name);
  REQUIRE(file >= 0);
  ::close(file);
  std::ofstream(name) << eoq_inputs.dump();
  CHECK(crossdock_plan({"eval", "eoq", "--input", name}, "", true).out == piped.out);
  std::remove(name);
}

TEST_CASE("plan eval says what is wrong, and where", "[plan][cli]") {
  const auto torn = crossdock_plan({"eval", "eoq"}, "{\"fixed_cost\": 8,");
  CHECK(torn.code == exit_code::bad_input);
  CHECK_THAT(torn.err, Contains("standard input"));
  CHECK(crossdock_plan({"eval", "eoq"}, "").code == exit_code::bad_input);
  CHECK(crossdock_plan({"eval", "eoq"}, "[1]").code == exit_code::bad_input);
  CHECK(crossdock_plan({"eval", "eoq"}, R"({"fixed_cost": 1e999})").code ==
        exit_code::bad_input);
  const auto nobody = crossdock_plan({"eval", "eoq"}, "", true);
  CHECK(nobody.code == exit_code::bad_input);
  CHECK_THAT(nobody.err, Contains("NAME=VALUE"));
  const auto misspelt = crossdock_plan({"eval", "newsvendor_norml"}, "{}");
  CHECK(misspelt.code == exit_code::not_found);
  CHECK_THAT(misspelt.err, Contains("did you mean newsvendor_normal"));
  const auto negative = crossdock_plan(
      {"eval", "eoq", "fixed_cost=8", "holding_cost=-1", "demand_rate=1300", "--json"});
  CHECK(negative.code == exit_code::bad_input);
  CHECK(json::parse(negative.out)["error"]["context"]["field"] == "holding_cost");
  CHECK(crossdock_plan({"eval", "eoq", "--input", "/nowhere.json"}).code ==
        exit_code::not_found);
}

TEST_CASE("plan eval --lines answers each line in its place", "[plan][cli]") {
  auto second = eoq_inputs;
  second["demand_rate"] = 0;
  const auto many = crossdock_plan({"eval", "eoq", "--lines"},
                                   eoq_inputs.dump() + "\n" + second.dump() + "\n\n{\n" +
                                       eoq_inputs.dump());
  CHECK(many.code == exit_code::bad_input);
  CHECK_THAT(many.err, Contains("2 of 5 lines"));
  std::istringstream lines(many.out);
  std::string line;
  std::vector<std::string> all;
  while (std::getline(lines, line))
    all.push_back(line);
  REQUIRE(all.size() == 5);
  CHECK(all[0] == all[4]);
  CHECK(json::parse(all[1])["error"]["context"]["field"] == "demand_rate");
  CHECK(all[2].empty());
  CHECK(json::parse(all[3])["error"]["context"]["line"] == "4");
}

TEST_CASE("a series can be named, and a file can bring more of them", "[plan][cli]") {
  const json inputs{{"series", {{"$dataset", "Nile"}}}, {"alpha", 0.3}};
  CHECK(crossdock_plan({"eval", "ses"}, inputs.dump()).code == exit_code::ok);
  const json own{{"series", {{"$dataset", "mine"}}}, {"alpha", 0.3}};
  const auto unknown = crossdock_plan({"eval", "ses"}, own.dump());
  CHECK(unknown.code == exit_code::not_found);
  CHECK_THAT(unknown.err, Contains("AirPassengers"));
  char name[] = "/tmp/crossdock-plan-XXXXXX";
  const int file = ::mkstemp(name);
  REQUIRE(file >= 0);
  ::close(file);
  std::ofstream(name) << R"({"datasets": {"mine": [1, 2, 3]}})";
  CHECK(crossdock_plan({"eval", "ses", "--datasets", name}, own.dump()).code ==
        exit_code::ok);
  std::ofstream(name) << R"({"mine": [1, "2"]})";
  const auto torn = crossdock_plan({"eval", "ses", "--datasets", name}, own.dump());
  CHECK(torn.code == exit_code::bad_input);
  CHECK_THAT(torn.err, Contains("mine"));
  std::remove(name);
}

TEST_CASE("plan list and plan show tell people and programs", "[plan][cli]") {
  CHECK_THAT(crossdock_plan({"list"}).out, Contains("newsvendor_poisson"));
  const auto listed = json::parse(crossdock_plan({"list", "--json"}).out);
  CHECK(listed["functions"].size() == plan::functions().size());
  const auto finance = crossdock_plan({"list", "--domain", "finance"});
  CHECK_THAT(finance.out, Contains("altman_z") && !Contains("newsvendor"));
  CHECK(crossdock_plan({"list", "--domain", "nothing"}).code == exit_code::not_found);
  const auto shown = crossdock_plan({"show", "croston_family"});
  CHECK_THAT(shown.out, Contains("interval_level") && Contains("(default 0.1)") &&
                            Contains("croston, sba or sbj"));
  const auto schema = json::parse(crossdock_plan({"show", "eoq", "--json"}).out);
  CHECK(schema["inputs"]["required"].size() == 3);
}
