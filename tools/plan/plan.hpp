/// The planning library by name: every function with the names, units and schema of its
/// inputs and outputs, called with JSON. For the command line, a spreadsheet or a
/// notebook; agents link the library itself.
#pragma once

#include "base/json.hpp"

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace crossdock::plan {

struct field {
  std::string name;
  std::string about; ///< meaning and unit
  json schema;       ///< JSON Schema of the value; empty for outputs
  bool required = true;
  json otherwise = nullptr; ///< used when it is not given; null: none is needed
};

/// What a function is called with; the schema holds, so the accessors cannot fail.
class input {
public:
  explicit input(const json& values) : values_(values) {}
  bool has(const char* name) const { return values_.contains(name); }
  const json& at(const char* name) const { return values_.at(name); }
  double operator()(const char* name) const { return at(name).get<double>(); }
  /// A list of numbers; one number is a list of one, a missing field an empty list.
  std::vector<double> list(const char* name) const;
  /// 0 and 1, or false and true.
  std::vector<bool> bits(const char* name) const;
  std::size_t count(const char* name) const { return at(name).get<std::size_t>(); }
  int whole(const char* name) const { return at(name).get<int>(); }
  bool yes(const char* name) const { return at(name).get<bool>(); }
  std::string text(const char* name) const { return at(name).get<std::string>(); }

private:
  const json& values_;
};

struct function {
  std::string name;
  std::string domain; ///< "inventory", "procurement", ...
  std::string about;
  std::vector<field> inputs;
  std::vector<field> outputs;
  std::function<result<json>(const input&)> run;
};

/// All of them, by domain and name.
const std::vector<function>& functions();
/// Null if there is none.
const function* find(std::string_view name);
/// The names that look most like a misspelt one, nearest first; may be empty.
std::vector<std::string> similar(std::string_view name);
/// JSON Schema (draft 7) of all inputs as one object.
json input_schema(const function& f);

/// Public series that inputs may name as {"$dataset": NAME}.
using datasets = std::map<std::string, json>;
/// Those that are built in: AirPassengers, LakeHuron, Nile, montgomery_9_1, nottem,
/// productC.
const datasets& public_datasets();
/// A file's {NAME: [numbers]}, or the "datasets" member of a file that has one, beside
/// the public ones. Errors: malformed, schema (names the series).
result<datasets> read_datasets(const json& document);

/// Checks the inputs and calls the function. Numbers of the answer are finite; what does
/// not exist (a date that is never reached) is null. Errors: schema (an input is missing,
/// unknown or of the wrong kind), invalid (outside the function's domain of validity),
/// not_found (dataset); each names the field.
result<json> evaluate(const function& f, const json& inputs,
                      const datasets& known = public_datasets());

} // namespace crossdock::plan
