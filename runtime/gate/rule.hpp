/// A compiled rule: a conjunction of set memberships and intervals. Private to the gate.
#pragma once

#include "gate/gate.hpp"

#include <array>
#include <map>
#include <optional>
#include <unordered_map>

namespace crossdock::gate {

/// Names, or everything. A condition that is not written down is `any`.
struct name_set {
  bool any = true;
  std::vector<std::string> names; ///< sorted
  bool has(std::string_view name) const;
  bool covers(const name_set& other) const;
  bool meets(const name_set& other) const;
};

struct range {
  std::optional<decimal> low;
  bool low_open = false; ///< `above`: the bound itself is outside
  std::optional<decimal> high;
  bool high_open = false; ///< `below`
  bool has(decimal value) const;
  bool covers(const range& other) const;
  bool meets(const range& other) const;
  bool empty() const;
};

/// Currency to range; no entries: no condition. A lower bound nobody wrote is zero, so
/// that a negative amount never slips under a maximum.
using money_ranges = std::map<std::string, range>;

struct fact_condition {
  std::string name;
  range value;
  std::vector<std::string> one_of; ///< sorted; empty: no condition on the text
  std::string unit;                ///< empty: any
  bool numeric() const { return value.low || value.high; }
};

struct working_hours {
  std::array<bool, 7> days{}; ///< Sunday first, as std::chrono::weekday counts
  int from = 0;               ///< minutes of the local day
  int to = 24 * 60;           ///< exclusive
  int offset = 0;             ///< minutes east of UTC
  std::string text;           ///< as shown to a person
  bool has(timestamp t) const;
};

struct rule {
  std::string id;
  int line = 0;
  effect_verdict effect = effect_verdict::deny;
  std::string why; ///< the author's reason, shown with the verdict
  name_set agent, tool, step, flow, tenant, site;
  std::array<bool, 4> levels{true, true, true, true}; ///< by `autonomy`
  money_ranges amount;
  money_ranges expected_value;
  int confidence_min = 0; ///< permille
  int confidence_max = 1000;
  std::vector<std::string> none_of, any_of; ///< labels, sorted
  bool accepts_untrusted = false;
  std::vector<fact_condition> facts;
  std::optional<std::chrono::seconds> max_age;
  std::optional<working_hours> hours;
  std::string chain;
  std::vector<std::string> obligations;
};

/// How a rule fares with a proposal. It matches if both counts are zero; with failed == 0
/// and broken > 0 it can not be evaluated, which denies.
struct match {
  int failed = 0;
  int broken = 0;
  std::string first; ///< the first failing condition in words, if asked for
  bool holds() const { return failed == 0 && broken == 0; }
  bool undecidable() const { return failed == 0 && broken > 0; }
};

/// `words`: also say what failed first (a broken condition before a failed one only if
/// nothing failed).
match try_rule(const rule& r, const proposal& p, const judge_context& context,
               bool words);

/// The rules that hold, by effect, and those that can not be evaluated.
struct sorted {
  std::vector<const rule*> deny, ask, allow, undecidable;
};

/// What besides the rules decides.
struct circumstances {
  autonomy level = autonomy::shadow;
  bool rules = false;            ///< some rule concerns the tool
  bool unknown_currency = false; ///< they speak of amounts, and none of this currency
  bool untrusted_write = false;  ///< untrusted input reaches a write tool
};

enum class basis {
  forbidden,
  unknown_tool,
  unknown_currency,
  undecidable,
  nothing, ///< no rule matches
  shadow,
  rule, ///< what the rules say
  not_autonomous,
  untrusted
};

struct conclusion {
  effect_verdict effect = effect_verdict::deny;
  basis why = basis::nothing;
  std::vector<const rule*> by;
  std::string chain; ///< of an ask
};

/// Which of the rules prevails. The one place that knows: judging and analysis share it.
conclusion conclude(const sorted& found, const circumstances& around,
                    const std::string& default_chain);
std::vector<std::string> obligations_of(const conclusion& c);

/// How a fact fares with a condition.
match try_fact(const fact_condition& c, const fact& f);

/// "0.81"; at least two decimals.
std::string permille_text(int permille);

struct policy::compiled {
  std::string name;
  std::string file;
  std::string sha256;
  std::string default_chain; ///< asked when the house forbids a plain allow
  int default_chain_line = 0;
  std::vector<rule> rules;
  std::vector<chain> chains;
  std::vector<int> chain_lines;
  /// Tool to the rules that concern it, those for any tool included, in the file's order.
  std::unordered_map<std::string, std::vector<std::size_t>> by_tool;
  std::vector<std::size_t> any_tool;

  const std::vector<std::size_t>& rules_for(const std::string& tool) const {
    const auto it = by_tool.find(tool);
    return it == by_tool.end() ? any_tool : it->second;
  }
  const chain* find_chain(std::string_view id) const;
};

/// Lets the parser and the analysis see what the public header keeps to itself.
struct policy_access {
  using compiled = policy::compiled;
  static result<compiled> parse(std::string_view text, const std::string& file_name);
  static std::vector<finding> check(const compiled& c);
  static const compiled& of(const policy& p) { return *p.compiled_; }
  static policy made(compiled c);
};

} // namespace crossdock::gate
