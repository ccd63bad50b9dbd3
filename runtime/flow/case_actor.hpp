/// One live case: takes its deliveries one after the other, each in a unit of its own.
#pragma once

#include "flow/actor.hpp"

namespace crossdock::flow {

using shared_environment = std::shared_ptr<const environment>;

/// How a case tells its flow actor that one delivery is done and how the case stands. A
/// trigger that reached a case which had just closed, or whose case could not open
/// because the rules changed, comes back, to open a new one.
using done_callback = std::function<void(std::string case_id, bool open,
                                         std::shared_ptr<dispatch::delivery> back)>;

/// `fresh`: there is no row yet. `with` is the definition of a fresh case; else it may be
/// null, and is the first guess.
case_handle spawn_case(caf::actor_system& system, shared_environment env,
                       std::string case_id, bool fresh, definition_ptr with,
                       done_callback tell_done);

} // namespace crossdock::flow
