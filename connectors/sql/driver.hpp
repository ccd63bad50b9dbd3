/// What the connector needs of a database, and nothing more: one implementation a
/// product.
///
/// Parameters are named (":item") and bound by type; rows come back by column name.
/// Everything that goes wrong is a database_error that says what kind of trouble it is,
/// because the kind decides what the caller is told: try again, never again, or look it
/// up first. Whatever a driver waits for has an end.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace crossdock::sql {

enum class trouble {
  busy,        ///< another writer; certainly not done, worth another try
  unique,      ///< a unique key exists already: perhaps our own earlier write
  rule,        ///< a constraint or trigger of the database said no; what() is its message
  schema,      ///< a table or column is missing, or the statement is wrong
  unreachable, ///< the file or server cannot be opened; certainly not done
  io,          ///< failed midway: at a commit it is not known whether it was done
};

class database_error : public std::runtime_error {
public:
  database_error(trouble kind, const std::string& what)
      : std::runtime_error{what}, kind_{kind} {}
  trouble kind() const noexcept { return kind_; }

private:
  trouble kind_;
};

/// NULL, integer, floating point, text or (from a database that has them) a truth value.
using value = std::variant<std::nullptr_t, std::int64_t, double, std::string, bool>;
/// Parameters by name, without the colon. One that is absent is NULL.
using bindings = std::map<std::string, value, std::less<>>;

/// Rows in the order of the database; each has as many values as there are columns.
struct rows {
  std::vector<std::string> columns;
  std::vector<std::vector<value>> values;
  bool complete = true; ///< false: there were more than `rows_max`
};

/// One compiled statement, reusable. Dies before its connection.
class statement {
public:
  virtual ~statement() = default;
  virtual bool reads_only() const = 0;
  virtual rows run(const bindings& with, std::size_t rows_max) = 0;
  /// Finds what compiling does not, a missing right for example. Changes nothing.
  virtual void rehearse() {}
};

using instant = std::chrono::steady_clock::time_point;

/// One session. Used by one thread at a time.
class connection {
public:
  virtual ~connection() = default;
  /// Outside a transaction: a statement that does not compile may end one.
  virtual std::unique_ptr<statement> prepare(const std::string& text) = 0;
  /// A consistent view for several reads.
  virtual void begin_read() = 0;
  /// The right to write; nobody else writes under `key` meanwhile.
  virtual void begin_write(const std::string& key) = 0;
  /// To see whether the write under `key` was done: after whoever may still be at it,
  /// also a session whose end we never saw.
  virtual void begin_lookup(const std::string& key) = 0;
  /// An error of kind `io` here means that nobody knows; every other one that it was not
  /// done.
  virtual void commit() = 0;
  /// Never throws; harmless outside a transaction.
  virtual void rollback() noexcept = 0;
  /// False if it is known to be lost.
  virtual bool alive() noexcept { return true; }
  /// No later wait of this session goes beyond `until`.
  virtual void finish_by(instant /*until*/) {}
};

enum class product { sqlite, postgresql };

struct connect_options {
  product driver = product::sqlite;
  std::string database;      ///< path, or what libpq takes: URL or "host=... dbname=..."
  std::string password;      ///< empty: as the database's own client finds it
  std::string password_file; ///< its first line, read anew for each connection
  int busy_ms = 2000;        ///< how long a statement waits for another writer
  bool read_only = false;    ///< the session cannot write, whatever it is asked

  // of servers
  int connect_ms = 3000;
  int statement_ms = 8000;            ///< the server ends a statement after it
  int idle_in_transaction_ms = 15000; ///< and a transaction of which it hears no more
  std::string search_path;            ///< empty: the login's own
  std::string application = "crossdock";
  int stop_fd = -1; ///< readable: whoever waits gives up
};

/// Throws database_error{schema} for options that can never work, without a secret.
void validate(const connect_options& options);

/// Throws database_error{unreachable}.
std::unique_ptr<connection> open(const connect_options& options, instant until);

/// Hears what a database says by itself. Used by one thread.
class listener {
public:
  virtual ~listener() = default;
  /// The channels on which something was said, at the latest at `until` (then none) or
  /// when `wake_fd` is readable. Throws database_error once the connection is lost.
  virtual std::set<std::string> wait(int wake_fd, instant until) = 0;
  /// A line that was cut is as silent as a quiet one. Throws if there is no answer.
  virtual void ask_whether_alive(instant until) = 0;
};

bool can_listen(product driver);
/// Hears everything that is said after it returned. Throws database_error.
std::unique_ptr<listener> listen(const connect_options& options,
                                 const std::set<std::string>& channels, instant until);

/// A database's name without any secret, for logs and messages.
std::string name_of(const connect_options& options);

/// What `options` say about the password. Throws database_error{unreachable} for a file
/// that cannot be read.
std::string password_of(const connect_options& options);

// One file a product.
std::unique_ptr<connection> open_sqlite(const connect_options& options);
std::unique_ptr<connection> open_postgres(const connect_options& options, instant until);
std::unique_ptr<listener> listen_postgres(const connect_options& options,
                                          const std::set<std::string>& channels,
                                          instant until);
/// Empty if libpq cannot read `database`.
std::string postgres_name_of(const connect_options& options);

} // namespace crossdock::sql
