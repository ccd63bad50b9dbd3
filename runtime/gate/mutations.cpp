#include "gate/rule.hpp"

#include <fmt/format.h>

#include <functional>

namespace crossdock::gate {
namespace {

using change = std::pair<std::string, std::function<void(rule&)>>;

void widen_money(std::vector<change>& out, const char* what, const money_ranges& ranges,
                 money_ranges rule::*member) {
  for (const auto& [currency, span] : ranges) {
    if (span.high) {
      out.emplace_back(
          fmt::format("without the most of {} in {}", what, currency),
          [member, currency](rule& r) { (r.*member)[currency].high.reset(); });
    }
    if (span.low) {
      out.emplace_back(
          fmt::format("without the least of {} in {}", what, currency),
          [member, currency](rule& r) { (r.*member)[currency].low.reset(); });
    }
  }
  if (!ranges.empty()) {
    out.emplace_back(fmt::format("for any {}", what),
                     [member](rule& r) { (r.*member).clear(); });
  }
}

void widen_names(std::vector<change>& out, const char* what, const name_set& names,
                 name_set rule::*member) {
  if (!names.any) {
    out.emplace_back(fmt::format("for any {}", what),
                     [member](rule& r) { r.*member = name_set(); });
  }
}

/// Every way in which the rule might be meant less strictly than it is written.
std::vector<change> widenings(const rule& r) {
  std::vector<change> out;
  widen_names(out, "agent", r.agent, &rule::agent);
  widen_names(out, "tool", r.tool, &rule::tool);
  widen_names(out, "step", r.step, &rule::step);
  widen_names(out, "flow", r.flow, &rule::flow);
  widen_names(out, "tenant", r.tenant, &rule::tenant);
  widen_names(out, "site", r.site, &rule::site);
  widen_money(out, "amount", r.amount, &rule::amount);
  widen_money(out, "expected value", r.expected_value, &rule::expected_value);
  const auto add = [&](bool there, const char* words, std::function<void(rule&)> f) {
    if (there) {
      out.emplace_back(words, std::move(f));
    }
  };
  add(r.levels != std::array<bool, 4>{true, true, true, true}, "at any autonomy",
      [](rule& x) { x.levels.fill(true); });
  add(r.confidence_min > 0, "without the least confidence",
      [](rule& x) { x.confidence_min = 0; });
  add(r.confidence_max < 1000, "without the most confidence",
      [](rule& x) { x.confidence_max = 1000; });
  add(!r.none_of.empty(), "with any label", [](rule& x) { x.none_of.clear(); });
  add(!r.any_of.empty(), "without the label it wants", [](rule& x) { x.any_of.clear(); });
  add(r.effect == effect_verdict::allow && !r.accepts_untrusted,
      "accepting untrusted input", [](rule& x) { x.accepts_untrusted = true; });
  add(r.max_age.has_value(), "with facts of any age", [](rule& x) { x.max_age.reset(); });
  add(r.hours.has_value(), "at any hour", [](rule& x) { x.hours.reset(); });
  add(!r.obligations.empty(), "without its obligations",
      [](rule& x) { x.obligations.clear(); });
  add(r.effect == effect_verdict::ask, "allowing instead of asking", [](rule& x) {
    x.effect = effect_verdict::allow;
    x.chain.clear();
  });
  for (std::size_t i = 0; i < r.facts.size(); ++i) {
    out.emplace_back("whatever the fact " + r.facts[i].name, [i](rule& x) {
      x.facts.erase(x.facts.begin() + static_cast<std::ptrdiff_t>(i));
    });
  }
  return out;
}

} // namespace

std::vector<std::pair<std::string, policy>> policy::mutations() const {
  std::vector<std::pair<std::string, policy>> out;
  for (std::size_t i = 0; i < compiled_->rules.size(); ++i) {
    const auto& r = compiled_->rules[i];
    auto without = *compiled_;
    without.rules.erase(without.rules.begin() + static_cast<std::ptrdiff_t>(i));
    out.emplace_back(fmt::format("rule \"{}\" taken out", r.id),
                     policy_access::made(std::move(without)));
    for (const auto& [words, apply] : widenings(r)) {
      auto changed = *compiled_;
      apply(changed.rules[i]);
      out.emplace_back(fmt::format("rule \"{}\" {}", r.id, words),
                       policy_access::made(std::move(changed)));
    }
  }
  return out;
}

} // namespace crossdock::gate
