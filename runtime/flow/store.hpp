/// The rows of cases and of the definitions they began with.
#pragma once

#include "flow/case_state.hpp"
#include "flow/definition.hpp"
#include "ledger/ledger.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
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
  std::string phase; ///< as case_state::phase
  std::string outcome;
  timestamp opened_at;
  timestamp updated_at;
  std::optional<timestamp> closed_at;
};

struct case_filter {
  std::string state; ///< a phase, or "closed": not open; empty: all
  std::string flow;  ///< empty: all
  std::string key;   ///< empty: all
};

std::vector<ledger::migration> migrations();

// -- inside a unit of work --------------------------------------------------------

/// The cases' rows. A case that moves several times within one group of units is written once,
/// when the group commits; what revision it is at is known here meanwhile. The writer's thread
/// alone; one object for as long as the ledger is open.
class case_rows {
public:
  using state_ptr = std::shared_ptr<const case_state>;

  /// Errors: conflict, if the case exists or (flow, key) has a live case already.
  result<void> insert(ledger::transaction& tx, state_ptr state);
  /// Writes the state if the case is at `rev`, which goes up by one. Errors: conflict.
  result<void> save(ledger::transaction& tx, state_ptr state, std::int64_t rev);
  /// Errors: not_found, corrupt, version.
  result<stored_case> load(ledger::transaction& tx, std::string_view case_id) const;
  /// The live case of this key, if there is one.
  result<std::optional<stored_case>>
  find_live(ledger::transaction& tx, std::string_view flow, std::string_view key) const;

private:
  result<std::int64_t> revision(ledger::transaction& tx, const std::string& case_id) const;
  void remember(ledger::transaction& tx, const std::string& case_id,
                std::optional<std::int64_t> rev);

  std::unordered_map<std::string, std::int64_t> revisions_; ///< of open cases that moved
};

/// Closed cases of this key that have done something the flow says how to undo, oldest
/// first.
result<std::vector<std::string>>
undoable_cases(ledger::transaction& tx, std::string_view flow, std::string_view key);
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
