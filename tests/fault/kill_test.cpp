// The node is killed with SIGKILL at random moments of a business day, again and again.
// What it acknowledged must not be lost, and nothing may be done twice in the
// distributor's own books.
#include <catch2/catch.hpp>

#include "base/clock.hpp"
#include "support/ledger_check.hpp"
#include "fault/books.hpp"
#include "ledger/ledger.hpp"
#include "support/node_process.hpp"

#include <algorithm>
#include <csignal>
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

/// The distributor without any guard of its own against a repeated reference: if a write
/// were done twice, both would stand in its books.
void take_guards_away(const node_process& node) {
  node.erp("DROP INDEX transfer_reference");
  node.erp("DROP TRIGGER promise_changed");
  node.erp("DROP TABLE promise_change");
  node.erp(
      "CREATE TABLE promise_change (reference TEXT, line_id TEXT, promised_date TEXT, "
      "previous_date TEXT, changed_at TEXT)");
  node.erp("CREATE TRIGGER promise_changed AFTER INSERT ON promise_change BEGIN "
           "UPDATE sales_line SET promised_date = NEW.promised_date "
           "WHERE line_id = NEW.line_id; END");
}

std::vector<ledger::row> rows_of(ledger::connection& db, std::string_view sql) {
  auto rows = db.query(sql);
  INFO(sql);
  REQUIRE(rows.ok());
  return std::move(*rows);
}

/// Both sides' books, read from the files alone.
books read_books(const node_process& node) {
  books b;
  const auto opened = ledger::open_reader(node.ledger_folder() / "ledger.db");
  REQUIRE(opened.ok());
  auto& db = **opened;
  for (const auto& r : rows_of(
           db, "WITH e AS (SELECT i.seq, CAST(b.bytes AS TEXT) AS j FROM inbox i "
               "LEFT JOIN body b USING (seq)) "
               "SELECT seq, json_extract(j, '$.type'), json_extract(j, '$.data.line'), "
               "json_extract(j, '$.data.item') || '@' || json_extract(j, '$.data.site'), "
               "json_extract(j, '$.data.state'), json_extract(j, '$.data.as_of') "
               "FROM e ORDER BY seq"))
    b.acknowledged.push_back(
        {r.integer(0), r.text(1), r.text(2), r.text(3), r.text(4), r.text(5)});
  for (const auto& r : rows_of(db, "SELECT seq FROM record"))
    b.recorded.insert(r.integer(0));
  for (const auto& r : rows_of(db, "SELECT seq FROM dead_letter"))
    b.dead.insert(r.integer(0));
  b.unfinished = rows_of(db, "SELECT count(*) FROM delivery WHERE seq IN "
                             "(SELECT seq FROM inbox)")
                     .front()
                     .integer(0);
  for (const auto& r :
       rows_of(db, "WITH m AS (SELECT CAST(value AS TEXT) AS j FROM memory "
                   "WHERE component = 'order' AND key LIKE 'line/%') "
                   "SELECT json_extract(j, '$.line'), json_extract(j, '$.as_of') FROM m"))
    b.lines_known[r.text(0)] = r.text(1);
  for (const auto& r : rows_of(db, "SELECT substr(key, 6), "
                                   "json_extract(CAST(value AS TEXT), '$') FROM memory "
                                   "WHERE component = 'order' "
                                   "AND key LIKE 'seen/%'"))
    b.judged[r.text(0)] = r.text(1);
  for (const auto& r : rows_of(db, "SELECT key, tool, state FROM effect"))
    b.effects.push_back({r.text(0), r.text(1), r.text(2)});
  for (const auto& r : node.erp("SELECT line_id FROM sales_line WHERE state = 'open'"))
    b.open_lines.insert(r[0]);
  for (const auto& r :
       node.erp("SELECT reference, 'erp.transfer.create' FROM transfer WHERE reference "
                "IS NOT NULL "
                "UNION ALL SELECT reference, 'erp.order.promise' FROM promise_change"))
    b.writes.emplace_back(r[0], r[1]);
  return b;
}

