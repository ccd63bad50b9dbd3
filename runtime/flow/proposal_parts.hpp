/// Private to the room: what every proposal of a case has in common.
#pragma once

#include "base/proposal.hpp"
#include "flow/case_state.hpp"
#include "flow/definition.hpp"

#include <chrono>

namespace crossdock::flow {

/// Everything that follows from where and when a case proposes.
proposal begin_proposal(const definition& d, const step& at, const case_state& state,
                        std::chrono::milliseconds expires, timestamp now);

/// Adds a fact; the same number told twice is one fact, and material if either was.
void add_fact(proposal& p, fact f);
/// What the decision depends on comes first and is never cut. Errors: limit.
result<void> order_facts(proposal& p);

} // namespace crossdock::flow
