// What is PostgreSQL's alone; the rest is in sql_cases.cpp. One server serves the
// program.
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

#include "contract/sql_postgres_line.hpp"
#include "contract/sql_running.hpp"

#include <iostream>
#include <random>
#include <set>

#include "driver.hpp"

using namespace crossdock::sdk::testing;
using namespace crossdock::sql;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using sql_fixture::entry_of;
using sql_fixture::json;
using sql_fixture::postgres_database;
using sql_fixture::postgres_server;
using sql_fixture::running;
using sql_fixture::server;
using sql_fixture::transfer;

int main(int argc, char** argv) {
  if (!postgres_server::programs()) {
    std::cout << "SKIPPED: no PostgreSQL server here: apt-get install postgresql-15\n";
    return 0;
  }
  return Catch::Session{}.run(argc, argv);
}

namespace {

using steady = std::chrono::steady_clock;

template <class Condition>
bool within(std::chrono::milliseconds limit, Condition condition) {
  for (const auto end = steady::now() + limit; steady::now() < end;
       std::this_thread::sleep_for(2ms))
    if (condition())
      return true;
  return false;
}

connect_options login(const std::string& database, int port = 0) {
  connect_options o;
  o.driver = product::postgresql;
  o.database = server().url(database, port);
  o.password = postgres_server::password();
  return o;
}

instant soon() {
  return steady::now() + 10s;
}

trouble kind_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const database_error& e) {
    return e.kind();
  }
  throw std::runtime_error{"nothing was thrown"};
}

/// The first row of a statement.
std::vector<value> row(connection& c, const std::string& sql, const bindings& with = {}) {
  return c.prepare(sql)->run(with, 10).values.at(0);
}

std::string setting(connection& c, const std::string& name) {
  return std::get<std::string>(row(c, "SELECT current_setting('" + name + "')").at(0));
}

std::string transfers(running& r, const std::string& key) {
  return r.erp.db.one("SELECT count(*) FROM transfer WHERE reference = '" + key + "'");
}

/// Waits until the connector listens: what was changed from then on is told.
void await_listener(running& r) {
  REQUIRE(within(10s, [&] {
    return r.erp.db.one(
               "SELECT count(*) FROM pg_stat_activity WHERE query LIKE "
               "'LISTEN%' AND datname = current_database() AND state = 'idle'") == "1";
  }));
}

} // namespace

// -- the driver
// -----------------------------------------------------------------------------

TEST_CASE("a session is what the connector relies on", "[postgres]") {
  auto o = login("example");
  o.statement_ms = 1234;
  o.busy_ms = 0; // which to the server would mean: wait for ever
  o.search_path = "crossdock, public";
  o.application = "crossdock \"x\"";
  const auto c = open(o, soon());
  CHECK(setting(*c, "statement_timeout") == "1234ms");
  CHECK(setting(*c, "lock_timeout") == "1ms");
  CHECK(setting(*c, "idle_in_transaction_session_timeout") == "15s");
  CHECK(setting(*c, "default_transaction_read_only") == "on");
  CHECK(setting(*c, "TimeZone") == "UTC");
  CHECK(setting(*c, "search_path") == "crossdock, public");
  CHECK(setting(*c, "application_name") == o.application);
  CHECK(setting(*c, "client_encoding") == "UTF8");
}

TEST_CASE("values come back by their type, and go in by the place's", "[postgres]") {
  const auto c = open(login("example"), soon());
  const auto got =
      row(*c, "SELECT 12.50::numeric(9,4), 7::bigint, 0.5::float8, true, NULL::text, "
              "'2026-03-02 10:30:00+01'::timestamptz, '2026-03-02'::date, 'ä'::text, "
              "'{\"a\":1}'::jsonb");
  CHECK(got.at(0) == value{"12.5000"});
  CHECK(got.at(1) == value{std::int64_t{7}});
  CHECK(got.at(2) == value{0.5});
  CHECK(got.at(3) == value{true});
  CHECK(got.at(4) == value{nullptr});
  CHECK(got.at(5) == value{"2026-03-02T09:30:00Z"});
  CHECK(got.at(6) == value{"2026-03-02"});
  CHECK(got.at(7) == value{"ä"});
  CHECK(got.at(8) == value{"{\"a\": 1}"});
  // One text, three types; and one place whose type nothing says.
  const auto same =
      row(*c,
          "SELECT :d IS NULL, :d = date '2026-03-02', :n + 0.5, :n * 2::bigint, "
          ":b AND true, :none IS NULL",
          {{"d", "2026-03-02"}, {"n", "7"}, {"b", std::int64_t{1}}});
  CHECK(same == std::vector<value>{false, true, "7.5", std::int64_t{14}, true, true});
  CHECK(kind_of([&] { row(*c, "SELECT :n::int", {{"n", "seven"}}); }) == trouble::rule);
  CHECK(kind_of([&] {
          row(*c, "SELECT :n::text", {{"n", std::string("a\0b", 3)}});
        }) == trouble::rule);
}

