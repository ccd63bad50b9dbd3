/// What the connector needs of a database, and nothing more: one implementation a
/// product.
///
/// Parameters are named (":item") and bound by type; rows come back by column name.
/// Everything that goes wrong is a database_error that says what kind of trouble it is,
/// because the kind decides what the caller is told: try again, never again, or look it
/// up first.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
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

/// NULL, integer, floating point or text.
using value = std::variant<std::nullptr_t, std::int64_t, double, std::string>;
/// Parameters by name, without the colon. One that is absent is NULL.
using bindings = std::map<std::string, value>;

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
  virtual std::vector<std::string> parameters() const = 0;
  virtual bool reads_only() const = 0;
  virtual rows run(const bindings& with, std::size_t rows_max) = 0;
};

/// One session. Used by one thread at a time.
class connection {
public:
  virtual ~connection() = default;
  virtual std::unique_ptr<statement> prepare(const std::string& text) = 0;
  /// A consistent view for several reads, or the exclusive right to write.
  virtual void begin_read() = 0;
  virtual void begin_write() = 0;
  virtual void commit() = 0;
  /// Never throws; harmless outside a transaction.
  virtual void rollback() noexcept = 0;
};

struct connect_options {
  std::string database;   ///< path or URL
  int busy_ms = 2000;     ///< how long a statement waits for another writer
  bool read_only = false; ///< the session cannot write, whatever it is asked
};

/// Throws database_error{unreachable}.
std::unique_ptr<connection> open_sqlite(const connect_options& options);

/// A database name without a password, for logs and messages.
std::string without_password(std::string_view database);

} // namespace crossdock::sql
