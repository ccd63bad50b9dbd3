/// ESCALATE: from a verdict to a decision, and from a decision to at most one effect.
///
/// Promises (tested in tests/unit/escalate_test.cpp; numbers as in
/// docs/reference/approvals.md)
///  - Every transition is one compare-and-set on (id, version) with its class A record,
///  in the
///    caller's unit of work.
///  - An approval is consumed at most once, only while allowed or approved, unexpired,
///  and with
///    the digest that was judged (I1, I3). Nothing leads from rejected, expired,
///    superseded, withdrawn or revoked anywhere (I2).
///  - A quorum counts distinct people; the requester, the agent's owner and whoever
///  counted
///    before do not count (I4), nor does whoever edited the action unless the chain's
///    editor_may_approve says so. Only people decide (I7).
///  - An edit takes the place of exactly one pending approval, or nothing happens: of an
///    edit, approvals, a rejection and an expiry that race, one wins.
///  - Time reminds, escalates or denies; it never approves (I5). Time is the latest wall
///  time
///    ever seen, so a clock that is set back revives nothing.
///
/// All functions that take a transaction run on the ledger's writer; they own no state.
/// Errors leave the unit to fail: conflict (somebody or something else was first; the
/// message names it), not_found, denied, invalid, besides what the ledger itself reports.
#pragma once

#include "gate/gate.hpp"
#include "ledger/ledger.hpp"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace crossdock::escalate {

// -- limits
// --------------------------------------------------------------------------------

struct limits {
  static constexpr std::size_t reason_bytes_max = 4'000; ///< of a person's reason
  static constexpr std::size_t id_bytes_max = 96;        ///< of a decision's id
  static constexpr std::size_t due_max = 256;    ///< deadlines handled by one tick()
  static constexpr std::size_t list_max = 1'000; ///< approvals one list() gives
  /// How long an allowed action waits to be carried out if neither the rule nor the
  /// proposal says so. Afterwards the facts behind it are too old to be called judged.
  static constexpr std::chrono::hours allowed_for{4};
};

// -- states
// --------------------------------------------------------------------------------

enum class state {
  proposed, ///< before open(); never stored
  denied,
  allowed, ///< by policy, nobody was asked
  pending,
  approved,
  consumed, ///< its effect has an intent
  executed,
  failed,
  unknown, ///< the system of record did not say; being looked up
  reconciled,
  compensated,
  rejected,
  expired,
  withdrawn,
  superseded,
  revoked
};

std::string_view to_string(state s) noexcept;
/// Errors: invalid.
result<state> state_from(std::string_view text);
/// The state machine. pending to pending is a vote, an escalation or a reminder.
bool may_follow(state from, state to) noexcept;
/// Nothing follows.
bool terminal(state s) noexcept;

// -- values
// --------------------------------------------------------------------------------

enum class principal_kind { person, component };

struct principal {
  std::string name;
  std::vector<std::string> roles;
  principal_kind kind = principal_kind::person;
};

/// Whom four eyes exclude, besides those who counted before. Empty: nobody known.
struct parties {
  std::string requester;                 ///< in whose name the action was asked for
  std::string agent_owner;               ///< who answers for the agent
  std::vector<std::string> editors = {}; ///< who changed it before it got here
};

struct decision {
  std::string
      decision_id; ///< the client's; the same id with the same body: the same answer
  std::string approval_id;
  std::int64_t version = 0; ///< of the approval that was seen; 0: not checked
  bool approve = false;
  principal by;
  std::string reason;
  std::string seen_digest; ///< of the action that was seen; empty: not checked
};

/// A person's change of a pending action, before the gate has judged what it became.
struct edit_request {
  std::string decision_id; ///< as of a decision
  std::string approval_id; ///< of what was seen
  principal by;
  std::string reason; ///< required: it is what the next person reads first
  std::string seen_digest;
  json changes = json::object();   ///< what was asked for: argument to new value
  json difference = json::array(); ///< what it comes to: {field, was, is}
};

/// Where an action came from that a person has changed.
struct edit_mark {
  std::string from; ///< the approval whose place it took; empty: nobody edited it
  std::string by;
  std::string reason;
  json difference = json::array();
  timestamp at;
  std::string to; ///< the approval that took this one's place; empty: none did
};

/// One decision that counted.
struct vote {
  std::string decision_id;
  std::string person;
  int stage = 0;
  bool approve = false;
  std::string reason;
  timestamp at;
};

/// The row, with everything a person needs to decide: the proposal (facts, alternatives,
/// what happens if nothing is done) and the verdict (rules, near miss).
struct approval {
  std::string id; ///< the proposal's
  std::int64_t version = 0;
  state at = state::proposed;
  proposal what;
  verdict judged;
  gate::chain chain; ///< id empty if nobody is asked
  parties involved;
  std::string digest; ///< what.action_digest() when it was judged
  int stage = 0;      ///< index into chain.stages
  int counted = 0;    ///< people of this stage who approved
  timestamp created_at;
  timestamp updated_at;
  std::optional<timestamp> remind_at;
  std::optional<timestamp> escalate_at;
  std::optional<timestamp> expires_at;
  std::string decided_by;        ///< who or what brought it into its state
  std::string reason;            ///< why it is in its state
  json outcome = json::object(); ///< what finish() was told
  std::vector<vote> votes;
  edit_mark edited;

