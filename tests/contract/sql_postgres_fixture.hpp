/// The distributor of sql_fixture.hpp on PostgreSQL:
/// config/connectors/postgres-example.sql with the same handful of rows.
#pragma once

#include "contract/sql_fixture.hpp"
#include "contract/sql_postgres_server.hpp"

namespace sql_fixture {

/// One server for all cases of the program; a database for each.
inline postgres_server& server() {
  static std::string broken; // one that does not start is not tried for each case
  if (!broken.empty())
    throw std::runtime_error{broken};
  try {
    static postgres_server it{SOURCE_FOLDER};
    return it;
  } catch (const std::exception& e) {
    broken = e.what();
    throw;
  }
}

inline const char* postgres_rows() {
  return R"(
    INSERT INTO company VALUES (1, 'Fixture Supply', 'USD');
    INSERT INTO site VALUES
      ('DC-1', 'Central', -360, '{1,2,3,4,5}', '16:00', 60),
      ('BR-1', 'North', -360, '{1,2,3,4,5}', '15:30', 20),
      ('BR-2', 'South', -300, '{1,2,3,4,5,6}', '15:30', 20);
    INSERT INTO lane VALUES ('DC-1', 'BR-1', 1, 15.00, 0.10),
      ('DC-1', 'BR-2', 2, 25.00, 0.15), ('BR-2', 'BR-1', 1, 18.05, 0.12);
    INSERT INTO item VALUES
      ('SKU-1', 'Ball valve 1/2 in', 'EA', 1, 9.05, 19.99, 14),
      ('SKU-2', 'Ball valve 1/2 in, lead free', 'EA', 1, 10.05, 21.99, 14),
      ('SKU-3', 'Copper pipe', 'FT', 10, 0.05, 0.09, 21);
    INSERT INTO item_substitute VALUES ('SKU-1', 'SKU-2', true), ('SKU-1', 'SKU-3', false);
    INSERT INTO customer VALUES ('CU-1', 'Acme "Plumbing"');
    INSERT INTO stock (item_id, site_id, on_hand) VALUES
      ('SKU-1', 'BR-1', 3), ('SKU-1', 'DC-1', 40), ('SKU-3', 'DC-1', 1000);
    INSERT INTO pick_day VALUES ('BR-1', '2026-02-27', 30, 29, 60),
      ('DC-1', '2026-02-27', 200, 180, 220), ('BR-1', '2026-02-26', 25, 25, 60);
    INSERT INTO sales_line (line_id, order_id, customer_id, item_id, site_id, quantity,
        allocated, shipped, unit_price, entered_at, requested_date, promised_date, state,
        note) VALUES
      ('SO-0/1', 'SO-0', 'CU-1', 'SKU-1', 'BR-1', 4, 0, 4, 19.99, '2026-02-20T15:00:00Z',
        '2026-02-23', '2026-02-23', 'shipped', NULL),
      ('SO-1/1', 'SO-1', 'CU-1', 'SKU-1', 'BR-1', 10, 3, 0, 19.99, '2026-03-02T09:00:00Z',
        '2026-03-05', '2026-03-05', 'open', 'site opens at 7, ring the bell'),
      ('SO-1/2', 'SO-1', 'CU-1', 'SKU-3', 'BR-1', 100, 0, 0, 0.09, '2026-03-02T09:00:00Z',
        '2026-03-05', '2026-03-05', 'open', NULL);
    INSERT INTO purchase_line (line_id, order_id, supplier_id, item_id, site_id, quantity,
        received, ordered_date, original_promised_date, promised_date, received_date,
        state) VALUES
      ('PO-1/1', 'PO-1', 'SU-1', 'SKU-1', 'BR-1', 20, 0, '2026-02-20', '2026-03-06',
        '2026-03-09', NULL, 'open'),
      ('PO-1/2', 'PO-1', 'SU-1', 'SKU-3', 'BR-1', 50, 50, '2026-02-01', '2026-02-20',
        '2026-02-20', '2026-02-24', 'received');
    INSERT INTO transfer (item_id, from_site_id, to_site_id, quantity, created_by,
        created_at, due_date, received_date, state) VALUES
      ('SKU-1', 'DC-1', 'BR-1', 5, 'dispatcher', '2026-02-10T14:00:00Z', '2026-02-12',
        '2026-02-13', 'received'))";
}

struct postgres_erp {
  postgres_erp() : name{server().make_database()}, db{server().owner_url(name)} {
    db.run(postgres_rows());
  }

  json settings() const {
    return {{"mapping",
             std::string{SOURCE_FOLDER} + "/config/connectors/postgres-example.toml"},
            {"driver", "postgresql"},
            {"database", server().url(name)},
            {"password", postgres_server::password()},
            {"system", "sim-erp"},
            {"busy_ms", 20},
            // As often as without notices, so that the cases are the same.
            {"notify_interval_ms", 500}};
  }
  /// Nobody gets in any more, and who is in is thrown out.
  void take_away() {
    away = true;
    postgres_database admin{server().owner_url("postgres")};
    admin.run("ALTER DATABASE " + name + " ALLOW_CONNECTIONS false");
    admin.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" +
              name + "' AND usename = 'crossdock'");
  }
  void bring_back() {
    postgres_database{server().owner_url("postgres")}.run("ALTER DATABASE " + name +
                                                          " ALLOW_CONNECTIONS true");
  }
  void close_transfers() {
    db.run("CREATE FUNCTION closed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
           "RAISE EXCEPTION 'conflict: stock-taking is under way'; END $$;"
           "CREATE TRIGGER closed BEFORE INSERT ON transfer FOR EACH ROW "
           "EXECUTE FUNCTION closed()");
  }
  void hold_writers() { db.run("BEGIN; LOCK TABLE transfer IN EXCLUSIVE MODE"); }
  void let_writers_go() { db.run("COMMIT"); }
  void remove_lanes() { db.run("ALTER TABLE lane RENAME TO lane_2"); }
  static const char* lanes_missing() { return "relation \"lane\" does not exist"; }
  static const char* mapping_name() { return "postgres-example.toml:"; }
  std::string name;
  bool away = false;
  postgres_database db;
};

} // namespace sql_fixture
