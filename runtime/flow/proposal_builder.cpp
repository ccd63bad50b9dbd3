#include "flow/proposal_builder.hpp"

#include "base/digest.hpp"
#include "flow/proposal_parts.hpp"
#include "flow/single_proposal.hpp"

#include <algorithm>

namespace crossdock::flow {
namespace {

/// A ULID (48 bits of milliseconds, 80 bits that tell apart) which the same case, step
/// and run always give again, so that a replay makes the same proposal. `what` tells the
/// proposals of one step and run apart.
std::string id_of(const json& what, timestamp now) {
  static constexpr char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  const auto ms = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch())
          .count());
  std::string id(26, '0');
  for (std::size_t i = 0; i < 10; ++i) {
    id[9 - i] = digits[(ms >> (5 * i)) & 31];
  }
  const auto hash = sha256_of(to_text(what));
  for (std::size_t i = 0; i < 16; ++i) {
    id[10 + i] = digits[hash[i] & 31];
  }
  return id;
}

error in_field(error e, const char* field) {
  return std::move(e).at("field", field);
}

/// Money, or {quantity, price}.
result<money> worth_of(const json& v) {
  if (!v.is_object() || !v.contains("price")) {
    const auto m = money_of(v);
    return m ? result<money>(*m) : error(errc::schema, "no amount of money");
  }
  const auto price = money_of(v["price"]);
  const auto quantity = decimal_of(v.value("quantity", json()));
  if (!price || !quantity) {
    return error(errc::schema, "a price and a quantity are needed");
  }
  auto product = quantity->times(price->amount);
  if (!product) {
    return std::move(product).error();
  }
  return money{*product, price->currency};
}

class builder {
public:
  builder(const definition& d, const step& at, const case_state& state, timestamp now)
      : rule_(std::get<propose_step>(at.what)), data_(state),
        p_(begin_proposal(d, at, state, rule_.expires, now)) {
    p_.tool = rule_.tool;
    p_.reversal = rule_.reversal;
    if (const auto it = state.steps.find(rule_.by); it != state.steps.end()) {
      p_.agent = it->second.by;
      p_.agent_release = it->second.release;
    }
  }

  result<proposal> build() {
    for (const auto part : {&builder::fill_action, &builder::fill_worth,
                            &builder::fill_facts, &builder::fill_words}) {
      if (auto r = (this->*part)(); !r) {
        return std::move(r).error();
      }
    }
    return std::move(p_);
  }

private:
  scope view() const { return scope{data_}; }

  result<void> fill_action() {
    auto args = fill(rule_.args, view());
    if (!args) {
      return in_field(args.error(), "args");
    }
    if (!args->is_object()) {
      return error(errc::schema, "the arguments of a tool are an object")
          .at("field", "args");
    }
    p_.args = std::move(*args);
    auto site = fill(rule_.site, view());
    if (!site) {
      return in_field(site.error(), "site");
    }
    p_.site = site->is_string() ? site->get<std::string>() : "";
    auto key = fill_text(rule_.object_key, view());
    if (!key) {
      return in_field(key.error(), "object_key");
    }
    p_.object_key = std::move(*key);
    return {};
  }

  result<void> fill_worth() {
    auto amount = fill(rule_.amount, view());
    if (!amount) {
      return in_field(amount.error(), "amount");
    }
    auto worth = worth_of(*amount);
    if (!worth) {
      return in_field(worth.error(), "amount");
    }
    p_.amount = *worth;
    auto confidence = fill(rule_.confidence, view());
    if (!confidence) {
      return in_field(confidence.error(), "confidence");
    }
    const auto c = decimal_of(*confidence);
    if (!c || *c < decimal() || *c > decimal::from_units(1)) {
      return error(errc::schema, "confidence is 0 to 1").at("field", "confidence");
    }
    p_.confidence_permille = static_cast<int>(c->micros() / 1000);
    auto expected = fill(rule_.expected_value, view());
    if (!expected) {
      return in_field(expected.error(), "expected_value");
    }
    if (!expected->is_null()) {
      p_.expected_value = money_of(*expected);
      if (!p_.expected_value) {
        return error(errc::schema, "no amount of money").at("field", "expected_value");
      }
    }
    auto basis = fill(rule_.basis, view());
    auto alternatives = fill(rule_.alternatives, view());
    if (!basis || !alternatives) {
      return !basis ? in_field(basis.error(), "basis")
                    : in_field(alternatives.error(), "alternatives");
    }
    p_.basis = basis->is_object() ? std::move(*basis) : json::object();
    p_.alternatives = alternatives->is_array() ? std::move(*alternatives) : json::array();
    return {};
  }

