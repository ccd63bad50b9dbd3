/// EFFECT: the only way from an approval to a change in a system of record.
///
/// Promises
///  - Before anything is written, every material fact is read again from its system of record;
///    one that moved past its tolerance, either way, supersedes the approval.
///  - The approval is consumed, the intent recorded and the call queued in one unit of work;
///    the connector hears of it only when that unit is durable.
///  - The idempotency key is fixed by the proposal, before anything runs.
///  - An outcome that is not known is resolved by asking the system of record for the key,
///    after the tool's settling time; a write is repeated only when the answer was that it is
///    certainly not there.
#pragma once

#include "contracts.hpp"
#include "dispatch/dispatch.hpp"
#include "ledger/ledger.hpp"

#include <map>

namespace crossdock::effect {

struct environment {
  std::shared_ptr<ledger::store> store;
  std::shared_ptr<dispatch::exchange> exchange;
  std::shared_ptr<const clock> time;
  std::shared_ptr<tap> taps;
  /// How long after a lost answer of a write tool the look-up makes sense. May be empty.
  std::function<std::chrono::milliseconds(const std::string& tool)> settle = {};
};

std::vector<ledger::migration> migrations();

effect_handle start(caf::actor_system& system, environment env);

/// One effect as its row has it.
struct effect_row {
  std::string approval_id;
  std::string key;
  std::string case_id;
  std::string tool;
  std::string state; ///< sent, waiting, unknown, executed, failed
  std::int64_t attempts = 0;
  json outcome;
  timestamp updated;
};
result<std::vector<effect_row>> list(ledger::connection& db, std::string_view case_id,
                                     std::size_t limit);

// -- re-reading facts (plain logic) ---------------------------------------------------------

/// One read of a system of record, and the facts that it gives again.
struct reread {
  std::string tool;
  json args;
  std::vector<std::size_t> facts; ///< indices into the proposal's facts
};
/// The distinct reads behind the material facts of a proposal.
std::vector<reread> rereads_of(const proposal& p);
/// What moved: for each material fact of `r` that the answer gives differently beyond its
/// tolerance {name, was, is, tolerance, record}; a value that is gone counts as moved.
json drift_of(const proposal& p, const reread& r, const json& answer);

} // namespace crossdock::effect
