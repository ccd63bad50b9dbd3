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

#include <chrono>
#include <string>
#include <variant>
#include <vector>

namespace crossdock::flow {

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
  json payload;
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
};
/// A timer that an action asked for has run out.
struct timer_fired {
  std::string step;
  std::uint64_t seq = 0;
};

using input =
    std::variant<opened, triggered_again, settled, answer, decision, timer_fired>;

// -- what goes out ----------------------------------------------------------------

struct ask {
  std::string step;
  std::uint32_t run = 0;
  std::string question;
  json payload;
  std::chrono::milliseconds timeout{};
};
struct propose {
  std::string step;
  std::uint32_t run = 0;
  proposal what;
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

using action = std::variant<ask, propose, withdraw, start_timer, note, close_case>;

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

/// Errors: version (the case began with another flow or version: find that definition),
/// schema (a trigger's payload is no JSON object or has no key; the case is untouched).
/// What goes wrong inside the case is no error: the case is closed as "failed" and says
/// why.
result<output> advance(const definition& d, const case_state& before, const input& in,
                       timestamp now);

} // namespace crossdock::flow