TEST_CASE("what cannot be compiled is a mistake of the mapping", "[postgres]") {
  const auto c = open(login("example"), soon());
  for (const auto* text : {"", "-- nothing", "SELEC 1", "SELECT 1; SELECT 2",
                           "SELECT nothing FROM company", "SELECT 1 FROM nowhere"}) {
    INFO(text);
    CHECK(kind_of([&] { c->prepare(text); }) == trouble::schema);
  }
  CHECK(row(*c, "SELECT 1").at(0) == value{std::int64_t{1}});
}

TEST_CASE("a statement that hides a write is refused by the server", "[postgres]") {
  const auto c = open(login("example"), soon());
  auto next = c->prepare("SELECT nextval('crossdock.change_number')");
  CHECK(next->reads_only()); // by its words
  CHECK(kind_of([&] { next->run({}, 1); }) == trouble::schema);
}

TEST_CASE("a long list is cut at the limit and says so", "[postgres]") {
  const auto c = open(login("example"), soon());
  const auto got = c->prepare("SELECT generate_series(1, 5000)")->run({}, 3);
  CHECK(got.values.size() == 3);
  CHECK_FALSE(got.complete);
  CHECK(row(*c, "SELECT 1").size() == 1); // and the session is good for more
}

TEST_CASE("a statement has an end, and the session survives it", "[postgres]") {
  auto o = login("example");
  o.statement_ms = 30;
  const auto c = open(o, soon());
  CHECK(kind_of([&] { row(*c, "SELECT pg_sleep(30)"); }) == trouble::busy);
  CHECK(c->alive());
  CHECK(row(*c, "SELECT 1").size() == 1);
}

TEST_CASE("a server that falls silent is given up in time", "[postgres]") {
  sql_fixture::line cut{server().port()};
  const auto c = open(login("example", cut.port()), soon());
  cut.fall_silent();
  c->finish_by(steady::now() + 50ms);
  CHECK(kind_of([&] { row(*c, "SELECT 1"); }) == trouble::io);
  CHECK_FALSE(c->alive());
  c->rollback(); // waits for nothing
  auto o = login("example", cut.port());
  o.connect_ms = 50;
  const auto before = steady::now();
  CHECK(kind_of([&] { open(o, soon()); }) == trouble::unreachable);
  CHECK(steady::now() - before < 5s);
}

TEST_CASE("a compiled statement survives a change of its table", "[postgres]") {
  running r;
  r.start();
  REQUIRE(r.node.call("erp.stock", {{"item", "SKU-1"}}).status() == CDK_TOOL_OK);
  r.erp.db.run("ALTER TABLE item ALTER COLUMN unit TYPE varchar(8)");
  // Within a transaction it cannot be compiled anew: this once it is passing trouble.
  const auto status = r.node.call("erp.stock", {{"item", "SKU-1"}}).status();
  CHECK((status == CDK_TOOL_TRANSIENT || status == CDK_TOOL_OK));
  CHECK(r.node.call("erp.stock", {{"item", "SKU-1"}}).status() == CDK_TOOL_OK);
}

// -- who may
// --------------------------------------------------------------------------------

TEST_CASE("a right that is missing refuses the start", "[postgres]") {
  running r;
  r.erp.db.run("REVOKE INSERT ON transfer FROM crossdock");
  CHECK(r.node.start() == CDK_E_INVALID);
  CHECK_THAT(r.node.error(),
             Contains("write.erp.transfer.create.statements: permission denied for table "
                      "transfer in ") &&
                 Contains("grant it"));
}

