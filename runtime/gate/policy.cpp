#include "gate/rule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

namespace crossdock::gate {
namespace {

constexpr std::array<std::string_view, 4> level_names{"shadow", "recommend", "approve",
                                                      "autonomous"};

std::string source_of(const fact& f) {
  auto text = f.system + " " + f.record;
  return f.field.empty() ? text : text + " " + f.field;
}

json shown(const json& value) {
  return value.is_number_float() ? json(value.dump()) : value;
}

/// What the rules for the tool looked at, with where it came from; canonical, so no
/// floats.
json looked_at(const std::vector<const rule*>& rules, const proposal& p,
               const judge_context& context) {
  json out = json::object();
  const auto said = [](json value) {
    return json{{"value", value}, {"source", "proposal"}};
  };
  if (p.amount) {
    out["amount"] = said(p.amount->str());
  }
  if (p.expected_value) {
    out["expected_value"] = said(p.expected_value->str());
  }
  out["confidence"] = said(permille_text(p.confidence_permille));
  out["labels"] = {{"value", p.labels}, {"source", "host"}};
  out["autonomy"] = {{"value", to_string(context.level)}, {"source", "configuration"}};
  for (const auto& f : p.facts) {
    const bool named = std::any_of(rules.begin(), rules.end(), [&](const rule* r) {
      return std::any_of(r->facts.begin(), r->facts.end(),
                         [&](const fact_condition& c) { return c.name == f.name; });
    });
    if (!named && !f.material) {
      continue;
    }
    auto key = "fact:" + f.name;
    // Several records may give a fact of one name; each is shown.
    for (int n = 2; out.contains(key); ++n) {
      key = fmt::format("fact:{}#{}", f.name, n);
    }
    out[key] = {{"value", shown(f.value)},
                {"source", source_of(f)},
                {"as_of", to_rfc3339(f.as_of)}};
  }
  return out;
}

/// The rule of that effect which fails the fewest conditions, and what failed first.
std::string nearest(const std::vector<const rule*>& rules, effect_verdict effect,
                    const proposal& p, const judge_context& context) {
  const rule* best = nullptr;
  int fewest = std::numeric_limits<int>::max();
  for (const auto* r : rules) {
    if (r->effect != effect) {
      continue;
    }
    const auto m = try_rule(*r, p, context, false);
    if (const int n = m.failed + m.broken; n < fewest) {
      best = r;
      fewest = n;
    }
  }
  if (best == nullptr) {
    return {};
  }
  if (fewest == 0) {
    return fmt::format("rule \"{}\" would {} it, but was overruled", best->id,
                       to_string(effect));
  }
  const auto m = try_rule(*best, p, context, true);
  auto text =
      fmt::format("rule \"{}\" would {} it: {}", best->id, to_string(effect), m.first);
  if (fewest > 1) {
    text += fmt::format(" (and {} more)", fewest - 1);
  }
  return text;
}

/// A currency is unknown if rules for the tool speak of amounts and none of this
/// currency.
bool unknown_currency(const std::vector<const rule*>& rules, const proposal& p) {
  if (!p.amount) {
    return false;
  }
  bool speaks = false;
  for (const auto* r : rules) {
    speaks = speaks || !r->amount.empty();
    if (r->amount.contains(p.amount->currency)) {
      return false;
    }
  }
  return speaks;
}

sorted sort_out(const std::vector<const rule*>& rules, const proposal& p,
                const judge_context& context) {
  sorted out;
  for (const auto* r : rules) {
    const auto m = try_rule(*r, p, context, false);
    if (m.undecidable()) {
      out.undecidable.push_back(r);
    } else if (m.holds()) {
      (r->effect == effect_verdict::deny  ? out.deny
       : r->effect == effect_verdict::ask ? out.ask
                                          : out.allow)
          .push_back(r);
    }
  }
  return out;
}

void decided_by(verdict& v, const std::vector<const rule*>& rules) {
  for (const auto* r : rules) {
    v.rules.push_back(r->id);
    for (const auto& o : r->obligations) {
      if (std::find(v.obligations.begin(), v.obligations.end(), o) ==
          v.obligations.end()) {
        v.obligations.push_back(o);
      }
    }
  }
}

std::string because(const char* what, const rule& r) {
  return fmt::format("rule \"{}\" {}{}", r.id, what, r.why.empty() ? "" : ": " + r.why);
}

} // namespace

std::string_view to_string(autonomy a) noexcept {
  return level_names[static_cast<std::size_t>(a)];
}

result<autonomy> autonomy_from(std::string_view text) {
  const auto it = std::find(level_names.begin(), level_names.end(), text);
  if (it == level_names.end()) {
    return error(errc::invalid, "\"" + std::string(text.substr(0, 32)) +
                                    "\" is not shadow, recommend, approve or autonomous");
  }
  return static_cast<autonomy>(it - level_names.begin());
}

bool editor_clause::allows(const std::vector<std::string>& held,
                           const std::optional<money>& amount) const {
  const bool role = std::any_of(held.begin(), held.end(), [&](const auto& r) {
    return std::find(roles.begin(), roles.end(), r) != roles.end();
  });
  const auto limit = amount ? most.find(amount->currency) : most.end();
  return role && limit != most.end() && amount->amount <= limit->second &&
         amount->amount >= decimal();
}

json chain::to_json() const {
  json out{{"id", id},
           {"expires_after_s", expires_after.count()},
           {"every_stage", every_stage},
           {"stages", json::array()}};
  for (const auto& s : stages) {
    out["stages"].push_back({{"roles", s.roles},
                             {"quorum", s.quorum},
                             {"remind_after_s", s.remind_after.count()},
                             {"escalate_after_s", s.escalate_after.count()}});
  }
  if (!editor_may_approve.roles.empty()) {
    auto& e = out["editor_may_approve"] = {{"roles", editor_may_approve.roles},
                                           {"max", json::object()}};
    for (const auto& [currency, most] : editor_may_approve.most) {
      e["max"][currency] = most.str();
    }
  }
  return out;
}

result<chain> chain::from_json(const json& v) {
  // A chain is stored by us alone; what does not fit was damaged.
  try {
    chain out;
    out.id = v.at("id").get<std::string>();
    out.expires_after = std::chrono::seconds(v.at("expires_after_s").get<std::int64_t>());
    out.every_stage = v.at("every_stage").get<bool>();
    for (const auto& s : v.at("stages")) {
      out.stages.push_back(
          {s.at("roles").get<std::vector<std::string>>(), s.at("quorum").get<int>(),
           std::chrono::seconds(s.at("remind_after_s").get<std::int64_t>()),
           std::chrono::seconds(s.at("escalate_after_s").get<std::int64_t>())});
    }
    if (const auto e = v.find("editor_may_approve"); e != v.end()) {
      out.editor_may_approve.roles = e->at("roles").get<std::vector<std::string>>();
      for (const auto& [currency, text] : e->at("max").items()) {
        const auto most = decimal::parse(text.get<std::string>());
        if (!most) {
          return most.error();
        }
        out.editor_may_approve.most[currency] = *most;
      }
    }
    return out;
  } catch (const json::exception& e) {
    return error(errc::schema, std::string("not an approval chain: ") + e.what());
  }
}

result<std::chrono::seconds> parse_duration(std::string_view text) {
  const auto bad = [&] {
    return error(errc::malformed, "\"" + std::string(text.substr(0, 24)) +
                                      "\" is not a duration like 90s, 30m, 4h or 7d");
  };
  if (text.size() < 2) {
    return bad();
  }
  std::int64_t unit = 0;
  switch (text.back()) {
  case 's':
    unit = 1;
    break;
  case 'm':
    unit = 60;
    break;
  case 'h':
    unit = 3600;
    break;
  case 'd':
    unit = 86400;
    break;
  default:
    return bad();
  }
  const auto digits = text.substr(0, text.size() - 1);
  if (digits.find_first_not_of("0123456789") != std::string_view::npos) {
    return bad();
  }
  std::int64_t count = 0;
  const auto most = std::chrono::seconds(limits::duration_max).count();
  for (const char c : digits) {
    count = count * 10 + (c - '0');
    if (count * unit > most) {
      return error(errc::limit, "a duration is at most one year");
    }
  }
  if (count == 0) {
    return bad();
  }
  return std::chrono::seconds(count * unit);
}

std::string expiry_obligation(std::chrono::seconds after) {
  return fmt::format("expires={}s", after.count());
}

std::chrono::seconds expiry_of(const verdict& v) {
  constexpr std::string_view prefix = "expires=";
  std::chrono::seconds least{0};
  for (const auto& o : v.obligations) {
    if (!o.starts_with(prefix)) {
      continue;
    }
    const auto d = parse_duration(std::string_view(o).substr(prefix.size()));
    if (d && (least.count() == 0 || *d < least)) {
      least = *d;
    }
  }
  return least;
}

const chain* policy::compiled::find_chain(std::string_view id) const {
  const auto it = std::find_if(chains.begin(), chains.end(),
                               [&](const chain& c) { return c.id == id; });
  return it == chains.end() ? nullptr : &*it;
}

result<policy> policy::compile(std::string_view text, const std::string& file_name) {
  auto c = policy_access::parse(text, file_name);
  if (!c) {
    return std::move(c).error();
  }
  return policy(std::make_shared<const compiled>(std::move(*c)));
}

namespace {

std::vector<const rule*> rules_for(const policy_access::compiled& c, const proposal& p) {
  std::vector<const rule*> rules;
  for (const auto i : c.rules_for(p.tool)) {
    rules.push_back(&c.rules[i]);
  }
  return rules;
}

circumstances circumstances_of(const std::vector<const rule*>& rules, const proposal& p,
                               const judge_context& context) {
  circumstances out;
  out.level = context.level;
  out.rules = !rules.empty();
  out.unknown_currency = unknown_currency(rules, p);
  out.untrusted_write = context.write_tool && std::find(p.labels.begin(), p.labels.end(),
                                                        "untrusted") != p.labels.end();
  return out;
}

/// The sentence of a verdict, and the near miss where the house objects.
void put_in_words(verdict& v, const conclusion& c, const proposal& p,
                  const judge_context& context) {
  switch (c.why) {
  case basis::forbidden:
    v.reason = because("forbids it", *c.by.front());
    return;
  case basis::unknown_tool:
    v.reason = fmt::format("no rule names the tool \"{}\": denied by default", p.tool);
    return;
  case basis::unknown_currency:
    v.reason =
        fmt::format("no rule for {} speaks of amounts in {}", p.tool, p.amount->currency);
    return;
  case basis::undecidable:
    v.reason = fmt::format("rule \"{}\" can not be evaluated: {}", c.by.front()->id,
                           try_rule(*c.by.front(), p, context, true).first);
    return;
  case basis::nothing:
    v.reason = "no rule allows it: denied by default";
    return;
  case basis::shadow:
    v.reason = fmt::format("{} is in shadow with {}: its proposals are recorded, none is "
                           "carried out",
                           p.agent, p.tool);
    return;
  case basis::rule:
    v.reason =
        because(v.effect == effect_verdict::ask ? "asks" : "allows it", *c.by.front());
    return;
  case basis::not_autonomous:
  case basis::untrusted: {
    const auto* objection = c.why == basis::untrusted
                                ? "untrusted input reaches a write tool"
                                : "the agent is not autonomous with this tool";
    v.near_miss =
        fmt::format("rule \"{}\" would allow it, but {}", c.by.front()->id, objection);
    v.reason = v.effect == effect_verdict::ask
                   ? fmt::format("{}, so a person is asked", objection)
                   : fmt::format("{}, so a person must be asked, and [defaults] names no "
                                 "chain",
                                 objection);
    return;
  }
  }
}

} // namespace

conclusion conclude(const sorted& found, const circumstances& around,
                    const std::string& default_chain) {
  conclusion out;
  const auto denied = [&](basis why, std::vector<const rule*> by) {
    out.why = why;
    out.by = std::move(by);
    return out;
  };
  if (!found.deny.empty()) {
    return denied(basis::forbidden, found.deny);
  }
  if (!around.rules) {
    return denied(basis::unknown_tool, {});
  }
  if (around.unknown_currency) {
    return denied(basis::unknown_currency, {});
  }
  if (!found.undecidable.empty()) {
    return denied(basis::undecidable, {found.undecidable.front()});
  }
  if (found.ask.empty() && found.allow.empty()) {
    return denied(basis::nothing, {});
  }
  if (around.level == autonomy::shadow) {
    return denied(basis::shadow, found.ask.empty() ? found.allow : found.ask);
  }
  if (!found.ask.empty()) {
    out.effect = effect_verdict::ask;
    out.why = basis::rule;
    out.by = found.ask;
    out.chain = out.by.front()->chain;
    return out;
  }
  // The house lets an allow pass only for an autonomous agent, and untrusted input to a
  // write tool only where the rule accepts it in so many words.
  out.by = found.allow;
  out.why = basis::rule;
  if (around.level != autonomy::autonomous) {
    out.why = basis::not_autonomous;
  } else if (around.untrusted_write) {
    auto accepting = found.allow;
    std::erase_if(accepting, [](const rule* r) { return !r->accepts_untrusted; });
    if (accepting.empty()) {
      out.why = basis::untrusted;
    } else {
      out.by = std::move(accepting);
    }
  }
  if (out.why == basis::rule) {
    out.effect = effect_verdict::allow;
  } else if (!default_chain.empty()) {
    out.effect = effect_verdict::ask;
    out.chain = default_chain;
  }
  return out;
}

std::vector<std::string> obligations_of(const conclusion& c) {
  verdict v;
  if (c.effect != effect_verdict::deny) {
    decided_by(v, c.by);
  }
  return v.obligations;
}

verdict policy::judge(const proposal& p, const judge_context& context) const {
  const auto rules = rules_for(*compiled_, p);
  const auto c = conclude(sort_out(rules, p, context),
                          circumstances_of(rules, p, context), compiled_->default_chain);
  verdict v;
  v.effect = c.effect;
  v.chain = c.chain;
  v.policy_sha256 = compiled_->sha256;
  v.judged_at = context.now;
  v.facts = looked_at(rules, p, context);
  decided_by(v, c.by);
  if (c.effect == effect_verdict::deny) {
    v.obligations.clear();
  }
  put_in_words(v, c, p, context);
  const bool passed = c.why == basis::rule && c.effect == effect_verdict::allow;
  if (!passed && v.near_miss.empty() && c.why != basis::unknown_tool) {
    v.near_miss = nearest(rules, effect_verdict::allow, p, context);
    if (v.near_miss.empty() && v.effect == effect_verdict::deny) {
      v.near_miss = nearest(rules, effect_verdict::ask, p, context);
    }
  }
  return v;
}

decision policy::decide(const proposal& p, const judge_context& context) const {
  const auto rules = rules_for(*compiled_, p);
  const auto c = conclude(sort_out(rules, p, context),
                          circumstances_of(rules, p, context), compiled_->default_chain);
  decision out{c.effect, c.chain, {}, obligations_of(c)};
  for (const auto* r : c.by) {
    out.rules.push_back(r->id);
  }
  return out;
}

std::vector<finding> policy::check() const {
  auto out = policy_access::check(*compiled_);
  const auto exact = analyse();
  if (!exact) {
    out.push_back({"", 1, exact.error().message()});
    return out;
  }
  for (const auto& f : exact->findings) {
    if (std::none_of(out.begin(), out.end(), [&](const finding& known) {
          return known.rule == f.rule && known.message.starts_with("can never decide");
        })) {
      out.push_back(f);
    }
  }
  return out;
}
const std::vector<chain>& policy::chains() const {
  return compiled_->chains;
}
const chain* policy::find_chain(std::string_view id) const {
  return compiled_->find_chain(id);
}
const std::string& policy::name() const {
  return compiled_->name;
}
std::size_t policy::rules() const {
  return compiled_->rules.size();
}
const std::string& policy::sha256() const {
  return compiled_->sha256;
}

} // namespace crossdock::gate
