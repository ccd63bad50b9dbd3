/// The mapping file: which statement reads or writes what
/// (docs/reference/sql-connector.md).
#pragma once

#include <map>
#include <string>
#include <vector>

#include <crossdock/json.hpp>

namespace crossdock::sql {

/// A statement and where it stands, for messages: "sim.toml:12: read.erp.stock".
struct statement_text {
  std::string sql;
  std::string place;
};

enum class no { refused, conflict };

/// How an argument becomes a parameter.
enum class parameter_type { as_given, integer, real, text, boolean };
using parameter_types = std::map<std::string, parameter_type>;

/// One topic that is polled. Statements give `cursor` and the payload's columns.
struct feed {
  std::string topic;
  statement_text page; ///< rows after :cursor, in its order, at most :limit
  statement_text open; ///< one row, one column: where the records still open begin
  statement_text now;  ///< one row, one column: the latest cursor
  std::string id = "{record}@{cursor}"; ///< after "<system>/"
  statement_text notify; ///< not SQL: the channel on which the database tells of changes
};

struct read_tool {
  statement_text head; ///< at most one row: the answer's own members
  std::map<std::string, statement_text> lists;
  std::string missing; ///< the message when head has no row
  parameter_types types;
};

/// Must give a row, and if that has a column `ok` it must be true.
struct precondition {
  statement_text check;
  no outcome = no::refused;
  std::string message; ///< {name} stands for an argument or a column of the row
};

struct write_tool {
  std::vector<precondition> require;
  std::vector<statement_text> statements; ///< the last one's row is the answer
  statement_text lookup;                  ///< the same row by :key, or none
  no without_row = no::conflict;
  std::string without_row_message;
  parameter_types types;
};

/// A text with which the database's own rules begin their messages.
struct rule_prefix {
  std::string begins;
  no outcome = no::refused;
};

struct mapping {
  std::string file;
  std::map<std::string, feed> feeds;
  std::map<std::string, read_tool> reads;
  std::map<std::string, write_tool> writes;
  std::vector<rule_prefix> rules;

  /// Throws bad_config that names file, line, entry and remedy.
  static mapping load(const std::string& path);
  static mapping parse(std::string_view text, const std::string& file);
};

} // namespace crossdock::sql
