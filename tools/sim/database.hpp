#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>

#include "calendar.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace crossdock::sim {

/// Exit codes of the program; also what an error is about.
enum class exit_code : int {
  ok = 0,
  usage = 2,        ///< the command line
  bad_input = 3,    ///< a file that is missing, exists already, or is not ours
  failed_check = 4, ///< the database contradicts itself
  io = 5,           ///< disk full, locked, unreadable, torn
};

/// What went wrong in one sentence for a person.
class failure : public std::runtime_error {
public:
  failure(exit_code code, const std::string& sentence)
      : std::runtime_error(sentence), code_(code) {}
  exit_code code() const { return code_; }

private:
  exit_code code_;
};

/// A prepared statement. `run` binds, executes and resets; `each` calls back per row.
class statement {
public:
  using value = std::variant<std::nullptr_t, std::int64_t, std::string_view>;

  statement(sqlite3* db, std::string_view sql);
  ~statement();
  statement(statement&&) = delete;

  void run(std::initializer_list<value> values);
  void each(std::initializer_list<value> values,
            const std::function<void(statement&)>& row);

  std::int64_t integer(int column) const;
  std::string text(int column) const; ///< empty for NULL
  bool is_null(int column) const;

private:
  void bind(std::initializer_list<value> values);
  bool step();
  void reset();
  sqlite3_stmt* handle_ = nullptr;
};

/// A connection. Errors become `failure` with the file's name and the remedy.
class database {
public:
  enum class mode { create, read, write };
  database(const std::string& file, mode how);
  ~database();
  database(database&&) = delete;

  sqlite3* handle() const { return handle_; }
  const std::string& file() const { return file_; }
  void execute(std::string_view script);
  std::int64_t integer(std::string_view sql,
                       std::initializer_list<statement::value> values = {});
  std::string text(std::string_view sql,
                   std::initializer_list<statement::value> values = {});
  void each(std::string_view sql, std::initializer_list<statement::value> values,
            const std::function<void(statement&)>& row);

  /// Runs `work` in one write transaction. Another writer is waited for (30 s in all),
  /// then the failure says so. An exception rolls back.
  void transaction(const std::function<void()>& work);

  /// Refuses a file that no `create` of this program and schema version made.
  void require_simulation();

private:
  std::string file_;
  sqlite3* handle_ = nullptr;
};

constexpr std::int64_t application_id = 0x58444B31; ///< "XDK1"
constexpr std::int64_t schema_version = 1;

/// SQL compiled into the program: schema.sql, rules.sql, queries.sql.
extern const char* const schema_sql;
extern const char* const rules_sql;
extern const char* const queries_sql;

} // namespace crossdock::sim
