// `crossdock doctor` on a real node, well and broken.
#include "operations.hpp"

#include <sys/stat.h>

using namespace crossdock;
using namespace crossdock::test;
using namespace std::chrono_literals;

namespace {

struct diagnosis {
  int code = -1;
  json all;
  /// The level of a finding whose area, name and sentence hold `part`; empty if none.
  std::string level(const std::string& area, const std::string& part) const {
    for (const auto& f : all["findings"]) {
      const auto text =
          f["what"].get<std::string>() + " " + f["message"].get<std::string>();
      if (f["area"] == area && text.find(part) != std::string::npos) {
        return f["level"];
      }
    }
    return "";
  }
  std::string failures() const {
    std::string out;
    for (const auto& f : all["findings"]) {
      if (f["level"] == "fail") {
        out += f.dump() + "\n";
      }
    }
    return out;
  }
};

diagnosis examine(const node_process& node) {
  const auto f =
      run({crossdock_program(), "--json", "doctor", node.config_file().string()});
  diagnosis d;
  d.code = f.code;
  d.all = json::parse(f.text, nullptr, false);
  INFO(f.text);
  REQUIRE(d.all.is_object());
  return d;
}

} // namespace

TEST_CASE("a node that is well has nothing to mend, before, during and after it runs",
          "[e2e][doctor]") {
  node_process node;
  const auto before = examine(node);
  INFO(before.failures());
  CHECK(before.code <= 1); // a machine may have something to look at
  CHECK(before.level("connector", "sql") == "ok");
  CHECK(before.level("node", "no node runs") == "ok");
  node.start();
  const auto running = examine(node);
  INFO(running.failures());
  CHECK(running.code <= 1);
  CHECK(running.level("node", "a node answers") == "ok");
  CHECK(running.level("node", "version") == "ok");
  CHECK(running.level("ledger", "records") == "ok");
  node.kill9();
  const auto killed = examine(node);
  CHECK(killed.level("node", "left behind") == "warn");
  CHECK(killed.code == 1);
}

TEST_CASE("what is broken is a failure with exit code 9", "[e2e][doctor]") {
  node_process node;
  node.start();
  REQUIRE(node.stop() == 0);
  SECTION("a key that others can read") {
    REQUIRE(::chmod((node.ledger_folder() / "ledger.key").c_str(), 0644) == 0);
    const auto d = examine(node);
    CHECK(d.code == 9);
    CHECK(d.level("ledger", "ledger.key") == "fail");
  }
  SECTION("a system of record that is not there") {
    std::filesystem::remove(node.erp_file());
    const auto d = examine(node);
    CHECK(d.code == 9);
    CHECK(d.level("connector", "sql") == "fail");
  }
  SECTION("a plugin that is not the one on the list") {
    write(node.folder() / "plugins.lock", "");
    const auto d = examine(node);
    CHECK(d.code == 9);
    CHECK(d.level("configuration", "list of allowed files") == "fail");
  }
  SECTION("a file that is missing") {
    replace(node.config_file(), "[policy]\nfile = \"", "[policy]\nfile = \"/nowhere");
    const auto d = examine(node);
    CHECK(d.code == 9);
    CHECK(d.level("configuration", "/nowhere") == "fail");
  }
}
