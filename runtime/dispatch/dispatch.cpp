#include "dispatch/dispatch.hpp"

#include "crossdock/abi.h"

#include <algorithm>

namespace crossdock::dispatch {
namespace {

using ledger::connection;
using ledger::transaction;
using ledger::value;

std::int64_t micros(timestamp t) { return t.time_since_epoch().count(); }

constexpr const char* schema_1 = R"sql(
CREATE TABLE delivery(
  id INTEGER PRIMARY KEY,
  seq INTEGER NOT NULL,
  receiver TEXT NOT NULL,
  kind INTEGER NOT NULL,
  topic TEXT NOT NULL,
  key TEXT NOT NULL,
  token INTEGER NOT NULL,
  status INTEGER NOT NULL,
  tag BLOB NOT NULL,
  idempotency_key TEXT NOT NULL,
  failed_attempts INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX delivery_receiver ON delivery(receiver, id);
CREATE TABLE request(
  id INTEGER PRIMARY KEY,
  kind INTEGER NOT NULL,
  asker TEXT NOT NULL,
  replier TEXT NOT NULL,
  topic TEXT NOT NULL,
  key TEXT NOT NULL,
  case_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  due INTEGER NOT NULL,
  tag BLOB NOT NULL,
  write INTEGER NOT NULL
) STRICT;
CREATE TABLE proposer(
  proposal_id TEXT PRIMARY KEY,
  receiver TEXT NOT NULL,
  tag BLOB NOT NULL,
  case_id TEXT NOT NULL,
  key TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE dead_letter(
  id INTEGER PRIMARY KEY,
  seq INTEGER NOT NULL,
  receiver TEXT NOT NULL,
  kind INTEGER NOT NULL,
  topic TEXT NOT NULL,
  key TEXT NOT NULL,
  token INTEGER NOT NULL,
  status INTEGER NOT NULL,
  tag BLOB NOT NULL,
  idempotency_key TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  code TEXT NOT NULL,
  reason TEXT NOT NULL,
  time INTEGER NOT NULL,
  state TEXT NOT NULL
) STRICT;
)sql";

/// A timer has no record to read its case from.
constexpr const char* schema_2 = R"sql(
ALTER TABLE delivery ADD COLUMN case_id TEXT NOT NULL DEFAULT '';
ALTER TABLE dead_letter ADD COLUMN case_id TEXT NOT NULL DEFAULT '';
)sql";

/// What an answer, a timer or an outcome continues.
constexpr const char* schema_3 = R"sql(
ALTER TABLE request ADD COLUMN trace TEXT NOT NULL DEFAULT '';
ALTER TABLE proposer ADD COLUMN trace TEXT NOT NULL DEFAULT '';
)sql";

constexpr const char* delivery_columns =
  "id, seq, receiver, kind, topic, key, token, status, tag, idempotency_key, failed_attempts, "
  "case_id";

/// What is handed out when a timer fires.
std::shared_ptr<const envelope> timer_event(std::string key, std::string case_id,
                                            timestamp time, std::string traceparent = {}) {
  static const auto nothing = std::make_shared<const json>(json::object());
  envelope e;
  e.source = "clock";
  e.type = "timer";
  e.time = time;
  e.subject = std::move(key);
  e.case_id = std::move(case_id);
  e.traceparent = std::move(traceparent);
  e.data = "{}";
  e.document = nothing;
  return std::make_shared<const envelope>(std::move(e));
}

/// The envelope that a record carries, for the receiver that `key` belongs to. Errors: corrupt.
result<std::shared_ptr<const envelope>> recorded_event(connection& db, std::uint64_t seq,
                                                       std::string key) {
  auto records = ledger::read_records(db, seq, seq, 1);
  if (!records) {
    return std::move(records).error();
  }
  if (records->empty()) {
    return error(errc::corrupt, "a delivery names a record that does not exist")
      .at("seq", std::to_string(seq));
  }
  auto body = parse_json(records->front().body, {.bytes = 8u << 20, .depth = 80});
  if (!body) {
    return std::move(body).error().at("seq", std::to_string(seq));
  }
  auto e = envelope_from_json(*body);
  if (!e) {
    return std::move(e).error().at("seq", std::to_string(seq));
  }
  e->subject = std::move(key);
  return std::make_shared<const envelope>(std::move(*e));
}

/// Rebuilds the delivery of a row; its envelope is the body of the record it names.
result<delivery> read_delivery(connection& db, const ledger::row& r) {
  delivery d;
  d.id = r.integer(0);
  d.seq = r.number(1);
  d.receiver = r.text(2);
  d.kind = static_cast<delivery_kind>(r.integer(3));
  d.topic = r.text(4);
  d.token = r.number(6);
  d.status = static_cast<std::int32_t>(r.integer(7));
  d.tag = r.text(8);
  d.idempotency_key = r.text(9);
  d.attempt = static_cast<std::uint32_t>(r.integer(10)) + 1;
  if (d.seq == 0) {
    d.event = timer_event(r.text(5), r.text(11), {});
    return d;
  }
  auto e = recorded_event(db, d.seq, r.text(5));
  if (!e) {
    return std::move(e).error();
  }
  d.event = std::move(*e);
  return d;
}

std::string row_key(std::int64_t delivery) { return "delivery/" + std::to_string(delivery); }
std::string request_key(std::uint64_t id) { return "request/" + std::to_string(id); }

result<void> write_row(connection& db, const delivery& d, std::uint32_t failed_attempts) {
  auto r = db.exec(
    "INSERT INTO delivery(id, seq, receiver, kind, topic, key, token, status, tag, "
    "idempotency_key, failed_attempts, case_id) VALUES(?,?,?,?,?,?,?,?,?,?,?,?)",
    {d.id, static_cast<std::int64_t>(d.seq), d.receiver, static_cast<std::int64_t>(d.kind),
     d.topic, d.event->subject, static_cast<std::int64_t>(d.token),
     static_cast<std::int64_t>(d.status), ledger::blob{d.tag}, d.idempotency_key,
     static_cast<std::int64_t>(failed_attempts), d.event->case_id});
  return r ? result<void>() : std::move(r).error();
}

} // namespace

