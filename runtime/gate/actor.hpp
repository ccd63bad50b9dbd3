/// The gate as an actor: judges by the policy in force and each agent's autonomy.
#pragma once

#include "base/system_clocks.hpp"
#include "contracts.hpp"
#include "gate/autonomy.hpp"
#include "gate/gate.hpp"

#include <functional>
#include <memory>

namespace crossdock::gate {

/// What verdicts rest on. One object is one configuration: a later one is another object.
struct rules {
  policy in_force;
  autonomy_table levels;
};

struct environment {
  std::function<std::shared_ptr<const gate::rules>()> rules; ///< those in force
  std::shared_ptr<const clock> time;
  std::shared_ptr<tap> taps;
  std::shared_ptr<const system_clocks> clocks; ///< facts age by the clock of their system
};

/// The level of (agent, tool): the exact entry, else agent with any tool, else any agent with
/// the tool, else everything, else shadow.
autonomy level_of(const autonomy_table& levels, const std::string& agent,
                  const std::string& tool);

gate_handle start(caf::actor_system& system, environment env);

} // namespace crossdock::gate
