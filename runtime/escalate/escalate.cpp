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
    return std::optional<decided>();
  }
  const auto& r = rows->front();
  if (r.text(0) != body) {
    return error(errc::invalid,
                 "this decision_id was used for another decision; take a new one")
        .at("decision_id", d.decision_id);
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

result<void> well_formed(const decision& d) {
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

result<void> still_open(const approval& a, const decision& d, timestamp now) {
  if (a.at != state::pending) {
    return too_late(a);
  }
  if (a.expires_at && now >= *a.expires_at) {
    return conflict(a, "it expired at " + to_rfc3339(*a.expires_at));
  }
  if (d.version != 0 && d.version != a.version) {
    return conflict(a,
                    fmt::format("it has moved on: you saw version {}, it is version {}, "
                                "changed at {}; read it again",
                                d.version, a.version, to_rfc3339(a.updated_at)));
  }
  if (!d.seen_digest.empty() && d.seen_digest != a.digest) {
    return conflict(a, "what you saw is not what would be done; read it again");
  }
  return {};
}

result<void> entitled(const approval& a, const decision& d) {
  const auto& roles = a.chain.stages[static_cast<std::size_t>(a.stage)].roles;
  const bool holds =
      std::any_of(d.by.roles.begin(), d.by.roles.end(), [&](const auto& r) {
        return std::find(roles.begin(), roles.end(), r) != roles.end();
      });
  if (!holds) {
    return error(errc::denied,
                 fmt::format("{} holds none of the roles that are asked: {}", d.by.name,
                             fmt::join(roles, ", ")))
        .at("approval", a.id);
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
  const bool counted = std::any_of(a.votes.begin(), a.votes.end(),
                                   [&](const vote& v) { return v.person == d.by.name; });
  if (counted) {
    return four_eyes("has approved already");
  }
  return {};
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
  auto& a = out.now;
  a.id = p.id;
  a.version = 1;
  a.what = p;
  a.judged = v;
  a.involved = involved;
  a.digest = p.action_digest();
  a.created_at = a.updated_at = *now;
  a.decided_by = "policy " + v.policy_sha256.substr(0, 12);
  a.reason = v.reason;
  a.at = asks                                ? state::pending
         : v.effect == effect_verdict::allow ? state::allowed
                                             : state::denied;
  if (asks) {
    a.chain = *chain;
    a.decided_by.clear();
    begin_stage(a, *now);
  }
  if (a.at != state::denied) {
    a.expires_at = expiry(p, v, asks ? chain : nullptr, *now);
    const auto deny = [&](std::string why) {
      a.at = state::denied;
      a.reason = std::move(why);
      a.decided_by = "escalate";
    };
    if (*a.expires_at <= *now) {
      deny("the proposal expired at " + to_rfc3339(*a.expires_at));
    } else if (!p.object_key.empty()) {
      const auto busy = load(tx.db(), under_way, {p.tenant, p.tool, p.object_key});
      if (!busy) {
        return busy.error();
      }
      if (!busy->empty()) {
        deny(fmt::format(
            "an earlier {} on {} is still under way or in doubt (approval {})", p.tool,
            p.object_key, busy->front().id));
      }
    }
  }
  if (a.at != state::denied && !p.object_key.empty()) {
    auto older = replace_older(tx, p, *now);
    if (!older) {
      return std::move(older).error();
    }
    out.superseded = std::move(*older);
  }
  if (auto r = insert(tx, a); !r) {
    return std::move(r).error();
  }
  auto r = record(tx, a, state::proposed,
                  {.to = a.at,
                   .event = "opened",
                   .detail = {{"rules", v.rules}, {"policy_sha256", v.policy_sha256}},
                   .body = proposal_body(a)});
  if (!r) {
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
  if (auto r = still_open(a, d, *now); !r) {
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