exchange::exchange(std::shared_ptr<id_source> ids, std::string tenant)
  : ids_(std::move(ids)),
    traces_(std::hash<std::string>{}(ids_->next())),
    tenant_(std::move(tenant)),
    routes_(std::make_shared<const routes>()) {}

std::vector<ledger::migration> exchange::migrations() {
  return {{"dispatch", 1, schema_1}, {"dispatch", 2, schema_2}, {"dispatch", 3, schema_3}};
}

void exchange::set_routes(std::shared_ptr<const routes> r) {
  const std::lock_guard lock(mutex_);
  routes_ = std::move(r);
}

std::shared_ptr<const routes> exchange::current_routes() const {
  const std::lock_guard lock(mutex_);
  return routes_;
}

result<std::vector<delivery>> exchange::attach(transaction& tx, const std::string& receiver,
                                               sink s) {
  if (auto r = tx.settle(); !r) {
    return std::move(r).error();
  }
  auto waiting = unfinished(tx.db(), receiver, 0, 1'000'000);
  if (!waiting) {
    return waiting;
  }
  // Units are applied one after the other on one thread: what this unit saw is everything that
  // came before, and what comes after it finds the sink.
  tx.on_applied([this, receiver, s = std::move(s)]() mutable {
    const std::lock_guard lock(mutex_);
    sinks_[receiver] = std::move(s);
  });
  return waiting;
}

void exchange::detach(const std::string& receiver) {
  const std::lock_guard lock(mutex_);
  sinks_.erase(receiver);
}

result<std::vector<delivery>> exchange::unfinished(connection& db, const std::string& receiver,
                                                   std::int64_t after,
                                                   std::size_t limit) const {
  auto rows = db.query(std::string("SELECT ") + delivery_columns +
                         " FROM delivery WHERE receiver = ? AND id > ? ORDER BY id LIMIT ?",
                       {receiver, after, static_cast<std::int64_t>(limit)});
  if (!rows) {
    return std::move(rows).error();
  }
  std::vector<delivery> out;
  for (const auto& r : *rows) {
    auto d = read_delivery(db, r);
    if (!d) {
      return std::move(d).error();
    }
    out.push_back(std::move(*d));
  }
  return out;
}

// -- inside a unit of work -------------------------------------------------------------------

