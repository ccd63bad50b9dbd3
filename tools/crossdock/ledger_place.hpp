/// Which ledger a command that reads the files is about.
#pragma once

#include "crossdock/session.hpp"

#include <filesystem>
#include <string>

namespace crossdock::cli {

struct ledger_place {
  std::filesystem::path directory; ///< holds ledger.db
  std::string note;                ///< what the running node was asked, if there is one
};

/// `directory` (empty: the one of --config, else the running node's), or the "ledger" in
/// it. A node that runs on it signs a checkpoint first. Errors: not_found.
result<ledger_place> find_ledger(session& s, const std::filesystem::path& directory);

} // namespace crossdock::cli
