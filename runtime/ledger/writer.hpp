/// Private to the room: the thread that applies units and commits groups of them.
#pragma once

#include "ledger/connection.hpp"
#include "ledger/deferred.hpp"
#include "ledger/ledger.hpp"
#include "ledger/live_feed.hpp"
#include "ledger/record_log.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <future>
#include <mutex>
#include <thread>

namespace crossdock::ledger {

/// States: running → stopping (close) → stopped, or running → failed. Once it is not
/// running, submit() answers `unavailable` on the caller's thread.
///
/// A group is one SQLite transaction with a savepoint per unit. It commits when
///  - a unit of class a or a checkpoint is in it and nothing more is queued, or
///  - it has group_records_max units or records, or its first unit has waited group_wait.
class writer {
public:
  writer(options o, std::unique_ptr<sqlite_connection> db,
         std::unique_ptr<record_log> log, signing_key key);
  ~writer();
  writer(const writer&) = delete;
  writer& operator=(const writer&) = delete;

  void start();
  void submit(unit u);
  result<checkpoint> sign();
  std::shared_ptr<void> subscribe(subscription s);
  /// Finishes what is queued, signs the end and closes the database. Not waited for when
  /// called on the writer's own thread.
  void stop();

  bool on_own_thread() const { return std::this_thread::get_id() == own_id_.load(); }
  std::uint64_t durable_seq() const { return durable_seq_.load(); }
  std::uint64_t applied_seq() const { return applied_seq_.load(); }

private:
  class unit_transaction;
  enum class state { running, stopping, stopped, failed };
  enum class task { work, commit, checkpoint, finish };

  struct item {
    unit work;
    std::promise<result<checkpoint>>* sign =
        nullptr; ///< a request for a checkpoint instead
  };
  /// What waits for the commit, in the order in which it was applied.
  struct waiting {
    std::vector<std::function<void()>> actions;
    std::function<void(const result<receipt>&)> durable;
    result<receipt> outcome;
  };

  void run();
  void serve();
  task next_task();
  void process(item i);
  result<void> begin_group();
  void apply(unit u);
  result<result<receipt>> run_unit(const unit& u, unit_transaction& t);
  void commit_group();
  result<void> write_checkpoint();
  bool unsigned_records() const;
  void tidy_wal();
  void finish();
  void fail(const error& e);
  timestamp now();

  /// Calls a room's callback. One that throws breaks a promise, and what it left undone
  /// is unknown: the others are still called, then the ledger stops.
  template <class Callback, class... Args>
  void call(const Callback& callback, const Args&... args) {
    if (!callback) {
      return;
    }
    try {
      callback(args...);
    } catch (const std::exception& e) {
      thrown_ = error(errc::internal, std::string("a callback threw: ") + e.what());
    } catch (...) {
      thrown_ = error(errc::internal, "a callback threw");
    }
  }
  void fail_if_a_callback_threw() {
    if (thrown_) {
      fail(*thrown_);
    }
  }

  const options options_;
  std::unique_ptr<sqlite_connection> db_;
  std::unique_ptr<record_log> log_;
  const signing_key key_;

  std::mutex mutex_;
  std::condition_variable wake_;  ///< the writer's: work or a state
  std::condition_variable space_; ///< the submitters': room in the queue, or a state
  std::deque<item> queue_;
  state state_ = state::running;
  std::optional<error> failure_;
  std::once_flag joined_;

  // From here on: the writer's thread alone.
  using steady = std::chrono::steady_clock;
  live_feed feed_;
  std::deque<item> batch_;
  std::vector<waiting> group_;
  deferred_writes deferred_;
  std::vector<std::promise<result<checkpoint>>*> sign_requests_;
  bool group_open_ = false;
  bool group_urgent_ = false;
  bool group_changed_ = false; ///< a unit of it succeeded
  std::size_t group_units_ = 0;
  std::uint64_t group_first_seq_ = 0;
  steady::time_point group_deadline_;
  steady::time_point next_checkpoint_;
  timestamp last_now_{};
  bool finishing_ = false;
  bool broken_ = false; ///< failed: nothing touches the database any more
  std::optional<error> thrown_;

  std::atomic<std::uint64_t> durable_seq_{0};
  std::atomic<std::uint64_t> applied_seq_{0};
  std::atomic<std::thread::id> own_id_{};
  std::thread thread_;
};

} // namespace crossdock::ledger
