/// Reading what the policy commands are about.
#pragma once

#include "gate/gate.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>

namespace crossdock::cli {

inline result<std::string> read_text(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf())) {
    return error(errc::not_found, "the file cannot be read").at("file", file.string());
  }
  return std::move(text).str();
}

/// Errors: not_found; as policy::compile.
inline result<gate::policy> read_policy(const std::filesystem::path& file) {
  const auto text = read_text(file);
  if (!text) {
    return text.error();
  }
  return gate::policy::compile(*text, file.string());
}

} // namespace crossdock::cli
