/// Private to the room: numbers records, keeps the tree and writes both. One thread.
#pragma once

#include "ledger/connection.hpp"
#include "ledger/ledger.hpp"
#include "ledger/live_feed.hpp"
#include "ledger/merkle.hpp"
#include "ledger/signed_note.hpp"

#include <memory>
#include <optional>
#include <unordered_map>

namespace crossdock::ledger {

/// Lives inside the writer's transactions. What a unit appended counts when keep() is
/// called and is forgotten by discard(); the caller undoes the rows (savepoint).
class record_log {
public:
  /// Reads where the log stands: the newest checkpoint must be signed by `key` and agree
  /// with the stored tree, every later record must follow it without a gap. Reads
  /// O(records since the newest checkpoint). Errors: corrupt, naming what remains
  /// provable and the remedy.
  static result<std::unique_ptr<record_log>> load(sqlite_connection& db,
                                                  std::string origin);
  /// Checks the newest checkpoint against the key. Errors: corrupt.
  result<void> check_signature(const verification_key& key) const;
  /// Tells `feed`, which outlives the log, of everything that is appended or undone.
  void tell(live_feed& feed) { feed_ = &feed; }

  result<std::uint64_t> append(const record& r, timestamp now);
  void keep();
  void discard();
  /// The last number given away, and the tree up to it once it is kept.
  std::uint64_t last_seq() const { return tree_.size() + fresh_leaves_.size(); }

  /// Writes the channels' last numbers; before each commit.
  result<void> flush();
  /// Signs the tree as it stands and stores the checkpoint in the open transaction.
  result<checkpoint> sign(const signing_key& key, timestamp now);

  /// The newest checkpoint, committed or not.
  const std::optional<checkpoint>& newest() const { return newest_; }
  /// The latest time in the log; nothing later may be earlier.
  timestamp last_time() const { return last_time_; }

private:
  struct channel {
    std::uint64_t last = 0;
    bool changed = false;
  };
  struct undo {
    std::string key;
    std::uint64_t last;
  };

  record_log(sqlite_connection& db, std::string origin)
      : db_(db), origin_(std::move(origin)) {}
  result<void> prepare();
  result<void> restore();
  result<void> catch_up();
  result<channel*> channel_of(const std::string& key, const record& r);
  error damaged(std::string what) const;

  sqlite_connection& db_;
  std::string origin_;
  live_feed* feed_ = nullptr;
  statement insert_record_;
  statement insert_body_;
  statement put_channel_;
  statement put_checkpoint_;
  frontier tree_;
  std::vector<sha256> fresh_leaves_; ///< of the unit that is being applied
  std::unordered_map<std::string, channel> channels_;
  std::vector<std::string> changed_channels_;
  std::vector<undo> fresh_channels_;
  std::optional<checkpoint> newest_;
  timestamp last_time_{};
};

} // namespace crossdock::ledger
