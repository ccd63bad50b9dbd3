/// The escalation desk and its escalations: one actor per pending decision while it is
/// concerned, its row otherwise.
#pragma once

#include "contracts.hpp"
#include "dispatch/dispatch.hpp"
#include "ledger/ledger.hpp"

#include <functional>

namespace crossdock::escalate {

struct environment {
  std::shared_ptr<ledger::store> store;
  std::shared_ptr<dispatch::exchange> exchange;
  std::shared_ptr<const clock> time;
  std::shared_ptr<tap> taps;
  std::function<effect_handle()> effect; ///< for what people approved
};

escalation_desk_handle start_desk(caf::actor_system& system, environment env);

} // namespace crossdock::escalate
