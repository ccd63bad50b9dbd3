#include "escalate/escalate.hpp"

#include "base/digest.hpp"
#include "escalate/approval_rows.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace crossdock::escalate {
namespace {

constexpr std::string_view live =
    "tenant = ? AND tool = ? AND object_key = ? AND state IN "
    "('pending', 'allowed', 'approved')";
constexpr std::string_view under_way =
    "tenant = ? AND tool = ? AND object_key = ? AND state IN "
    "('consumed', 'unknown') LIMIT 1";

std::string person(const std::string& name) {
  return "person:" + name;
}

/// "approved by person:maria at 2026-11-23T08:15:00Z".
std::string standing(const approval& a) {
  auto text = std::string(to_string(a.at));
  if (a.at == state::pending) {
    return text;
  }
  if (!a.decided_by.empty()) {
    text += " by " + a.decided_by;
  }
  return text + " at " + to_rfc3339(a.updated_at);
}

error conflict(const approval& a, const std::string& message) {
  return error(errc::conflict, message)
      .at("approval", a.id)
      .at("state", std::string(to_string(a.at)));
}

/// Loads an approval and checks that `to` may follow.
result<approval> take(ledger::transaction& tx, std::string_view id, state to) {
  auto a = find(tx.db(), id);
  if (a && !may_follow(a->at, to)) {
    return conflict(
        *a, fmt::format("it was {} and can not become {}", standing(*a), to_string(to)));
  }
  return a;
}

/// The people who may have decided something about it, first of all the last one.
error too_late(const approval& a) {
  if (!a.edited.to.empty()) {
    return conflict(a,
                    fmt::format("{} edited it at {}: the changed action is approval {}",
                                a.decided_by, to_rfc3339(a.updated_at), a.edited.to))
        .at("edited_to", a.edited.to);
  }
  for (auto it = a.votes.rbegin(); it != a.votes.rend(); ++it) {
    if (a.at != state::withdrawn && a.at != state::superseded && a.at != state::expired) {
      return conflict(a, fmt::format("{} {} it at {} already; it is {} now", it->person,
                                     it->approve ? "approved" : "rejected",
                                     to_rfc3339(it->at), to_string(a.at)));
    }
  }
  return conflict(a, fmt::format("it was {} already", standing(a)));
}

std::string text_of(const json& detail, const char* otherwise) {
  return text_or(detail, "reason", otherwise);
}

json proposal_body(const approval& a) {
  return {{"proposal", a.what.to_json()}, {"verdict", a.judged.to_json()}};
}

/// The earliest of what the proposal, the rule and the chain say.
std::optional<timestamp> expiry(const proposal& p, const verdict& v,
                                const gate::chain* chain, timestamp now) {
  std::optional<timestamp> out;
  const auto earliest = [&](timestamp t) { out = out ? std::min(*out, t) : t; };
  if (p.expires_at != timestamp{}) {
    earliest(p.expires_at);
  }
  if (const auto s = gate::expiry_of(v); s.count() > 0) {
    earliest(now + s);
  }
  if (chain != nullptr && chain->expires_after.count() > 0) {
    earliest(now + chain->expires_after);
  }
  if (!out) {
    earliest(now + limits::allowed_for);
  }
  return out;
}

/// Replaces what an older proposal asks for on the same object.
result<std::vector<approval>> replace_older(ledger::transaction& tx, const proposal& p,
                                            timestamp now) {
  auto older = load(tx.db(), live, {p.tenant, p.tool, p.object_key});
  if (!older) {
    return older;
  }
  for (auto& a : *older) {
    a.reason = "a newer proposal replaces it";
    auto r = advance(
        tx, a, now,
        {.to = state::superseded, .event = "superseded", .detail = {{"by_id", p.id}}});
    if (!r) {
      return std::move(r).error();
    }
  }
  return older;
}

/// What makes two requests with one decision_id the same.
std::string body_digest(const decision& d) {
  const json body{{"approval", d.approval_id}, {"version", d.version},
                  {"approve", d.approve},      {"by", d.by.name},
                  {"reason", d.reason},        {"digest", d.seen_digest}};
  return to_hex(sha256_of(to_text(body)));
}

error used_before(const std::string& decision_id) {
  return error(errc::invalid,
               "this decision_id was used for another decision; take a new one")
      .at("decision_id", decision_id);
}

result<bool> there_is(ledger::connection& db, const char* table,
                      const std::string& decision_id) {
  const auto rows = db.query(fmt::format("SELECT 1 FROM {} WHERE decision_id = ?", table),
                             {decision_id});
  return rows ? result<bool>(!rows->empty()) : result<bool>(rows.error());
}

/// The answer given before to this decision_id, if there is one.
result<std::optional<decided>> answered_before(ledger::transaction& tx, const decision& d,
                                               const std::string& body) {
  const auto rows =
      tx.db().query("SELECT body_sha256, state_after, version_after, stage_after, "
                    "counted_after, at, person, "
                    "reason, approval_id FROM approval_decision WHERE decision_id = ?",
                    {d.decision_id});
  if (!rows) {
    return rows.error();
  }
  if (rows->empty()) {
    const auto edit = there_is(tx.db(), "approval_edit", d.decision_id);
    return !edit   ? result<std::optional<decided>>(edit.error())
           : *edit ? used_before(d.decision_id)
                   : result<std::optional<decided>>(std::optional<decided>());
  }
  const auto& r = rows->front();
  if (r.text(0) != body) {
    return used_before(d.decision_id);
  }
  auto a = find(tx.db(), r.text(8));
  if (!a) {
    return std::move(a).error();
  }
  decided out{std::move(*a), true};
  const auto at = state_from(r.text(1));
  if (!at) {
    return at.error();
  }
  out.now.at = *at;
  out.now.version = r.integer(2);
  out.now.stage = static_cast<int>(r.integer(3));
  out.now.counted = static_cast<int>(r.integer(4));
  out.now.updated_at = timestamp(std::chrono::microseconds(r.integer(5)));
  out.now.decided_by = *at == state::pending ? std::string() : person(r.text(6));
  out.now.reason = *at == state::pending ? std::string() : r.text(7);
  out.now.outcome = json::object();
  return std::optional(std::move(out));
}

/// Of a decision and of an edit alike.
template <class Act>
result<void> well_formed(const Act& d) {
  if (d.decision_id.empty() || d.decision_id.size() > limits::id_bytes_max) {
    return error(errc::invalid, fmt::format("a decision has an id of 1 to {} bytes",
                                            limits::id_bytes_max));
  }
  if (d.reason.size() > limits::reason_bytes_max) {
    return error(errc::limit,
                 fmt::format("a reason has at most {} bytes", limits::reason_bytes_max));
  }
  if (d.by.kind != principal_kind::person || d.by.name.empty()) {
    return error(errc::denied, "only a person decides, and must be known by name")
        .at("principal", d.by.name);
  }
  return {};
}

result<void> still_open(const approval& a, std::int64_t version,
                        const std::string& seen_digest, timestamp now) {
  if (a.at != state::pending) {
    return too_late(a);
  }
  if (a.expires_at && now >= *a.expires_at) {
    return conflict(a, "it expired at " + to_rfc3339(*a.expires_at));
  }
  if (version != 0 && version != a.version) {
    return conflict(a,
                    fmt::format("it has moved on: you saw version {}, it is version {}, "
                                "changed at {}; read it again",
                                version, a.version, to_rfc3339(a.updated_at)));
  }
  if (!seen_digest.empty() && seen_digest != a.digest) {
    return conflict(a, "what you saw is not what would be done; read it again");
  }
  return {};
}

/// Does this person hold a role of the stage that is asked now?
result<void> asked_now(const approval& a, const principal& by) {
  const auto& roles = a.chain.stages[static_cast<std::size_t>(a.stage)].roles;
  const bool holds = std::any_of(by.roles.begin(), by.roles.end(), [&](const auto& r) {
    return std::find(roles.begin(), roles.end(), r) != roles.end();
  });
  if (!holds) {
    return error(errc::denied,
                 fmt::format("{} holds none of the roles that are asked: {}", by.name,
                             fmt::join(roles, ", ")))
        .at("approval", a.id);
  }
  return {};
}

result<void> entitled(const approval& a, const decision& d) {
  if (auto r = asked_now(a, d.by); !r) {
    return r;
  }
  if (!d.approve) {
    return {}; // whoever may decide may also say no
  }
  const auto four_eyes = [&](const char* why) {
    return error(errc::denied,
                 fmt::format("{} {}: another person must approve", d.by.name, why))
        .at("approval", a.id);
  };
  if (d.by.name == a.involved.requester) {
    return four_eyes("asked for it");
  }
  if (d.by.name == a.involved.agent_owner) {
    return four_eyes("answers for the agent that asks");
  }
  const auto& editors = a.involved.editors;
  if (std::find(editors.begin(), editors.end(), d.by.name) != editors.end() &&
      !a.chain.editor_may_approve.allows(d.by.roles, a.what.amount)) {
    return four_eyes("has edited it");
  }
  const bool counted = std::any_of(a.votes.begin(), a.votes.end(),
                                   [&](const vote& v) { return v.person == d.by.name; });
  if (counted) {
    return four_eyes("has approved already");
  }
  return {};
}

} // namespace

