/// How the tables of this folder write a function down.
#pragma once

#include "plan/plan.hpp"
#include "planning/outcome.hpp"

#include <initializer_list>
#include <optional>

namespace crossdock::plan {

// -- inputs
// ------------------------------------------------------------------------------- `about`
// empty: the glossary explains the name.
field number(std::string name, std::string about = "");
/// From 0 on.
field integer(std::string name, std::string about = "");
field numbers(std::string name, std::string about = "");
/// From 0 on.
field integers(std::string name, std::string about = "");
field number_or_numbers(std::string name, std::string about = "");
/// 0 and 1, or false and true.
field flags(std::string name, std::string about = "");
field yes_no(std::string name, std::string about = "");
field text(std::string name, std::string about = "");
field date(std::string name, std::string about = "");
field choice(std::string name, std::initializer_list<const char*> words,
             std::string about = "");
/// Names with a number each.
field named_numbers(std::string name, std::string about = "");
field any(std::string name, json schema, std::string about = "");
/// The same, not required; `otherwise` stands for it.
field optional(field f, json otherwise = nullptr);

/// JSON Schema of an object: NAME or NAME? (not required), and the schema of its value.
json object_of(std::initializer_list<std::pair<const char*, json>> members);
json list_of(json items);
json map_of(json values);
json type(const char* name);

// -- outputs
// ------------------------------------------------------------------------------
/// Names the glossary explains; "name: meaning" where it does not.
std::vector<field> gives(std::initializer_list<const char*> outputs);

// -- answers
// ------------------------------------------------------------------------------
/// What the library refused, as an error that names the field.
error refused(const planning::domain_error& e);

/// The answer made JSON by `tell`, or what was refused.
template <class T, class Tell>
result<json> answer(const planning::outcome<T>& outcome, Tell tell) {
  if (!outcome) {
    return refused(outcome.error());
  }
  return json(tell(*outcome));
}

/// A single figure under its name.
result<json> figure(const planning::outcome<double>& outcome, const char* name);

template <class T>
json or_null(const std::optional<T>& value) {
  return value ? json(*value) : json(nullptr);
}

/// The meaning of a name that is the same everywhere; empty if there is none.
std::string explained(const std::string& name);

// -- the tables, one file a subject
// -------------------------------------------------------
std::vector<function> lot_size_functions();
std::vector<function> stock_functions();
std::vector<function> forecast_functions();
std::vector<function> anomaly_functions();
std::vector<function> supply_functions();
std::vector<function> operation_functions();
std::vector<function> money_functions();
std::vector<function> measurement_functions();

} // namespace crossdock::plan
