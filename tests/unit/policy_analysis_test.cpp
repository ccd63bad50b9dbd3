// What is said of whole policies, held against judging proposals one by one.
#include "gate/cases.hpp"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <random>
#include <set>
#include <sstream>

using namespace crossdock;
using namespace crossdock::gate;

namespace {

const timestamp monday_noon = parse_rfc3339("2026-11-23T12:00:00Z").value();

policy compiled(const std::string& text) {
  auto p = policy::compile(text, "test.toml");
  INFO(text << (p ? std::string() : p.error().describe()));
  REQUIRE(p);
  return *std::move(p);
}

const std::string head = R"(version = 1
[defaults]
chain = "desk"
[[chain]]
id = "desk"
expires_after = "4h"
stages = [{ roles = ["staff"] }]
[[chain]]
id = "lead"
expires_after = "4h"
stages = [{ roles = ["lead"] }]
)";

std::string file_of(const std::string& name) {
  const auto* source = std::getenv("CROSSDOCK_SOURCE");
  REQUIRE(source != nullptr);
  std::ifstream in(std::string(source) + "/" + name);
  std::ostringstream text;
  text << in.rdbuf();
  REQUIRE_FALSE(text.str().empty());
  return text.str();
}

std::string words(const region& where) {
  std::string out;
  for (const auto& [name, values] : where) {
    out += name + ": " + values + "; ";
  }
  return out;
}

bool alike(const policy& a, const policy& b, const proposal& what,
           const judge_context& context) {
  const auto one = a.decide(what, context);
  const auto other = b.decide(what, context);
  return one.effect == other.effect && one.chain == other.chain &&
         one.obligations == other.obligations;
}

/// Another one each time; CROSSDOCK_SEED repeats a run.
unsigned seed_of_run() {
  const auto* given = std::getenv("CROSSDOCK_SEED");
  return given != nullptr ? static_cast<unsigned>(std::stoul(given))
                          : std::random_device()();
}

/// Rules over a world so small that every proposal in it can be tried.
class small_world {
public:
  explicit small_world(unsigned seed) : random_(seed) {}

  std::string rule(int id) {
    std::string out = fmt::format("[[rule]]\nid = \"r{}\"\n", id);
    out += one_of({"tool = \"t1\"\n", "tool = \"t2\"\n", "tool = \"*\"\n"});
    out += one_of({"effect = \"deny\"\n", "effect = \"ask\"\nchain = \"desk\"\n",
                   "effect = \"ask\"\nchain = \"lead\"\n", "effect = \"allow\"\n",
                   "effect = \"allow\"\nobligations = [\"notify\"]\n"});
    maybe(out, {"agent = \"a1\"\n", "agent = [\"a1\", \"a2\"]\n"});
    maybe(out, {"amount = { max = \"10 USD\" }\n", "amount = { above = \"10 USD\" }\n",
                "amount = { min = \"10 USD\", max = \"20 USD\" }\n",
                "amount = { below = \"20 USD\", max = \"5 EUR\" }\n"});
    maybe(out, {"confidence = { min = 0.5 }\n", "confidence = { below = 0.5 }\n"});
    maybe(out, {"labels = { none_of = [\"personal\"] }\n",
                "labels = { any_of = [\"personal\", \"untrusted\"] }\n",
                "labels = { accept = [\"untrusted\"] }\n"});
    maybe(out, {"autonomy = \"approve\"\n", "autonomy = [\"shadow\", \"autonomous\"]\n"});
    maybe(out, {"max_age = \"1h\"\n", "max_age = \"2h\"\n"});
    maybe(out, {"hours = { days = [\"mon\"], from = \"08:00\", to = \"17:00\" }\n"});
    maybe(out, {"[rule.facts]\nx = { min = 1 }\n", "[rule.facts]\nx = { below = 1 }\n",
                "[rule.facts]\nx = { one_of = [\"red\"] }\n",
                "[rule.facts]\nx = { max = 3, unit = \"kg\" }\n"});
    return out;
  }

  std::string text() {
    std::string out = head;
    const int rules = 1 + static_cast<int>(random_() % 4);
    for (int i = 0; i < rules; ++i) {
      out += rule(i);
    }
    return out;
  }

private:
  std::string one_of(const std::vector<std::string>& all) {
    return all[random_() % all.size()];
  }
  void maybe(std::string& out, const std::vector<std::string>& all) {
    if (random_() % 3 == 0) {
      out += one_of(all);
    }
  }
  std::mt19937 random_;
};