std::size_t written(const books& b, std::string_view tool) {
  return static_cast<std::size_t>(std::count_if(
      b.writes.begin(), b.writes.end(), [&](const auto& w) { return w.second == tool; }));
}

/// Each loss and each repetition that the check is for, done to good books by hand.
/// Returns the names of those it does not see.
std::vector<std::string> unseen_in(const books& good) {
  std::vector<std::string> unseen;
  const auto try_one = [&](const char* name, auto&& doctor) {
    auto bad = good;
    INFO(name);
    REQUIRE(doctor(bad)); // there must be something to doctor, or the control is void
    if (wrong_with(bad).empty())
      unseen.emplace_back(name);
  };
  const auto last_open = [](const books& b) {
    std::map<std::string, const books::event*> last;
    for (const auto& e : b.acknowledged)
      if (e.topic == "order.line")
        last[e.line] = &e;
    for (const auto& [line, e] : last)
      if (e->state == "open" && !b.dead.contains(e->seq))
        return *e;
    return books::event{};
  };
  const auto executed = [](books& b) {
    return std::find_if(b.effects.begin(), b.effects.end(),
                        [](const auto& e) { return e.state == "executed"; });
  };
  try_one("an acknowledged event has lost its record", [&](books& b) {
    return !b.acknowledged.empty() && b.recorded.erase(b.acknowledged.back().seq) == 1;
  });
  try_one("an acknowledged line was forgotten by the agent",
          [&](books& b) { return b.lines_known.erase(last_open(b).line) == 1; });
  try_one("the last word on a line did not arrive", [&](books& b) {
    const auto known = b.lines_known.find(last_open(b).line);
    return known != b.lines_known.end() &&
           !(known->second = "2000-01-01T00:00:00Z").empty();
  });
  try_one("a line was told and never judged",
          [&](books& b) { return b.judged.erase(last_open(b).place) == 1; });
  try_one("a line of the distributor was never told",
          [](books& b) { return b.open_lines.insert("SO-never-told/1").second; });
  try_one("an event waits for ever", [](books& b) { return ++b.unfinished > 0; });
  try_one("a transfer was written twice", [&](books& b) {
    const auto e = executed(b);
    if (e == b.effects.end())
      return false;
    b.writes.emplace_back(e->reference, e->tool);
    return true;
  });
  try_one("an executed effect is not in the distributor's books", [&](books& b) {
    const auto e = executed(b);
    return e != b.effects.end() &&
           std::erase(b.writes, std::pair{e->reference, e->tool}) == 1;
  });
  try_one("a write of ours is executed nowhere", [](books& b) {
    b.writes.emplace_back("cd-of-nobody", "erp.order.promise");
    return true;
  });
  try_one("an effect was left in doubt", [&](books& b) {
    const auto e = executed(b);
    return e != b.effects.end() && !(e->state = "unknown").empty();
  });
  return unseen;
}

} // namespace

TEST_CASE("the check of both sides' books finds every kind of loss and repetition",
          "[fault]") {
  books good;
  good.acknowledged = {
      {7, "order.line", "L1", "A@B", "open", "2026-03-02T08:00:00Z"},
      {8, "order.line", "L2", "A@B", "open", "2026-03-02T08:01:00Z"},
      {9, "order.line", "L2", "A@B", "shipped", "2026-03-02T09:00:00Z"},
      {10, "purchase.line", "P1", "A@B", "open", "2026-03-02T09:30:00Z"}};
  good.recorded = {7, 8, 9, 10, 11};
  good.lines_known = {{"L1", "2026-03-02T08:00:00Z"}};
  good.judged = {{"A@B", "2026-03-02T09:30:00Z"}};
  good.effects = {{"cd-1", "erp.transfer.create", "executed"},
                  {"cd-2", "erp.order.promise", "executed"},
                  {"cd-3", "erp.transfer.create", "failed"}};
  good.writes = {{"cd-1", "erp.transfer.create"}, {"cd-2", "erp.order.promise"}};
  good.open_lines = {"L1"};
  CHECK(wrong_with(good) == std::vector<std::string>{});
  CHECK(unseen_in(good) == std::vector<std::string>{});

  auto parked = good; // a dead letter is a consequence: visible, and nothing is lost
  parked.lines_known.clear();
  CHECK(wrong_with(parked).size() == 1);
  parked.dead.insert(7);
  CHECK(wrong_with(parked) == std::vector<std::string>{});

  auto slipped = good;
  slipped.judged["A@B"] = "2026-03-02T09:00:00Z";
  CHECK(wrong_with(slipped).size() == 1);
}

