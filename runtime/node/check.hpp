/// Everything that can be checked of a configuration without running any of it: what
/// `crossdock config check` says and what a reload rests on.
#pragma once

#include "base/catalogue.hpp"
#include "flow/definition.hpp"
#include "gate/gate.hpp"
#include "node/config.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace crossdock::node {

/// What was found, and what was read on the way: what is used later is what was checked.
struct checked {
  std::vector<std::string> problems; ///< "file:line: field: sentence"; empty: it can run
  std::vector<std::string> warnings;
  std::vector<std::string> seen; ///< "policy demo, 12 rules"
  std::optional<config> source;  ///< none if the file itself cannot be read
  std::optional<gate::policy> policy;
  std::vector<flow::definition_ptr> flows;
  std::vector<std::string> plugin_sha256; ///< of each plugin file that could be read
};

/// Checks all of it: a problem does not hide the next one.
checked check_file(const std::filesystem::path& file);

/// One digest of the files in a folder, for noticing that something in it changed.
/// Errors: not_found, io.
result<std::string> sha256_of_folder(const std::filesystem::path& folder);

} // namespace crossdock::node
