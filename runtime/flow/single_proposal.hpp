/// What an agent proposes outside any flow (propose/1): a case of one step.
///
/// The host publishes a proposal as an event; the flow compiled in here turns it into a
/// case, so that gate, escalation, effect and story are those of every other case. One
/// live case for each (agent, tool, object key): a newer proposal supersedes. Each
/// proposal has exactly one end, which its agent is told in the unit that reaches it.
#pragma once

#include "base/proposal.hpp"
#include "flow/case_state.hpp"
#include "flow/definition.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace crossdock::flow {

/// The event by which an agent's proposal reaches the flow; not in the catalogue, since
/// no component may publish it. Its payload is what `read_submitted` reads.
constexpr const char* proposal_topic = "crossdock.proposal";
/// What the policy knows such a proposal's flow as.
constexpr const char* single_proposal_flow = "single-proposal";

/// The built-in flow. The same object for the whole life of the process.
definition_ptr single_proposal();

/// The proposal in a case's trigger, as it is judged. Errors: schema, limit; naming the
/// field.
result<proposal> submitted_proposal(const definition& d, const step& at,
                                    const case_state& state, timestamp now);

/// The end of an agent's own proposal.
struct proposal_end {
  std::string event_id; ///< of the event that carried it
  std::string tool;
  std::uint64_t request = 0; ///< the number the agent got when it proposed
  std::string
      outcome; ///< executed, denied, rejected, expired, failed, superseded, withdrawn
  json detail;
};

/// Which proposals end when a case goes from `before` to `after` on hearing `outcome`
/// (empty: it heard of something else) with `detail`.
std::vector<proposal_end> ended_proposals(const case_state& before,
                                          const case_state& after,
                                          const std::string& outcome, const json& detail);

} // namespace crossdock::flow
