/// Makes the proposal of a propose step out of a case's data. Private to the room.
#pragma once

#include "base/proposal.hpp"
#include "flow/case_state.hpp"
#include "flow/definition.hpp"

namespace crossdock::flow {

/// The most facts a proposal shows; those it depends on (material) are never left out.
constexpr std::size_t facts_max = 64;

/// Pure: the id is a ULID made of `now` and a hash of case, step and run.
/// Errors: not_found, schema, limit; naming the field.
result<proposal> build_proposal(const definition& d, const step& at,
                                const case_state& state, timestamp now);

} // namespace crossdock::flow