namespace {

/// What nothing new may begin beside: an effect of the same tool on the same object that
/// is under way or in doubt. Gives the reason, empty if there is none.
result<std::string> busy_with(ledger::transaction& tx, const proposal& p) {
  if (p.object_key.empty()) {
    return std::string();
  }
  const auto busy = load(tx.db(), under_way, {p.tenant, p.tool, p.object_key});
  if (!busy) {
    return busy.error();
  }
  return busy->empty() ? std::string()
                       : fmt::format("an earlier {} on {} is still under way or in doubt "
                                     "(approval {})",
                                     p.tool, p.object_key, busy->front().id);
}

/// A judged proposal as it will stand in its row; `asked` if people are asked.
approval placed(const proposal& p, const verdict& v, const gate::chain* asked,
                const parties& involved, timestamp now) {
  approval a;
  a.id = p.id;
  a.version = 1;
  a.what = p;
  a.judged = v;
  a.involved = involved;
  a.digest = p.action_digest();
  a.created_at = a.updated_at = now;
  a.decided_by = "policy " + v.policy_sha256.substr(0, 12);
  a.reason = v.reason;
  a.at = asked != nullptr                    ? state::pending
         : v.effect == effect_verdict::allow ? state::allowed
                                             : state::denied;
  if (asked != nullptr) {
    a.chain = *asked;
    a.decided_by.clear();
    begin_stage(a, now);
  }
  if (a.at != state::denied) {
    a.expires_at = expiry(p, v, asked, now);
  }
  return a;
}

result<void> write_opened(ledger::transaction& tx, const approval& a, json detail = {}) {
  if (auto r = insert(tx, a); !r) {
    return r;
  }
  json told{{"rules", a.judged.rules}, {"policy_sha256", a.judged.policy_sha256}};
  if (detail.is_object()) {
    told.update(detail);
  }
  return record(tx, a, state::proposed,
                {.to = a.at,
                 .event = "opened",
                 .detail = std::move(told),
                 .body = proposal_body(a)});
}

} // namespace

