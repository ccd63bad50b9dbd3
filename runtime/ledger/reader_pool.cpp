#include "ledger/reader_pool.hpp"

namespace crossdock::ledger {
namespace {

/// As many as a small node's threads use at once; each holds a few file descriptors.
constexpr std::size_t idle_max = 4;
/// More than this are a leak.
constexpr std::size_t out_max = 64;

} // namespace

result<pooled_connection> reader_pool::take() {
  std::unique_ptr<sqlite_connection> c;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) {
      return error(errc::unavailable, "the ledger is closed").at("file", file_.string());
    }
    if (out_ >= out_max) {
      return error(errc::busy, "too many readers of the ledger at once")
          .at("file", file_.string())
          .at("limit", std::to_string(out_max));
    }
    ++out_;
    if (!idle_.empty()) {
      c = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (!c) {
    auto opened = sqlite_connection::open(file_, sqlite_connection::mode::reader);
    if (!opened) {
      const std::lock_guard lock(mutex_);
      --out_;
      return std::move(opened).error();
    }
    c = *std::move(opened);
  }
  return pooled_connection(c.release(), [pool = shared_from_this()](connection* back) {
    pool->give_back(
        std::unique_ptr<sqlite_connection>(static_cast<sqlite_connection*>(back)));
  });
}

void reader_pool::give_back(std::unique_ptr<sqlite_connection> c) {
  // A snapshot that stays open would keep the write-ahead log from ever starting over.
  const bool clean = !c->in_transaction() || c->exec("ROLLBACK").ok();
  const std::lock_guard lock(mutex_);
  --out_;
  if (clean && !closed_ && idle_.size() < idle_max) {
    idle_.push_back(std::move(c));
  }
}

void reader_pool::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  idle_.clear();
}

} // namespace crossdock::ledger
