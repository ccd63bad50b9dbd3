/// Private to the room: the Merkle tree of RFC 6962 §2.1.
#pragma once

#include "base/digest.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace crossdock::ledger {

/// MTH({d}) = SHA-256(0x00 || d).
inline sha256 leaf_hash(std::string_view entry) {
  return sha256_of(0x00, entry);
}
/// SHA-256(0x01 || left || right).
inline sha256 node_hash(const sha256& left, const sha256& right) {
  return sha256_of(0x01, as_view(left), as_view(right));
}

/// The roots of the complete subtrees a tree of this size consists of, largest first: all
/// that is needed to append to it and to give its root. At most 64 hashes.
class frontier {
public:
  frontier() = default;
  /// Errors: corrupt, if the number of hashes does not fit the size.
  static result<frontier> from_bytes(std::uint64_t size, std::string_view bytes);

  void push(sha256 leaf);
  std::uint64_t size() const { return size_; }
  /// SHA-256 of nothing for an empty tree.
  sha256 root() const;
  std::string bytes() const;

private:
  std::uint64_t size_ = 0;
  std::vector<sha256> subtrees_;
};

} // namespace crossdock::ledger
