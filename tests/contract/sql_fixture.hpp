/// A small distributor in a temporary SQLite file: the simulator's schema and rules with
/// a handful of rows whose answers can be worked out by hand.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

#include <dlfcn.h>
#include <sqlite3.h>

#include <nlohmann/json.hpp>

#include <crossdock/abi.h>

namespace sql_fixture {

using nlohmann::json;

inline std::string text_of(const std::filesystem::path& path) {
  std::ifstream in{path};
  std::ostringstream out;
  if (!in || !(out << in.rdbuf()))
    throw std::runtime_error{"cannot read " + path.string()};
  return out.str();
}

class temporary_folder {
public:
  temporary_folder() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "crossdock-XXXXXX").string();
    if (!mkdtemp(pattern.data()))
      throw std::runtime_error{"mkdtemp failed"};
    path_ = pattern;
  }
  ~temporary_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

private:
  std::filesystem::path path_;
};

/// A plain connection of the test's own, beside the connector's.
class database {
public:
  explicit database(const std::string& path) {
    if (sqlite3_open(path.c_str(), &db_) != SQLITE_OK)
      throw std::runtime_error{"cannot open " + path};
  }
  ~database() { sqlite3_close(db_); }
  database(const database&) = delete;
  database& operator=(const database&) = delete;

  void run(const std::string& sql) {
    char* error = nullptr;
    if (sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, &error) != SQLITE_OK) {
      const std::string what = error ? error : "failed";
      sqlite3_free(error);
      throw std::runtime_error{what};
    }
  }
  std::string one(const std::string& sql) {
    std::string out;
    const auto take = [](void* into, int n, char** values, char**) {
      if (n > 0 && values[0])
        *static_cast<std::string*>(into) = values[0];
      return 0;
    };
    if (sqlite3_exec(db_, sql.c_str(), take, &out, nullptr) != SQLITE_OK)
      throw std::runtime_error{sqlite3_errmsg(db_)};
    return out;
  }

private:
  sqlite3* db_ = nullptr;
};