/// Calls `each` for every proposal of the small world until it says stop.
bool any_proposal(
    const std::function<bool(const proposal&, const judge_context&)>& each) {
  const std::vector<std::optional<money>> amounts = [] {
    std::vector<std::optional<money>> out{std::nullopt};
    for (const auto* text : {"-1 USD", "0 USD", "5 USD", "10 USD", "15 USD", "20 USD",
                             "21 USD", "-1 EUR", "5 EUR", "6 EUR", "1 CHF"}) {
      out.push_back(money::parse(text).value());
    }
    return out;
  }();
  struct value {
    json v;
    const char* unit;
  };
  const std::vector<value> facts{{nullptr, ""}, {0, ""},      {1, ""},        {4, ""},
                                 {0, "kg"},     {2, "kg"},    {4, "kg"},      {"red", ""},
                                 {"red", "kg"}, {"blue", ""}, {"blue", "kg"}, {true, ""},
                                 {true, "kg"},  {"0", ""},    {"1", ""},      {"4", ""},
                                 {"0", "kg"},   {"4", "kg"}};
  proposal p;
  judge_context c;
  for (const auto* tool : {"t1", "t2", "t3"}) {
    p.tool = tool;
    for (const auto* agent : {"a1", "a2", "a3"}) {
      p.agent = agent;
      for (const auto& amount : amounts) {
        p.amount = amount;
        for (const int permille : {499, 500}) {
          p.confidence_permille = permille;
          for (const auto& labels : std::vector<std::vector<std::string>>{
                   {}, {"personal"}, {"untrusted"}, {"personal", "untrusted"}}) {
            p.labels = labels;
            for (const auto level :
                 {autonomy::shadow, autonomy::approve, autonomy::autonomous}) {
              c.level = level;
              for (const auto hours : {0, 8}) {
                c.now = monday_noon + std::chrono::hours(hours);
                for (const auto& x : facts) {
                  for (const int minutes : {30, 90, 150}) {
                    p.facts.clear();
                    fact f;
                    f.material = true;
                    f.as_of = c.now - std::chrono::minutes(minutes);
                    f.name = "other";
                    f.value = 1;
                    p.facts.push_back(f);
                    if (!x.v.is_null()) {
                      f.name = "x";
                      f.value = x.v;
                      f.unit = x.unit;
                      p.facts.push_back(f);
                    }
                    if (each(p, c)) {
                      return true;
                    }
                  }
                }
              }
            }
          }
        }
      }
    }
  }
  return false;
}

} // namespace

TEST_CASE("two policies differ exactly where some proposal is decided differently",
          "[gate][property]") {
  const auto seed = seed_of_run();
  CAPTURE(seed);
  small_world world(seed);
  int differing = 0;
  for (int round = 0; round < 20; ++round) {
    const auto text = world.text();
    const auto a = compiled(text);
    // The same, with a rule more; or a mutation, which often changes nothing.
    const auto mutations = a.mutations();
    const auto b =
        round % 2 == 0
            ? compiled(text + world.rule(99))
            : mutations[static_cast<std::size_t>(round) % mutations.size()].second;
    const auto compared = a.compare(b);
    REQUIRE(compared);
    const bool seen = any_proposal(
        [&](const proposal& p, const judge_context& c) { return !alike(a, b, p, c); });
    INFO(text << "\n--- "
              << (compared->differences.empty()
                      ? std::string("no difference")
                      : compared->differences[0].before + " -> " +
                            compared->differences[0].after + " where " +
                            words(compared->differences[0].where)));
    CHECK(compared->differences.empty() != seen);
    differing += seen ? 1 : 0;
  }
  CHECK(differing > 2);
  CHECK(compiled(head).compare(compiled(head)).value().differences.empty());
}

TEST_CASE(
    "a rule that never decides is never among the deciding ones, and only such a one",
    "[gate][property]") {
  const auto seed = seed_of_run();
  CAPTURE(seed);
  small_world world(seed);
  for (int round = 0; round < 2; ++round) {
    const auto text = world.text();
    const auto p = compiled(text);
    std::set<std::string> deciding;
    any_proposal([&](const proposal& what, const judge_context& c) {
      const auto v = p.judge(what, c);
      if (v.reason.find("can not be evaluated") == std::string::npos) {
        deciding.insert(v.rules.begin(), v.rules.end());
      }
      const auto d = p.decide(what, c);
      if (d.effect != v.effect || d.chain != v.chain || d.rules != v.rules ||
          d.obligations != v.obligations) {
        FAIL_CHECK("decide() and judge() differ: " << v.reason);
      }
      return deciding.size() == p.rules();
    });
    std::set<std::string> idle;
    const auto found = p.analyse();
    REQUIRE(found);
    for (const auto& f : found->findings) {
      if (f.message.starts_with("can never decide")) {
        idle.insert(f.rule);
      }
    }
    INFO(text);
    CHECK(idle.size() + deciding.size() == p.rules());
  }
}

TEST_CASE("gaps are named by what the rules tell apart", "[gate]") {
  const auto p = compiled(head + R"(
[[rule]]
id = "small"
effect = "allow"
tool = "t1"
amount = { max = "10 USD" }
[[rule]]
id = "large"
effect = "ask"
chain = "lead"
tool = "t1"
amount = { min = "20.5 USD" }
)");
  const auto found = p.analyse();
  REQUIRE(found);
  REQUIRE(found->gaps.size() == 1);
  CHECK(found->gaps[0] ==
        region{{"tool", "t1"}, {"amount", "above 10 USD below 20.5 USD"}});
  CHECK(found->findings.empty());
}

