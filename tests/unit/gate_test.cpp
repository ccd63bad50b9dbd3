#include "gate/gate.hpp"

#include "base/digest.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>
#include <sstream>

using namespace crossdock;
using namespace crossdock::gate;

namespace {

const timestamp monday_noon = parse_rfc3339("2026-11-23T12:00:00Z").value();

proposal transfer(const std::string& amount = "180 USD", int permille = 900) {
  proposal p;
  p.id = "01P";
  p.tenant = "default";
  p.flow = "backorder-prevention/1";
  p.step = "transfer";
  p.agent = "replenishment";
  p.tool = "erp.transfer.create";
  p.site = "B1";
  p.amount = money::parse(amount).value();
  p.confidence_permille = permille;
  fact f;
  f.name = "available";
  f.value = "12";
  f.unit = "each";
  f.system = "sim";
  f.record = "stock/B2/SKU-1";
  f.field = "on_hand";
  f.as_of = monday_noon - std::chrono::minutes(5);
  f.material = true;
  p.facts = {f};
  return p;
}

judge_context at(autonomy level = autonomy::autonomous, timestamp now = monday_noon) {
  judge_context c;
  c.now = now;
  c.level = level;
  return c;
}

policy compiled(const std::string& text) {
  auto p = policy::compile(text, "test.toml");
  INFO((p ? std::string() : p.error().describe()));
  REQUIRE(p);
  return *std::move(p);
}

error refused(const std::string& text) {
  auto p = policy::compile(text, "test.toml");
  REQUIRE_FALSE(p);
  return p.error();
}

std::string context_of(const error& e, const std::string& name) {
  for (const auto& [key, value] : e.context()) {
    if (key == name) {
      return value;
    }
  }
  return {};
}

const std::string chain_text = R"(
[[chain]]
id = "desk"
expires_after = "4h"
stages = [{ roles = ["customer-service"] }]
)";

/// A policy with one rule of these lines, a chain "desk" and it as default.
std::string one_rule(const std::string& lines, const std::string& defaults = "") {
  return "version = 1\n[defaults]\nchain = \"desk\"\n" + defaults + chain_text +
         "[[rule]]\nid = \"r1\"\ntool = \"erp.transfer.create\"\n" + lines + "\n";
}

policy demo() {
  const char* root = std::getenv("CROSSDOCK_SOURCE");
  std::ifstream in((root != nullptr ? std::string(root) : std::string(".")) +
                   "/config/policies/demo.toml");
  REQUIRE(in);
  std::stringstream text;
  text << in.rdbuf();
  return compiled(text.str());
}

} // namespace

// -- verdicts
// ----------------------------------------------------------------------------------

TEST_CASE("without rules everything is denied", "[gate]") {
  const auto v = compiled("version = 1\n").judge(transfer(), at());
  CHECK(v.effect == effect_verdict::deny);
  CHECK(v.rules.empty());
  CHECK(v.reason == "no rule names the tool \"erp.transfer.create\": denied by default");
}

TEST_CASE("a tool that no rule names is denied although others are allowed", "[gate]") {
  auto p = transfer();
  p.tool = "erp.transfer.cancel";
  CHECK(compiled(one_rule("effect = \"allow\"")).judge(p, at()).effect ==
        effect_verdict::deny);
}

TEST_CASE("forbid beats ask, ask beats allow, in any order of the file", "[gate]") {
  const std::string allow = "[[rule]]\nid = \"a\"\ntool = \"*\"\neffect = \"allow\"\n";
  const std::string ask = "[[rule]]\nid = \"k\"\ntool = \"erp.transfer.create\"\neffect "
                          "= \"ask\"\nchain = \"desk\"\n";
  const std::string deny = "[[rule]]\nid = \"d\"\ntool = \"erp.transfer.create\"\neffect "
                           "= \"deny\"\nwhy = \"stock-take\"\n";
  const std::string head = "version = 1\n" + chain_text;
  for (const auto& text : {allow + ask + deny, deny + ask + allow, ask + deny + allow}) {
    const auto v = compiled(head + text).judge(transfer(), at());
    CHECK(v.effect == effect_verdict::deny);
    CHECK(v.rules == std::vector<std::string>{"d"});
    CHECK(v.reason == "rule \"d\" forbids it: stock-take");
    CHECK(v.near_miss == "rule \"a\" would allow it, but was overruled");
  }
  for (const auto& text : {allow + ask, ask + allow}) {
    const auto v = compiled(head + text).judge(transfer(), at());
    CHECK(v.effect == effect_verdict::ask);
    CHECK(v.chain == "desk");
    CHECK(v.rules == std::vector<std::string>{"k"});
  }
  CHECK(compiled(head + allow).judge(transfer(), at()).effect == effect_verdict::allow);
}

