#include <catch2/catch.hpp>

#include "ledger/ledger.hpp"
#include "support/ledger_check.hpp"
#include "support/node_process.hpp"

#include <algorithm>
#include <fstream>
#include <thread>

using namespace crossdock;
using namespace crossdock::test;
using namespace std::chrono_literals;

namespace {

/// Everything is asked: so that there is something for people to decide.
const char* ask_everything = R"(
version = 1
name = "ask"
[[chain]]
id = "desk"
expires_after = "4h"
stages = [{ roles = ["customer-service"], quorum = 1 }]
[[rule]]
id = "ask-transfer"
effect = "ask"
chain = "desk"
agent = "*"
tool = "erp.transfer.create"
[[rule]]
id = "ask-promise"
effect = "ask"
chain = "desk"
agent = "*"
tool = "erp.order.promise"
)";

json first_pending(const node_process& node, const std::string& tool) {
  const auto found = node.ask("approval.list", {{"state", "pending"}, {"limit", 500}});
  for (const auto& a : found["approvals"]) {
    if (a["proposal"].value("tool", "") == tool) {
      return a;
    }
  }
  return nullptr;
}

json play_until_pending(node_process& node, const std::string& tool) {
  auto day = node.play(10);
  json found;
  until([&] { return !(found = first_pending(node, tool)).is_null(); }, 90s);
  REQUIRE(day.wait(120s) == 0);
  until([&] { return node.settled(); }, 60s);
  // The day went on: the one found first may have been settled or superseded meanwhile.
  found = first_pending(node, tool);
  REQUIRE_FALSE(found.is_null());
  return found;
}

} // namespace

TEST_CASE("64 people press approve at once: one effect, 63 conflicts", "[e2e]") {
  node_process::setup s;
  s.size = "small";
  s.policy = ask_everything;
  node_process node(s);
  node.start();
  const auto pending = play_until_pending(node, "erp.transfer.create");
  const auto id = pending["id"].get<std::string>();

  std::vector<json> answers(64);
  std::vector<std::thread> people;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    people.emplace_back([&, i] {
      answers[i] = node.call("approval.approve",
                             {{"approval", id}, {"decision_id", "press-" + std::to_string(i)}});
    });
  }
  for (auto& p : people) {
    p.join();
  }
  const auto count = [&](auto f) { return std::count_if(answers.begin(), answers.end(), f); };
  CHECK(count([](const json& a) { return a.value("ok", false); }) == 1);
  CHECK(count([](const json& a) {
          return !a.value("ok", true) && a["error"]["name"] == "conflict";
        }) == 63);

  REQUIRE(until([&] { return node.settled(); }, 60s));
  const auto shown = node.ask("approval.show", {{"approval", id}});
  CAPTURE(shown.dump(1));
  const auto effects = node.ask("case.show", {{"case", shown["proposal"]["case_id"]}})["effects"];
  REQUIRE(effects.size() == 1);
  CHECK(effects[0]["state"] == "executed");
  // Counted in the distributor's own books, not in ours.
  CHECK(node.erp("SELECT count(*) FROM transfer WHERE reference = '" +
                 effects[0]["key"].get<std::string>() + "'")[0][0] == "1");
  CHECK(node.stop() == 0);
  const auto verified = crossdock::testing::verify_twice(node.ledger_folder());
  REQUIRE(verified.ok());
  CHECK(verified->good());

  // What is recorded says enough to be judged again: alike by the same policy, and not by one
  // that lets nothing pass.
  const auto simulate = [&](const std::string& policy) {
    const auto file = node.folder() / "again.toml";
    std::ofstream(file) << policy;
    const auto f = run({crossdock_program(), "policy",
                                            "simulate", file.string(), "--ledger",
                                            node.ledger_folder().string(), "--json"});
    INFO(f.text);
    REQUIRE(f.code == 0);
    return json::parse(f.text);
  };
  const auto same = simulate(ask_everything);
  CHECK(same["decisions"].get<int>() > 0);
  CHECK(same["not_replayable"] == 0);
  CHECK(same["changed"] == 0);
  const auto nothing = simulate("version = 1\nname = \"nothing\"\n");
  CHECK(nothing["decisions"] == same["decisions"]);
  CHECK(nothing["changed"] == nothing["decisions"]);
  CHECK(nothing["moves"][0]["before"] == "ask desk");
  CHECK(nothing["moves"][0]["after"] == "deny");
  CHECK(nothing["changed_value"].contains("USD"));
}

TEST_CASE("a pending decision survives kill -9, and the same decision sent again counts once",
          "[e2e]") {
  node_process::setup s;
  s.size = "small";
  s.policy = ask_everything;
  node_process node(s);
  node.start();
  const auto pending = play_until_pending(node, "erp.transfer.create");
  const auto id = pending["id"].get<std::string>();
  node.kill9();
  node.start();
  CHECK(node.ask("approval.show", {{"approval", id}}).value("state", "") == "pending");
  const json press{{"approval", id}, {"decision_id", "one"}, {"reason", "needed"}};
  const auto first = node.call("approval.approve", press);
  CAPTURE(first.dump(1));
  REQUIRE(first.value("ok", false));
  const auto again = node.call("approval.approve", press);
  CHECK(again.value("ok", false));
  CHECK(again["result"].value("repeated", false));
  const auto other = node.call("approval.reject", {{"approval", id}, {"decision_id", "two"}});
  CHECK_FALSE(other.value("ok", true));
  REQUIRE(until([&] { return node.settled(); }, 60s));
  const auto case_id = pending["proposal"]["case_id"].get<std::string>();
  const auto story = node.ask("case.show", {{"case", case_id}});
  CHECK(story["effects"].size() == 1);
  CHECK_FALSE(story["story"].empty());
  CHECK_FALSE(story["origins"].empty());
}

TEST_CASE("who is not a principal gets nothing, and nobody acts as somebody else", "[e2e]") {
  node_process node;
  node.start();
  CHECK(node.ask("whoami").value("name", "") == "maria");
  CHECK(node.call("whoami", json::object(), "tom")["result"].value("name", "") == "tom");
  const auto stranger = node.call("whoami", json::object(), "root");
  CHECK_FALSE(stranger.value("ok", true));
  CHECK(stranger["error"]["name"] == "denied");
  const auto unknown = node.call("no.such.method");
  CHECK(unknown["error"]["name"] == "not_found");
  CHECK(node.call("dead_letter.replay", {{"id", 1}}, "tom")["error"]["name"] == "denied");
}
