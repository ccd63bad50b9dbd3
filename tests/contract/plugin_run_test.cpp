// Plugin files that live through fixtures, and what becomes of those that do not survive
// it.
#include "base/json.hpp"
#include "kit/app.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace crossdock;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace {

struct told {
  cli::exit_code code;
  std::string out, err;
};

class fixtures {
public:
  fixtures() {
    std::string name = (fs::temp_directory_path() / "crossdock-run-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    folder = name;
  }
  ~fixtures() {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }
  fixtures(const fixtures&) = delete;
  fixtures& operator=(const fixtures&) = delete;

  std::string put(const std::string& name, const json& fixture) const {
    const auto file = (folder / name).string();
    std::ofstream(file) << fixture.dump();
    return file;
  }
  static told says(std::vector<std::string> words) {
    std::ostringstream out, err;
    const auto code = kit::run(std::move(words), {out, err});
    return {code, out.str(), err.str()};
  }
  static std::string plugin(const std::string& name) {
    return (fs::path(std::getenv("TEST_PLUGINS")) / (name + ".so")).string();
  }
  told run(const std::string& name, const json& fixture,
           std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"run", plugin(name), "--fixture", put("f.json", fixture)});
    return says(std::move(more));
  }

  fs::path folder;
};

json fixture(json events, json expect = nullptr) {
  json f{{"format", "crossdock.fixture/1"}, {"events", std::move(events)}};
  if (f["events"].is_array() && !f["events"].empty() &&
      f["events"][0].contains("question")) {
    f["component"] = "test.echo"; // its file has two
  }
  if (!expect.is_null()) {
    f["expect"] = std::move(expect);
  }
  return f;
}

json event(const json& payload) {
  return {{"kind", "message"}, {"topic", "test.event"}, {"payload", payload}};
}

json question(const json& payload) {
  return {{"kind", "ask"}, {"question", "test.echo"}, {"payload", payload}};
}

} // namespace

TEST_CASE("run tells what came of each event, and whether it was expected", "[kit]") {
  const fixtures f;
  const auto asked =
      fixture({question({{"hello", "world"}})},
              {{"replies", {{{"status", "ok"}, {"payload", {{"hello", "world"}}}}}}});
  const auto good = f.run("echo", asked);
  INFO(good.out << good.err);
  CHECK(good.code == cli::exit_code::ok);
  CHECK_THAT(good.out,
             Contains("answers ok {\"hello\":\"world\"}") && Contains("all met"));

  auto other = asked;
  other["expect"]["replies"][0]["payload"]["hello"] = "moon";
  const auto bad = f.run("echo", other, {"--json"});
  CHECK(bad.code == cli::exit_code::warned);
  const auto told = json::parse(bad.out);
  REQUIRE(told["unmet"].size() == 1);
  CHECK_THAT(told["unmet"][0].get<std::string>(), Contains("moon") && Contains("world"));
}

TEST_CASE(
    "a step that fails leaves no effect, and fails a fixture that did not expect it",
    "[kit]") {
  const fixtures f;
  const auto thrown =
      f.run("thrower", fixture({event({{"throw", true}})}, {{"sent", json::array()}}));
  CHECK(thrown.code == cli::exit_code::warned);
  CHECK_THAT(thrown.out, Contains("told to throw"));
  CHECK(f.run("thrower",
              fixture({event({{"throw", true}})}, {{"failures", {"told to throw"}}}))
            .code == cli::exit_code::ok);
}

TEST_CASE("bench times the steps of a fixture's events", "[kit]") {
  const fixtures f;
  const auto file = f.put("b.json", fixture({question({{"hello", "world"}})}));
  const auto t =
      f.says({"bench", f.plugin("echo"), "--fixture", file, "--seconds", "0.1", "--json"});
  INFO(t.out << t.err);
  REQUIRE(t.code == cli::exit_code::ok);
  const auto events = json::parse(t.out).at("events");
  REQUIRE(events.size() == 1);
  CHECK(events[0]["event"] == "ask test.echo");
  CHECK(events[0]["steps"].get<int>() > 10);
  CHECK(events[0]["us_p50"].get<double>() > 0);
  CHECK(events[0]["us_p50"].get<double>() <= events[0]["us_p99"].get<double>());

  const auto failing = f.put("c.json", fixture({event({{"throw", true}})}));
  const auto bad = f.says({"bench", f.plugin("thrower"), "--fixture", failing});
  CHECK(bad.code != cli::exit_code::ok);
  CHECK_THAT(bad.err, Contains("event 1 failed") && Contains("told to throw"));
}

TEST_CASE("what ends its process is named with the event", "[kit]") {
  const fixtures f;
  const auto tell = [&](const char* how) {
    return f.run("crasher", fixture({event({{"how", "not"}}), event({{"how", how}})}),
                 {"--timeout", "2"});
  };
  CHECK_THAT(tell("abort").err, Contains("crashed in event 2"));
  CHECK_THAT(tell("exit").err, Contains("ended its process in event 2"));
  CHECK_THAT(tell("loop").err, Contains("did not come back within 2 s, in event 2"));
  CHECK(tell("abort").code != cli::exit_code::ok);
}

TEST_CASE("a fixture that makes no sense is refused with file and field", "[kit]") {
  const fixtures f;
  const auto refused = [&](const json& fixture, const std::string& field) {
    const auto t = f.run("echo", fixture);
    INFO(fixture.dump());
    CHECK(t.code == cli::exit_code::bad_input);
    CHECK_THAT(t.err, Contains("f.json") && Contains(field));
  };
  refused({{"events", json::array()}}, "format");
  refused(fixture("nothing"), "events");
  refused(fixture({{{"kind", "massage"}}}), "events.0.kind");
  refused(fixture({{{"kind", "message"}}}), "events.0.topic");
  refused(fixture({{{"kind", "advance"}, {"ms", -1}}}), "events.0.ms");
  refused(fixture({{{"kind", "decision"}, {"tool", "t"}, {"status", "so so"}}}),
          "events.0.status");
  refused(fixture(json::array(), {{"seen", 1}}), "expect.seen");
  auto unknown = fixture(json::array());
  unknown["evnets"] = 1;
  refused(unknown, "evnets");
  auto answer = fixture(json::array());
  answer["answers"] = {{{"payload", 1}}};
  refused(answer, "answers.0");
}

TEST_CASE("test runs every fixture of a folder and counts", "[kit]") {
  const fixtures f;
  f.put("1.json", fixture({question({{"a", 1}})}, {{"replies", {{{"status", "ok"}}}}}));
  f.put("2.json", fixture({question({{"a", 1}})}, {{"replies", json::array()}}));
  f.put("3.json", fixture({question({{"a", 1}})}));
  const auto t = f.says({"test", f.plugin("echo"), "--fixtures", f.folder.string()});
  CHECK(t.code == cli::exit_code::warned);
  CHECK_THAT(t.out, Contains("1 passed, 2 failed") && Contains("it expects nothing"));
  fs::remove(f.folder / "2.json");
  fs::remove(f.folder / "3.json");
  CHECK(f.says({"test", f.plugin("echo"), "--fixtures", f.folder.string()}).code ==
        cli::exit_code::ok);
  CHECK(f.says({"test", f.plugin("echo"), "--fixtures", "/nonexistent"}).code ==
        cli::exit_code::not_found);
}
