// Every case of tests/data/domain-cases.json is two tests: one calls the planning library
// through the table of tools/plan, one runs `crossdock plan eval`. The values are
// published, computed by established peers, or derived by hand; each case says which.
#include "crossdock/app.hpp"
#include "plan/plan.hpp"
#include "support/skip.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>
#include <sstream>

using namespace crossdock;

namespace {

json document(const char* file) {
  std::ifstream in(file);
  return in ? json::parse(in) : json::object();
}

const json& committed_cases() {
  static const json cases = document(CROSSDOCK_DOMAIN_CASES);
  return cases;
}

/// Beside the source tree: with the series that are not ours to hand on. Empty without
/// it.
const json& shared_cases() {
  static const json cases = document(CROSSDOCK_SHARED_CASES);
  return cases;
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

json by_library(const json& one, const plan::datasets& known) {
  const auto* f = plan::find(one.at("function").get<std::string>());
  REQUIRE(f != nullptr);
  const auto answer = plan::evaluate(*f, one.at("inputs"), known);
  INFO((answer ? "" : answer.error().describe()));
  REQUIRE(answer);
  return *answer;
}

json by_command(const json& one, const std::string& datasets) {
  std::istringstream in(one.at("inputs").dump());
  std::ostringstream out;
  std::ostringstream err;
  cli::surroundings around{out,   err,   0,
                           false, false, [](const char*) { return std::string(); }};
  around.in = &in;
  std::vector<std::string> words{"plan", "eval", one.at("function").get<std::string>()};
  if (!datasets.empty())
    words.insert(words.end(), {"--datasets", datasets});
  const auto code = cli::run(words, std::move(around));
  INFO(err.str());
  REQUIRE(code == cli::exit_code::ok);
  return json::parse(out.str());
}

/// One case one way; a null case is one whose series are not here.
class case_test : public Catch::ITestInvoker {
public:
  case_test(json one, bool by_library, bool shared)
      : one_(std::move(one)), by_library_(by_library), shared_(shared) {}

  void invoke() const override {
    if (one_.is_null()) {
      testing::skip("its series are read from ../shared/domain-cases.json, which is "
                    "not there");
      return;
    }
    INFO("source: " << one_.at("source"));
    const auto known =
        shared_ ? *plan::read_datasets(shared_cases()) : plan::public_datasets();
    check_close(one_.at("expected"),
                by_library_ ? by_library(one_, known)
                            : by_command(one_, shared_ ? CROSSDOCK_SHARED_CASES : ""),
                one_.at("tolerance"), one_.at("id").get<std::string>());
  }

private:
  json one_;
  bool by_library_;
  bool shared_;
};

void add_tests(const std::string& id, const json& one, bool shared) {
  for (const bool by_library : {true, false})
    Catch::AutoReg(new case_test(one, by_library, shared), CATCH_INTERNAL_LINEINFO, "",
                   {id + (by_library ? " through the library" : " through plan eval"),
                    "[planning]"});
}

const bool registered = [] {
  for (const auto& one : committed_cases().at("cases"))
    add_tests(one.at("id").get<std::string>(), one, false);
  for (const auto& id : committed_cases().at("meta").at("elsewhere").at("ids")) {
    json found;
    for (const auto& one : shared_cases().value("cases", json::array()))
      if (one.at("id") == id)
        found = one;
    add_tests(id.get<std::string>(), found, true);
  }
  return true;
}();

} // namespace

TEST_CASE("every function of the catalogue has a case, and every case a function",
          "[planning]") {
  std::set<std::string> covered;
  for (const auto& one : committed_cases().at("cases"))
    covered.insert(one.at("function").get<std::string>());
  for (const auto* beyond :
       {"ets", "hourly_labor_plan", "order_rules", "price_volume_mix", "scorecard_fit",
        "scorecard_score", "shelf_life_maximum"})
    covered.insert(beyond); // their tests are in planning_properties_test.cpp
  for (const auto& f : plan::functions()) {
    INFO(f.name);
    CHECK(covered.erase(f.name) == 1);
  }
  CHECK(covered.empty());
  CHECK(plan::functions().size() >= 119);
  CHECK(registered);
}
