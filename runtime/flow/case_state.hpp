/// Everything a case knows, as one JSON document: the row that a restart reads.
#pragma once

#include "base/clock.hpp"
#include "base/json.hpp"
#include "flow/shared_json.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace crossdock::flow {

/// A case that has told more than this keeps its beginning and its latest lines; the
/// ledger has them all.
constexpr std::size_t history_max = 256;

enum class step_status {
  waiting,  ///< asked, no answer yet
  answered, ///< an agent answered
  fallback, ///< nobody did in time; the flow's own answer stands
  skipped,  ///< its condition did not hold
  done,     ///< ranked
  proposed, ///< at the gate
  asked,    ///< a person decides
  allowed,  ///< policy or a person said yes: the effect may happen at any moment
  unknown,  ///< the effect was tried and its outcome is being looked up
  executed, ///< and these are the ends of a proposal
  denied,
  rejected,
  expired,
  failed,
  superseded,
  withdrawn
};
std::string_view to_string(step_status s) noexcept;
std::optional<step_status> step_status_from(std::string_view text) noexcept;

struct step_state {
  step_status status = step_status::waiting;
  shared_json answer;  ///< of an ask
  shared_json ranking; ///< of a rank, see rank.hpp
  json effect;         ///< of a proposal: what the system of record answered
  std::string by;      ///< the component that answered
  std::string release; ///< of that component
  std::uint64_t seq = 0;

  json to_json() const;
  static result<step_state> from_json(const json& v);
  static step_state with(step_status s) {
    step_state out;
    out.status = s;
    return out;
  }
};

/// The proposal that was made last in this case. At most one is live at any time.
struct made_proposal {
  std::string step;
  std::uint32_t run = 0;
  step_status status = step_status::proposed;
  bool withdrawing = false; ///< asked to be taken back; its end is not known yet
  std::uint32_t edits = 0;  ///< how often a person changed it
  shared_json proposal;
  json detail; ///< of the latest decision

  bool live() const { return status < step_status::executed; }
  /// Nothing can stop it any more; what becomes of it must be waited for.
  bool in_flight() const {
    return status == step_status::allowed || status == step_status::unknown;
  }
};

/// What is to happen once the live proposal has come to an end without an effect.
struct afterwards {
  bool restart = false;
  std::string outcome; ///< without restart: close with this
  json trigger;        ///< restart: as case_state::trigger
  json because = {};   ///< without restart: as undoing::because
};

/// An effect of the case and how it is undone. What that takes is fixed when the effect
/// was done, so that neither a restart of the case nor a later step changes it.
struct done_effect {
  std::string step;
  std::uint32_t run = 0;
  json done;        ///< of the proposal: id, tool, args, amount, site, agent, ...
  json effect;      ///< what the system of record answered
  std::string tool; ///< that undoes it; empty: nothing does
  json args;
  std::string summary; ///< of undoing it
  std::chrono::milliseconds expires{};
  bool declared = false;             ///< by the flow; otherwise only a person asks for it
  bool wanted = false;               ///< is to be undone
  std::uint32_t tries = 0;           ///< to undo it
  std::uint32_t attempt = 0;         ///< of the case; in the tag of the latest try
  std::optional<step_status> undone; ///< how that stands; executed: it is undone
  std::string undo_id;               ///< its proposal
  bool resolved = false;             ///< a person took care of it

  std::string id() const { return text_or(done, "id"); }
  /// As policies know it; a step's own name has no '.'.
  std::string undo_step() const { return step + ".undo"; }
  bool settled() const { return resolved || undone == step_status::executed; }
};

/// The effects of a case that has ended are being undone, the latest first.
struct undoing {
  enum class phase { running, stuck, done };
  phase at = phase::running;
  json because; ///< {kind, reason, payload}: settled, deadline, denied, ..., person
  std::string requester; ///< who asked for it; empty: the flow
  std::string why;       ///< stuck: why
  std::string stuck_who; ///< stuck: who takes care of it
  std::size_t index = 0; ///< of the effect it is at
};

struct case_state {
  static constexpr int schema = 2; ///< 1 knew no effects and no undoing

  std::string case_id;
  std::string tenant;
  std::string site;
  std::string traceparent;
  std::string flow;
  int version = 0; ///< of the flow; the case keeps it
  std::string key;
  bool open = false;
  std::string outcome;
  timestamp opened_at;
  timestamp updated_at;
  std::optional<timestamp> closed_at;
  std::uint32_t run = 0; ///< goes up with each restart; answers to an older run are late
  shared_json trigger;   ///< {payload, topic, source, id, seq}
  std::map<std::string, step_state> steps; ///< of this run
  std::map<std::string, int> retries;      ///< "step/outcome" -> used
  std::optional<made_proposal> proposed;
  std::optional<afterwards> after;
  std::vector<done_effect> effects; ///< in the order in which they were done
  std::optional<undoing> undo;
  std::uint32_t undo_attempts = 0;
  std::vector<std::string> labels;   ///< sorted union of everything that came in
  std::vector<std::uint64_t> causes; ///< of this run: trigger and answers
  std::vector<shared_json> history;  ///< story lines, see story.hpp
  std::uint64_t history_left_out = 0;

  bool started() const { return !case_id.empty(); }
  /// "open", "closed", and of a closed case whose effects are or were undone
  /// "compensating", "stuck", "compensated" or, if a person took care of one, "resolved".
  std::string phase() const;
  /// It has an effect that the flow says how to undo.
  bool undoable() const;

  json to_json() const;
  /// The text of to_json(); what did not change since it was written last is not written anew.
  std::string to_text() const;
  /// Errors: version (written by a newer crossdock), corrupt.
  static result<case_state> from_json(const json& v);

  /// What templates and conditions see: {trigger: payload, case, steps}.
  json data() const;
};

/// The same without copying it: finds what a pointer into data() would.
class case_view {
public:
  explicit case_view(const case_state& s);
  const json* find(std::string_view pointer) const;

private:
  const json* step(std::string_view name, std::string_view rest) const;
  const json* whole(std::string_view pointer) const;

  const case_state& state_;
  json small_; ///< data() without payload, answers and rankings
  mutable std::optional<json> whole_;
};

} // namespace crossdock::flow
