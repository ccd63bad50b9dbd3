#include "escalate/approval_rows.hpp"

#include <algorithm>

namespace crossdock::escalate {

json approval::to_json() const {
  const auto when = [](const std::optional<timestamp>& t) {
    return t ? json(to_rfc3339(*t)) : json();
  };
  json out{{"id", id},
           {"version", version},
           {"state", to_string(at)},
           {"digest", digest},
           {"proposal", what.to_json()},
           {"verdict", judged.to_json()},
           {"requester", involved.requester},
           {"agent_owner", involved.agent_owner},
           {"editors", involved.editors},
           {"created_at", to_rfc3339(created_at)},
           {"updated_at", to_rfc3339(updated_at)},
           {"remind_at", when(remind_at)},
           {"escalate_at", when(escalate_at)},
           {"expires_at", when(expires_at)},
           {"decided_by", decided_by},
           {"reason", reason},
           {"outcome", outcome},
           {"votes", json::array()}};
  for (const auto& v : votes) {
    out["votes"].push_back({{"decision_id", v.decision_id},
                            {"person", v.person},
                            {"stage", v.stage},
                            {"decision", v.approve ? "approve" : "reject"},
                            {"reason", v.reason},
                            {"at", to_rfc3339(v.at)}});
  }
  if (!edited.from.empty()) {
    out["edit"] = {{"from", edited.from},
                   {"by", edited.by},
                   {"reason", edited.reason},
                   {"difference", edited.difference},
                   {"at", to_rfc3339(edited.at)}};
  }
  if (!edited.to.empty()) {
    out["edited_to"] = edited.to;
  }
  if (!chain.id.empty()) {
    const auto& s = chain.stages[static_cast<std::size_t>(stage)];
    out["chain"] = chain.to_json();
    out["asked"] = {{"stage", stage},
                    {"stages", chain.stages.size()},
                    {"roles", s.roles},
                    {"counted", counted},
                    {"quorum", s.quorum}};
  }
  return out;
}

result<approval> find(ledger::connection& db, std::string_view id) {
  auto rows = load(db, "id = ?", {std::string(id)});
  if (!rows) {
    return std::move(rows).error();
  }
  if (rows->empty()) {
    return error(errc::not_found,
                 "there is no approval \"" + std::string(id.substr(0, 96)) + "\"");
  }
  return std::move(rows->front());
}

result<std::vector<approval>> list(ledger::connection& db, const filter& f) {
  json states = json::array();
  for (const auto s : f.states) {
    states.push_back(to_string(s));
  }
  return load(
      db,
      "(json_array_length(?1) = 0 OR state IN (SELECT value FROM json_each(?1))) AND "
      "(?2 = '' OR tenant = ?2) AND (?3 = '' OR case_id = ?3) AND "
      "(?4 = '' OR tool = ?4) AND id > ?5 AND "
      "(json_array_length(?6) = 0 OR (state = 'pending' AND EXISTS (SELECT 1 FROM "
      "json_each(approval.chain, '$.stages[' || stage || '].roles') AS asked WHERE "
      "asked.value IN (SELECT value FROM json_each(?6))))) ORDER BY id LIMIT ?7",
      {to_text(states), f.tenant, f.case_id, f.tool, f.after_id, to_text(json(f.roles)),
       static_cast<std::int64_t>(std::min(f.limit, limits::list_max))});
}

result<std::vector<std::string>> ready(ledger::connection& db) {
  const auto rows = db.query(
      "SELECT id FROM approval WHERE state IN ('allowed', 'approved') ORDER BY id");
  if (!rows) {
    return rows.error();
  }
  std::vector<std::string> out;
  for (const auto& r : *rows) {
    out.push_back(r.text(0));
  }
  return out;
}

} // namespace crossdock::escalate
