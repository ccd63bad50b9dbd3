/// Whether an event or answer is what config/catalogue promises.
#pragma once

#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include "contract/sql_fixture.hpp"

namespace sql_fixture {

/// What `value` breaks of catalogue/NAME.json's `part` ("schema" or "answer"); empty:
/// nothing.
inline std::string broken(const std::string& source, const std::string& name,
                          const std::string& part, const json& value) {
  const auto folder = source + "/config/catalogue/";
  json schema = json::parse(text_of(folder + name + ".json")).at(part);
  schema["definitions"] =
      json::parse(text_of(folder + "definitions.json")).at("definitions");
  valijson::Schema compiled;
  valijson::SchemaParser parser{valijson::SchemaParser::kDraft7};
  parser.populateSchema(valijson::adapters::NlohmannJsonAdapter{schema}, compiled);
  valijson::Validator validator;
  valijson::ValidationResults results;
  if (validator.validate(compiled, valijson::adapters::NlohmannJsonAdapter{value},
                         &results))
    return {};
  std::string out = name + ": ";
  for (valijson::ValidationResults::Error error; results.popError(error);) {
    for (const auto& at : error.context)
      out += at;
    out += " " + error.description + "; ";
  }
  return out + value.dump();
}

} // namespace sql_fixture
