#include "ledger/merkle.hpp"

#include <algorithm>
#include <bit>

namespace crossdock::ledger {

result<frontier> frontier::from_bytes(std::uint64_t size, std::string_view bytes) {
  const auto count = static_cast<std::size_t>(std::popcount(size));
  if (bytes.size() != count * sha256{}.size()) {
    return error(errc::corrupt, "the stored tree does not fit its size")
        .at("size", std::to_string(size));
  }
  frontier f;
  f.size_ = size;
  f.subtrees_.resize(count);
  for (auto& hash : f.subtrees_) {
    std::copy_n(bytes.begin(), hash.size(), reinterpret_cast<char*>(hash.data()));
    bytes.remove_prefix(hash.size());
  }
  return f;
}

void frontier::push(sha256 leaf) {
  // Two complete subtrees of one size become one, like a carry in binary addition.
  for (auto n = size_; (n & 1) != 0; n >>= 1) {
    leaf = node_hash(subtrees_.back(), leaf);
    subtrees_.pop_back();
  }
  subtrees_.push_back(leaf);
  ++size_;
}

sha256 frontier::root() const {
  if (subtrees_.empty()) {
    return sha256_of("");
  }
  auto root = subtrees_.back();
  for (auto it = subtrees_.rbegin() + 1; it != subtrees_.rend(); ++it) {
    root = node_hash(*it, root);
  }
  return root;
}

std::string frontier::bytes() const {
  std::string out;
  out.reserve(subtrees_.size() * sha256{}.size());
  for (const auto& hash : subtrees_) {
    out += as_view(hash);
  }
  return out;
}

} // namespace crossdock::ledger
