// The checker passes what is good and fails each bad plugin for its own reason.
#include "base/json.hpp"
#include "kit/app.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

using namespace crossdock;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace {

struct told {
  cli::exit_code code;
  std::string out, err;
};

told says(std::vector<std::string> words) {
  std::ostringstream out, err;
  const auto code = kit::run(std::move(words), {out, err});
  return {code, out.str(), err.str()};
}

fs::path in(const char* folder, const std::string& name) {
  return fs::path(folder) / (name + ".so");
}

json checked(const fs::path& plugin) {
  const auto t = says({"check", plugin.string(), "--seed", "7", "--json"});
  INFO(t.err);
  auto report = json::parse(t.out);
  CHECK((t.code == cli::exit_code::ok) == (report["failed"] == 0));
  return report;
}

std::set<std::string> failed(const json& report) {
  std::set<std::string> out;
  for (const auto& t : report["tests"]) {
    if (t["result"] == "failed") {
      out.insert(t["test"].get<std::string>());
    }
  }
  return out;
}

} // namespace

TEST_CASE("a good plugin passes every test, and so do our own agents", "[kit]") {
  for (const auto& file :
       {in(BROKEN_PLUGINS, "broken-good"), in(OWN_PLUGINS, "order"),
        in(OWN_PLUGINS, "replenishment"), in(OWN_PLUGINS, "warehouse")}) {
    const auto report = checked(file);
    INFO(file.string() << ' ' << report.dump(1));
    CHECK(report["failed"] == 0);
    CHECK(report["skipped"] == 0);
    CHECK(report["passed"] > 20);
  }
}

TEST_CASE("each bad plugin fails, and by the test that is about its reason", "[kit]") {
  struct bad {
    const char* plugin;
    const char* test;
    const char* says;
  };
  const auto b = GENERATE(
      bad{"crash_on_config", "life.bad_config", "crashed while it was created"},
      bad{"instance_on_failure", "life.bad_config", "gave an instance all the same"},
      bad{"unknown_component", "life.unknown", "does not have"},
      bad{"leak_life", "life.leak", "KiB behind"},
      bad{"leak_step", "robust.leak", "KiB behind"},
      bad{"shared_state", "life.many", "crashed in a step of instance"},
      bad{"crash_on_empty", "messages.odd",
          "crashed in test.event with an empty payload"},
      bad{"scribble", "messages.declared", "crashed in an event of test.event"},
      bad{"hang_on_depth", "messages.odd", "did not come back"},
      bad{"undeclared_topic", "messages.declared", "test.secret"},
      bad{"act_on_unknown", "messages.undeclared", "acts on what it did not ask for"},
      bad{"crash_on_denied", "messages.answers",
          "crashed when test.echo was answered with status -4"},
      bad{"clock_in_effects", "state.replay", "other effects the second time"},
      bad{"wandering_snapshot", "state.round_trip", "differ"},
      bad{"restore_loses", "state.round_trip", "another state"},
      bad{"crash_on_damaged_state", "state.damaged", "crashed in restore()"},
      bad{"ignores_host_failure", "state.host_fails", "crashed when host call"},
      bad{"needs_exact_host", "life.larger_host", "is refused"},
      bad{"shares_environment", "robust.side_by_side", "they share something"},
      bad{"trusts_malloc", "robust.memory", "crashed when allocation 1 in test.event"});
  const auto t =
      says({"check", in(BROKEN_PLUGINS, std::string("broken-") + b.plugin).string(),
            "--seed", "7", "--json", "--only", b.test});
  INFO(b.plugin << ' ' << t.out << t.err);
  const auto report = json::parse(t.out);
  CHECK(t.code == cli::exit_code::warned);
  CHECK(failed(report) == std::set<std::string>{b.test});
  CHECK_THAT(report["tests"].back()["finding"].get<std::string>(), Contains(b.says));
}

TEST_CASE("payloads of the catalogue's schemas are tried as well", "[kit]") {
  const auto good = in(BROKEN_PLUGINS, "broken-good").string();
  const auto t = says({"check", good, "--catalogue", TEST_CATALOGUE, "--only", "messages.declared"});
  INFO(t.out << t.err);
  CHECK(t.code == cli::exit_code::ok);
  CHECK(says({"check", good, "--catalogue", "/nonexistent"}).code == cli::exit_code::not_found);
}

TEST_CASE("what the loader would refuse is not run", "[kit]") {
  for (const auto* name : {"extra_export", "no_manifest", "bad_abi"}) {
    const auto report = checked(in(TEST_PLUGINS, name));
    INFO(name << ' ' << report.dump(1));
    CHECK(report["failed"] >= 1);
    for (const auto& one : report["tests"]) {
      CHECK((one["level"] == 1 || one["test"] == "life.load" ||
             one["result"] == "skipped"));
    }
  }
}

TEST_CASE("a check can be repeated, narrowed, and read by a machine", "[kit]") {
  const auto good = in(BROKEN_PLUGINS, "broken-good").string();
  std::string name = (fs::temp_directory_path() / "crossdock-junit-XXXXXX").string();
  const int fd = ::mkstemp(name.data());
  REQUIRE(fd >= 0);
  const auto t = says({"check", good, "--level", "1", "--junit", name});
  CHECK(t.code == cli::exit_code::ok);
  CHECK_THAT(t.out, Contains(" passed, 0 failed, 0 skipped; seed "));
  std::ifstream report(name);
  std::ostringstream xml;
  xml << report.rdbuf();
  CHECK_THAT(xml.str(), Contains("<testsuite name=") && Contains("failures=\"0\""));
  fs::remove(name);
  CHECK(says({"check", good, "--only", "no.such"}).code == cli::exit_code::bad_input);
  CHECK(says({"check", "/nonexistent.so"}).code == cli::exit_code::not_found);
}