result<std::uint64_t> exchange::record_envelope(transaction& tx, envelope& e,
                                                const std::string& target,
                                                ledger::record_class c, const char* kind,
                                                json detail) {
  if (e.id.empty()) {
    e.id = ids_->next();
  }
  if (e.time == timestamp{}) {
    e.time = tx.now();
  }
  if (e.tenant.empty()) {
    e.tenant = tenant_;
  }
  traces_.next(e.traceparent);
  std::erase(e.causes, 0u);
  std::sort(e.labels.begin(), e.labels.end());
  e.labels.erase(std::unique(e.labels.begin(), e.labels.end()), e.labels.end());
  ledger::record r;
  r.kind = kind;
  r.cls = c;
  r.id = e.id;
  r.source = e.source;
  r.target = target;
  r.tenant = e.tenant;
  r.case_id = e.case_id;
  r.schema = e.dataschema;
  r.traceparent = e.traceparent;
  r.labels = e.labels;
  r.causes = e.causes;
  r.detail = std::move(detail);
  r.detail["type"] = e.type;
  if (!e.subject.empty()) {
    r.detail["subject"] = e.subject;
  }
  r.body = to_text(e);
  return tx.append(r);
}

void exchange::hand_out(transaction& tx, std::shared_ptr<const delivery> d) {
  // A write leaves the node: it waits until its record is durable (output commit). The rest
  // stays inside and goes as soon as it has its place in the order.
  const bool leaves = d->kind == delivery_kind::call && !d->idempotency_key.empty();
  auto go = [this, d = std::move(d)] {
    sink s;
    {
      const std::lock_guard lock(mutex_);
      if (const auto it = sinks_.find(d->receiver); it != sinks_.end()) {
        s = it->second;
      }
    }
    if (s) {
      s(*d);
    }
  };
  if (leaves) {
    tx.on_durable(std::move(go));
  } else {
    tx.on_applied(std::move(go));
  }
}

result<void> exchange::queue(transaction& tx, delivery d) {
  d.id = next_delivery_++;
  live_.emplace(d.id, std::pair(d.receiver, d.token));
  tx.on_undone([this, id = d.id] { live_.erase(id); });
  // Most deliveries are finished before their group commits and never become a row.
  const auto shared = std::make_shared<const delivery>(std::move(d));
  tx.defer(row_key(shared->id),
           [shared](connection& db) { return write_row(db, *shared, 0); });
  tx.on_applied([this] {
    const std::lock_guard lock(mutex_);
    ++counters_.accepted;
  });
  hand_out(tx, shared);
  return {};
}

result<void> exchange::remove(transaction& tx, std::int64_t delivery_id) {
  const auto it = live_.find(delivery_id);
  if (it == live_.end()) {
    return error(errc::conflict, "this delivery was finished before")
      .at("delivery", std::to_string(delivery_id));
  }
  tx.on_undone([this, delivery_id, was = it->second] { live_.emplace(delivery_id, was); });
  live_.erase(it);
  if (!tx.drop(row_key(delivery_id))) {
    tx.defer(row_key(delivery_id), [delivery_id](connection& db) {
      auto r = db.exec("DELETE FROM delivery WHERE id = ?", {delivery_id});
      return r ? result<void>() : result<void>(r.error());
    });
  }
  return {};
}

result<std::uint64_t> exchange::publish(transaction& tx, envelope e, ledger::record_class c) {
  const auto table = current_routes();
  const auto it = table->topics.find(e.type);
  const std::vector<std::string> none;
  const auto& receivers = it == table->topics.end() ? none : it->second;
  std::string target;
  for (const auto& name : receivers) {
    target += (target.empty() ? "" : ",") + name;
  }
  // With no receiver the record itself says so: an empty target.
  auto seq = record_envelope(tx, e, target.empty() ? "nobody" : target, c, "event");
  if (!seq) {
    return seq;
  }
  const auto event = std::make_shared<const envelope>(std::move(e));
  for (const auto& name : receivers) {
    delivery d;
    d.seq = *seq;
    d.event = event;
    d.receiver = name;
    d.kind = delivery_kind::message;
    d.topic = event->type;
    if (auto r = queue(tx, std::move(d)); !r) {
      return std::move(r).error();
    }
  }
  return seq;
}

void exchange::open_request(transaction& tx, std::uint64_t id, request r) {
  const auto shared = std::make_shared<const request>(std::move(r));
  requests_.emplace(id, shared);
  tx.on_undone([this, id] { requests_.erase(id); });
  tx.defer(request_key(id), [id, shared](connection& db) -> result<void> {
    auto written = db.exec(
      "INSERT INTO request(id, kind, asker, replier, topic, key, case_id, seq, due, tag, write, "
      "trace) VALUES(?,?,?,?,?,?,?,?,?,?,?,?)",
      {static_cast<std::int64_t>(id), static_cast<std::int64_t>(shared->kind), shared->asker,
       shared->replier, shared->topic, shared->key, shared->case_id,
       static_cast<std::int64_t>(shared->seq), micros(shared->due), ledger::blob{shared->tag},
       std::int64_t{shared->write ? 1 : 0}, shared->traceparent});
    return written ? result<void>() : result<void>(written.error());
  });
  tx.on_applied([this, id, due = shared->due] {
    const std::lock_guard lock(mutex_);
    due_.emplace(due, id);
  });
}