TEST_CASE("each set condition decides: agent, step, flow, tenant, site, autonomy",
          "[gate]") {
  struct one {
    const char* condition;
    bool matches;
  };
  for (const auto& [condition, matches] :
       std::vector<one>{{"agent = \"replenishment\"", true},
                        {"agent = [\"order\", \"replenishment\"]", true},
                        {"agent = \"*\"", true},
                        {"agent = \"order\"", false},
                        {"step = \"transfer\"", true},
                        {"step = \"promise\"", false},
                        {"flow = \"backorder-prevention\"", true},
                        {"flow = \"backorder-prevention/1\"", true},
                        {"flow = \"backorder-prevention/2\"", false},
                        {"tenant = \"default\"", true},
                        {"tenant = \"acme\"", false},
                        {"site = [\"B1\", \"B2\"]", true},
                        {"site = \"B3\"", false},
                        {"autonomy = \"autonomous\"", true},
                        {"autonomy = [\"recommend\", \"approve\"]", false}}) {
    INFO(condition);
    const auto v = compiled(one_rule(std::string("effect = \"allow\"\n") + condition))
                       .judge(transfer(), at());
    CHECK((v.effect == effect_verdict::allow) == matches);
  }
}

TEST_CASE(
    "amount limits are inclusive or not as written, and never pass a negative amount",
    "[gate]") {
  const auto limited =
      compiled(one_rule("effect = \"allow\"\namount = { max = \"250 USD\" }"));
  const auto strict =
      compiled(one_rule("effect = \"allow\"\namount = { above = \"250 USD\" }"));
  const auto allowed = [](const policy& p, const char* amount) {
    return p.judge(transfer(amount), at()).effect == effect_verdict::allow;
  };
  CHECK(allowed(limited, "0 USD"));
  CHECK(allowed(limited, "250.00 USD"));
  CHECK_FALSE(allowed(limited, "250.000001 USD"));
  CHECK_FALSE(allowed(limited, "-1 USD"));
  CHECK_FALSE(allowed(strict, "250 USD"));
  CHECK(allowed(strict, "250.000001 USD"));
}

TEST_CASE("a currency that no rule speaks of is denied and named", "[gate]") {
  const auto p = compiled(
      one_rule("effect = \"allow\"\namount = { max = [\"250 USD\", \"230 EUR\"] }") +
      "[[rule]]\nid = \"any\"\ntool = \"erp.transfer.create\"\neffect = \"ask\"\nchain = "
      "\"desk\"\n"
      "confidence = { below = 0.5 }\n");
  CHECK(p.judge(transfer("230 EUR"), at()).effect == effect_verdict::allow);
  CHECK(p.judge(transfer("231 EUR"), at()).effect == effect_verdict::deny);
  const auto v = p.judge(transfer("1 GBP", 100), at());
  CHECK(v.effect == effect_verdict::deny);
  CHECK(v.reason == "no rule for erp.transfer.create speaks of amounts in GBP");
}

TEST_CASE("a missing amount is denied where a rule needs it", "[gate]") {
  auto p = transfer();
  p.amount.reset();
  const auto v = compiled(one_rule("effect = \"allow\"\namount = { max = \"250 USD\" }"))
                     .judge(p, at());
  CHECK(v.effect == effect_verdict::deny);
  CHECK(v.reason == "rule \"r1\" can not be evaluated: the proposal states no amount");
}