  result<void> fill_facts() {
    for (const auto& source : rule_.facts) {
      auto list = fill(source, view());
      if (!list) {
        return in_field(list.error(), "facts");
      }
      // "$?" of a list that is not there is null.
      for (const auto& item : list->is_array() ? *list : json::array()) {
        auto f = fact::from_json(item);
        if (!f) {
          return in_field(f.error(), "facts");
        }
        add_fact(p_, std::move(*f));
      }
    }
    return order_facts(p_);
  }

  result<void> fill_words() {
    auto summary = fill_text(rule_.summary, view(), p_.facts);
    if (!summary) {
      return in_field(summary.error(), "summary");
    }
    p_.summary = std::move(*summary);
    for (const auto& s : rule_.rationale) {
      if (s.when) {
        auto holds = s.when->holds(view());
        if (!holds) {
          return in_field(holds.error(), "rationale");
        }
        if (!*holds) {
          continue;
        }
      }
      // A sentence whose number nobody gave is left out rather than told with a gap.
      if (auto text = fill_text(s.text, view(), p_.facts)) {
        p_.rationale.push_back(std::move(*text));
      }
    }
    if (auto idle = fill_text(rule_.if_nothing_is_done, view(), p_.facts)) {
      p_.if_nothing_is_done = std::move(*idle);
    }
    return {};
  }

  const propose_step& rule_;
  case_view data_;
  proposal p_;
};

std::string value_text(const json& v) {
  return v.is_null() ? "nothing" : v.is_string() ? v.get<std::string>() : to_text(v);
}

const propose_step* live_step(const definition& d, const case_state& state) {
  const auto index = state.proposed ? d.index_of(state.proposed->step) : std::nullopt;
  return index ? std::get_if<propose_step>(&d.steps()[*index].what) : nullptr;
}

/// What a person must know of the numbers that an edit leaves as they were.
void flag_edited(proposal& p) {
  auto& flags = p.basis["quality_flags"];
  if (!flags.is_array()) {
    flags = json::array();
  }
  constexpr const char* flag =
      "confidence and expected value are of the action before it was edited";
  if (std::find(flags.begin(), flags.end(), flag) == flags.end()) {
    flags.push_back(flag);
  }
}

/// "settled: the line is cancelled".
std::string why_of(const json& because) {
  const auto kind = text_or(because, "kind");
  const auto reason = text_or(because, "reason");
  auto text = kind == "person" ? reason : kind + (reason.empty() ? "" : ": " + reason);
  return text.ends_with('.') ? text : text + ".";
}

} // namespace

proposal begin_proposal(const definition& d, const step& at, const case_state& state,
                        std::chrono::milliseconds expires, timestamp now) {
  proposal p;
  p.id = id_of(json::array({state.case_id, at.name, state.run}), now);
  p.tenant = state.tenant;
  p.case_id = state.case_id;
  p.flow = d.name();
  p.step = at.name;
  p.labels = state.labels;
  p.causes = state.causes;
  p.created_at = now;
  p.expires_at = now + expires;
  return p;
}

void add_fact(proposal& p, fact f) {
  for (auto& known : p.facts) {
    if (known.name == f.name && known.system == f.system && known.record == f.record &&
        known.field == f.field && known.value == f.value) {
      if (f.material && !known.material) {
        known = std::move(f);
      }
      return;
    }
  }
  p.facts.push_back(std::move(f));
}

