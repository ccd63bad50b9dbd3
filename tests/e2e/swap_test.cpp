// An operator replaces the order agent in the middle of a distributor's day.
#include <catch2/catch.hpp>

#include "ledger/ledger.hpp"
#include "support/ledger_check.hpp"
#include "ledger/sqlite.hpp"
#include "support/node_process.hpp"

#include <fstream>
#include <iterator>
#include <thread>

using namespace crossdock;
using namespace crossdock::test;
using namespace std::chrono_literals;

namespace {

json component(const node_process& node, const std::string& name) {
  const auto list = node.ask("plugin.list");
  for (const auto& one : list.at("plugins")) {
    if (one.at("component") == name) {
      return one;
    }
  }
  return {};
}

finished crossdock_says(const node_process& node, std::vector<std::string> words) {
  words.insert(words.begin(),
               {crossdock_program(), "--config", node.config_file().string()});
  return run(words);
}

/// Lets the file be loaded, as an operator does.
void allow(const node_process& node, const std::string& file) {
  const auto lock = node.folder() / "plugins.lock";
  std::vector<std::string> words{"plugin", "lock", "--output", lock.string(), file};
  for (const auto* name : {"sql", "order", "replenishment", "warehouse"}) {
    words.push_back((plugin_folder() / (std::string(name) + ".so")).string());
  }
  const auto said = crossdock_says(node, words);
  INFO(said.text);
  REQUIRE(said.code == 0);
}

} // namespace

TEST_CASE(
    "an agent is replaced in the middle of the day, stays after a restart, and goes back",
    "[e2e]") {
  node_process::setup s;
  s.size = "small";
  node_process node(s);
  node.start();
  const std::string next = ORDER_NEXT;

  const auto denied = crossdock_says(node, {"plugin", "swap", "--to", next, "--yes"});
  INFO(denied.text);
  CHECK(denied.code != 0);
  CHECK_THAT(denied.text, Catch::Contains("may not be loaded"));

  allow(node, next);
  auto day = node.play(8);
  std::this_thread::sleep_for(3s);
  const auto plan = crossdock_says(node, {"plugin", "swap", "--to", next, "--dry-run"});
  INFO(plan.text);
  REQUIRE(plan.code == 0);
  CHECK_THAT(plan.text, Catch::Contains("nothing was changed"));
  CHECK(component(node, "order")["version"] == "0.1.0");

  const auto swapped =
      crossdock_says(node, {"--json", "plugin", "swap", "order", "--to", next, "--yes"});
  INFO(swapped.text);
  REQUIRE(swapped.code == 0);
  const auto told = json::parse(swapped.text);
  CHECK(told["what"] == "switched");
  CHECK(told["rehearsal"]["compared"].get<int>() > 0);
  CHECK(told["rehearsal"]["differ"] == 0);
  CHECK(told["pause_us"].get<int>() > 0);
  CHECK(component(node, "order")["version"] == "0.2.0");
  CHECK(component(node, "order").contains("probation"));

  const auto again =
      crossdock_says(node, {"plugin", "swap", "order", "--to", next, "--yes"});
  CHECK(again.code == 6);
  CHECK_THAT(again.text, Catch::Contains("is what runs"));

  REQUIRE(day.wait(60s) == 0);
  REQUIRE(until([&] { return node.settled(); }, 60s));
  const auto order = component(node, "order");
  CHECK(order["failed_steps"] == 0);
  CHECK(order["dead_letters"] == 0);
  CHECK(node.ask("dead_letter.list")["dead_letters"].empty());

  REQUIRE(crossdock_says(node, {"plugin", "keep", "order"}).code == 0);
  CHECK_FALSE(component(node, "order").contains("probation"));
  CHECK(node.stop() == 0);
  node.start();
  CHECK(component(node, "order")["version"] == "0.2.0");

  const auto back = crossdock_says(
      node, {"--json", "plugin", "rollback", "order", "--reason", "as it was"});
  INFO(back.text);
  REQUIRE(back.code == 0);
  CHECK(component(node, "order")["version"] == "0.1.0");
  CHECK(node.stop() == 0);
  const auto v = crossdock::testing::verify_twice(node.ledger_folder());
  REQUIRE(v.ok());
  CHECK(v->good());
}

TEST_CASE(
    "a node that dies while an agent is on probation in it starts with the one before",
    "[e2e]") {
  node_process node;
  node.start();
  allow(node, ORDER_NEXT);
  REQUIRE(crossdock_says(node, {"plugin", "swap", "order", "--to", ORDER_NEXT, "--yes"})
              .code == 0);
  node.kill9();
  node.start();
  REQUIRE(until([&] { return component(node, "order")["version"] == "0.1.0"; }, 10s));
  const auto order = component(node, "order");
  CHECK(order["state"] == "running");
  CHECK(order["swaps_back"] == 1);
  CHECK_FALSE(order.contains("probation"));
  // Stopped in order, a probation goes on instead.
  REQUIRE(crossdock_says(node, {"plugin", "swap", "order", "--to", ORDER_NEXT, "--yes"})
              .code == 0);
  CHECK(node.stop() == 0);
  node.start();
  CHECK(component(node, "order")["version"] == "0.2.0");
  CHECK(component(node, "order").contains("probation"));
  CHECK(node.stop() == 0);
}

TEST_CASE("settings of a connector change while it works, or not at all", "[e2e]") {
  node_process::setup s;
  s.size = "small";
  node_process node(s);
  node.start();
  const auto edit = [&](const std::string& from, const std::string& to) {
    std::ifstream in(node.config_file());
    std::string text{std::istreambuf_iterator<char>(in), {}};
    in.close();
    const auto at = text.find(from);
    REQUIRE(at != std::string::npos);
    text.replace(at, from.size(), to);
    std::ofstream(node.config_file()) << text;
  };
  auto day = node.play(6);
  std::this_thread::sleep_for(2s);

  edit("interval_ms = 50", "interval_ms = \"often\"");
  const auto wrong = crossdock_says(node, {"node", "reload"});
  INFO(wrong.text);
  CHECK(wrong.code != 0);
  CHECK_THAT(wrong.text, Catch::Contains("interval_ms"));
  CHECK(component(node, "sql")["swaps"] == 0);

  edit("interval_ms = \"often\"", "interval_ms = 120");
  const auto tried = crossdock_says(node, {"--json", "node", "reload", "--dry-run"});
  INFO(tried.text);
  REQUIRE(tried.code == 0);
  CHECK(json::parse(tried.text)["components"][0]["component"] == "sql");
  CHECK(component(node, "sql")["swaps"] == 0);

  const auto done = crossdock_says(node, {"--json", "node", "reload"});
  INFO(done.text);
  REQUIRE(done.code == 0);
  const auto sql = component(node, "sql");
  CHECK(sql["swaps"] == 1);
  CHECK(sql.contains("probation"));
  const auto events = sql["steps"].get<int>();
  REQUIRE(day.wait(60s) == 0);
  REQUIRE(
      until([&] { return component(node, "sql")["steps"].get<int>() > events; }, 10s));
  REQUIRE(until([&] { return node.settled(); }, 60s));
  CHECK(node.ask("dead_letter.list")["dead_letters"].empty());

  const auto back = crossdock_says(node, {"--json", "plugin", "rollback", "sql"});
  INFO(back.text);
  REQUIRE(back.code == 0);
  // What it wrote meanwhile is not written again.
  CHECK(json::parse(back.text)["absorbed_steps"] == 0);
  CHECK(component(node, "sql")["swaps_back"] == 1);
  CHECK(component(node, "sql")["state"] == "running");
  CHECK(node.stop() == 0);
}