TEST_CASE("a difference says where it is and what changes", "[gate]") {
  const auto rule = [](const std::string& most) {
    return head +
           "[[rule]]\nid = \"a\"\neffect = \"allow\"\ntool = \"t1\"\nagent = \"a1\"\n"
           "amount = { max = \"" +
           most + " USD\" }\nlabels.accept = [\"untrusted\"]\n";
  };
  const auto compared = compiled(rule("10")).compare(compiled(rule("12")));
  REQUIRE(compared);
  REQUIRE(compared->differences.size() == 2);
  CHECK(compared->differences[0].before == "deny");
  CHECK(compared->differences[0].after == "ask desk");
  CHECK(compared->differences[1].after == "allow");
  CHECK(compared->differences[1].where ==
        region{{"tool", "t1"},
               {"autonomy", "autonomous"},
               {"agent", "a1"},
               {"amount", "above 10 USD up to 12 USD"}});
  CHECK(
      compiled(rule("10")).compare(compiled(rule("10.000"))).value().differences.empty());
}

TEST_CASE("a listed text that reads as a number is told apart from the number",
          "[gate]") {
  const auto p =
      compiled(head + "[[rule]]\nid = \"a\"\neffect = \"allow\"\ntool = \"t\"\n"
                      "facts.x = { min = 1, max = 3 }\n"
                      "[[rule]]\nid = \"b\"\neffect = \"ask\"\nchain = \"desk\"\n"
                      "tool = \"t\"\nfacts.x = { one_of = [\"2\"] }\n");
  const auto found = p.analyse();
  REQUIRE(found);
  // "1.5" is allowed and only "2" asked, so both decide and both are needed.
  CHECK(found->findings.empty());
}

TEST_CASE("rules too entangled to be taken apart are refused, not half analysed",
          "[gate]") {
  std::string text = head;
  for (int i = 0; i < 40; ++i) {
    text += fmt::format("[[rule]]\nid = \"r{}\"\neffect = \"allow\"\ntool = \"t\"\n"
                        "facts.f{} = {{ min = {} }}\nfacts.g{} = {{ max = {} }}\n",
                        i, i, i, (i * 7) % 40, i);
  }
  const auto found = compiled(text).analyse();
  REQUIRE_FALSE(found);
  CHECK(found.error().code() == errc::limit);
}

TEST_CASE("deleting or widening any rule of a shipped policy breaks one of its cases",
          "[gate]") {
  const auto p = compiled(file_of("config/policies/demo.toml"));
  const auto cases =
      read_cases(file_of("config/policies/demo.cases.toml"), "demo.cases.toml");
  INFO((cases ? std::string() : cases.error().describe()));
  REQUIRE(cases);
  for (const auto& c : *cases) {
    INFO(c.name);
    CHECK(fails_with(p, c) == "");
  }
  const auto found = survey_mutations(p, *cases, {});
  REQUIRE(found);
  CHECK(found->unnoticed == std::vector<std::string>{});
  CHECK(found->mutations > 50);
}

TEST_CASE("a survey names the mutation no case notices", "[gate]") {
  const auto p = compiled(file_of("config/policies/demo.toml"));
  const auto one = read_cases("version = 1\n[[case]]\nname = \"nothing\"\n"
                              "expect = { effect = \"deny\" }\n",
                              "one.toml");
  REQUIRE(one);
  const auto found = survey_mutations(p, *one, {});
  REQUIRE(found);
  CHECK(found->unnoticed.size() > 50);
  CHECK(found->unnoticed.front().find("\"transfer-small-and-sure\" taken out") !=
        std::string::npos);
}

TEST_CASE("a case that is wrong says where", "[gate]") {
  const auto refused = [](const std::string& text) {
    auto cases = read_cases(text, "c.toml");
    REQUIRE_FALSE(cases);
    return cases.error().describe();
  };
  using Catch::Contains;
  CHECK_THAT(refused("version = 2\n"), Contains("version = 1"));
  CHECK_THAT(refused("version = 1\n"), Contains("no [[case]]"));
  CHECK_THAT(refused("version = 1\n[[case]]\nexpect = { effect = \"deny\" }\n"),
             Contains("name"));
  CHECK_THAT(
      refused("version = 1\n[[case]]\nname = \"a\"\nexpect = { effect = \"no\" }\n"),
      Contains("case.0.expect.effect"));
  CHECK_THAT(refused("version = 1\n[[case]]\nname = \"a\"\n"), Contains("expect"));
  CHECK_THAT(refused("version = 1\n[[case]]\nname = \"a\"\ngiven = { agnet = \"x\" }\n"
                     "expect = { effect = \"deny\" }\n"),
             Contains("agnet"));
  CHECK_THAT(refused("version = 1\n[given]\nconfidence = 0.12345\n"),
             Contains("three decimals"));
  CHECK_THAT(refused("version = 1\n[given]\namount = \"12 dollars\"\n"),
             Contains("given.amount"));
  CHECK_THAT(refused("version = 1\n[given]\nfacts = { x = 1.5 }\n"), Contains("facts.x"));
}
