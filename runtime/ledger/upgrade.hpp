/// What a start does to a database that an older crossdock wrote.
#pragma once

#include "ledger/ledger.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace crossdock::ledger {

struct pending_migration {
  std::string room;
  int from = 0;
  int to = 0;
};

struct upgrade_plan {
  std::vector<pending_migration> steps; ///< empty: nothing is to be done
  /// Where the copy from before goes; none is made of an empty database.
  std::filesystem::path copy;
  bool copy_is_there = false; ///< of exactly this database: an earlier start made it
  std::string str() const;    ///< "dispatch 1 to 2, flow 1 to 3"
};

/// What opening `directory` with these migrations would do. Reads only. Errors: as
/// open_reader; not_found becomes an empty plan.
result<upgrade_plan> plan_upgrade(const std::filesystem::path& directory,
                                  const std::vector<migration>& rooms);

} // namespace crossdock::ledger
