/// Reading what the policy commands are about.
#pragma once

#include "crossdock/read_text.hpp"
#include "gate/gate.hpp"

namespace crossdock::cli {

/// Errors: not_found; as policy::compile.
inline result<gate::policy> read_policy(const std::filesystem::path& file) {
  const auto text = read_text(file);
  if (!text) {
    return text.error();
  }
  return gate::policy::compile(*text, file.string());
}

} // namespace crossdock::cli
