/// Private to the room: a record's canonical header, which is the leaf of the tree.
#pragma once

#include "ledger/ledger.hpp"

namespace crossdock::ledger {

/// Larger headers would not fit the 16-bit length of a C2SP tlog-tiles entry.
constexpr std::size_t header_bytes_max = 65'535;
/// Bodies are messages, not files.
constexpr std::size_t body_bytes_max = 16u << 20;
/// Of `detail`; every reader after us may then recurse.
constexpr std::size_t detail_depth_max = 32;

/// What the writer adds to a record.
struct stamp {
  std::uint64_t seq = 0;
  std::uint64_t channel_seq = 0; ///< 0: the record belongs to no channel
  timestamp time;
  std::string_view origin;
};

/// Errors: invalid (no canonical form, not UTF-8), limit; both name the field.
result<std::string> make_header(const record& r, const stamp& s);

/// A record is on a channel if it says from whom and for whom.
inline bool on_channel(const record& r) {
  return !r.source.empty() && !r.target.empty();
}

} // namespace crossdock::ledger
