// `crossdock policy`: what people and programs are told about policy files and recorded
// decisions.
#include "crossdock/app.hpp"
#include "gate/gate.hpp"

#include "ledger_fixture.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <fstream>
#include <sstream>

using namespace crossdock;
using Catch::Contains;
using crossdock::cli::exit_code;
using crossdock::ledger::testing::temporary_directory;

namespace {

struct told {
  exit_code code;
  std::string out;
  std::string err;
  json document() const { return json::parse(out); }
};

told policy(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "policy");
  std::ostringstream out;
  std::ostringstream err;
  const auto code =
      cli::run(std::move(arguments),
               {out, err, 0, false, false, [](const char*) { return std::string(); }});
  return {code, out.str(), err.str()};
}

const char* rules = R"(version = 1
name = "small"
[[chain]]
id = "desk"
expires_after = "4h"
stages = [{ roles = ["staff"] }]
[[rule]]
id = "moves"
effect = "ask"
chain = "desk"
tool = "erp.transfer.create"
amount = { max = "100 USD" }
max_age = "1h"
)";

std::string with(std::string text, const std::string& what, const std::string& instead) {
  const auto at = text.find(what);
  REQUIRE(at != std::string::npos);
  return text.replace(at, what.size(), instead);
}

class files {
public:
  std::string put(const std::string& name, const std::string& text) {
    const auto file = folder_.path() / name;
    std::ofstream(file) << text;
    return file.string();
  }
  std::filesystem::path path() const { return folder_.path(); }

private:
  temporary_directory folder_;
};

proposal transfer(const std::string& id, const std::string& amount, timestamp at) {
  proposal p;
  p.id = id;
  p.tenant = "default";
  p.case_id = "case-" + id;
  p.agent = "order";
  p.agent_release = "crossdock.order 0.1.0 sha256:00";
  p.tool = "erp.transfer.create";
  p.amount = money::parse(amount).value();
  fact f;
  f.name = "available";
  f.value = 12;
  f.system = "erp";
  f.record = "stock/1";
  f.as_of = at - std::chrono::minutes(10);
  f.material = true;
  p.facts = {f};
  return p;
}

} // namespace

TEST_CASE("policy check says which rule is idle and what no rule speaks of",
          "[policy][cli]") {
  files f;
  const auto good = policy({"check", f.put("good.toml", rules), "--gaps"});
  INFO(good.out << good.err);
  CHECK(good.code == exit_code::ok);
  CHECK_THAT(good.out, Contains("amount above 100 USD"));

  const auto text = std::string(rules) + "[[rule]]\nid = \"never\"\neffect = \"allow\"\n"
                                         "tool = \"erp.transfer.create\"\n"
                                         "amount = { max = \"50 USD\" }\n";
  const auto file = f.put("idle.toml", text);
  const auto idle = policy({"check", file, "--json"});
  CHECK(idle.code == exit_code::warned);
  const auto findings = idle.document()["findings"];
  const auto named = std::find_if(findings.begin(), findings.end(),
                                  [](const json& x) { return x["rule"] == "never"; });
  INFO(findings.dump());
  REQUIRE(named != findings.end());
  CHECK((*named)["line"] == 14);
  CHECK_THAT((*named)["message"].get<std::string>(), Contains("can never decide"));

  const auto wrong =
      policy({"check", f.put("wrong.toml", with(rules, "max =", "maxx ="))});
  CHECK(wrong.code == exit_code::bad_input);
  CHECK_THAT(wrong.err, Contains("wrong.toml") && Contains("maxx") && Contains("12"));
  CHECK(policy({"check", (f.path() / "absent.toml").string()}).code ==
        exit_code::not_found);
}

TEST_CASE("policy diff says where and how two policies differ", "[policy][cli]") {
  files f;
  const auto before = f.put("before.toml", rules);
  const auto after = f.put("after.toml", with(rules, "100 USD", "150 USD"));
  const auto d = policy({"diff", before, after, "--json"});
  CHECK(d.code == exit_code::warned);
  const auto differences = d.document()["differences"];
  REQUIRE(differences.size() == 1);
  CHECK(differences[0]["where"]["amount"] == "above 100 USD up to 150 USD");
  CHECK(differences[0]["before"] == "deny");
  CHECK(differences[0]["after"] == "ask desk");
  CHECK(policy({"diff", before, before}).code == exit_code::ok);

  // The same answers, but other people are asked.
  const auto fewer = f.put("fewer.toml", with(rules, "[\"staff\"]", "[\"trainee\"]"));
  const auto chains = policy({"diff", before, fewer, "--json"});
  CHECK(chains.code == exit_code::warned);
  CHECK(chains.document()["differences"].empty());
  CHECK(chains.document()["chains"][0]["id"] == "desk");
  CHECK_THAT(policy({"diff", before, fewer}).out,
             Contains("chain desk is another") && Contains("trainee"));
  CHECK_THAT(policy({"diff", before, after}).out, Contains("deny -> ask desk"));
}

