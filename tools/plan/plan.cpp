#include "plan/plan.hpp"

#include "plan/datasets_text.hpp"
#include "plan/entry.hpp"
#include "planning/text_match.hpp"

#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include <algorithm>
#include <cmath>

namespace crossdock::plan {
namespace {

constexpr double exact_integer_max = 9007199254740992.0; // 2^53

/// 4.0 is a whole number to JSON Schema, but not to the validator.
void settle_whole_numbers(json& value) {
  if (value.is_structured()) {
    for (auto& part : value) {
      settle_whole_numbers(part);
    }
  } else if (value.is_number_float()) {
    const double x = value.get<double>();
    if (x == std::trunc(x) && std::abs(x) <= exact_integer_max) {
      value = static_cast<std::int64_t>(x);
    }
  }
}

bool all_finite(const json& value) {
  if (value.is_structured()) {
    return std::all_of(value.begin(), value.end(), all_finite);
  }
  return !value.is_number_float() || std::isfinite(value.get<double>());
}

/// "<root>", "[nodes]", "[w]", "[on_hand]" -> "nodes.w.on_hand"; numbers stay in
/// brackets.
std::string field_of(const std::vector<std::string>& context) {
  std::string out;
  for (std::size_t i = 1; i < context.size(); ++i) {
    const auto& part = context[i];
    if (part.size() > 2 && part.front() == '[' &&
        part.find_first_not_of("0123456789", 1) != part.size() - 1) {
      out += (out.empty() ? "" : ".") + part.substr(1, part.size() - 2);
    } else {
      out += part;
    }
  }
  return out;
}

std::string kind_of(const json& schema) {
  if (schema.contains("enum")) {
    return "one of " + schema["enum"].dump();
  }
  const auto& kind = schema.value("type", json("value"));
  std::string words;
  for (const auto& word : kind.is_array() ? kind : json::array({kind})) {
    words += (words.empty() ? "" : " or ") + word.get<std::string>();
  }
  if (words == "integer") {
    words = "whole number from 0 to 1000000000";
  } else if (words == "array") {
    words = "list";
    if (schema.contains("items") && schema["items"].contains("type")) {
      words += " of " + schema["items"]["type"].get<std::string>() + "s";
    }
  } else if (schema.contains("pattern")) {
    words = "date YYYY-MM-DD";
  }
  return words;
}

/// Of one field: its own schema, so that the error can only be about it.
result<void> check_field(const field& f, const json& value) {
  valijson::Schema schema;
  valijson::SchemaParser parser;
  parser.populateSchema(valijson::adapters::NlohmannJsonAdapter(f.schema), schema);
  valijson::Validator validator;
  valijson::ValidationResults findings;
  if (validator.validate(schema, valijson::adapters::NlohmannJsonAdapter(value),
                         &findings)) {
    return {};
  }
  // The deepest finding is the most precise one.
  valijson::ValidationResults::Error finding;
  std::size_t depth = 0;
  std::string inside;
  std::string said;
  while (findings.popError(finding)) {
    if (finding.context.size() >= depth) {
      depth = finding.context.size();
      inside = field_of(finding.context);
      said = finding.description;
    }
  }
  if (inside.empty() && !f.schema.contains("properties")) {
    return error(errc::schema, f.name + " must be a " + kind_of(f.schema))
        .at("field", f.name);
  }
  const auto where =
      f.name + (inside.empty() || inside.front() == '[' ? "" : ".") + inside;
  return error(errc::schema, where + ": " + said).at("field", where);
}

error unknown_input(const function& f, const std::string& name) {
  std::string known;
  for (const auto& field : f.inputs) {
    known += (known.empty() ? "" : ", ") + field.name;
  }
  return error(errc::schema,
               f.name + " has no input '" + name + "'; its inputs are: " + known)
      .at("field", name);
}

result<json> resolve(const json& value, const std::string& name, const datasets& known) {
  if (!value.is_object() || value.size() != 1 || !value.contains("$dataset")) {
    return value;
  }
  const auto& wanted = value["$dataset"];
  const auto found =
      wanted.is_string() ? known.find(wanted.get<std::string>()) : known.end();
  if (found != known.end()) {
    return found->second;
  }
  std::string names;
  for (const auto& [dataset, series] : known) {
    names += (names.empty() ? "" : ", ") + dataset;
  }
  return error(errc::not_found,
               name + ": there is no dataset " + wanted.dump() + "; known are: " + names)
      .at("field", name);
}

std::vector<function> collect() {
  std::vector<function> all;
  for (auto* table :
       {lot_size_functions, stock_functions, forecast_functions, anomaly_functions,
        supply_functions, operation_functions, money_functions, measurement_functions}) {
    auto part = table();
    std::move(part.begin(), part.end(), std::back_inserter(all));
  }
  std::sort(all.begin(), all.end(), [](const function& a, const function& b) {
    return std::tie(a.domain, a.name) < std::tie(b.domain, b.name);
  });
  return all;
}

} // namespace

std::vector<double> input::list(const char* name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) {
    return {};
  }
  return found->is_number() ? std::vector<double>{found->get<double>()}
                            : found->get<std::vector<double>>();
}