result<opened> open(ledger::transaction& tx, const proposal& p, const verdict& v,
                    const gate::chain* chain, const parties& involved) {
  const bool asks = v.effect == effect_verdict::ask;
  if (asks && (chain == nullptr || chain->stages.empty())) {
    return error(errc::invalid, "there is no chain \"" + v.chain + "\" to ask")
        .at("proposal", p.id);
  }
  if (p.id.empty()) {
    return error(errc::invalid, "a proposal has an id");
  }
  if (const auto there = find(tx.db(), p.id); there) {
    return error(errc::exists, "the proposal was opened already").at("approval", p.id);
  }
  const auto now = latest_time(tx, tx.now());
  if (!now) {
    return now.error();
  }
  opened out;
  auto& a = out.now = placed(p, v, asks ? chain : nullptr, involved, *now);
  if (a.at != state::denied) {
    const auto deny = [&](std::string why) {
      a.at = state::denied;
      a.reason = std::move(why);
      a.decided_by = "escalate";
    };
    if (*a.expires_at <= *now) {
      deny("the proposal expired at " + to_rfc3339(*a.expires_at));
    } else if (auto busy = busy_with(tx, p); !busy) {
      return std::move(busy).error();
    } else if (!busy->empty()) {
      deny(std::move(*busy));
    }
  }
  if (a.at != state::denied && !p.object_key.empty()) {
    auto older = replace_older(tx, p, *now);
    if (!older) {
      return std::move(older).error();
    }
    out.superseded = std::move(*older);
  }
  if (auto r = write_opened(tx, a); !r) {
    return std::move(r).error();
  }
  return out;
}

