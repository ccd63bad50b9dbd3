/// The step function of a case: (definition, state, input, time) -> (new state, actions).
///
/// The caller stores the new state and carries out the actions in one unit of work; then
/// a crash repeats neither. What it owes in return:
///  - every ask is answered once, by its answer, or with status -6 (deadline) or another
///    status below zero if nobody can answer;
///  - every proposal ends in exactly one of executed, denied, rejected, expired, failed,
///    superseded, withdrawn. After a `withdraw` too: as withdrawn if it was in time, else
///    as whatever overtook it. The case waits for that before it asks for anything else.
#pragma once

#include "base/envelope.hpp"
#include "base/proposal.hpp"
#include "flow/case_state.hpp"
#include "flow/definition.hpp"

#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace crossdock::flow {

/// What is said to one case by its id; "flow" receives them. A person's come from the
/// API, with the person as source and {by, reason} as data.
namespace command {
constexpr std::string_view compensate = "case.compensate";
constexpr std::string_view resolve = "case.resolve";
/// The flow's own: a closed case hears that its reason is gone.
constexpr std::string_view settled = "case.settled";
constexpr std::array<std::string_view, 3> all{compensate, resolve, settled};
} // namespace command

// -- what comes in ----------------------------------------------------------------

/// A trigger for which there is no live case.
struct opened {
  std::string case_id;
  envelope event;
  std::uint64_t seq = 0;
};
/// A further trigger for this live case: its newer facts supersede those it began with.
struct triggered_again {
  envelope event;
  std::uint64_t seq = 0;
};
/// The reason for the case is gone.
struct settled {
  envelope event;
  std::uint64_t seq = 0;
};
/// What became of an ask. `step` and `run` are those of the action.
struct answer {
  std::string step;
  std::uint32_t run = 0;
  int status = 0; ///< as in the plugin contract: 0 or above answered, -6 deadline
  shared_json payload;
  std::string source;  ///< the component that answered
  std::string release; ///< "crossdock.replenishment 0.1.0 sha256:...", if known
  std::vector<std::string> labels;
  std::uint64_t seq = 0;
};
/// What became of a proposal: asked, allowed, approved, unknown, or one of its ends
/// (above). `detail` is told in the story: reason, rules, chain, by, reference, record,
/// system.
struct decision {
  std::string step;
  std::uint32_t run = 0;
  std::string outcome;
  json detail;
  std::uint64_t seq = 0;
  std::string proposal_id = {}; ///< empty: the one that was made last
};
/// A timer that an action asked for has run out.
struct timer_fired {
  std::string step;
  std::uint64_t seq = 0;
};

/// A person changes arguments of the pending proposal.
struct edited {
  std::string proposal_id;
  json changes; ///< argument to new value
  std::string by;
  std::string reason;
};
/// A person asks that what a closed case has done be undone, or that it be tried again.
struct compensation_asked {
  std::string by;
  std::string reason;
  std::uint64_t seq = 0;
};
/// A person took care of what could not be undone.
struct resolved {
  std::string by;
  std::string reason;
  std::uint64_t seq = 0;
};

using input = std::variant<opened, triggered_again, settled, answer, decision,
                           timer_fired, edited, compensation_asked, resolved>;

// -- what goes out ----------------------------------------------------------------

struct ask {
  std::string step;
  std::uint32_t run = 0;
  std::string question;
  json payload;
  std::chrono::milliseconds timeout{};
};
struct propose {
  std::string step; ///< of an undoing: "transfer.undo", and `run` its attempt
  std::uint32_t run = 0;
  proposal what;
  std::string requester = {}; ///< a person who asked for it; empty: nobody did
};
/// The edited proposal, in the place of the pending one.
struct revise {
  std::string step;
  std::uint32_t run = 0;
  std::string replaces;
  proposal what;
  json difference; ///< {field, was, is}
};
/// An effect was undone: its approval becomes "compensated".
struct compensated {
  std::string proposal_id; ///< of what was undone
  json detail;             ///< what it had been answered, {compensated_by, undo} besides
};
struct withdraw {
  std::string step;
  std::uint32_t run = 0;
  std::string proposal_id;
  std::string reason;
};
struct start_timer {
  std::string step; ///< "deadline"
  std::chrono::milliseconds delay{};
};
/// For the log and the ledger; nothing else happens.
struct note {
  std::string text;
};
struct close_case {
  std::string outcome;
};

using action = std::variant<ask, propose, revise, compensated, withdraw, start_timer,
                            note, close_case>;

struct output {
  case_state state;
  std::vector<action> actions;
  bool changed =
      true; ///< false: the input was late, repeated or foreign; one note says why
};

/// What travels as the tag of an ask or proposal and comes back with its answer: "step
/// run".
struct tag {
  std::string step;
  std::uint32_t run = 0;

  std::string str() const;
  static result<tag> parse(std::string_view text); ///< Errors: malformed.
};

/// Whether a person may ask for compensation of the case, or resolve it, as it stands
/// now. Errors: conflict, with what is the case instead.
result<void> may_compensate(const case_state& state);
result<void> may_resolve(const case_state& state);

/// Errors: version (the case began with another flow or version: find that definition),
/// schema (a trigger's payload is no JSON object or has no key; the case is untouched),
/// of an edit also denied, invalid and conflict. What goes wrong inside the case is no
/// error: the case is closed as "failed" and says why.
result<output> advance(const definition& d, const case_state& before, const input& in,
                       timestamp now);

} // namespace crossdock::flow
