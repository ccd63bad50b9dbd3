#include "ledger/writer.hpp"

#include <algorithm>
#include <exception>

namespace crossdock::ledger {
namespace {

/// Pages in the write-ahead log after which it is moved into the database when there is
/// nothing else to do, and those after which it is moved in any case (4 KiB each).
constexpr int wal_pages_idle = 1000;
constexpr int wal_pages_busy = 8000;

error refused(const std::optional<error>& cause) {
  return error(errc::unavailable, cause ? "the ledger has stopped: " + cause->message()
                                        : "the ledger is closed");
}

void tell(const std::function<void(const result<receipt>&)>& callback,
          const result<receipt>& outcome) {
  if (callback) {
    callback(outcome);
  }
}

} // namespace

/// What a unit sees; lives on the stack of apply().
class writer::unit_transaction final : public transaction {
public:
  unit_transaction(writer& w, timestamp now)
      : writer_(w), now_(now), first_seq_(w.log_->last_seq() + 1) {}

  result<std::uint64_t> append(const record& r) override {
    writer_.db_->guard(false);
    auto seq = writer_.log_->append(r, now_);
    writer_.db_->guard(true);
    // A refused record leaves nothing behind; a failed one may have left half of its
    // rows.
    if (!seq && seq.error().code() != errc::invalid &&
        seq.error().code() != errc::limit) {
      broken = seq.error();
    }
    return seq;
  }
  connection& db() override { return *writer_.db_; }
  void defer(std::string key, std::function<result<void>(connection&)> write) override {
    writer_.deferred_.put(std::move(key), std::move(write));
  }
  bool drop(const std::string& key) override { return writer_.deferred_.drop(key); }
  result<void> settle() override {
    auto r = writer_.deferred_.settle(*writer_.db_);
    if (!r) {
      broken = r.error();
    }
    return r;
  }
  timestamp now() const override { return now_; }
  void on_applied(std::function<void()> action) override {
    applied_actions.push_back(std::move(action));
  }
  void on_durable(std::function<void()> action) override {
    durable_actions.push_back(std::move(action));
  }
  void on_undone(std::function<void()> action) override {
    undo_actions.push_back(std::move(action));
  }

  receipt outcome() const {
    const auto last = writer_.log_->last_seq();
    return {last >= first_seq_ ? first_seq_ : 0, last};
  }

