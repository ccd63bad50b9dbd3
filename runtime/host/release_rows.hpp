/// Which file a component runs, where that is another one than the configuration names.
#pragma once

#include "ledger/ledger.hpp"

#include <optional>
#include <string>
#include <vector>

namespace crossdock::host {

struct release_row {
  std::string component;
  std::string configured; ///< SHA-256 of the file that the configuration named then
  std::string file;       ///< where it was read from
  std::string sha256;
  std::string previous_file;
  std::string previous_sha256;
  bool on_probation = false;
  std::string by;
  timestamp since;
  timestamp until;             ///< of the probation
  std::int64_t after_step = 0; ///< the previous version's last step
  int state_schema = 1;        ///< of the snapshot
  std::string snapshot;        ///< the previous version's, for a way back; empty: kept
};

result<std::vector<release_row>> release_rows(ledger::connection& db);
result<std::optional<release_row>> release_row_of(ledger::connection& db,
                                                  const std::string& component);
result<void> write(ledger::transaction& tx, const release_row& r);
/// The component runs what the configuration names.
result<void> forget_release(ledger::transaction& tx, const std::string& component);

} // namespace crossdock::host
