#include "ledger/schema.hpp"

#include <algorithm>
#include <map>

namespace crossdock::ledger {
namespace {

/// "CDKL": marks the file as ours (file(1) and we ourselves read it from offset 68).
constexpr std::int64_t application_id = 0x43444b4c;

constexpr const char* ledger_v1 = R"sql(
-- The header is the leaf of the tree; the other columns only repeat it for look-ups.
CREATE TABLE record (
  seq INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  case_id TEXT,
  header TEXT NOT NULL,
  leaf BLOB NOT NULL
) STRICT;
CREATE INDEX record_case ON record(case_id, seq) WHERE case_id IS NOT NULL;
-- Bodies lie apart, so that headers can be read alone and bodies erased.
CREATE TABLE body (
  seq INTEGER PRIMARY KEY,
  bytes BLOB NOT NULL
) STRICT;
CREATE TABLE channel (
  source TEXT NOT NULL,
  target TEXT NOT NULL,
  last INTEGER NOT NULL,
  PRIMARY KEY (source, target)
) STRICT, WITHOUT ROWID;
CREATE TABLE checkpoint (
  size INTEGER PRIMARY KEY,
  root BLOB NOT NULL,
  time INTEGER NOT NULL,
  note TEXT NOT NULL,
  frontier BLOB NOT NULL
) STRICT;
)sql";

constexpr const char* version_table = R"sql(
CREATE TABLE IF NOT EXISTS schema_version (
  room TEXT NOT NULL,
  version INTEGER NOT NULL,
  applied_at TEXT NOT NULL,
  PRIMARY KEY (room, version)
) STRICT, WITHOUT ROWID;
)sql";

/// Undoes an opening transaction that was not committed.
class opening {
public:
  explicit opening(sqlite_connection& db) : db_(db) {}
  opening(const opening&) = delete;
  opening& operator=(const opening&) = delete;
  ~opening() {
    if (db_.in_transaction()) {
      static_cast<void>(db_.script("ROLLBACK"));
    }
  }

private:
  sqlite_connection& db_;
};

result<void> check_owner(sqlite_connection& db) {
  const auto id = db.query("PRAGMA application_id");
  if (!id) {
    return id.error();
  }
  const auto tables = db.query("SELECT count(*) FROM sqlite_master");
  if (!tables) {
    return tables.error();
  }
  if ((*id)[0].integer(0) == application_id) {
    return {};
  }
  if ((*tables)[0].integer(0) != 0) {
    return error(errc::corrupt, "this SQLite database is not a ledger; move it away or "
                                "configure another directory. It was not changed")
        .at("file", db.file().string());
  }
  return db.script("PRAGMA application_id=" + std::to_string(application_id));
}

result<std::map<std::string, int>> applied_versions(sqlite_connection& db) {
  const auto rows =
      db.query("SELECT room, max(version) FROM schema_version GROUP BY room");
  if (!rows) {
    return rows.error();
  }
  std::map<std::string, int> versions;
  for (const auto& r : *rows) {
    versions[r.text(0)] = static_cast<int>(r.integer(1));
  }
  return versions;
}

using room_migrations = std::map<std::string, std::map<int, const migration*>>;

result<room_migrations> sorted(const std::vector<migration>& list) {
  room_migrations rooms;
  for (const auto& m : list) {
    if (!rooms[m.room].emplace(m.version, &m).second) {
      return error(errc::invalid, "a migration is given twice")
          .at("room", m.room)
          .at("version", std::to_string(m.version));
    }
  }
  for (const auto& [room, steps] : rooms) {
    if (steps.begin()->first != 1 ||
        steps.rbegin()->first != static_cast<int>(steps.size())) {
      return error(errc::invalid, "a room's migrations are numbered 1, 2, 3, ...")
          .at("room", room);
    }
  }
  return rooms;
}

result<void> apply(sqlite_connection& db, const migration& m, timestamp now) {
  const auto named = [&](error e) {
    return std::move(e.at("room", m.room).at("version", std::to_string(m.version)));
  };
  if (auto r = db.script(m.sql); !r) {
    return named(r.error());
  }
  if (!db.in_transaction()) {
    return named(
        error(errc::invalid, "a migration must not end the opening transaction"));
  }
  const auto noted = db.exec("INSERT INTO schema_version VALUES (?, ?, ?)",
                             {m.room, std::int64_t{m.version}, to_rfc3339(now)});
  return noted ? result<void>() : result<void>(noted.error());
}

} // namespace

std::map<std::string, int> newest_versions(const std::vector<migration>& rooms) {
  std::map<std::string, int> out{{"ledger", 1}};
  for (const auto& m : rooms) {
    out[m.room] = std::max(out[m.room], m.version);
  }
  return out;
}

result<void> migrate(sqlite_connection& db, const std::vector<migration>& rooms,
                     timestamp now) {
  std::vector<migration> all = rooms;
  all.push_back({"ledger", 1, ledger_v1});
  const auto steps = sorted(all);
  if (!steps) {
    return steps.error();
  }
  if (auto r = db.script("BEGIN IMMEDIATE"); !r) {
    return r;
  }
  const opening undo(db);
  if (auto r = check_owner(db); !r) {
    return r;
  }
  if (auto r = db.script(version_table); !r) {
    return r;
  }
  const auto present = applied_versions(db);
  if (!present) {
    return present.error();
  }
  for (const auto& [room, version] : *present) {
    const auto known = steps->find(room);
    if (known == steps->end() || known->second.rbegin()->first < version) {
      return error(errc::version,
                   "this ledger was written by a newer crossdock: its tables of room \"" +
                       room + "\" have version " + std::to_string(version) +
                       ", known here is " +
                       (known == steps->end()
                            ? std::string("none")
                            : std::to_string(known->second.rbegin()->first)) +
                       "; start the newer version, or restore a backup from before it")
          .at("file", db.file().string());
    }
  }
  // The ledger's own tables first, so that rooms may refer to them.
  const auto bring_up = [&](const std::string& room) -> result<void> {
    const auto found = present->find(room);
    const int from = found == present->end() ? 0 : found->second;
    for (const auto& [version, step] : steps->at(room)) {
      if (version > from) {
        if (auto r = apply(db, *step, now); !r) {
          return r;
        }
      }
    }
    return {};
  };
  if (auto r = bring_up("ledger"); !r) {
    return r;
  }
  // In the order in which the rooms were handed in: dependencies point one way.
  std::map<std::string, bool> done{{"ledger", true}};
  for (const auto& m : rooms) {
    if (!done[m.room]) {
      done[m.room] = true;
      if (auto r = bring_up(m.room); !r) {
        return r;
      }
    }
  }
  return db.script("COMMIT");
}

} // namespace crossdock::ledger
