#include "host/release_rows.hpp"

namespace crossdock::host {
namespace {

constexpr const char* columns =
    "SELECT component, configured, file, sha256, previous_file, previous_sha256, state, "
    "by, "
    "since, until, after_step, state_schema, snapshot FROM release";

timestamp time_of(std::int64_t us) {
  return timestamp(std::chrono::microseconds(us));
}

std::int64_t us_of(timestamp t) {
  return static_cast<std::int64_t>(t.time_since_epoch().count());
}

release_row read(const ledger::row& r) {
  return {r.text(0),
          r.text(1),
          r.text(2),
          r.text(3),
          r.text(4),
          r.text(5),
          r.text(6) == "probation",
          r.text(7),
          time_of(r.integer(8)),
          time_of(r.integer(9)),
          r.integer(10),
          static_cast<int>(r.integer(11)),
          r.text(12)};
}

} // namespace

result<std::vector<release_row>> release_rows(ledger::connection& db) {
  auto rows = db.query(std::string(columns) + " ORDER BY component", {});
  if (!rows) {
    return std::move(rows).error();
  }
  std::vector<release_row> out;
  for (const auto& r : *rows) {
    out.push_back(read(r));
  }
  return out;
}

result<std::optional<release_row>> release_row_of(ledger::connection& db,
                                                  const std::string& component) {
  auto rows = db.query(std::string(columns) + " WHERE component = ?", {component});
  if (!rows) {
    return std::move(rows).error();
  }
  return rows->empty() ? std::optional<release_row>() : read(rows->front());
}

result<void> write(ledger::transaction& tx, const release_row& r) {
  auto done = tx.db().exec(
      "INSERT OR REPLACE INTO release(component, configured, file, sha256, "
      "previous_file, "
      "previous_sha256, state, by, since, until, after_step, state_schema, snapshot) "
      "VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)",
      {r.component, r.configured, r.file, r.sha256, r.previous_file, r.previous_sha256,
       r.on_probation ? "probation" : "kept", r.by, us_of(r.since), us_of(r.until),
       r.after_step, static_cast<std::int64_t>(r.state_schema),
       ledger::blob{r.snapshot}});
  return done ? result<void>() : std::move(done).error();
}

result<void> forget_release(ledger::transaction& tx, const std::string& component) {
  auto done = tx.db().exec("DELETE FROM release WHERE component = ?", {component});
  return done ? result<void>() : std::move(done).error();
}

} // namespace crossdock::host
