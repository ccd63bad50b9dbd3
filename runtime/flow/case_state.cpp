#include "flow/case_state.hpp"

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

json to_json(const made_proposal& p) {
  return {{"step", p.step},
          {"run", p.run},
          {"status", to_string(p.status)},
          {"withdrawing", p.withdrawing},
          {"proposal", p.proposal},
          {"detail", p.detail}};
}

json to_json(const afterwards& a) {
  return {{"restart", a.restart}, {"outcome", a.outcome}, {"trigger", a.trigger}};
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
  json out{{"status", to_string(status)}};
  if (!answer.is_null()) {
    out["answer"] = answer;
  }
  if (!ranking.is_null()) {
    out["ranking"] = ranking;
  }
  if (!by.empty()) {
    out["by"] = by;
  }
  if (!release.empty()) {
    out["release"] = release;
  }
  if (seq != 0) {
    out["seq"] = seq;
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
  s.by = text_or(v, "by");
  s.release = text_or(v, "release");
  s.seq = v.value("seq", std::uint64_t{0});
  return s;
}

json case_state::to_json() const {
  json out{{"schema", schema},
           {"case_id", case_id},
           {"tenant", tenant},
           {"site", site},
           {"traceparent", traceparent},
           {"flow", flow},
           {"version", version},
           {"key", key},
           {"open", open},
           {"outcome", outcome},
           {"opened_at", to_rfc3339(opened_at)},
           {"updated_at", to_rfc3339(updated_at)},
           {"run", run},
           {"trigger", trigger},
           {"retries", retries},
           {"labels", labels},
           {"causes", causes},
           {"history", history},
           {"history_left_out", history_left_out}};
  if (closed_at) {
    out["closed_at"] = to_rfc3339(*closed_at);
  }
  out["steps"] = json::object();
  for (const auto& [name, s] : steps) {
    out["steps"][name] = s.to_json();
  }
  if (proposed) {
    out["proposed"] = flow::to_json(*proposed);
  }
  if (after) {
    out["after"] = flow::to_json(*after);
  }
  return out;
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
  s.history = v.at("history");
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
                         a.value("trigger", json())};
  }
  return s;
} catch (const json::exception& e) {
  return corrupt("/").at("reason", e.what());
}

json case_state::data() const {
  json out{{"trigger", trigger.value("payload", json::object())},
           {"case",
            {{"id", case_id},
             {"key", key},
             {"tenant", tenant},
             {"site", site},
             {"opened_at", to_rfc3339(opened_at)}}},
           {"steps", json::object()}};
  for (const auto& [name, s] : steps) {
    json step = s.ranking.is_object() ? s.ranking : json::object();
    step["status"] = to_string(s.status);
    if (!s.answer.is_null()) {
      step["answer"] = s.answer;
      step["by"] = s.by;
    }
    out["steps"][name] = std::move(step);
  }
  return out;
}

} // namespace crossdock::flow
