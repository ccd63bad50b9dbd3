/// WATCH: one connection that is told of records as they become durable.
///
/// Promises
///  - A watcher gets every durable record that its filter lets through, in the order of
///    seq, each once, from where it asked to begin until it is told that the watch ended.
///  - Nothing is shown that a crash could undo.
///  - A watcher that reads slowly slows nobody: its queue is bounded, and what does not
///  fit
///    is read from the database when its turn comes. One that reads nothing at all for
///    `stalled_max` is dropped.
#pragma once

#include "ledger/live.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>

namespace crossdock::api {

struct watch_limits {
  /// Each has a thread and, while it reads history, one of the ledger's 64 readers.
  std::size_t watchers_max = 32;
  /// What waits for one watcher in memory; the rest is read from the database.
  std::size_t queue_records_max = 8192;
  std::size_t queue_bytes_max = 8u << 20;
  std::chrono::milliseconds stalled_max{30'000};
};

/// What a client may ask for.
struct watch_request {
  ledger::record_filter wanted;
  std::uint64_t from_seq = 0;    ///< 0: from now on
  std::chrono::seconds since{0}; ///< begin so long ago; not together with from_seq

  /// Errors: invalid, naming the field.
  static result<watch_request> from_json(const json& params);
};

/// The line a watcher gets for a record: the header's members, never a body.
json watch_line(const json& header);

/// The watchers of one node.
class watch_desk {
public:
  watch_desk(std::shared_ptr<ledger::store> store, std::shared_ptr<const clock> time,
             watch_limits limits)
      : store_(std::move(store)), time_(std::move(time)), limits_(limits) {}

  /// Serves the connection `fd` until the client closes it, stops reading, or the node
  /// stops. Returns an error if the watch did not begin; nothing was written then.
  result<void> serve(int fd, const watch_request& request);
  /// Ends every watch, now and later, with a last line that says why.
  void stop(const std::string& why);

private:
  class queue;
  class watcher;

  result<std::shared_ptr<queue>> admit();
  void leave(const std::shared_ptr<queue>& q);

  const std::shared_ptr<ledger::store> store_;
  const std::shared_ptr<const clock> time_;
  const watch_limits limits_;
  std::mutex mutex_;
  std::set<std::shared_ptr<queue>> queues_;
  std::string stopped_; ///< why, once it is
};

} // namespace crossdock::api
