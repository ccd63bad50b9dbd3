#include <crossdock/testing.hpp>

#include "contract/sql_fixture.hpp"

#include <set>

#include <catch2/catch.hpp>

using namespace crossdock::sdk::testing;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using sql_fixture::broken;
using sql_fixture::database;
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

/// The distributor, and the connector's shipped file on it.
struct running {
  explicit running(const json& more = json::object())
      : path{folder / "erp.db"}, db{made(path)}, node{sql_fixture::entry_of(SQL_PLUGIN),
                                                      "sql", settings(path, more)} {}

  static const std::string& made(const std::string& at) {
    sql_fixture::create_distributor(at, source);
    return at;
  }
  /// Lets the first page of every feed be polled.
  void start() {
    REQUIRE(node.start() == CDK_OK);
    node.advance(1ms);
  }
  std::vector<std::string> sent_ids() const {
    std::vector<std::string> out;
    for (const auto& e : node.sent)
      out.push_back(e.id);
    return out;
  }

  sql_fixture::temporary_folder folder;
  std::string path;
  database db;
  fake_node node;
};

const std::vector<std::pair<std::string, json>> every_read = {
    {"erp.stock", {{"item", "SKU-1"}}},
    {"erp.item", {{"item", "SKU-1"}}},
    {"erp.order_line", {{"line", "SO-1/1"}}},
    {"erp.open_orders", {{"item", "SKU-1"}, {"site", "BR-1"}}},
    {"erp.supply", {{"item", "SKU-1"}}},
    {"erp.demand", {{"item", "SKU-1"}, {"site", "BR-1"}, {"since", "2026-01-01"}}},
    {"erp.sites", json::object()},
    {"erp.transfer_history", {{"since", "2026-01-01"}}},
    {"erp.receipt_history", {{"since", "2026-01-01"}, {"limit", 10}}},
    {"erp.pick_history", {{"since", "2026-01-01"}}},
    {"erp.order_history", {{"since", "2026-01-01"}, {"limit", 10}}},
    {"erp.purchase_history", {{"since", "2026-01-01"}, {"limit", 10}}},
    {"erp.supply_history", {{"since", "2026-01-01"}, {"limit", 10}}},
    {"erp.stock_levels", {{"limit", 10}}},
};

const json transfer = {{"item", "SKU-1"},       {"from", "DC-1"},
                       {"to", "BR-1"},          {"quantity", "7"},
                       {"unit", "EA"},          {"need_date", "2026-03-05"},
                       {"order_line", "SO-1/1"}};

} // namespace

// -- reads
// ----------------------------------------------------------------------------------

TEST_CASE("every read tool's answer is what the catalogue promises", "[sql]") {
  running r;
  for (const auto& [tool, args] : every_read) {
    INFO(tool);
    CHECK(broken(source, tool, "schema", args) == "");
    const auto got = r.node.call(tool, args);
    REQUIRE(got.status() == CDK_TOOL_OK);
    CHECK(broken(source, tool, "answer", got.payload()) == "");
    CHECK(got.payload()["system"] == "sim-erp");
  }
}

TEST_CASE("numbers are those of the books", "[sql]") {
  running r;
  const auto stock =
      r.node.call("erp.stock", {{"item", "SKU-1"}, {"site", "BR-1"}}).payload();
  REQUIRE(stock["sites"].size() == 1);
  CHECK(stock["sites"][0]["on_hand"] == "3");
  CHECK(stock["sites"][0]["available"] == "0");
  CHECK(stock["as_of"] == "2026-03-02T09:30:00Z");
  const auto item = r.node.call("erp.item", {{"item", "SKU-1"}}).payload();
  CHECK(item["cost"] == json{{"amount", "9.05"}, {"currency", "USD"}});
  CHECK(item["substitutes"][0] == json{{"item", "SKU-2"},
                                       {"approved", true},
                                       {"record", "item_substitute/SKU-1>SKU-2"}});
  const auto open = r.node.call("erp.open_orders", {{"item", "SKU-1"}, {"site", "BR-1"}});
  CHECK(open.payload()["lines"].size() == 1);
  const auto receipts =
      r.node.call("erp.receipt_history", {{"since", "2026-01-01"}}).payload();
  CHECK(receipts["receipts"].size() == 2);
}

TEST_CASE("what the ERP does not know is not found, and says so", "[sql]") {
  running r;
  const auto got = r.node.call("erp.stock", {{"item", "SKU-404"}});
  CHECK(got.status() == CDK_TOOL_NOT_FOUND);
  CHECK(got.payload()["message"] == "there is no item SKU-404");
}

