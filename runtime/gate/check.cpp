#include "gate/rule.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace crossdock::gate {
namespace {

using strings = std::vector<std::string>;

bool subset(const strings& part, const strings& whole) {
  return std::includes(whole.begin(), whole.end(), part.begin(), part.end());
}

bool covers(const money_ranges& a, const money_ranges& b) {
  if (a.empty()) {
    return true;
  }
  return !b.empty() && std::all_of(b.begin(), b.end(), [&](const auto& entry) {
    const auto it = a.find(entry.first);
    return it != a.end() && it->second.covers(entry.second);
  });
}

bool meets(const money_ranges& a, const money_ranges& b) {
  return a.empty() || b.empty() ||
         std::any_of(b.begin(), b.end(), [&](const auto& entry) {
           const auto it = a.find(entry.first);
           return it != a.end() && it->second.meets(entry.second);
         });
}

/// Whether everything `b` matches is matched by `a` as well. Never says yes wrongly;
/// facts and hours of `a` are taken as if they could fail.
bool covers(const rule& a, const rule& b) {
  for (std::size_t i = 0; i < a.levels.size(); ++i) {
    if (b.levels[i] && !a.levels[i]) {
      return false;
    }
  }
  return a.agent.covers(b.agent) && a.tool.covers(b.tool) && a.step.covers(b.step) &&
         a.flow.covers(b.flow) && a.tenant.covers(b.tenant) && a.site.covers(b.site) &&
         covers(a.amount, b.amount) && covers(a.expected_value, b.expected_value) &&
         a.confidence_min <= b.confidence_min && a.confidence_max >= b.confidence_max &&
         subset(a.none_of, b.none_of) &&
         (a.any_of.empty() || (!b.any_of.empty() && subset(b.any_of, a.any_of))) &&
         a.facts.empty() && !a.hours && !a.max_age;
}

/// Whether some proposal could match both; labels, facts and hours are taken as if they
/// could.
bool meets(const rule& a, const rule& b) {
  bool level = false;
  for (std::size_t i = 0; i < a.levels.size(); ++i) {
    level = level || (a.levels[i] && b.levels[i]);
  }
  const auto excluded = [](const rule& x, const rule& y) {
    return !y.any_of.empty() && subset(y.any_of, x.none_of);
  };
  return level && a.agent.meets(b.agent) && a.tool.meets(b.tool) &&
         a.step.meets(b.step) && a.flow.meets(b.flow) && a.tenant.meets(b.tenant) &&
         a.site.meets(b.site) && meets(a.amount, b.amount) &&
         meets(a.expected_value, b.expected_value) &&
         a.confidence_min <= b.confidence_max && b.confidence_min <= a.confidence_max &&
         !excluded(a, b) && !excluded(b, a);
}

} // namespace

std::vector<finding> policy_access::check(const compiled& c) {
  std::vector<finding> out;
  if (c.rules.empty()) {
    out.push_back({"", 1, "the policy has no rules: everything is denied"});
  }
  for (std::size_t i = 0; i < c.rules.size(); ++i) {
    const auto& r = c.rules[i];
    const rule* stronger = nullptr;
    for (const auto& other : c.rules) {
      if (other.effect < r.effect && covers(other, r) &&
          (stronger == nullptr || other.effect < stronger->effect)) {
        stronger = &other; // effect_verdict counts from deny upwards
      }
    }
    if (stronger != nullptr) {
      out.push_back(
          {r.id, r.line,
           fmt::format("can never decide: rule \"{}\" (line {}) {} everything it "
                       "matches",
                       stronger->id, stronger->line,
                       stronger->effect == effect_verdict::deny ? "forbids"
                                                                : "asks about")});
    }
    for (std::size_t k = 0; k < i && r.effect == effect_verdict::ask; ++k) {
      const auto& first = c.rules[k];
      if (first.effect == effect_verdict::ask && first.chain != r.chain &&
          meets(first, r)) {
        out.push_back(
            {r.id, r.line,
             fmt::format("may match together with rule \"{}\", which is first in the "
                         "file: its chain \"{}\" is asked, not \"{}\"",
                         first.id, first.chain, r.chain)});
      }
    }
  }
  for (std::size_t i = 0; i < c.chains.size(); ++i) {
    const auto& id = c.chains[i].id;
    if (id != c.default_chain &&
        std::none_of(c.rules.begin(), c.rules.end(),
                     [&](const rule& r) { return r.chain == id; })) {
      out.push_back({id, c.chain_lines[i], "no rule asks this chain"});
    }
    for (const auto& role : c.chains[i].editor_may_approve.roles) {
      const auto& stages = c.chains[i].stages;
      if (std::none_of(stages.begin(), stages.end(), [&](const stage& s) {
            return std::find(s.roles.begin(), s.roles.end(), role) != s.roles.end();
          })) {
        out.push_back({id, c.chain_lines[i],
                       fmt::format("editor_may_approve names the role \"{}\", which no "
                                   "stage asks: it changes nothing",
                                   role)});
      }
    }
  }
  const bool allows = std::any_of(c.rules.begin(), c.rules.end(), [](const rule& r) {
    return r.effect == effect_verdict::allow;
  });
  if (allows && c.default_chain.empty()) {
    out.push_back(
        {"", 1,
         "[defaults] names no chain: what the house does not let pass alone "
         "(untrusted input, autonomy below autonomous) is denied instead of asked"});
  }
  return out;
}

} // namespace crossdock::gate