TEST_CASE("confidence is compared in permille and a missing one counts as zero",
          "[gate]") {
  const auto p = compiled(one_rule("effect = \"allow\"\nconfidence = { min = 0.85 }"));
  CHECK(p.judge(transfer("1 USD", 850), at()).effect == effect_verdict::allow);
  const auto v = p.judge(transfer("1 USD", 810), at());
  CHECK(v.effect == effect_verdict::deny);
  CHECK(v.near_miss == "rule \"r1\" would allow it: confidence 0.81 < 0.85");
  CHECK(p.judge(transfer("1 USD", 0), at()).near_miss ==
        "rule \"r1\" would allow it: confidence 0.00 < 0.85");
  const auto below =
      compiled(one_rule("effect = \"allow\"\nconfidence = { below = 0.8 }"));
  CHECK(below.judge(transfer("1 USD", 799), at()).effect == effect_verdict::allow);
  CHECK(below.judge(transfer("1 USD", 800), at()).effect == effect_verdict::deny);
}

TEST_CASE("labels are excluded or demanded", "[gate]") {
  auto p = transfer();
  p.labels = {"confidential", "personal"};
  const auto allowed = [&](const char* labels) {
    return compiled(one_rule(std::string("effect = \"allow\"\nlabels = ") + labels))
               .judge(p, at())
               .effect == effect_verdict::allow;
  };
  CHECK_FALSE(allowed("{ none_of = [\"personal\"] }"));
  CHECK(allowed("{ none_of = [\"untrusted\"] }"));
  CHECK(allowed("{ any_of = [\"personal\", \"untrusted\"] }"));
  CHECK_FALSE(allowed("{ any_of = [\"untrusted\"] }"));
}

TEST_CASE("expected value has a floor", "[gate]") {
  const auto p =
      compiled(one_rule("effect = \"allow\"\nexpected_value = { min = \"5 USD\" }"));
  auto one = transfer();
  one.expected_value = money::parse("5 USD").value();
  CHECK(p.judge(one, at()).effect == effect_verdict::allow);
  one.expected_value = money::parse("-4 USD").value();
  CHECK(p.judge(one, at()).near_miss ==
        "rule \"r1\" would allow it: expected value -4 < 5 USD");
  one.expected_value.reset();
  CHECK(p.judge(one, at()).reason ==
        "rule \"r1\" can not be evaluated: the proposal states no expected value");
}

TEST_CASE("a fact that is missing, of another type or unit, or too old denies",
          "[gate]") {
  const auto p =
      compiled(one_rule("effect = \"allow\"\nmax_age = \"15m\"\nfacts.available = { min "
                        "= 3, unit = \"each\" }"));
  auto one = transfer();
  CHECK(p.judge(one, at()).effect == effect_verdict::allow);
  one.facts[0].value = 12;
  CHECK(p.judge(one, at()).effect == effect_verdict::allow);
  one.facts[0].value = 12.5;
  CHECK(p.judge(one, at()).effect == effect_verdict::allow);
  CHECK(canonical_json(p.judge(one, at()).facts));

  const auto reason = [&] {
    const auto v = p.judge(one, at());
    CHECK(v.effect == effect_verdict::deny);
    return v.reason;
  };
  one.facts[0].value = "2";
  CHECK(reason() == "no rule allows it: denied by default");
  one.facts[0].value = "plenty";
  CHECK(reason() == "rule \"r1\" can not be evaluated: fact available is no decimal "
                    "number: \"plenty\"");
  one.facts[0].value = true;
  CHECK(reason() ==
        "rule \"r1\" can not be evaluated: fact available is no decimal number: true");
  one = transfer();
  one.facts[0].unit = "case";
  CHECK(
      reason() ==
      "rule \"r1\" can not be evaluated: fact available is in \"case\", not in \"each\"");
  one = transfer();
  one.facts[0].as_of = monday_noon - std::chrono::minutes(16);
  CHECK(
      reason() ==
      "rule \"r1\" can not be evaluated: fact available is 960 s old, older than 900 s");
  one.facts[0].as_of = monday_noon + std::chrono::minutes(6);
  CHECK(reason().find("in the future") != std::string::npos);
  one.facts.clear();
  CHECK(reason() == "rule \"r1\" can not be evaluated: fact available is missing");
}

