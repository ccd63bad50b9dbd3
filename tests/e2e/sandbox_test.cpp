// A whole node whose agents run in processes of their own.
#include <catch2/catch.hpp>

#include "ledger/ledger.hpp"
#include "support/ledger_check.hpp"
#include "ledger/sqlite.hpp"
#include "support/node_process.hpp"

#include <csignal>
#include <fstream>
#include <map>
#include <string>
#include <thread>

using namespace crossdock;
using namespace crossdock::test;
using namespace std::chrono_literals;

namespace {

std::map<std::string, int> processes(const node_process& node) {
  std::map<std::string, int> out;
  const auto list = node.ask("plugin.list");
  for (const auto& one : list.at("plugins")) {
    if (one.value("executor", "") == "process" && one.contains("pid")) {
      out[one.at("component").get<std::string>()] = one.at("pid").get<int>();
    }
  }
  return out;
}

bool lives(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
  std::string name;
  return static_cast<bool>(std::getline(file, name)) &&
         name.starts_with("crossdock-plugi");
}

std::size_t executed(const node_process& node) {
  return std::stoul(node.erp("SELECT count(*) FROM transfer")[0][0]);
}

void verified(const node_process& node) {
  const auto v = crossdock::testing::verify_twice(node.ledger_folder());
  REQUIRE(v.ok());
  CHECK(v->good());
}

node_process::setup sandboxed() {
  node_process::setup s;
  s.size = "small";
  s.sandboxed = true;
  return s;
}

} // namespace

TEST_CASE("agents in processes of their own find short lines and get transfers done",
          "[e2e]") {
  node_process node(sandboxed());
  node.start();
  REQUIRE(until([&] { return processes(node).size() == 3; }, 30s));
  const auto before = executed(node);
  auto day = node.play(10);
  REQUIRE(day.wait(120s) == 0);
  REQUIRE(until([&] { return node.settled(); }, 60s));
  const auto cases = node.ask("case.list", {{"limit", 100}})["cases"];
  CHECK_FALSE(cases.empty());
  const auto pending = node.ask("approval.list", {{"limit", 500}})["approvals"];
  CHECK_FALSE(pending.empty());
  const auto list = node.ask("plugin.list");
  for (const auto& one : list.at("plugins")) {
    INFO(one.dump());
    CHECK(one.at("failed_steps") == 0);
    CHECK(one.at("dead_letters") == 0);
    if (one.at("executor") == "process") {
      CHECK(one.at("denied_calls") == 0);
      CHECK(one.at("steps").get<int>() > 1);
    }
  }
  CHECK(executed(node) >= before);
  const auto pids = processes(node);
  CHECK(node.stop() == 0);
  for (const auto& [name, pid] : pids) {
    CHECK_FALSE(lives(pid));
  }
  verified(node);
}

TEST_CASE("an agent whose process is killed in the middle of a day is started again, and "
          "nothing "
          "is lost",
          "[e2e]") {
  node_process node(sandboxed());
  node.start();
  auto day = node.play(10);
  const auto steps = [&](const std::string& component) {
    const auto list = node.ask("plugin.list");
    for (const auto& one : list.at("plugins")) {
      if (one.at("component") == component) {
        return one.at("steps").get<int>();
      }
    }
    return 0;
  };
  std::map<std::string, int> before_kill{{"order", 0}, {"replenishment", 0}};
  for (int i = 0; i < 6; ++i) {
    std::this_thread::sleep_for(1200ms);
    const std::string victim = i % 2 == 0 ? "order" : "replenishment";
    // What was interrupted is tried once more and then a dead letter: it must be through
    // before the next kill, however slow the machine is.
    if (!until([&] { return steps(victim) > before_kill.at(victim); }, 20s)) {
      break; // the day is over
    }
    const auto now = processes(node);
    if (const auto it = now.find(victim); it != now.end()) {
      before_kill[victim] = steps(victim) + 1; // one may end between this and the kill
      ::kill(it->second, SIGKILL);
    }
  }
  REQUIRE(day.wait(120s) == 0);
  REQUIRE(until([&] { return node.settled(); }, 60s));
  // Every line of the day was looked at, although agents died under it.
  const auto list = node.ask("plugin.list");
  for (const auto& one : list.at("plugins")) {
    INFO(one.dump());
    CHECK(one.at("state") == "running");
    CHECK(one.at("dead_letters") == 0);
    if (one.at("component") == "order") {
      CHECK(one.at("restarts").get<int>() >= 1);
    }
  }
  CHECK(node.stop() == 0);
  verified(node);
}

TEST_CASE("no plugin's process outlives a node that is killed", "[e2e]") {
  node_process node(sandboxed());
  node.start();
  REQUIRE(until([&] { return processes(node).size() == 3; }, 30s));
  const auto pids = processes(node);
  for (const auto& [name, pid] : pids) {
    CHECK(lives(pid));
  }
  node.kill9();
  for (const auto& [name, pid] : pids) {
    CHECK(until([pid = pid] { return !lives(pid); }, 5s));
  }
}
