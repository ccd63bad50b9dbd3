/// The ledger as files that need neither this program nor a database: what an auditor
/// takes along.
///
/// Promises
///  - An archive is a C2SP tlog-tiles log: `checkpoint` (signed note), `tile/L/N` hashes,
///    `tile/entries/N` the canonical headers; beside them `bodies/N` (32-bit lengths) and
///    `checkpoints.jsonl` (every checkpoint of the node, canonical JSON {"note","size"}).
///  - It ends at a signed checkpoint and is written last to first of importance: files,
///  then
///    `checkpoint`. One that was interrupted is continued by the next call.
///  - It is continued only if it is a beginning of this ledger.
#pragma once

#include "ledger/ledger.hpp"

namespace crossdock::ledger {

struct archived {
  std::uint64_t records = 0; ///< in the archive now
  std::uint64_t added = 0;
  std::string root_hex;
};

/// Writes or continues the archive up to the newest checkpoint of the ledger, also while
/// a node writes to it. `progress(done, total)` may be empty. Errors: not_found (no
/// ledger, no checkpoint yet), conflict (the archive is of another history, or newer),
/// corrupt (the records do not give the signed root: nothing is published), io,
/// disk_full.
result<archived>
archive(const std::filesystem::path& ledger, const std::filesystem::path& to,
        const std::function<void(std::uint64_t, std::uint64_t)>& progress);

/// Recomputes an archive from its files and the key alone: every file is there and no
/// other, tree and signatures hold at every checkpoint, headers are canonical, numbered
/// without gaps as a whole and on each channel, bodies give their hashes, counters add
/// up, and no effect is without its verdict and, where one was asked, its person.
/// `known`: checkpoints (signed notes) that the auditor kept; the archive must contain
/// what they signed. Errors: malformed (key), not_found (no archive).
result<verification>
verify_archive(const std::filesystem::path& archive, std::string_view vkey,
               const std::vector<std::string>& known,
               const std::function<void(std::uint64_t, std::uint64_t)>& progress);

} // namespace crossdock::ledger