TEST_CASE("of several facts of one name all must satisfy the condition", "[gate]") {
  const auto p = compiled(one_rule("effect = \"allow\"\nfacts.available = { min = 3 }"));
  auto one = transfer();
  one.facts.push_back(one.facts[0]);
  one.facts[1].value = "1";
  CHECK(p.judge(one, at()).effect == effect_verdict::deny);
}

TEST_CASE("a rule that forbids and can not be evaluated denies", "[gate]") {
  const auto p = compiled(one_rule("effect = \"allow\"") +
                          "[[rule]]\nid = \"hold\"\ntool = \"*\"\neffect = "
                          "\"deny\"\nfacts.blocked = { one_of = \"yes\" }\n");
  const auto v = p.judge(transfer(), at());
  CHECK(v.effect == effect_verdict::deny);
  CHECK(v.reason == "rule \"hold\" can not be evaluated: fact blocked is missing");
}

TEST_CASE("hours are local to their offset and end before their last minute", "[gate]") {
  const auto p = compiled(one_rule("effect = \"allow\"\nhours = { days = [\"mon\", "
                                   "\"tue\"], from = \"08:00\", to = \"17:00\", "
                                   "offset = \"-05:00\" }"));
  const auto allowed = [&](const char* t) {
    auto one = transfer();
    one.facts.clear();
    return p.judge(one, at(autonomy::autonomous, parse_rfc3339(t).value())).effect ==
           effect_verdict::allow;
  };
  CHECK_FALSE(allowed("2026-11-23T12:59:59Z"));
  CHECK(allowed("2026-11-23T13:00:00Z"));
  CHECK(allowed("2026-11-23T21:59:59Z"));
  CHECK_FALSE(allowed("2026-11-23T22:00:00Z"));
  CHECK_FALSE(allowed("2026-11-25T15:00:00Z")); // a Wednesday
  CHECK_FALSE(allowed("2026-11-23T02:00:00Z")); // Monday in UTC, Sunday there
}

// -- the house
// -------------------------------------------------------------------------------------

TEST_CASE("untrusted input to a write tool is never a plain allow", "[gate]") {
  auto p = transfer();
  p.labels = {"untrusted"};
  const auto v = compiled(one_rule("effect = \"allow\"")).judge(p, at());
  CHECK(v.effect == effect_verdict::ask);
  CHECK(v.chain == "desk");
  CHECK(v.reason == "untrusted input reaches a write tool, so a person is asked");

  SECTION("unless the rule accepts it in so many words") {
    const auto accepting =
        compiled(one_rule("effect = \"allow\"\nlabels = { accept = [\"untrusted\"] }"));
    CHECK(accepting.judge(p, at()).effect == effect_verdict::allow);
  }
  SECTION("or the tool only reads") {
    auto reading = at();
    reading.write_tool = false;
    CHECK(compiled(one_rule("effect = \"allow\"")).judge(p, reading).effect ==
          effect_verdict::allow);
  }
  SECTION("and is denied where nobody can be asked") {
    const auto silent = compiled("version = 1\n[[rule]]\nid = \"r1\"\ntool = \"*\"\n"
                                 "effect = \"allow\"\n");
    CHECK(silent.judge(p, at()).effect == effect_verdict::deny);
    CHECK(silent.check().size() == 1);
  }
}

TEST_CASE("only an autonomous agent is plainly allowed; one in shadow gets nothing",
          "[gate]") {
  const auto p = compiled(one_rule("effect = \"allow\""));
  CHECK(p.judge(transfer(), at(autonomy::autonomous)).effect == effect_verdict::allow);
  CHECK(p.judge(transfer(), at(autonomy::approve)).effect == effect_verdict::ask);
  CHECK(p.judge(transfer(), at(autonomy::recommend)).effect == effect_verdict::ask);
  CHECK(p.judge(transfer(), at(autonomy::shadow)).effect == effect_verdict::deny);
  CHECK(p.judge(transfer(), judge_context{}).effect == effect_verdict::deny);
}

