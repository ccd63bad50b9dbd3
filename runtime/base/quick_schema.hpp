/// Private to the room: says quickly that a value is fine.
#pragma once

#include "base/json.hpp"

#include <memory>
#include <optional>

namespace crossdock {

/// The everyday part of JSON Schema draft 7, compiled once: type, enum, const, required,
/// properties, additionalProperties, items, bounds of numbers, lengths and counts, pattern and
/// references to definitions.
///
/// It only ever says yes: a value that it accepts is valid. What it does not accept may still be,
/// and is for the full validator to judge, which also finds the words for what is wrong. The
/// full one builds each regular expression anew for each value, which made it a third of a
/// decision's cost.
class quick_schema {
public:
  ~quick_schema();
  quick_schema(quick_schema&&) noexcept;
  quick_schema& operator=(quick_schema&&) noexcept;

  /// Nothing if the schema uses more than that part. References are looked up in
  /// `definitions` ("#/definitions/NAME").
  static std::optional<quick_schema> compile(const json& schema, const json& definitions);
  bool accepts(const json& value) const;

private:
  struct node;
  struct nodes;
  class compiler;
  explicit quick_schema(std::unique_ptr<nodes> all);
  std::unique_ptr<nodes> nodes_;
};

} // namespace crossdock
