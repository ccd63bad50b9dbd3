/// What a flow file says, checked. docs/reference/flows.md describes every key.
#pragma once

#include "base/decimal.hpp"
#include "flow/expression.hpp"

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace crossdock::flow {

/// Limits of a definition: far above what people read, far below what would hurt.
constexpr std::size_t steps_max = 64;
constexpr int retries_max = 10;
constexpr std::chrono::milliseconds timeout_max = std::chrono::hours(24 * 30);

/// Where a case goes after an outcome.
struct target {
  enum class kind { next, go, close, retry };
  kind what = kind::next;
  std::string step;    ///< go: a later step; retry: an earlier one
  std::string outcome; ///< close: with this; retry: with this once at_most is used up
  int at_most = 0;     ///< retry: how often
};

/// A question to an agent. Neighbours with the same `group` are asked together and
/// joined.
struct ask_step {
  std::string question;
  json payload; ///< template
  std::chrono::milliseconds timeout{};
  std::optional<json>
      fallback; ///< template of an answer; without it a failure ends the case
  std::string group;
};

/// Ranks options by expected value (DOMAIN §1.3).
struct rank_step {
  json options;          ///< template of the list of options
  json loss;             ///< template of money: lost if the line is late or short
  json probability_lost; ///< template: P(that loss | line late or short)
  json needed;           ///< template of a quantity, null: a part counts as the whole
  struct feasibility {
    json answers;                ///< template of a list of {id, feasible, probability}
    decimal unknown;             ///< probability if an option has no answer
    std::set<std::string> kinds; ///< of the options it concerns; others need no picking
  };
  std::optional<feasibility> pick;
  std::set<std::string> baseline; ///< kinds that mean doing nothing; they need no tool
  decimal floor; ///< options worth less are noise, in the loss's currency
  std::size_t alternatives = 3;
};

/// A sentence with an optional condition.
struct sentence {
  std::string text;
  std::optional<condition> when;
};

/// What a person may change of the action before it is approved, and what it is worth
/// then. Its templates see the changed arguments as /args.
struct edit_clause {
  std::set<std::string> args; ///< the arguments that may change
  json amount;                ///< as propose_step::amount
  std::string summary;        ///< text
};

/// How the effect of a step is undone. Its templates see the effect as
/// /steps/NAME/effect; `when` sees why it is to be undone as /because.
struct undo_clause {
  std::string tool;
  json args;
  std::string summary; ///< text; empty: "Undo: " and what was done
  std::optional<condition> when;
  std::chrono::milliseconds expires{};
};

/// Who takes care of a case whose effects could not be undone.
struct stuck_clause {
  std::string role;
  std::string person;
  /// "the role customer-service", "maria".
  std::string who() const { return person.empty() ? "the role " + role : person; }
};

/// What is proposed to the gate. All templates but the first and the last.
struct propose_step {
  bool submitted = false; ///< the trigger is the proposal: nothing else but expires counts
  std::string tool;
  json args;
  json site;
  json amount; ///< of money, or {quantity, price}: quantity times price
  json confidence;
  json expected_value;
  json basis;
  json alternatives;
  std::vector<json> facts; ///< templates of lists of facts
  std::string object_key;  ///< text
  std::string summary;     ///< text
  std::vector<sentence> rationale;
  std::string if_nothing_is_done; ///< text
  std::string reversal;
  std::string by; ///< the step whose answering component reasoned
  std::chrono::milliseconds expires{};
  std::optional<edit_clause> edit;
  std::optional<undo_clause> compensate;
};

struct close_step {
  std::string outcome;
  bool compensate = false; ///< undo what the case has done
};

struct step {
  std::string name;
  std::optional<condition> when; ///< not held: the step is skipped
  std::variant<ask_step, rank_step, propose_step, close_step> what;
  std::map<std::string, target, std::less<>> on; ///< outcome -> where to go
};

/// Immutable once compiled.
class definition {
public:
  /// Errors: malformed (no TOML), invalid; with file, line and field.
  static result<definition> compile(std::string_view text, std::string file);

  const std::string& id() const { return id_; }
  int version() const { return version_; }
  /// "backorder-prevention/1", as proposals name it.
  std::string name() const { return id_ + "/" + std::to_string(version_); }
  const std::string& description() const { return description_; }
  const std::string& trigger_topic() const { return trigger_topic_; }
  const std::string& settle_topic() const { return settle_topic_; } ///< empty: none
  const std::string& settle_outcome() const { return settle_outcome_; }
  /// A case that is open longer is closed as "deadline"; zero: never.
  std::chrono::milliseconds deadline() const { return deadline_; }
  const std::vector<step>& steps() const { return steps_; }
  /// Whoever it is, may also ask for compensation. Empty if no step is undone.
  const std::optional<stuck_clause>& stuck() const { return stuck_; }
  /// Some step says how it is undone.
  bool compensates() const;
  /// The file as it was compiled: kept with the cases that began with it.
  const std::string& source() const { return source_; }

  /// Does this payload of the trigger's topic open a case? Errors: schema.
  result<bool> accepts(const json& payload) const;
  /// One live case per (flow, key). Errors: schema, if the payload lacks what the key
  /// names.
  result<std::string> trigger_key(const json& payload) const;
  result<std::string> settle_key(const json& payload) const;

  std::optional<std::size_t> index_of(std::string_view step_name) const;

private:
  friend class compiler;

  std::string id_;
  int version_ = 0;
  std::string description_;
  std::string trigger_topic_;
  std::optional<condition> trigger_when_;
  std::string case_key_;
  std::string settle_topic_;
  std::string settle_key_;
  std::string settle_outcome_;
  std::chrono::milliseconds deadline_{};
  std::vector<step> steps_;
  std::optional<stuck_clause> stuck_;
  std::string source_;
};

using definition_ptr = std::shared_ptr<const definition>;

/// A span of time as flow files write it: "250ms", "5s", "30m", "4h", "2d".
/// Errors: malformed, limit (beyond timeout_max).
result<std::chrono::milliseconds> parse_duration(std::string_view text);

} // namespace crossdock::flow
