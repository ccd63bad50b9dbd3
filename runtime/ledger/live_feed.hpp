/// Private to the room: hands the records of each group to subscriptions once the group
/// is durable. On the writer's thread alone, but for dropping a handle.
#pragma once

#include "ledger/live.hpp"

#include <atomic>

namespace crossdock::ledger {

class live_feed {
public:
  /// A subscription and how far it has heard.
  struct listener {
    subscription what;
    std::uint64_t covered = 0; ///< it was told of everything up to here
    bool begun = false;        ///< it was told where it begins
    std::vector<std::shared_ptr<const live_record>> fresh; ///< of the open group
    std::atomic<bool> dropped{false};

    /// Says so once, unless nobody listens any more.
    void end(const error& why) {
      if (!dropped.exchange(true)) {
        what.ended(why);
      }
    }
  };

  /// In force for every record after `last_seq`, which may not be durable yet.
  void add(std::shared_ptr<listener> l, std::uint64_t last_seq);
  /// A record was appended to the open group.
  void appended(const record& r, std::uint64_t seq, const std::string& header) {
    if (!listeners_.empty()) {
      keep(r, seq, header);
    }
  }
  /// What was appended after `last_seq` was undone.
  void forget_after(std::uint64_t last_seq);
  /// Everything up to `last_seq` is durable.
  void publish(std::uint64_t last_seq);
  /// Tells everybody that nothing follows.
  void end(const error& why);

private:
  void keep(const record& r, std::uint64_t seq, const std::string& header);

  std::vector<std::shared_ptr<listener>> listeners_;
};

} // namespace crossdock::ledger