TEST_CASE("policy test names the case that fails and the mutation none notices",
          "[policy][cli]") {
  files f;
  const auto file = f.put("p.toml", rules);
  f.put("p.cases.toml", R"(version = 1
[given]
tool = "erp.transfer.create"
autonomy = "approve"
[[case]]
name = "moves are asked"
given = { amount = "100 USD" }
expect = { effect = "ask", chain = "desk" }
)");
  const auto good = policy({"test", file});
  INFO(good.out << good.err);
  CHECK(good.code == exit_code::ok);
  CHECK_THAT(good.out, Contains("1 of 1 cases hold"));
  const auto mutated = policy({"test", file, "--mutate", "--json"});
  CHECK(mutated.code == exit_code::unverified);
  CHECK(mutated.document()["unnoticed"].size() == 5);
  const auto failing = policy({"test", f.put("q.toml", with(rules, "100 USD", "99 USD")),
                               (f.path() / "p.cases.toml").string()});
  CHECK(failing.code == exit_code::unverified);
  CHECK_THAT(failing.out, Contains("p.cases.toml:5") && Contains("deny, not ask") &&
                              Contains("0 of 1"));
}

TEST_CASE("policy explain names rules, facts and the near miss", "[policy][cli]") {
  files f;
  const auto now = parse_rfc3339("2026-11-23T12:00:00Z").value();
  const auto file = f.put("p.toml", rules);
  const auto given =
      f.put("proposal.json", to_text(transfer("P1", "120 USD", now).to_json()));
  const auto explained = policy({"explain", file, given, "--at", "2026-11-23T12:00:00Z"});
  INFO(explained.out << explained.err);
  CHECK(explained.code == exit_code::ok);
  CHECK_THAT(explained.out, Contains("deny") && Contains("120 > 100 USD") &&
                                Contains("fact:available") && Contains("erp stock/1"));
  CHECK(policy({"explain", file, f.put("bad.json", "{")}).code == exit_code::bad_input);
  CHECK(policy({"explain", file, given, "--at", "yesterday"}).code ==
        exit_code::bad_input);
  CHECK(policy({"explain", file, given, "--autonomy", "wild"}).code == exit_code::usage);
}

TEST_CASE("policy simulate judges again what is recorded, and never guesses",
          "[policy][cli]") {
  files f;
  const auto file = f.put("p.toml", rules);
  const auto in_force = gate::policy::compile(rules, "p.toml").value();
  const auto data = f.path() / "ledger";
  auto options = ledger::testing::test_options(data);
  options.time = std::make_shared<system_clock>();
  auto store = ledger::testing::open_store(std::move(options));
  const auto now = system_clock().now();
  const auto judged = [&](const std::string& id, const std::string& amount,
                          bool says_when) {
    const auto p = transfer(id, amount, now);
    gate::judge_context context;
    context.now = now;
    context.level = gate::autonomy::approve;
    auto v = in_force.judge(p, context).to_json();
    if (!says_when) {
      v.erase("judged_at");
    }
    ledger::unit u;
    u.name = "test";
    u.apply = [id, proposed = to_text(p.to_json()),
               v](ledger::transaction& tx) -> result<void> {
      ledger::record r;
      r.id = id;
      r.case_id = "case-" + id;
      r.source = "order";
      r.target = "gate";
      r.kind = "proposal";
      r.body = proposed;
      auto first = tx.append(r);
      r.source = "gate";
      r.target = "flow";
      r.kind = "verdict";
      r.body = to_text(v);
      if (!first) {
        return std::move(first).error();
      }
      auto second = tx.append(r);
      return second ? result<void>() : std::move(second).error();
    };
    REQUIRE(store->commit(std::move(u)).ok());
  };
  judged("P1", "40 USD", true);
  judged("P2", "80.5 USD", true);
  judged("P3", "500 USD", true);
  judged("P4", "60 USD", false);
  store->close();

  const auto same = policy({"simulate", file, "--ledger", data.string(), "--json"});
  INFO(same.out << same.err);
  REQUIRE(same.code == exit_code::ok);
  CHECK(same.document()["decisions"] == 3);
  CHECK(same.document()["changed"] == 0);
  CHECK(same.document()["not_replayable"] == 1);

  const auto tighter = f.put("tighter.toml", with(rules, "100 USD", "50 USD"));
  const auto changed = policy({"simulate", tighter, "--ledger", data.string(), "--json"});
  const auto d = changed.document();
  CHECK(d["changed"] == 1);
  CHECK(d["changed_value"]["USD"] == "80.5");
  CHECK(d["decided_otherwise"][0]["proposal"] == "P2");
  CHECK(d["decided_otherwise"][0]["case"] == "case-P2");
  CHECK(d["moves"][0]["before"] == "ask desk");
  CHECK(d["moves"][0]["after"] == "deny");
  CHECK_THAT(policy({"simulate", tighter, "--ledger", data.string()}).out,
             Contains("1 would be decided otherwise, worth 80.50 USD"));
  CHECK(policy({"simulate", file, "--ledger", data.string(), "--since",
                "2100-01-01T00:00:00Z", "--json"})
            .document()["decisions"] == 0);
  CHECK(policy({"simulate", file, "--ledger", data.string(), "--autonomy", "shadow",
                "--json"})
            .document()["changed"] == 2);
  CHECK(policy({"simulate", file, "--ledger", data.string(), "--since", "soon"}).code ==
        exit_code::bad_input);
  CHECK(policy({"simulate", file, "--ledger", f.path().string() + "/none"}).code ==
        exit_code::not_found);
}