std::shared_ptr<const exchange::request> exchange::close_request(transaction& tx,
                                                                 std::uint64_t id) {
  const auto it = requests_.find(id);
  if (it == requests_.end()) {
    return nullptr;
  }
  auto was = it->second;
  requests_.erase(it);
  tx.on_undone([this, id, was] { requests_.emplace(id, was); });
  if (!tx.drop(request_key(id))) {
    tx.defer(request_key(id), [id](connection& db) -> result<void> {
      auto r = db.exec("DELETE FROM request WHERE id = ?", {static_cast<std::int64_t>(id)});
      return r ? result<void>() : result<void>(r.error());
    });
  }
  tx.on_applied([this, id, due = was->due] {
    const std::lock_guard lock(mutex_);
    due_.erase({due, id});
  });
  return was;
}

result<std::uint64_t> exchange::ask(transaction& tx, const std::string& asker,
                                    std::uint64_t request_id, envelope e,
                                    std::chrono::milliseconds timeout, std::string tag) {
  const auto table = current_routes();
  const auto it = table->questions.find(e.type);
  const std::string replier = it == table->questions.end() ? "" : it->second;
  e.source = asker;
  auto seq = record_envelope(tx, e, replier.empty() ? "nobody" : replier,
                             ledger::record_class::b, "question", {{"request", request_id}});
  if (!seq) {
    return seq;
  }
  open_request(tx, request_id,
               {delivery_kind::ask, asker, replier, e.type, e.subject, e.case_id, *seq,
                tx.now() + timeout, std::move(tag), false, e.traceparent});
  if (replier.empty()) {
    auto answered = reply(tx, "", request_id, CDK_E_ABSENT,
                          "{\"error\":\"nobody answers this question\"}", {*seq});
    return answered ? seq : answered;
  }
  delivery d;
  d.seq = *seq;
  d.topic = e.type;
  d.event = std::make_shared<const envelope>(std::move(e));
  d.receiver = replier;
  d.kind = delivery_kind::ask;
  d.token = request_id;
  if (auto q = queue(tx, std::move(d)); !q) {
    return std::move(q).error();
  }
  return seq;
}

result<std::uint64_t> exchange::call(transaction& tx, const std::string& asker,
                                     std::uint64_t request_id, delivery_kind kind, envelope e,
                                     std::string idempotency_key,
                                     std::chrono::milliseconds timeout, std::string tag) {
  const auto table = current_routes();
  const auto it = table->tools.find(e.type);
  const std::string connector = it == table->tools.end() ? "" : it->second;
  const bool write = kind == delivery_kind::call && !idempotency_key.empty();
  e.source = asker;
  auto seq = record_envelope(tx, e, connector.empty() ? "nobody" : connector,
                             write ? ledger::record_class::a : ledger::record_class::b,
                             kind == delivery_kind::lookup ? "lookup" : "call",
                             {{"request", request_id}, {"key", idempotency_key}});
  if (!seq) {
    return seq;
  }
  open_request(tx, request_id,
               {kind, asker, connector, e.type, e.subject, e.case_id, *seq, tx.now() + timeout,
                std::move(tag), write, e.traceparent});
  if (connector.empty()) {
    auto answered = reply(tx, "", request_id, CDK_E_ABSENT,
                          "{\"error\":\"no connector offers this tool\"}", {*seq});
    return answered ? seq : answered;
  }
  delivery d;
  d.seq = *seq;
  d.topic = e.type;
  d.event = std::make_shared<const envelope>(std::move(e));
  d.receiver = connector;
  d.kind = kind;
  d.token = request_id;
  d.idempotency_key = std::move(idempotency_key);
  if (auto q = queue(tx, std::move(d)); !q) {
    return std::move(q).error();
  }
  return seq;
}

