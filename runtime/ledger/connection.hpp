/// Private to the room: the one class that talks to SQLite.
#pragma once

#include "ledger/sqlite.hpp"

#include <sqlite3.h>

#include <optional>
#include <unordered_map>

namespace crossdock::ledger {

struct finalize_statement {
  void operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
};

struct close_database {
  void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
};

/// A prepared statement for the hot path: binds views without copying them, so what was
/// bound must live until the next reset.
class statement {
public:
  statement() = default;
  explicit statement(sqlite3_stmt* s) : s_(s) {}

  void bind(int at, std::uint64_t v) {
    sqlite3_bind_int64(s_.get(), at, static_cast<sqlite3_int64>(v));
  }
  void bind(int at, std::string_view v) {
    sqlite3_bind_text64(s_.get(), at, v.data(), v.size(), SQLITE_STATIC, SQLITE_UTF8);
  }
  void bind_bytes(int at, std::string_view v) {
    sqlite3_bind_blob64(s_.get(), at, v.data(), v.size(), SQLITE_STATIC);
  }
  void bind_null(int at) { sqlite3_bind_null(s_.get(), at); }
  sqlite3_stmt* get() const { return s_.get(); }

private:
  std::unique_ptr<sqlite3_stmt, finalize_statement> s_;
};

/// A connection with its statement cache. Remembers the first error after which nothing
/// more may be committed (`fatal`): the disk, the file or memory failed, or SQLite gave
/// up the transaction by itself.
class sqlite_connection final : public connection {
public:
  enum class mode { writer, reader };

  /// A writer creates the file if it is missing. Sets what every connection of its kind
  /// needs (FACTS: WAL, FULL, no mmap, only the writer checkpoints).
  static result<std::unique_ptr<sqlite_connection>>
  open(const std::filesystem::path& file, mode m);

  using connection::exec;
  using connection::query;
  result<std::int64_t> exec(std::string_view sql, std::vector<value> args) override;
  result<std::vector<row>> query(std::string_view sql, std::vector<value> args) override;

  /// Several statements, for schemas and settings.
  result<void> script(const std::string& sql);
  result<statement> prepare(std::string_view sql);
  /// Steps a statement that returns no rows, and resets it.
  result<void> run(statement& s);

  /// While on, statements may not begin, end or nest transactions, attach files, set
  /// pragmas or change the ledger's own tables. Asked when a statement is prepared.
  void guard(bool on) { guarded_ = on; }

  bool in_transaction() const { return sqlite3_get_autocommit(db_.get()) == 0; }
  const std::optional<error>& fatal() const { return fatal_; }
  sqlite3* handle() const { return db_.get(); }
  const std::filesystem::path& file() const { return file_; }
  /// Pages in the write-ahead log after the last commit; see `wal_checkpoint`.
  int wal_pages() const { return wal_pages_; }
  /// Moves what no reader needs from the log into the database, without waiting for
  /// readers.
  result<void> wal_checkpoint();

private:
  sqlite_connection(std::filesystem::path file, sqlite3* db)
      : file_(std::move(file)), db_(db) {}

  static int authorize(void* self, int action, const char* a, const char* b, const char*,
                       const char*);
  static int committed(void* self, sqlite3*, const char*, int pages);
  /// The statement of this text, bound to `args`; it must be reset by the caller.
  result<sqlite3_stmt*> bound(std::string_view sql, const std::vector<value>& args);
  error failure(std::string_view sql);
  int system_errno() const;

  struct text_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const {
      return std::hash<std::string_view>{}(s);
    }
  };

  std::filesystem::path file_;
  std::unique_ptr<sqlite3, close_database> db_;
  using statement_cache =
      std::unordered_map<std::string, statement, text_hash, std::equal_to<>>;

  /// Two, since a statement is only asked for permission when it is prepared: what we
  /// prepared for ourselves must not be there for a guarded caller. Destroyed before db_.
  statement_cache own_statements_;
  statement_cache guarded_statements_;
  std::optional<error> fatal_;
  bool guarded_ = false;
  int wal_pages_ = 0;
};

} // namespace crossdock::ledger
