#include "base/proposal.hpp"

#include "base/digest.hpp"

#include <cmath>

namespace crossdock {
namespace {

json money_json(const money& m) {
  return {{"amount", m.amount.str()}, {"currency", m.currency}};
}

result<std::optional<money>> optional_money(const json& object, const char* name) {
  const auto it = object.find(name);
  if (it == object.end() || it->is_null()) {
    return std::optional<money>{};
  }
  auto amount = decimal::parse(text_or(*it, "amount"));
  if (!amount) {
    return std::move(amount).error().at("field", std::string(name) + "/amount");
  }
  const auto currency = text_or(*it, "currency");
  if (currency.size() != 3) {
    return error(errc::schema, "an amount needs an ISO 4217 currency")
        .at("field", std::string(name) + "/currency");
  }
  return std::optional<money>(money{*amount, currency});
}

std::vector<std::string> strings(const json& object, const char* name) {
  std::vector<std::string> out;
  if (const auto it = object.find(name); it != object.end() && it->is_array()) {
    for (const auto& item : *it) {
      if (item.is_string()) {
        out.push_back(item.get<std::string>());
      }
    }
  }
  return out;
}

/// The member `name`, which has the type of `otherwise`, or `otherwise` if it is absent.
result<json> typed(const json& object, const char* name, json otherwise) {
  const auto it = object.find(name);
  if (it == object.end()) {
    return otherwise;
  }
  if (it->type() != otherwise.type()) {
    return error(errc::schema, std::string("this is an ") + otherwise.type_name())
        .at("field", name);
  }
  return json(*it);
}

/// Digests speak of numbers as text, so that 10, 10.0 and "10" of one fact are told apart
/// only by what the system of record really said.
json without_floats(const json& v) {
  if (v.is_number_float()) {
    return json(v.dump());
  }
  if (v.is_structured()) {
    json out = v;
    for (auto& item : out) {
      item = without_floats(item);
    }
    return out;
  }
  return v;
}

std::string digest_of(const json& v) {
  auto text = canonical_json(without_floats(v));
  // Keys that are not ASCII have no canonical form; the compact text still binds them.
  return to_hex(sha256_of(text ? *text : to_text(v)));
}

} // namespace

result<fact> fact::from_json(const json& v) {
  if (!v.is_object()) {
    return error(errc::schema, "a fact is an object");
  }
  fact f;
  f.name = text_or(v, "name");
  f.system = text_or(v, "system");
  f.record = text_or(v, "record");
  for (const auto& [field, text] :
       {std::pair<const char*, const std::string*>{"name", &f.name},
        {"system", &f.system},
        {"record", &f.record}}) {
    if (text->empty()) {
      return error(errc::schema, "a fact names what it is and where it came from")
          .at("field", field);
    }
  }
  if (!v.contains("value")) {
    return error(errc::schema, "a fact has a value").at("field", "value");
  }
  f.value = v["value"];
  const auto as_of = parse_rfc3339(text_or(v, "as_of"));
  if (!as_of) {
    return error(as_of.error()).at("field", "as_of").at("fact", f.name);
  }
  f.as_of = *as_of;
  f.unit = text_or(v, "unit");
  f.field = text_or(v, "field");
  if (const auto it = v.find("material"); it != v.end()) {
    if (!it->is_boolean()) {
      return error(errc::schema, "material is true or false")
          .at("field", "material")
          .at("fact", f.name);
    }
    f.material = it->get<bool>();
  }
  if (const auto tolerance = text_or(v, "tolerance"); !tolerance.empty()) {
    auto parsed = decimal::parse(tolerance);
    if (!parsed) {
      return std::move(parsed).error().at("field", "tolerance").at("fact", f.name);
    }
    if (*parsed < decimal()) {
      return error(errc::schema, "a tolerance is not negative")
          .at("field", "tolerance")
          .at("fact", f.name);
    }
    f.tolerance = *parsed;
  }
  if (const auto it = v.find("read"); it != v.end() && it->is_object()) {
    f.read = *it;
  }
  return f;
}

json fact::to_json() const {
  json out{{"name", name},
           {"value", value},
           {"system", system},
           {"record", record},
           {"as_of", to_rfc3339(as_of)}};
  if (!unit.empty()) {
    out["unit"] = unit;
  }
  if (!field.empty()) {
    out["field"] = field;
  }
  if (material) {
    out["material"] = true;
  }
  if (tolerance) {
    out["tolerance"] = tolerance->str();
  }
  if (!read.is_null()) {
    out["read"] = read;
  }
  return out;
}

result<proposal> proposal::from_json(const json& v) {
  if (!v.is_object()) {
    return error(errc::schema, "a proposal is an object");
  }
  proposal p;
  p.id = text_or(v, "id");
  p.tenant = text_or(v, "tenant");
  p.case_id = text_or(v, "case_id");
  p.flow = text_or(v, "flow");
  p.step = text_or(v, "step");
  p.agent = text_or(v, "agent");
  p.agent_release = text_or(v, "agent_release");
  p.tool = text_or(v, "tool");
  if (p.tool.empty()) {
    return error(errc::schema, "a proposal names a write tool").at("field", "tool");
  }
  auto args = typed(v, "args", json::object());
  if (!args) {
    return std::move(args).error();
  }
  p.args = std::move(*args);
  p.site = text_or(v, "site");
  auto amount = optional_money(v, "amount");
  if (!amount) {
    return std::move(amount).error();
  }
  p.amount = *amount;
  auto expected = optional_money(v, "expected_value");
  if (!expected) {
    return std::move(expected).error();
  }
  p.expected_value = *expected;
  if (const auto it = v.find("confidence_permille"); it != v.end()) {
    if (!it->is_number_integer() || *it < 0 || *it > 1000) {
      return error(errc::schema, "confidence is a whole number, 0 to 1000 permille")
          .at("field", "confidence_permille");
    }
    p.confidence_permille = it->get<int>();
  }
  auto basis = typed(v, "basis", json::object());
  if (!basis) {
    return std::move(basis).error();
  }
  p.basis = std::move(*basis);
  p.summary = text_or(v, "summary");
  p.rationale = strings(v, "rationale");
  if (const auto it = v.find("facts"); it != v.end() && it->is_array()) {
    for (const auto& item : *it) {
      auto f = fact::from_json(item);
      if (!f) {
        return std::move(f).error();
      }
      p.facts.push_back(std::move(*f));
    }
  }
  auto alternatives = typed(v, "alternatives", json::array());
  if (!alternatives) {
    return std::move(alternatives).error();
  }
  p.alternatives = std::move(*alternatives);
  p.if_nothing_is_done = text_or(v, "if_nothing_is_done");
  p.labels = strings(v, "labels");
  p.object_key = text_or(v, "object_key");
  p.reversal = text_or(v, "reversal");
  for (const auto& [name, target] :
       {std::pair<const char*, timestamp*>{"created_at", &p.created_at},
        {"expires_at", &p.expires_at}}) {
    if (const auto text = text_or(v, name); !text.empty()) {
      const auto t = parse_rfc3339(text);
      if (!t) {
        return error(t.error()).at("field", name);
      }
      *target = *t;
    }
  }
  if (const auto it = v.find("causes"); it != v.end() && it->is_array()) {
    for (const auto& item : *it) {
      if (item.is_number_unsigned()) {
        p.causes.push_back(item.get<std::uint64_t>());
      }
    }
  }
  return p;
}

json proposal::to_json() const {
  json out{{"id", id},
           {"tenant", tenant},
           {"case_id", case_id},
           {"flow", flow},
           {"step", step},
           {"agent", agent},
           {"agent_release", agent_release},
           {"tool", tool},
           {"args", args},
           {"site", site},
           {"confidence_permille", confidence_permille},
           {"basis", basis},
           {"summary", summary},
           {"rationale", rationale},
           {"alternatives", alternatives},
           {"if_nothing_is_done", if_nothing_is_done},
           {"labels", labels},
           {"object_key", object_key},
           {"reversal", reversal},
           {"created_at", to_rfc3339(created_at)},
           {"expires_at", to_rfc3339(expires_at)},
           {"causes", causes}};
  if (amount) {
    out["amount"] = money_json(*amount);
  }
  if (expected_value) {
    out["expected_value"] = money_json(*expected_value);
  }
  out["facts"] = json::array();
  for (const auto& f : facts) {
    out["facts"].push_back(f.to_json());
  }
  return out;
}

std::string proposal::action_digest() const {
  json bound{{"tenant", tenant},     {"case", case_id},
             {"step", step},         {"agent", agent_release},
             {"tool", tool},         {"args", args},
             {"object", object_key}, {"amount", amount ? money_json(*amount) : json()}};
  bound["facts"] = json::array();
  for (const auto& f : facts) {
    if (f.material) {
      bound["facts"].push_back({{"name", f.name},
                                {"value", f.value},
                                {"system", f.system},
                                {"record", f.record}});
    }
  }
  return digest_of(bound);
}

std::string proposal::idempotency_key() const {
  return "cd-" +
         digest_of(json::array({tenant, case_id, step, action_digest()})).substr(0, 32);
}

std::string_view to_string(effect_verdict v) noexcept {
  switch (v) {
  case effect_verdict::deny:
    return "deny";
  case effect_verdict::ask:
    return "ask";
  case effect_verdict::allow:
    return "allow";
  }
  return "deny";
}

json verdict::to_json() const {
  return {{"effect", to_string(effect)},
          {"rules", rules},
          {"chain", chain},
          {"obligations", obligations},
          {"facts", facts},
          {"near_miss", near_miss},
          {"reason", reason},
          {"policy_sha256", policy_sha256},
          {"judged_at", to_rfc3339(judged_at)}};
}

result<verdict> verdict::from_json(const json& v) {
  verdict out;
  const auto effect = text_or(v, "effect");
  if (effect == "allow") {
    out.effect = effect_verdict::allow;
  } else if (effect == "ask") {
    out.effect = effect_verdict::ask;
  } else if (effect != "deny") {
    return error(errc::schema, "a verdict is deny, ask or allow").at("field", "effect");
  }
  out.rules = strings(v, "rules");
  out.chain = text_or(v, "chain");
  out.obligations = strings(v, "obligations");
  out.facts = v.value("facts", json::object());
  out.near_miss = text_or(v, "near_miss");
  out.reason = text_or(v, "reason");
  out.policy_sha256 = text_or(v, "policy_sha256");
  if (const auto at = parse_rfc3339(text_or(v, "judged_at"))) {
    out.judged_at = *at;
  }
  return out;
}

} // namespace crossdock