// -- explanation
// -------------------------------------------------------------------------------------

TEST_CASE("the near miss is the allow rule that fails the fewest conditions", "[gate]") {
  const auto p = compiled(
      one_rule("effect = \"allow\"\nagent = \"order\"\namount = { max = \"1 USD\" }") +
      "[[rule]]\nid = \"near\"\ntool = \"*\"\neffect = \"allow\"\namount = { max = \"100 "
      "USD\" }\n");
  CHECK(p.judge(transfer(), at()).near_miss ==
        "rule \"near\" would allow it: amount 180 > 100 USD");
  auto other = transfer();
  other.step = "x";
  CHECK(compiled(one_rule("effect = \"allow\"\nagent = \"order\"\nstep = \"transfer\""))
            .judge(other, at())
            .near_miss == "rule \"r1\" would allow it: agent \"replenishment\" is not "
                          "one of order (and 1 more)");
}

TEST_CASE("a verdict names what was looked at, with source and age, and survives JSON",
          "[gate]") {
  const auto text = one_rule("effect = \"allow\"\nobligations = [\"notify:team-lead\"]\n"
                             "expires = \"30m\"\namount = { max = \"250 USD\" }");
  const auto v = compiled(text).judge(transfer(), at());
  CHECK(v.policy_sha256 == to_hex(sha256_of(text)));
  CHECK(v.obligations == std::vector<std::string>{"notify:team-lead", "expires=1800s"});
  CHECK(expiry_of(v) == std::chrono::minutes(30));
  CHECK(v.facts["amount"] == json{{"value", "180 USD"}, {"source", "proposal"}});
  CHECK(v.facts["confidence"]["value"] == "0.90");
  CHECK(v.facts["autonomy"]["value"] == "autonomous");
  CHECK(v.facts["fact:available"] == json{{"value", "12"},
                                          {"source", "sim stock/B2/SKU-1 on_hand"},
                                          {"as_of", "2026-11-23T11:55:00Z"}});
  const auto back = verdict::from_json(v.to_json());
  REQUIRE(back);
  CHECK(back->to_json() == v.to_json());
}

// -- reading the file
// ----------------------------------------------------------------------------------

TEST_CASE("a mistake in the file is named with file, line and rule", "[gate]") {
  const auto e = refused(one_rule("effect = \"allow\"\namout = { max = \"250 USD\" }"));
  CHECK(e.code() == errc::invalid);
  CHECK(e.message().find("unknown key \"amout\"") == 0);
  CHECK(context_of(e, "file") == "test.toml");
  CHECK(context_of(e, "rule") == "r1");
  CHECK(context_of(e, "line") == "13");
}