result<void> order_facts(proposal& p) {
  const auto is_material = [](const fact& f) { return f.material; };
  std::stable_sort(p.facts.begin(), p.facts.end(), [](const fact& a, const fact& b) {
    return a.material > b.material;
  });
  const auto material = static_cast<std::size_t>(
      std::count_if(p.facts.begin(), p.facts.end(), is_material));
  if (material > facts_max) {
    return error(errc::limit, "more facts decide than a person can look at")
        .at("field", "facts")
        .at("limit", std::to_string(facts_max));
  }
  if (p.facts.size() > facts_max) {
    p.facts.erase(p.facts.begin() + facts_max, p.facts.end());
  }
  return {};
}

result<proposal> build_proposal(const definition& d, const step& at,
                                const case_state& state, timestamp now) {
  if (std::get<propose_step>(at.what).submitted) {
    return submitted_proposal(d, at, state, now);
  }
  return builder(d, at, state, now).build();
}

json difference_of(const proposal& before, const proposal& after) {
  json out = json::array();
  const auto differs = [&](const std::string& field, const json& was, const json& is) {
    if (was != is) {
      out.push_back({{"field", field}, {"was", value_text(was)}, {"is", value_text(is)}});
    }
  };
  for (const auto& [name, is] : after.args.items()) {
    differs(name, before.args.value(name, json()), is);
  }
  const auto amount = [](const proposal& p) {
    return p.amount ? json(p.amount->str()) : json();
  };
  differs("amount", amount(before), amount(after));
  return out;
}

result<proposal> edit_proposal(const definition& d, const case_state& state,
                               const json& changes, const std::string& by,
                               const std::string& reason, timestamp now) {
  const auto* rule = live_step(d, state);
  if (rule == nullptr || !rule->edit) {
    return error(
               errc::denied,
               "the flow does not say what a changed action of this step is worth, so it "
               "cannot be edited: approve or reject it, or give the step an [edit] "
               "clause")
        .at("flow", d.name());
  }
  auto before = proposal::from_json(state.proposed->proposal);
  if (!before) {
    return before;
  }
  proposal p = *before;
  for (const auto& [name, value] : changes.items()) {
    if (!rule->edit->args.contains(name)) {
      std::string may;
      for (const auto& a : rule->edit->args) {
        may += (may.empty() ? "" : ", ") + a;
      }
      return error(errc::denied, "\"" + name + "\" may not be edited here, only: " + may)
          .at("field", name);
    }
    p.args[name] = value;
  }
  if (p.args == before->args) {
    return error(errc::invalid, "the edit changes nothing of the action");
  }
  json data = state.data();
  data["args"] = p.args;
  auto amount = fill(rule->edit->amount, scope{data});
  auto worth = amount ? worth_of(*amount) : result<money>(amount.error());
  if (!worth) {
    return in_field(worth.error(), "edit/amount");
  }
  p.amount = *worth;
  auto summary = fill_text(rule->edit->summary, scope{data}, p.facts);
  if (!summary) {
    return in_field(summary.error(), "edit/summary");
  }
  p.summary = std::move(*summary);
  p.id = id_of(json::array({state.case_id, before->step, state.run, "edit",
                            state.proposed->edits + 1}),
               now);
  p.created_at = now;
  std::string changed;
  for (const auto& item : difference_of(*before, p)) {
    changed += (changed.empty() ? "" : ", ") + text_or(item, "field") + " from " +
               text_or(item, "was") + " to " + text_or(item, "is");
  }
  p.rationale.insert(p.rationale.begin(), by + " changed " + changed + ": " + reason);
  flag_edited(p);
  return p;
}

