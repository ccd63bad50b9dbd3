#include "flow/store.hpp"

#include "base/digest.hpp"

#include <limits>

namespace crossdock::flow {
namespace {

constexpr const char* open_text = "open";
constexpr const char* closed_text = "closed";

std::int64_t micros(timestamp t) {
  return t.time_since_epoch().count();
}
timestamp time_of(std::int64_t us) {
  return timestamp(std::chrono::microseconds(us));
}

/// Empty for what the column `status` says already.
std::string phase_value(const case_state& s) {
  return s.undo && !s.open ? s.phase() : std::string();
}

ledger::value closed_value(const case_state& s) {
  return s.closed_at ? ledger::value(micros(*s.closed_at)) : ledger::value();
}

result<stored_case> from_row(const ledger::row& r) {
  auto parsed = parse_json(r.text(0), {.bytes = std::size_t{64} << 20, .depth = 128});
  if (!parsed) {
    return error(errc::corrupt, "the stored state of a case is no JSON")
        .at("reason", parsed.error().message());
  }
  auto state = case_state::from_json(*parsed);
  if (!state) {
    return std::move(state).error();
  }
  return stored_case{std::move(*state), r.integer(1)};
}

} // namespace

std::vector<ledger::migration> migrations() {
  return {{"flow", 1, R"(
CREATE TABLE flow_case(
  case_id TEXT PRIMARY KEY,
  flow TEXT NOT NULL,
  version INTEGER NOT NULL,
  key TEXT NOT NULL,
  status TEXT NOT NULL CHECK(status IN ('open', 'closed')),
  outcome TEXT NOT NULL,
  state TEXT NOT NULL,
  opened_at INTEGER NOT NULL,
  closed_at INTEGER,
  updated_at INTEGER NOT NULL,
  rev INTEGER NOT NULL) WITHOUT ROWID;
CREATE UNIQUE INDEX flow_case_live ON flow_case(flow, key) WHERE status = 'open';
CREATE TABLE flow_definition(
  flow TEXT NOT NULL,
  version INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  source TEXT NOT NULL,
  first_used_at INTEGER NOT NULL,
  PRIMARY KEY(flow, version)) WITHOUT ROWID;
)"},
          // `phase` says more of a closed case whose effects are or were undone.
          {"flow", 2, R"(
ALTER TABLE flow_case ADD COLUMN phase TEXT NOT NULL DEFAULT '';
ALTER TABLE flow_case ADD COLUMN undoable INTEGER NOT NULL DEFAULT 0;
CREATE INDEX flow_case_undoable ON flow_case(flow, key) WHERE undoable = 1;
CREATE INDEX flow_case_phase ON flow_case(phase) WHERE phase <> '';
)"}};
}

namespace {

std::string row_key(const std::string& case_id) { return "case/" + case_id; }

result<void> write_row(ledger::connection& db, const case_state& s, std::int64_t rev) {
  auto changed = db.exec("UPDATE flow_case SET status = ?, outcome = ?, state = ?, "
                         "closed_at = ?, updated_at = ?, phase = ?, undoable = ?, rev = ? "
                         "WHERE case_id = ?",
                         {std::string(s.open ? open_text : closed_text), s.outcome,
                          s.to_text(), closed_value(s), micros(s.updated_at),
                          phase_value(s), std::int64_t{s.undoable() ? 1 : 0}, rev, s.case_id});
  return changed ? result<void>() : result<void>(changed.error());
}

} // namespace

result<void> case_rows::insert(ledger::transaction& tx, state_ptr s) {
  // The key is taken at once, the state follows with the group.
  auto done = tx.db().exec(
      "INSERT INTO flow_case(case_id, flow, version, key, status, outcome, state, "
      "opened_at,"
      " closed_at, updated_at, rev) VALUES(?, ?, ?, ?, ?, ?, '', ?, ?, ?, 1)",
      {s->case_id, s->flow, std::int64_t{s->version}, s->key,
       std::string(s->open ? open_text : closed_text), s->outcome, micros(s->opened_at),
       closed_value(*s), micros(s->updated_at)});
  if (!done) {
    if (done.error().code() == errc::conflict) {
      return error(errc::conflict, "this case exists already, or its key has a live case")
          .at("case", s->case_id)
          .at("key", s->key);
    }
    return std::move(done).error();
  }
  remember(tx, s->case_id, 1);
  const auto key = row_key(s->case_id);
  tx.defer(key, [s = std::move(s)](ledger::connection& db) { return write_row(db, *s, 1); });
  return {};
}

result<void> case_rows::save(ledger::transaction& tx, state_ptr s, std::int64_t rev) {
  const auto now = revision(tx, s->case_id);
  if (!now) {
    return now.error();
  }
  if (*now != rev) {
    return error(errc::conflict, "the case has moved on since it was read")
        .at("case", s->case_id)
        .at("rev", std::to_string(rev));
  }
  const auto key = row_key(s->case_id);
  if (!s->open) {
    // At once: its key is free for the next case of the same group.
    remember(tx, s->case_id, std::nullopt);
    tx.drop(key);
    return write_row(tx.db(), *s, rev + 1);
  }
  remember(tx, s->case_id, rev + 1);
  tx.defer(key, [s = std::move(s), rev](ledger::connection& db) {
    return write_row(db, *s, rev + 1);
  });
  return {};
}

result<std::int64_t> case_rows::revision(ledger::transaction& tx,
                                         const std::string& case_id) const {
  if (const auto it = revisions_.find(case_id); it != revisions_.end()) {
    return it->second;
  }
  auto rows = tx.db().query("SELECT rev FROM flow_case WHERE case_id = ?", {case_id});
  if (!rows) {
    return std::move(rows).error();
  }
  return rows->empty() ? std::int64_t{0} : rows->front().integer(0);
}

void case_rows::remember(ledger::transaction& tx, const std::string& case_id,
                         std::optional<std::int64_t> rev) {
  const auto it = revisions_.find(case_id);
  tx.on_undone([this, case_id,
                was = it == revisions_.end() ? std::nullopt : std::optional(it->second)] {
    if (was) {
      revisions_[case_id] = *was;
    } else {
      revisions_.erase(case_id);
    }
  });
  if (rev) {
    revisions_[case_id] = *rev;
  } else if (it != revisions_.end()) {
    revisions_.erase(it);
  }
}

result<stored_case> case_rows::load(ledger::transaction& tx, std::string_view case_id) const {
  if (auto r = tx.settle(); !r) {
    return std::move(r).error();
  }
  return find(tx.db(), case_id);
}

result<std::optional<stored_case>>
case_rows::find_live(ledger::transaction& tx, std::string_view flow,
                     std::string_view key) const {
  if (auto r = tx.settle(); !r) {
    return std::move(r).error();
  }
  auto rows = tx.db().query(
      "SELECT state, rev FROM flow_case WHERE flow = ? AND key = ? AND status = 'open'",
      {std::string(flow), std::string(key)});
  if (!rows) {
    return std::move(rows).error();
  }
  if (rows->empty()) {
    return std::optional<stored_case>{};
  }
  auto stored = from_row(rows->front());
  if (!stored) {
    return std::move(stored).error();
  }
  return std::optional<stored_case>(std::move(*stored));
}

result<std::vector<std::string>>
undoable_cases(ledger::transaction& tx, std::string_view flow, std::string_view key) {
  // A case that has ended is in its row at once, so nothing needs to be settled before.
  auto rows =
      tx.db().query("SELECT case_id FROM flow_case WHERE flow = ? AND key = ? AND "
                    "undoable = 1 AND status = 'closed' ORDER BY case_id",
                    {std::string(flow), std::string(key)});
  if (!rows) {
    return std::move(rows).error();
  }
  std::vector<std::string> out;
  for (const auto& r : *rows) {
    out.push_back(r.text(0));
  }
  return out;
}

result<void> remember(ledger::transaction& tx, const definition& d) {
  const auto sha = to_hex(sha256_of(d.source()));
  auto rows =
      tx.db().query("SELECT sha256 FROM flow_definition WHERE flow = ? AND version = ?",
                    {d.id(), std::int64_t{d.version()}});
  if (!rows) {
    return std::move(rows).error();
  }
  if (!rows->empty()) {
    if (rows->front().text(0) == sha) {
      return {};
    }
    return error(errc::conflict,
                 "this version of the flow was in force with other contents: "
                 "give the changed file a new version")
        .at("flow", d.name());
  }
  auto done = tx.db().exec(
      "INSERT INTO flow_definition(flow, version, sha256, source, first_used_at)"
      " VALUES(?, ?, ?, ?, ?)",
      {d.id(), std::int64_t{d.version()}, sha, d.source(), micros(tx.now())});
  if (!done) {
    return std::move(done).error();
  }
  return {};
}

result<std::vector<case_line>> list(ledger::connection& db, const case_filter& filter,
                                    std::size_t limit, std::string_view after) {
  std::string sql = "SELECT case_id, flow, version, key, status, outcome, opened_at,"
                    " updated_at, closed_at, phase FROM flow_case WHERE 1";
  std::vector<ledger::value> args;
  const auto where = [&](const char* clause, std::string value) {
    sql += clause;
    args.emplace_back(std::move(value));
  };
  if (filter.state == open_text || filter.state == closed_text) {
    where(" AND status = ?", filter.state);
  } else if (!filter.state.empty()) {
    where(" AND phase = ?", filter.state);
  }
  if (!filter.flow.empty()) {
    where(" AND flow = ?", filter.flow);
  }
  if (!filter.key.empty()) {
    where(" AND key = ?", filter.key);
  }
  if (!after.empty()) {
    where(" AND case_id < ?", std::string(after));
  }
  sql += " ORDER BY case_id DESC LIMIT ?";
  constexpr auto most =
      static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max());
  args.emplace_back(static_cast<std::int64_t>(std::min(limit, most)));
  auto rows = db.query(sql, std::move(args));
  if (!rows) {
    return std::move(rows).error();
  }
  std::vector<case_line> out;
  for (const auto& r : *rows) {
    case_line line{r.text(0),
                   r.text(1),
                   static_cast<int>(r.integer(2)),
                   r.text(3),
                   r.text(9).empty() ? r.text(4) : r.text(9),
                   r.text(5),
                   time_of(r.integer(6)),
                   time_of(r.integer(7)),
                   {}};
    if (!r.is_null(8)) {
      line.closed_at = time_of(r.integer(8));
    }
    out.push_back(std::move(line));
  }
  return out;
}

result<stored_case> find(ledger::connection& db, std::string_view case_id) {
  auto rows = db.query("SELECT state, rev FROM flow_case WHERE case_id = ?",
                       {std::string(case_id)});
  if (!rows) {
    return std::move(rows).error();
  }
  if (rows->empty()) {
    return error(errc::not_found, "there is no such case")
        .at("case", std::string(case_id));
  }
  return from_row(rows->front());
}

result<std::vector<std::string>> open_cases(ledger::connection& db,
                                            std::string_view flow) {
  auto rows = db.query(
      "SELECT case_id FROM flow_case WHERE flow = ? AND status = 'open' ORDER BY case_id",
      {std::string(flow)});
  if (!rows) {
    return std::move(rows).error();
  }
  std::vector<std::string> out;
  for (const auto& r : *rows) {
    out.push_back(r.text(0));
  }
  return out;
}

result<definition_ptr> find_definition(ledger::connection& db, std::string_view flow,
                                       int version) {
  auto rows =
      db.query("SELECT source FROM flow_definition WHERE flow = ? AND version = ?",
               {std::string(flow), std::int64_t{version}});
  if (!rows) {
    return std::move(rows).error();
  }
  const auto name = std::string(flow) + "/" + std::to_string(version);
  if (rows->empty()) {
    return error(errc::not_found, "this version of the flow was never in force here")
        .at("flow", name);
  }
  auto d = definition::compile(rows->front().text(0), "ledger:" + name);
  if (!d) {
    return std::move(d).error();
  }
  return std::make_shared<const definition>(std::move(*d));
}

} // namespace crossdock::flow
