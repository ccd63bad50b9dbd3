#include "api/watch.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

namespace crossdock::api {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t kinds_max = 64;
/// The writer answers within a group's time; a disk that hangs takes longer.
constexpr std::chrono::seconds begin_max{10};
/// For the last line of a watch; who does not read by then sees a closed connection.
constexpr milliseconds farewell_max{1000};
/// A client that does not read is looked at so often.
constexpr milliseconds slice{100};
/// Lines are sent together up to this size.
constexpr std::size_t send_bytes = 64u << 10;

result<std::string> text_param(const json& params, const char* name) {
  const auto it = params.find(name);
  if (it == params.end() || it->is_null()) {
    return std::string();
  }
  if (!it->is_string()) {
    return error(errc::invalid, std::string("\"") + name + "\" is a text")
        .at("field", name);
  }
  return it->get<std::string>();
}

result<std::uint64_t> number_param(const json& params, const char* name) {
  const auto it = params.find(name);
  if (it == params.end() || it->is_null()) {
    return std::uint64_t{0};
  }
  if (!it->is_number_integer() || *it < 0) {
    return error(errc::invalid,
                 std::string("\"") + name + "\" is a whole number, not negative")
        .at("field", name);
  }
  return it->get<std::uint64_t>();
}

} // namespace

