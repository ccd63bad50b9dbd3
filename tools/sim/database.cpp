#include "database.hpp"

#include <chrono>
#include <filesystem>
#include <thread>

#include <fmt/format.h>
#include <sqlite3.h>

namespace crossdock::sim {

namespace {

[[noreturn]] void fail(sqlite3* db, const std::string& file) {
  const std::string why = sqlite3_errmsg(db);
  switch (sqlite3_errcode(db) & 0xff) {
  case SQLITE_FULL:
    throw failure{exit_code::io, fmt::format("{}: the disk is full; free some space and "
                                             "run the command again",
                                             file)};
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    throw failure{exit_code::io, fmt::format("{}: another program holds the database "
                                             "locked; stop it or try again",
                                             file)};
  case SQLITE_NOTADB:
    throw failure{exit_code::bad_input,
                  fmt::format("{}: is not an SQLite database", file)};
  case SQLITE_CORRUPT:
    throw failure{exit_code::io,
                  fmt::format("{}: the database is damaged ({}); create it "
                              "again",
                              file, why)};
  case SQLITE_CANTOPEN:
  case SQLITE_IOERR:
  case SQLITE_READONLY:
  case SQLITE_PERM:
    throw failure{exit_code::io,
                  fmt::format("{}: cannot be opened, read or written ({})", file, why)};
  default:
    throw failure{exit_code::io, fmt::format("{}: {}", file, why)};
  }
}

std::string file_of(sqlite3* db) {
  const char* name = sqlite3_db_filename(db, "main");
  return name != nullptr && *name != '\0'
             ? std::filesystem::path{name}.filename().string()
             : "database";
}

} // namespace

statement::statement(sqlite3* db, std::string_view sql) {
  if (sqlite3_prepare_v2(db, sql.data(), static_cast<int>(sql.size()), &handle_,
                         nullptr) != SQLITE_OK)
    fail(db, file_of(db));
}

statement::~statement() {
  sqlite3_finalize(handle_);
}

void statement::bind(std::initializer_list<value> values) {
  int n = 0;
  for (const auto& v : values) {
    ++n;
    if (const auto* i = std::get_if<std::int64_t>(&v))
      sqlite3_bind_int64(handle_, n, *i);
    else if (const auto* t = std::get_if<std::string_view>(&v))
      sqlite3_bind_text(handle_, n, t->data(), static_cast<int>(t->size()),
                        SQLITE_STATIC);
    else
      sqlite3_bind_null(handle_, n);
  }
}

bool statement::step() {
  const int code = sqlite3_step(handle_);
  if (code == SQLITE_ROW)
    return true;
  if (code == SQLITE_DONE)
    return false;
  auto* db = sqlite3_db_handle(handle_);
  try {
    fail(db, file_of(db));
  } catch (...) {
    sqlite3_reset(handle_);
    throw;
  }
}

void statement::reset() {
  sqlite3_reset(handle_);
}

void statement::run(std::initializer_list<value> values) {
  bind(values);
  while (step()) {
  }
  reset();
}

void statement::each(std::initializer_list<value> values,
                     const std::function<void(statement&)>& row) {
  bind(values);
  while (step())
    row(*this);
  reset();
}

std::int64_t statement::integer(int column) const {
  return sqlite3_column_int64(handle_, column);
}

std::string statement::text(int column) const {
  const auto* t = reinterpret_cast<const char*>(sqlite3_column_text(handle_, column));
  return t != nullptr ? std::string{t} : std::string{};
}

bool statement::is_null(int column) const {
  return sqlite3_column_type(handle_, column) == SQLITE_NULL;
}

database::database(const std::string& file, mode how) : file_(file) {
  if (how != mode::create && !std::filesystem::exists(file))
    throw failure{exit_code::bad_input,
                  fmt::format("{}: there is no such file; `crossdock-sim create --db {}` "
                              "makes one",
                              file, file)};
  int flags = SQLITE_OPEN_READWRITE;
  if (how == mode::create)
    flags |= SQLITE_OPEN_CREATE;
  if (sqlite3_open_v2(file.c_str(), &handle_, flags, nullptr) != SQLITE_OK) {
    try {
      fail(handle_, file_);
    } catch (...) {
      sqlite3_close(handle_);
      throw;
    }
  }
  sqlite3_busy_timeout(handle_, 5000);
  try {
    if (how == mode::read)
      execute("PRAGMA query_only = 1;");
    if (how == mode::write)
      execute("PRAGMA synchronous = NORMAL;");
  } catch (...) {
    sqlite3_close(handle_);
    throw;
  }
}

database::~database() {
  sqlite3_close(handle_);
}

void database::execute(std::string_view script) {
  if (sqlite3_exec(handle_, std::string{script}.c_str(), nullptr, nullptr, nullptr) !=
      SQLITE_OK)
    fail(handle_, file_);
}

std::int64_t database::integer(std::string_view sql,
                               std::initializer_list<statement::value> values) {
  std::int64_t answer = 0;
  each(sql, values, [&](statement& s) { answer = s.integer(0); });
  return answer;
}

std::string database::text(std::string_view sql,
                           std::initializer_list<statement::value> values) {
  std::string answer;
  each(sql, values, [&](statement& s) { answer = s.text(0); });
  return answer;
}

void database::each(std::string_view sql, std::initializer_list<statement::value> values,
                    const std::function<void(statement&)>& row) {
  statement{handle_, sql}.each(values, row);
}

void database::transaction(const std::function<void()>& work) {
  // IMMEDIATE takes the write lock first, so nothing after it can meet SQLITE_BUSY.
  for (int attempt = 0;; ++attempt) {
    const int code = sqlite3_exec(handle_, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr);
    if (code == SQLITE_OK)
      break;
    if ((code & 0xff) != SQLITE_BUSY || attempt == 5) // each attempt waited 5 s already
      fail(handle_, file_);
    std::this_thread::sleep_for(std::chrono::milliseconds{20 << attempt});
  }
  try {
    work();
    execute("COMMIT");
  } catch (...) {
    sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
    throw;
  }
}

void database::require_simulation() {
  const auto id = integer("PRAGMA application_id");
  if (id != application_id)
    throw failure{
        exit_code::bad_input,
        fmt::format("{}: is a database, but not one that `crossdock-sim create` "
                    "made",
                    file_)};
  const auto version = integer("PRAGMA user_version");
  if (version != schema_version)
    throw failure{exit_code::bad_input,
                  fmt::format("{}: has schema version {}, this program needs {}; create "
                              "it again",
                              file_, version, schema_version)};
}

} // namespace crossdock::sim
