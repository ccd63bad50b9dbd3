#include "driver.hpp"

#include <sqlite3.h>

namespace crossdock::sql {
namespace {

[[noreturn]] void fail(sqlite3* db, const std::string& doing) {
  const int code = sqlite3_extended_errcode(db);
  const std::string message = sqlite3_errmsg(db);
  const auto raise = [&](trouble kind, const std::string& text) -> void {
    throw database_error{kind, text};
  };
  switch (code & 0xff) {
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    raise(trouble::busy, "the database is locked by another writer");
    break;
  case SQLITE_CONSTRAINT:
    if (code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY ||
        code == SQLITE_CONSTRAINT_ROWID)
      raise(trouble::unique, message);
    raise(trouble::rule, message);
    break;
  case SQLITE_CANTOPEN:
  case SQLITE_NOTADB:
  case SQLITE_PERM:
  case SQLITE_AUTH:
  case SQLITE_READONLY:
    raise(trouble::unreachable, doing + ": " + message);
    break;
  case SQLITE_ERROR:
  case SQLITE_RANGE:
  case SQLITE_MISUSE:
  case SQLITE_MISMATCH:
  case SQLITE_SCHEMA:
    raise(trouble::schema, message);
    break;
  default:
    break;
  }
  throw database_error{trouble::io, doing + ": " + message};
}

class sqlite_statement final : public statement {
public:
  sqlite_statement(sqlite3* db, const std::string& text) : db_{db} {
    const char* tail = nullptr;
    if (sqlite3_prepare_v3(db, text.c_str(), static_cast<int>(text.size()) + 1,
                           SQLITE_PREPARE_PERSISTENT, &raw_, &tail) != SQLITE_OK)
      fail(db, "prepare");
    if (!raw_)
      throw database_error{trouble::schema, "the statement is empty"};
    if (tail &&
        std::string_view{tail}.find_first_not_of(" \t\r\n;") != std::string::npos) {
      sqlite3_finalize(raw_);
      throw database_error{trouble::schema, "there is more than one statement"};
    }
    for (int i = 1; i <= sqlite3_bind_parameter_count(raw_); ++i) {
      const char* name = sqlite3_bind_parameter_name(raw_, i);
      parameters_.emplace_back(name ? name + 1 : "");
    }
  }
  ~sqlite_statement() override { sqlite3_finalize(raw_); }
  sqlite_statement(const sqlite_statement&) = delete;
  sqlite_statement& operator=(const sqlite_statement&) = delete;

  bool reads_only() const override { return sqlite3_stmt_readonly(raw_) != 0; }

  rows run(const bindings& with, std::size_t rows_max) override {
    // Whatever happens, the statement lets go of its locks and of the borrowed texts.
    struct release {
      sqlite3_stmt* s;
      ~release() {
        sqlite3_reset(s);
        sqlite3_clear_bindings(s);
      }
    } const at_end{raw_};
    bind(with);
    rows out;
    for (int i = 0; i < sqlite3_column_count(raw_); ++i)
      out.columns.emplace_back(sqlite3_column_name(raw_, i));
    for (;;) {
      const int code = sqlite3_step(raw_);
      if (code == SQLITE_DONE)
        return out;
      if (code != SQLITE_ROW)
        fail(db_, "run");
      // A writing statement is always run to its end: that is what makes it happen.
      if (out.values.size() == rows_max) {
        out.complete = false;
        if (reads_only())
          return out;
        continue;
      }
      out.values.push_back(row());
    }
  }

private:
  void bind(const bindings& with) {
    int i = 0;
    for (const auto& name : parameters_) {
      const auto found = with.find(name);
      ++i;
      int code = SQLITE_OK;
      if (found == with.end() || std::holds_alternative<std::nullptr_t>(found->second))
        code = sqlite3_bind_null(raw_, i);
      else if (const auto* whole = std::get_if<std::int64_t>(&found->second))
        code = sqlite3_bind_int64(raw_, i, *whole);
      else if (const auto* real = std::get_if<double>(&found->second))
        code = sqlite3_bind_double(raw_, i, *real);
      else if (const auto* truth = std::get_if<bool>(&found->second))
        code = sqlite3_bind_int(raw_, i, *truth ? 1 : 0);
      else {
        const auto& text = std::get<std::string>(found->second);
        code = sqlite3_bind_text64(raw_, i, text.data(), text.size(), SQLITE_STATIC,
                                   SQLITE_UTF8);
      }
      if (code != SQLITE_OK)
        fail(db_, "bind");
    }
  }

