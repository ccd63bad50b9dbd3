#include "ledger/connection.hpp"

#include <cerrno>
#include <system_error>

namespace crossdock::ledger {
namespace {

/// Enough for every statement of all rooms; beyond it somebody builds SQL from values.
constexpr std::size_t statements_max = 512;
/// How long to wait for another process that recovers or copies the file.
constexpr int busy_timeout_ms = 5000;
/// Keeps a whole group of changes in memory, so that nothing spills before its commit.
constexpr const char* writer_settings = "PRAGMA busy_timeout=5000;"
                                        "PRAGMA journal_mode=WAL;"
                                        "PRAGMA synchronous=FULL;"
                                        "PRAGMA wal_autocheckpoint=0;"
                                        "PRAGMA mmap_size=0;"
                                        "PRAGMA cache_size=-32768;"
                                        "PRAGMA temp_store=MEMORY;"
                                        "PRAGMA foreign_keys=ON;";
constexpr const char* reader_settings = "PRAGMA query_only=ON;"
                                        "PRAGMA wal_autocheckpoint=0;"
                                        "PRAGMA mmap_size=0;"
                                        "PRAGMA temp_store=MEMORY;";

bool out_of_space(int system_errno) {
  return system_errno == ENOSPC || system_errno == EDQUOT || system_errno == EFBIG;
}

errc code_of(int rc, int system_errno) {
  switch (rc & 0xff) {
  case SQLITE_FULL:
    return errc::disk_full;
  case SQLITE_IOERR:
    return out_of_space(system_errno) ? errc::disk_full : errc::io;
  case SQLITE_CANTOPEN:
    return out_of_space(system_errno) ? errc::disk_full : errc::io;
  case SQLITE_PERM:
  case SQLITE_PROTOCOL:
    return errc::io;
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
    return errc::corrupt;
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    return errc::busy;
  case SQLITE_CONSTRAINT:
    return errc::conflict;
  case SQLITE_AUTH:
  case SQLITE_READONLY:
    return errc::denied;
  case SQLITE_TOOBIG:
    return errc::limit;
  case SQLITE_MISMATCH:
    return errc::invalid;
  case SQLITE_INTERRUPT:
    return errc::cancelled;
  default:
    return errc::internal;
  }
}

/// After these the open transaction cannot be trusted, whatever a caller does about them.
bool ends_everything(int rc) {
  switch (rc & 0xff) {
  case SQLITE_FULL:
  case SQLITE_IOERR:
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
  case SQLITE_NOMEM:
  case SQLITE_CANTOPEN:
    return true;
  default:
    return false;
  }
}

bool belongs_to_ledger(std::string_view table) {
  return table == "record" || table == "body" || table == "channel" ||
         table == "checkpoint" || table == "schema_version" || table == "sqlite_master" ||
         table == "sqlite_schema";
}

int bind_value(sqlite3_stmt* s, int at, const value& v) {
  if (const auto* i = std::get_if<std::int64_t>(&v)) {
    return sqlite3_bind_int64(s, at, *i);
  }
  if (const auto* t = std::get_if<std::string>(&v)) {
    return sqlite3_bind_text64(s, at, t->data(), t->size(), SQLITE_STATIC, SQLITE_UTF8);
  }
  if (const auto* b = std::get_if<blob>(&v)) {
    // An empty blob is not NULL; SQLite takes a null pointer for NULL.
    return b->bytes.empty() ? sqlite3_bind_zeroblob(s, at, 0)
                            : sqlite3_bind_blob64(s, at, b->bytes.data(), b->bytes.size(),
                                                  SQLITE_STATIC);
  }
  return sqlite3_bind_null(s, at);
}

value column(sqlite3_stmt* s, int i) {
  const auto bytes = [&](const void* data) {
    const auto n = static_cast<std::size_t>(sqlite3_column_bytes(s, i));
    return n == 0 ? std::string() : std::string(static_cast<const char*>(data), n);
  };
  switch (sqlite3_column_type(s, i)) {
  case SQLITE_NULL:
    return std::monostate{};
  case SQLITE_INTEGER:
    return sqlite3_column_int64(s, i);
  case SQLITE_BLOB:
    return blob{bytes(sqlite3_column_blob(s, i))};
  default:
    return bytes(sqlite3_column_text(s, i));
  }
}

struct reset_statement {
  void operator()(sqlite3_stmt* s) const {
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
  }
};
using statement_use = std::unique_ptr<sqlite3_stmt, reset_statement>;

} // namespace

std::int64_t row::integer(std::size_t i) const {
  const auto* v = std::get_if<std::int64_t>(&columns_[i]);
  return v != nullptr ? *v : 0;
}

std::string row::text(std::size_t i) const {
  if (const auto* t = std::get_if<std::string>(&columns_[i])) {
    return *t;
  }
  if (const auto* b = std::get_if<blob>(&columns_[i])) {
    return b->bytes;
  }
  if (const auto* n = std::get_if<std::int64_t>(&columns_[i])) {
    return std::to_string(*n);
  }
  return {};
}

result<std::unique_ptr<sqlite_connection>>
sqlite_connection::open(const std::filesystem::path& file, mode m) {
  sqlite3* db = nullptr;
  const int flags = SQLITE_OPEN_NOMUTEX |
                    (m == mode::writer ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                                       : SQLITE_OPEN_READONLY);
  const int rc = sqlite3_open_v2(file.c_str(), &db, flags, nullptr);
  std::unique_ptr<sqlite_connection> c(new sqlite_connection(file, db));
  if (rc != SQLITE_OK) {
    return db == nullptr ? error(errc::internal, "SQLite has no memory for a connection")
                         : c->failure("open");
  }
  sqlite3_extended_result_codes(db, 1);
  sqlite3_busy_timeout(db, busy_timeout_ms);
  if (m == mode::reader) {
    // The last connection to close would otherwise checkpoint, and only the writer may.
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    if (auto r = c->script(reader_settings); !r) {
      return r.error();
    }
    // The first read finds out whether this is a database at all.
    if (auto r = c->query("SELECT count(*) FROM sqlite_master"); !r) {
      return r.error();
    }
    return c;
  }
  if (auto r = c->script(writer_settings); !r) {
    return r.error();
  }
  sqlite3_set_authorizer(db, &sqlite_connection::authorize, c.get());
  sqlite3_wal_hook(db, &sqlite_connection::committed, c.get());
  return c;
}

int sqlite_connection::authorize(void* self, int action, const char* a, const char*,
                                 const char*, const char*) {
  if (!static_cast<sqlite_connection*>(self)->guarded_) {
    return SQLITE_OK;
  }
  switch (action) {
  case SQLITE_TRANSACTION:
  case SQLITE_SAVEPOINT:
  case SQLITE_ATTACH:
  case SQLITE_DETACH:
  case SQLITE_PRAGMA:
    return SQLITE_DENY;
  case SQLITE_INSERT:
  case SQLITE_UPDATE:
  case SQLITE_DELETE:
  case SQLITE_DROP_TABLE:
  case SQLITE_ALTER_TABLE:
    return a != nullptr && belongs_to_ledger(a) ? SQLITE_DENY : SQLITE_OK;
  default:
    return SQLITE_OK;
  }
}

int sqlite_connection::committed(void* self, sqlite3*, const char*, int pages) {
  static_cast<sqlite_connection*>(self)->wal_pages_ = pages;
  return SQLITE_OK;
}

int sqlite_connection::system_errno() const {
  int e = sqlite3_system_errno(db_.get());
  sqlite3_file* wal = nullptr;
  // SQLite forgets the reason when it is the commit that fails; the log's file remembers.
  if (e == 0 &&
      sqlite3_file_control(db_.get(), "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal) ==
          SQLITE_OK &&
      wal != nullptr && wal->pMethods != nullptr) {
    wal->pMethods->xFileControl(wal, SQLITE_FCNTL_LAST_ERRNO, &e);
  }
  return e;
}

error sqlite_connection::failure(std::string_view sql) {
  const int rc = sqlite3_extended_errcode(db_.get());
  const auto code = code_of(rc, (rc & 0xff) == SQLITE_IOERR ? system_errno() : 0);
  error e(code, std::string("SQLite: ") + sqlite3_errmsg(db_.get()));
  e.at("file", file_.string()).at("sqlite", std::to_string(rc));
  if (!sql.empty()) {
    e.at("sql", std::string(sql.substr(0, 160)));
  }
  if (ends_everything(rc) && !fatal_) {
    fatal_ = e;
  }
  return e;
}

result<statement> sqlite_connection::prepare(std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const char* tail = nullptr;
  const int rc = sqlite3_prepare_v3(db_.get(), sql.data(), static_cast<int>(sql.size()),
                                    SQLITE_PREPARE_PERSISTENT, &raw, &tail);
  statement s(raw);
  if (rc != SQLITE_OK) {
    return failure(sql);
  }
  const std::string_view rest(tail,
                              static_cast<std::size_t>(sql.data() + sql.size() - tail));
  if (raw == nullptr || rest.find_first_not_of(" \t\r\n;") != std::string_view::npos) {
    return error(errc::internal, "exactly one SQL statement is expected")
        .at("sql", std::string(sql.substr(0, 160)));
  }
  return s;
}

result<sqlite3_stmt*> sqlite_connection::bound(std::string_view sql,
                                               const std::vector<value>& args) {
  auto& statements = guarded_ ? guarded_statements_ : own_statements_;
  auto found = statements.find(sql);
  if (found == statements.end()) {
    auto prepared = prepare(sql);
    if (!prepared) {
      return std::move(prepared).error();
    }
    if (statements.size() >= statements_max) {
      statements.clear();
    }
    found = statements.emplace(std::string(sql), *std::move(prepared)).first;
  }
  sqlite3_stmt* s = found->second.get();
  if (sqlite3_bind_parameter_count(s) != static_cast<int>(args.size())) {
    return error(errc::internal, "the statement takes " +
                                     std::to_string(sqlite3_bind_parameter_count(s)) +
                                     " arguments, not " + std::to_string(args.size()))
        .at("sql", std::string(sql.substr(0, 160)));
  }
  for (std::size_t i = 0; i < args.size(); ++i) {
    if (bind_value(s, static_cast<int>(i) + 1, args[i]) != SQLITE_OK) {
      return failure(sql);
    }
  }
  return s;
}

result<std::int64_t> sqlite_connection::exec(std::string_view sql,
                                             std::vector<value> args) {
  auto s = bound(sql, args);
  if (!s) {
    return s.error();
  }
  const statement_use use(*s);
  const auto before = sqlite3_total_changes64(db_.get());
  int rc = SQLITE_ROW;
  while (rc == SQLITE_ROW) {
    rc = sqlite3_step(*s);
  }
  if (rc != SQLITE_DONE) {
    return failure(sql);
  }
  // sqlite3_changes keeps the number of the last change when a statement changes nothing.
  return sqlite3_total_changes64(db_.get()) == before ? 0 : sqlite3_changes64(db_.get());
}

result<std::vector<row>> sqlite_connection::query(std::string_view sql,
                                                  std::vector<value> args) {
  auto s = bound(sql, args);
  if (!s) {
    return s.error();
  }
  const statement_use use(*s);
  std::vector<row> rows;
  while (true) {
    const int rc = sqlite3_step(*s);
    if (rc == SQLITE_DONE) {
      return rows;
    }
    if (rc != SQLITE_ROW) {
      return failure(sql);
    }
    const int n = sqlite3_column_count(*s);
    std::vector<value> columns;
    columns.reserve(static_cast<std::size_t>(n));
    for (int i = 0; i < n; ++i) {
      columns.push_back(column(*s, i));
    }
    rows.emplace_back(std::move(columns));
  }
}

result<void> sqlite_connection::script(const std::string& sql) {
  if (sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return failure(sql);
  }
  return {};
}

result<void> sqlite_connection::run(statement& s) {
  const int rc = sqlite3_step(s.get());
  if (rc != SQLITE_DONE) {
    auto e = failure(sqlite3_sql(s.get()));
    sqlite3_reset(s.get());
    return e;
  }
  sqlite3_reset(s.get());
  return {};
}

result<void> sqlite_connection::wal_checkpoint() {
  const int rc = sqlite3_wal_checkpoint_v2(db_.get(), nullptr, SQLITE_CHECKPOINT_PASSIVE,
                                           nullptr, nullptr);
  wal_pages_ = 0;
  if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY) {
    return failure("wal_checkpoint");
  }
  return {};
}

result<std::unique_ptr<connection>> open_reader(const std::filesystem::path& file) {
  std::error_code ec;
  if (!std::filesystem::exists(file, ec)) {
    return error(errc::not_found, "there is no database").at("file", file.string());
  }
  auto c = sqlite_connection::open(file, sqlite_connection::mode::reader);
  if (!c) {
    return std::move(c).error();
  }
  return std::unique_ptr<connection>(*std::move(c));
}

} // namespace crossdock::ledger
