/// JSON with limits on the way in and one canonical form on the way out.
#pragma once

#include "base/error.hpp"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace crossdock {

using json = nlohmann::json;

struct json_limits {
  std::size_t bytes = 1u << 20; ///< a payload larger than this is refused unread
  std::size_t depth = 64;       ///< nesting; protects every recursive reader after us
};

/// Parses UTF-8 text. Errors: limit (too large or deep), malformed (syntax, invalid UTF-8, a
/// duplicate key). The error names the byte offset.
result<json> parse_json(std::string_view text, const json_limits& limits = {});

/// The canonical form of RFC 8785, restricted to what needs no number formatting: integers
/// within +-2^53, no floats (decimals are strings). Errors: invalid, naming the JSON Pointer.
result<std::string> canonical_json(const json& value);

/// Appends the canonical form of a value, or of a text as JSON string; the text's is refused
/// (false) if it is not UTF-8. What was appended before an error is undefined.
result<void> append_canonical(const json& value, std::string& out);
bool append_canonical_text(std::string_view text, std::string& out);

/// At most `bytes_max` bytes of a text that may be anything, as UTF-8: what is none is replaced.
std::string clean_text(std::string_view text, std::size_t bytes_max);

/// Compact text; invalid UTF-8 is replaced rather than thrown about.
std::string to_text(const json& value);

/// The value at a JSON Pointer (RFC 6901), or null if there is none.
const json* find_pointer(const json& value, std::string_view pointer);

/// The string member `name`, or `otherwise` if it is absent or no string.
std::string text_or(const json& object, const char* name, std::string_view otherwise = "");

} // namespace crossdock
