// The node is killed with SIGKILL at random moments of a business day, again and again. What it
// acknowledged must not be lost, and nothing may be done twice in the distributor's own books.
#include <catch2/catch.hpp>

#include "base/clock.hpp"
#include "ledger/ledger.hpp"
#include "support/node_process.hpp"

#include <cstdlib>
#include <iostream>
#include <thread>

using namespace crossdock;
using namespace crossdock::test;
using namespace std::chrono_literals;

namespace {

/// Everything is allowed, so that as many effects as possible are under way when it dies.
const char* allow_everything = R"(
version = 1
name = "allow"
[[rule]]
id = "transfers"
effect = "allow"
agent = "*"
tool = "erp.transfer.create"
[[rule]]
id = "promises"
effect = "allow"
agent = "*"
tool = "erp.order.promise"
)";

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

} // namespace

TEST_CASE("kill -9 at random moments of the day loses no event and repeats no effect",
          "[fault]") {
  const auto seed = from_environment("CROSSDOCK_SEED", system_random().next() % 1'000'000);
  const auto kills = from_environment("CROSSDOCK_KILLS", 100);
  std::cout << "seed " << seed << ": repeat with CROSSDOCK_SEED=" << seed << std::endl;
  CAPTURE(seed);
  seeded_random random(seed);

  node_process::setup s;
  s.size = "small";
  s.seed = seed;
  s.policy = allow_everything;
  node_process node(s);
  // The distributor has no guard of its own against a repeated reference: if a transfer were
  // ordered twice, there would be two.
  node.erp("DROP INDEX transfer_reference");

  auto day = node.play(static_cast<int>(kills) / 2 + 10);
  for (std::uint64_t i = 0; i < kills; ++i) {
    node.start();
    std::this_thread::sleep_for(std::chrono::milliseconds(random.next() % 700));
    node.kill9();
  }
  REQUIRE(day.wait(600s) == 0);
  node.start();
  REQUIRE(until([&] { return node.settled(); }, 300s));

  // Every change the distributor wrote down as open or changed has reached the ledger.
  const auto last_change = std::stoll(node.erp(
    "SELECT max(change_seq) FROM sales_line")[0][0]);
  REQUIRE(until(
    [&] {
      const auto records = node.ask("node.status");
      return records.value("exchange_waiting", -1) == 0;
    },
    60s));
  CHECK(last_change > 0);

  // Effects, counted in the distributor's books: each reference once, and as many as ours say.
  const auto twice = node.erp("SELECT reference, count(*) FROM transfer WHERE reference IS NOT "
                              "NULL GROUP BY reference HAVING count(*) > 1");
  CHECK(twice.empty());
  const auto lines_twice =
    node.erp("SELECT order_line_id, quantity, count(*) FROM transfer WHERE reference IS NOT NULL "
             "AND order_line_id IS NOT NULL AND state <> 'cancelled' "
             "GROUP BY order_line_id, from_site_id, quantity HAVING count(*) > 1");
  CHECK(lines_twice.empty());
  const auto there = node.erp("SELECT count(*) FROM transfer WHERE reference IS NOT NULL")[0][0];
  std::cout << kills << " kills, " << there << " transfers in the distributor's books, "
            << twice.size() << " repeated" << std::endl;
  CHECK(std::stoi(there) > 0);

  std::size_t executed = 0;
  std::string after;
  const auto ledger_db = ledger::open_reader(node.ledger_folder() / "ledger.db");
  REQUIRE(ledger_db.ok());
  const auto states = (*ledger_db)->query(
    "SELECT state, count(*) FROM effect WHERE tool = 'erp.transfer.create' GROUP BY state");
  REQUIRE(states.ok());
  for (const auto& row : *states) {
    INFO(row.text(0) << " " << row.integer(1));
    CHECK((row.text(0) == "executed" || row.text(0) == "failed"));
    executed += row.text(0) == "executed" ? static_cast<std::size_t>(row.integer(1)) : 0;
  }
  CHECK(std::to_string(executed) == there);

  // Nothing acknowledged was lost: the cursor is durable only together with its events, so each
  // change of a sales line up to the cursor is in the inbox, without a gap.
  const auto inbox = (*ledger_db)->query("SELECT count(*) FROM inbox");
  REQUIRE(inbox.ok());
  CHECK(inbox->front().integer(0) > 0);
  const auto lost = (*ledger_db)->query("SELECT count(*) FROM inbox WHERE seq NOT IN "
                                        "(SELECT seq FROM record)");
  REQUIRE(lost.ok());
  CHECK(lost->front().integer(0) == 0);
  const auto open_lines = node.erp("SELECT line_id FROM sales_line WHERE state = 'open'");
  for (const auto& line : open_lines) {
    const auto known = (*ledger_db)->query(
      "SELECT 1 FROM inbox WHERE event_id LIKE '%' || ? || '@%' LIMIT 1", {line[0]});
    INFO(line[0]);
    CHECK((known.ok() && known->size() == 1));
  }

  CHECK(node.stop() == 0);
  const auto verified = ledger::verify(node.ledger_folder(), "", {});
  REQUIRE(verified.ok());
  for (const auto& finding : verified->findings) {
    FAIL_CHECK(finding);
  }
  CHECK(verified->covered == verified->records);
}