result<std::uint64_t> exchange::reply(transaction& tx, const std::string& replier,
                                      std::uint64_t token, std::int32_t status,
                                      std::string data, std::vector<std::uint64_t> causes,
                                      std::shared_ptr<const json> document) {
  const auto open = requests_.find(token);
  if (open == requests_.end() || open->second->replier != replier) {
    return error(errc::not_found, "nobody waits for this answer any more")
      .at("request", std::to_string(token));
  }
  const auto asked = close_request(tx, token);
  envelope e;
  e.source = replier.empty() ? "dispatch" : replier;
  e.type = asked->topic + ".answer";
  e.dataschema = asked->topic + "/1#answer";
  e.subject = asked->key;
  e.case_id = asked->case_id;
  e.traceparent = asked->traceparent;
  e.data = std::move(data);
  e.document = std::move(document);
  e.causes = std::move(causes);
  auto seq = record_envelope(tx, e, asked->asker, ledger::record_class::b, "answer",
                             {{"request", token}, {"status", status}});
  if (!seq) {
    return seq;
  }
  delivery d;
  d.seq = *seq;
  d.event = std::make_shared<const envelope>(std::move(e));
  d.receiver = asked->asker;
  d.kind =
    asked->kind == delivery_kind::timer ? delivery_kind::timer : delivery_kind::result;
  d.topic = asked->topic;
  d.token = token;
  d.status = status;
  d.tag = asked->tag;
  if (auto q = queue(tx, std::move(d)); !q) {
    return std::move(q).error();
  }
  return seq;
}

result<void> exchange::proposed(transaction& tx, const std::string& proposal_id,
                                const std::string& proposer, std::string tag,
                                const std::string& case_id, const std::string& key,
                                const std::string& traceparent) {
  auto r = tx.db().exec(
    "INSERT INTO proposer(proposal_id, receiver, tag, case_id, key, trace) "
    "VALUES(?,?,?,?,?,?)",
    {proposal_id, proposer, ledger::blob{std::move(tag)}, case_id, key, traceparent});
  return r ? result<void>() : std::move(r).error();
}

const exchange::proposal_name exchange::no_name{};

result<std::string> exchange::trace_of(transaction& tx, const std::string& proposal_id) const {
  auto rows =
    tx.db().query("SELECT trace FROM proposer WHERE proposal_id = ?", {proposal_id});
  if (!rows) {
    return std::move(rows).error();
  }
  return rows->empty() ? std::string() : rows->front().text(0);
}

result<std::uint64_t> exchange::tell_outcome(transaction& tx, const std::string& proposal_id,
                                             std::string_view outcome, json detail,
                                             const std::string& by,
                                             std::vector<std::uint64_t> causes,
                                             const proposal_name& known_as) {
  auto rows = tx.db().query(
    "SELECT receiver, tag, case_id, key, trace FROM proposer WHERE proposal_id = ?",
    {proposal_id});
  if (!rows) {
    return std::move(rows).error();
  }
  if (rows->empty()) {
    return std::uint64_t{0};
  }
  const auto& row = rows->front();
  envelope e;
  e.source = by;
  e.type = "crossdock.decision";
  e.subject = row.text(3);
  e.case_id = row.text(2).empty() ? known_as.case_id : row.text(2);
  e.traceparent = row.text(4);
  e.causes = std::move(causes);
  e.data = to_text(json{
    {"proposal", proposal_id}, {"outcome", outcome}, {"detail", std::move(detail)}});
  auto seq = record_envelope(tx, e, row.text(0), ledger::record_class::a, "decision",
                             {{"proposal", proposal_id}, {"outcome", outcome}});
  if (!seq) {
    return seq;
  }
  delivery d;
  d.seq = *seq;
  d.topic = known_as.topic.empty() ? e.type : known_as.topic;
  d.token = known_as.token;
  d.event = std::make_shared<const envelope>(std::move(e));
  d.receiver = row.text(0);
  d.kind = delivery_kind::decision;
  d.status = outcome == "executed" ? CDK_OK : CDK_E_REJECT;
  d.tag = row.text(1);
  if (auto q = queue(tx, std::move(d)); !q) {
    return std::move(q).error();
  }
  return seq;
}

result<void> exchange::timer(transaction& tx, const std::string& owner,
                             std::uint64_t request_id, std::chrono::milliseconds delay,
                             std::string tag, const std::string& key,
                             const std::string& case_id, const std::string& traceparent) {
  open_request(tx, request_id,
               {delivery_kind::timer, owner, "", "timer", key, case_id, 0, tx.now() + delay,
                std::move(tag), false, traceparent});
  return {};
}