result<decided> decide(ledger::transaction& tx, const decision& d) {
  if (auto r = well_formed(d); !r) {
    return std::move(r).error();
  }
  const auto body = body_digest(d);
  auto before = answered_before(tx, d, body);
  if (!before) {
    return std::move(before).error();
  }
  if (*before) {
    return *std::move(*before);
  }
  auto found = find(tx.db(), d.approval_id);
  if (!found) {
    return std::move(found).error();
  }
  const auto now = latest_time(tx, tx.now());
  if (!now) {
    return now.error();
  }
  auto& a = *found;
  if (auto r = still_open(a, d.version, d.seen_digest, *now); !r) {
    return std::move(r).error();
  }
  if (auto r = entitled(a, d); !r) {
    return std::move(r).error();
  }

  transition t;
  t.by = person(d.by.name);
  t.detail = {{"decision_id", d.decision_id}, {"voted_stage", a.stage}};
  t.body = {{"reason", d.reason}};
  const vote v{d.decision_id, d.by.name, a.stage, d.approve, d.reason, *now};
  const auto stages = static_cast<int>(a.chain.stages.size());
  if (!d.approve) {
    t.to = state::rejected;
    t.event = "rejected";
  } else if (++a.counted < a.chain.stages[static_cast<std::size_t>(a.stage)].quorum) {
    t.to = state::pending;
    t.event = "counted";
  } else if (a.chain.every_stage && a.stage + 1 < stages) {
    t.to = state::pending;
    t.event = "stage_agreed";
    ++a.stage;
    begin_stage(a, *now);
  } else {
    t.to = state::approved;
    t.event = "approved";
  }
  if (t.to != state::pending) {
    a.reason = d.reason;
  }
  if (auto r = advance(tx, a, *now, std::move(t)); !r) {
    return std::move(r).error();
  }
  a.votes.push_back(v);
  if (auto r = insert_vote(tx, a, v, body); !r) {
    return std::move(r).error();
  }
  return decided{std::move(a), false};
}

ledger::record refusal(const decision& d, const error& why) {
  ledger::record r;
  r.kind = "approval";
  r.cls = ledger::record_class::a;
  r.id = d.approval_id;
  r.source = person(d.by.name);
  r.target = "approvals";
  r.principal = r.source;
  r.schema = "approval/1";
  r.detail = {{"event", "refused"},
              {"decision_id", d.decision_id.substr(0, limits::id_bytes_max)},
              {"approve", d.approve},
              {"code", to_string(why.code())}};
  r.body = to_text({{"why", why.describe()},
                    {"reason", d.reason.substr(0, limits::reason_bytes_max)}});
  return r;
}

// -- edits
// ---------------------------------------------------------------------------------

namespace {

std::string body_digest(const edit_request& e) {
  const json body{{"approval", e.approval_id},
                  {"edit", e.changes},
                  {"by", e.by.name},
                  {"reason", e.reason},
                  {"digest", e.seen_digest}};
  return to_hex(sha256_of(to_text(body)));
}

/// The changed action in the place of `a`; it has not been written yet.
approval successor(const approval& a, const edit_request& e, const proposal& p,
                   const verdict& v, const gate::chain* chain, timestamp now) {
  parties involved = a.involved;
  auto& editors = involved.editors;
  if (std::find(editors.begin(), editors.end(), e.by.name) == editors.end()) {
    editors.push_back(e.by.name);
  }
  const bool asks = v.effect == effect_verdict::ask;
  // What the policy allows an agent is not yet what it allows whoever changed the action.
  const bool alone = !asks && a.chain.editor_may_approve.allows(e.by.roles, p.amount) &&
                     e.by.name != involved.requester && e.by.name != involved.agent_owner;
  auto out = placed(p, v, asks ? chain : alone ? nullptr : &a.chain, involved, now);
  if (alone) {
    out.decided_by = person(e.by.name);
    out.reason = e.reason;
  }
  if (a.expires_at) {
    out.expires_at =
        out.expires_at ? std::min(*out.expires_at, *a.expires_at) : *a.expires_at;
  }
  out.edited = {a.id, e.by.name, e.reason, e.difference, now, ""};
  return out;
}

} // namespace

