#include "host/component.hpp"

#include "host/staged_plugin.hpp"

#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

namespace crossdock::host {
namespace {

result<void> check_config(const json& schema_json, const json& config) {
  valijson::Schema schema;
  try {
    valijson::SchemaParser parser;
    parser.populateSchema(valijson::adapters::NlohmannJsonAdapter(schema_json), schema);
  } catch (const std::exception& e) {
    return error(errc::schema, std::string("the manifest's config schema: ") + e.what());
  }
  valijson::Validator validator;
  valijson::ValidationResults findings;
  if (validator.validate(schema, valijson::adapters::NlohmannJsonAdapter(config), &findings)) {
    return {};
  }
  std::string field;
  std::string text = "does not match the schema";
  valijson::ValidationResults::Error finding;
  while (findings.popError(finding)) {
    std::string at;
    for (const auto& part : finding.context) {
      at += part;
    }
    if (at.size() >= field.size()) {
      field = at;
      text = finding.description;
    }
  }
  return error(errc::schema, "the component's configuration: " + text).at("field", field);
}

/// Leaves the component what is in all three.
result<void> narrow(component& c, const trust::rights& asked, const trust::grant& granted,
                    const trust::cap& highest) {
  for (std::size_t k = 0; k < trust::right_kinds; ++k) {
    if (!granted.names[k]) {
      continue;
    }
    for (const auto& name : *granted.names[k]) {
      if (!asked.at(k).contains(name)) {
        return error(errc::invalid, "\"" + name + "\" is granted, and the plugin does not ask "
                                    "for it: its manifest has no such name there")
          .at("field", std::string("grant.") + trust::right_names[k]);
      }
    }
  }
  const auto e = trust::effective(asked, granted, highest);
  const auto keep = [&](std::set<std::string>& names, trust::right kind) {
    std::erase_if(names, [&](const std::string& n) { return !e.held.of(kind).contains(n); });
  };
  keep(c.consumes, trust::right::consumes);
  keep(c.produces, trust::right::produces);
  keep(c.answers, trust::right::answers);
  keep(c.may_ask, trust::right::asks);
  keep(c.may_call, trust::right::calls);
  keep(c.proposes, trust::right::proposes);
  keep(c.offers, trust::right::offers);
  keep(c.capabilities, trust::right::capabilities);
  for (const auto& [name, address] : granted.endpoints) {
    if (e.held.of(trust::right::endpoints).contains(name)) {
      c.endpoints.emplace(name, address);
    } else if (!asked.of(trust::right::endpoints).contains(name)) {
      return error(errc::invalid, "\"" + name + "\" is granted as an endpoint, and the plugin does "
                                  "not ask for it: its manifest has no such name there")
        .at("field", "grant.endpoints");
    }
  }
  c.kept_by_grant = e.kept_by_grant;
  c.kept_by_cap = e.kept_by_cap;
  return {};
}

} // namespace

result<std::shared_ptr<const component>>
component::from_manifest(std::shared_ptr<const staged_plugin> file, std::string_view name,
                         const json& config, const catalogue& words,
                         const trust::grant& granted, const trust::cap& highest) {
  const json* entry = file->component(name);
  if (entry == nullptr) {
    return error(errc::not_found, "the plugin " + file->id() + " has no component \"" +
                                    std::string(name) + "\"");
  }
  auto out = std::make_shared<component>();
  out->name = name;
  out->connector = text_or(*entry, "kind") == "connector";
  out->executor = text_or(*entry, "executor") == "thread" ? executor_kind::thread
                                                          : executor_kind::scheduled;
  const auto collect = [&](const char* list, const char* member, entry_kind kind,
                           std::set<std::string>& target) -> result<void> {
    const auto it = entry->find(list);
    if (it == entry->end()) {
      return {};
    }
    for (const auto& item : *it) {
      const auto word = item.is_string() ? item.get<std::string>() : text_or(item, member);
      const auto* known = words.find(word);
      if (known == nullptr || known->kind != kind) {
        return error(errc::not_found, "the manifest names \"" + word +
                                        "\", which the catalogue does not have as a " + member)
          .at("plugin", file->id())
          .at("field", list);
      }
      const int version = item.is_object() ? item.value("version", known->version)
                                           : known->version;
      if (version != known->version) {
        return error(errc::version, "the manifest wants version " + std::to_string(version) +
                                      " of \"" + word + "\", the catalogue has " +
                                      std::to_string(known->version))
          .at("plugin", file->id());
      }
      target.insert(word);
    }
    return {};
  };
  for (auto r : {collect("consumes", "topic", entry_kind::topic, out->consumes),
                 collect("produces", "topic", entry_kind::topic, out->produces),
                 collect("answers", "question", entry_kind::question, out->answers),
                 collect("asks", "question", entry_kind::question, out->may_ask),
                 collect("calls", "tool", entry_kind::tool, out->may_call),
                 collect("proposes", "tool", entry_kind::tool, out->proposes),
                 collect("offers", "tool", entry_kind::tool, out->offers)}) {
    if (!r) {
      return std::move(r).error();
    }
  }
  if (const auto it = entry->find("offers"); it != entry->end()) {
    for (const auto& item : *it) {
      if (item.is_object()) {
        out->settle[text_or(item, "tool")] =
          std::chrono::milliseconds(item.value("settle_ms", 0));
      }
    }
  }
  for (const auto& capability : entry->value("capabilities", json::array())) {
    out->capabilities.insert(capability.get<std::string>());
  }
  if (auto r = narrow(*out, trust::asked_by(*entry), granted, highest); !r) {
    return std::move(r).error().at("component", std::string(name));
  }
  if (const auto it = entry->find("state"); it != entry->end()) {
    out->state_schema = it->value("schema", 1);
    for (const auto& version : it->value("restores_from", json::array())) {
      out->restores_from.insert(version.get<int>());
    }
  }
  const auto flight = text_or(*entry, "inflight");
  out->in_flight = flight == "wait"     ? in_flight::wait
                   : flight == "cancel" ? in_flight::cancel
                                        : in_flight::carry;
  if (const auto it = entry->find("rehearsal"); it != entry->end()) {
    for (const auto& pointer : it->value("ignore", json::array())) {
      out->comparison.ignore.insert(pointer.get<std::string>());
    }
    const auto tolerances = it->value("tolerances", json::object());
    for (const auto& [pointer, tolerance] : tolerances.items()) {
      out->comparison.tolerances[pointer] = std::stod(tolerance.get<std::string>());
    }
  }
  if (const auto it = entry->find("limits"); it != entry->end()) {
    auto& l = out->limits;
    l.step_soft = std::chrono::milliseconds(it->value("step_ms_soft", l.step_soft.count()));
    l.step_hard = std::chrono::milliseconds(it->value("step_ms_hard", l.step_hard.count()));
    l.memory_bytes_max = it->value("memory_bytes", l.memory_bytes_max);
    l.effects_max = it->value("effects_per_step", l.effects_max);
  }
  if (const auto it = entry->find("config"); it != entry->end() && it->is_object()) {
    if (auto r = check_config(*it, config); !r) {
      return std::move(r).error().at("component", std::string(name));
    }
  }
  out->config = to_text(config);
  out->file = std::move(file);
  return std::shared_ptr<const component>(std::move(out));
}

} // namespace crossdock::host