result<void> exchange::cancel(transaction& tx, const std::string& owner, std::uint64_t id) {
  if (const auto it = requests_.find(id); it != requests_.end()) {
    if (it->second->asker != owner) {
      return error(errc::denied, "the request is somebody else's").at("request", std::to_string(id));
    }
    close_request(tx, id);
  }
  return {};
}

result<envelope_ptr> exchange::event_of(connection& db, std::uint64_t seq,
                                        const std::string& key) {
  return recorded_event(db, seq, key);
}

envelope_ptr exchange::timer_event_of(const std::string& key, const std::string& case_id) {
  return timer_event(key, case_id, {});
}

std::size_t exchange::open_requests_of(transaction&, const std::string& asker) const {
  std::size_t n = 0;
  for (const auto& [id, r] : requests_) {
    n += r->asker == asker && r->kind != delivery_kind::timer ? 1 : 0;
  }
  return n;
}

result<std::size_t> exchange::cancel_requests_of(transaction& tx, const std::string& asker) {
  std::vector<std::pair<std::uint64_t, std::shared_ptr<const request>>> mine;
  for (const auto& [id, r] : requests_) {
    if (r->asker == asker && r->kind != delivery_kind::timer && !r->write) {
      mine.emplace_back(id, r);
    }
  }
  for (const auto& [id, r] : mine) {
    if (auto done = end_unanswered(tx, id, *r, CDK_E_CANCELLED, "cancelled"); !done) {
      return std::move(done).error();
    }
  }
  return mine.size();
}

result<void> exchange::finish(transaction& tx, std::int64_t delivery_id) {
  if (auto r = remove(tx, delivery_id); !r) {
    return r;
  }
  tx.on_applied([this] {
    const std::lock_guard lock(mutex_);
    ++counters_.delivered;
  });
  return {};
}

result<void> exchange::attempt(transaction& tx, std::int64_t delivery_id,
                               std::uint32_t failed_attempts) {
  if (auto r = tx.settle(); !r) {
    return r;
  }
  auto r = tx.db().exec("UPDATE delivery SET failed_attempts = ? WHERE id = ?",
                        {static_cast<std::int64_t>(failed_attempts), delivery_id});
  return r ? result<void>() : std::move(r).error();
}

result<void> exchange::bury(transaction& tx, const delivery& d, errc code,
                            const std::string& reason) {
  if (auto removed = remove(tx, d.id); !removed) {
    return removed;
  }
  auto r = tx.db().exec(
    "INSERT INTO dead_letter(seq, receiver, kind, topic, key, token, status, tag, "
    "idempotency_key, attempts, code, reason, time, case_id, state) "
    "VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,'dead')",
    {static_cast<std::int64_t>(d.seq), d.receiver, static_cast<std::int64_t>(d.kind), d.topic,
     d.event->subject, static_cast<std::int64_t>(d.token), static_cast<std::int64_t>(d.status),
     ledger::blob{d.tag}, d.idempotency_key, static_cast<std::int64_t>(d.attempt),
     std::string(to_string(code)), reason, micros(tx.now()), d.event->case_id});
  if (!r) {
    return std::move(r).error();
  }
  ledger::record rec;
  rec.kind = "dead_letter";
  rec.cls = ledger::record_class::a;
  rec.source = "dispatch";
  rec.target = d.receiver;
  rec.case_id = d.event->case_id;
  rec.traceparent = d.event->traceparent;
  rec.causes = {d.seq};
  rec.detail = {{"topic", d.topic},
                {"code", to_string(code)},
                {"reason", reason},
                {"attempts", d.attempt}};
  if (auto seq = tx.append(rec); !seq) {
    return std::move(seq).error();
  }
  tx.on_applied([this] {
    const std::lock_guard lock(mutex_);
    ++counters_.dead;
  });
  const bool waits = d.kind == delivery_kind::ask || d.kind == delivery_kind::call ||
                     d.kind == delivery_kind::lookup;
  if (waits) {
    const auto status = d.kind == delivery_kind::ask
                          ? CDK_E_EXCEPTION
                          : (d.idempotency_key.empty() ? CDK_TOOL_TRANSIENT
                                                       : CDK_TOOL_UNKNOWN);
    auto answered = reply(tx, d.receiver, d.token, status,
                          to_text(json{{"error", reason}}), {d.seq});
    if (!answered && answered.error().code() != errc::not_found) {
      return std::move(answered).error();
    }
  }
  return {};
}

