/// One record, proven: a C2SP tlog-proof that can be checked without ledger or archive.
///
/// Its `extra` line carries the record's header, so that the file is complete: header,
/// its place in the log (`index`, from 0), the inclusion proof of RFC 6962 §2.1.1, and
/// the checkpoint with the node's signature.
#pragma once

#include "ledger/ledger.hpp"

namespace crossdock::ledger {

/// The proof of record `seq` under the archive's checkpoint. Reads a few tiles, however
/// long the archive is. Errors: not_found (no archive, no such record), malformed (a torn
/// file; names it), io.
result<std::string> prove(const std::filesystem::path& archive, std::uint64_t seq);

struct proven {
  std::uint64_t seq = 0;
  std::string header;     ///< canonical JSON
  std::uint64_t size = 0; ///< records under the checkpoint
  std::string root_hex;
};

/// Errors: malformed (no tlog-proof, or the key); denied (not this key's signature);
/// corrupt (the record is not in the log that was signed).
result<proven> check_proof(std::string_view proof, std::string_view vkey);

} // namespace crossdock::ledger