done_effect effect_without_undo(const case_state& state, const json& detail) {
  const auto& made = *state.proposed;
  done_effect e;
  e.step = made.step;
  e.run = made.run;
  e.done = json::object();
  for (const auto* name : {"id", "tool", "args", "amount", "site", "agent",
                           "agent_release", "object_key", "summary"}) {
    if (const auto it = made.proposal->find(name); it != made.proposal->end()) {
      e.done[name] = *it;
    }
  }
  e.effect = detail;
  e.summary = "Undo: " + text_or(made.proposal, "summary");
  e.expires = std::chrono::hours(4);
  e.declared = true;
  return e;
}

result<done_effect> effect_of(const definition& d, const case_state& state,
                              const json& detail) {
  const auto& made = *state.proposed;
  const auto what = proposal::from_json(made.proposal);
  if (!what) {
    return what.error();
  }
  auto e = effect_without_undo(state, detail);
  e.declared = false;
  const auto* rule = live_step(d, state);
  if (rule == nullptr || !rule->compensate) {
    // The tool that reverses it, and the reference by which every system of record knows
    // what we wrote: enough for a person who asks, not for a flow that did not.
    if (what->reversal != "none" && !text_or(detail, "reference").empty()) {
      e.tool = what->reversal;
      e.args = {{"reference", text_or(detail, "reference")}};
    }
    e.expires = rule == nullptr ? e.expires : rule->expires;
    return e;
  }
  json data = state.data();
  data["steps"][made.step]["effect"] = detail;
  auto args = fill(rule->compensate->args, scope{data});
  if (!args) {
    return in_field(args.error(), "compensate/args");
  }
  e.tool = rule->compensate->tool;
  e.args = std::move(*args);
  e.declared = true;
  e.expires = rule->compensate->expires;
  if (!rule->compensate->summary.empty()) {
    auto summary = fill_text(rule->compensate->summary, scope{data});
    if (!summary) {
      return in_field(summary.error(), "compensate/summary");
    }
    e.summary = std::move(*summary);
  }
  return e;
}

proposal undo_proposal(const definition& d, const case_state& state, const done_effect& e,
                       const json& because, timestamp now) {
  proposal p;
  p.id = id_of(json::array({state.case_id, e.step, "undo", e.attempt}), now);
  p.tenant = state.tenant;
  p.case_id = state.case_id;
  p.flow = d.name();
  p.step = e.undo_step();
  p.agent = text_or(e.done, "agent");
  p.agent_release = text_or(e.done, "agent_release");
  p.tool = e.tool;
  p.args = e.args;
  p.site = text_or(e.done, "site");
  p.amount = e.done.contains("amount") ? money_of(e.done["amount"]) : std::nullopt;
  // Nothing is estimated: it is known what was done and how it is taken back.
  p.confidence_permille = 1000;
  p.basis = {{"kind", "compensation"},
             {"of", e.id()},
             {"arithmetic", "nothing is estimated: an effect of this case is undone"}};
  p.summary = e.summary;
  p.rationale = {"Undone because: " + why_of(because),
                 "It was done as approval " + e.id() + ": " + text_or(e.done, "summary") +
                     "."};
  fact f;
  f.name = "done as";
  f.value = text_or(e.effect, "reference");
  f.system = text_or(e.effect, "system");
  f.record = text_or(e.effect, "record");
  f.field = "reference";
  const auto as_of = parse_rfc3339(text_or(e.effect, "as_of"));
  if (as_of && !f.system.empty() && !f.record.empty()) {
    f.as_of = *as_of;
    p.facts.push_back(std::move(f));
  }
  p.if_nothing_is_done = "It stays as it was done: " + text_or(e.done, "summary") + ".";
  p.labels = state.labels;
  // Each effect, and each try after one that failed, is a thing of its own: two cases of
  // one order line do not replace each other's, and a new try has a new idempotency key.
  p.object_key = e.id() + (e.tries > 1 ? "#" + std::to_string(e.tries) : "");
  p.reversal = "none";
  p.created_at = now;
  p.expires_at = now + e.expires;
  p.causes = state.causes;
  return p;
}

} // namespace crossdock::flow