result<std::optional<edit_result>> edited_before(ledger::connection& db,
                                                 const edit_request& e) {
  const auto rows = db.query("SELECT approval_id, new_id, body_sha256 FROM approval_edit "
                             "WHERE decision_id = ?",
                             {e.decision_id});
  if (!rows) {
    return rows.error();
  }
  if (rows->empty()) {
    const auto vote = there_is(db, "approval_decision", e.decision_id);
    return !vote   ? result<std::optional<edit_result>>(vote.error())
           : *vote ? used_before(e.decision_id)
                   : result<std::optional<edit_result>>(std::optional<edit_result>());
  }
  if (rows->front().text(2) != body_digest(e)) {
    return used_before(e.decision_id);
  }
  auto before = find(db, rows->front().text(0));
  auto now = find(db, rows->front().text(1));
  if (!before || !now) {
    return !before ? std::move(before).error() : std::move(now).error();
  }
  return std::optional(edit_result{std::move(*before), std::move(*now), true});
}

result<approval> editable(ledger::connection& db, const edit_request& e, timestamp now) {
  if (auto r = well_formed(e); !r) {
    return std::move(r).error();
  }
  if (e.reason.find_first_not_of(" \t\r\n") == std::string::npos) {
    return error(errc::invalid, "an edit needs a reason: the next person reads it first")
        .at("field", "reason");
  }
  if (!e.changes.is_object() || e.changes.empty()) {
    return error(errc::invalid, "an edit changes at least one argument")
        .at("field", "set");
  }
  auto a = find(db, e.approval_id);
  if (!a) {
    return a;
  }
  if (auto r = still_open(*a, 0, e.seen_digest, now); !r) {
    return std::move(r).error();
  }
  if (auto r = asked_now(*a, e.by); !r) {
    return std::move(r).error();
  }
  return a;
}

result<edit_result> edit(ledger::transaction& tx, const edit_request& e,
                         const proposal& p, const verdict& v, const gate::chain* chain) {
  auto before = edited_before(tx.db(), e);
  if (!before) {
    return std::move(before).error();
  }
  if (*before) {
    return *std::move(*before);
  }
  const auto now = latest_time(tx, tx.now());
  if (!now) {
    return now.error();
  }
  auto a = editable(tx.db(), e, *now);
  if (!a) {
    return std::move(a).error();
  }
  if (v.effect == effect_verdict::deny) {
    return error(errc::denied, "the policy denies the changed action: " + v.reason)
        .at("approval", a->id);
  }
  if (v.effect == effect_verdict::ask && (chain == nullptr || chain->stages.empty())) {
    return error(errc::invalid, "there is no chain \"" + v.chain + "\" to ask")
        .at("proposal", p.id);
  }
  if (p.id.empty() || p.id == a->id || p.action_digest() == a->digest) {
    return error(errc::invalid, "the edit changes nothing of the action")
        .at("approval", a->id);
  }
  if (p.tenant != a->what.tenant || p.tool != a->what.tool ||
      p.object_key != a->what.object_key || p.case_id != a->what.case_id) {
    return error(errc::invalid, "an edit keeps tool, object and case of the action")
        .at("approval", a->id);
  }
  auto busy = busy_with(tx, p);
  if (!busy) {
    return std::move(busy).error();
  }
  if (!busy->empty()) {
    return conflict(*a, *busy);
  }

  auto next = successor(*a, e, p, v, chain, *now);
  a->edited.to = next.id;
  a->reason = e.reason;
  auto r = advance(tx, *a, *now,
                   {.to = state::superseded,
                    .event = "edited",
                    .by = person(e.by.name),
                    .detail = {{"decision_id", e.decision_id}, {"by_id", next.id}},
                    .body = {{"reason", e.reason}, {"difference", e.difference}}});
  if (r) {
    r = write_opened(tx, next,
                     {{"edited_from", a->id}, {"edited_by", person(e.by.name)}});
  }
  if (r) {
    r = insert_edit(tx, e.decision_id, *a, next, body_digest(e));
  }
  if (!r) {
    return std::move(r).error();
  }
  return edit_result{std::move(*a), std::move(next), false};
}

