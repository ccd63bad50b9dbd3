/// Base64 of RFC 4648 §4, with padding, on OpenSSL.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace crossdock {

/// Longest text that is read: enough for 65,535 bytes.
constexpr std::size_t base64_chars_max = 90'000;

std::string to_base64(std::string_view raw);
/// Only the one encoding that encodes back to itself.
std::optional<std::string> from_base64(std::string_view text);

} // namespace crossdock
