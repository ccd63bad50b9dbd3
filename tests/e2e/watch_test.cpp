// `crossdock watch` on a whole node: what it shows, and how it ends.
#include <catch2/catch.hpp>

#include "support/node_process.hpp"

#include <csignal>
#include <fstream>
#include <sstream>

using namespace crossdock;
using namespace crossdock::test;
using namespace std::chrono_literals;
using Catch::Contains;

namespace {

/// A `crossdock watch` that writes into a file.
class watcher {
public:
  watcher(const node_process& node, const std::string& name, std::vector<std::string> options)
    : file_(node.folder() / name), node_(node) {
    std::vector<std::string> command{crossdock_program(), "--socket",
                                     (node.folder() / "s").string(), "watch"};
    command.insert(command.end(), options.begin(), options.end());
    process_ = child(command, file_);
  }
  std::string text() const {
    std::ifstream in(file_);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
  }
  bool shows(const std::string& part) const {
    return until([&] { return text().find(part) != std::string::npos; }, 60s);
  }
  /// Complete lines as JSON.
  std::vector<json> lines() const {
    std::vector<json> out;
    std::istringstream in(text());
    for (std::string line; std::getline(in, line) && !in.eof();) {
      out.push_back(json::parse(line));
    }
    return out;
  }
  void signal(int number) { process_.signal(number); }
  std::optional<int> code() { return process_.wait(30s); }

private:
  std::filesystem::path file_;
  const node_process& node_;
  child process_;
};

const char* allow_promises = R"(
version = 1
name = "own"
[[rule]]
id = "any"
effect = "allow"
why = "a test"
agent = "test.proposer"
tool = "erp.order.promise"
flow = "single-proposal"
tenant = "default"
amount = { max = "1000 USD" }
)";

} // namespace

TEST_CASE("a watch shows an effect's intent before its outcome, and ends with the user, the node "
          "and the node's crash",
          "[e2e]") {
  node_process::setup s;
  s.policy = allow_promises;
  s.agents = false;
  s.test_plugins = {"proposer"};
  node_process node(s);
  node.start();
  watcher all(node, "all", {"--json", "--from", "1"});
  watcher effects(node, "effects", {"--json", "--kind", "effect"});
  watcher people(node, "people", {});
  watcher figures(node, "figures", {"--summary", "--json"});
  REQUIRE(all.shows("\"started\""));
  REQUIRE(figures.shows("waiting_for_a_person"));
  node.erp("UPDATE sales_line SET quantity = 9050 WHERE line_id = "
           "(SELECT min(line_id) FROM sales_line WHERE state = 'open')");
  REQUIRE(effects.shows("\"executed\""));
  const auto seen = effects.lines();
  REQUIRE(seen.size() == 2);
  CHECK(seen[0]["detail"]["state"] == "intent");
  CHECK(seen[1]["detail"]["state"] == "executed");
  REQUIRE(people.shows("case closed: done"));
  const auto told = people.text();
  for (const auto* part : {"proposes: ", "policy allows it", "will write: erp order promise",
                           "written: erp order promise"}) {
    CHECK_THAT(told, Contains(part));
  }
  CHECK(told.find("reads: ") == std::string::npos); // only with --all
  CHECK(told.find('\033') == std::string::npos);    // colours are for terminals
  std::uint64_t next = 1;
  for (const auto& line : all.lines()) {
    REQUIRE(line["seq"] == next++);
  }

  all.signal(SIGINT);
  CHECK(all.code() == 0);
  effects.signal(SIGTERM);
  CHECK(effects.code() == 0);
  CHECK(node.stop() == 0);
  CHECK(people.code() == 7);
  CHECK_THAT(people.text(), Contains("the node is stopping"));
  CHECK(figures.code() == 7);

  node.start();
  watcher crash(node, "crash", {"--all", "--from", "1"});
  REQUIRE(crash.shows("node started"));
  node.kill9();
  CHECK(crash.code() == 7);
  CHECK_THAT(crash.text(), Contains("crashed or was killed"));
}
