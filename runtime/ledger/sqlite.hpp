/// SQLite behind values and results. Used by the ledger's writer and by readers of its
/// file.
#pragma once

#include "base/error.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace crossdock::ledger {

/// NULL, integer, text. Binary data travels as text of raw bytes and is bound as a BLOB
/// with `blob`. Rooms store no floating-point numbers.
struct blob {
  std::string bytes;
};
using value = std::variant<std::monostate, std::int64_t, std::string, blob>;

class row {
public:
  explicit row(std::vector<value> columns) : columns_(std::move(columns)) {}
  std::size_t size() const { return columns_.size(); }
  bool is_null(std::size_t i) const {
    return std::holds_alternative<std::monostate>(columns_[i]);
  }
  /// 0 if the column is NULL or text.
  std::int64_t integer(std::size_t i) const;
  std::uint64_t number(std::size_t i) const {
    return static_cast<std::uint64_t>(integer(i));
  }
  /// Text or bytes; empty if NULL.
  std::string text(std::size_t i) const;

private:
  std::vector<value> columns_;
};

/// Prepared statements are kept by their SQL text. Not for two threads at once.
class connection {
public:
  virtual ~connection() = default;
  /// Runs a statement that returns no rows; gives the number of rows changed.
  /// Errors: conflict (a constraint), busy, io, disk_full, corrupt, internal (bad SQL).
  virtual result<std::int64_t> exec(std::string_view sql, std::vector<value> args) = 0;
  result<std::int64_t> exec(std::string_view sql) { return exec(sql, {}); }
  /// Runs a query and gives its rows.
  virtual result<std::vector<row>> query(std::string_view sql,
                                         std::vector<value> args) = 0;
  result<std::vector<row>> query(std::string_view sql) { return query(sql, {}); }
};

/// Gives the connection back to its pool when dropped.
using pooled_connection = std::unique_ptr<connection, std::function<void(connection*)>>;

/// A `query_only` connection to a database file that another process may be writing.
/// Errors: not_found, corrupt (not a database), io.
result<std::unique_ptr<connection>> open_reader(const std::filesystem::path& file);

} // namespace crossdock::ledger