TEST_CASE("a broken file is refused, whatever is wrong with it", "[gate]") {
  const auto good = std::string("effect = \"allow\"\n");
  CHECK(refused("version = ").code() == errc::malformed);
  CHECK(context_of(refused("version = 1\nrule = [[\n"), "line") != "");
  CHECK(refused("").code() == errc::version);
  CHECK(refused("version = 2\n").code() == errc::version);
  CHECK(refused("version = 1\nrules = 3\n").code() == errc::invalid);
  CHECK(refused("version = 1\n[[rule]]\neffect = \"allow\"\n").code() == errc::invalid);
  CHECK(refused("version = 1\n[[rule]]\nid = \"r\"\neffect = \"allow\"\n").code() ==
        errc::invalid); // no tool
  for (const auto* lines :
       {"effect = \"perhaps\"",
        "effect = \"ask\"",
        "effect = \"allow\"\nchain = \"desk\"",
        "effect = \"allow\"\namount = { max = \"250\" }",
        "effect = \"allow\"\namount = { max = 250 }",
        "effect = \"allow\"\namount = {}",
        "effect = \"allow\"\namount = { min = \"9 USD\", max = \"8 USD\" }",
        "effect = \"allow\"\namount = { min = \"9 USD\", above = \"8 USD\" }",
        "effect = \"allow\"\nconfidence = { min = 85 }",
        "effect = \"allow\"\nconfidence = { min = 0.8505 }",
        "effect = \"allow\"\nconfidence = { min = nan }",
        "effect = \"allow\"\nconfidence = { min = 0.9, max = 0.8 }",
        "effect = \"allow\"\nagent = []",
        "effect = \"allow\"\nagent = [\"*\", \"order\"]",
        "effect = \"allow\"\nagent = 7",
        "effect = \"allow\"\nautonomy = \"full\"",
        "effect = \"allow\"\nmax_age = \"soon\"",
        "effect = \"allow\"\nexpires = \"0m\"",
        "effect = \"allow\"\nexpires = \"400d\"",
        "effect = \"deny\"\nexpires = \"30m\"",
        "effect = \"allow\"\nhours = { from = \"18:00\", to = \"08:00\" }",
        "effect = \"allow\"\nhours = { days = [\"Monday\"] }",
        "effect = \"allow\"\nhours = { offset = \"EST\" }",
        "effect = \"allow\"\nlabels = { accept = [\"personal\"] }",
        "effect = \"allow\"\nobligations = [\"expires=9s\"]",
        "effect = \"allow\"\nfacts.x = { min = 1.5 }"}) {
    INFO(lines);
    CHECK_FALSE(policy::compile(one_rule(lines), "test.toml"));
  }
  CHECK(refused(one_rule("effect = \"ask\"\nchain = \"nobody\"")).code() ==
        errc::not_found);
  CHECK(refused(one_rule(good) +
                "[[rule]]\nid = \"r1\"\ntool = \"*\"\neffect = \"allow\"\n")
            .code() == errc::exists);
  CHECK(refused(one_rule(good) + chain_text).code() == errc::exists);
  CHECK(refused(std::string(limits::text_bytes_max + 1, '#')).code() == errc::limit);
}

TEST_CASE("a chain that waits for ever or lets silence pass a stage is refused",
          "[gate]") {
  CHECK(refused("version = 1\n[[chain]]\nid = \"c\"\nstages = [{ roles = [\"a\"] }]\n")
            .code() == errc::invalid);
  CHECK(
      refused("version = 1\n[[chain]]\nid = \"c\"\nexpires_after = \"1h\"\nstages = []\n")
          .code() == errc::invalid);
  CHECK(refused("version = 1\n[[chain]]\nid = \"c\"\nexpires_after = \"1h\"\n"
                "stages = [{ roles = [\"a\"], quorum = 0 }]\n")
            .code() == errc::invalid);
  CHECK(refused("version = 1\n[[chain]]\nid = \"c\"\nexpires_after = \"1h\"\nevery_stage "
                "= true\n"
                "stages = [{ roles = [\"a\"], escalate_after = \"1m\" }]\n")
            .code() == errc::invalid);
}

TEST_CASE("a chain survives JSON", "[gate]") {
  const auto p =
      compiled("version = 1\n[[chain]]\nid = \"c\"\nexpires_after = \"2h\"\n"
               "stages = [{ roles = [\"b\", \"a\"], quorum = 2, remind_after = \"5m\", "
               "escalate_after = \"10m\" }, { roles = \"z\" }]\n");
  const auto* c = p.find_chain("c");
  REQUIRE(c != nullptr);
  const auto back = chain::from_json(c->to_json());
  REQUIRE(back);
  CHECK(back->to_json() == c->to_json());
  CHECK(back->stages[0].roles == std::vector<std::string>{"a", "b"});
  CHECK_FALSE(chain::from_json(json{{"id", "c"}}));
}