TEST_CASE("an argument is data, never SQL", "[sql]") {
  running r;
  const auto got = r.node.call("erp.stock", {{"item", "SKU-1' OR '1'='1"}});
  CHECK(got.status() == CDK_TOOL_NOT_FOUND);
  r.node.call("erp.stock", {{"item", "'; DROP TABLE stock; --"}});
  CHECK(r.db.one("SELECT count(*) FROM stock") == "3");
}

TEST_CASE("a session that may only read reads, and writes nothing", "[sql]") {
  running r{{{"read_only", true}}};
  CHECK(r.node.call("erp.stock", {{"item", "SKU-1"}}).status() == CDK_TOOL_OK);
  const auto got = r.node.call("erp.transfer.create", transfer, "key-1");
  CHECK(got.status() != CDK_TOOL_OK);
  CHECK(r.db.one("SELECT count(*) FROM transfer WHERE reference = 'key-1'") == "0");
}

TEST_CASE("a list that is too long is refused, not cut", "[sql]") {
  running r{{{"rows_max", 1}}};
  const auto got = r.node.call("erp.sites", json::object());
  CHECK(got.status() == CDK_TOOL_REFUSED);
  CHECK_THAT(got.payload()["message"], Contains("more than 1 rows"));
}

// -- polls
// ----------------------------------------------------------------------------------

TEST_CASE("every polled event is what the catalogue promises", "[sql]") {
  running r{{{"start", "all"}}};
  r.start();
  std::map<std::string, int> topics;
  for (const auto& e : r.node.sent) {
    ++topics[e.topic];
    CHECK(broken(source, e.topic, "schema", e.payload) == "");
    CHECK(!e.payload.contains("cursor"));
  }
  CHECK(topics == std::map<std::string, int>{{"order.line", 3}, {"purchase.line", 2}});
}

TEST_CASE("a poll sends each change once, in order, with an id that repeats", "[sql]") {
  running r;
  r.start();
  CHECK(r.sent_ids() == std::vector<std::string>{"sim-erp/sales_line/SO-1/1@2",
                                                 "sim-erp/sales_line/SO-1/2@3",
                                                 "sim-erp/purchase_line/PO-1/1@1",
                                                 "sim-erp/purchase_line/PO-1/2@2"});
  r.node.advance(10s);
  CHECK(r.node.sent.size() == 4);
  r.db.run("UPDATE sales_line SET promised_date = '2026-03-09' WHERE line_id = 'SO-1/1'");
  r.node.advance(500ms);
  REQUIRE(r.node.sent.size() == 5);
  CHECK(r.node.sent[4].id == "sim-erp/sales_line/SO-1/1@4");
  CHECK(r.node.sent[4].payload["promised_date"] == "2026-03-09");
}

TEST_CASE("start decides where a first poll begins", "[sql]") {
  const auto lines = [](const char* start) {
    running r{{{"start", start}}};
    r.start();
    return std::count_if(r.node.sent.begin(), r.node.sent.end(),
                         [](const auto& e) { return e.topic == "order.line"; });
  };
  CHECK(lines("all") == 3);
  CHECK(lines("open") == 2);
  CHECK(lines("now") == 0);
}

TEST_CASE("events and cursor commit together, page by page", "[sql]") {
  running r{{{"start", "all"}, {"page", 1}}};
  REQUIRE(r.node.start() == CDK_OK);
  r.node.lose_next_step(); // the machine dies after the first page was read
  r.node.advance(1ms);
  CHECK(r.node.memory.count("cursor/order.line") == 0);
  CHECK(std::count_if(r.node.sent.begin(), r.node.sent.end(),
                      [](const auto& e) { return e.topic == "order.line"; }) == 0);
  r.node.advance(1s); // the timer is redelivered
  const auto ids = r.sent_ids();
  CHECK(ids.size() == 5);
  CHECK(std::set<std::string>(ids.begin(), ids.end()).size() == 5);
}

TEST_CASE("a restart goes on at the cursor with one chain of timers", "[sql]") {
  running r;
  r.start();
  const auto before = r.node.sent.size();
  for (int i = 0; i < 3; ++i) {
    r.node.restart();
    r.start();
  }
  r.node.advance(5s);
  CHECK(r.node.sent.size() == before);
  CHECK(r.node.timers().size() == 2); // one a feed
}

TEST_CASE("a database that is locked or away delays a poll and loses nothing", "[sql]") {
  running r;
  std::filesystem::rename(r.path, r.path + ".away");
  r.node.start();
  r.node.advance(5s);
  CHECK(r.node.sent.empty());
  CHECK(r.node.metrics["sql_poll_failures"] > 2);
  CHECK(r.node.call("erp.sites", json::object()).status() == CDK_TOOL_TRANSIENT);
  std::filesystem::rename(r.path + ".away", r.path);
  r.node.advance(60s);
  CHECK(r.node.sent.size() == 4);
}