TEST_CASE("a wrong password is told without the password", "[postgres]") {
  running r;
  sql_fixture::temporary_folder folder;
  std::ofstream{folder / "password"} << "wr0ng-one\n";
  auto config = r.settings({{"password_file", folder / "password"}});
  config["database"] =
      "postgresql://crossdock:wr0ng-t00@127.0.0.1:" + std::to_string(server().port()) +
      "/" + r.erp.name;
  config.erase("password");
  fake_node node{entry_of(SQL_PLUGIN), "sql", config};
  CHECK(node.start() == CDK_OK); // somebody may correct it while we run
  node.advance(1s);
  REQUIRE(node.logs.size() > 1);
  std::string all = node.call("erp.sites", json::object()).payload().dump();
  CHECK_THROWS_WITH(node.probe(1), Contains("password authentication failed"));
  for (const auto& l : node.logs)
    all += l.message + l.fields.dump();
  CHECK_THAT(all, Contains("password authentication failed for user"));
  CHECK_THAT(all, Contains(r.erp.name + " on 127.0.0.1:"));
  CHECK_THAT(all, !Contains("wr0ng"));
  // The file is read anew for each connection.
  std::ofstream{folder / "password"} << postgres_server::password() << "\n";
  CHECK(node.call("erp.sites", json::object()).status() == CDK_TOOL_OK);
}

TEST_CASE("a database text that cannot be read is refused without repeating it",
          "[postgres]") {
  running r;
  for (const auto* text :
       {"postgresql://u:s3cret@h/x?nonsense", "host=h password=s3 cret"}) {
    CHECK(r.node.configure(r.settings({{"database", text}})) == CDK_E_INVALID);
    CHECK_THAT(r.node.error(),
               Contains("postgresql://user@host/name") && !Contains("cret"));
  }
  CHECK(r.node.configure(r.settings({{"password_file", "/nowhere"}})) == CDK_E_INVALID);
  CHECK_THAT(r.node.error(), Contains("/nowhere cannot be read"));
}

// -- writes and lost answers
// ----------------------------------------------------------------

TEST_CASE("a session that the server ended is made anew without anybody noticing",
          "[postgres]") {
  running r;
  REQUIRE(r.node.call("erp.transfer.create", transfer, "key-1").status() == CDK_TOOL_OK);
  r.erp.db.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
               "WHERE usename = 'crossdock'");
  REQUIRE(within(10s, [&] {
    return r.erp.db.one("SELECT count(*) FROM pg_stat_activity WHERE usename = "
                        "'crossdock' AND datname = current_database()") == "0";
  }));
  CHECK(r.node.call("erp.transfer.create", transfer, "key-2").status() == CDK_TOOL_OK);
}

TEST_CASE("a commit whose answer was lost is unknown, and found by its key",
          "[postgres]") {
  running r;
  sql_fixture::line line{server().port()};
  r.node.configure(r.settings({{"database", server().url(r.erp.name, line.port())}}));
  line.lose_the_answer_to_commit();
  CHECK(r.node.call("erp.transfer.create", transfer, "key-1").status() ==
        CDK_TOOL_UNKNOWN);
  CHECK(r.node.lookup("erp.transfer.create", transfer, "key-1").status() == CDK_TOOL_OK);
  CHECK(r.node.call("erp.transfer.create", transfer, "key-1").status() == CDK_TOOL_OK);
  CHECK(transfers(r, "key-1") == "1");
}