  std::vector<value> row() {
    std::vector<value> out;
    for (int i = 0; i < sqlite3_column_count(raw_); ++i) {
      switch (sqlite3_column_type(raw_, i)) {
      case SQLITE_INTEGER:
        out.emplace_back(std::int64_t{sqlite3_column_int64(raw_, i)});
        break;
      case SQLITE_FLOAT:
        out.emplace_back(sqlite3_column_double(raw_, i));
        break;
      case SQLITE_NULL:
        out.emplace_back(nullptr);
        break;
      default: {
        const auto* bytes = static_cast<const char*>(sqlite3_column_blob(raw_, i));
        const auto size = static_cast<std::size_t>(sqlite3_column_bytes(raw_, i));
        out.emplace_back(bytes ? std::string{bytes, size} : std::string{});
      }
      }
    }
    return out;
  }

  sqlite3* db_;
  sqlite3_stmt* raw_ = nullptr;
  std::vector<std::string> parameters_; // in their order; "" has no name and is NULL
};

class sqlite_connection final : public connection {
public:
  explicit sqlite_connection(const connect_options& options) {
    // Never created: a mistyped path is an error, not an empty ERP. One thread at a time
    // uses it, so it needs no lock of its own.
    const int code = sqlite3_open_v2(
        options.database.c_str(), &db_,
        (options.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) |
            SQLITE_OPEN_NOMUTEX,
        nullptr);
    if (code != SQLITE_OK || !db_) {
      const std::string why = db_ ? sqlite3_errmsg(db_) : "out of memory";
      sqlite3_close(db_);
      throw database_error{trouble::unreachable, why};
    }
    sqlite3_extended_result_codes(db_, 1);
    sqlite3_busy_timeout(db_, options.busy_ms);
    try {
      // The file is opened lazily: read its first page now.
      sqlite_statement{db_, "SELECT count(*) FROM sqlite_schema"}.run({}, 1);
      sqlite_statement{db_, "PRAGMA foreign_keys = ON"}.run({}, 1);
    } catch (...) {
      sqlite3_close(db_);
      throw;
    }
  }
  ~sqlite_connection() override { sqlite3_close_v2(db_); }
  sqlite_connection(const sqlite_connection&) = delete;
  sqlite_connection& operator=(const sqlite_connection&) = delete;

  std::unique_ptr<statement> prepare(const std::string& text) override {
    return std::make_unique<sqlite_statement>(db_, text);
  }
  void begin_read() override { execute(begin_read_, "BEGIN DEFERRED"); }
  // One writer at a time: whoever may write is alone with every key.
  void begin_write(const std::string&) override {
    execute(begin_write_, "BEGIN IMMEDIATE");
  }
  void begin_lookup(const std::string&) override { begin_read(); }
  void commit() override { execute(commit_, "COMMIT"); }
  void rollback() noexcept override {
    if (sqlite3_get_autocommit(db_) == 0)
      sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
  }

private:
  void execute(std::unique_ptr<sqlite_statement>& compiled, const char* text) {
    if (!compiled)
      compiled = std::make_unique<sqlite_statement>(db_, text);
    compiled->run({}, 1);
  }

  sqlite3* db_ = nullptr;
  std::unique_ptr<sqlite_statement> begin_read_, begin_write_, commit_;
};

} // namespace

std::unique_ptr<connection> open_sqlite(const connect_options& options) {
  return std::make_unique<sqlite_connection>(options);
}

} // namespace crossdock::sql
