#include "plan/entry.hpp"

#include <cstring>

namespace crossdock::plan {
namespace {

constexpr std::int64_t integer_max = 1'000'000'000;

json whole_number() {
  return {{"type", "integer"}, {"minimum", 0}, {"maximum", integer_max}};
}

field make(std::string name, std::string about, json schema) {
  if (about.empty()) {
    about = explained(name);
  }
  return {std::move(name), std::move(about), std::move(schema)};
}

} // namespace

json type(const char* name) {
  return {{"type", name}};
}

json list_of(json items) {
  return {{"type", "array"}, {"items", std::move(items)}};
}

json map_of(json values) {
  return {{"type", "object"}, {"additionalProperties", std::move(values)}};
}

json object_of(std::initializer_list<std::pair<const char*, json>> members) {
  json schema{{"type", "object"}, {"additionalProperties", false}};
  for (const auto& [name, value] : members) {
    std::string plain = name;
    if (plain.back() == '?') {
      plain.pop_back();
    } else {
      schema["required"].push_back(plain);
    }
    schema["properties"][plain] = value;
  }
  return schema;
}

field number(std::string name, std::string about) {
  return make(std::move(name), std::move(about), type("number"));
}

field integer(std::string name, std::string about) {
  return make(std::move(name), std::move(about), whole_number());
}

field numbers(std::string name, std::string about) {
  return make(std::move(name), std::move(about), list_of(type("number")));
}

field integers(std::string name, std::string about) {
  return make(std::move(name), std::move(about), list_of(whole_number()));
}

field number_or_numbers(std::string name, std::string about) {
  return make(std::move(name), std::move(about),
              {{"type", {"number", "array"}}, {"items", type("number")}});
}

field flags(std::string name, std::string about) {
  return make(std::move(name), std::move(about),
              list_of({{"enum", {0, 1, false, true}}}));
}

field yes_no(std::string name, std::string about) {
  return make(std::move(name), std::move(about), type("boolean"));
}

field text(std::string name, std::string about) {
  return make(std::move(name), std::move(about), type("string"));
}

field date(std::string name, std::string about) {
  return make(std::move(name), std::move(about),
              {{"type", "string"}, {"pattern", "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}});
}

field choice(std::string name, std::initializer_list<const char*> words,
             std::string about) {
  json schema{{"enum", json::array()}};
  for (const auto* word : words) {
    schema["enum"].push_back(word);
  }
  return make(std::move(name), std::move(about), std::move(schema));
}

field named_numbers(std::string name, std::string about) {
  return make(std::move(name), std::move(about), map_of(type("number")));
}

field any(std::string name, json schema, std::string about) {
  return make(std::move(name), std::move(about), std::move(schema));
}

field optional(field f, json otherwise) {
  f.required = false;
  f.otherwise = std::move(otherwise);
  return f;
}

std::vector<field> gives(std::initializer_list<const char*> outputs) {
  std::vector<field> fields;
  for (const char* output : outputs) {
    const char* colon = std::strstr(output, ": ");
    fields.push_back(colon == nullptr
                         ? make(output, "", nullptr)
                         : make(std::string(output, colon), colon + 2, nullptr));
  }
  return fields;
}

error refused(const planning::domain_error& e) {
  return error(errc::invalid, e.field + " " + e.message).at("field", e.field);
}

result<json> figure(const planning::outcome<double>& outcome, const char* name) {
  return answer(outcome, [name](double value) { return json{{name, value}}; });
}

} // namespace crossdock::plan
