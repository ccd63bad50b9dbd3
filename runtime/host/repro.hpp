/// A repro bundle: all that a plugin's vendor needs to see the failure of a step again.
#pragma once

#include "host/component.hpp"
#include "host/step.hpp"

#include <filesystem>
#include <string>

namespace crossdock::host {

struct failed_step {
  const component& what;
  const cdk_event& event;
  const memory_view& memory; ///< as the step saw it
  std::string failure;
};

/// Writes FOLDER/COMPONENT-SEQ.json (mode 0600; the newest 32 of a component stay): the
/// file's hash, the configuration without its secrets, the memory, the event. Gives its
/// path. Errors: io.
result<std::filesystem::path> write_repro(const std::filesystem::path& folder,
                                          const failed_step& failed);

} // namespace crossdock::host
