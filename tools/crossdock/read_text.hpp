/// A file that the user named, whole.
#pragma once

#include "base/error.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace crossdock::cli {

/// Errors: not_found, with the file.
inline result<std::string> read_text(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf())) {
    return error(errc::not_found, "the file cannot be read").at("file", file.string());
  }
  return std::move(text).str();
}

} // namespace crossdock::cli
