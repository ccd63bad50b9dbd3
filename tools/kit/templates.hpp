/// The files of templates/, which the build puts into the program.
#pragma once

#include <span>
#include <string_view>

namespace crossdock::kit {

struct template_file {
  std::string_view kind; ///< "common", "agent" or "connector"
  std::string_view file; ///< its name in a project; @NAME@ and the like are filled in
  std::string_view text;
};
extern const std::span<const template_file> templates;

} // namespace crossdock::kit
