/// SHA-256 and hexadecimal text, on OpenSSL.
#pragma once

#include "base/error.hpp"

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace crossdock {

using sha256 = std::array<std::uint8_t, 32>;

sha256 sha256_of(std::string_view bytes);
/// The digest of a prefix byte followed by both parts; RFC 6962 §2.1 needs this shape.
sha256 sha256_of(std::uint8_t prefix, std::string_view a, std::string_view b = {});
/// Reads the file in pieces. Errors: not_found, io, naming the file.
result<sha256> sha256_of_file(const std::filesystem::path& file);

std::string to_hex(std::span<const std::uint8_t> bytes);
/// Errors: malformed, if it is not exactly 64 hexadecimal digits.
result<sha256> sha256_from_hex(std::string_view text);

inline std::string_view as_view(const sha256& d) {
  return {reinterpret_cast<const char*>(d.data()), d.size()};
}

} // namespace crossdock
