/// Cases of a policy: a proposal that is given, and what the policy is expected to
/// decide. docs/reference/policy.md describes the file.
#pragma once

#include "gate/gate.hpp"

#include <functional>

namespace crossdock::gate {

struct policy_case {
  std::string name;
  int line = 0;
  proposal given;
  judge_context context;
  effect_verdict effect = effect_verdict::deny;
  std::optional<std::string> chain;              ///< absent: not checked
  std::optional<std::vector<std::string>> rules; ///< the deciding ones, in any order
  std::optional<std::vector<std::string>> obligations;
};

constexpr std::size_t cases_max = 10'000;

/// Errors: malformed, invalid, limit; with file, line and field.
result<std::vector<policy_case>> read_cases(const std::string& text,
                                            const std::string& file_name);

/// Why the case does not hold: "asks customer-service, not allow: <reason>"; empty: it
/// holds.
std::string fails_with(const policy& p, const policy_case& c);

struct survey {
  std::size_t mutations = 0;  ///< policies that decide otherwise somewhere
  std::size_t equivalent = 0; ///< changes that no verdict shows; not counted above
  std::vector<std::string> unnoticed;
};
/// Which mutations of the policy (a rule taken out, a condition dropped) no case notices.
/// Errors: as policy::compare.
result<survey>
survey_mutations(const policy& p, const std::vector<policy_case>& cases,
                 const std::function<void(std::size_t, std::size_t)>& progress);

} // namespace crossdock::gate