result<std::uint64_t> exchange::refuse(transaction& tx, const std::string& by, envelope e,
                                       errc code, const std::string& reason) {
  if (!json::accept(e.data)) {
    e.data = to_text(json(e.data)); // kept as the text that it is
  }
  auto seq = record_envelope(tx, e, by, ledger::record_class::a, "refused");
  if (!seq) {
    return seq;
  }
  auto r = tx.db().exec(
    "INSERT INTO dead_letter(seq, receiver, kind, topic, key, token, status, tag, "
    "idempotency_key, attempts, code, reason, time, state) "
    "VALUES(?,?,?,?,?,0,0,?,'',0,?,?,?,'dead')",
    {static_cast<std::int64_t>(*seq), by,
     static_cast<std::int64_t>(delivery_kind::message), e.type, e.subject, ledger::blob{""},
     std::string(to_string(code)), reason, micros(tx.now())});
  if (!r) {
    return std::move(r).error();
  }
  tx.on_applied([this] {
    const std::lock_guard lock(mutex_);
    ++counters_.accepted;
    ++counters_.denied;
  });
  return seq;
}

result<void> exchange::replay(transaction& tx, std::int64_t dead_letter_id,
                              const std::string& principal) {
  auto rows = tx.db().query(
    "SELECT seq, receiver, kind, topic, key, token, status, tag, idempotency_key, state, "
    "case_id FROM dead_letter WHERE id = ?",
    {dead_letter_id});
  if (!rows) {
    return std::move(rows).error();
  }
  if (rows->empty()) {
    return error(errc::not_found, "there is no such dead letter")
      .at("id", std::to_string(dead_letter_id));
  }
  const auto& row = rows->front();
  if (row.text(9) != "dead") {
    return error(errc::conflict, "this dead letter was replayed before")
      .at("id", std::to_string(dead_letter_id));
  }
  const auto kind = static_cast<delivery_kind>(row.integer(2));
  if (row.text(1) == "intake") {
    return error(errc::conflict, "intake refused this event; correct it in the system of record, "
                                 "which posts it again")
      .at("id", std::to_string(dead_letter_id));
  }
  if (kind != delivery_kind::message && kind != delivery_kind::result &&
      kind != delivery_kind::decision && kind != delivery_kind::timer) {
    return error(errc::conflict,
                 "a question or call whose asker was told of the failure cannot be replayed; "
                 "its case decides what happens next")
      .at("id", std::to_string(dead_letter_id));
  }
  const auto seq = row.number(0);
  auto event = seq == 0 ? timer_event(row.text(4), row.text(10), tx.now())
                        : recorded_event(tx.db(), seq, row.text(4));
  if (!event) {
    return std::move(event).error();
  }
  ledger::record rec;
  rec.kind = "replay";
  rec.cls = ledger::record_class::a;
  rec.source = principal;
  rec.target = row.text(1);
  rec.principal = principal;
  rec.case_id = (*event)->case_id;
  rec.traceparent = (*event)->traceparent;
  rec.causes = {seq};
  rec.detail = {{"dead_letter", dead_letter_id}, {"topic", row.text(3)}};
  if (auto s = tx.append(rec); !s) {
    return std::move(s).error();
  }
  delivery d;
  d.seq = seq;
  d.event = std::move(*event);
  d.receiver = row.text(1);
  d.kind = kind;
  d.topic = row.text(3);
  d.token = row.number(5);
  d.status = static_cast<std::int32_t>(row.integer(6));
  d.tag = row.text(7);
  if (auto q = queue(tx, std::move(d)); !q) {
    return q;
  }
  auto r = tx.db().exec("UPDATE dead_letter SET state = 'replayed' WHERE id = ?",
                        {dead_letter_id});
  return r ? result<void>() : std::move(r).error();
}

// -- time -------------------------------------------------------------------------------------

std::optional<timestamp> exchange::next_due() const {
  const std::lock_guard lock(mutex_);
  return due_.empty() ? std::nullopt : std::optional(due_.begin()->first);
}

result<std::size_t> exchange::fire_due(transaction& tx, std::size_t limit) {
  // The queue changes only on this thread, after units; what is due now stays due in this one.
  std::vector<std::uint64_t> due;
  {
    const std::lock_guard lock(mutex_);
    for (auto it = due_.begin();
         it != due_.end() && it->first <= tx.now() && due.size() < limit; ++it) {
      due.push_back(it->second);
    }
  }
  for (const auto id : due) {
    const auto it = requests_.find(id);
    if (it == requests_.end()) {
      continue;
    }
    const auto what = it->second;
    auto r = what->kind == delivery_kind::timer ? fire_timer(tx, id, *what)
                                                : time_out(tx, id, *what);
    if (!r) {
      return std::move(r).error();
    }
  }
  return due.size();
}