TEST_CASE("a look-up does not say 'not there' while the write may still happen",
          "[postgres]") {
  running r;
  // A commit that takes long, of a session that nobody reads any more.
  r.erp.db.run("CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
               "PERFORM pg_advisory_xact_lock(4711); RETURN NULL; END $$;"
               "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON transfer DEFERRABLE "
               "INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow()");
  sql_fixture::line cut{server().port()};
  auto o = login(r.erp.name, cut.port());
  o.busy_ms = 10'000;
  const auto lost = open(o, soon());
  auto insert = lost->prepare(
      "INSERT INTO transfer (reference, item_id, from_site_id, to_site_id, quantity, "
      "due_date) VALUES ('key-1', 'SKU-1', 'DC-1', 'BR-1', 1, '2026-03-05')");
  r.erp.db.run("SELECT pg_advisory_lock(4711)");
  lost->begin_write("key-1");
  insert->run({}, 1);
  lost->finish_by(steady::now() + 100ms);
  CHECK(kind_of([&] { lost->commit(); }) == trouble::io);
  CHECK(r.node.lookup("erp.transfer.create", transfer, "key-1").status() ==
        CDK_TOOL_UNKNOWN);
  CHECK(r.node.call("erp.transfer.create", transfer, "key-1").status() ==
        CDK_TOOL_TRANSIENT);
  r.erp.db.run("SELECT pg_advisory_unlock(4711)");
  REQUIRE(within(10s, [&] {
    return r.node.lookup("erp.transfer.create", transfer, "key-1").status() !=
           CDK_TOOL_UNKNOWN;
  }));
  // Whichever it was, it is one row at the end.
  CHECK(r.node.call("erp.transfer.create", transfer, "key-1").status() == CDK_TOOL_OK);
  CHECK(transfers(r, "key-1") == "1");
}

TEST_CASE("a rule that speaks only at the commit is a refusal, not a doubt",
          "[postgres]") {
  running r;
  r.erp.db.run("CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
               "RAISE EXCEPTION 'conflict: too late'; END $$;"
               "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON transfer DEFERRABLE "
               "INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION late()");
  const auto got = r.node.call("erp.transfer.create", transfer, "key-1");
  CHECK(got.status() == CDK_TOOL_CONFLICT);
  CHECK(got.payload()["message"] == "too late");
  CHECK(transfers(r, "key-1") == "0");
}

