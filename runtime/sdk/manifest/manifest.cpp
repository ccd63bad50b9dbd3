#include "sdk/manifest/manifest.hpp"

#include <fstream>
#include <set>
#include <sstream>

#include <toml++/toml.h>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include "manifest_schema.hpp"

namespace crossdock::manifest {
namespace {

using nlohmann::json;

json to_json(const toml::node& node) {
  if (const auto* table = node.as_table()) {
    json out = json::object();
    for (const auto& [key, value] : *table)
      out[std::string{key.str()}] = to_json(value);
    return out;
  }
  if (const auto* array = node.as_array()) {
    json out = json::array();
    for (const auto& value : *array)
      out.push_back(to_json(value));
    return out;
  }
  if (const auto* text = node.as_string())
    return text->get();
  if (const auto* number = node.as_integer())
    return number->get();
  if (const auto* number = node.as_floating_point())
    return number->get();
  if (const auto* flag = node.as_boolean())
    return flag->get();
  std::ostringstream out; // dates and times: as they are written
  node.visit([&](const auto& n) {
    if constexpr (toml::is_date<decltype(n)> || toml::is_time<decltype(n)> ||
                  toml::is_date_time<decltype(n)>)
      out << n.get();
  });
  return out.str();
}

/// What plugin.toml may leave out. An absent list grants and promises nothing.
void fill_in(json& manifest) {
  if (!manifest.contains("manifest"))
    manifest["manifest"] = 1;
  if (!manifest.contains("name") && manifest.contains("id"))
    manifest["name"] = manifest["id"];
  if (!manifest.contains("abi"))
    manifest["abi"] = {{"major", 1}, {"minor", 0}, {"min_host_minor", 0}};
  if (!manifest.contains("components") || !manifest["components"].is_array())
    return;
  for (auto& c : manifest["components"]) {
    if (!c.is_object())
      continue;
    for (const char* list : {"consumes", "produces", "answers", "asks", "calls",
                             "proposes", "offers", "capabilities", "secrets", "selftest"})
      if (!c.contains(list))
        c[list] = json::array();
    if (!c.contains("executor"))
      c["executor"] = c.value("kind", "") == "connector" ? "thread" : "scheduled";
    if (!c.contains("config"))
      c["config"] = {{"type", "object"}, {"additionalProperties", false}};
    if (!c.contains("state"))
      c["state"] = {{"schema", 1}, {"restores_from", {1}}};
    if (!c.contains("inflight"))
      c["inflight"] = "carry";
    if (!c.contains("limits"))
      c["limits"] = json::object();
    if (c["offers"].is_array())
      for (auto& offer : c["offers"]) {
        if (!offer.is_object())
          continue;
        const bool write = offer.value("access", "") == "write";
        // A read needs neither; a write must say both itself.
        if (!write && !offer.contains("idempotency"))
          offer["idempotency"] = "native";
        if (!write && !offer.contains("reversal"))
          offer["reversal"] = "none";
        if (!offer.contains("latency"))
          offer["latency"] = "fast";
        if (!offer.contains("timeout_ms"))
          offer["timeout_ms"] = 10'000;
        if (!offer.contains("settle_ms"))
          offer["settle_ms"] = 0;
      }
  }
}

/// "components.0.offers" of valijson's ["<root>", "[components]", "[0]", "[offers]"].
std::string dotted(const std::vector<std::string>& path) {
  std::string out;
  for (const auto& part : path) {
    if (part == "<root>")
      continue;
    const bool bracketed = part.size() > 2 && part.front() == '[' && part.back() == ']';
    out +=
        (out.empty() ? "" : ".") + (bracketed ? part.substr(1, part.size() - 2) : part);
  }
  return out;
}

problems by_schema(const json& manifest) {
  static const auto schema = [] {
    const auto source = json::parse(schema_text);
    auto compiled = std::make_unique<valijson::Schema>();
    valijson::SchemaParser parser{valijson::SchemaParser::kDraft7};
    parser.populateSchema(valijson::adapters::NlohmannJsonAdapter{source}, *compiled);
    return compiled;
  }();
  valijson::Validator validator;
  valijson::ValidationResults results;
  problems out;
  if (validator.validate(*schema, valijson::adapters::NlohmannJsonAdapter{manifest},
                         &results))
    return out;
  // A wrong leaf is reported again by each rule above it: keep the deepest ones.
  std::set<std::string> seen;
  std::size_t deepest = 0;
  std::vector<std::pair<std::size_t, problem>> all;
  for (valijson::ValidationResults::Error error; results.popError(error);) {
    problem p;
    p.field = dotted(error.context);
    p.message = error.description;
    deepest = std::max(deepest, error.context.size());
    if (seen.insert(p.field + p.message).second)
      all.emplace_back(error.context.size(), std::move(p));
  }
  for (auto& [depth, p] : all)
    if (p.message.rfind("Failed to validate", 0) != 0 || depth == deepest)
      out.push_back(std::move(p));
  return out;
}

/// What JSON Schema cannot say.
problems by_rules(const json& manifest) {
  problems out;
  const auto wrong = [&](std::string field, std::string message) {
    out.push_back({{}, 0, 0, std::move(field), std::move(message)});
  };
  const auto& abi = manifest["abi"];
  if (abi["min_host_minor"] > abi["minor"])
    wrong("abi.min_host_minor", "is newer than abi.minor");
  std::set<std::string> ids;
  for (std::size_t i = 0; i < manifest["components"].size(); ++i) {
    const auto& c = manifest["components"][i];
    const auto at = "components." + std::to_string(i);
    if (!ids.insert(c["id"]).second)
      wrong(at + ".id", "'" + c["id"].get<std::string>() + "' is there twice");
    const bool connector = c["kind"] == "connector";
    if (connector && !c["proposes"].empty())
      wrong(at + ".proposes", "a connector proposes nothing: agents do");
    if (!connector && !c["offers"].empty())
      wrong(at + ".offers", "an agent offers no tools: connectors do");
    const auto needs = [&](const char* list, const char* capability) {
      const auto& granted = c["capabilities"];
      if (!c[list].empty() &&
          std::find(granted.begin(), granted.end(), capability) == granted.end())
        wrong(at + ".capabilities",
              std::string{capability} + " is missing although " + list + " is not empty");
    };
    needs("calls", "tool/1");
    needs("proposes", "propose/1");
    if (c.contains("endpoints")) {
      needs("endpoints", "net/1");
      if (!connector && !c["endpoints"].empty())
        wrong(at + ".endpoints", "an agent is connected to nothing: connectors are");
    }
    std::set<std::string> tools;
    for (std::size_t k = 0; k < c["offers"].size(); ++k) {
      const auto& offer = c["offers"][k];
      if (!tools.insert(offer["tool"]).second)
        wrong(at + ".offers." + std::to_string(k) + ".tool", "is offered twice");
    }
    const auto& limits = c["limits"];
    if (limits.contains("step_ms_soft") && limits.contains("step_ms_hard") &&
        limits["step_ms_soft"] > limits["step_ms_hard"])
      wrong(at + ".limits.step_ms_soft", "is larger than step_ms_hard");
  }
  return out;
}

problems checked(const json& manifest) {
  auto out = by_schema(manifest);
  return out.empty() ? by_rules(manifest) : out;
}

/// The place of a field in the TOML: its own, or that of the nearest table around it.
void locate(problem& p, const toml::table& root) {
  const toml::node* node = &root;
  std::istringstream parts{p.field};
  for (std::string part; std::getline(parts, part, '.');) {
    const toml::node* next = nullptr;
    if (const auto* table = node->as_table())
      next = table->get(part);
    else if (const auto* array = node->as_array();
             array && !part.empty() && part.find_first_not_of("0123456789") == part.npos)
      next = array->get(std::stoul(part));
    if (!next)
      break;
    node = next;
  }
  p.line = node->source().begin.line;
  p.column = node->source().begin.column;
}

} // namespace

std::string problem::text() const {
  std::string out = file;
  if (line > 0)
    out += ":" + std::to_string(line) + ":" + std::to_string(column);
  out += ": ";
  return out + (field.empty() ? "" : field + ": ") + message;
}

parsed_manifest from_toml(std::string_view text, const std::string& file) {
  toml::table root;
  try {
    root = toml::parse(text, file);
  } catch (const toml::parse_error& e) {
    return problems{{file, e.source().begin.line, e.source().begin.column, "",
                     std::string{e.description()}}};
  }
  auto manifest = to_json(root);
  fill_in(manifest);
  auto wrong = checked(manifest);
  for (auto& p : wrong) {
    p.file = file;
    locate(p, root);
  }
  if (!wrong.empty())
    return wrong;
  return manifest;
}

parsed_manifest from_toml_file(const std::string& path) {
  std::ifstream in{path};
  std::ostringstream text;
  if (!in || !(text << in.rdbuf()))
    return problems{{path, 0, 0, "", "cannot be read"}};
  return from_toml(text.str(), path);
}

parsed_manifest from_json(std::string_view text, const std::string& file) {
  auto manifest = json::parse(text.begin(), text.end(), nullptr, false);
  if (manifest.is_discarded())
    return problems{{file, 0, 0, "", "its manifest is not JSON"}};
  auto wrong = checked(manifest);
  for (auto& p : wrong)
    p.file = file;
  if (!wrong.empty())
    return wrong;
  return manifest;
}

std::string canonical(const json& manifest) {
  return manifest.dump();
}

} // namespace crossdock::manifest
