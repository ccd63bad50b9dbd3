/// Records as they become durable, for whoever watches.
///
/// Promises
///  - A record is told only after the commit that holds it survives kill -9 and power
///  loss.
///  - Batches of one subscription follow each other without a gap: what one of them says
///  it
///    covers begins where the one before ended. Whoever could not keep a batch reads what
///    it covered from the database and has missed nothing.
///  - A subscription whose filter lets nothing through costs the writer one comparison
///  for
///    each record; records are shared between subscriptions and never read back.
#pragma once

#include "ledger/ledger.hpp"

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace crossdock::ledger {

/// Which records; every condition must hold, an empty one always does.
struct record_filter {
  std::set<std::string, std::less<>> kinds;
  std::string case_id;
  std::string
      component; ///< the source, or one of those it is for: "flow" in "order,flow"

  bool matches(std::string_view kind, std::string_view of_case, std::string_view source,
               std::string_view target) const;
};

struct live_record {
  std::uint64_t seq = 0;
  std::string header; ///< canonical JSON, as it is stored
};

/// Every durable record with after < seq <= through that matches, in order.
struct live_batch {
  std::uint64_t after = 0;
  std::uint64_t through = 0;
  std::vector<std::shared_ptr<const live_record>> records;
};

struct subscription {
  record_filter wanted;
  /// On the writer's thread: must not wait. The first batch comes at once and may be
  /// empty; its `after` says where the subscription begins. Later ones hold at least one
  /// record.
  std::function<void(const live_batch&)> durable;
  /// Nothing follows: the ledger was closed or has failed. At most once, on any thread.
  std::function<void(const error&)> ended;
};

/// What a page of history holds; `through` is how far it went, matches or not.
struct history_page {
  std::uint64_t through = 0;
  std::vector<live_record> records;
};
/// Matching records with after < seq <= last, without their bodies. Looks at a bounded
/// piece of the ledger; call again from `through` while it is less than `last`.
result<history_page> read_history(connection& db, const record_filter& wanted,
                                  std::uint64_t after, std::uint64_t last);

/// The first record that is not older than `t`; one beyond `last` if there is none.
/// O(log n): times in a ledger never go back.
result<std::uint64_t> first_record_since(connection& db, timestamp t, std::uint64_t last);

} // namespace crossdock::ledger
