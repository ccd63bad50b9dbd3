// A real node on a real PostgreSQL: how soon a change is in the ledger, and what a server
// that dies does to it. `integration_sql_postgres_test "[measure]"` prints the figures at
// length.
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

#include "contract/sql_postgres_fixture.hpp"
#include "support/node_process.hpp"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <iostream>
#include <map>
#include <mutex>
#include <sstream>
#include <thread>

#include <sqlite3.h>

using namespace crossdock::test;
using namespace std::chrono_literals;
using sql_fixture::postgres_database;
using sql_fixture::postgres_erp;
using sql_fixture::postgres_server;
using sql_fixture::server;
using steady = std::chrono::steady_clock;

int main(int argc, char** argv) {
  if (!postgres_server::programs()) {
    std::cout << "SKIPPED: no PostgreSQL server here: apt-get install postgresql-15\n";
    return 0;
  }
  return Catch::Session{}.run(argc, argv);
}

namespace {

/// A node whose connector reads `erp`; the flow, the agents and the policy are the
/// demo's.
struct node_on_postgres {
  explicit node_on_postgres(const std::string& mapping, const std::string& more,
                            int interval_ms = 500) {
    std::ifstream in{node.config_file()};
    std::ostringstream text;
    text << in.rdbuf();
    auto config = text.str();
    const auto put = [&](const std::string& key, const std::string& value) {
      const auto at = config.find("\n" + key + " = ") + 1;
      config.replace(at, config.find('\n', at) - at, value);
    };
    put("mapping", "mapping = \"" + mapping +
                       "\"\ndriver = \"postgresql\"\npassword = \"" +
                       postgres_server::password() + "\"\n" + more);
    put("interval_ms", "interval_ms = " + std::to_string(interval_ms));
    put("database", "database = \"" + server().url(erp.name) + "\"");
    std::ofstream{node.config_file()} << config;
    erp.db.run("UPDATE stock SET on_hand = 100000");
    node.start();
  }

  postgres_erp erp;
  node_process node;
};

std::string example_mapping() {
  return std::string{SOURCE_FOLDER} + "/config/connectors/postgres-example.toml";
}

/// The same without notices.
std::string polling_mapping(const std::filesystem::path& folder) {
  std::ifstream in{example_mapping()};
  std::ofstream out{folder / "polling.toml"};
  for (std::string text; std::getline(in, text);) {
    if (text.rfind("notify = ", 0) != 0) {
      out << text << '\n';
    }
  }
  return folder / "polling.toml";
}

/// Watches the ledger from outside, as its readers do: committed records alone.
class ledger_watch {
public:
  explicit ledger_watch(const std::filesystem::path& folder)
      : file_(folder / "ledger.db"), thread_([this] { run(); }) {}
  ~ledger_watch() {
    stopping_ = true;
    thread_.join();
  }

  /// When the event of a line was first seen; nothing if it has not been.
  std::map<std::string, steady::time_point> seen() {
    const std::lock_guard lock(mutex_);
    return seen_;
  }

private:
  void run() {
    sqlite3* db = nullptr;
    sqlite3_open_v2(file_.c_str(), &db, SQLITE_OPEN_READONLY, nullptr);
    sqlite3_busy_timeout(db, 5000);
    sqlite3_stmt* read = nullptr;
    sqlite3_prepare_v2(db, "SELECT seq, header FROM record WHERE seq > ? ORDER BY seq",
                       -1, &read, nullptr);
    for (std::int64_t last = 0; !stopping_; std::this_thread::sleep_for(1ms)) {
      sqlite3_bind_int64(read, 1, last);
      while (sqlite3_step(read) == SQLITE_ROW) {
        last = sqlite3_column_int64(read, 0);
        const auto header = json::parse(
            reinterpret_cast<const char*>(sqlite3_column_text(read, 1)), nullptr, false);
        note(header.value("id", ""));
      }
      sqlite3_reset(read);
    }
    sqlite3_finalize(read);
    sqlite3_close(db);
  }
  /// "sim-erp/sales_line/LINE@7"
  void note(const std::string& id) {
    const std::string begins = "sim-erp/sales_line/";
    if (id.rfind(begins, 0) == 0) {
      const std::lock_guard lock(mutex_);
      seen_.emplace(id.substr(begins.size(), id.find('@') - begins.size()),
                    steady::now());
    }
  }

