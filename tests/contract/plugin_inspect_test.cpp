// What a person and a program are told of a plugin file without running it.
#include "kit/app.hpp"

#include "base/json.hpp"

#include <catch2/catch.hpp>

#include <sstream>

using namespace crossdock;
using Catch::Matchers::Contains;

namespace {

struct told {
  cli::exit_code code;
  std::string out, err;
};

told inspect(const std::string& file, std::vector<std::string> more = {}) {
  std::ostringstream out, err;
  more.insert(more.begin(), {"inspect", file});
  const auto code = kit::run(std::move(more), {out, err});
  return {code, out.str(), err.str()};
}

const std::string test_plugins = TEST_PLUGINS;

} // namespace

TEST_CASE("inspect says what a connector offers, hides and cannot undo", "[kit]") {
  const auto t = inspect(SQL_PLUGIN);
  CHECK(t.code == cli::exit_code::ok);
  CHECK_THAT(t.out, Contains("erp.transfer.create/1"));
  CHECK_THAT(t.out, Contains("is looked up first"));
  CHECK_THAT(t.out, Contains("/password"));
  CHECK_THAT(t.out, Contains("a thread of its own"));
  CHECK_THAT(t.out, Contains("libpq.so.5"));
  CHECK_THAT(t.out, Contains("erp.transfer.cancel cannot be undone"));
}

TEST_CASE("inspect says what an agent hears, asks and sends", "[kit]") {
  const auto t = inspect(test_plugins + "/echo.so");
  CHECK_THAT(t.out, Contains("hears         test.ask/1"));
  CHECK_THAT(t.out, Contains("sends         test.done/1"));
  CHECK_THAT(t.out, Contains("asks          test.echo/1"));
  CHECK_THAT(t.out, !Contains("unusual"));
}

TEST_CASE("inspect tells programs the manifest and each breach of a rule", "[kit]") {
  const auto t = inspect(test_plugins + "/extra_export.so", {"--json"});
  CHECK(t.code == cli::exit_code::ok);
  const auto said = json::parse(t.out);
  CHECK(said["manifest"]["components"].size() == 1);
  CHECK(said["sha256"].get<std::string>().size() == 64);
  REQUIRE(said["findings"].size() == 1);
  CHECK(said["findings"][0]["rule"] == "elf.exports");
}

TEST_CASE("inspect of what is no plugin is an error with the remedy", "[kit]") {
  CHECK(inspect("/nowhere.so").code == cli::exit_code::not_found);
  const auto t = inspect(test_plugins + "/no_manifest.so");
  CHECK(t.code == cli::exit_code::bad_input);
  CHECK_THAT(t.err, Contains("crossdock_add_plugin"));
}
