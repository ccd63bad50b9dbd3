#include "escalate/approval_rows.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace crossdock::escalate {
namespace {

constexpr const char* schema_1 = R"(
CREATE TABLE approval(
  id TEXT PRIMARY KEY,
  version INTEGER NOT NULL,
  state TEXT NOT NULL,
  tenant TEXT NOT NULL,
  case_id TEXT NOT NULL,
  tool TEXT NOT NULL,
  object_key TEXT NOT NULL,
  digest TEXT NOT NULL,
  requester TEXT NOT NULL,
  agent_owner TEXT NOT NULL,
  chain TEXT NOT NULL,
  stage INTEGER NOT NULL,
  counted INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  remind_at INTEGER,
  escalate_at INTEGER,
  expires_at INTEGER,
  next_at INTEGER,
  decided_by TEXT NOT NULL,
  reason TEXT NOT NULL,
  outcome TEXT NOT NULL,
  proposal TEXT NOT NULL,
  verdict TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX approval_live ON approval(tenant, tool, object_key)
  WHERE object_key <> '' AND state IN ('pending', 'allowed', 'approved');
CREATE INDEX approval_under_way ON approval(tenant, tool, object_key)
  WHERE state IN ('consumed', 'unknown');
CREATE INDEX approval_due ON approval(next_at) WHERE next_at IS NOT NULL;
CREATE INDEX approval_state ON approval(state, id);
CREATE INDEX approval_case ON approval(case_id);
CREATE TABLE approval_decision(
  decision_id TEXT PRIMARY KEY,
  approval_id TEXT NOT NULL REFERENCES approval(id),
  body_sha256 TEXT NOT NULL,
  person TEXT NOT NULL,
  stage INTEGER NOT NULL,
  approve INTEGER NOT NULL,
  reason TEXT NOT NULL,
  at INTEGER NOT NULL,
  state_after TEXT NOT NULL,
  version_after INTEGER NOT NULL,
  stage_after INTEGER NOT NULL,
  counted_after INTEGER NOT NULL
) STRICT;
CREATE INDEX approval_decision_of ON approval_decision(approval_id, at);
CREATE TABLE approval_clock(id INTEGER PRIMARY KEY CHECK (id = 1), seen INTEGER NOT NULL) STRICT;
)";

constexpr const char* schema_2 = R"(
ALTER TABLE approval ADD COLUMN edited TEXT NOT NULL DEFAULT '';
CREATE TABLE approval_edit(
  decision_id TEXT PRIMARY KEY,
  approval_id TEXT NOT NULL REFERENCES approval(id),
  new_id TEXT NOT NULL REFERENCES approval(id),
  body_sha256 TEXT NOT NULL
) STRICT;
)";

/// Proposals are bounded by the host's effect limits; a stored one is never larger than
/// this.
constexpr json_limits stored{.bytes = 8u << 20, .depth = 128};

std::int64_t micros(timestamp t) {
  return t.time_since_epoch().count();
}

ledger::value micros(const std::optional<timestamp>& t) {
  return t ? ledger::value(micros(*t)) : ledger::value();
}

std::optional<timestamp> time_at(const ledger::row& r, std::size_t i) {
  return r.is_null(i) ? std::nullopt
                      : std::optional(timestamp(std::chrono::microseconds(r.integer(i))));
}

std::optional<timestamp> next_of(const approval& a) {
  std::optional<timestamp> next;
  const auto take = [&](const std::optional<timestamp>& t) {
    if (t && (!next || *t < *next)) {
      next = t;
    }
  };
  if (a.at == state::pending) {
    take(a.remind_at);
    take(a.escalate_at);
  }
  if (a.at == state::pending || a.at == state::allowed || a.at == state::approved) {
    take(a.expires_at);
  }
  return next;
}

/// The column `edited`: empty for almost every approval.
std::string edited_text(const approval& a) {
  const auto& e = a.edited;
  if (e.from.empty() && e.to.empty()) {
    return {};
  }
  json out{{"to", e.to}};
  if (!e.from.empty()) {
    out["from"] = e.from;
    out["by"] = e.by;
    out["reason"] = e.reason;
    out["difference"] = e.difference;
    out["at"] = micros(e.at);
    out["editors"] = a.involved.editors;
  }
  return to_text(out);
}

result<void> read_edited(const std::string& text, approval& a) try {
  if (text.empty()) {
    return {};
  }
  const auto v = parse_json(text, stored);
  if (!v) {
    return v.error();
  }
  a.edited.to = v->at("to").get<std::string>();
  if (v->contains("from")) {
    a.edited.from = v->at("from").get<std::string>();
    a.edited.by = v->at("by").get<std::string>();
    a.edited.reason = v->at("reason").get<std::string>();
    a.edited.difference = v->at("difference");
    a.edited.at = timestamp(std::chrono::microseconds(v->at("at").get<std::int64_t>()));
    a.involved.editors = v->at("editors").get<std::vector<std::string>>();
  }
  return {};
} catch (const json::exception& e) {
  return error(errc::corrupt, e.what());
}

