#include "flow/case_state.hpp"

#include <algorithm>
#include <array>

namespace crossdock::flow {
namespace {

constexpr std::array<std::string_view, 16> status_names{
    "waiting", "answered", "fallback",   "skipped",  "done",   "proposed",
    "asked",   "allowed",  "unknown",    "executed", "denied", "rejected",
    "expired", "failed",   "superseded", "withdrawn"};

error corrupt(const char* field) {
  return error(errc::corrupt, "the stored state of a case cannot be read")
      .at("field", field);
}

result<timestamp> time_at(const json& v, const char* name) {
  auto t = parse_rfc3339(text_or(v, name));
  return t ? std::move(t) : result<timestamp>(corrupt(name));
}

/// Without the proposal itself.
json frame(const made_proposal& p) {
  return {{"step", p.step},     {"run", p.run},
          {"status", to_string(p.status)},
          {"withdrawing", p.withdrawing},
          {"edits", p.edits},   {"detail", p.detail}};
}

/// Without answer and ranking.
json frame(const step_state& s) {
  json out{{"status", to_string(s.status)}};
  if (!s.effect.is_null()) {
    out["effect"] = s.effect;
  }
  if (!s.by.empty()) {
    out["by"] = s.by;
  }
  if (!s.release.empty()) {
    out["release"] = s.release;
  }
  if (s.seq != 0) {
    out["seq"] = s.seq;
  }
  return out;
}

/// Adds `name`: `value` to the text of an object, both as text already.
void append_member(std::string& object, std::string_view name, std::string_view value) {
  object.back() = object.size() > 2 ? ',' : '{'; // in place of the closing brace
  if (object.back() == '{') {
    object.pop_back();
  }
  object.append("\"").append(name).append("\":").append(value) += '}';
}

json to_json(const afterwards& a) {
  return {{"restart", a.restart},
          {"outcome", a.outcome},
          {"trigger", a.trigger},
          {"because", a.because}};
}

json to_json(const done_effect& e) {
  json out{{"step", e.step},         {"run", e.run},
           {"done", e.done},         {"effect", e.effect},
           {"tool", e.tool},         {"args", e.args},
           {"summary", e.summary},   {"expires_ms", e.expires.count()},
           {"declared", e.declared}, {"wanted", e.wanted},
           {"tries", e.tries},       {"attempt", e.attempt},
           {"undo_id", e.undo_id},   {"resolved", e.resolved}};
  if (e.undone) {
    out["undone"] = to_string(*e.undone);
  }
  return out;
}

result<done_effect> effect_from(const json& v) {
  done_effect e;
  e.step = v.at("step").get<std::string>();
  e.run = v.at("run").get<std::uint32_t>();
  e.done = v.at("done");
  e.effect = v.at("effect");
  e.tool = v.at("tool").get<std::string>();
  e.args = v.at("args");
  e.summary = v.at("summary").get<std::string>();
  e.expires = std::chrono::milliseconds(v.at("expires_ms").get<std::int64_t>());
  e.declared = v.at("declared").get<bool>();
  e.wanted = v.at("wanted").get<bool>();
  e.tries = v.at("tries").get<std::uint32_t>();
  e.attempt = v.at("attempt").get<std::uint32_t>();
  e.undo_id = v.at("undo_id").get<std::string>();
  e.resolved = v.at("resolved").get<bool>();
  if (v.contains("undone")) {
    e.undone = step_status_from(v["undone"].get<std::string>());
    if (!e.undone) {
      return corrupt("effects");
    }
  }
  return e;
}

/// What a case of schema 1 has done, as far as it remembers: the last proposal. Its flow
/// said nothing of undoing, so only a person may ask for it.
std::optional<done_effect> effect_of_schema_1(const made_proposal& p) {
  const auto tool = text_or(p.proposal, "reversal", "none");
  const auto reference = text_or(p.detail, "reference");
  if (p.status != step_status::executed || tool == "none" || reference.empty()) {
    return std::nullopt;
  }
  done_effect e;
  e.step = p.step;
  e.run = p.run;
  e.done = p.proposal;
  e.done.erase("facts");
  e.effect = p.detail;
  e.tool = tool;
  e.args = {{"reference", reference}};
  e.summary = "Undo: " + text_or(p.proposal, "summary");
  e.expires = std::chrono::hours(4);
  return e;
}

constexpr std::array<std::string_view, 3> phase_names{"running", "stuck", "done"};

json to_json(const undoing& u) {
  return {{"at", phase_names[static_cast<std::size_t>(u.at)]},
          {"because", u.because},
          {"requester", u.requester},
          {"why", u.why},
          {"stuck_who", u.stuck_who},
          {"index", u.index}};
}

result<undoing> undoing_from(const json& v, std::size_t effects) {
  undoing u;
  const auto name = v.at("at").get<std::string>();
  const auto* it = std::find(phase_names.begin(), phase_names.end(), name);
  u.index = v.at("index").get<std::size_t>();
  if (it == phase_names.end() || u.index >= effects) {
    return corrupt("undo");
  }
  u.at = static_cast<undoing::phase>(it - phase_names.begin());
  u.because = v.at("because");
  u.requester = v.at("requester").get<std::string>();
  u.why = v.at("why").get<std::string>();
  u.stuck_who = v.at("stuck_who").get<std::string>();
  return u;
}

result<made_proposal> proposal_from(const json& v) {
  const auto status = step_status_from(text_or(v, "status"));
  if (!status) {
    return corrupt("proposed");
  }
  made_proposal p;
  p.step = text_or(v, "step");
  p.run = v.value("run", 0u);
  p.status = *status;
  p.withdrawing = v.value("withdrawing", false);
  p.edits = v.value("edits", 0u);
  p.proposal = v.value("proposal", json());
  p.detail = v.value("detail", json());
  return p;
}

} // namespace

std::string_view to_string(step_status s) noexcept {
  return status_names[static_cast<std::size_t>(s)];
}

std::optional<step_status> step_status_from(std::string_view text) noexcept {
  for (std::size_t i = 0; i < status_names.size(); ++i) {
    if (status_names[i] == text) {
      return static_cast<step_status>(i);
    }
  }
  return std::nullopt;
}

json step_state::to_json() const {
  auto out = frame(*this);
  if (!answer.is_null()) {
    out["answer"] = *answer;
  }
  if (!ranking.is_null()) {
    out["ranking"] = *ranking;
  }
  return out;
}

result<step_state> step_state::from_json(const json& v) {
  const auto status = step_status_from(text_or(v, "status"));
  if (!status) {
    return corrupt("steps");
  }
  step_state s;
  s.status = *status;
  s.answer = v.value("answer", json());
  s.ranking = v.value("ranking", json());
  s.effect = v.value("effect", json());
  s.by = text_or(v, "by");
  s.release = text_or(v, "release");
  s.seq = v.value("seq", std::uint64_t{0});
  return s;
}

namespace {

/// Everything that is small.
json frame(const case_state& s) {
  json out{{"schema", case_state::schema},
           {"case_id", s.case_id},
           {"tenant", s.tenant},
           {"site", s.site},
           {"traceparent", s.traceparent},
           {"flow", s.flow},
           {"version", s.version},
           {"key", s.key},
           {"open", s.open},
           {"outcome", s.outcome},
           {"opened_at", to_rfc3339(s.opened_at)},
           {"updated_at", to_rfc3339(s.updated_at)},
           {"run", s.run},
           {"retries", s.retries},
           {"labels", s.labels},
           {"causes", s.causes},
           {"history_left_out", s.history_left_out}};
  if (s.closed_at) {
    out["closed_at"] = to_rfc3339(*s.closed_at);
  }
  if (s.after) {
    out["after"] = flow::to_json(*s.after);
  }
  if (!s.effects.empty()) {
    out["effects"] = json::array();
    for (const auto& e : s.effects) {
      out["effects"].push_back(flow::to_json(e));
    }
    out["undo_attempts"] = s.undo_attempts;
  }
  if (s.undo) {
    out["undo"] = flow::to_json(*s.undo);
  }
  return out;
}

} // namespace

json case_state::to_json() const {
  auto out = frame(*this);
  out["trigger"] = *trigger;
  out["history"] = json::array();
  for (const auto& line : history) {
    out["history"].push_back(*line);
  }
  out["steps"] = json::object();
  for (const auto& [name, s] : steps) {
    out["steps"][name] = s.to_json();
  }
  if (proposed) {
    out["proposed"] = frame(*proposed);
    out["proposed"]["proposal"] = *proposed->proposal;
  }
  return out;
}

std::string case_state::to_text() const {
  auto out = crossdock::to_text(frame(*this));
  append_member(out, "trigger", trigger.text());
  std::string lines = "[";
  for (const auto& line : history) {
    lines.append(lines.size() > 1 ? "," : "").append(line.text());
  }
  append_member(out, "history", lines + "]");
  std::string all = "{}";
  for (const auto& [name, s] : steps) {
    auto one = crossdock::to_text(frame(s));
    if (!s.answer.is_null()) {
      append_member(one, "answer", s.answer.text());
    }
    if (!s.ranking.is_null()) {
      append_member(one, "ranking", s.ranking.text());
    }
    append_member(all, name, one); // a step's name needs no escapes
  }
  append_member(out, "steps", all);
  if (proposed) {
    auto one = crossdock::to_text(frame(*proposed));
    append_member(one, "proposal", proposed->proposal.text());
    append_member(out, "proposed", one);
  }
  return out;
}

std::string case_state::phase() const {
  if (open || !undo) {
    return open ? "open" : "closed";
  }
  switch (undo->at) {
  case undoing::phase::running:
    return "compensating";
  case undoing::phase::stuck:
    return "stuck";
  case undoing::phase::done:
    break;
  }
  return std::any_of(effects.begin(), effects.end(),
                     [](const done_effect& e) { return e.resolved; })
             ? "resolved"
             : "compensated";
}

bool case_state::undoable() const {
  return std::any_of(effects.begin(), effects.end(),
                     [](const done_effect& e) { return e.declared && !e.settled(); });
}

result<case_state> case_state::from_json(const json& v) try {
  if (!v.is_object()) {
    return corrupt("/");
  }
  if (v.value("schema", 0) > schema) {
    return error(errc::version,
                 "the case was written by a newer crossdock: install that one")
        .at("case", text_or(v, "case_id"));
  }
  case_state s;
  s.case_id = v.at("case_id").get<std::string>();
  s.tenant = text_or(v, "tenant");
  s.site = text_or(v, "site");
  s.traceparent = text_or(v, "traceparent");
  s.flow = v.at("flow").get<std::string>();
  s.version = v.at("version").get<int>();
  s.key = v.at("key").get<std::string>();
  s.open = v.at("open").get<bool>();
  s.outcome = text_or(v, "outcome");
  for (const auto& [name, target] :
       {std::pair<const char*, timestamp*>{"opened_at", &s.opened_at},
        {"updated_at", &s.updated_at}}) {
    auto t = time_at(v, name);
    if (!t) {
      return std::move(t).error();
    }
    *target = *t;
  }
  if (v.contains("closed_at")) {
    auto t = time_at(v, "closed_at");
    if (!t) {
      return std::move(t).error();
    }
    s.closed_at = *t;
  }
  s.run = v.at("run").get<std::uint32_t>();
  s.trigger = v.at("trigger");
  s.retries = v.at("retries").get<std::map<std::string, int>>();
  s.labels = v.at("labels").get<std::vector<std::string>>();
  s.causes = v.at("causes").get<std::vector<std::uint64_t>>();
  for (const auto& line : v.at("history")) {
    s.history.emplace_back(line);
  }
  s.history_left_out = v.at("history_left_out").get<std::uint64_t>();
  for (const auto& [name, stored] : v.at("steps").items()) {
    auto step = step_state::from_json(stored);
    if (!step) {
      return std::move(step).error();
    }
    s.steps.emplace(name, std::move(*step));
  }
  if (v.contains("proposed")) {
    auto p = proposal_from(v["proposed"]);
    if (!p) {
      return std::move(p).error();
    }
    s.proposed = std::move(*p);
  }
  if (v.contains("after")) {
    const auto& a = v["after"];
    s.after = afterwards{a.value("restart", false), text_or(a, "outcome"),
                         a.value("trigger", json()), a.value("because", json())};
  }
  for (const auto& stored : v.value("effects", json::array())) {
    auto e = effect_from(stored);
    if (!e) {
      return std::move(e).error();
    }
    s.effects.push_back(std::move(*e));
  }
  if (v.value("schema", 0) < 2 && s.proposed) {
    if (auto e = effect_of_schema_1(*s.proposed)) {
      s.effects.push_back(std::move(*e));
    }
  }
  s.undo_attempts = v.value("undo_attempts", 0u);
  if (v.contains("undo")) {
    auto u = undoing_from(v["undo"], s.effects.size());
    if (!u) {
      return std::move(u).error();
    }
    s.undo = std::move(*u);
  }
  return s;
} catch (const json::exception& e) {
  return corrupt("/").at("reason", e.what());
}

namespace {

/// data() without payload, answers and rankings.
json small_data(const case_state& s) {
  json out{{"case",
            {{"id", s.case_id},
             {"key", s.key},
             {"tenant", s.tenant},
             {"site", s.site},
             {"opened_at", to_rfc3339(s.opened_at)}}},
           {"steps", json::object()}};
  for (const auto& [name, at] : s.steps) {
    json step{{"status", to_string(at.status)}};
    if (!at.answer.is_null()) {
      step["by"] = at.by;
    }
    if (!at.effect.is_null()) {
      step["effect"] = at.effect;
    }
    out["steps"][name] = std::move(step);
  }
  return out;
}

/// "/name/rest" -> {name, "/rest"}.
std::pair<std::string_view, std::string_view> first_token(std::string_view pointer) {
  pointer.remove_prefix(pointer.empty() ? 0 : 1);
  const auto end = std::min(pointer.find('/'), pointer.size());
  return {pointer.substr(0, end), pointer.substr(end)};
}

} // namespace

json case_state::data() const {
  auto out = small_data(*this);
  out["trigger"] = trigger->value("payload", json::object());
  for (const auto& [name, s] : steps) {
    auto& step = out["steps"][name];
    if (s.ranking.is_object()) {
      auto all = *s.ranking;
      all.update(step);
      step = std::move(all);
    }
    if (!s.answer.is_null()) {
      step["answer"] = *s.answer;
    }
  }
  return out;
}

case_view::case_view(const case_state& s) : state_(s), small_(small_data(s)) {}

const json* case_view::find(std::string_view pointer) const {
  const auto [top, rest] = first_token(pointer);
  if (top == "trigger" && state_.trigger->contains("payload")) {
    return find_pointer((*state_.trigger)["payload"], rest);
  }
  if (top == "steps" && !rest.empty()) {
    const auto [name, inner] = first_token(rest);
    return inner.empty() ? whole(pointer) : step(name, inner);
  }
  return top == "case" ? find_pointer(small_, pointer) : whole(pointer);
}

const json* case_view::step(std::string_view name, std::string_view rest) const {
  const auto it = state_.steps.find(std::string(name));
  if (it == state_.steps.end()) {
    return nullptr;
  }
  const auto [member, inner] = first_token(rest);
  if (member == "answer" && !it->second.answer.is_null()) {
    return find_pointer(*it->second.answer, inner);
  }
  if (const auto& own = small_["steps"][it->first]; own.contains(std::string(member))) {
    return find_pointer(own, rest);
  }
  return find_pointer(*it->second.ranking, rest);
}

/// For the few pointers that ask for more than one thing at once.
const json* case_view::whole(std::string_view pointer) const {
  if (!whole_) {
    whole_ = state_.data();
  }
  return find_pointer(*whole_, pointer);
}

} // namespace crossdock::flow
