/// A repro bundle: the step that failed on a node, for whoever made the plugin.
/// docs/reference/executors.md has the format.
#pragma once

#include "base/error.hpp"
#include "base/json.hpp"

#include <filesystem>
#include <string>

namespace crossdock::kit {

class whereabouts;

/// Reads and checks the form of a bundle. Errors: not_found, io, malformed, invalid.
result<json> read_bundle(const std::filesystem::path& file);

/// Lets the plugin file live through the bundle's event in this process, which its code
/// may end.
/// {"failure": "...", "refusals": [...], "sent": [...]}; failure is empty if the step is
/// done. Errors: what the file, its component or its configuration is wrong in.
result<json> relive(const std::string& plugin, const json& bundle, whereabouts& at);

/// Seconds after which a node would have given the step up.
unsigned patience(const json& bundle);

} // namespace crossdock::kit
