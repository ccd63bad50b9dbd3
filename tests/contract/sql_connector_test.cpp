// What is SQLite's alone; the rest is in sql_cases.cpp.
#include "contract/sql_catalogue.hpp"
#include "contract/sql_running.hpp"

#include <catch2/catch.hpp>

using namespace crossdock::sdk::testing;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using sql_fixture::json;

namespace {

const std::string source = SOURCE_FOLDER;

json settings(const std::string& path, const json& more = json::object()) {
  json config = {{"mapping", source + "/config/connectors/sim.toml"},
                 {"database", path},
                 {"system", "sim-erp"},
                 {"busy_ms", 20}};
  config.update(more);
  return config;
}

} // namespace

TEST_CASE("a database that is not there is named, and is not created", "[sql]") {
  sql_fixture::temporary_folder folder;
  fake_node node{sql_fixture::entry_of(SQL_PLUGIN), "sql", settings(folder / "none.db")};
  CHECK(node.start() == CDK_OK);
  CHECK_THROWS_WITH(node.probe(1), Contains("none.db cannot be opened"));
  CHECK(!std::filesystem::exists(folder / "none.db"));
}

TEST_CASE("a broken mapping is refused with its line", "[sql]") {
  sql_fixture::temporary_folder folder;
  const auto complaint = [&](const std::string& text) {
    const auto path = folder / "m.toml";
    std::ofstream{path} << text;
    try {
      fake_node{sql_fixture::entry_of(SQL_PLUGIN), "sql",
                settings(folder / "x.db", {{"mapping", path}})};
    } catch (const std::exception& e) {
      return std::string{e.what()};
    }
    return std::string{};
  };
  CHECK_THAT(complaint("[read.\"a.b\"]\nstatment = \"SELECT 1\"\n"),
             Contains("m.toml:1: read.a.b: has no 'statement'"));
  CHECK_THAT(complaint("[read.\"a.b\"]\nstatement = \"SELECT 1\"\nmising = \"x\"\n"),
             Contains("m.toml:3: read.a.b: 'mising' is not known here"));
  CHECK_THAT(complaint("[read\n"), Contains("m.toml:"));
  CHECK_THAT(complaint("[read.a.b]\nstatement = \"SELECT 1\"\n"), Contains("read.a"));
}

TEST_CASE("SQLite does not notify, and a mapping that relies on it is refused", "[sql]") {
  sql_fixture::temporary_folder folder;
  const auto path = folder / "m.toml";
  std::ofstream{path}
      << "[poll.\"order.line\"]\nnotify = \"a\"\nstatement = \"SELECT 1\"\n";
  CHECK_THROWS_WITH((fake_node{sql_fixture::entry_of(SQL_PLUGIN), "sql",
                               settings(folder / "x.db", {{"mapping", path}})}),
                    Contains("m.toml:2: poll.order.line.notify: SQLite does not notify"));
}

#ifdef SIM_PROGRAM
TEST_CASE("the simulated distributor answers as the catalogue promises", "[sql][sim]") {
  sql_fixture::temporary_folder folder;
  const auto path = folder / "tiny.db";
  const std::string make = std::string{SIM_PROGRAM} + " create --db " + path +
                           " --size tiny --seed 7 > /dev/null";
  REQUIRE(std::system(make.c_str()) == 0);
  sql_fixture::database db{path};
  fake_node node{sql_fixture::entry_of(SQL_PLUGIN), "sql", settings(path)};
  REQUIRE(node.start() == CDK_OK);
  node.advance(100ms);
  REQUIRE(!node.sent.empty());
  for (const auto& e : node.sent)
    REQUIRE(sql_fixture::broken(source, e.topic, "schema", e.payload) == "");
  const auto line = db.one("SELECT line_id FROM sales_line WHERE state = 'open'");
  const auto item =
      db.one("SELECT item_id FROM sales_line WHERE line_id = '" + line + "'");
  const auto site =
      db.one("SELECT site_id FROM sales_line WHERE line_id = '" + line + "'");
  for (auto [tool, args] : sql_fixture::every_read) {
    if (args.contains("item"))
      args["item"] = item;
    if (args.contains("site"))
      args["site"] = site;
    if (args.contains("line"))
      args["line"] = line;
    const auto got = node.call(tool, args);
    INFO(tool);
    REQUIRE(got.status() == CDK_TOOL_OK);
    CHECK(sql_fixture::broken(source, tool, "answer", got.payload()) == "");
  }
}
#endif
