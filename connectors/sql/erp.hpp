/// The system of record behind a mapping: polls, reads, writes and look-ups. Knows SQL
/// and the mapping; knows nothing of steps and events, so that a test can drive it alone.
#pragma once

#include <memory>
#include <optional>
#include <unordered_map>

#include "driver.hpp"
#include "mapping.hpp"

namespace crossdock::sql {

using sdk::json;
using sdk::outcome;

/// What is answered to a call: an outcome, and the answer or {"message", "system"}.
struct tool_result {
  outcome what = outcome::ok;
  json payload;
};

/// One row of a feed, ready to be sent.
struct feed_row {
  std::string id;
  json payload;
  json cursor;
};

struct erp_options {
  std::string system; ///< the name of this system of record in answers and ids
  connect_options connect;
  std::size_t rows_max = 5000; ///< per list; more is refused, never cut silently
  /// For one poll, call or look-up with everything in it. Less than the host's patience
  /// with a step, so that the end comes as an answer.
  std::chrono::milliseconds operation{9000};
};

/// What a look at the database before the start found.
struct findings {
  /// What will not pass: each a sentence with file, line, entry, the database's words and
  /// the remedy.
  std::vector<std::string> wrong;
  std::string unavailable; ///< why it could not be looked at (all of it), else empty
};

class erp {
public:
  erp(mapping map, erp_options options)
      : map_{std::move(map)}, options_{std::move(options)} {}

  /// Compiles every statement against the database. `position` as for first_cursor.
  findings check(const std::string& position);

  /// Where a first poll begins. `position`: "all", "open" or "now".
  json first_cursor(const std::string& topic, const std::string& position);
  /// At most `limit` rows after the cursor, in its order. Throws database_error.
  std::vector<feed_row> poll(const std::string& topic, const json& cursor, int limit);

  tool_result read(const std::string& tool, const json& args);
  /// Runs the statements in one transaction under `key`. A repeated key changes nothing
  /// and returns the first result.
  tool_result write(const std::string& tool, const json& args, const std::string& key);
  /// Whether the write with `key` was done: ok with its result, not_found, or unknown.
  tool_result lookup(const std::string& tool, const json& args, const std::string& key);

  const mapping& map() const { return map_; }
  std::string database_name() const { return name_of(options_.connect); }

private:
  connection& ready();
  statement& prepared(const statement_text& text);
  void check(const statement_text& text, bool must_read, findings& into);
  rows run(const statement_text& text, const bindings& with);
  bindings bind(const json& args, const parameter_types& types) const;
  std::optional<json> first_row(const statement_text& text, const bindings& with);
  tool_result write_in_transaction(const write_tool& tool, const std::string& name,
                                   const json& args, const bindings& with,
                                   const std::string& key);
  std::optional<tool_result> broken_precondition(const write_tool& tool, const json& args,
                                                 const bindings& with);
  tool_result refusal(outcome what, const std::string& message) const;
  tool_result failed(const database_error& e, const std::string& tool);
  json answer(json row) const;
  void drop_if_lost(const database_error& e) noexcept;
  void drop_session() noexcept;

  mapping map_;
  erp_options options_;
  std::unique_ptr<connection> connection_;
  // By where a statement stands in map_, which does not change.
  std::unordered_map<const statement_text*, std::unique_ptr<statement>> statements_;
};

/// One row as JSON: "a.b" nests, NULL is absent, suffixes :json, :boolean and :decimal
/// convert. Throws database_error{schema} for text that is not what its suffix says.
json row_to_json(const std::vector<std::string>& columns, const std::vector<value>& row);

/// Puts members of `from` in place of {name}; an unknown name stays as it is.
std::string fill(const std::string& text, const json& from);

} // namespace crossdock::sql
