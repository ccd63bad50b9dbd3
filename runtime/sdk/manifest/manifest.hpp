/// The manifest of a plugin: read from plugin.toml by who builds one, from the ELF
/// section by who loads one. docs/reference/plugin-manifest.md explains each field.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <nlohmann/json.hpp>

namespace crossdock::manifest {

/// One thing wrong, with its place. line and column are 0 where there is none.
struct problem {
  std::string file;
  unsigned line = 0;
  unsigned column = 0;
  std::string field; ///< "components.0.executor"
  std::string message;

  /// "plugin.toml:12:3: components.0.executor: ..."
  std::string text() const;
};

using problems = std::vector<problem>;
using parsed_manifest = std::variant<nlohmann::json, problems>;

/// Reads a plugin.toml, fills in what may be left out, and checks it. The answer is
/// complete: every field of the schema that a host reads is there.
parsed_manifest from_toml(std::string_view text, const std::string& file);
parsed_manifest from_toml_file(const std::string& path);

/// Reads the JSON of a plugin's section and checks it by the same rules. `file` is for
/// texts.
parsed_manifest from_json(std::string_view text, const std::string& file);

/// Sorted keys, no white space: one manifest, one text.
std::string canonical(const nlohmann::json& manifest);

} // namespace crossdock::manifest
