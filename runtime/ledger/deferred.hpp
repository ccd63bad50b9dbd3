/// Private to the room: rows that are written with the group's commit. One thread.
#pragma once

#include "ledger/sqlite.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace crossdock::ledger {

/// Remembers, within a unit, what it did, so that a unit that fails leaves nothing of it.
class deferred_writes {
public:
  using write = std::function<result<void>(connection&)>;

  void put(std::string key, write w);
  bool drop(const std::string& key);
  /// Writes everything in the order in which the keys were first given. What was written within a
  /// unit that fails comes back.
  result<void> settle(connection& db);
  bool empty() const { return waiting_.empty(); }

  /// The unit succeeded: what it did stays.
  void keep() { done_.clear(); }
  /// It failed: everything is as it was before it.
  void undo();

private:
  struct entry {
    std::uint64_t order = 0;
    write what;
  };
  struct change {
    std::string key;
    std::optional<entry> before;
  };

  std::unordered_map<std::string, entry> waiting_;
  std::vector<change> done_;
  std::uint64_t next_order_ = 0;
};

} // namespace crossdock::ledger
