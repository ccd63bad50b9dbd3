// An agent that proposes outside any flow, in a whole node: judged, decided, done and told,
// each once, also across kill -9.
#include <catch2/catch.hpp>

#include "ledger/ledger.hpp"
#include "support/ledger_check.hpp"
#include "support/node_process.hpp"

using namespace crossdock;
using namespace crossdock::test;
using namespace std::chrono_literals;

namespace {

const char* policy = R"(
version = 1
name = "own"
[[chain]]
id = "desk"
expires_after = "4h"
stages = [{ roles = ["customer-service"], quorum = 1 }]
[[rule]]
id = "small"
effect = "allow"
why = "small enough"
agent = "test.proposer"
tool = "erp.order.promise"
flow = "single-proposal"
tenant = "default"
amount = { max = "100 USD" }
confidence = { min = 0.5 }
[[rule]]
id = "medium"
effect = "ask"
chain = "desk"
why = "worth a look"
agent = "test.proposer"
tool = "erp.order.promise"
flow = "single-proposal"
tenant = "default"
amount = { above = "100 USD", max = "500 USD" }
)";

node_process::setup with_proposer() {
  node_process::setup s;
  s.policy = policy;
  s.agents = false;
  s.test_plugins = {"proposer"};
  return s;
}

class desk {
public:
  desk() : node(with_proposer()) {
    node.start();
    for (const auto& row : node.erp(
             "SELECT line_id FROM sales_line WHERE state = 'open' ORDER BY line_id LIMIT 9")) {
      lines.push_back(row[0]);
    }
    REQUIRE(lines.size() == 9);
  }

  /// The agent proposes a promise for this line, with so much at stake.
  void wish(const std::string& line, int amount) {
    node.erp("UPDATE sales_line SET quantity = " + std::to_string(9000 + amount) +
             " WHERE line_id = '" + line + "'");
  }
  /// What the agent was told of it, in its own memory.
  json heard(const std::string& line, const std::string& quantity) {
    auto db = ledger::open_reader(node.ledger_folder() / "ledger.db");
    if (!db) {
      throw std::runtime_error(db.error().describe());
    }
    const auto rows = (*db)->query(
      "SELECT value FROM memory WHERE component = 'test.proposer' AND key = ?",
      {"heard/" + line + "/" + quantity});
    if (!rows) {
      throw std::runtime_error(rows.error().describe());
    }
    return rows->empty() ? json::array() : json::parse(rows->front().text(0));
  }
  /// Waits until the agent was told; the last of it.
  json told(const std::string& line, const std::string& quantity) {
    json all;
    const bool came = until([&] { return !(all = heard(line, quantity)).empty(); }, 60s);
    INFO("line " << line << ", quantity " << quantity << "\n" << node.log());
    REQUIRE(came);
    REQUIRE(all.size() == 1);
    return all[0];
  }
  /// The pending approval of a line, worth `amount`.
  json pending(const std::string& line, const std::string& amount) {
    json found;
    const bool came = until(
      [&] {
        const auto list = node.ask("approval.list");
        for (const auto& a : list["approvals"]) {
          if (a["proposal"]["object_key"] == line &&
              a["proposal"]["amount"]["amount"] == amount) {
            found = a;
          }
        }
        return !found.is_null();
      },
      60s);
    INFO("line " << line << "\n" << node.log());
    REQUIRE(came);
    return found;
  }
  json decide(const json& approval, const char* how) {
    const auto id = approval["id"].get<std::string>();
    return node.call(std::string("approval.") + how,
                     {{"approval", id}, {"decision_id", how + id}});
  }
  std::string promised(const std::string& line) {
    return node.erp("SELECT promised_date FROM sales_line WHERE line_id = '" + line +
                    "'")[0][0];
  }
  std::string changes(const std::string& line) {
    return node.erp("SELECT count(*) FROM promise_change WHERE line_id = '" + line +
                    "'")[0][0];
  }

  node_process node;
  std::vector<std::string> lines;
};

} // namespace