  /// For programs: all of the above, times as RFC 3339.
  json to_json() const;
};

/// The result of open().
struct opened {
  approval now; ///< denied, allowed or pending
  std::vector<approval>
      superseded; ///< older ones on the same object that this one replaces
};

/// The result of decide().
struct decided {
  approval now;
  bool repeated = false; ///< this decision was answered before; nothing happened
};

/// The result of edit().
struct edit_result {
  approval before; ///< superseded now
  approval now;    ///< pending, or allowed with the editor as who decided it
  bool repeated = false;
};

struct due {
  enum class what { reminded, escalated, expired };
  what happened = what::reminded;
  approval now;
};

// -- transitions
// -----------------------------------------------------------------------------

std::vector<ledger::migration> migrations();

/// Writes down a judged proposal: denied, allowed, or pending at the first stage of
/// `chain` (needed for ask, else ignored). Denied instead, with the reason in the row, if
/// the proposal has expired or an effect of the same tool on the same object is still
/// under way or in doubt. Older live approvals of (tenant, tool, object_key) are
/// superseded. Errors: exists, invalid.
result<opened> open(ledger::transaction& tx, const proposal& p, const verdict& v,
                    const gate::chain* chain, const parties& involved = {});

/// Counts one person's decision. Errors: conflict (already decided, expired, stale
/// version, another digest), denied (not a person, no role of this stage, four eyes),
/// invalid (the same decision_id with another body), not_found, limit.
result<decided> decide(ledger::transaction& tx, const decision& d);

/// A record of a decision that was refused, for a unit of its own.
ledger::record refusal(const decision& d, const error& why);

/// Whether `e` may be made, as far as that is known before the gate has judged. Gives the
/// approval as it stands. Errors: as of decide().
result<approval> editable(ledger::connection& db, const edit_request& e, timestamp now);
/// The answer given before to this edit, if there is one. Errors: invalid (the same
/// decision_id with another body).
result<std::optional<edit_result>> edited_before(ledger::connection& db,
                                                 const edit_request& e);
/// Puts `p`, the changed action as `v` judged it, in the place of the pending approval:
/// that one is superseded, its votes do not carry over, and the new one is asked at the
/// first stage of `chain` (of an ask; else of the old chain). What the policy allows
/// outright is allowed only if the editor may approve it. An edit never lives longer than
/// what it changed. Errors: as of decide(); denied (the policy denies it).
result<edit_result> edit(ledger::transaction& tx, const edit_request& e,
                         const proposal& p, const verdict& v, const gate::chain* chain);
/// A record of an edit that was refused, for a unit of its own.
ledger::record refusal(const edit_request& e, const error& why);

/// Reminders, escalations and expiries that are due; at most limits::due_max, earliest
/// first. Call again while it returns that many.
result<std::vector<due>> tick(ledger::transaction& tx, timestamp now);

/// Takes the permission, in the unit that writes the intent. Errors: conflict.
result<approval> consume(ledger::transaction& tx, std::string_view id,
                         std::string_view digest);

/// What became of the effect: executed, failed, unknown, reconciled or compensated.
result<approval> finish(ledger::transaction& tx, std::string_view id,
                        std::string_view outcome, const json& detail);

/// The facts moved or a newer proposal came: from pending, allowed or approved.
result<approval> supersede(ledger::transaction& tx, std::string_view id,
                           const json& detail);
/// The asker no longer wants it: from pending.
result<approval> withdraw(ledger::transaction& tx, std::string_view id,
                          const json& detail);
/// A permission is taken back before it was used: from allowed or approved.
result<approval> revoke(ledger::transaction& tx, std::string_view id, const principal& by,
                        const json& detail);

// -- questions
// -------------------------------------------------------------------------------

struct filter {
  std::vector<state> states; ///< empty: all
  std::string tenant;        ///< empty: all; so are the others
  std::string case_id;
  std::string tool;
  std::vector<std::string>
      roles;            ///< pending with one of these roles at the present stage
  std::string after_id; ///< for the next page
  std::size_t limit = 100;
};

/// Errors: not_found.
result<approval> find(ledger::connection& db, std::string_view id);
/// In the order of ids, which is the order of time.
result<std::vector<approval>> list(ledger::connection& db, const filter& f);
/// Ids of what may be carried out: allowed or approved.
result<std::vector<std::string>> ready(ledger::connection& db);
/// When tick() has something to do; empty if nothing waits.
result<std::optional<timestamp>> next_deadline(ledger::connection& db);

} // namespace crossdock::escalate
