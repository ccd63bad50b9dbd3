#include "escalate/approval_rows.hpp"

namespace crossdock::escalate {
namespace {

bool passed(const std::optional<timestamp>& t, timestamp now) {
  return t && now >= *t;
}

result<due> expire(ledger::transaction& tx, approval a, timestamp now, std::string why) {
  a.reason = std::move(why);
  auto r = advance(tx, a, now, {.to = state::expired, .event = "expired"});
  if (!r) {
    return std::move(r).error();
  }
  return due{due::what::expired, std::move(a)};
}

/// The next stage takes over; its own deadlines begin now, not when they could have
/// begun, so that a node that was down for a day still gives every stage its time.
result<due> hand_on(ledger::transaction& tx, approval a, timestamp now) {
  if (static_cast<std::size_t>(a.stage) + 1 >= a.chain.stages.size()) {
    return expire(tx, std::move(a), now, "the last stage did not decide in time");
  }
  ++a.stage;
  begin_stage(a, now);
  auto r = advance(tx, a, now, {.to = state::pending, .event = "escalated"});
  if (!r) {
    return std::move(r).error();
  }
  return due{due::what::escalated, std::move(a)};
}

result<due> remind(ledger::transaction& tx, approval a, timestamp now) {
  a.remind_at.reset();
  auto r = advance(tx, a, now, {.to = state::pending, .event = "reminded"});
  if (!r) {
    return std::move(r).error();
  }
  return due{due::what::reminded, std::move(a)};
}

} // namespace

result<std::vector<due>> tick(ledger::transaction& tx, timestamp at) {
  const auto now = latest_time(tx, at);
  if (!now) {
    return now.error();
  }
  auto rows =
      load(tx.db(), "next_at <= ? ORDER BY next_at, id LIMIT ?",
           {now->time_since_epoch().count(), static_cast<std::int64_t>(limits::due_max)});
  if (!rows) {
    return std::move(rows).error();
  }
  std::vector<due> out;
  for (auto& a : *rows) {
    auto event = passed(a.expires_at, *now)
                     ? expire(tx, std::move(a), *now, "nobody used it in time")
                 : passed(a.escalate_at, *now) ? hand_on(tx, std::move(a), *now)
                                               : remind(tx, std::move(a), *now);
    if (!event) {
      return std::move(event).error();
    }
    out.push_back(std::move(*event));
  }
  return out;
}

result<std::optional<timestamp>> next_deadline(ledger::connection& db) {
  const auto rows =
      db.query("SELECT min(next_at) FROM approval WHERE next_at IS NOT NULL");
  if (!rows) {
    return rows.error();
  }
  if (rows->empty() || rows->front().is_null(0)) {
    return std::optional<timestamp>();
  }
  return std::optional(timestamp(std::chrono::microseconds(rows->front().integer(0))));
}

} // namespace crossdock::escalate
