/// Private to the room: the ledger's tables, and the migrations of every room.
#pragma once

#include "ledger/connection.hpp"
#include "ledger/ledger.hpp"

namespace crossdock::ledger {

/// Brings the database to the newest version of every room in one transaction.
/// Errors: version (a room unknown here or a newer version); corrupt (a database of
/// something else); invalid (versions with gaps); internal, naming room, version and SQL.
result<void> migrate(sqlite_connection& db, const std::vector<migration>& rooms,
                     timestamp now);

} // namespace crossdock::ledger
