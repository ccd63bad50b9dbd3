#include "host/journal.hpp"

#include "base/digest.hpp"
#include "host/child/wire.hpp"

namespace crossdock::host {
namespace {

using child::packer;
using child::unpacker;
using dispatch::delivery_kind;

std::string digest_of(const payload& p) {
  return to_hex(sha256_of(p.document ? to_text(*p.document) : p.text)).substr(0, 32);
}

template <class... F>
struct overloaded : F... {
  using F::operator()...;
};

std::string pack_asks(const std::vector<effect>& effects) {
  packer p;
  std::uint32_t n = 0;
  packer all;
  for (const auto& e : effects) {
    if (const auto a = asked_by(e)) {
      all.number(a->request).text(a->name).text(a->digest);
      ++n;
    }
  }
  return n == 0 ? std::string() : (p.number(n).append(all), p.bytes());
}

std::string pack_before(const step& s) {
  if (s.changes.empty()) {
    return {};
  }
  packer p;
  p.number(static_cast<std::uint32_t>(s.changes.size()));
  for (const auto& [key, change] : s.changes) {
    const auto it = s.memory().find(key);
    const bool was = it != s.memory().end();
    p.text(key).number(static_cast<std::uint8_t>(was));
    if (was) {
      p.text(it->second.bytes).number(it->second.expires_us);
    }
  }
  return p.bytes();
}

result<journal_entry> read_entry(ledger::connection& db, const ledger::row& r) {
  journal_entry e;
  e.n = r.integer(0);
  e.at = timestamp(std::chrono::microseconds(r.integer(1)));
  e.what.kind = static_cast<std::uint32_t>(r.integer(2));
  e.seed = r.number(3);
  const auto seq = r.number(4);
  if (e.what.kind != CDK_EV_START && e.what.kind != CDK_EV_POSTED) {
    dispatch::delivery d;
    d.seq = seq;
    d.kind = static_cast<delivery_kind>(e.what.kind);
    d.topic = r.text(5);
    d.token = r.number(6);
    d.status = static_cast<std::int32_t>(r.integer(7));
    d.tag = r.text(8);
    d.idempotency_key = r.text(9);
    if (seq == 0) {
      d.event = dispatch::exchange::timer_event_of(r.text(10), r.text(11));
    } else {
      auto event = dispatch::exchange::event_of(db, seq, r.text(10));
      if (!event) {
        return std::move(event).error();
      }
      d.event = std::move(*event);
    }
    e.what.row = std::move(d);
  }
  const auto asks = r.text(12);
  unpacker in(asks);
  for (auto n = asks.empty() ? 0u : in.number<std::uint32_t>(); n > 0 && in.good(); --n) {
    asked a;
    a.request = in.number<std::uint64_t>();
    a.name = in.text();
    a.digest = in.text();
    e.asks.push_back(std::move(a));
  }
  const auto before = r.text(13);
  unpacker was(before);
  for (auto n = before.empty() ? 0u : was.number<std::uint32_t>(); n > 0 && was.good();
       --n) {
    const std::string key(was.text());
    auto& value = e.before[key];
    if (was.number<std::uint8_t>() != 0) {
      value.emplace();
      value->bytes = was.text();
      value->expires_us = was.number<std::int64_t>();
    }
  }
  if (!in.good() || !was.good()) {
    return error(errc::corrupt, "a row of the journal of steps cannot be read")
        .at("step", std::to_string(e.n));
  }
  return e;
}

} // namespace

std::optional<asked> asked_by(const effect& e) {
  return std::visit(
      overloaded{[](const ask_effect& a) -> std::optional<asked> {
                   return asked{a.request, a.question, digest_of(a.payload)};
                 },
                 [](const call_effect& c) -> std::optional<asked> {
                   return asked{c.request, c.tool, digest_of(c.args)};
                 },
                 [](const auto&) -> std::optional<asked> { return std::nullopt; }},
      e);
}

std::string tag_of(const effect& e) {
  return std::visit(overloaded{[](const ask_effect& a) { return a.tag; },
                               [](const call_effect& c) { return c.tag; },
                               [](const timer_effect& t) { return t.tag; },
                               [](const propose_effect& p) { return p.tag; },
                               [](const auto&) { return std::string(); }},
                    e);
}

journal_line line_of(std::int64_t n, std::uint64_t seed, const step& s) {
  return {n, s.now(), seed, pack_asks(s.effects), pack_before(s)};
}

result<void> write_line(ledger::transaction& tx, const std::string& component,
                        const job& j, const journal_line& line) {
  static const dispatch::delivery nothing;
  const auto& d = j.row ? *j.row : nothing;
  const auto at = line.at.time_since_epoch().count();
  auto r = tx.db().exec(
      "INSERT INTO step_journal(component, n, at, kind, seed, seq, topic, token, status, "
      "tag, idempotency_key, key, case_id, asks, before) "
      "VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
      {component, line.n, static_cast<std::int64_t>(at),
       static_cast<std::int64_t>(j.kind), static_cast<std::int64_t>(line.seed),
       static_cast<std::int64_t>(d.seq), d.topic, static_cast<std::int64_t>(d.token),
       static_cast<std::int64_t>(d.status), ledger::blob{j.row ? d.tag : j.tag},
       d.idempotency_key, d.event ? d.event->subject : std::string(),
       d.event ? d.event->case_id : std::string(), ledger::blob{line.asks},
       ledger::blob{line.before}});
  if (r && line.drop_through > 0) {
    r = tx.db().exec("DELETE FROM step_journal WHERE component = ? AND n <= ?",
                     {component, line.drop_through});
  }
  return r ? result<void>() : std::move(r).error();
}

void journal_window::found(std::int64_t n, std::size_t bytes) {
  lines_.emplace_back(n, bytes);
  bytes_ += bytes;
}

void journal_window::add(journal_line& line, std::size_t tag_bytes) {
  constexpr std::size_t line_bytes = 200; ///< of its other columns, about
  found(line.n, line_bytes + line.asks.size() + line.before.size() + tag_bytes);
  // A few at a time: a statement for each line would cost as much as the line.
  constexpr std::size_t slack = 64;
  constexpr auto steps_max = static_cast<std::size_t>(journal_steps_max);
  if (lines_.size() < steps_max + slack && bytes_ <= journal_bytes_max) {
    return;
  }
  const auto bytes =
      bytes_ > journal_bytes_max ? journal_bytes_max / 2 : journal_bytes_max;
  while (!lines_.empty() && (lines_.size() > steps_max || bytes_ > bytes)) {
    line.drop_through = lines_.front().first;
    bytes_ -= lines_.front().second;
    lines_.pop_front();
  }
}

result<journal_window> window_of(ledger::connection& db, const std::string& component) {
  auto rows = db.query("SELECT n, 200 + length(asks) + length(before) + length(tag) FROM "
                       "step_journal WHERE component = ? ORDER BY n",
                       {component});
  if (!rows) {
    return std::move(rows).error();
  }
  journal_window out;
  for (const auto& r : *rows) {
    out.found(r.integer(0), static_cast<std::size_t>(r.integer(1)));
  }
  return out;
}

result<std::int64_t> last_step(ledger::connection& db, const std::string& component) {
  auto rows =
      db.query("SELECT max(n) FROM step_journal WHERE component = ?", {component});
  if (!rows) {
    return std::move(rows).error();
  }
  return rows->empty() || rows->front().is_null(0) ? 0 : rows->front().integer(0);
}

result<std::vector<journal_entry>> read_journal(ledger::connection& db,
                                                const std::string& component,
                                                std::int64_t after, timestamp since,
                                                std::size_t limit) {
  auto rows = db.query(
      "SELECT n, at, kind, seed, seq, topic, token, status, tag, idempotency_key, key, "
      "case_id, asks, before FROM (SELECT * FROM step_journal WHERE component = ?1 AND "
      "n > ?2 AND at >= ?3 ORDER BY n DESC LIMIT ?4) ORDER BY n",
      {component, after, static_cast<std::int64_t>(since.time_since_epoch().count()),
       static_cast<std::int64_t>(limit)});
  if (!rows) {
    return std::move(rows).error();
  }
  std::vector<journal_entry> out;
  for (const auto& r : *rows) {
    auto e = read_entry(db, r);
    if (!e) {
      return std::move(e).error();
    }
    out.push_back(std::move(*e));
  }
  return out;
}

result<memory_view> memory_of(ledger::connection& db, const std::string& component) {
  auto rows =
      db.query("SELECT key, value, expires FROM memory WHERE component = ?", {component});
  if (!rows) {
    return std::move(rows).error();
  }
  memory_view out;
  for (const auto& r : *rows) {
    out[r.text(0)] = {r.text(1), r.integer(2)};
  }
  return out;
}

void undo(memory_view& memory, const std::vector<journal_entry>& entries) {
  for (auto e = entries.rbegin(); e != entries.rend(); ++e) {
    for (const auto& [key, value] : e->before) {
      if (value) {
        memory[key] = *value;
      } else {
        memory.erase(key);
      }
    }
  }
}

} // namespace crossdock::host
