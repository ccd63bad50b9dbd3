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

/// The live proposal of `state` with other arguments, as its step's edit clause says:
/// what it is worth and its summary are made anew, the rest stays and says that it is of
/// the action before. Errors: denied (an argument that may not change, no clause),
/// invalid (nothing changes), and as of build_proposal.
result<proposal> edit_proposal(const definition& d, const case_state& state,
                               const json& changes, const std::string& by,
                               const std::string& reason, timestamp now);

/// What undoes the effect that the live proposal of `state` has had; its arguments are
/// fixed now. Errors: as of build_proposal.
result<done_effect> effect_of(const definition& d, const case_state& state,
                              const json& detail);

/// The same where that could not be told: undoing it will need a person.
done_effect effect_without_undo(const case_state& state, const json& detail);

/// The proposal that undoes `e`. Always possible.
proposal undo_proposal(const definition& d, const case_state& state, const done_effect& e,
                       const json& because, timestamp now);

/// {field, was, is} for each argument that differs, and for the amount.
json difference_of(const proposal& before, const proposal& after);

} // namespace crossdock::flow
