/// A look at a ledger's folder that takes no time, however long the history is: for
/// `crossdock doctor`. `verify` (ledger.hpp) judges all of it.
#pragma once

#include "base/clock.hpp"
#include "base/error.hpp"

#include <filesystem>
#include <map>
#include <string>

namespace crossdock::ledger {

struct quick_look {
  std::uint64_t records = 0;
  std::uint64_t covered = 0;           ///< by the newest checkpoint
  timestamp signed_at;                 ///< of the newest checkpoint
  std::map<std::string, int> versions; ///< room -> version of its tables
};

/// Opens the database and checks the newest checkpoint's signature against ledger.pub.
/// Errors: not_found (no database, no key), corrupt, denied (a bad signature), io; each
/// names the file.
result<quick_look> look_at(const std::filesystem::path& directory);

} // namespace crossdock::ledger
