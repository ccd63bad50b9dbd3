// What every product must do the same: compiled once for SQLite and once for PostgreSQL.
#include "contract/sql_catalogue.hpp"
#include "contract/sql_running.hpp"

#include <set>

#include <catch2/catch.hpp>

using namespace crossdock::sdk::testing;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using sql_fixture::broken;
using sql_fixture::erp_here;
using sql_fixture::every_read;
using sql_fixture::json;
using sql_fixture::running;
using sql_fixture::transfer;

namespace {

const std::string source = SOURCE_FOLDER;

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
  CHECK_THAT(stock["as_of"].get<std::string>(),
             Catch::Matches("20[0-9-]{8}T[0-9:.]{8,15}Z"));
  const auto item = r.node.call("erp.item", {{"item", "SKU-1"}}).payload();
  CHECK(item["cost"] == json{{"amount", "9.05"}, {"currency", "USD"}});
  CHECK(item["substitutes"][0] == json{{"item", "SKU-2"},
                                       {"approved", true},
                                       {"record", "item_substitute/SKU-1>SKU-2"}});
  const auto open = r.node.call("erp.open_orders", {{"item", "SKU-1"}, {"site", "BR-1"}});
  CHECK(open.payload()["lines"].size() == 1);
  const auto all =
      r.node.call("erp.position", {{"item", "SKU-1"}, {"site", "BR-1"}}).payload();
  CHECK(all["sites"] == stock["sites"]);
  CHECK(all["orders"] == open.payload()["lines"]);
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

TEST_CASE("a session that may only read reads, and writes nothing", "[sql]") {
  running r{{{"read_only", true}}};
  CHECK(r.node.call("erp.stock", {{"item", "SKU-1"}}).status() == CDK_TOOL_OK);
  const auto got = r.node.call("erp.transfer.create", transfer, "key-1");
  CHECK(got.status() != CDK_TOOL_OK);
  CHECK(r.erp.db.one("SELECT count(*) FROM transfer WHERE reference = 'key-1'") == "0");
}

TEST_CASE("an argument is data, never SQL", "[sql]") {
  running r;
  const auto got = r.node.call("erp.stock", {{"item", "SKU-1' OR '1'='1"}});
  CHECK(got.status() == CDK_TOOL_NOT_FOUND);
  r.node.call("erp.stock", {{"item", "'; DROP TABLE stock; --"}});
  CHECK(r.erp.db.one("SELECT count(*) FROM stock") == "3");
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
  const auto ids = r.sent_ids();
  std::vector<std::string> records;
  for (const auto& id : ids)
    records.push_back(id.substr(0, id.find('@')));
  CHECK(records == std::vector<std::string>{
                       "sim-erp/sales_line/SO-1/1", "sim-erp/sales_line/SO-1/2",
                       "sim-erp/purchase_line/PO-1/1", "sim-erp/purchase_line/PO-1/2"});
  r.node.advance(10s);
  CHECK(r.node.sent.size() == 4);
  r.erp.db.run(
      "UPDATE sales_line SET promised_date = '2026-03-09' WHERE line_id = 'SO-1/1'");
  r.node.advance(500ms);
  REQUIRE(r.node.sent.size() == 5);
  CHECK_THAT(r.node.sent[4].id, Catch::StartsWith("sim-erp/sales_line/SO-1/1@"));
  CHECK(r.node.sent[4].id != ids[0]);
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
  r.erp.take_away();
  CHECK(r.node.start() == CDK_OK);
  r.node.advance(5s);
  CHECK(r.node.sent.empty());
  CHECK(r.node.metrics["sql_poll_failures"] > 2);
  CHECK(r.node.call("erp.sites", json::object()).status() == CDK_TOOL_TRANSIENT);
  r.erp.bring_back();
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
  CHECK(r.erp.db.one("SELECT count(*) FROM transfer WHERE reference = 'key-1'") == "1");
  CHECK(r.erp.db.one(
            "SELECT reserved FROM stock WHERE item_id='SKU-1' AND site_id='DC-1'") ==
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
  CHECK(r.erp.db.one("SELECT count(*) FROM transfer") == "2");
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
  CHECK(r.erp.db.one("SELECT count(*) FROM transfer") == "1");
}

TEST_CASE("a rule of the ERP itself becomes the outcome that the mapping says", "[sql]") {
  running r;
  r.erp.close_transfers();
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
  r.erp.db.run("UPDATE transfer SET state = 'picked' WHERE reference = 'key-2'");
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
  CHECK(r.erp.db.one("SELECT promised_date FROM sales_line WHERE line_id = 'SO-1/1'") ==
        "2026-03-06");
  const auto moved = r.node.call("erp.order.promise", args, "key-2");
  CHECK(moved.status() == CDK_TOOL_CONFLICT);
  CHECK(moved.payload()["message"] ==
        "the promise of SO-1/1 is 2026-03-06 now, not 2026-03-05");
}

TEST_CASE("while another writer holds the ERP a write is transient and not done",
          "[sql]") {
  running r;
  r.erp.hold_writers();
  CHECK(r.node.call("erp.transfer.create", transfer, "key-1").status() ==
        CDK_TOOL_TRANSIENT);
  CHECK(r.node.call("erp.stock", {{"item", "SKU-1"}}).status() == CDK_TOOL_OK);
  r.erp.let_writers_go();
  CHECK(r.node.call("erp.transfer.create", transfer, "key-1").status() == CDK_TOOL_OK);
}

// -- mistakes
// -------------------------------------------------------------------------------

TEST_CASE("a missing table refuses the start with file, line, entry and remedy",
          "[sql]") {
  running r;
  r.erp.remove_lanes();
  CHECK(r.node.start() == CDK_E_INVALID);
  const auto sentence = r.node.error();
  CHECK_THAT(sentence, Contains(erp_here::lanes_missing()));
  CHECK_THAT(sentence, Contains(erp_here::mapping_name())); // with the line behind it
  CHECK_THAT(sentence, Contains("lane in ") || Contains("exist in "));
  CHECK_THAT(sentence, Contains(": correct the statement or the database"));
  CHECK(r.node.timers().empty());
  bool named = false;
  for (const auto& line : r.node.logs)
    named |= line.message.find("read.erp.sites.lists") != std::string::npos;
  CHECK(named);
  CHECK_THROWS_WITH(r.node.probe(1), Contains(erp_here::lanes_missing()));
  CHECK_NOTHROW(r.node.probe(0));
}

TEST_CASE("a database that is away at the start is only logged", "[sql]") {
  running r;
  r.erp.take_away();
  CHECK(r.node.start() == CDK_OK);
  REQUIRE(!r.node.logs.empty());
  CHECK_THAT(r.node.logs[0].message, Contains("cannot be opened"));
  CHECK_THROWS_WITH(r.node.probe(1), Contains("cannot be opened"));
  r.erp.bring_back();
  r.node.advance(60s);
  CHECK(r.node.sent.size() == 4);
}

TEST_CASE("a position that the mapping has no statement for refuses the start", "[sql]") {
  running r;
  sql_fixture::temporary_folder folder;
  const auto path = folder / "m.toml";
  std::ofstream{path} << "[poll.\"order.line\"]\nstatement = \"SELECT 1 AS cursor\"\n";
  CHECK(r.node.configure(r.settings({{"mapping", path}, {"start", "now"}})) ==
        CDK_E_INVALID);
  CHECK_THAT(r.node.error(), Contains("m.toml:2: poll.order.line.statement: there is no "
                                      "'now' beside it"));
  CHECK(r.node.configure(r.settings({{"mapping", path}, {"start", "all"}})) == CDK_OK);
}

TEST_CASE("a statement that should only read is not let write", "[sql]") {
  running r;
  sql_fixture::temporary_folder folder;
  const auto path = folder / "m.toml";
  std::ofstream{path} << "[read.\"a.b\"]\nstatement = \"DELETE FROM lane RETURNING 1\"\n";
  CHECK(r.node.configure(r.settings({{"mapping", path}})) == CDK_E_INVALID);
  CHECK_THAT(r.node.error(), Contains("must only read"));
  // What was refused is not in force.
  CHECK(r.node.call("erp.stock", {{"item", "SKU-1"}}).status() == CDK_TOOL_OK);
}