// -- writes
// ---------------------------------------------------------------------------------

TEST_CASE("a write is done once however often its key comes", "[sql]") {
  running r;
  const auto first = r.node.call("erp.transfer.create", transfer, "key-1");
  REQUIRE(first.status() == CDK_TOOL_OK);
  CHECK(broken(source, "erp.transfer.create", "answer", first.payload()) == "");
  CHECK(first.payload()["reference"] == "key-1");
  CHECK(first.payload()["record"] == "transfer/TR-000002");
  CHECK(first.payload()["state"] == "requested");
  const auto again = r.node.call("erp.transfer.create", transfer, "key-1");
  CHECK(again.status() == CDK_TOOL_OK);
  CHECK(again.payload()["record"] == "transfer/TR-000002");
  CHECK(r.db.one("SELECT count(*) FROM transfer WHERE reference = 'key-1'") == "1");
  CHECK(r.db.one("SELECT reserved FROM stock WHERE item_id='SKU-1' AND site_id='DC-1'") ==
        "7");
}

TEST_CASE("a write whose answer was lost is found by its key", "[sql]") {
  running r;
  CHECK(r.node.lookup("erp.transfer.create", transfer, "key-1").status() ==
        CDK_TOOL_NOT_FOUND);
  r.node.lose_next_step(); // died between the ERP's commit and the answer
  const auto lost = r.node.call("erp.transfer.create", transfer, "key-1");
  CHECK(!lost.reply);
  const auto found = r.node.lookup("erp.transfer.create", transfer, "key-1");
  CHECK(found.status() == CDK_TOOL_OK);
  CHECK(found.payload()["record"] == "transfer/TR-000002");
  CHECK(broken(source, "erp.transfer.create", "answer", found.payload()) == "");
  CHECK(r.db.one("SELECT count(*) FROM transfer") == "2");
}

TEST_CASE("a precondition that does not hold is a refusal with its numbers", "[sql]") {
  running r;
  auto args = transfer;
  args["quantity"] = "41";
  const auto much = r.node.call("erp.transfer.create", args, "key-1");
  CHECK(much.status() == CDK_TOOL_REFUSED);
  CHECK(much.payload()["message"] == "DC-1 cannot send 41 EA of SKU-1: 40 available");
  args["quantity"] = "1.5";
  CHECK_THAT(r.node.call("erp.transfer.create", args, "key-2").payload()["message"],
             Contains("whole number"));
  args["quantity"] = "1";
  args["from"] = "BR-1";
  args["to"] = "DC-1";
  CHECK_THAT(r.node.call("erp.transfer.create", args, "key-3").payload()["message"],
             Contains("no lane"));
  CHECK(r.node.call("erp.transfer.create", transfer, "").status() == CDK_TOOL_REFUSED);
  CHECK(r.db.one("SELECT count(*) FROM transfer") == "1");
}

TEST_CASE("a rule of the ERP itself becomes the outcome that the mapping says", "[sql]") {
  running r;
  r.db.run("CREATE TRIGGER closed BEFORE INSERT ON transfer BEGIN "
           "SELECT RAISE(ABORT, 'conflict: stock-taking is under way'); END");
  const auto got = r.node.call("erp.transfer.create", transfer, "key-1");
  CHECK(got.status() == CDK_TOOL_CONFLICT);
  CHECK(got.payload()["message"] == "stock-taking is under way");
}

TEST_CASE("a transfer is cancelled once, and not after it was picked", "[sql]") {
  running r;
  r.node.call("erp.transfer.create", transfer, "key-1");
  r.node.call("erp.transfer.create", transfer, "key-2");
  const auto got = r.node.call("erp.transfer.cancel", {{"reference", "key-1"}}, "undo-1");
  REQUIRE(got.status() == CDK_TOOL_OK);
  CHECK(broken(source, "erp.transfer.cancel", "answer", got.payload()) == "");
  CHECK(got.payload()["state"] == "cancelled");
  CHECK(r.node.call("erp.transfer.cancel", {{"reference", "key-1"}}, "undo-1").status() ==
        CDK_TOOL_OK);
  r.db.run("UPDATE transfer SET state = 'picked' WHERE reference = 'key-2'");
  const auto late =
      r.node.call("erp.transfer.cancel", {{"reference", "key-2"}}, "undo-2");
  CHECK(late.status() == CDK_TOOL_CONFLICT);
  CHECK_THAT(late.payload()["message"], Contains("is picked"));
  CHECK(r.node.call("erp.transfer.cancel", {{"reference", "no"}}, "undo-3").status() ==
        CDK_TOOL_REFUSED);
  CHECK(
      r.node.lookup("erp.transfer.cancel", {{"reference", "key-2"}}, "undo-2").status() ==
      CDK_TOOL_NOT_FOUND);
}

