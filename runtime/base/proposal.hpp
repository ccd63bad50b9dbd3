/// What an agent wants done, the facts it rests on, and the digest that binds a decision to
/// exactly this action.
#pragma once

#include "base/clock.hpp"
#include "base/decimal.hpp"
#include "base/json.hpp"

#include <optional>
#include <string>
#include <vector>

namespace crossdock {

/// One number or word and where it came from (config/catalogue/definitions.json#fact).
struct fact {
  std::string name;
  json value; ///< string, boolean or number as the system of record gave it
  std::string unit;
  std::string system;
  std::string record;
  std::string field;
  timestamp as_of;
  bool material = false; ///< re-read before the effect; see `read`
  std::optional<decimal> tolerance; ///< how far a number may move, either way; absent = not
  json read; ///< {tool, args, pointer} of the read tool that gives it again, or null

  static result<fact> from_json(const json& value);
  json to_json() const;
};

/// Every proposal belongs to a case; flow alone submits it to the gate.
struct proposal {
  std::string id; ///< ULID
  std::string tenant;
  std::string case_id;
  std::string flow; ///< "backorder-prevention/1", empty for an agent's own proposal
  std::string step; ///< the flow's step
  std::string agent;         ///< component that reasoned: "replenishment"
  std::string agent_release; ///< "crossdock.replenishment 0.1.0 sha256:..."
  std::string tool;          ///< a write tool
  json args = json::object();
  std::string site; ///< where it takes effect; empty if nowhere in particular
  std::optional<money> amount; ///< what policy limits speak about
  int confidence_permille = 0; ///< calibrated, 0..1000; missing is 0
  json basis = json::object(); ///< how confidence came about; numbers as decimal strings
  std::string summary;         ///< one line a person reads first
  std::vector<std::string> rationale; ///< sentences, numbers already filled in
  std::vector<fact> facts;
  json alternatives = json::array();
  std::optional<money> expected_value;
  std::string if_nothing_is_done;
  std::vector<std::string> labels; ///< sorted
  std::string object_key; ///< one live proposal per (tool, object_key): newer supersedes
  std::string reversal;   ///< tool that undoes it, or "none"
  timestamp created_at;
  timestamp expires_at;
  std::vector<std::uint64_t> causes;

  static result<proposal> from_json(const json& value);
  json to_json() const;

  /// SHA-256 of canonical JSON {tenant, case, step, agent_release, tool, args, amount, object,
  /// material facts {name, value, system, record}}: what was approved is what is done.
  std::string action_digest() const;
  /// Key of the effect, fixed before anything runs: "cd-" and 32 hexadecimal digits of
  /// SHA-256(tenant, case, step, action digest).
  std::string idempotency_key() const;
};

enum class effect_verdict { deny, ask, allow };
std::string_view to_string(effect_verdict v) noexcept;

/// The gate's answer. Explains itself.
struct verdict {
  effect_verdict effect = effect_verdict::deny;
  std::vector<std::string> rules; ///< the deciding rules' ids; empty: nothing matched
  std::string chain;              ///< who is asked, if effect is ask
  std::vector<std::string> obligations;
  json facts = json::object(); ///< what was looked at: name -> {value, source, as_of}
  std::string near_miss; ///< the nearest rule that would have allowed it and what failed
  std::string reason;    ///< one sentence
  std::string policy_sha256;
  timestamp judged_at; ///< what the facts' ages were counted from; the epoch: not known

  json to_json() const;
  static result<verdict> from_json(const json& value);
};

} // namespace crossdock