  std::filesystem::path file_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::map<std::string, steady::time_point> seen_;
  std::thread thread_;
};

void insert_line(postgres_database& db, const std::string& line) {
  db.run("INSERT INTO sales_line (line_id, order_id, customer_id, item_id, site_id, "
         "quantity, "
         "unit_price, requested_date, promised_date) VALUES ('" +
         line +
         "', 'SO-9', 'CU-1', 'SKU-1', 'DC-1', 1, 19.99, '2030-03-05', '2030-03-05')");
}

struct latencies {
  std::vector<double> ms; ///< sorted
  double at(double share) const {
    return ms.at(std::min(
        ms.size() - 1, static_cast<std::size_t>(share * static_cast<double>(ms.size()))));
  }
};

/// From before the commit is sent until the record can be read.
latencies measure(node_on_postgres& n, int changes, std::chrono::milliseconds pause) {
  ledger_watch watch{n.node.ledger_folder()};
  if (!until([&] { return watch.seen().count("SO-1/2") != 0; }, 30s)) {
    throw std::runtime_error("the node reads nothing: " + n.node.log());
  }
  std::map<std::string, steady::time_point> sent;
  for (int i = 0; i < changes; ++i) {
    const auto line = "SO-9/" + std::to_string(i);
    sent[line] = steady::now();
    insert_line(n.erp.db, line);
    std::this_thread::sleep_until(sent[line] + pause); // the load, not a wait
  }
  latencies out;
  const bool all = until(
      [&] {
        const auto seen = watch.seen();
        return std::all_of(sent.begin(), sent.end(),
                           [&](const auto& s) { return seen.count(s.first) != 0; });
      },
      60s);
  REQUIRE(all);
  const auto seen = watch.seen();
  for (const auto& [line, when] : sent) {
    out.ms.push_back(
        std::chrono::duration<double, std::milli>(seen.at(line) - when).count());
  }
  std::sort(out.ms.begin(), out.ms.end());
  return out;
}

void print(const char* what, const latencies& l) {
  std::cout << what << ": " << l.ms.size() << " changes, p50 " << l.at(0.5) << " ms, p99 "
            << l.at(0.99) << " ms, max " << l.ms.back() << " ms\n";
}

} // namespace

TEST_CASE("a change is in the ledger within 0.2 s of its commit, by notices alone",
          "[postgres]") {
  node_on_postgres n{example_mapping(), "notify_interval_ms = 3600000"};
  const auto l = measure(n, 100, 10ms);
  print("notices", l);
  CHECK(l.at(0.99) <= 200);
  CHECK(n.node.stop() == 0);
}

TEST_CASE("a server that is killed and comes back costs no change", "[postgres]") {
  node_on_postgres n{example_mapping(), "notify_interval_ms = 3600000"};
  ledger_watch watch{n.node.ledger_folder()};
  REQUIRE(until([&] { return watch.seen().count("SO-1/2") != 0; }, 30s));
  server().kill9();
  server().start();
  postgres_database db{server().owner_url(n.erp.name)};
  insert_line(db, "SO-9/after");
  CHECK(until([&] { return watch.seen().count("SO-9/after") != 0; }, 40s));
  CHECK(n.node.stop() == 0);
}

TEST_CASE("figures: from the ERP's commit to the ledger", "[.][measure]") {
  const auto run = [](const char* what, const std::string& mapping,
                      const std::string& more, std::chrono::milliseconds pause,
                      int interval_ms = 500) {
    node_on_postgres n{mapping, more, interval_ms};
    print(what, measure(n, 600, pause));
    CHECK(n.node.stop() == 0);
  };
  scratch folder;
  const auto polling = polling_mapping(folder.path());
  run("notices, 20 a second", example_mapping(), "notify_interval_ms = 3600000", 50ms);
  run("notices, as fast as they commit", example_mapping(),
      "notify_interval_ms = 3600000", 0ms);
  run("polling every 500 ms", polling, "", 50ms);
  run("polling every 50 ms", polling, "", 50ms, 50);
}
