#include "flow/story.hpp"

#include <fmt/format.h>

namespace crossdock::flow {
namespace {

/// The beginning of a long history that is never left out.
constexpr std::size_t history_head = 8;

/// The facts and details of a line, where the state still has them.
void attach(const case_state& state, story_line& line) {
  if (line.run != state.run) {
    return;
  }
  const auto take = [&](const json* facts) {
    if (facts != nullptr && facts->is_array()) {
      line.facts.insert(line.facts.end(), facts->begin(), facts->end());
    }
  };
  if (line.station == "trigger") {
    take(find_pointer(state.trigger, "/payload/facts"));
  } else if (line.station == "proposal" && state.proposed &&
             state.proposed->step == line.step &&
             // A line of before a person edited it tells of another action.
             (line.about.empty() ||
              line.about == text_or(state.proposed->proposal, "id"))) {
    line.detail = state.proposed->proposal;
    take(find_pointer(line.detail, "/facts"));
  } else if (const auto it = state.steps.find(line.step); it != state.steps.end()) {
    if (line.station == "answer") {
      take(find_pointer(it->second.answer, "/evidence"));
      if (const auto* why = find_pointer(it->second.answer, "/none_because");
          why != nullptr && why->is_array() && !why->empty()) {
        line.detail = {{"none_because", *why}};
      }
      if (const auto* options = find_pointer(it->second.answer, "/options");
          options != nullptr && options->is_array()) {
        for (const auto& option : *options) {
          take(find_pointer(option, "/evidence"));
        }
      }
    } else if (line.station == "ranking" && it->second.ranking.is_object()) {
      line.detail = {{"ranked", it->second.ranking->value("ranked", json::array())},
                     {"dropped", it->second.ranking->value("dropped", json::array())}};
    }
  }
}

/// ": reason", if there is one.
std::string because(const json& detail) {
  const auto reason = text_or(detail, "reason");
  return reason.empty() ? "." : ": " + reason;
}

std::string joined(const json& list) {
  std::string out;
  for (const auto& item : list) {
    out += (out.empty() ? "" : ", ") + (item.is_string() ? item.get<std::string>() : "");
  }
  return out;
}

/// " (rules a, b)", if there are any.
std::string rules_of(const json& detail) {
  const auto* rules = find_pointer(detail, "/rules");
  return rules && rules->is_array() && !rules->empty() ? " (rules " + joined(*rules) + ")"
                                                       : "";
}

std::string by_whom(const json& detail) {
  const auto by = text_or(detail, "by");
  return by.empty() ? "" : " by " + by;
}

} // namespace

json story_line::to_json() const {
  json out{{"time", to_rfc3339(time)}, {"station", station}, {"text", text}, {"run", run},
           {"facts", facts},           {"seq", seq}};
  if (!step.empty()) {
    out["step"] = step;
  }
  if (!detail.is_null()) {
    out["detail"] = detail;
  }
  if (!about.empty()) {
    out["about"] = about;
  }
  return out;
}

std::vector<story_line> describe(const case_state& state) {
  std::vector<story_line> out;
  for (const auto& entry : state.history) {
    story_line line;
    if (const auto t = parse_rfc3339(text_or(entry, "time"))) {
      line.time = *t;
    }
    line.station = text_or(entry, "station");
    line.text = text_or(entry, "text");
    line.step = text_or(entry, "step");
    line.run = entry->value("run", 0u);
    line.seq = entry->value("seq", std::uint64_t{0});
    line.about = text_or(entry, "about");
    attach(state, line);
    if (state.history_left_out > 0 && out.size() == history_head) {
      story_line gap;
      gap.time = line.time;
      gap.station = "case";
      gap.text = fmt::format("{} lines are left out here; the ledger has them.",
                             state.history_left_out);
      out.push_back(std::move(gap));
    }
    out.push_back(std::move(line));
  }
  return out;
}

void tell(case_state& state, timestamp now, std::string_view station, std::string text,
          std::string_view step, std::uint64_t seq, std::string_view about) {
  json line{{"time", to_rfc3339(now)},
            {"station", station},
            {"text", std::move(text)},
            {"run", state.run}};
  if (!step.empty()) {
    line["step"] = step;
  }
  if (seq != 0) {
    line["seq"] = seq;
  }
  if (!about.empty()) {
    line["about"] = about;
  }
  state.history.emplace_back(std::move(line));
  if (state.history.size() > history_max) {
    state.history.erase(state.history.begin() + history_head);
    ++state.history_left_out;
  }
}

told tell_decision(std::string_view outcome, const json& detail) {
  if (outcome == "asked") {
    const auto chain = text_or(detail, "chain");
    return {"gate", "The policy asks " + (chain.empty() ? "a person" : chain) +
                        rules_of(detail) + because(detail)};
  }
  if (outcome == "allowed") {
    return {"gate", "The policy allowed it" + rules_of(detail) + because(detail)};
  }
  if (outcome == "denied") {
    return {"gate", "The policy denied it" + rules_of(detail) + because(detail)};
  }
  if (outcome == "approved") {
    return {"person", "Approved" + by_whom(detail) + because(detail)};
  }
  if (outcome == "rejected") {
    return {"person", "Rejected" + by_whom(detail) + because(detail)};
  }
  if (outcome == "expired") {
    return {"person", "Nobody decided in time" + because(detail)};
  }
  if (outcome == "superseded" && detail.is_object() && detail.contains("by")) {
    return {"effect",
            "A newer proposal for the same thing took its place" + because(detail)};
  }
  if (outcome == "superseded") {
    return {"effect",
            "A fact it rested on had moved, so nothing was done" + because(detail)};
  }
  if (outcome == "withdrawn") {
    return {"person", "Withdrawn before anything was done" + because(detail)};
  }
  if (outcome == "unknown") {
    return {"effect",
            "It was tried; whether it was done is being looked up" + because(detail)};
  }
  if (outcome == "failed") {
    return {"effect", "It could not be done" + because(detail)};
  }
  std::string text = "Done";
  if (const auto system = text_or(detail, "system"); !system.empty()) {
    text += " in " + system;
  }
  if (const auto record = text_or(detail, "record"); !record.empty()) {
    text += ", record " + record;
  }
  if (const auto reference = text_or(detail, "reference"); !reference.empty()) {
    text += ", reference " + reference;
  }
  return {"effect", text + because(detail)};
}

} // namespace crossdock::flow
