/// What a step of a case wants done, written inside the unit that saves the step.
#pragma once

#include "escalate/escalate.hpp"
#include "flow/actor.hpp"
#include "flow/advance.hpp"

namespace crossdock::flow {

/// All actions of `o`, in their order; `d` is what the case reacted to. `verdicts` has
/// one for each `propose` among them, in the same order.
result<void> carry_out(ledger::transaction& tx, const environment& env, const output& o,
                       const dispatch::delivery& d, const std::vector<verdict>& verdicts);

/// Proposal and verdict as records; gives the verdict's number.
result<std::uint64_t> record_judged(ledger::transaction& tx, const output& o,
                                    const dispatch::delivery& d, const proposal& p,
                                    const verdict& v);

/// Tells the case how its proposal stands, and hands it to the effect gateway or to the
/// escalation desk. `cause` is the verdict's number.
result<void> tell_opened(ledger::transaction& tx, const environment& env,
                         const escalate::approval& now, const verdict& v,
                         std::uint64_t cause);

} // namespace crossdock::flow
