/// Whether a plugin file may be loaded, judged without running an instruction of it.
#pragma once

#include <string>
#include <vector>

#include "sdk/manifest/manifest.hpp"

namespace crossdock::manifest {

/// Every reason why the host would refuse the file, each a sentence with its remedy;
/// empty if there is none.
std::vector<std::string> check_plugin(const std::string& path);

/// The checked manifest inside a plugin file.
parsed_manifest from_plugin(const std::string& path);

} // namespace crossdock::manifest
