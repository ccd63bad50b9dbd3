#include "flow/proposal_builder.hpp"

#include "base/digest.hpp"
#include "flow/proposal_parts.hpp"
#include "flow/single_proposal.hpp"

#include <algorithm>

namespace crossdock::flow {
namespace {

/// A ULID (48 bits of milliseconds, 80 bits that tell apart) which the same case, step
/// and run always give again, so that a replay makes the same proposal.
std::string id_of(const case_state& state, const std::string& step, timestamp now) {
  static constexpr char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  const auto ms = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch())
          .count());
  std::string id(26, '0');
  for (std::size_t i = 0; i < 10; ++i) {
    id[9 - i] = digits[(ms >> (5 * i)) & 31];
  }
  const auto hash = sha256_of(to_text(json::array({state.case_id, step, state.run})));
  for (std::size_t i = 0; i < 16; ++i) {
    id[10 + i] = digits[hash[i] & 31];
  }
  return id;
}

error in_field(error e, const char* field) {
  return std::move(e).at("field", field);
}

class builder {
public:
  builder(const definition& d, const step& at, const case_state& state, timestamp now)
      : rule_(std::get<propose_step>(at.what)), data_(state.data()),
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
    auto worth = amount_of(*amount);
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

  static result<money> amount_of(const json& v) {
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
  json data_;
  proposal p_;
};

} // namespace

proposal begin_proposal(const definition& d, const step& at, const case_state& state,
                        std::chrono::milliseconds expires, timestamp now) {
  proposal p;
  p.id = id_of(state, at.name, now);
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

} // namespace crossdock::flow
