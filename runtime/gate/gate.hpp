/// GATE: whether a proposal may become an effect.
///
/// Promises
///  - Total: every proposal gets a verdict. Nothing matching, a fact that is missing, of
///  the
///    wrong type or too old, a currency no rule speaks of: each is a deny that says so.
///  - Forbid over ask over allow; the order of rules in the file decides nothing but
///  which of
///    two chains is asked.
///  - Two rules of the house hold whatever the policy says: autonomy below `autonomous`
///  and
///    untrusted input to a write tool (the Rule of Two) are never a plain allow.
///  - A verdict explains itself: deciding rules, what was looked at, and the nearest rule
///  that
///    would have allowed it with its first failing condition.
///  - A policy is immutable; copies share it; judge() may run on any thread.
///
/// docs/reference/policy.md describes the file.
#pragma once

#include "base/proposal.hpp"

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace crossdock::gate {

/// Named limits of a policy file; each is reported when it is hit.
struct limits {
  static constexpr std::size_t text_bytes_max = 1u << 20; ///< of the file
  static constexpr std::size_t rules_max = 10'000;        ///< per file
  static constexpr std::size_t chains_max = 256;          ///< per file
  static constexpr std::size_t set_entries_max = 1'000;   ///< names in one condition
  static constexpr std::size_t stages_max = 8;            ///< of one chain
  static constexpr int quorum_max = 16;                   ///< people in one stage
  static constexpr std::size_t id_bytes_max = 64;         ///< of a rule or chain
  static constexpr std::chrono::hours duration_max{24 * 365};
  static constexpr std::size_t regions_max = 200; ///< of one analysis
  static constexpr std::size_t analysis_nodes_max = 1'000'000;
  /// A fact may claim to be this much younger than our clock says is possible.
  static constexpr std::chrono::minutes clock_skew_max{5};
};

/// How far an agent may go with a tool for a tenant, from watching to acting alone.
enum class autonomy { shadow, recommend, approve, autonomous };
std::string_view to_string(autonomy a) noexcept;
/// Errors: invalid.
result<autonomy> autonomy_from(std::string_view text);

/// What the proposal does not say of itself. Defaults are the safe side.
struct judge_context {
  timestamp now;                     ///< for the age of facts and working hours
  autonomy level = autonomy::shadow; ///< of (agent, tool, tenant), from configuration
  bool write_tool = true;            ///< the tool changes a system of record
};

/// One step of a chain: any `quorum` distinct people who hold one of the roles.
struct stage {
  std::vector<std::string> roles;
  int quorum = 1;
  std::chrono::seconds remind_after{0};   ///< 0: no reminder
  std::chrono::seconds escalate_after{0}; ///< 0: stays here until the approval expires
};

/// Whether a person who changed an action may be the one who approves it: with one of the
/// roles, and up to an amount. An action without an amount, or in another currency: no.
struct editor_clause {
  std::vector<std::string> roles;      ///< empty: another person must approve
  std::map<std::string, decimal> most; ///< currency to the largest amount
  bool allows(const std::vector<std::string>& held,
              const std::optional<money>& amount) const;
};

/// Who is asked, in which order, and until when. Time only denies or escalates.
struct chain {
  std::string id;
  std::vector<stage> stages;
  std::chrono::seconds expires_after{0};
  /// false: the stage that is asked decides, later stages take over when time runs out.
  /// true: every stage must agree, one after the other.
  bool every_stage = false;
  editor_clause editor_may_approve = {};

  json to_json() const;
  /// Errors: schema.
  static result<chain> from_json(const json& value);
};

/// Something that is legal but probably not meant.
struct finding {
  std::string rule; ///< id of the rule or chain
  int line = 0;
  std::string message;
};

/// A verdict without its explanation.
struct decision {
  effect_verdict effect = effect_verdict::deny;
  std::string chain;              ///< of an ask
  std::vector<std::string> rules; ///< the deciding ones
  std::vector<std::string> obligations;
};

/// Proposals that fare alike, described by what they have in common: "amount" -> "above
/// 250 USD up to 2500 USD". What is not named may be anything.
using region = std::vector<std::pair<std::string, std::string>>;

/// What is true of every proposal there could be, not of samples. Exact for one record
/// per fact name and one age for all facts; hours are taken apart by the minute.
struct analysis {
  std::vector<finding> findings; ///< rules that never decide, or that change nothing
  std::vector<region> gaps;      ///< among names the rules mention, with facts at hand
  std::size_t gaps_left_out = 0; ///< beyond `regions_max`
};

struct difference {
  region where;
  std::string before; ///< "deny", "ask customer-service", "allow (expires=1800s)"
  std::string after;
};
/// A chain that asks other people, or otherwise; null where it does not exist.
struct chain_change {
  std::string id;
  json before, after; ///< as chain::to_json()
};
struct comparison {
  std::vector<difference> differences; ///< empty: both decide alike
  std::vector<chain_change> chains;    ///< "ask desk" means the same only without these
  std::size_t left_out = 0;            ///< beyond `regions_max`
};

/// "90s", "30m", "4h", "7d". Errors: malformed, limit.
result<std::chrono::seconds> parse_duration(std::string_view text);

/// The obligation that carries a rule's `expires` from gate to escalate: "expires=1800s".
std::string expiry_obligation(std::chrono::seconds after);
/// The shortest expiry among a verdict's obligations; 0 if none states one.
std::chrono::seconds expiry_of(const verdict& v);

/// Decision tables compiled for lookup.
class policy {
public:
  /// Compiles a policy file. Errors (malformed, invalid, limit) carry file, line and
  /// rule.
  static result<policy> compile(std::string_view text, const std::string& file_name);

  /// Judges `p`. Cost: O(rules that name the tool).
  verdict judge(const proposal& p, const judge_context& context) const;

  /// What judge() would decide, without words.
  decision decide(const proposal& p, const judge_context& context) const;

  /// Errors: limit (the rules are too entangled to be taken apart).
  result<analysis> analyse() const;
  /// Where `after` decides otherwise than this policy. Errors: as analyse().
  result<comparison> compare(const policy& after) const;

  /// The same policy with one rule taken out or one of its conditions dropped, each with
  /// a line saying which: what a test of the policy has to notice.
  std::vector<std::pair<std::string, policy>> mutations() const;

  /// Rules that can never decide, chains nobody uses, rules that quarrel about a chain.
  std::vector<finding> check() const;

  const std::vector<chain>& chains() const;
  /// Null if there is none.
  const chain* find_chain(std::string_view id) const;
  const std::string& name() const;
  std::size_t rules() const;
  /// SHA-256 of the source text, in every verdict.
  const std::string& sha256() const;

private:
  struct compiled;
  friend struct policy_access;
  explicit policy(std::shared_ptr<const compiled> c) : compiled_(std::move(c)) {}
  std::shared_ptr<const compiled> compiled_;
};

} // namespace crossdock::gate