/// Three sites, three items; SO-1/1 asks for 10 of which BR-1 has 3 and DC-1 has 40.
inline void create_distributor(const std::string& path, const std::string& source) {
  database db{path};
  db.run("PRAGMA journal_mode = WAL; BEGIN;");
  db.run(text_of(source + "/tools/sim/schema.sql"));
  db.run(R"(
    INSERT INTO sim_clock VALUES (1, '2026-03-02T09:30:00Z');
    INSERT INTO sim_company VALUES (1, 'Fixture Supply', 'USD');
    INSERT INTO sim_counter VALUES ('sales_line.change_seq', 0), ('purchase_line.change_seq', 0);
    INSERT INTO site VALUES
      ('DC-1', 'Central', 'dc', -360, '[1,2,3,4,5]', '07:00', '16:00', 60),
      ('BR-1', 'North', 'branch', -360, '[1,2,3,4,5]', '07:00', '15:30', 20),
      ('BR-2', 'South', 'branch', -300, '[1,2,3,4,5,6]', '07:00', '15:30', 20);
    INSERT INTO lane VALUES ('DC-1', 'BR-1', 1, 1500, 10), ('DC-1', 'BR-2', 2, 2500, 15),
      ('BR-2', 'BR-1', 1, 1805, 12);
    INSERT INTO supplier VALUES ('SU-1', 'Pipe Works', 'domestic', 14);
    INSERT INTO item VALUES
      ('SKU-1', 'Ball valve 1/2 in', 'valves', 'EA', 1, 905, 1999, 'SU-1', 14, 'active'),
      ('SKU-2', 'Ball valve 1/2 in, lead free', 'valves', 'EA', 1, 1005, 2199, 'SU-1', 14, 'new'),
      ('SKU-3', 'Copper pipe', 'pipe', 'FT', 10, 5, 9, 'SU-1', 21, 'active');
    INSERT INTO item_substitute VALUES ('SKU-1', 'SKU-2', 1), ('SKU-1', 'SKU-3', 0);
    INSERT INTO customer VALUES ('CU-1', 'Acme "Plumbing"', 'A', 'BR-1', 1, 0);
    INSERT INTO stock (item_id, site_id, reorder_point, order_quantity) VALUES
      ('SKU-1', 'BR-1', 5, 20), ('SKU-1', 'DC-1', 20, 100), ('SKU-3', 'DC-1', 100, 500);
    INSERT INTO pick_day VALUES ('BR-1', '2026-02-27', 30, 29, 60),
      ('DC-1', '2026-02-27', 200, 180, 220), ('BR-1', '2026-02-26', 25, 25, 60);
  )");
  db.run(text_of(source + "/tools/sim/rules.sql"));
  db.run(R"(
    INSERT INTO stock_movement (moved_at, item_id, site_id, kind, quantity) VALUES
      ('2026-01-01T00:00:00Z', 'SKU-1', 'BR-1', 'opening', 3),
      ('2026-01-01T00:00:00Z', 'SKU-1', 'DC-1', 'opening', 40),
      ('2026-01-01T00:00:00Z', 'SKU-3', 'DC-1', 'opening', 1000);
    INSERT INTO sales_order VALUES
      ('SO-0', 'CU-1', 'BR-1', 'PO-6', '2026-02-20T15:00:00Z'),
      ('SO-1', 'CU-1', 'BR-1', 'PO-7', '2026-03-02T09:00:00Z');
    INSERT INTO sales_line (line_id, order_id, customer_id, item_id, site_id, quantity,
        allocated, shipped, unit_price_cents, entered_at, requested_date, promised_date,
        shipped_at, state, note) VALUES
      ('SO-0/1', 'SO-0', 'CU-1', 'SKU-1', 'BR-1', 4, 0, 4, 1999, '2026-02-20T15:00:00Z',
        '2026-02-23', '2026-02-23', '2026-02-23T20:00:00Z', 'shipped', NULL),
      ('SO-1/1', 'SO-1', 'CU-1', 'SKU-1', 'BR-1', 10, 3, 0, 1999, '2026-03-02T09:00:00Z',
        '2026-03-05', '2026-03-05', NULL, 'open', 'site opens at 7, ring the bell'),
      ('SO-1/2', 'SO-1', 'CU-1', 'SKU-3', 'BR-1', 100, 0, 0, 9, '2026-03-02T09:00:00Z',
        '2026-03-05', '2026-03-05', NULL, 'open', NULL);
    INSERT INTO purchase_order VALUES ('PO-1', 'SU-1', 'BR-1', '2026-02-20');
    INSERT INTO purchase_line (line_id, order_id, supplier_id, item_id, site_id, quantity,
        received, unit_cost_cents, ordered_date, original_promised_date, promised_date,
        received_date, state) VALUES
      ('PO-1/1', 'PO-1', 'SU-1', 'SKU-1', 'BR-1', 20, 0, 905, '2026-02-20', '2026-03-06',
        '2026-03-09', NULL, 'open'),
      ('PO-1/2', 'PO-1', 'SU-1', 'SKU-3', 'BR-1', 50, 50, 5, '2026-02-01', '2026-02-20',
        '2026-02-20', '2026-02-24', 'received');
    INSERT INTO transfer (reference, item_id, from_site_id, to_site_id, quantity, created_by,
        created_at, due_date, received_date, state) VALUES
      (NULL, 'SKU-1', 'DC-1', 'BR-1', 5, 'dispatcher', '2026-02-10T14:00:00Z', '2026-02-12',
        '2026-02-13', 'received');
    COMMIT;
  )");
}

/// The entry of a built plugin file.
inline const cdk_entry* entry_of(const char* path) {
  void* file = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!file)
    throw std::runtime_error{dlerror()};
  return reinterpret_cast<cdk_entry_function>(dlsym(file, CDK_ENTRY_SYMBOL))();
}

struct sqlite_erp {
  sqlite_erp() : path{folder / "erp.db"}, db{made(path)} {}
  static const std::string& made(const std::string& at) {
    create_distributor(at, SOURCE_FOLDER);
    return at;
  }

  json settings() const {
    return {{"mapping", std::string{SOURCE_FOLDER} + "/config/connectors/sim.toml"},
            {"database", path},
            {"system", "sim-erp"},
            {"busy_ms", 20}};
  }
  void take_away() { std::filesystem::rename(path, path + ".away"); }
  void bring_back() { std::filesystem::rename(path + ".away", path); }
  void close_transfers() {
    db.run("CREATE TRIGGER closed BEFORE INSERT ON transfer BEGIN "
           "SELECT RAISE(ABORT, 'conflict: stock-taking is under way'); END");
  }
  void hold_writers() { db.run("BEGIN IMMEDIATE"); }
  void let_writers_go() { db.run("COMMIT"); }
  void remove_lanes() {
    db.run("PRAGMA legacy_alter_table = ON; ALTER TABLE lane RENAME TO lane_2");
  }
  static const char* lanes_missing() { return "no such table: lane"; }
  static const char* mapping_name() { return "sim.toml:"; }

  temporary_folder folder;
  std::string path;
  database db;
};

} // namespace sql_fixture