TEST_CASE("kill -9 of the server during writes leaves one row for each key, and no doubt",
          "[postgres]") {
  const auto seed = std::random_device{}();
  std::cout << "seed of the kills: " << seed << "\n";
  std::mt19937 random{seed};
  running r;
  r.start();
  constexpr int rounds = 4, writes = 30;
  r.erp.db.run("UPDATE stock SET on_hand = 100000");
  auto args = transfer;
  args["quantity"] = "1";
  std::map<std::string, int> answers;
  for (int round = 0; round < rounds; ++round) {
    const auto moment = std::uniform_int_distribution<int>{0, 60'000}(random);
    std::thread killer{[&] {
      std::this_thread::sleep_for(std::chrono::microseconds{moment});
      server().kill9();
    }};
    std::map<std::string, cdk_status> said;
    for (int i = 0; i < writes; ++i) {
      const auto key = "round-" + std::to_string(round) + "-" + std::to_string(i);
      said[key] = r.node.call("erp.transfer.create", args, key).status();
      ++answers[crossdock::sdk::status_name(said[key])];
    }
    killer.join();
    server().start();
    postgres_database db{server().owner_url(r.erp.name)};
    for (const auto& [key, status] : said) {
      INFO(key << ": " << status);
      const auto count = "SELECT count(*) FROM transfer WHERE reference = '" + key + "'";
      if (status == CDK_TOOL_OK)
        CHECK(db.one(count) == "1");
      else if (status == CDK_TOOL_TRANSIENT)
        CHECK(db.one(count) == "0");
      else
        CHECK(status == CDK_TOOL_UNKNOWN);
      const auto found = r.node.lookup("erp.transfer.create", args, key).status();
      CHECK((found == CDK_TOOL_OK || found == CDK_TOOL_NOT_FOUND));
      CHECK((found == CDK_TOOL_OK) == (db.one(count) == "1"));
      CHECK(r.node.call("erp.transfer.create", args, key).status() == CDK_TOOL_OK);
      CHECK(db.one(count) == "1");
    }
  }
  for (const auto& [what, times] : answers)
    std::cout << "  " << what << ": " << times << "\n";
}

// -- notices
// ------------------------------------------------------------------------------

TEST_CASE("a commit wakes the poll of its feed, and no record comes of it",
          "[postgres]") {
  running r{{{"notify_interval_ms", 3'600'000}}};
  r.start();
  await_listener(r);
  within(1s, [&] { return !r.node.confirm_posts().empty(); }); // the first look
  const auto before = r.node.sent.size();
  const auto timers = r.node.timers().size();
  r.erp.db.run(
      "UPDATE sales_line SET promised_date = '2026-03-09' WHERE line_id = 'SO-1/1'");
  REQUIRE(within(10s, [&] {
    for (const auto& p : r.node.confirm_posts())
      CHECK(p.event.is_null());
    return r.node.sent.size() > before;
  }));
  CHECK(r.node.sent.back().payload["promised_date"] == "2026-03-09");
  CHECK(r.node.sent.size() == before + 1);
  CHECK(r.node.timers().size() == timers);
}

TEST_CASE("many commits at once make few wake-ups and lose nothing", "[postgres]") {
  running r{{{"notify_interval_ms", 3'600'000}, {"page", 7}}};
  r.start();
  await_listener(r);
  within(1s, [&] { return !r.node.confirm_posts().empty(); });
  const auto before = r.node.sent.size();
  std::thread writer{[&] {
    postgres_database db{server().owner_url(r.erp.name)};
    for (int i = 0; i < 200; ++i)
      db.run(
          "INSERT INTO purchase_line (line_id, order_id, supplier_id, item_id, site_id, "
          "quantity, ordered_date, original_promised_date, promised_date) VALUES "
          "('PO-9/" +
          std::to_string(i) +
          "', 'PO-9', 'SU-1', 'SKU-1', 'BR-1', 1, "
          "'2026-03-02', '2026-03-09', '2026-03-09')");
  }};
  std::size_t wakes = 0;
  const bool all = within(30s, [&] {
    wakes += r.node.confirm_posts().size();
    return r.node.sent.size() >= before + 200;
  });
  writer.join();
  CHECK(all);
  std::set<std::string> lines;
  for (auto i = before; i < r.node.sent.size(); ++i)
    lines.insert(r.node.sent[i].payload["line"]);
  CHECK(lines.size() == 200);
  CHECK(r.node.sent.size() == before + 200);
  CHECK(wakes < 200);
}

TEST_CASE("transactions that overlap are seen in the order of their commits",
          "[postgres]") {
  running r;
  r.start();
  const auto before = r.node.sent.size();
  postgres_database slow{server().owner_url(r.erp.name)};
  slow.run(
      "BEGIN; UPDATE sales_line SET note = 'first to write' WHERE line_id = 'SO-1/1'");
  r.erp.db.run("UPDATE sales_line SET note = 'first to commit' WHERE line_id = 'SO-1/2'");
  r.node.advance(500ms);
  REQUIRE(r.node.sent.size() == before + 1);
  slow.run("COMMIT");
  r.node.advance(500ms);
  REQUIRE(r.node.sent.size() == before + 2);
  CHECK(r.node.sent[before].payload["note"] == "first to commit");
  CHECK(r.node.sent[before + 1].payload["note"] == "first to write");
}

TEST_CASE("a listening connection that is lost comes back and looks once", "[postgres]") {
  running r{{{"notify_interval_ms", 3'600'000}}};
  r.start();
  await_listener(r);
  within(1s, [&] { return !r.node.confirm_posts().empty(); });
  const auto before = r.node.sent.size();
  // Nobody hears of this change: whoever listens is thrown out in the same breath.
  r.erp.db.run(
      "BEGIN; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query "
      "LIKE 'LISTEN%' AND datname = current_database();"
      "UPDATE sales_line SET note = 'unheard' WHERE line_id = 'SO-1/1'; COMMIT");
  REQUIRE(within(20s, [&] {
    r.node.confirm_posts();
    return r.node.sent.size() > before;
  }));
  CHECK(r.node.sent.back().payload["note"] == "unheard");
  const auto said = [&](const char* what) {
    return std::any_of(r.node.logs.begin(), r.node.logs.end(), [&](const auto& l) {
      return l.message.find(what) != std::string::npos;
    });
  };
  CHECK(said("notices of changes are not heard"));
}

TEST_CASE("a component that stops leaves no session behind", "[postgres]") {
  std::string name;
  {
    running r;
    name = r.erp.name;
    r.start();
    await_listener(r);
  }
  postgres_database admin{server().owner_url("postgres")};
  CHECK(within(10s, [&] {
    return admin.one("SELECT count(*) FROM pg_stat_activity WHERE datname = '" + name +
                     "'") == "0";
  }));
}