ledger::record refusal(const edit_request& e, const error& why) {
  ledger::record r;
  r.kind = "approval";
  r.cls = ledger::record_class::a;
  r.id = e.approval_id;
  r.source = person(e.by.name);
  r.target = "approvals";
  r.principal = r.source;
  r.schema = "approval/1";
  r.detail = {{"event", "edit_refused"},
              {"decision_id", e.decision_id.substr(0, limits::id_bytes_max)},
              {"code", to_string(why.code())}};
  r.body = to_text({{"why", why.describe()},
                    {"changes", e.changes},
                    {"reason", e.reason.substr(0, limits::reason_bytes_max)}});
  return r;
}

result<approval> consume(ledger::transaction& tx, std::string_view id,
                         std::string_view digest) {
  auto a = take(tx, id, state::consumed);
  if (!a) {
    return a;
  }
  const auto now = latest_time(tx, tx.now());
  if (!now) {
    return now.error();
  }
  if (a->expires_at && *now >= *a->expires_at) {
    return conflict(*a, "the permission expired at " + to_rfc3339(*a->expires_at));
  }
  if (a->digest != digest) {
    return conflict(*a, "the action is not the one that was judged (its digest differs)");
  }
  auto r =
      advance(tx, *a, *now, {.to = state::consumed, .event = "consumed", .by = "effect"});
  return r ? std::move(a) : result<approval>(std::move(r).error());
}

result<approval> finish(ledger::transaction& tx, std::string_view id,
                        std::string_view outcome, const json& detail) {
  const auto to = state_from(outcome);
  if (!to) {
    return to.error();
  }
  if (*to != state::executed && *to != state::failed && *to != state::unknown &&
      *to != state::reconciled && *to != state::compensated) {
    return error(errc::invalid,
                 "\"" + std::string(outcome) + "\" is no outcome of an effect");
  }
  auto a = take(tx, id, *to);
  if (!a) {
    return a;
  }
  const auto now = latest_time(tx, tx.now());
  if (!now) {
    return now.error();
  }
  a->outcome = detail;
  a->reason = text_of(detail, "");
  auto r = advance(tx, *a, *now,
                   {.to = *to, .event = to_string(*to), .by = "effect", .body = detail});
  return r ? std::move(a) : result<approval>(std::move(r).error());
}

namespace {

result<approval> end(ledger::transaction& tx, std::string_view id, state to,
                     const std::string& by, const json& detail) {
  auto a = take(tx, id, to);
  if (!a) {
    return a;
  }
  const auto now = latest_time(tx, tx.now());
  if (!now) {
    return now.error();
  }
  a->reason = text_of(detail, "");
  auto r =
      advance(tx, *a, *now, {.to = to, .event = to_string(to), .by = by, .body = detail});
  return r ? std::move(a) : result<approval>(std::move(r).error());
}

} // namespace

result<approval> supersede(ledger::transaction& tx, std::string_view id,
                           const json& detail) {
  return end(tx, id, state::superseded, "effect", detail);
}

result<approval> withdraw(ledger::transaction& tx, std::string_view id,
                          const json& detail) {
  return end(tx, id, state::withdrawn, "flow", detail);
}

result<approval> revoke(ledger::transaction& tx, std::string_view id, const principal& by,
                        const json& detail) {
  return end(tx, id, state::revoked,
             by.kind == principal_kind::person ? person(by.name) : by.name, detail);
}

} // namespace crossdock::escalate