TEST_CASE("check finds rules that can never decide, idle chains and quarrels", "[gate]") {
  const auto findings = [](const std::string& text) { return compiled(text).check(); };
  const std::string rule2 = "[[rule]]\nid = \"r2\"\ntool = \"*\"\n";

  auto f = findings(one_rule("effect = \"allow\"\namount = { max = \"10 USD\" }") +
                    rule2 + "effect = \"deny\"\namount = { max = \"20 USD\" }\n");
  REQUIRE(f.size() == 1);
  CHECK(f[0].rule == "r1");
  CHECK(f[0].message ==
        "can never decide: rule \"r2\" (line 14) forbids everything it matches");

  CHECK(findings(one_rule("effect = \"allow\"\namount = { max = \"30 USD\" }") + rule2 +
                 "effect = \"deny\"\namount = { max = \"20 USD\" }\n")
            .empty());
  CHECK(findings(one_rule("effect = \"allow\"") + rule2 +
                 "effect = \"deny\"\nfacts.x = { min = 1 }\n")
            .empty());

  f = findings("version = 1\n" + chain_text + rule2 + "effect = \"deny\"\n");
  REQUIRE(f.size() == 1);
  CHECK(f[0].message == "no rule asks this chain");

  const auto other = "[[chain]]\nid = \"lead\"\nexpires_after = \"1h\"\n"
                     "stages = [{ roles = \"team-lead\" }]\n";
  f = findings(
      one_rule("effect = \"ask\"\nchain = \"desk\"\namount = { max = \"10 USD\" }") +
      other + rule2 +
      "effect = \"ask\"\nchain = \"lead\"\namount = { min = \"10 USD\" }\n");
  REQUIRE(f.size() == 1);
  CHECK(f[0].rule == "r2");
  CHECK(
      findings(
          one_rule("effect = \"ask\"\nchain = \"desk\"\namount = { max = \"10 USD\" }") +
          other + rule2 +
          "effect = \"ask\"\nchain = \"lead\"\namount = { above = \"10 USD\" }\n")
          .empty());
}

// -- the policy we ship
// -----------------------------------------------------------------------------------

TEST_CASE("the demo policy does what its comments say", "[gate]") {
  const auto p = demo();
  CHECK(p.check().empty());
  struct one {
    const char* amount;
    int permille;
    autonomy level;
    const char* outcome;
    const char* below =
        "0"; ///< Units by which the sender is left below its reorder point.
  };
  for (const auto& [amount, permille, level, outcome, below] : std::vector<one>{
           {"250 USD", 800, autonomy::autonomous, "allow"},
           {"250 USD", 800, autonomy::autonomous, "ask customer-service", "1"},
           {"250 USD", 799, autonomy::autonomous, "ask customer-service"},
           {"250 USD", 800, autonomy::approve, "ask customer-service"},
           {"250 USD", 800, autonomy::shadow, "deny"},
           {"250.01 USD", 990, autonomy::autonomous, "ask customer-service"},
           {"2500 USD", 50, autonomy::autonomous, "ask customer-service"},
           {"2500 USD", 49, autonomy::autonomous, "deny"},
           {"2500.01 USD", 990, autonomy::autonomous, "ask team-lead"},
           {"10 USD", 49, autonomy::autonomous, "deny"},
           {"10 EUR", 990, autonomy::autonomous, "deny"}}) {
    INFO(amount << " at " << permille << " " << to_string(level));
    auto asked = transfer(amount, permille);
    asked.facts.push_back(asked.facts[0]);
    asked.facts.back().name = "sender left below its reorder point by";
    asked.facts.back().value = below;
    const auto v = p.judge(asked, at(level));
    INFO(v.reason);
    auto said = std::string(to_string(v.effect));
    CHECK((v.chain.empty() ? said : said + " " + v.chain) == outcome);
    CHECK(v.near_miss.empty() == (v.effect == effect_verdict::allow));
  }
  CHECK(p.judge(transfer("250 USD", 900), at()).effect ==
        effect_verdict::deny); // no fact
  auto promise = transfer("1 USD", 1000);
  promise.tool = "erp.order.promise";
  CHECK(p.judge(promise, at()).effect == effect_verdict::ask);
  promise.tool = "erp.transfer.cancel"; // what the flow asks for to take a transfer back
  CHECK(p.judge(promise, at()).effect == effect_verdict::ask);
  promise.tool = "erp.price.change";
  CHECK(p.judge(promise, at()).effect == effect_verdict::deny);
  auto foreign = transfer();
  foreign.agent = "acme.credit-hold";
  CHECK(p.judge(foreign, at()).effect == effect_verdict::deny);
  foreign = transfer();
  foreign.tenant = "acme";
  CHECK(p.judge(foreign, at()).effect == effect_verdict::deny);
}

