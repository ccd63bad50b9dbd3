/// The rows of cases and of the definitions they began with.
#pragma once

#include "flow/case_state.hpp"
#include "flow/definition.hpp"
#include "ledger/ledger.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace crossdock::flow {

/// A case as its row has it. `rev` goes up with every save.
struct stored_case {
  case_state state;
  std::int64_t rev = 0;
};

/// A line of a list of cases; the state is not read.
struct case_line {
  std::string case_id;
  std::string flow;
  int version = 0;
  std::string key;
  bool open = false;
  std::string outcome;
  timestamp opened_at;
  timestamp updated_at;
  std::optional<timestamp> closed_at;
};

struct case_filter {
  std::optional<bool> open;
  std::string flow; ///< empty: all
  std::string key;  ///< empty: all
};

std::vector<ledger::migration> migrations();

// -- inside a unit of work --------------------------------------------------------
/// Errors: conflict, if the case exists or (flow, key) has a live case already.
result<void> insert(ledger::transaction& tx, const case_state& state);
/// Writes the state if the row still has `rev`, which goes up by one. Errors: conflict.
result<void> save(ledger::transaction& tx, const case_state& state, std::int64_t rev);
/// Errors: not_found, corrupt, version.
result<stored_case> load(ledger::transaction& tx, std::string_view case_id);
/// The live case of this key, if there is one.
result<std::optional<stored_case>> find_live(ledger::transaction& tx,
                                             std::string_view flow, std::string_view key);
/// Keeps the definition for the cases that begin with it. Errors: conflict, if the same
/// id and version was in force with other contents: it needs a new version.
result<void> remember(ledger::transaction& tx, const definition& d);

// -- committed state --------------------------------------------------------------
/// Newest first; `after` is the case_id of the last line seen, empty to begin. Case ids
/// are ULIDs, so their order is that of opening.
result<std::vector<case_line>> list(ledger::connection& db, const case_filter& filter,
                                    std::size_t limit, std::string_view after = {});
/// Errors: not_found, corrupt, version.
result<stored_case> find(ledger::connection& db, std::string_view case_id);
/// Ids of open cases of a flow, oldest first: what a restart wakes up.
result<std::vector<std::string>> open_cases(ledger::connection& db,
                                            std::string_view flow);
/// A definition that was in force once, for a case that began with it. Errors: not_found.
result<definition_ptr> find_definition(ledger::connection& db, std::string_view flow,
                                       int version);

} // namespace crossdock::flow
