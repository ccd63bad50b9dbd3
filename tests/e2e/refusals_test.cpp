// What an operator meets when something is wrong before the start: one clear sentence with
// place and remedy, an exit code, and nothing lost.
#include <catch2/catch.hpp>

#include "support/node_process.hpp"
#include "support/ledger_check.hpp"

#include "base/digest.hpp"
#include "ledger/ledger.hpp"

#include <fstream>
#include <sstream>

using namespace crossdock;
using namespace crossdock::test;
using namespace std::chrono_literals;
using Catch::Contains;

namespace {

std::string read(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void write(const std::filesystem::path& file, const std::string& text) {
  std::ofstream(file, std::ios::binary) << text;
}

finished run_node(const node_process& node) {
  return run({crossdockd_program(), "run", node.config_file().string()});
}

} // namespace

TEST_CASE("a broken TOML file is refused with file and line", "[e2e]") {
  node_process node;
  write(node.config_file(), read(node.config_file()) + "\n[[plugin]\n");
  const auto f = run_node(node);
  CHECK(f.code == 3);
  CHECK_THAT(f.text, Contains("node.toml"));
  CHECK_THAT(f.text, Contains("line"));
}

TEST_CASE("an unknown key is refused with its place", "[e2e]") {
  node_process node;
  auto text = read(node.config_file());
  text.replace(text.find("socket = "), 9, "sokket = ");
  write(node.config_file(), text);
  const auto f = run_node(node);
  CHECK(f.code == 3);
  CHECK_THAT(f.text, Contains("node.sokket") && Contains("unknown key"));
}

TEST_CASE("words about executors and endpoints that make no sense are refused with their place",
          "[e2e]") {
  const auto refused = [](const std::string& line, bool start) {
    node_process node;
    auto text = read(node.config_file());
    const std::string id = "id = \"sql\"\n";
    text.replace(text.find(id), id.size(), id + line + "\n");
    write(node.config_file(), text);
    return start ? run_node(node)
                 : run({crossdock_program(), "config", "check", node.config_file().string()});
  };
  const auto says = [&](const std::string& line, const std::string& field, const std::string& why,
                        bool start = false) {
    const auto f = refused(line, start);
    INFO(line << '\n' << f.text);
    CHECK(f.code == 3);
    CHECK_THAT(f.text, Contains(field) && Contains(why) && Contains("node.toml"));
  };
  says("executor = \"container\"", "executor", "\"process\"");
  says("process_memory_mib = 1", "process_memory_mib", "32");
  says("effects_per_s = -1", "effects_per_s", "0");
  says("grant = { endpoints = [\"erp\"] }", "grant.endpoints", "a table of addresses");
  says("grant = { endpoints = { erp = \"nowhere\" } }", "endpoints.erp", "host:port");
  says("grant = { endpoints = { erp = \"10.0.0.5:8000\" } }", "grant.endpoints",
       "does not ask for it", true);
}

TEST_CASE("a plugin that is not on the list does not load", "[e2e]") {
  node_process node;
  write(node.folder() / "plugins.lock", "");
  const auto f = run_node(node);
  CHECK(f.code == 3);
  CHECK_THAT(f.text, Contains("SHA-256") && Contains("plugin lock"));
}

TEST_CASE("a plugin for another ABI is refused, both sides named", "[e2e]") {
  node_process node;
  const auto file = test_plugin_folder() / "bad_abi.so";
  const auto digest = sha256_of_file(file);
  REQUIRE(digest.ok());
  write(node.folder() / "plugins.lock",
        read(node.folder() / "plugins.lock") + "[[file]]\nsha256 = \"" + to_hex(*digest) +
          "\"\n");
  write(node.config_file(),
        read(node.config_file()) + "\n[[plugin]]\nfile = \"" + file.string() + "\"\n");
  const auto f = run_node(node);
  CHECK(f.code == 3);
  CHECK_THAT(f.text, Contains("ABI") && Contains("bad_abi.so"));
}

TEST_CASE("a second node on the same data is refused and harms nothing", "[e2e]") {
  node_process node;
  node.start();
  const auto f = run_node(node);
  CHECK(f.code == 4);
  CHECK(node.ask("whoami").value("name", "") == "maria");
  CHECK(node.stop() == 0);
}

TEST_CASE("a socket in use by somebody else is refused with the remedy", "[e2e]") {
  node_process node;
  node.start();
  auto text = read(node.config_file());
  text.replace(text.find("data = \"data\""), 13, "data = \"other\"");
  write(node.folder() / "second.toml", text);
  const auto f =
    run({crossdockd_program(), "run", (node.folder() / "second.toml").string()});
  CHECK(f.code == 4);
  CHECK_THAT(f.text, Contains("socket"));
  CHECK(node.stop() == 0);
}

TEST_CASE("a torn ledger is refused and left as it is", "[e2e]") {
  node_process node;
  node.start();
  CHECK(node.stop() == 0);
  const auto file = node.ledger_folder() / "ledger.db";
  auto bytes = read(file);
  REQUIRE(bytes.size() > 8192);
  bytes.replace(0, 4096, std::string(4096, 'x'));
  write(file, bytes);
  const auto f = run_node(node);
  CHECK(f.code == 5);
  CHECK_THAT(f.text, Contains("ledger.db"));
  CHECK(read(file) == bytes);
}

TEST_CASE("an agent's owner who is no principal is refused with its place", "[e2e]") {
  node_process node;
  auto text = read(node.config_file());
  text.insert(text.find("[plugin.component.config]"), "owner = \"olga\"\n");
  write(node.config_file(), text);
  const auto f = run_node(node);
  CHECK(f.code == 3);
  CHECK_THAT(f.text, Contains("no principal \"olga\"") && Contains("component.0.owner") &&
                       Contains("line"));
}

TEST_CASE("a table that the mapping needs and the ERP lacks stops the start, by name", "[e2e]") {
  node_process node;
  node.erp("DROP TABLE lane");
  const auto f = run_node(node);
  CHECK(f.code == 3);
  CHECK_THAT(f.text, Contains("sql") && Contains("sim.toml") && Contains("lane"));
  // The sentence names what to do; nothing was taken in and the ledger is whole.
  const auto verified = crossdock::testing::verify_twice(node.ledger_folder());
  REQUIRE(verified.ok());
  CHECK(verified->good());
}