result<watch_request> watch_request::from_json(const json& params) {
  watch_request out;
  if (!params.is_object()) {
    return error(errc::invalid, "params is a JSON object").at("field", "params");
  }
  if (const auto it = params.find("kinds"); it != params.end() && !it->is_null()) {
    if (!it->is_array() || it->size() > kinds_max ||
        !std::all_of(it->begin(), it->end(),
                     [](const json& k) { return k.is_string(); })) {
      return error(errc::invalid, "\"kinds\" is a list of at most 64 texts")
          .at("field", "kinds");
    }
    for (const auto& kind : *it) {
      out.wanted.kinds.insert(kind.get<std::string>());
    }
  }
  auto case_id = text_param(params, "case");
  auto component = text_param(params, "component");
  const auto from = number_param(params, "from_seq");
  const auto since = number_param(params, "since_s");
  if (!case_id || !component) {
    return !case_id ? case_id.error() : component.error();
  }
  if (!from || !since) {
    return !from ? from.error() : since.error();
  }
  if (*from > 0 && *since > 0) {
    return error(errc::invalid, "give \"from_seq\" or \"since_s\", not both")
        .at("field", "since_s");
  }
  out.wanted.case_id = std::move(*case_id);
  out.wanted.component = std::move(*component);
  out.from_seq = std::min<std::uint64_t>(*from, INT64_MAX);
  out.since = std::chrono::seconds(std::min<std::uint64_t>(*since, 10'000'000'000u));
  return out;
}

json watch_line(const json& header) {
  json line = json::object();
  for (const auto& [name, value] : header.items()) {
    if (name == "v" || name == "log" || name == "body" || name == "chan_seq") {
      continue; // for who verifies the ledger; `ledger show` has them
    }
    line[name == "src" ? "source" : name == "dst" ? "target" : name] = value;
  }
  return line;
}

// -- what waits for one watcher
// -----------------------------------------------------------

/// Between the writer's thread, which never waits here, and the watcher's.
class watch_desk::queue {
public:
  explicit queue(const watch_limits& limits)
      : limits_(limits), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  queue(const queue&) = delete;
  queue& operator=(const queue&) = delete;
  ~queue() {
    if (wake_ >= 0) {
      ::close(wake_);
    }
  }

  /// What a watcher has to do next: first the batches, then what lies up to `lost`.
  struct work {
    std::vector<ledger::live_batch> batches;
    std::uint64_t lost = 0; ///< 0: nothing; else read the database up to here
    std::optional<error> ended;
  };

  void offer(const ledger::live_batch& b) {
    const std::lock_guard lock(mutex_);
    if (!begins_) {
      begins_ = b.after;
    }
    std::size_t bytes = 0;
    for (const auto& r : b.records) {
      bytes += r->header.size();
    }
    records_ += b.records.size();
    bytes_ += bytes;
    if (lost_ > 0 || records_ > limits_.queue_records_max ||
        bytes_ > limits_.queue_bytes_max) {
      lost_ = b.through;
    } else {
      batches_.push_back(b);
    }
    signal();
  }
  void end(const error& why) {
    const std::lock_guard lock(mutex_);
    if (!ended_) {
      ended_ = why;
    }
    signal();
  }
  bool has_ended() const {
    const std::lock_guard lock(mutex_);
    return ended_.has_value();
  }
  /// Where the subscription begins, once it is known.
  std::optional<std::uint64_t> begins() const {
    const std::lock_guard lock(mutex_);
    return begins_;
  }
  work take() {
    const std::lock_guard lock(mutex_);
    if (signalled_) {
      std::uint64_t ignored = 0;
      static_cast<void>(::read(wake_, &ignored, sizeof ignored));
      signalled_ = false;
    }
    records_ = 0;
    bytes_ = 0;
    return {std::exchange(batches_, {}), std::exchange(lost_, 0), ended_};
  }
  /// Readable while there is something to take; -1 if the system gave none.
  int descriptor() const { return wake_; }

private:
  void signal() {
    if (!signalled_) {
      signalled_ = true;
      const std::uint64_t one = 1;
      static_cast<void>(::write(wake_, &one, sizeof one));
    }
  }

  const watch_limits limits_;
  const int wake_;
  mutable std::mutex mutex_;
  std::vector<ledger::live_batch> batches_;
  std::size_t records_ = 0;
  std::size_t bytes_ = 0;
  std::uint64_t lost_ = 0;
  std::optional<std::uint64_t> begins_;
  std::optional<error> ended_;
  bool signalled_ = false;
};

// -- one watcher
// --------------------------------------------------------------------------

class watch_desk::watcher {
public:
  watcher(int fd, const watch_request& request, const watch_limits& limits, timestamp now,
          std::shared_ptr<ledger::store> store, std::shared_ptr<queue> q)
      : fd_(fd), request_(request), limits_(limits), now_(now), store_(std::move(store)),
        queue_(std::move(q)) {}

  /// Subscribes and finds where to begin; nothing is written yet.
  result<void> begin() {
    ledger::subscription s;
    s.wanted = request_.wanted;
    s.durable = [q = queue_](const ledger::live_batch& b) { q->offer(b); };
    s.ended = [q = queue_](const error& why) { q->end(why); };
    subscription_ = store_->subscribe(std::move(s));
    const auto end = steady_clock::now() + begin_max;
    while (!queue_->begins()) {
      if (queue_->has_ended()) {
        return *queue_->take().ended;
      }
      const auto left =
          std::chrono::duration_cast<milliseconds>(end - steady_clock::now());
      if (left.count() <= 0) {
        return error(errc::timeout, "the ledger does not answer");
      }
      pollfd p{queue_->descriptor(), POLLIN, 0};
      static_cast<void>(::poll(&p, 1, static_cast<int>(left.count())));
    }
    live_from_ = *queue_->begins();
    return find_start();
  }

  void run() {
    put({{"ok", true}, {"result", {{"watching", true}, {"seq", live_from_}}}});
    auto over = flush(limits_.stalled_max);
    if (!over) {
      over = history(live_from_);
    }
    while (!over) {
      over = wait();
      if (!over) {
        over = show(queue_->take());
      }
    }
    say_goodbye(*over);
  }

private:
  /// Why a watch is over; `told` if the client may still be listening.
  struct ending {
    error why;
    bool told = true;
  };
  using maybe_over = std::optional<ending>;

  result<void> find_start() {
    cursor_ = request_.from_seq > 0 ? request_.from_seq - 1 : live_from_;
    if (request_.since.count() == 0) {
      return {};
    }
    auto db = store_->reader();
    if (!db) {
      return std::move(db).error();
    }
    const auto first =
        ledger::first_record_since(**db, now_ - request_.since, live_from_);
    if (!first) {
      return first.error();
    }
    cursor_ = *first - 1;
    return {};
  }

  maybe_over show(const queue::work& w) {
    for (const auto& b : w.batches) {
      if (auto over = history(b.after)) {
        return over;
      }
      for (const auto& r : b.records) {
        if (r->seq > cursor_) {
          if (auto over = show(*r)) {
            return over;
          }
        }
      }
      cursor_ = std::max(cursor_, b.through);
    }
    if (auto over = history(w.lost)) {
      return over;
    }
    return w.ended ? maybe_over(ending{*w.ended}) : std::nullopt;
  }

  /// Everything after the cursor up to `last`, from the database.
  maybe_over history(std::uint64_t last) {
    while (cursor_ < last) {
      if (queue_->has_ended()) {
        return ending{*queue_->take().ended};
      }
      const auto page = read_page(last);
      if (!page) {
        return ending{page.error()};
      }
      for (const auto& r : page->records) {
        if (auto over = show(r)) {
          return over;
        }
      }
      cursor_ = page->through;
    }
    return std::nullopt;
  }

  /// The reader goes back before the client is waited for.
  result<ledger::history_page> read_page(std::uint64_t last) {
    auto db = store_->reader();
    return db ? ledger::read_history(**db, request_.wanted, cursor_, last)
              : result<ledger::history_page>(std::move(db).error());
  }

  maybe_over show(const ledger::live_record& r) {
    const auto header = parse_json(r.header);
    if (!header) {
      return ending{error(errc::corrupt, "a record's header is no JSON")
                        .at("seq", std::to_string(r.seq))};
    }
    put(watch_line(*header));
    cursor_ = r.seq;
    return out_.size() >= send_bytes ? flush(limits_.stalled_max) : std::nullopt;
  }

  void put(const json& line) {
    out_ += to_text(line);
    out_ += '\n';
  }

  /// Sends what is gathered. Only a client that takes no single byte for `patience` is
  /// given up, or for a moment once the watch has ended.
  maybe_over flush(milliseconds patience) {
    auto last = steady_clock::now();
    for (std::size_t done = 0; done < out_.size();) {
      const auto n = ::send(fd_, out_.data() + done, out_.size() - done,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n > 0) {
        done += static_cast<std::size_t>(n);
        last = steady_clock::now();
        continue;
      }
      if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
        return gone();
      }
      const auto silent = steady_clock::now() - last;
      if (silent >= patience || (silent >= farewell_max && queue_->has_ended())) {
        return ending{error(errc::timeout, "the client read nothing for " +
                                               std::to_string(patience.count()) + " ms"),
                      false};
      }
      pollfd p{fd_, POLLOUT, 0};
      static_cast<void>(::poll(&p, 1, static_cast<int>(slice.count())));
    }
    out_.clear();
    return std::nullopt;
  }

  static ending gone() {
    return {error(errc::cancelled, "the client closed the connection"), false};
  }

  /// Until there is something to show, or the client has gone.
  maybe_over wait() {
    if (auto over = flush(limits_.stalled_max)) {
      return over;
    }
    std::array<pollfd, 2> p{{{queue_->descriptor(), POLLIN, 0}, {fd_, POLLIN, 0}}};
    while (::poll(p.data(), p.size(), -1) < 0) {
      if (errno != EINTR) {
        return ending{error(errc::io, std::string("poll: ") + std::strerror(errno))};
      }
    }
    // The node's stop closes our side too: its reason goes before the client's silence.
    if (p[0].revents != 0) {
      return std::nullopt;
    }
    char byte = 0;
    if (::recv(fd_, &byte, 1, MSG_DONTWAIT) <= 0) {
      return gone();
    }
    return ending{error(errc::invalid, "a connection that watches takes no requests: ask "
                                       "on another one")};
  }

  void say_goodbye(const ending& e) {
    if (!e.told) {
      if (e.why.code() != errc::cancelled) {
        spdlog::warn("a watcher is dropped: {}", e.why.describe());
      }
      return;
    }
    put({{"ended", e.why.message()},
         {"code", static_cast<int>(e.why.code())},
         {"name", to_string(e.why.code())},
         {"seq", cursor_}});
    static_cast<void>(flush(farewell_max));
  }

  const int fd_;
  const watch_request& request_;
  const watch_limits& limits_;
  const timestamp now_;
  const std::shared_ptr<ledger::store> store_;
  const std::shared_ptr<queue> queue_;
  std::shared_ptr<void> subscription_;
  std::uint64_t live_from_ = 0;
  std::uint64_t cursor_ = 0; ///< everything up to here was shown or did not match
  std::string out_;
};

// -- all of them
// --------------------------------------------------------------------------

result<std::shared_ptr<watch_desk::queue>> watch_desk::admit() {
  auto q = std::make_shared<queue>(limits_);
  if (q->descriptor() < 0) {
    return error(errc::limit, "no descriptor is left for another watcher");
  }
  const std::lock_guard lock(mutex_);
  if (!stopped_.empty()) {
    return error(errc::unavailable, stopped_);
  }
  if (queues_.size() >= limits_.watchers_max) {
    return error(errc::limit, "there are " + std::to_string(limits_.watchers_max) +
                                  " watchers already: end one of them first")
        .at("limit", "watchers_max");
  }
  queues_.insert(q);
  return q;
}

void watch_desk::leave(const std::shared_ptr<queue>& q) {
  const std::lock_guard lock(mutex_);
  queues_.erase(q);
}

result<void> watch_desk::serve(int fd, const watch_request& request) {
  auto q = admit();
  if (!q) {
    return std::move(q).error();
  }
  result<void> begun;
  {
    watcher w(fd, request, limits_, time_->now(), store_, *q);
    begun = w.begin();
    if (begun) {
      w.run();
    }
  }
  leave(*q);
  return begun;
}

void watch_desk::stop(const std::string& why) {
  const std::lock_guard lock(mutex_);
  stopped_ = why;
  for (const auto& q : queues_) {
    q->end(error(errc::unavailable, why));
  }
}

} // namespace crossdock::api
