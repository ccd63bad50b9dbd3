/// DISPATCH: who gets what, in which order, and what became of it.
///
/// Promises
///  - What is published, asked, called or answered inside a unit of work is recorded and queued
///    for its receivers in that same unit, or not at all.
///  - A delivery row exists from then until its receiver finished it, or it became a dead letter
///    with a reason; after a crash every unfinished row is handed out again, in order.
///  - A question, call or timer is answered exactly once: by its answer, its timeout, or the
///    news that nobody is there to answer.
///  - Nothing is dropped without a record of the drop.
///  - Every envelope carries a W3C traceparent: that of what led to it with a span of its own,
///    or the beginning of a new trace.
#pragma once

#include "base/envelope.hpp"
#include "base/ids.hpp"
#include "base/trace.hpp"
#include "ledger/ledger.hpp"

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace crossdock::dispatch {

/// Numbers as in the plugin contract (cdk_event.kind).
enum class delivery_kind : std::int32_t {
  message = 2,
  ask = 3,
  call = 4,
  lookup = 5,
  result = 6,
  decision = 7,
  timer = 8
};

/// One envelope on its way to one receiver.
struct delivery {
  std::int64_t id = 0; ///< order of handing out
  std::uint64_t seq = 0; ///< of its record; 0: a timer, which is counted and not recorded singly
  envelope_ptr event;
  std::string receiver; ///< a component, or "flow" or "effect"
  delivery_kind kind = delivery_kind::message;
  std::string topic; ///< topic, question or tool (of an answer: what was asked)
  std::uint64_t token = 0; ///< to reply to (ask, call, lookup) or the request answered
  std::int32_t status = 0; ///< of a result or decision
  std::string tag;         ///< the asker's own bytes
  std::string idempotency_key;
  std::uint32_t attempt = 1;
};

/// Where things go. Immutable; replaced whole when plugins change.
struct routes {
  std::map<std::string, std::vector<std::string>> topics; ///< topic -> receivers
  std::map<std::string, std::string> questions;           ///< question -> receiver
  std::map<std::string, std::string> tools;               ///< tool -> connector
  std::map<std::string, std::string> keys; ///< topic -> key template "{item}@{site}"
};

struct dead_letter {
  std::int64_t id = 0;
  std::uint64_t seq = 0;
  std::string receiver;
  std::string topic;
  std::string key;
  std::string reason;
  std::string code;
  timestamp time;
  std::uint32_t attempts = 0;
  std::string state; ///< dead, replayed
};

/// The counters behind the equation accepted = delivered + denied + dead + in flight.
struct counters {
  std::uint64_t accepted = 0;
  std::uint64_t delivered = 0;
  std::uint64_t denied = 0;
  std::uint64_t dead = 0;
  std::uint64_t timers = 0; ///< fired; class C of the ledger
};

/// Thread-safe. The functions that take a transaction run on the ledger's writer thread.
class exchange {
public:
  using sink = std::function<void(delivery)>;

  explicit exchange(std::shared_ptr<id_source> ids, std::string tenant);

  static std::vector<ledger::migration> migrations();

  void set_routes(std::shared_ptr<const routes> r);
  std::shared_ptr<const routes> current_routes() const;
  /// A number for a question, call or timer, before it exists: a plugin gets it at once.
  std::uint64_t new_request_id() { return next_request_.fetch_add(1); }
  /// The first of `n` such numbers in a row.
  std::uint64_t new_request_ids(std::uint64_t n) { return next_request_.fetch_add(n); }
  /// From this unit on deliveries for `receiver` go to `s`; gives what was unfinished before,
  /// in order. Nothing falls between the two.
  result<std::vector<delivery>> attach(ledger::transaction& tx, const std::string& receiver,
                                       sink s);
  /// Deliveries for `receiver` stay in their rows until it attaches again.
  void detach(const std::string& receiver);
  /// Unfinished deliveries of `receiver` with an id beyond `after`, in order.
  result<std::vector<delivery>> unfinished(ledger::connection& db,
                                           const std::string& receiver, std::int64_t after,
                                           std::size_t limit) const;

  // -- inside a unit of work ---------------------------------------------------------------
  /// An event for everybody who consumes its type. Gives its seq.
  result<std::uint64_t> publish(ledger::transaction& tx, envelope e, ledger::record_class c);
  /// A question; `asker` gets the answer with `tag`. Gives its seq.
  result<std::uint64_t> ask(ledger::transaction& tx, const std::string& asker,
                            std::uint64_t request_id, envelope e,
                            std::chrono::milliseconds timeout, std::string tag);
  /// A tool call (or, with kind lookup, the question whether it was done). Gives its seq.
  result<std::uint64_t> call(ledger::transaction& tx, const std::string& asker,
                             std::uint64_t request_id, delivery_kind kind, envelope e,
                             std::string idempotency_key, std::chrono::milliseconds timeout,
                             std::string tag);
  /// Answers a request. Errors: not_found (no such open request, or not asked of `replier`).
  result<std::uint64_t> reply(ledger::transaction& tx, const std::string& replier,
                              std::uint64_t token, std::int32_t status, std::string data,
                              std::vector<std::uint64_t> causes,
                              std::shared_ptr<const json> document = nullptr);
  /// Remembers who made a proposal, so that it can be told what became of it.
  result<void> proposed(ledger::transaction& tx, const std::string& proposal_id,
                        const std::string& proposer, std::string tag,
                        const std::string& case_id, const std::string& key,
                        const std::string& traceparent = {});
  /// The trace of a proposal, for what is done because of it; empty if it is not known.
  result<std::string> trace_of(ledger::transaction& tx, const std::string& proposal_id) const;
  /// An id for an event that is remembered before it is published.
  std::string new_event_id() { return ids_->next(); }
  /// What the proposer knows its proposal by, besides its tag.
  struct proposal_name {
    std::uint64_t token = 0;
    std::string topic;   ///< empty: crossdock.decision
    std::string case_id; ///< of the decision, if the proposal was made in no case
  };
  /// Tells the proposer: a decision with data {outcome, detail}. Gives its seq; 0 if nobody is
  /// known to have proposed it.
  result<std::uint64_t> tell_outcome(ledger::transaction& tx, const std::string& proposal_id,
                                     std::string_view outcome, json detail,
                                     const std::string& by,
                                     std::vector<std::uint64_t> causes,
                                     const proposal_name& known_as = no_name);
  result<void> timer(ledger::transaction& tx, const std::string& owner,
                     std::uint64_t request_id, std::chrono::milliseconds delay, std::string tag,
                     const std::string& key, const std::string& case_id,
                     const std::string& traceparent = {});
  /// Forgets a timer or request of `owner`; unknown ones are no error.
  result<void> cancel(ledger::transaction& tx, const std::string& owner, std::uint64_t id);
  /// The receiver is done with it. Errors: conflict, if it was finished before.
  result<void> finish(ledger::transaction& tx, std::int64_t delivery_id);
  /// Writes down a failed attempt, so that a crash does not forget it.
  result<void> attempt(ledger::transaction& tx, std::int64_t delivery_id,
                       std::uint32_t failed_attempts);
  /// Gives it up: dead letter, and for a request the asker is told with `status`.
  result<void> bury(ledger::transaction& tx, const delivery& d, errc code,
                    const std::string& reason);
  /// Records an event that was not accepted, as a dead letter of `by`. Gives its seq.
  result<std::uint64_t> refuse(ledger::transaction& tx, const std::string& by, envelope e,
                               errc code, const std::string& reason);
  /// Takes a dead letter out of its grave and delivers it again. Errors: not_found, conflict.
  result<void> replay(ledger::transaction& tx, std::int64_t dead_letter_id,
                      const std::string& principal);

  /// The event of the record `seq`, whose key is `key`. Errors: not_found, corrupt.
  static result<envelope_ptr> event_of(ledger::connection& db, std::uint64_t seq,
                                       const std::string& key);
  /// The event of a timer, which has no record.
  static envelope_ptr timer_event_of(const std::string& key, const std::string& case_id);
  /// Open questions and calls of `asker`; not its timers.
  std::size_t open_requests_of(ledger::transaction& tx, const std::string& asker) const;
  /// Answers them with CDK_E_CANCELLED. A write is never cancelled: it may be under way.
  result<std::size_t> cancel_requests_of(ledger::transaction& tx, const std::string& asker);

  // -- time ---------------------------------------------------------------------------------
  /// When the next request or timer falls due; none if nothing waits.
  std::optional<timestamp> next_due() const;
  /// Delivers timers and answers overdue requests with CDK_E_DEADLINE; at most `limit`.
  result<std::size_t> fire_due(ledger::transaction& tx, std::size_t limit);
  /// Reads what waits into memory. Once, before anything else.
  result<void> load(ledger::connection& db);

  static result<std::vector<dead_letter>> dead_letters(ledger::connection& db,
                                                       std::size_t limit);
  counters count() const;

private:
  static const proposal_name no_name;
  /// A question, call or timer that has not been answered. Every one is in memory; its row is for
  /// the next start.
  struct request {
    delivery_kind kind = delivery_kind::ask;
    std::string asker;
    std::string replier;
    std::string topic;
    std::string key;
    std::string case_id;
    std::uint64_t seq = 0;
    timestamp due;
    std::string tag;
    bool write = false;
    std::string traceparent; ///< what its answer continues
  };
  using open_requests = std::map<std::uint64_t, std::shared_ptr<const request>>;

  void open_request(ledger::transaction& tx, std::uint64_t id, request r);
  /// Takes a request out of the books; nothing if it is not open.
  std::shared_ptr<const request> close_request(ledger::transaction& tx, std::uint64_t id);
  result<void> time_out(ledger::transaction& tx, std::uint64_t id, const request& r);
  /// The asker is told `status`; the question is taken from whoever has not answered it.
  result<void> end_unanswered(ledger::transaction& tx, std::uint64_t id, const request& r,
                              std::int32_t status, const char* why);
  result<void> fire_timer(ledger::transaction& tx, std::uint64_t id, const request& r);
  /// Removes a delivery's row. Errors: conflict, if it was finished before.
  result<void> remove(ledger::transaction& tx, std::int64_t delivery_id);
  result<void> queue(ledger::transaction& tx, delivery d);
  result<std::uint64_t> record_envelope(ledger::transaction& tx, envelope& e,
                                        const std::string& target, ledger::record_class c,
                                        const char* kind, json detail = json::object());
  void hand_out(ledger::transaction& tx, std::shared_ptr<const delivery> d);

  std::shared_ptr<id_source> ids_;
  trace_source traces_; ///< used on the writer's thread alone
  std::string tenant_;
  mutable std::mutex mutex_;
  std::shared_ptr<const routes> routes_;
  std::map<std::string, sink> sinks_;
  /// Changed on the writer's thread, within units; the mutex is for next_due() alone.
  std::set<std::pair<timestamp, std::uint64_t>> due_;
  /// The writer's thread alone, from here to the counters.
  open_requests requests_;
  std::unordered_map<std::int64_t, std::pair<std::string, std::uint64_t>>
    live_; ///< unfinished deliveries: receiver and token
  std::atomic<std::uint64_t> next_request_{1};
  std::int64_t next_delivery_ = 1;
  counters counters_;
};

} // namespace crossdock::dispatch