TEST_CASE("a promise is changed unless it moved meanwhile", "[sql]") {
  running r;
  const json args = {
      {"line", "SO-1/1"}, {"date", "2026-03-06"}, {"previous", "2026-03-05"}};
  const auto got = r.node.call("erp.order.promise", args, "key-1");
  REQUIRE(got.status() == CDK_TOOL_OK);
  CHECK(broken(source, "erp.order.promise", "answer", got.payload()) == "");
  CHECK(r.db.one("SELECT promised_date FROM sales_line WHERE line_id = 'SO-1/1'") ==
        "2026-03-06");
  const auto moved = r.node.call("erp.order.promise", args, "key-2");
  CHECK(moved.status() == CDK_TOOL_CONFLICT);
  CHECK(moved.payload()["message"] ==
        "the promise of SO-1/1 is 2026-03-06 now, not 2026-03-05");
}

TEST_CASE("while another writer holds the ERP a write is transient and not done",
          "[sql]") {
  running r;
  r.db.run("BEGIN IMMEDIATE");
  CHECK(r.node.call("erp.transfer.create", transfer, "key-1").status() ==
        CDK_TOOL_TRANSIENT);
  CHECK(r.node.call("erp.stock", {{"item", "SKU-1"}}).status() == CDK_TOOL_OK);
  r.db.run("COMMIT");
  CHECK(r.node.call("erp.transfer.create", transfer, "key-1").status() == CDK_TOOL_OK);
}

// -- mistakes
// -------------------------------------------------------------------------------

TEST_CASE("a missing table is named at the start with file, entry and remedy", "[sql]") {
  running r;
  r.db.run("PRAGMA legacy_alter_table = ON; ALTER TABLE lane RENAME TO lane_2");
  r.node.start();
  bool named = false;
  for (const auto& line : r.node.logs)
    named |= line.message.find("no such table: lane") != std::string::npos &&
             line.message.find("sim.toml:") != std::string::npos &&
             line.message.find("read.erp.sites.lists") != std::string::npos;
  CHECK(named);
  CHECK_THROWS_WITH(r.node.probe(1), Contains("no such table: lane"));
  CHECK_NOTHROW(r.node.probe(0));
}

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

TEST_CASE("a statement that should only read is not let write", "[sql]") {
  running r;
  const auto path = r.folder / "m.toml";
  std::ofstream{path} << "[read.\"a.b\"]\nstatement = \"DELETE FROM lane RETURNING 1\"\n";
  r.node.configure(settings(r.path, {{"mapping", path}}));
  CHECK_THROWS_WITH(r.node.probe(1), Contains("must only read"));
}

#ifdef SIM_PROGRAM
TEST_CASE("the simulated distributor answers as the catalogue promises", "[sql][sim]") {
  sql_fixture::temporary_folder folder;
  const auto path = folder / "tiny.db";
  const std::string make = std::string{SIM_PROGRAM} + " create --db " + path +
                           " --size tiny --seed 7 > /dev/null";
  REQUIRE(std::system(make.c_str()) == 0);
  database db{path};
  fake_node node{sql_fixture::entry_of(SQL_PLUGIN), "sql", settings(path)};
  REQUIRE(node.start() == CDK_OK);
  node.advance(100ms);
  REQUIRE(!node.sent.empty());
  for (const auto& e : node.sent)
    REQUIRE(broken(source, e.topic, "schema", e.payload) == "");
  const auto line = db.one("SELECT line_id FROM sales_line WHERE state = 'open'");
  const auto item =
      db.one("SELECT item_id FROM sales_line WHERE line_id = '" + line + "'");
  const auto site =
      db.one("SELECT site_id FROM sales_line WHERE line_id = '" + line + "'");
  for (auto [tool, args] : every_read) {
    if (args.contains("item"))
      args["item"] = item;
    if (args.contains("site"))
      args["site"] = site;
    if (args.contains("line"))
      args["line"] = line;
    const auto got = node.call(tool, args);
    INFO(tool);
    REQUIRE(got.status() == CDK_TOOL_OK);
    CHECK(broken(source, tool, "answer", got.payload()) == "");
  }
}
#endif
