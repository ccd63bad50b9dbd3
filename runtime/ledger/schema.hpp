/// Private to the room: the ledger's tables, and the migrations of every room.
#pragma once

#include "ledger/connection.hpp"
#include "ledger/ledger.hpp"
#include "ledger/upgrade.hpp"

#include <map>

namespace crossdock::ledger {

/// The version of each room's tables that this program knows, the ledger's own included.
std::map<std::string, int> newest_versions(const std::vector<migration>& rooms);

/// As the public one, of an open database.
result<upgrade_plan> plan_upgrade(connection& db, const std::filesystem::path& directory,
                                  const std::vector<migration>& rooms);
/// Writes the database as it is to `copy`, durably, readable by its owner alone. Errors:
/// io, disk_full; they say that nothing was changed.
result<void> keep_copy(sqlite_connection& db, const std::filesystem::path& copy);

/// Brings the database to the newest version of every room in one transaction.
/// Errors: version (a room unknown here or a newer version); corrupt (a database of
/// something else); invalid (versions with gaps); internal, naming room, version and SQL.
result<void> migrate(sqlite_connection& db, const std::vector<migration>& rooms,
                     timestamp now);

} // namespace crossdock::ledger
