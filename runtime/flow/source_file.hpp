/// A TOML file as JSON that remembers the line of each value. Private to the room.
#pragma once

#include "base/json.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace crossdock::flow {

struct source_file {
  std::string file;
  json root;
  std::map<std::string, std::uint32_t, std::less<>> lines; ///< JSON Pointer -> line

  /// An error (errc::invalid) with file, line and field; `pointer` names the value.
  error wrong(const std::string& pointer, std::string message) const;
};

/// Errors: malformed (no TOML), invalid (a float, date or time: those are written as
/// text).
result<source_file> read_toml(std::string_view text, std::string file);

/// `token` as one step of a JSON Pointer (RFC 6901).
std::string pointer_token(std::string_view token);

} // namespace crossdock::flow