std::vector<bool> input::bits(const char* name) const {
  std::vector<bool> out;
  for (const auto& value : at(name)) {
    out.push_back(value.is_boolean() ? value.get<bool>() : value.get<int>() != 0);
  }
  return out;
}

const std::vector<function>& functions() {
  static const auto all = collect();
  return all;
}

const function* find(std::string_view name) {
  const auto& all = functions();
  const auto found = std::find_if(all.begin(), all.end(),
                                  [name](const function& f) { return f.name == name; });
  return found == all.end() ? nullptr : &*found;
}

std::vector<std::string> similar(std::string_view name) {
  std::vector<std::pair<double, std::string>> near;
  for (const auto& f : functions()) {
    const double likeness = planning::jaro_winkler(std::string(name), f.name).value_or(0);
    if (likeness > 0.85 || (name.size() > 2 && f.name.find(name) != std::string::npos)) {
      near.emplace_back(-likeness, f.name);
    }
  }
  std::sort(near.begin(), near.end());
  std::vector<std::string> names;
  for (const auto& [likeness, found] : near) {
    if (names.size() < 5) {
      names.push_back(found);
    }
  }
  return names;
}

json input_schema(const function& f) {
  json schema{{"$schema", "http://json-schema.org/draft-07/schema#"},
              {"type", "object"},
              {"additionalProperties", false},
              {"required", json::array()},
              {"properties", json::object()}};
  for (const auto& field : f.inputs) {
    auto& property = schema["properties"][field.name] = field.schema;
    property["description"] = field.about;
    if (field.required) {
      schema["required"].push_back(field.name);
    } else if (!field.otherwise.is_null()) {
      property["default"] = field.otherwise;
    }
  }
  return schema;
}

const datasets& public_datasets() {
  static const auto series = json::parse(datasets_text).get<datasets>();
  return series;
}

result<datasets> read_datasets(const json& document) {
  const auto& series = document.is_object() && document.contains("datasets")
                           ? document["datasets"]
                           : document;
  if (!series.is_object()) {
    return error(errc::schema, "datasets must be an object of NAME: [numbers]");
  }
  auto known = public_datasets();
  for (const auto& [name, values] : series.items()) {
    if (!values.is_array() ||
        !std::all_of(values.begin(), values.end(),
                     [](const json& value) { return value.is_number(); })) {
      return error(errc::schema, "the dataset " + name + " must be a list of numbers")
          .at("field", name);
    }
    known[name] = values;
  }
  return known;
}

result<json> evaluate(const function& f, const json& inputs, const datasets& known) {
  if (!inputs.is_object()) {
    return error(errc::schema, "the inputs must be one JSON object of NAME: VALUE");
  }
  json values = json::object();
  for (const auto& [name, given] : inputs.items()) {
    const auto field =
        std::find_if(f.inputs.begin(), f.inputs.end(),
                     [&name = name](const auto& in) { return in.name == name; });
    if (field == f.inputs.end()) {
      return unknown_input(f, name);
    }
    auto value = resolve(given, name, known);
    if (!value) {
      return std::move(value).error();
    }
    settle_whole_numbers(*value);
    if (auto fits = check_field(*field, *value); !fits) {
      return std::move(fits).error();
    }
    values[name] = std::move(*value);
  }
  for (const auto& field : f.inputs) {
    if (values.contains(field.name)) {
      continue;
    }
    if (field.required) {
      return error(errc::schema,
                   f.name + " needs the input '" + field.name + "' (" + field.about + ")")
          .at("field", field.name);
    }
    if (!field.otherwise.is_null()) {
      values[field.name] = field.otherwise;
    }
  }
  auto out = f.run(input(values));
  if (out && !all_finite(*out)) {
    return error(errc::invalid,
                 "the inputs of " + f.name + " are too large for a finite answer");
  }
  return out;
}

} // namespace crossdock::plan