error damaged(const std::string& id, const error& why) {
  return error(errc::corrupt, "the stored approval can not be read: " + why.describe())
      .at("approval", id);
}

result<approval> approval_of(const ledger::row& r) {
  approval a;
  a.id = r.text(0);
  a.version = r.integer(1);
  const auto at = state_from(r.text(2));
  if (!at) {
    return damaged(a.id, at.error());
  }
  a.at = *at;
  a.digest = r.text(3);
  a.involved = {r.text(4), r.text(5), {}};
  if (const auto text = r.text(6); !text.empty()) {
    const auto parsed = parse_json(text, stored);
    auto c =
        parsed ? gate::chain::from_json(*parsed) : result<gate::chain>(parsed.error());
    if (!c) {
      return damaged(a.id, c.error());
    }
    a.chain = std::move(*c);
  }
  a.stage = static_cast<int>(r.integer(7));
  a.counted = static_cast<int>(r.integer(8));
  a.created_at = timestamp(std::chrono::microseconds(r.integer(9)));
  a.updated_at = timestamp(std::chrono::microseconds(r.integer(10)));
  a.remind_at = time_at(r, 11);
  a.escalate_at = time_at(r, 12);
  a.expires_at = time_at(r, 13);
  a.decided_by = r.text(14);
  a.reason = r.text(15);
  auto outcome = parse_json(r.text(16), stored);
  const auto what = parse_json(r.text(17), stored);
  auto p = what ? proposal::from_json(*what) : result<proposal>(what.error());
  const auto judged = parse_json(r.text(18), stored);
  auto v = judged ? verdict::from_json(*judged) : result<verdict>(judged.error());
  if (!outcome || !p || !v) {
    return damaged(a.id, !outcome ? outcome.error() : !p ? p.error() : v.error());
  }
  a.outcome = std::move(*outcome);
  a.what = std::move(*p);
  a.judged = std::move(*v);
  if (auto e = read_edited(r.text(19), a); !e) {
    return damaged(a.id, e.error());
  }
  return a;
}

result<void> load_votes(ledger::connection& db, approval& a) {
  const auto rows =
      db.query("SELECT decision_id, person, stage, approve, reason, at "
               "FROM approval_decision WHERE approval_id = ? ORDER BY at, rowid",
               {a.id});
  if (!rows) {
    return rows.error();
  }
  for (const auto& r : *rows) {
    a.votes.push_back({r.text(0), r.text(1), static_cast<int>(r.integer(2)),
                       r.integer(3) != 0, r.text(4),
                       timestamp(std::chrono::microseconds(r.integer(5)))});
  }
  return {};
}

} // namespace

std::vector<ledger::migration> migrations() {
  return {{"escalate", 1, schema_1}, {"escalate", 2, schema_2}};
}

result<timestamp> latest_time(ledger::transaction& tx, timestamp now) {
  const auto rows = tx.db().query(
      "INSERT INTO approval_clock(id, seen) VALUES(1, ?) ON CONFLICT(id) DO UPDATE "
      "SET seen = max(seen, excluded.seen) RETURNING seen",
      {micros(std::max(now, tx.now()))});
  if (!rows) {
    return rows.error();
  }
  return timestamp(std::chrono::microseconds(rows->front().integer(0)));
}

result<std::vector<approval>> load(ledger::connection& db, std::string_view where,
                                   std::vector<ledger::value> args) {
  const auto rows = db.query(
      fmt::format(
          "SELECT id, version, state, digest, requester, agent_owner, chain, stage, "
          "counted, created_at, updated_at, remind_at, escalate_at, expires_at, "
          "decided_by, reason, outcome, proposal, verdict, edited FROM approval WHERE {}",
          where),
      std::move(args));
  if (!rows) {
    return rows.error();
  }
  std::vector<approval> out;
  for (const auto& r : *rows) {
    auto a = approval_of(r);
    if (!a) {
      return std::move(a).error();
    }
    if (auto votes = load_votes(db, *a); !votes) {
      return std::move(votes).error();
    }
    out.push_back(std::move(*a));
  }
  return out;
}

result<void> insert(ledger::transaction& tx, const approval& a) {
  auto r = tx.db().exec(
      "INSERT INTO approval(id, version, state, tenant, case_id, tool, object_key, "
      "digest, "
      "requester, agent_owner, chain, stage, counted, created_at, updated_at, remind_at, "
      "escalate_at, expires_at, next_at, decided_by, reason, outcome, proposal, verdict, "
      "edited) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
      {a.id,
       a.version,
       std::string(to_string(a.at)),
       a.what.tenant,
       a.what.case_id,
       a.what.tool,
       a.what.object_key,
       a.digest,
       a.involved.requester,
       a.involved.agent_owner,
       a.chain.id.empty() ? std::string() : to_text(a.chain.to_json()),
       std::int64_t{a.stage},
       std::int64_t{a.counted},
       micros(a.created_at),
       micros(a.updated_at),
       micros(a.remind_at),
       micros(a.escalate_at),
       micros(a.expires_at),
       micros(next_of(a)),
       a.decided_by,
       a.reason,
       to_text(a.outcome),
       to_text(a.what.to_json()),
       to_text(a.judged.to_json()),
       edited_text(a)});
  return r ? result<void>() : std::move(r).error();
}

