/// The flow actor and its cases: one actor per live case, woken from its row and sent
/// back to it when nothing is under way.
#pragma once

#include "base/catalogue.hpp"
#include "contracts.hpp"
#include "dispatch/dispatch.hpp"
#include "flow/flow.hpp"
#include "gate/gate.hpp"

#include <functional>
#include <map>

namespace crossdock::flow {

/// What of the configuration may change while cases run. One object is one configuration:
/// a later one is another object.
struct rules {
  std::vector<definition_ptr> definitions; ///< in force for new cases
  gate::policy policy;                     ///< for its chains
};

struct environment {
  std::shared_ptr<ledger::store> store;
  std::shared_ptr<dispatch::exchange> exchange;
  std::shared_ptr<const clock> time;
  std::shared_ptr<id_source> ids;
  std::shared_ptr<tap> taps;
  std::shared_ptr<const catalogue> words; ///< what an answer must look like
  /// The rules in force. They change on the ledger's writer thread alone, with the record
  /// that says so: inside a unit this is what holds at the unit's place in the order.
  std::function<std::shared_ptr<const flow::rules>()> rules;
  std::string tenant;
  std::function<gate_handle()> gate;                  ///< the gate as it is now
  std::function<effect_handle()> effect;              ///< for what is allowed
  std::function<escalation_desk_handle()> escalation; ///< for what is asked
  /// The release of a component: "crossdock.order 0.1.0 sha256:...".
  std::function<std::string(const std::string&)> release_of;
  /// Shared by all that run on one ledger, one after the other.
  std::shared_ptr<case_rows> rows = std::make_shared<case_rows>();
  /// The person who answers for an agent; empty if nobody is named.
  std::map<std::string, std::string> owners = {};
};

flow_handle start(caf::actor_system& system, environment env);

} // namespace crossdock::flow