TEST_CASE("rules about other tools cost nothing", "[gate][.bench]") {
  std::string text = "version = 1\n" + chain_text;
  for (int i = 0; i < 1000; ++i) {
    text += "[[rule]]\nid = \"r" + std::to_string(i) + "\"\ntool = \"tool." +
            std::to_string(i / 10) +
            "\"\neffect = \"ask\"\nchain = \"desk\"\namount = { max = \"" +
            std::to_string(i + 1) + " USD\" }\n";
  }
  const auto p = compiled(text);
  auto one = transfer("5 USD");
  one.tool = "tool.50";
  const auto begin = std::chrono::steady_clock::now();
  constexpr int n = 100'000;
  int asked = 0;
  for (int i = 0; i < n; ++i) {
    asked += p.judge(one, at()).effect == effect_verdict::ask ? 1 : 0;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  CHECK(asked == n);
  WARN("1000 rules, 10 for the tool: " << n / took.count()
                                       << " verdicts/s with explanation");
}

// -- who edited
// --------------------------------------------------------------------------------

TEST_CASE("a chain says who may approve what they edited, and up to how much", "[gate]") {
  const auto text = [](const std::string& clause) {
    return "version = 1\n" + chain_text + "editor_may_approve = " + clause +
           "\n[[rule]]\nid = \"r1\"\ntool = \"*\"\neffect = \"ask\"\nchain = \"desk\"\n";
  };
  const auto p = compiled(
      text("{ roles = [\"customer-service\"], max = [\"250 USD\", \"200 EUR\"] }"));
  const auto& clause = p.find_chain("desk")->editor_may_approve;
  const std::vector<std::string> desk{"customer-service"};
  const auto worth = [](const char* amount) {
    return std::optional<money>(money::parse(amount).value());
  };
  CHECK(clause.allows(desk, worth("250 USD")));
  CHECK(clause.allows(desk, worth("200 EUR")));
  CHECK_FALSE(clause.allows(desk, worth("250.01 USD")));
  CHECK_FALSE(clause.allows(desk, worth("-1 USD")));
  CHECK_FALSE(clause.allows(desk, worth("1 CHF")));
  CHECK_FALSE(clause.allows(desk, std::nullopt));
  CHECK_FALSE(clause.allows({"team-lead"}, worth("1 USD")));
  CHECK(p.check().empty());

  const auto stored = chain::from_json(p.find_chain("desk")->to_json());
  REQUIRE(stored);
  CHECK(stored->editor_may_approve.allows(desk, worth("250 USD")));
  CHECK_FALSE(stored->editor_may_approve.allows(desk, worth("250.01 USD")));
  CHECK_FALSE(demo()
                  .find_chain("team-lead")
                  ->editor_may_approve.allows({"team-lead"}, worth("1 USD")));

  for (const auto* wrong : {"{ roles = [\"customer-service\"] }", "{ max = \"1 USD\" }",
                            "{ roles = [], max = \"1 USD\" }", "true",
                            "{ roles = [\"a\"], max = \"-1 USD\" }",
                            "{ roles = [\"a\"], max = \"1 USD\", min = \"0 USD\" }"}) {
    const auto e = refused(text(wrong));
    INFO(wrong << ": " << e.describe());
    CHECK(context_of(e, "chain") == "desk");
    CHECK(context_of(e, "line") != "");
  }
  const auto found = compiled(text("{ roles = [\"buyer\"], max = \"1 USD\" }")).check();
  REQUIRE(found.size() == 1);
  CHECK(found[0].message ==
        "editor_may_approve names the role \"buyer\", which no stage asks: it changes "
        "nothing");
}