/// Nobody answered: the asker hears of it, and the question need not be answered any more.
result<void> exchange::time_out(transaction& tx, std::uint64_t id, const request& r) {
  return end_unanswered(tx, id, r, r.write ? CDK_TOOL_UNKNOWN : CDK_E_DEADLINE,
                        "no answer before the deadline");
}

result<void> exchange::end_unanswered(transaction& tx, std::uint64_t id, const request& r,
                                      std::int32_t status, const char* why) {
  auto answered =
      reply(tx, r.replier, id, status, to_text(json{{"error", why}}), {r.seq});
  if (!answered) {
    return std::move(answered).error();
  }
  std::vector<std::int64_t> void_now;
  for (const auto& [delivery, to] : live_) {
    if (to.second == id && to.first == r.replier) {
      void_now.push_back(delivery);
    }
  }
  for (const auto delivery : void_now) {
    if (auto gone = remove(tx, delivery); !gone) {
      return gone;
    }
    tx.on_applied([this] {
      const std::lock_guard lock(mutex_);
      ++counters_.denied;
    });
  }
  return {};
}

result<void> exchange::fire_timer(transaction& tx, std::uint64_t id, const request& r) {
  const auto closed = close_request(tx, id); // `r` lives in it
  delivery d;
  d.event = timer_event(r.key, r.case_id, tx.now(), r.traceparent);
  d.receiver = r.asker;
  d.kind = delivery_kind::timer;
  d.topic = "timer";
  d.token = id;
  d.tag = r.tag;
  tx.on_applied([this] {
    const std::lock_guard lock(mutex_);
    ++counters_.timers;
  });
  return queue(tx, std::move(d));
}

result<void> exchange::load(connection& db) {
  auto requests = db.query("SELECT id, kind, asker, replier, topic, key, case_id, seq, due, tag, "
                           "write, trace FROM request");
  if (!requests) {
    return std::move(requests).error();
  }
  auto deliveries = db.query("SELECT id, receiver, token FROM delivery");
  if (!deliveries) {
    return std::move(deliveries).error();
  }
  auto highest = db.query(
    "SELECT max((SELECT coalesce(max(id), 0) FROM delivery)), "
    "max((SELECT coalesce(max(id), 0) FROM request), "
    "(SELECT coalesce(max(token), 0) FROM delivery), "
    "(SELECT coalesce(max(token), 0) FROM dead_letter)) ");
  if (!highest) {
    return std::move(highest).error();
  }
  const std::lock_guard lock(mutex_);
  for (const auto& r : *requests) {
    const request what{static_cast<delivery_kind>(r.integer(1)),
                       r.text(2),
                       r.text(3),
                       r.text(4),
                       r.text(5),
                       r.text(6),
                       r.number(7),
                       timestamp(std::chrono::microseconds(r.integer(8))),
                       r.text(9),
                       r.integer(10) != 0,
                       r.text(11)};
    due_.emplace(what.due, r.number(0));
    requests_.emplace(r.number(0), std::make_shared<const request>(what));
  }
  for (const auto& r : *deliveries) {
    live_.emplace(r.integer(0), std::pair(r.text(1), r.number(2)));
  }
  // Numbers are never used twice: a start leaves a gap larger than what a crash could lose.
  constexpr std::int64_t gap = 1'000'000;
  next_delivery_ = std::max(next_delivery_, highest->front().integer(0) + 1);
  next_request_ = static_cast<std::uint64_t>(highest->front().integer(1) + gap);
  return {};
}

result<std::vector<dead_letter>> exchange::dead_letters(connection& db, std::size_t limit) {
  auto rows = db.query("SELECT id, seq, receiver, topic, key, reason, code, time, attempts, "
                       "state FROM dead_letter ORDER BY id DESC LIMIT ?",
                       {static_cast<std::int64_t>(limit)});
  if (!rows) {
    return std::move(rows).error();
  }
  std::vector<dead_letter> out;
  for (const auto& r : *rows) {
    out.push_back({r.integer(0), r.number(1), r.text(2), r.text(3), r.text(4), r.text(5),
                   r.text(6), timestamp(std::chrono::microseconds(r.integer(7))),
                   static_cast<std::uint32_t>(r.integer(8)), r.text(9)});
  }
  return out;
}

counters exchange::count() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

} // namespace crossdock::dispatch
