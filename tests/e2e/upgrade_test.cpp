// A database that an older crossdock wrote (tests/data/upgrade/make): it is brought to
// this version, a copy is kept, the record verifies, and the case that waited goes on to
// its end.
#include "operations.hpp"
#include "support/ledger_check.hpp"

#include <sqlite3.h>

using namespace crossdock;
using namespace crossdock::test;
using namespace std::chrono_literals;
using Catch::Contains;

namespace {

namespace fs = std::filesystem;

/// One query on a database file.
std::vector<std::string> ask_file(const fs::path& file, const std::string& sql) {
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open(file.c_str(), &db) == SQLITE_OK);
  std::vector<std::string> out;
  char* message = nullptr;
  const int code = sqlite3_exec(
      db, sql.c_str(),
      [](void* to, int, char** values, char**) {
        static_cast<std::vector<std::string>*>(to)->emplace_back(
            values[0] == nullptr ? "" : values[0]);
        return 0;
      },
      &out, &message);
  INFO((message == nullptr ? "" : message));
  sqlite3_close(db);
  REQUIRE(code == SQLITE_OK);
  return out;
}

void restore(const node_process& node, const std::string& name) {
  const auto from = source_folder() / "tests/data/upgrade" / name;
  const auto to = node.ledger_folder();
  fs::create_directories(to);
  const auto dump = run({"/bin/gzip", "-dc", from.string() + ".sql.gz"});
  REQUIRE(dump.code == 0);
  ask_file(to / "ledger.db", dump.text);
  fs::copy_file(from.string() + ".key", to / "ledger.key");
  fs::copy_file(from.string() + ".pub", to / "ledger.pub");
  fs::permissions(to / "ledger.key", fs::perms::owner_read | fs::perms::owner_write);
  // The flow that its case began with.
  const auto text = ask_file(to / "ledger.db", "SELECT source FROM flow_definition");
  REQUIRE(text.size() == 1);
  write(node.folder() / "flow.toml", text.front());
  replace(node.config_file(),
          (source_folder() / "config/flows/backorder-prevention.toml").string(),
          "flow.toml");
  // The decision waits however old the database is: rows are state, not record.
  ask_file(to / "ledger.db",
           "UPDATE approval SET expires_at = (unixepoch() + 3600) * 1000000, "
           "next_at = (unixepoch() + 3600) * 1000000 WHERE state = 'pending'");
}

} // namespace

TEST_CASE("a database of schema 1 is upgraded, verifies, and its open case ends",
          "[e2e][upgrade]") {
  node_process::setup s;
  s.policy = allow_everything;
  node_process node(s);
  replace(node.config_file(), "start = \"open\"", "start = \"now\"");
  restore(node, "schema-1");
  const auto open = ask_file(node.ledger_folder() / "ledger.db",
                             "SELECT case_id FROM flow_case WHERE status = 'open'");
  REQUIRE_FALSE(open.empty());
  const auto waiting = ask_file(node.ledger_folder() / "ledger.db",
                                "SELECT id FROM approval WHERE state = 'pending'");
  REQUIRE(waiting.size() == open.size());
  const auto records = std::stoull(
      ask_file(node.ledger_folder() / "ledger.db", "SELECT max(seq) FROM record")
          .front());

  node.start();
  CHECK_THAT(node.log(), Contains("dispatch 1 to") && Contains("ledger.db.before-"));
  for (const auto& id : waiting) {
    const auto answer = node.call("approval.reject", {{"approval", id},
                                                      {"decision_id", "upgrade-" + id},
                                                      {"reason", "after the upgrade"}});
    INFO(answer.dump());
    CHECK(answer.value("ok", false));
  }
  for (const auto& id : open) {
    INFO(id);
    CHECK(until(
        [&] {
          return node.ask("case.show", {{"case", id}})["case"]["state"] == "closed";
        },
        60s));
  }
  CHECK(node.stop() == 0);

  const auto verified = crossdock::testing::verify_twice(node.ledger_folder());
  REQUIRE(verified.ok());
  for (const auto& finding : verified->findings) {
    FAIL_CHECK(finding);
  }
  CHECK(verified->records > records);

  // The copy from before is a ledger of its own and says what was true then.
  fs::path copy;
  for (const auto& entry : fs::directory_iterator(node.ledger_folder())) {
    if (entry.path().filename().string().starts_with("ledger.db.before-")) {
      CHECK(copy.empty());
      copy = entry.path();
    }
  }
  REQUIRE_FALSE(copy.empty());
  CHECK(
      ask_file(copy, "SELECT max(version) FROM schema_version WHERE room = 'dispatch'") ==
      std::vector<std::string>{"1"});
  CHECK(ask_file(copy, "SELECT max(seq) FROM record").front() == std::to_string(records));
  const auto aside = node.folder() / "before";
  fs::create_directories(aside);
  fs::rename(copy, aside / "ledger.db");
  fs::copy_file(node.ledger_folder() / "ledger.pub", aside / "ledger.pub");
  const auto old = ledger::verify(aside, "", {});
  REQUIRE(old.ok());
  CHECK(old->good());
}

TEST_CASE("a database of a newer crossdock is refused, both versions named",
          "[e2e][upgrade]") {
  node_process node;
  node.start();
  REQUIRE(node.stop() == 0);
  const auto file = node.ledger_folder() / "ledger.db";
  ask_file(file,
           "INSERT INTO schema_version VALUES('dispatch', 99, '2030-01-01T00:00:00Z')");
  const auto f = run({crossdockd_program(), "run", node.config_file().string()});
  CHECK(f.code == 3);
  CHECK_THAT(f.text, Contains("newer crossdock") && Contains("version 99") &&
                         Contains("known here is"));
  CHECK(ask_file(file, "SELECT max(version) FROM schema_version").front() == "99");
}
