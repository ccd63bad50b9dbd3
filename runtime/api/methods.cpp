#include "api/api.hpp"
#include "effect/effect.hpp"
#include "escalate/escalate.hpp"
#include "flow/flow.hpp"

#include <algorithm>
#include <array>
#include <map>

namespace crossdock::api {
namespace {

constexpr std::int64_t list_max = 1000;

using method = result<json> (*)(const environment&, const principal&, const json&);

result<std::string> required(const json& params, const char* name) {
  auto text = text_or(params, name);
  if (text.empty()) {
    return error(errc::invalid, std::string("the parameter \"") + name + "\" is missing")
      .at("field", name);
  }
  return text;
}

std::size_t limit_of(const json& params) {
  const auto it = params.find("limit");
  const auto n = it != params.end() && it->is_number_integer() ? it->get<std::int64_t>() : 50;
  return static_cast<std::size_t>(std::clamp<std::int64_t>(n, 1, list_max));
}

} // namespace

/// People type the beginning of an id; it must be unambiguous.
result<std::string> resolve(ledger::connection& db, const char* table, const char* column,
                            const std::string& beginning, const char* what) {
  auto rows = db.query(std::string("SELECT ") + column + " FROM " + table + " WHERE " + column +
                         " >= ?1 AND " + column + " < ?1 || char(0x10ffff) LIMIT 2",
                       {beginning});
  if (!rows) {
    return std::move(rows).error();
  }
  if (rows->empty()) {
    return error(errc::not_found, std::string("there is no ") + what + " \"" + beginning + "\"");
  }
  if (rows->size() > 1 && rows->front().text(0) != beginning) {
    return error(errc::invalid, std::string("more than one ") + what + " begins with \"" +
                                  beginning + "\": give more of the id");
  }
  return rows->front().text(0);
}

namespace {

json optional_time(const std::optional<timestamp>& t) {
  return t ? json(to_rfc3339(*t)) : json();
}

json to_json(const flow::case_line& c) {
  return {{"case", c.case_id},
          {"flow", c.flow + "/" + std::to_string(c.version)},
          {"key", c.key},
          {"state", c.phase},
          {"outcome", c.outcome},
          {"opened_at", to_rfc3339(c.opened_at)},
          {"updated_at", to_rfc3339(c.updated_at)},
          {"closed_at", optional_time(c.closed_at)}};
}

json to_json(const effect::effect_row& e) {
  return {{"approval", e.approval_id}, {"key", e.key},
          {"tool", e.tool},            {"state", e.state},
          {"attempts", e.attempts},    {"outcome", e.outcome},
          {"updated_at", to_rfc3339(e.updated)}};
}

result<json> node_status(const environment& env, const principal&, const json&) {
  return env.status();
}

result<json> plugin_list(const environment& env, const principal&, const json&) {
  return env.plugins();
}

result<json> whoami(const environment&, const principal& who, const json&) {
  return json{{"name", who.name}, {"uid", who.uid}, {"roles", who.roles}};
}

result<json> case_list(const environment& env, const principal&, const json& params) {
  auto db = env.store->reader();
  if (!db) {
    return std::move(db).error();
  }
  flow::case_filter filter;
  filter.state = text_or(params, "state");
  constexpr std::array states{"",      "open",        "closed",  "compensating",
                              "stuck", "compensated", "resolved"};
  if (std::find(states.begin(), states.end(), filter.state) == states.end()) {
    return error(errc::invalid, "a case is open, closed, compensating, stuck, compensated "
                                "or resolved")
      .at("field", "state");
  }
  filter.flow = text_or(params, "flow");
  filter.key = text_or(params, "key");
  auto lines = flow::list(**db, filter, limit_of(params), text_or(params, "after"));
  if (!lines) {
    return std::move(lines).error();
  }
  json out = json::array();
  for (const auto& line : *lines) {
    out.push_back(to_json(line));
  }
  return json{{"cases", std::move(out)}};
}

/// How undoing what the case has done stands; null if nothing was to be undone.
json undo_of(const flow::case_state& state) {
  if (!state.undo) {
    return nullptr;
  }
  json effects = json::array();
  for (const auto& e : state.effects) {
    effects.push_back({{"approval", e.id()},
                       {"summary", text_or(e.done, "summary")},
                       {"wanted", e.wanted},
                       {"undone_by", e.undo_id},
                       {"undone", e.undone ? json(flow::to_string(*e.undone)) : json()},
                       {"resolved", e.resolved}});
  }
  return {{"because", state.undo->because},
          {"requester", state.undo->requester},
          {"stuck", state.undo->why},
          {"waits_for", state.undo->stuck_who},
          {"effects", std::move(effects)}};
}

/// The story: what the case says of itself, the records that led to it, approvals, effects.
result<json> case_show(const environment& env, const principal&, const json& params) {
  auto wanted = required(params, "case");
  if (!wanted) {
    return std::move(wanted).error();
  }
  auto db = env.store->reader();
  if (!db) {
    return std::move(db).error();
  }
  auto id = resolve(**db, "flow_case", "case_id", *wanted, "case");
  if (!id) {
    return std::move(id).error();
  }
  auto found = flow::find(**db, *id);
  if (!found) {
    return std::move(found).error();
  }
  const auto& state = found->state;
  json story = json::array();
  for (const auto& line : flow::describe(state)) {
    story.push_back(line.to_json());
  }
  // What led to the trigger: its causes, back to what entered the node.
  json origins = json::array();
  std::vector<std::uint64_t> next{state.trigger->value("seq", std::uint64_t{0})};
  for (int depth = 0; depth < 16 && !next.empty() && origins.size() < 64; ++depth) {
    std::vector<std::uint64_t> causes;
    for (const auto seq : next) {
      auto records = ledger::read_records(**db, seq, seq, 1);
      if (!records) {
        return std::move(records).error();
      }
      for (const auto& r : *records) {
        auto header = parse_json(r.header);
        if (!header) {
          continue;
        }
        auto body = parse_json(r.body, {.bytes = 8u << 20, .depth = 80});
        origins.push_back({{"seq", seq},
                           {"header", *header},
                           {"body", body ? std::move(*body) : json()}});
        for (const auto& cause : header->value("causes", json::array())) {
          causes.push_back(cause.get<std::uint64_t>());
        }
      }
    }
    std::sort(causes.begin(), causes.end());
    causes.erase(std::unique(causes.begin(), causes.end()), causes.end());
    next = std::move(causes);
  }
  std::reverse(origins.begin(), origins.end());
  auto effects = effect::list(**db, *id, 100);
  if (!effects) {
    return std::move(effects).error();
  }
  json effects_json = json::array();
  for (const auto& e : *effects) {
    effects_json.push_back(to_json(e));
  }
  escalate::filter approvals_of;
  approvals_of.case_id = *id;
  auto approvals = escalate::list(**db, approvals_of);
  if (!approvals) {
    return std::move(approvals).error();
  }
  json approvals_json = json::array();
  for (const auto& a : *approvals) {
    approvals_json.push_back(a.to_json());
  }
  auto count = (*db)->query("SELECT count(*) FROM record WHERE case_id = ?", {*id});
  return json{{"case",
               {{"case", *id},
                {"flow", state.flow + "/" + std::to_string(state.version)},
                {"key", state.key},
                {"state", state.phase()},
                {"undo", undo_of(state)},
                {"outcome", state.outcome},
                {"opened_at", to_rfc3339(state.opened_at)},
                {"updated_at", to_rfc3339(state.updated_at)},
                {"closed_at", optional_time(state.closed_at)},
                {"run", state.run},
                {"trace", std::string(trace_id_of(state.traceparent))},
                {"records", count && !count->empty() ? count->front().integer(0) : 0}}},
              {"trigger", *state.trigger},
              {"origins", std::move(origins)},
              {"story", std::move(story)},
              {"approvals", std::move(approvals_json)},
              {"effects", std::move(effects_json)}};
}

result<json> approval_list(const environment& env, const principal&, const json& params) {
  auto db = env.store->reader();
  if (!db) {
    return std::move(db).error();
  }
  escalate::filter wanted;
  wanted.limit = limit_of(params);
  wanted.after_id = text_or(params, "after");
  if (const auto name = text_or(params, "state", "pending"); name != "all") {
    auto state = escalate::state_from(name);
    if (!state) {
      return std::move(state).error().at("field", "state");
    }
    wanted.states = {*state};
  }
  auto found = escalate::list(**db, wanted);
  if (!found) {
    return std::move(found).error();
  }
  json out = json::array();
  for (const auto& a : *found) {
    out.push_back(a.to_json());
  }
  return json{{"approvals", std::move(out)}};
}

result<std::string> approval_id(const environment& env, const json& params) {
  auto wanted = required(params, "approval");
  if (!wanted) {
    return wanted;
  }
  auto db = env.store->reader();
  if (!db) {
    return std::move(db).error();
  }
  return resolve(**db, "approval", "id", *wanted, "approval");
}

result<json> approval_show(const environment& env, const principal&, const json& params) {
  auto id = approval_id(env, params);
  if (!id) {
    return std::move(id).error();
  }
  auto db = env.store->reader();
  if (!db) {
    return std::move(db).error();
  }
  auto found = escalate::find(**db, *id);
  if (!found) {
    return std::move(found).error();
  }
  return found->to_json();
}

result<json> decide_on(const environment& env, const principal& who, const json& params,
                       bool approve) {
  auto id = approval_id(env, params);
  if (!id) {
    return std::move(id).error();
  }
  decide d;
  d.approval_id = *id;
  d.approve = approve;
  d.principal = who.name;
  d.roles = who.roles;
  d.reason = text_or(params, "reason");
  d.seen_digest = text_or(params, "digest");
  d.decision_id = text_or(params, "decision_id");
  if (d.decision_id.empty()) {
    return error(errc::invalid, "the parameter \"decision_id\" is missing: an id of the "
                                "client's, so that a repeated request counts once")
      .at("field", "decision_id");
  }
  const auto given = env.decide_on(std::move(d));
  if (given.code != 0) {
    return error(static_cast<errc>(given.code), given.text);
  }
  return parse_json(given.text);
}

result<json> approve(const environment& env, const principal& who, const json& params) {
  return decide_on(env, who, params, true);
}

result<json> reject(const environment& env, const principal& who, const json& params) {
  return decide_on(env, who, params, false);
}

/// Changes arguments of a pending action: {approval, set = {argument: value}, reason, digest,
/// decision_id}. Answers with the approval that takes its place.
result<json> edit(const environment& env, const principal& who, const json& params) {
  auto id = approval_id(env, params);
  if (!id) {
    return std::move(id).error();
  }
  auto db = env.store->reader();
  if (!db) {
    return std::move(db).error();
  }
  auto found = escalate::find(**db, *id);
  if (!found) {
    return std::move(found).error();
  }
  if (auto there = flow::find(**db, found->what.case_id); !there) {
    return std::move(there).error();
  }
  amend a;
  a.approval_id = *id;
  a.case_id = found->what.case_id;
  a.changes = to_text(params.value("set", json::object()));
  a.principal = who.name;
  a.roles = who.roles;
  a.reason = text_or(params, "reason");
  a.seen_digest = text_or(params, "digest");
  auto decision_id = required(params, "decision_id");
  if (!decision_id) {
    return std::move(decision_id).error();
  }
  a.decision_id = *decision_id;
  const auto given = env.amend(std::move(a));
  if (given.code != 0) {
    return error(static_cast<errc>(given.code), given.text);
  }
  return parse_json(given.text, {.bytes = 8u << 20, .depth = 128});
}

/// A person's word to one case: recorded and queued for it, in one unit.
result<json> tell_case(const environment& env, const principal& who, const json& params,
                       std::string_view what,
                       result<void> (*may)(const flow::case_state&)) {
  auto wanted = required(params, "case");
  auto reason = required(params, "reason");
  if (!wanted || !reason) {
    return !wanted ? std::move(wanted).error() : std::move(reason).error();
  }
  auto db = env.store->reader();
  if (!db) {
    return std::move(db).error();
  }
  auto id = resolve(**db, "flow_case", "case_id", *wanted, "case");
  if (!id) {
    return std::move(id).error();
  }
  auto found = flow::find(**db, *id);
  if (!found) {
    return std::move(found).error();
  }
  const auto& state = found->state;
  auto d = flow::find_definition(**db, state.flow, state.version);
  if (!d) {
    return std::move(d).error();
  }
  const auto& stuck = (*d)->stuck();
  if (!who.has("operator") && (!stuck || (stuck->person != who.name &&
                                          (stuck->role.empty() || !who.has(stuck->role))))) {
    return error(errc::denied, "this needs " +
                                 (stuck ? stuck->who() + " or " : std::string()) +
                                 "the role operator")
      .at("case", *id);
  }
  if (auto r = may(state); !r) {
    return std::move(r).error();
  }
  envelope e;
  e.type = what;
  e.dataschema = e.type + "/1";
  e.source = "person:" + who.name;
  e.subject = state.key;
  e.case_id = *id;
  e.tenant = state.tenant;
  e.site = state.site;
  e.traceparent = state.traceparent;
  e.data = to_text(json{{"by", who.name}, {"roles", who.roles}, {"reason", *reason}});
  ledger::unit u;
  u.name = "api.case";
  u.cls = ledger::record_class::a;
  u.apply = [exchange = env.exchange, e](ledger::transaction& tx) -> result<void> {
    auto seq = exchange->publish(tx, e, ledger::record_class::a);
    return seq ? result<void>() : std::move(seq).error();
  };
  auto r = env.store->commit(std::move(u));
  if (!r) {
    return std::move(r).error();
  }
  return json{{"case", *id}, {"asked", what}, {"seq", r->first_seq}};
}

result<json> case_compensate(const environment& env, const principal& who,
                             const json& params) {
  return tell_case(env, who, params, flow::command::compensate, flow::may_compensate);
}

result<json> case_resolve(const environment& env, const principal& who, const json& params) {
  return tell_case(env, who, params, flow::command::resolve, flow::may_resolve);
}

result<json> ledger_show(const environment& env, const principal&, const json& params) {
  auto db = env.store->reader();
  if (!db) {
    return std::move(db).error();
  }
  auto case_id = text_or(params, "case");
  if (!case_id.empty()) {
    auto full = resolve(**db, "flow_case", "case_id", case_id, "case");
    if (!full) {
      return std::move(full).error();
    }
    case_id = *full;
  }
  const auto limit = limit_of(params);
  const auto durable = env.store->durable_seq();
  auto first = params.value("from", std::uint64_t{0});
  if (first == 0) {
    first = case_id.empty() && durable > limit ? durable - limit + 1 : 1;
  }
  auto records = ledger::read_records(**db, first, params.value("to", durable), limit, case_id);
  if (!records) {
    return std::move(records).error();
  }
  json out = json::array();
  const bool bodies = params.value("bodies", false);
  for (const auto& r : *records) {
    auto header = parse_json(r.header);
    json line{{"seq", r.seq}, {"header", header ? std::move(*header) : json(r.header)}};
    if (bodies && !r.body.empty()) {
      auto body = parse_json(r.body, {.bytes = 8u << 20, .depth = 80});
      line["body"] = body ? std::move(*body) : json(r.body);
    }
    out.push_back(std::move(line));
  }
  return json{{"records", std::move(out)}, {"durable_seq", durable}};
}

/// Signs what is durable now, so that a verification right after covers everything.
result<json> ledger_checkpoint(const environment& env, const principal&, const json&) {
  auto c = env.store->sign_checkpoint();
  if (!c) {
    return std::move(c).error();
  }
  return json{{"size", c->size}, {"root", to_hex(c->root)}, {"note", c->note}};
}

result<json> dead_letter_list(const environment& env, const principal&, const json& params) {
  auto db = env.store->reader();
  if (!db) {
    return std::move(db).error();
  }
  auto letters = dispatch::exchange::dead_letters(**db, limit_of(params));
  if (!letters) {
    return std::move(letters).error();
  }
  json out = json::array();
  for (const auto& l : *letters) {
    out.push_back({{"id", l.id},
                   {"seq", l.seq},
                   {"receiver", l.receiver},
                   {"topic", l.topic},
                   {"key", l.key},
                   {"code", l.code},
                   {"reason", l.reason},
                   {"attempts", l.attempts},
                   {"state", l.state},
                   {"time", to_rfc3339(l.time)}});
  }
  return json{{"dead_letters", std::move(out)}};
}

/// Whether they may, at this place in the ledger's order: a reload may have come first.
bool still(const std::vector<principal>& in_force, const principal& who, const char* role) {
  return std::any_of(in_force.begin(), in_force.end(), [&](const principal& p) {
    return p.name == who.name && p.uid == who.uid && p.has(role);
  });
}

result<json> dead_letter_replay(const environment& env, const principal& who,
                                const json& params) {
  if (!who.has("operator")) {
    return error(errc::denied, "replaying a dead letter needs the role operator");
  }
  const auto id = params.value("id", std::int64_t{0});
  if (id <= 0) {
    return error(errc::invalid, "the parameter \"id\" is missing").at("field", "id");
  }
  ledger::unit u;
  u.name = "api.replay";
  u.cls = ledger::record_class::a;
  u.apply = [exchange = env.exchange, id, principals = env.principals,
             who](ledger::transaction& tx) -> result<void> {
    if (!still(*principals(), who, "operator")) {
      return error(errc::denied, "replaying a dead letter needs the role operator");
    }
    return exchange->replay(tx, id, "person:" + who.name);
  };
  auto r = env.store->commit(std::move(u));
  if (!r) {
    return std::move(r).error();
  }
  return json{{"id", id}, {"state", "replayed"}, {"seq", r->first_seq}};
}

result<json> node_reload(const environment& env, const principal& who, const json& params) {
  if (!who.has("operator")) {
    return error(errc::denied, "reloading the configuration needs the role operator");
  }
  return env.reload(who, params.value("dry_run", false));
}

template <const char* what>
result<json> plugin_swap(const environment& env, const principal& who, const json& params) {
  if (!who.has("operator")) {
    return error(errc::denied, "which version of a plugin runs is decided with the role operator");
  }
  return env.swap(who, what, params);
}
constexpr char swap_it[] = "swap";
constexpr char keep_it[] = "keep";
constexpr char take_it_back[] = "rollback";

const std::map<std::string, method, std::less<>>& methods() {
  static const std::map<std::string, method, std::less<>> table{
    {"approval.approve", approve},
    {"approval.edit", edit},
    {"approval.list", approval_list},
    {"approval.reject", reject},
    {"approval.show", approval_show},
    {"case.compensate", case_compensate},
    {"case.list", case_list},
    {"case.resolve", case_resolve},
    {"case.show", case_show},
    {"dead_letter.list", dead_letter_list},
    {"dead_letter.replay", dead_letter_replay},
    {"ledger.checkpoint", ledger_checkpoint},
    {"ledger.show", ledger_show},
    {"node.reload", node_reload},
    {"node.status", node_status},
    {"plugin.keep", plugin_swap<keep_it>},
    {"plugin.list", plugin_list},
    {"plugin.rollback", plugin_swap<take_it_back>},
    {"plugin.swap", plugin_swap<swap_it>},
    {"whoami", whoami}};
  return table;
}

} // namespace

bool principal::has(std::string_view role) const {
  return std::find(roles.begin(), roles.end(), role) != roles.end();
}

result<json> call(const environment& env, const principal& who, const std::string& name,
                  const json& params) {
  const auto it = methods().find(name);
  if (it == methods().end()) {
    return error(errc::not_found, "there is no method \"" + name + "\"");
  }
  if (!params.is_object()) {
    return error(errc::invalid, "params is a JSON object").at("field", "params");
  }
  try {
    return it->second(env, who, params);
  } catch (const json::exception& e) {
    return error(errc::invalid, std::string("a parameter has the wrong type: ") + e.what());
  }
}

} // namespace crossdock::api
