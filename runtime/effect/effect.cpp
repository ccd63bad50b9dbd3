#include "effect/effect.hpp"

#include "crossdock/abi.h"
#include "escalate/escalate.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <functional>

namespace crossdock::effect {
namespace {

using dispatch::delivery;
using dispatch::delivery_kind;
using ledger::transaction;

constexpr std::chrono::seconds read_timeout{20};
constexpr std::chrono::seconds write_timeout{90};
constexpr int reads_max = 5;    ///< tries to re-read the facts before the approval is given up
constexpr int sends_max = 8;    ///< tries of a write that is certainly not done
constexpr std::chrono::milliseconds retry_max{60'000};

constexpr const char* schema_1 = R"sql(
CREATE TABLE effect(
  approval_id TEXT PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  case_id TEXT NOT NULL,
  tool TEXT NOT NULL,
  args TEXT NOT NULL,
  state TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  lookups INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  intent_seq INTEGER NOT NULL,
  updated INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX effect_case ON effect(case_id);
)sql";

std::chrono::milliseconds backoff(std::int64_t attempt) {
  return std::min<std::chrono::milliseconds>(
    std::chrono::milliseconds(200ll << std::min<std::int64_t>(attempt, 12)), retry_max);
}

/// "write|APPROVAL|2": what an answer belongs to.
struct mark {
  std::string phase;
  std::string approval;
  std::string rest;

  static mark parse(const std::string& tag) {
    mark m;
    const auto a = tag.find('|');
    const auto b = a == std::string::npos ? a : tag.find('|', a + 1);
    if (b != std::string::npos) {
      m.phase = tag.substr(0, a);
      m.approval = tag.substr(a + 1, b - a - 1);
      m.rest = tag.substr(b + 1);
    }
    return m;
  }
};

std::string_view outcome_name(std::int32_t status) {
  switch (status) {
  case CDK_TOOL_OK: return "ok";
  case CDK_TOOL_REFUSED: return "refused";
  case CDK_TOOL_NEEDS_PERSON: return "needs_person";
  case CDK_TOOL_CONFLICT: return "conflict";
  case CDK_TOOL_AUTH: return "auth";
  case CDK_TOOL_TRANSIENT: return "transient";
  case CDK_TOOL_NOT_FOUND: return "not_found";
  default: return "unknown";
  }
}

class gateway final : public host_actor<effect_handle> {
public:
  gateway(caf::actor_config& config, environment env)
    : host_actor(config, "effect", env.taps), env_(std::move(env)) {}

  behavior_type make_behavior() override {
    load();
    return {[](task& t) { t.run(); },
            [this](shut_down) { quit(caf::exit_reason::user_shutdown); },
            [this](status_request) {
              return status_report{to_text(json{{"checking", checks_.size()},
                                                {"executed", executed_},
                                                {"failed", failed_},
                                                {"superseded", superseded_},
                                                {"unknown", unknown_}})};
            },
            [this](execute& e) { check_facts(e.approval_id, 1, e.what); },
            [this](deliver& d) { answered(d.what); },
            [](tick) {}};
  }

  void on_exit() override { env_.exchange->detach("effect"); }

private:
  struct check {
    proposal what;
    std::vector<reread> reads;
    std::size_t open = 0;
    int attempt = 1;
    bool unreadable = false;
    std::string why;
    json drift = json::array();
    std::uint64_t epoch = 0;
  };

  void fail(const std::string& name, const error& e) {
    spdlog::error("effect: {}: {}", name, e.describe());
    if (e.code() == errc::unavailable) {
      quit(caf::make_error(caf::sec::runtime_error, e.describe()));
    }
  }

  /// Submits a class-a unit; `next` runs on this actor's turn when it was applied.
  void work(std::string name, std::function<result<void>(transaction&)> apply,
            std::function<void()> next = {},
            std::function<void(const error&)> otherwise = {}) {
    ledger::unit u;
    u.name = "effect." + name;
    u.cls = ledger::record_class::a;
    u.apply = std::move(apply);
    u.applied = on_own_turn([this, name, next = std::move(next),
                             otherwise = std::move(otherwise)](const result<ledger::receipt>& r) {
      if (r) {
        if (next) {
          next();
        }
      } else if (otherwise) {
        otherwise(r.error());
      } else {
        fail(name, r.error());
      }
    });
    env_.store->submit(std::move(u));
  }

  // -- starting ------------------------------------------------------------------------------

  void load() {
    struct found {
      std::vector<delivery> waiting;
      std::vector<std::string> ready;
      std::vector<std::string> resend;
      std::vector<std::pair<std::string, std::string>> unknown; ///< approval, tool
    };
    auto f = std::make_shared<found>();
    const auto sink = sink_of<deliver>();
    work(
      "load",
      [f, sink, exchange = env_.exchange](transaction& tx) -> result<void> {
        auto waiting = exchange->attach(tx, "effect", sink);
        if (!waiting) {
          return std::move(waiting).error();
        }
        f->waiting = std::move(*waiting);
        auto ready = escalate::ready(tx.db());
        if (!ready) {
          return std::move(ready).error();
        }
        f->ready = std::move(*ready);
        auto rows = tx.db().query(
          "SELECT approval_id, state, tool FROM effect WHERE state IN ('waiting', 'unknown')");
        if (!rows) {
          return std::move(rows).error();
        }
        for (const auto& r : *rows) {
          if (r.text(1) == "unknown") {
            f->unknown.emplace_back(r.text(0), r.text(2));
          } else {
            f->resend.push_back(r.text(0));
          }
        }
        return {};
      },
      [this, f] {
        for (auto& d : f->waiting) {
          answered(d);
        }
        for (const auto& id : f->ready) {
          check_facts(id, 1);
        }
        for (const auto& id : f->resend) {
          send(id);
        }
        for (const auto& [id, tool] : f->unknown) {
          look_up_settled(id, tool);
        }
      });
  }

  // -- 1. the facts, again -------------------------------------------------------------------

  void check_facts(const std::string& approval_id, int attempt,
                   const std::shared_ptr<const proposal>& known = nullptr) {
    if (attempt == 1 && checks_.contains(approval_id)) {
      return;
    }
    auto what = known ? result<proposal>(*known) : stored_proposal(approval_id);
    if (!what) {
      fail("check", what.error());
      return;
    }
    auto& c = checks_[approval_id];
    c = check{};
    c.what = std::move(*what);
    c.reads = rereads_of(c.what);
    c.open = c.reads.size();
    c.attempt = attempt;
    c.epoch = ++epoch_;
    if (c.reads.empty()) {
      consume(approval_id);
      return;
    }
    work("reread",
         [exchange = env_.exchange, approval_id, reads = c.reads, what = c.what,
          epoch = c.epoch](transaction& tx) -> result<void> {
           auto trace = exchange->trace_of(tx, approval_id);
           if (!trace) {
             return std::move(trace).error();
           }
           for (std::size_t i = 0; i < reads.size(); ++i) {
             envelope e;
             e.type = reads[i].tool;
             e.dataschema = reads[i].tool + "/1";
             e.case_id = what.case_id;
             e.traceparent = *trace;
             e.subject = what.object_key;
             e.causes = what.causes;
             e.data = to_text(reads[i].args);
             auto seq =
               exchange->call(tx, "effect", exchange->new_request_id(), delivery_kind::call,
                              std::move(e), "", read_timeout,
                              fmt::format("read|{}|{}.{}", approval_id, i, epoch));
             if (!seq) {
               return std::move(seq).error();
             }
           }
           return {};
         });
  }

  result<proposal> stored_proposal(const std::string& approval_id) const {
    auto db = env_.store->reader();
    if (!db) {
      return std::move(db).error();
    }
    auto found = escalate::find(**db, approval_id);
    if (!found) {
      return std::move(found).error();
    }
    return std::move(found->what);
  }

  void read_answered(const delivery& d, const mark& m) {
    const auto dot = m.rest.find('.');
    const auto it = checks_.find(m.approval);
    if (dot == std::string::npos || it == checks_.end() ||
        std::to_string(it->second.epoch) != m.rest.substr(dot + 1)) {
      return; // of an earlier try
    }
    auto& c = it->second;
    const auto index = std::stoul(m.rest.substr(0, dot));
    if (index >= c.reads.size() || c.open == 0) {
      return;
    }
    if (d.status != CDK_TOOL_OK) {
      c.unreadable = true;
      c.why = fmt::format("{} answered {}", d.topic, outcome_name(d.status));
    } else if (auto answer = document_of(*d.event); answer) {
      for (auto& moved : drift_of(c.what, c.reads[index], **answer)) {
        c.drift.push_back(std::move(moved));
      }
    } else {
      c.unreadable = true;
      c.why = answer.error().describe();
    }
    if (--c.open > 0) {
      return;
    }
    if (c.unreadable) {
      if (c.attempt < reads_max) {
        delayed_send(this, backoff(c.attempt),
                     task{[this, id = m.approval, next = c.attempt + 1] {
                       check_facts(id, next);
                     }});
      } else {
        supersede(m.approval, {{"reason", "the facts could not be read again: " + c.why}});
      }
      return;
    }
    if (!c.drift.empty()) {
      supersede(m.approval, {{"reason", "facts moved since the decision"}, {"moved", c.drift}});
      return;
    }
    consume(m.approval);
  }

  void supersede(const std::string& approval_id, json detail) {
    ++superseded_;
    checks_.erase(approval_id);
    work(
      "supersede",
      [exchange = env_.exchange, approval_id, detail](transaction& tx) -> result<void> {
        if (auto r = escalate::supersede(tx, approval_id, detail); !r) {
          return std::move(r).error();
        }
        auto told = exchange->tell_outcome(tx, approval_id, "superseded", detail, "effect", {});
        return told ? result<void>() : std::move(told).error();
      },
      {}, [this](const error& e) { lost_race("supersede", e); });
  }

  void lost_race(const char* what, const error& e) {
    // Revoked, expired or superseded meanwhile: whoever did that has told the proposer.
    if (e.code() == errc::conflict || e.code() == errc::not_found) {
      spdlog::info("effect: {}: {}", what, e.describe());
    } else {
      fail(what, e);
    }
  }

  // -- 2. consume and send -------------------------------------------------------------------

  void consume(const std::string& approval_id) {
    const auto it = checks_.find(approval_id);
    if (it == checks_.end()) {
      return;
    }
    auto what = std::make_shared<const proposal>(std::move(it->second.what));
    checks_.erase(it);
    work(
      "intent",
      [this_exchange = env_.exchange, approval_id, what](transaction& tx) -> result<void> {
        if (auto r = escalate::consume(tx, approval_id, what->action_digest()); !r) {
          return std::move(r).error();
        }
        const auto key = what->idempotency_key();
        ledger::record intent;
        intent.kind = "effect";
        intent.cls = ledger::record_class::a;
        intent.id = approval_id;
        intent.source = "effect";
        intent.target = what->tool;
        intent.case_id = what->case_id;
        intent.tenant = what->tenant;
        if (auto trace = this_exchange->trace_of(tx, approval_id)) {
          intent.traceparent = std::move(*trace);
        }
        intent.causes = what->causes;
        intent.detail = {{"state", "intent"},
                         {"key", key},
                         {"tool", what->tool},
                         {"digest", what->action_digest()},
                         {"reversal", what->reversal}};
        intent.body = to_text(what->args);
        auto seq = tx.append(intent);
        if (!seq) {
          return std::move(seq).error();
        }
        // What certainly failed may be tried again under the same key; its row stays, renamed.
        auto freed = tx.db().exec("UPDATE effect SET key = key || '#' || approval_id "
                                  "WHERE key = ? AND state = 'failed'",
                                  {key});
        if (!freed) {
          return std::move(freed).error();
        }
        auto row = tx.db().exec(
          "INSERT INTO effect(approval_id, key, case_id, tool, args, state, attempts, lookups, "
          "outcome, intent_seq, updated) VALUES(?,?,?,?,?,'sent',1,0,'{}',?,?)",
          {approval_id, key, what->case_id, what->tool, to_text(what->args),
           static_cast<std::int64_t>(*seq), tx.now().time_since_epoch().count()});
        if (!row) {
          return row.error().code() == errc::conflict
                   ? error(errc::exists, "this action was done in this case already, or is under "
                                         "way (key " + key + ")")
                   : std::move(row).error();
        }
        return call(tx, *this_exchange, delivery_kind::call, approval_id, 1, *seq);
      },
      {}, [this, approval_id](const error& e) {
        if (e.code() == errc::exists) {
          supersede(approval_id, {{"reason", e.message()}});
        } else {
          lost_race("intent", e);
        }
      });
  }

  /// Queues the write or its look-up for the connector, from the effect's row.
  static result<void> call(transaction& tx, dispatch::exchange& exchange, delivery_kind kind,
                           const std::string& approval_id, std::int64_t number,
                           std::uint64_t cause) {
    auto rows = tx.db().query(
      "SELECT key, case_id, tool, args FROM effect WHERE approval_id = ?", {approval_id});
    if (!rows) {
      return std::move(rows).error();
    }
    if (rows->empty()) {
      return error(errc::not_found, "no such effect").at("approval", approval_id);
    }
    const auto& row = rows->front();
    envelope e;
    e.type = row.text(2);
    e.dataschema = e.type + "/1";
    e.case_id = row.text(1);
    if (auto trace = exchange.trace_of(tx, approval_id)) {
      e.traceparent = std::move(*trace);
    }
    e.subject = row.text(0);
    e.data = row.text(3);
    e.causes = {cause};
    auto seq = exchange.call(
      tx, "effect", exchange.new_request_id(), kind, std::move(e), row.text(0), write_timeout,
      fmt::format("{}|{}|{}", kind == delivery_kind::lookup ? "lookup" : "write", approval_id,
                  number));
    return seq ? result<void>() : std::move(seq).error();
  }

  /// Sends again what is certainly not done, with the same key.
  void send(const std::string& approval_id) {
    work("send", [exchange = env_.exchange, approval_id](transaction& tx) -> result<void> {
      auto rows = tx.db().query(
        "UPDATE effect SET state = 'sent', attempts = attempts + 1, updated = ? "
        "WHERE approval_id = ? AND state IN ('waiting', 'unknown') "
        "RETURNING attempts, intent_seq",
        {tx.now().time_since_epoch().count(), approval_id});
      if (!rows) {
        return std::move(rows).error();
      }
      if (rows->empty()) {
        return {};
      }
      return call(tx, *exchange, delivery_kind::call, approval_id, rows->front().integer(0),
                  rows->front().number(1));
    });
  }

  // -- 3. outcomes ---------------------------------------------------------------------------

  void answered(const delivery& d) {
    const auto m = mark::parse(d.tag);
    if (m.phase == "write" || m.phase == "lookup") {
      settle(d, m);
      return;
    }
    work("reread", [exchange = env_.exchange, id = d.id](transaction& tx) {
      return exchange->finish(tx, id);
    });
    if (m.phase == "read") {
      read_answered(d, m);
    }
  }

  void settle(const delivery& d, const mark& m) {
    const bool lookup = m.phase == "lookup";
    const auto payload = document_of(*d.event, {.bytes = 8u << 20});
    json detail = payload && (*payload)->is_object() ? **payload : json::object();
    detail["answer"] = outcome_name(d.status);

    if (d.status == CDK_TOOL_OK) {
      ++executed_;
      finish(d, m, "executed", lookup ? "reconciled" : "executed", "executed", detail);
    } else if (lookup && d.status == CDK_TOOL_NOT_FOUND) {
      // Certainly not there: the same write with the same key may go out once more.
      step_back(d, m, "unknown", detail, [this, id = m.approval] { send(id); });
    } else if (lookup) {
      step_back(d, m, "unknown", detail,
                [this, id = m.approval] { look_up_later(id, ++lookups_[id]); });
    } else if (d.status == CDK_TOOL_REFUSED || d.status == CDK_TOOL_NEEDS_PERSON) {
      ++failed_;
      finish(d, m, "failed", "failed", "failed", detail);
    } else if (d.status == CDK_TOOL_CONFLICT) {
      ++failed_;
      finish(d, m, "failed", "failed", "superseded", detail);
    } else if (d.status == CDK_TOOL_TRANSIENT || d.status == CDK_TOOL_AUTH ||
               d.status == CDK_E_ABSENT) {
      const auto sent = std::strtol(m.rest.c_str(), nullptr, 10);
      if (sent >= sends_max) {
        ++failed_;
        finish(d, m, "failed", "failed", "failed", detail);
        return;
      }
      step_back(d, m, "waiting", detail, [this, id = m.approval, sent] {
        delayed_send(this, backoff(sent), task{[this, id] { send(id); }});
      });
    } else {
      ++unknown_;
      unknown(d, m, detail);
    }
  }

  static ledger::record outcome_record(const std::string& approval_id, const delivery& d,
                                       const std::string& state, const json& detail) {
    ledger::record r;
    r.kind = "effect";
    r.cls = ledger::record_class::a;
    r.id = approval_id;
    r.source = "effect";
    r.target = d.topic;
    r.case_id = d.event->case_id;
    r.traceparent = d.event->traceparent;
    r.causes = {d.seq};
    r.detail = {{"state", state}, {"answer", text_or(detail, "answer")}};
    for (const auto* name : {"reference", "record", "system"}) {
      if (const auto text = text_or(detail, name); !text.empty()) {
        r.detail[name] = text;
      }
    }
    r.body = to_text(detail);
    return r;
  }

  static result<void> write_state(transaction& tx, const std::string& approval_id,
                                  const std::string& state, const json& detail) {
    auto r = tx.db().exec(
      "UPDATE effect SET state = ?, outcome = ?, updated = ? WHERE approval_id = ?",
      {state, to_text(detail), tx.now().time_since_epoch().count(), approval_id});
    return r ? result<void>() : std::move(r).error();
  }

  /// What an answer changes, in one unit with the end of its delivery. An answer that its effect
  /// no longer waits for (a late look-up, an earlier attempt) changes nothing.
  void conclude(std::string name, const delivery& d, const mark& m, std::string recorded,
                json detail,
                std::function<result<void>(transaction&, std::uint64_t seq)> change,
                std::function<void()> next = {}) {
    auto awaited = std::make_shared<bool>(false);
    work(
      std::move(name),
      [exchange = env_.exchange, d, m, recorded = std::move(recorded), detail = std::move(detail),
       change = std::move(change), awaited](transaction& tx) -> result<void> {
        if (auto r = exchange->finish(tx, d.id); !r) {
          return r;
        }
        auto rows = tx.db().query("SELECT state, attempts FROM effect WHERE approval_id = ?",
                                  {m.approval});
        if (!rows) {
          return std::move(rows).error();
        }
        *awaited = !rows->empty() &&
                   (m.phase == "lookup" ? rows->front().text(0) == "unknown"
                                        : rows->front().text(0) == "sent" &&
                                            std::to_string(rows->front().integer(1)) == m.rest);
        if (!*awaited) {
          return {};
        }
        auto seq = tx.append(outcome_record(m.approval, d, recorded, detail));
        return seq ? change(tx, *seq) : result<void>(seq.error());
      },
      [awaited, next = std::move(next)] {
        if (*awaited && next) {
          next();
        }
      });
  }

  /// The end of an effect: row, approval, record and the proposer's news in one unit.
  void finish(const delivery& d, const mark& m, const std::string& state,
              const std::string& approval_state, const std::string& told, json detail) {
    conclude("outcome", d, m, approval_state, detail,
             [exchange = env_.exchange, id = m.approval, state, approval_state, told,
              detail](transaction& tx, std::uint64_t seq) -> result<void> {
               if (auto r = write_state(tx, id, state, detail); !r) {
                 return r;
               }
               auto ended = escalate::finish(tx, id, approval_state, detail);
               if (!ended && ended.error().code() == errc::conflict) {
                 // It was in doubt before: whatever is known now reconciles it.
                 ended = escalate::finish(tx, id, "reconciled", detail);
               }
               if (!ended) {
                 return std::move(ended).error();
               }
               auto news = exchange->tell_outcome(tx, id, told, detail, "effect", {seq});
               return news ? result<void>() : std::move(news).error();
             });
    lookups_.erase(m.approval);
  }

  void unknown(const delivery& d, const mark& m, const json& detail) {
    conclude(
      "unknown", d, m, "unknown", detail,
      [exchange = env_.exchange, id = m.approval, detail](transaction& tx,
                                                          std::uint64_t seq) -> result<void> {
        if (auto r = write_state(tx, id, "unknown", detail); !r) {
          return r;
        }
        // A second unknown of the same effect changes nothing in the approval.
        if (auto r = escalate::finish(tx, id, "unknown", detail);
            !r && r.error().code() != errc::conflict) {
          return std::move(r).error();
        }
        auto news = exchange->tell_outcome(tx, id, "unknown", detail, "effect", {seq});
        return news ? result<void>() : std::move(news).error();
      },
      [this, id = m.approval, tool = d.topic] { look_up_settled(id, tool); });
  }

  /// Not finished yet: the row says what is next, `then` does it.
  void step_back(const delivery& d, const mark& m, const std::string& state, const json& detail,
                 std::function<void()> then) {
    conclude(
      "wait", d, m, state, detail,
      [id = m.approval, state, detail](transaction& tx, std::uint64_t) {
        return write_state(tx, id, state, detail);
      },
      std::move(then));
  }

  // -- 4. the unknown ------------------------------------------------------------------------

  /// A write whose answer was lost may still be under way over there: the first look-up waits
  /// until the tool says that it has settled.
  void look_up_settled(const std::string& approval_id, const std::string& tool) {
    const auto wait = env_.settle ? env_.settle(tool) : std::chrono::milliseconds(0);
    delayed_send(this, wait, task{[this, approval_id] { look_up(approval_id); }});
  }

  void look_up_later(const std::string& approval_id, int attempt) {
    delayed_send(this, backoff(attempt), task{[this, approval_id] { look_up(approval_id); }});
  }

  void look_up(const std::string& approval_id) {
    work("lookup", [exchange = env_.exchange, approval_id](transaction& tx) -> result<void> {
      auto rows = tx.db().query("UPDATE effect SET lookups = lookups + 1 "
                                "WHERE approval_id = ? AND state = 'unknown' "
                                "RETURNING lookups, intent_seq",
                                {approval_id});
      if (!rows) {
        return std::move(rows).error();
      }
      if (rows->empty()) {
        return {};
      }
      return call(tx, *exchange, delivery_kind::lookup, approval_id, rows->front().integer(0),
                  rows->front().number(1));
    });
  }

  environment env_;
  std::map<std::string, check> checks_;
  std::map<std::string, int> lookups_;
  std::uint64_t epoch_ = 0;
  std::uint64_t executed_ = 0;
  std::uint64_t failed_ = 0;
  std::uint64_t superseded_ = 0;
  std::uint64_t unknown_ = 0;
};

} // namespace

std::vector<ledger::migration> migrations() { return {{"effect", 1, schema_1}}; }

effect_handle start(caf::actor_system& system, environment env) {
  return system.spawn<gateway>(std::move(env));
}

result<std::vector<effect_row>> list(ledger::connection& db, std::string_view case_id,
                                     std::size_t limit) {
  auto rows = db.query("SELECT approval_id, key, case_id, tool, state, attempts, outcome, updated "
                       "FROM effect WHERE ?1 = '' OR case_id = ?1 ORDER BY updated DESC LIMIT ?2",
                       {std::string(case_id), static_cast<std::int64_t>(limit)});
  if (!rows) {
    return std::move(rows).error();
  }
  std::vector<effect_row> out;
  for (const auto& r : *rows) {
    auto outcome = parse_json(r.text(6), {.bytes = 8u << 20});
    out.push_back({r.text(0), r.text(1), r.text(2), r.text(3), r.text(4), r.integer(5),
                   outcome ? std::move(*outcome) : json::object(),
                   timestamp(std::chrono::microseconds(r.integer(7)))});
  }
  return out;
}

} // namespace crossdock::effect
