/// Approvals as rows of the ledger's database. Private to the room.
#pragma once

#include "escalate/escalate.hpp"

namespace crossdock::escalate {

/// The latest wall time ever seen, at least `now`; remembered.
result<timestamp> latest_time(ledger::transaction& tx, timestamp now);

/// Approvals whose row satisfies `where` (SQL after WHERE, from this room's own texts),
/// with their votes.
result<std::vector<approval>> load(ledger::connection& db, std::string_view where,
                                   std::vector<ledger::value> args);

result<void> insert(ledger::transaction& tx, const approval& a);
result<void> insert_vote(ledger::transaction& tx, const approval& a, const vote& v,
                         const std::string& body_sha256);

result<void> insert_edit(ledger::transaction& tx, const std::string& decision_id,
                         const approval& before, const approval& now,
                         const std::string& body_sha256);

/// Gives `a.stage` its full time from `now` and nobody counted.
void begin_stage(approval& a, timestamp now);

/// Who did it and what is written down about it.
struct transition {
  state to = state::pending;
  std::string_view event;       ///< "approved", "reminded", ...
  std::string by = "escalate";  ///< "person:maria", "escalate", "effect"
  json detail = json::object(); ///< canonical; goes into the header
  json body = json::object();   ///< free text and other things that may have to be erased
};

/// Compare-and-set of every column that changes, on (a.id, a.version), with its record.
/// `a` has its new stage, deadlines and outcome already; state, version, decided_by and
/// updated_at are set here. A reminder changes no version: what a person saw is still
/// what there is.
result<void> advance(ledger::transaction& tx, approval& a, timestamp now, transition t);

/// The record alone; `from` is the state before.
result<void> record(ledger::transaction& tx, const approval& a, state from, transition t);

} // namespace crossdock::escalate