result<void> insert_edit(ledger::transaction& tx, const std::string& decision_id,
                         const approval& before, const approval& now,
                         const std::string& body_sha256) {
  auto r = tx.db().exec("INSERT INTO approval_edit(decision_id, approval_id, new_id, "
                        "body_sha256) VALUES(?,?,?,?)",
                        {decision_id, before.id, now.id, body_sha256});
  return r ? result<void>() : std::move(r).error();
}

result<void> insert_vote(ledger::transaction& tx, const approval& a, const vote& v,
                         const std::string& body_sha256) {
  auto r = tx.db().exec(
      "INSERT INTO approval_decision(decision_id, approval_id, body_sha256, person, "
      "stage, "
      "approve, reason, at, state_after, version_after, stage_after, counted_after) "
      "VALUES(?,?,?,?,?,?,?,?,?,?,?,?)",
      {v.decision_id, a.id, body_sha256, v.person, std::int64_t{v.stage},
       std::int64_t{v.approve ? 1 : 0}, v.reason, micros(v.at),
       std::string(to_string(a.at)), a.version, std::int64_t{a.stage},
       std::int64_t{a.counted}});
  return r ? result<void>() : std::move(r).error();
}

void begin_stage(approval& a, timestamp now) {
  const auto& s = a.chain.stages[static_cast<std::size_t>(a.stage)];
  const auto after = [&](std::chrono::seconds d) {
    return d.count() > 0 ? std::optional<timestamp>(now + d) : std::nullopt;
  };
  a.counted = 0;
  a.remind_at = after(s.remind_after);
  a.escalate_at = after(s.escalate_after);
}

result<void> record(ledger::transaction& tx, const approval& a, state from,
                    transition t) {
  ledger::record r;
  r.kind = "approval";
  r.cls = ledger::record_class::a;
  r.id = a.id;
  r.source = t.by;
  r.target = "approvals";
  r.tenant = a.what.tenant;
  r.case_id = a.what.case_id;
  r.principal = t.by;
  r.schema = "approval/1";
  r.labels = a.what.labels;
  r.causes = a.what.causes;
  r.detail = std::move(t.detail);
  r.detail["event"] = t.event;
  r.detail["from"] = to_string(from);
  r.detail["to"] = to_string(a.at);
  r.detail["version"] = a.version;
  r.detail["digest"] = a.digest;
  r.detail["tool"] = a.what.tool;
  if (!a.chain.id.empty()) {
    r.detail["chain"] = a.chain.id;
    r.detail["stage"] = a.stage;
    r.detail["counted"] = a.counted;
  }
  r.body = to_text(t.body);
  auto seq = tx.append(r);
  return seq ? result<void>() : std::move(seq).error();
}

result<void> advance(ledger::transaction& tx, approval& a, timestamp now, transition t) {
  const auto from = a.at;
  if (!may_follow(from, t.to)) {
    // Callers have checked; getting here would break I2.
    return error(errc::internal, fmt::format("an approval can not go from {} to {}",
                                             to_string(from), to_string(t.to)))
        .at("approval", a.id);
  }
  const auto seen = a.version;
  const bool reminder = t.event == "reminded";
  a.at = t.to;
  a.version += reminder ? 0 : 1;
  if (!reminder) {
    a.updated_at = now;
  }
  if (from != t.to) {
    a.decided_by = t.by;
  }
  const auto changed = tx.db().exec(
      "UPDATE approval SET version = ?, state = ?, stage = ?, counted = ?, "
      "updated_at = ?, "
      "remind_at = ?, escalate_at = ?, next_at = ?, decided_by = ?, reason "
      "= ?, outcome = ?, edited = ? "
      "WHERE id = ? AND version = ? AND state = ?",
      {a.version, std::string(to_string(a.at)), std::int64_t{a.stage},
       std::int64_t{a.counted}, micros(a.updated_at), micros(a.remind_at),
       micros(a.escalate_at), micros(next_of(a)), a.decided_by, a.reason,
       to_text(a.outcome), edited_text(a), a.id, seen, std::string(to_string(from))});
  if (!changed) {
    return changed.error();
  }
  if (*changed != 1) {
    return error(errc::conflict, "the approval changed at the same moment; read it again")
        .at("approval", a.id);
  }
  return record(tx, a, from, std::move(t));
}

} // namespace crossdock::escalate
