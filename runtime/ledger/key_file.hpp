/// Private to the room: ledger.key (0600) and ledger.pub.
#pragma once

#include "base/clock.hpp"
#include "ledger/signed_note.hpp"

#include <filesystem>
#include <optional>

namespace crossdock::ledger {

/// The key of this directory; nothing if there is none yet. Errors: io; corrupt
/// (unreadable); invalid (the key of another origin; names the remedy).
result<std::optional<signing_key>> load_key(const std::filesystem::path& directory,
                                            std::string_view origin);

/// Makes the key from `random`, durably, and writes the public half beside it.
result<signing_key> create_key(const std::filesystem::path& directory,
                               std::string_view origin, random_source& random);

/// The public half alone. Errors: not_found, malformed, io.
result<verification_key> load_public_key(const std::filesystem::path& directory);

} // namespace crossdock::ledger