  std::vector<std::function<void()>> applied_actions;
  std::vector<std::function<void()>> durable_actions;
  std::vector<std::function<void()>> undo_actions;
  std::optional<error> broken; ///< the unit must fail, whatever it answers

private:
  writer& writer_;
  timestamp now_;
  std::uint64_t first_seq_;
};

writer::writer(options o, std::unique_ptr<sqlite_connection> db,
               std::unique_ptr<record_log> log, signing_key key)
    : options_(std::move(o)), db_(std::move(db)), log_(std::move(log)),
      key_(std::move(key)), next_checkpoint_(steady::now() + options_.checkpoint_every),
      last_now_(log_->last_time()) {
  durable_seq_ = log_->last_seq();
  applied_seq_ = log_->last_seq();
  log_->tell(feed_);
}

writer::~writer() {
  stop();
}

void writer::start() {
  thread_ = std::thread([this] { run(); });
}

// -- from any thread
// ----------------------------------------------------------------------

void writer::submit(unit u) {
  std::unique_lock lock(mutex_);
  // The writer's own thread must not wait for itself to make room.
  if (!on_own_thread()) {
    space_.wait(lock, [&] {
      return state_ != state::running || queue_.size() < options_.queue_units_max;
    });
  }
  if (state_ == state::running) {
    const bool sleeping = queue_.empty();
    queue_.push_back({std::move(u), nullptr});
    lock.unlock();
    if (sleeping) {
      wake_.notify_one();
    }
    return;
  }
  const result<receipt> outcome(refused(failure_));
  lock.unlock();
  tell(u.applied, outcome);
  tell(u.durable, outcome);
}

result<checkpoint> writer::sign() {
  std::promise<result<checkpoint>> promise;
  auto answer = promise.get_future();
  {
    const std::lock_guard lock(mutex_);
    if (state_ != state::running) {
      return refused(failure_);
    }
    queue_.push_back({{}, &promise});
  }
  wake_.notify_one();
  return answer.get();
}

/// A unit of its own, so that the subscription begins between two records and its group,
/// which may hold records that nobody listened to, is over before it is told of any.
std::shared_ptr<void> writer::subscribe(subscription s) {
  auto l = std::make_shared<live_feed::listener>();
  l->what = std::move(s);
  unit u;
  u.name = "ledger.subscribe";
  u.cls = record_class::a;
  u.apply = [this, l](transaction&) -> result<void> {
    feed_.add(l, log_->last_seq());
    return {};
  };
  u.applied = [l](const result<receipt>& r) {
    if (!r) {
      l->end(r.error());
    }
  };
  submit(std::move(u));
  return std::shared_ptr<void>(l.get(), [l](void*) { l->dropped = true; });
}

void writer::stop() {
  {
    const std::lock_guard lock(mutex_);
    if (state_ == state::running) {
      state_ = state::stopping;
    }
  }
  wake_.notify_one();
  space_.notify_all();
  if (!on_own_thread()) {
    std::call_once(joined_, [&] {
      if (thread_.joinable()) {
        thread_.join();
      }
    });
  }
}

// -- the writer's thread
// ------------------------------------------------------------------

void writer::run() {
  own_id_ = std::this_thread::get_id();
  try {
    serve();
  } catch (const std::exception& e) {
    fail(error(errc::internal, std::string("the ledger's writer failed: ") + e.what()));
  }
}

void writer::serve() {
  while (!broken_) {
    switch (next_task()) {
    case task::work:
      while (!batch_.empty() && !broken_) {
        auto i = std::move(batch_.front());
        batch_.pop_front();
        process(std::move(i));
      }
      break;
    case task::commit:
      commit_group();
      break;
    case task::checkpoint:
      if (auto r = begin_group(); !r) {
        fail(r.error());
      } else {
        commit_group();
      }
      break;
    case task::finish:
      finish();
      return;
    }
  }
}

/// Waits for the next thing to do. Work goes before commits: a group closes when nothing
/// more is queued, when it is full (see process) or when it is old.
writer::task writer::next_task() {
  std::unique_lock lock(mutex_);
  while (true) {
    const auto time = steady::now();
    if (group_open_ && time >= group_deadline_) {
      return task::commit;
    }
    if (!queue_.empty()) {
      batch_.swap(queue_);
      lock.unlock();
      space_.notify_all();
      return task::work;
    }
    if (group_open_ && group_urgent_) {
      return task::commit;
    }
    if (state_ == state::stopping) {
      return group_open_ ? task::commit : task::finish;
    }
    if (group_open_) {
      wake_.wait_until(lock, group_deadline_);
    } else if (!unsigned_records()) {
      wake_.wait(lock);
    } else if (time >= next_checkpoint_) {
      return task::checkpoint;
    } else {
      wake_.wait_until(lock, next_checkpoint_);
    }
  }
}

void writer::process(item i) {
  if (i.sign != nullptr && !group_open_ && log_->newest() && !unsigned_records()) {
    i.sign->set_value(*log_->newest());
    return;
  }
  if (auto r = begin_group(); !r) {
    batch_.push_front(std::move(i));
    fail(r.error());
    return;
  }
  if (i.sign != nullptr) {
    sign_requests_.push_back(i.sign);
    group_urgent_ = true;
    return;
  }
  apply(std::move(i.work));
  if (group_open_ &&
      (group_units_ >= options_.group_records_max ||
       log_->last_seq() - group_first_seq_ >= options_.group_records_max)) {
    commit_group();
  }
}

result<void> writer::begin_group() {
  if (group_open_) {
    return {};
  }
  if (auto r = db_->exec("BEGIN IMMEDIATE"); !r) {
    return r.error();
  }
  group_open_ = true;
  group_urgent_ = false;
  group_changed_ = false;
  group_units_ = 0;
  group_first_seq_ = log_->last_seq();
  group_deadline_ = steady::now() + options_.group_wait;
  return {};
}

void writer::apply(unit u) {
  ++group_units_;
  unit_transaction t(*this, now());
  auto outcome = run_unit(u, t);
  if (!outcome) {
    batch_.push_front({std::move(u), nullptr});
    fail(outcome.error());
    return;
  }
  const result<receipt>& told = *outcome;
  applied_seq_ = log_->last_seq();
  group_changed_ = group_changed_ || told.ok();
  const bool waits = u.durable || !t.durable_actions.empty();
  // Whoever waits for a unit of class b waits with its group: a commit blocks what comes next.
  group_urgent_ = group_urgent_ || (told && u.cls == record_class::a);
  const auto applied = std::move(u.applied);
  if (group_changed_ && waits) {
    // Also a refusal waits: it may rest on what units before it changed and nobody
    // outside may see yet.
    group_.push_back({std::move(t.durable_actions), std::move(u.durable), told});
  }
  for (const auto& action : t.applied_actions) {
    call(action);
  }
  call(applied, told);
  if (!group_changed_ && waits) {
    call(u.durable, told);
  }
  fail_if_a_callback_threw();
}

/// The outer error means that nothing may be committed any more.
result<result<receipt>> writer::run_unit(const unit& u, unit_transaction& t) {
  if (auto r = db_->exec("SAVEPOINT unit"); !r) {
    return r.error();
  }
  result<void> done;
  db_->guard(true);
  try {
    done = u.apply ? u.apply(t) : result<void>();
  } catch (const std::exception& e) {
    done = error(errc::internal, std::string("the unit threw: ") + e.what())
               .at("unit", u.name);
  } catch (...) {
    done = error(errc::internal, "the unit threw").at("unit", u.name);
  }
  db_->guard(false);
  if (done && t.broken) {
    done = *t.broken;
  }
  if (db_->fatal()) {
    return *db_->fatal();
  }
  if (!db_->in_transaction()) {
    return error(errc::internal, "a unit ended the ledger's transaction")
        .at("unit", u.name);
  }
  const auto told = done ? result<receipt>(t.outcome()) : result<receipt>(done.error());
  if (done) {
    log_->keep();
    deferred_.keep();
  } else {
    t.applied_actions.clear();
    t.durable_actions.clear();
    std::for_each(t.undo_actions.rbegin(), t.undo_actions.rend(),
                  [&](const auto& action) { call(action); });
    log_->discard();
    deferred_.undo();
    if (auto r = db_->exec("ROLLBACK TO unit"); !r) {
      return r.error();
    }
  }
  if (auto r = db_->exec("RELEASE unit"); !r) {
    return r.error();
  }
  return told;
}

void writer::commit_group() {
  const bool sign_now =
      !sign_requests_.empty() || finishing_ || steady::now() >= next_checkpoint_;
  if (sign_now && (unsigned_records() || !log_->newest())) {
    next_checkpoint_ = steady::now() + options_.checkpoint_every;
    if (auto r = write_checkpoint(); !r) {
      fail(r.error());
      return;
    }
  }
  db_->guard(true);
  auto written = deferred_.settle(*db_);
  db_->guard(false);
  if (!written) {
    fail(written.error());
    return;
  }
  deferred_.keep();
  if (auto r = log_->flush(); !r) {
    fail(r.error());
    return;
  }
  if (auto r = db_->exec("COMMIT"); !r) {
    fail(r.error());
    return;
  }
  group_open_ = false;
  applied_seq_ = log_->last_seq();
  durable_seq_ = log_->last_seq();
  // Before anything leaves the node: who watches sees an intent before its effect.
  feed_.publish(log_->last_seq());
  for (auto* request : std::exchange(sign_requests_, {})) {
    request->set_value(*log_->newest());
  }
  for (const auto& w : std::exchange(group_, {})) {
    for (const auto& action : w.actions) {
      call(action);
    }
    call(w.durable, w.outcome);
  }
  fail_if_a_callback_threw();
  tidy_wal();
}

/// Only this connection ever does it, in quiet moments unless the log grows too long.
void writer::tidy_wal() {
  if (broken_ || db_->wal_pages() < wal_pages_idle) {
    return;
  }
  if (db_->wal_pages() < wal_pages_busy) {
    const std::lock_guard lock(mutex_);
    if (!queue_.empty() || !batch_.empty()) {
      return;
    }
  }
  if (auto r = db_->wal_checkpoint(); !r) {
    fail(r.error());
  }
}

result<void> writer::write_checkpoint() {
  const auto time = now();
  if (options_.counters && unsigned_records()) {
    record counts;
    counts.kind = "counts";
    counts.cls = record_class::c;
    counts.source = "ledger";
    try {
      counts.detail = options_.counters();
    } catch (const std::exception& e) {
      counts.detail = {{"error", std::string("the counters threw: ") + e.what()}};
    }
    if (!counts.detail.empty()) {
      auto seq = log_->append(counts, time);
      if (!seq && seq.error().code() == errc::invalid) {
        counts.detail = {{"error", seq.error().message()}};
        seq = log_->append(counts, time);
      }
      if (!seq) {
        return seq.error();
      }
      log_->keep();
    }
  }
  auto c = log_->sign(key_, time);
  return c ? result<void>() : result<void>(c.error());
}

bool writer::unsigned_records() const {
  const auto& newest = log_->newest();
  return log_->last_seq() > (newest ? newest->size : 0);
}

void writer::finish() {
  finishing_ = true;
  if (unsigned_records()) {
    if (auto r = begin_group(); !r) {
      fail(r.error());
      return;
    }
    commit_group();
    if (broken_) {
      return;
    }
  }
  feed_.end(refused(std::nullopt));
  // Closing the last connection moves the write-ahead log into the database.
  log_.reset();
  db_.reset();
  const std::lock_guard lock(mutex_);
  state_ = state::stopped;
}

/// Nothing is retried: after a failed sync the kernel may have dropped the pages and call
/// the next sync a success.
void writer::fail(const error& e) {
  if (broken_) {
    return;
  }
  broken_ = true;
  {
    const std::lock_guard lock(mutex_);
    state_ = state::failed;
    failure_ = e;
    std::move(queue_.begin(), queue_.end(), std::back_inserter(batch_));
    queue_.clear();
  }
  space_.notify_all();
  if (db_->in_transaction()) {
    static_cast<void>(db_->exec("ROLLBACK"));
  }
  sqlite3_db_config(db_->handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  group_open_ = false;
  const result<receipt> lost(e);
  for (const auto& w : std::exchange(group_, {})) {
    call(w.durable, lost);
  }
  for (auto* request : std::exchange(sign_requests_, {})) {
    request->set_value(e);
  }
  const result<receipt> never(refused(e));
  feed_.end(never.error());
  for (const auto& i : std::exchange(batch_, {})) {
    if (i.sign != nullptr) {
      i.sign->set_value(refused(e));
      continue;
    }
    call(i.work.applied, never);
    call(i.work.durable, never);
  }
  call(options_.failed, e);
}

timestamp writer::now() {
  last_now_ = std::max(last_now_, options_.time->now());
  return last_now_;
}

} // namespace crossdock::ledger
