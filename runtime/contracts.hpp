/// Every actor of the node and every message between them, on one page. Plugins never see
/// these: what they say travels as bytes inside an envelope.
///
/// All of them also understand `task`, `shut_down` and `status_request` (base/actor.hpp).
#pragma once

#include "base/actor.hpp"
#include "base/error.hpp"
#include "base/proposal.hpp"
#include "dispatch/dispatch.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace crossdock::host {
struct replacement; // host/host.hpp
}

namespace crossdock {

// -- messages -----------------------------------------------------------------------------------

/// An envelope for its receiver. The row behind it stays until the receiver finished it.
struct deliver {
  dispatch::delivery what;
};
/// Time passed; whoever keeps deadlines looks at them.
struct tick {};
/// A proposal for the gate, with what the gate needs besides it.
struct judge {
  std::shared_ptr<const proposal> what;
};
/// A decision of a person on a pending approval, checked and recorded before it is answered.
struct decide {
  std::string decision_id; ///< the client's; the same id gives the same answer
  std::string approval_id;
  bool approve = false;
  std::string principal;
  std::vector<std::string> roles;
  std::string reason;
  std::string seen_digest; ///< digest the person saw; empty: not checked
};
/// A person changes arguments of a pending action; what it becomes is judged again.
struct amend {
  std::string decision_id; ///< the client's; the same id gives the same answer
  std::string approval_id;
  std::string case_id;
  std::string changes; ///< a JSON object: argument to new value
  std::string principal;
  std::vector<std::string> roles;
  std::string reason;
  std::string seen_digest; ///< digest the person saw; empty: not checked
};
/// The answer to an operator's or approver's request: JSON, or an error's code and text.
struct answer {
  std::int32_t code = 0; ///< 0, or an errc
  std::string text;      ///< JSON if code is 0, else the sentence
};
/// An approval may be carried out now (allowed by the gate or approved by people).
struct execute {
  std::string approval_id;
  std::shared_ptr<const proposal> what; ///< if the sender has it; else it is read
};
/// The approval is pending: an escalation actor takes care of it.
struct await_decision {
  std::string approval_id;
};

/// Another version of a component takes over while the node runs.
struct replace {
  std::shared_ptr<const host::replacement> what;
};
/// The probation of a version that took over ends: it stays, or the one before comes back.
struct end_probation {
  bool keep = false;
  std::string by;
  std::string why;
};

// -- actors -------------------------------------------------------------------------------------

/// SHELL: the stable address of one component; its instance and executor are replaceable.
using shell_handle = actor_interface<
  // One event for the component, in the order of handing out.
  tells<deliver>,
  // Swap: answered once the new version works and that is durable, or nothing was changed.
  asks<replace, answer>,
  asks<end_probation, answer>,
  // Look at retries, deadlines and parked deliveries.
  tells<tick>>;

/// FLOW: takes what concerns cases to the actor of the case, waking it from its row.
using flow_handle = actor_interface<
  // A trigger, an answer, a decision or a timer of some case.
  tells<deliver>,
  // A person edits what a case proposes: flow alone submits proposals to the gate.
  asks<amend, answer>>;

/// CASE: one live case; ends (passivates) when nothing is under way.
using case_handle = actor_interface<tells<deliver>, asks<amend, answer>>;

/// GATE: answers whether a proposal may become an effect; never blocks, never fails open.
using gate_handle = actor_interface<asks<judge, verdict>>;

/// ESCALATION DESK: finds or wakes the actor of the pending decision.
using escalation_desk_handle = actor_interface<
  // A new pending approval.
  tells<await_decision>,
  // A person approves or rejects.
  asks<decide, answer>,
  // Reminders, escalations, expiries.
  tells<tick>>;

/// ESCALATION: one pending decision.
using escalation_handle = actor_interface<asks<decide, answer>>;

/// EFFECT: consumes an approval once, calls the connector with the key, resolves the unknown.
using effect_handle = actor_interface<
  tells<execute>,
  // Answers of connectors to re-reads, writes and look-ups.
  tells<deliver>,
  tells<tick>>;

/// AUDIT: writes down the commands and mishaps that the tap saw, one batch a tick.
using audit_handle = actor_interface<tells<tick>>;

/// TIMEKEEPER: fires timers and overdue requests.
using timekeeper_handle = actor_interface<tells<tick>>;

} // namespace crossdock

CAF_BEGIN_TYPE_ID_BLOCK(crossdock, first_custom_type_id)
CAF_ADD_TYPE_ID(crossdock, (crossdock::task))
CAF_ADD_TYPE_ID(crossdock, (crossdock::shut_down))
CAF_ADD_TYPE_ID(crossdock, (crossdock::status_request))
CAF_ADD_TYPE_ID(crossdock, (crossdock::status_report))
CAF_ADD_TYPE_ID(crossdock, (crossdock::deliver))
CAF_ADD_TYPE_ID(crossdock, (crossdock::tick))
CAF_ADD_TYPE_ID(crossdock, (crossdock::judge))
CAF_ADD_TYPE_ID(crossdock, (crossdock::verdict))
CAF_ADD_TYPE_ID(crossdock, (crossdock::decide))
CAF_ADD_TYPE_ID(crossdock, (crossdock::amend))
CAF_ADD_TYPE_ID(crossdock, (crossdock::answer))
CAF_ADD_TYPE_ID(crossdock, (crossdock::execute))
CAF_ADD_TYPE_ID(crossdock, (crossdock::await_decision))
CAF_ADD_TYPE_ID(crossdock, (crossdock::replace))
CAF_ADD_TYPE_ID(crossdock, (crossdock::end_probation))
CAF_END_TYPE_ID_BLOCK(crossdock)

// No message of ours ever leaves the process (nodes talk over NATS), so none is serialised.
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(crossdock::task)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(crossdock::shut_down)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(crossdock::status_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(crossdock::status_report)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(crossdock::deliver)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(crossdock::tick)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(crossdock::judge)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(crossdock::verdict)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(crossdock::decide)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(crossdock::amend)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(crossdock::answer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(crossdock::execute)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(crossdock::await_decision)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(crossdock::replace)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(crossdock::end_probation)
