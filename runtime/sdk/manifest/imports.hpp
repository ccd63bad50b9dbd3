/// Which functions of the C and C++ libraries a plugin may not import, and why.
#pragma once

#include <span>
#include <string_view>

namespace crossdock::manifest {

struct import_rule {
  std::string_view symbol; ///< as in the symbol table, mangled if it is C++
  std::string_view shown;  ///< for people; empty: the symbol itself
  bool agents_only;        ///< connectors may: they talk to systems outside
  std::string_view reason; ///< a clause and the remedy: "... ; use X"
};

std::span<const import_rule> import_rules();

/// The rule that forbids `symbol` in a file of this kind, or null.
const import_rule* forbidden_import(std::string_view symbol, bool holds_agent);

} // namespace crossdock::manifest
