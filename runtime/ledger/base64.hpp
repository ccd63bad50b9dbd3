/// Private to the room: base64 of RFC 4648 §4, with padding.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace crossdock::ledger {

/// Enough for a record's header, the longest thing that is read.
constexpr std::size_t base64_chars_max = 90'000;

std::string to_base64(std::string_view raw);
/// Only the one encoding that encodes back to itself.
std::optional<std::string> from_base64(std::string_view text);

} // namespace crossdock::ledger