namespace {

/// One of the processes that run the agents; 0 if none is there yet.
std::uint64_t kill_a_plugin_host(const node_process& node, seeded_random& random) {
  std::vector<int> pids;
  const auto list = node.ask("plugin.list");
  for (const auto& one : list.at("plugins")) {
    if (const auto pid = one.value("pid", 0); pid > 0) {
      pids.push_back(pid);
    }
  }
  return !pids.empty() && ::kill(pids[random.next() % pids.size()], SIGKILL) == 0 ? 1 : 0;
}

} // namespace

TEST_CASE("kill -9 at random moments of the day loses no event and repeats no effect",
          "[fault]") {
  const auto seed =
      from_environment("CROSSDOCK_SEED", system_random().next() % 1'000'000);
  const auto kills = from_environment("CROSSDOCK_KILLS", 100);
  const bool sandboxed = from_environment("CROSSDOCK_SANDBOXED", 0) != 0;
  std::cout << "seed " << seed << ": repeat with CROSSDOCK_SEED=" << seed << std::endl;
  CAPTURE(seed);
  seeded_random random(seed);

  node_process::setup s;
  s.size = "small";
  s.seed = seed;
  s.policy = allow_everything;
  s.sandboxed = sandboxed;
  node_process node(s);
  take_guards_away(node);
  std::vector<double> up_again;
  std::uint64_t hosts_killed = 0;

  auto day = node.play(static_cast<int>(kills) / 2 + 10);
  for (std::uint64_t i = 0; i < kills; ++i) {
    const auto began = std::chrono::steady_clock::now();
    node.start();
    up_again.push_back(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
    std::this_thread::sleep_for(std::chrono::microseconds(random.next() % 350'000));
    hosts_killed += sandboxed ? kill_a_plugin_host(node, random) : 0;
    std::this_thread::sleep_for(std::chrono::microseconds(random.next() % 350'000));
    node.kill9();
  }
  std::sort(up_again.begin(), up_again.end());
  REQUIRE(day.wait(600s) == 0);
  node.start();
  // Settled: nothing under way, and whatever the distributor has open was heard of. Polls
  // go on, so both are looked at until they hold.
  std::vector<std::string> wrong;
  const bool settled = until(
      [&] {
        if (!node.settled())
          return false;
        wrong = wrong_with(read_books(node));
        return wrong.empty() && node.settled();
      },
      300s);
  for (const auto& sentence : wrong)
    FAIL_CHECK(sentence);
  REQUIRE(settled);
  CHECK(node.stop() == 0);

  const auto b = read_books(node);
  CHECK(wrong_with(b) == std::vector<std::string>{});
  // Both kinds of effect were under fire, and the check would have seen them repeated.
  CHECK(written(b, "erp.transfer.create") > 0);
  CHECK(written(b, "erp.order.promise") > 0);
  CHECK(unseen_in(b) == std::vector<std::string>{});
  std::cout << kills << " kills, " << b.acknowledged.size() << " events acknowledged, "
            << written(b, "erp.transfer.create") << " transfers and "
            << written(b, "erp.order.promise") << " promises in the distributor's books, "
            << "none repeated; serving again after " << up_again[up_again.size() / 2] << " s (p50), "
            << up_again[up_again.size() * 99 / 100] << " s (p99)";
  if (sandboxed) {
    std::cout << "; " << hosts_killed << " plugin processes killed besides";
  }
  std::cout << std::endl;

  const auto verified = crossdock::testing::verify_twice(node.ledger_folder());
  REQUIRE(verified.ok());
  for (const auto& finding : verified->findings) {
    FAIL_CHECK(finding);
  }
  CHECK(verified->covered == verified->records);
}