TEST_CASE("an agent's own proposal is judged, decided, done and told once, in each way it can "
          "end",
          "[e2e]") {
  desk d;
  const auto& l = d.lines;

  SECTION("allowed, and in a case of one step with its story") {
    d.wish(l[0], 50);
    const auto told = d.told(l[0], "9050");
    CHECK(told["outcome"] == "executed");
    CHECK(told["ok"] == true);
    CHECK(told["tool"] == "erp.order.promise");
    CHECK(d.promised(l[0]) == "2031-01-15");
    const auto shown = d.node.ask("case.show", {{"case", told["case"]}});
    CHECK(shown["case"]["flow"] == "single-proposal/1");
    CHECK(shown["case"]["key"] == "test.proposer/erp.order.promise/" + l[0]);
    CHECK(shown["case"]["outcome"] == "done");
    CHECK(shown["effects"].size() == 1);
    REQUIRE(shown["approvals"].size() == 1);
    const auto& p = shown["approvals"][0]["proposal"];
    CHECK(p["agent"] == "test.proposer");
    CHECK(p["confidence_permille"] == 900);
    CHECK(p["summary"].get<std::string>().find("cannot be kept.") != std::string::npos);
    CHECK(p["facts"][0]["material"] == true);
    CHECK(p["reversal"] == "erp.order.promise");
    CHECK(shown["approvals"][0]["verdict"]["rules"] == json::array({"small"}));
  }

  SECTION("asked and approved") {
    d.wish(l[1], 200);
    CHECK(d.decide(d.pending(l[1], "200"), "approve")["ok"] == true);
    CHECK(d.told(l[1], "9200")["outcome"] == "executed");
    CHECK(d.promised(l[1]) == "2031-01-15");
  }

  SECTION("asked and rejected") {
    const auto before = d.promised(l[2]);
    d.wish(l[2], 200);
    CHECK(d.decide(d.pending(l[2], "200"), "reject")["ok"] == true);
    const auto told = d.told(l[2], "9200");
    CHECK(told["outcome"] == "rejected");
    CHECK(told["ok"] == false);
    CHECK(d.promised(l[2]) == before);
  }

  SECTION("denied, since no rule speaks of it") {
    d.wish(l[3], 800);
    CHECK(d.told(l[3], "9800")["outcome"] == "denied");
    CHECK(d.changes(l[3]) == "0");
  }

  SECTION("superseded by a newer one of the same object") {
    d.wish(l[4], 200);
    const auto old = d.pending(l[4], "200");
    d.wish(l[4], 300);
    const auto fresh = d.pending(l[4], "300");
    CHECK(d.told(l[4], "9200")["outcome"] == "superseded");
    CHECK(d.decide(old, "approve")["error"]["name"] == "conflict");
    CHECK(d.decide(fresh, "approve")["ok"] == true);
    CHECK(d.told(l[4], "9300")["outcome"] == "executed");
    CHECK(d.changes(l[4]) == "1");
  }

  SECTION("superseded because a fact moved before the effect") {
    d.wish(l[5], 200);
    const auto asked = d.pending(l[5], "200");
    d.node.erp("UPDATE sales_line SET promised_date = '2030-12-12' WHERE line_id = '" + l[5] +
               "'");
    CHECK(d.decide(asked, "approve")["ok"] == true);
    CHECK(d.told(l[5], "9200")["outcome"] == "superseded");
    CHECK(d.promised(l[5]) == "2030-12-12");
  }

  SECTION("made in a step that belongs to a case, which stays its cause") {
    d.wish(l[6], 77);
    const auto first = d.told(l[6], "9077");
    const auto again = d.told(l[6], "again");
    CHECK(again["outcome"] == "executed");
    CHECK(d.promised(l[6]) == "2031-02-02");
    // The agent goes on where it was; the proposal has a case of its own.
    CHECK(again["case"] == first["case"]);
    const auto cases = d.node.ask(
      "case.list", {{"key", "test.proposer/erp.order.promise/" + l[6] + "/again"}})["cases"];
    REQUIRE(cases.size() == 1);
    CHECK(cases[0]["case"] != first["case"]);
    bool caused = false;
    const auto shown = d.node.ask("case.show", {{"case", cases[0]["case"]}});
    for (const auto& o : shown["origins"]) {
      caused = caused || o["header"].value("case", "") == first["case"];
    }
    CHECK(caused);
  }

  REQUIRE(until([&] { return d.node.settled(); }, 60s));
  CHECK(d.node.stop() == 0);
  const auto verified = crossdock::testing::verify_twice(d.node.ledger_folder());
  REQUIRE(verified.ok());
  CHECK(verified->good());
}

TEST_CASE("an agent's own proposal survives kill -9 while it waits and while it is done",
          "[e2e]") {
  desk d;
  const auto& line = d.lines[0];
  d.wish(line, 200);
  d.wish(d.lines[1], 50);
  const auto asked = d.pending(line, "200");
  d.node.kill9();
  d.node.start();
  CHECK(d.decide(asked, "approve")["ok"] == true);
  d.node.kill9();
  d.node.start();
  CHECK(d.told(line, "9200")["outcome"] == "executed");
  CHECK(d.told(d.lines[1], "9050")["outcome"] == "executed");
  REQUIRE(until([&] { return d.node.settled(); }, 60s));
  // And once more, so that a second telling would have come.
  d.node.kill9();
  d.node.start();
  REQUIRE(until([&] { return d.node.settled(); }, 60s));
  CHECK(d.heard(line, "9200").size() == 1);
  CHECK(d.heard(d.lines[1], "9050").size() == 1);
  CHECK(d.changes(line) == "1");
  CHECK(d.changes(d.lines[1]) == "1");
}
