#include "crossdock/record_words.hpp"

#include "crossdock/facts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace crossdock::cli {
namespace {

/// Open readings that are remembered; a node has some hundred under way at most.
constexpr std::size_t readings_max = 4096;
/// As in the plugin contract (CDK_E_DEADLINE, CDK_E_ABSENT).
constexpr std::int64_t status_deadline = -6;

std::string detail_of(const json& record, const char* name) {
  const auto it = record.find("detail");
  return it == record.end() ? std::string() : shown(*it, name);
}

std::int64_t number_of(const json& record, const char* name) {
  const auto it = record.find("detail");
  if (it == record.end() || !it->is_object()) {
    return 0;
  }
  const auto n = it->find(name);
  return n != it->end() && n->is_number_integer() ? n->get<std::int64_t>() : 0;
}

/// "erp.transfer.create" as "erp transfer create".
std::string spoken(std::string name) {
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '.' || c == '_'; }, ' ');
  return name;
}

/// "maria" of "person:maria".
std::string name_of(const std::string& who) {
  constexpr std::string_view person = "person:";
  return who.starts_with(person) ? who.substr(person.size()) : who;
}

/// " for SKU-1 at BR-1": what it is about; a key names item and site as "SKU-1@BR-1".
std::string subject_of(const json& record) {
  auto subject = detail_of(record, "subject");
  if (const auto at = subject.find('@'); at != std::string::npos) {
    subject.replace(at, 1, " at ");
  }
  return subject.empty() ? "" : " for " + subject;
}

/// The gate says `rule "x" allows it: why`; the why is what people ask for, and the rule
/// where it can be looked up.
std::string reason_of(const json& record) {
  auto reason = detail_of(record, "reason");
  if (const auto end = reason.find(": ");
      reason.starts_with("rule \"") && end != std::string::npos) {
    reason = reason.substr(end + 2);
  }
  const auto it = record.find("detail");
  const auto rules = it == record.end() || !it->is_object()
                         ? std::string()
                         : joined(it->value("rules", json::array()));
  return (reason.empty() ? "" : ": " + reason) +
         (rules.empty() ? "" : " [" + rules + "]");
}

std::string because(const std::string& why) {
  return why.empty() ? "" : ": " + why;
}

/// The beginning of an id that a person can type.
std::string short_id(const std::string& id) {
  return id.substr(0, 12);
}

record_line quiet(std::string what, bool chatter = true) {
  record_line out;
  out.what = std::move(what);
  out.paint = colour::faint;
  out.chatter = chatter;
  return out;
}

record_line loud(std::string what, colour c) {
  record_line out;
  out.what = std::move(what);
  out.paint = c;
  return out;
}

// -- by kind
// ---------------------------------------------------------------------------------

/// What a connector takes in is durable before it is acknowledged (class A); agents' own
/// events are not. A day has thousands of changes, and what follows from them is told.
record_line event_line(const json& r) {
  const auto what = spoken(detail_of(r, "type")) + subject_of(r);
  if (detail_of(r, "type") == "crossdock.proposal") {
    return quiet("proposes on its own" + subject_of(r)); // the proposal itself follows
  }
  return shown(r, "class") == "A" ? quiet("the ERP has a change: " + what)
                                  : quiet("reports: " + what, false);
}

record_line question_line(const json& r) {
  return quiet("asks: " + spoken(detail_of(r, "type")) + subject_of(r), false);
}

record_line timer_line(const json& r) {
  return quiet("time is up" + subject_of(r));
}

record_line proposal_line(const json& r) {
  return loud(fmt::format("proposes: {} ({} sure)", detail_of(r, "summary"),
                          permille_text(number_of(r, "confidence_permille"))),
              colour::strong);
}

record_line verdict_line(const json& r) {
  const auto effect = detail_of(r, "effect");
  const auto why = reason_of(r);
  if (effect == "allow") {
    return loud("policy allows it" + why, colour::good);
  }
  if (effect == "ask") {
    return loud("a person must decide (" + detail_of(r, "chain") + ")" + why,
                colour::warning);
  }
  return loud("policy denies it" + why, colour::bad);
}

record_line approval_line(const json& r) {
  const auto id = shown(r, "id");
  const auto event = detail_of(r, "event");
  const auto to = detail_of(r, "to");
  if (event == "opened" && to == "pending") {
    return loud("please decide: crossdock approval show " + short_id(id),
                colour::warning);
  }
  if (event == "approved" || event == "counted" || event == "stage_agreed") {
    return loud(to == "approved" ? "approves" : "says yes; more people are asked",
                colour::strong);
  }
  static const std::map<std::string, std::pair<const char*, colour>, std::less<>> words{
      {"rejected", {"rejects it", colour::warning}},
      {"expired", {"nobody decided in time: it is off", colour::warning}},
      {"superseded",
       {"overtaken: facts moved or a newer proposal came", colour::warning}},
      {"withdrawn", {"taken back: it is no longer wanted", colour::warning}},
      {"revoked", {"the permission is taken back", colour::warning}},
      {"reminded", {"reminds who should decide", colour::warning}},
      {"escalated", {"asks the next in line", colour::warning}},
      {"refused", {"a decision came that does not count", colour::warning}}};
  if (const auto it = words.find(event); it != words.end()) {
    return loud(it->second.first + because(detail_of(r, "reason")), it->second.second);
  }
  return quiet("approval " + short_id(id) + " is " + to);
}

record_line effect_line(const json& r) {
  const auto state = detail_of(r, "state");
  const auto tool = spoken(shown(r, "target"));
  if (state == "intent") {
    return quiet(fmt::format("will write: {} (on record before it is done, as {})", tool,
                             detail_of(r, "key")),
                 false);
  }
  if (state == "executed" || state == "reconciled") {
    auto where = detail_of(r, "record");
    if (const auto system = detail_of(r, "system"); !system.empty()) {
      where += " in " + system;
    }
    return loud(fmt::format("{}: {}{}", state == "executed" ? "written" : "found written",
                            tool, where.empty() ? "" : ", " + where),
                colour::good);
  }
  if (state == "unknown") {
    return loud("in doubt: " + tool + " was not answered; the ERP is asked what it did",
                colour::bad);
  }
  if (state == "waiting") {
    return loud("tries again soon: " + tool + " (" + detail_of(r, "answer") + ")",
                colour::warning);
  }
  if (state == "failed") {
    return loud("not written: " + tool + " (" + detail_of(r, "answer") + ")",
                colour::bad);
  }
  return quiet(tool + ": " + state, false);
}

record_line decision_line(const json& r) {
  auto line = quiet("hears what became of its proposal: " + detail_of(r, "outcome"));
  line.chatter = shown(r, "target") == "flow"; // its own records tell it better
  return line;
}

record_line case_line(const json& r) {
  const auto outcome = detail_of(r, "outcome");
  const bool bad = outcome == "failed" || outcome == "denied";
  return loud("case " + detail_of(r, "state") +
                  (outcome.empty() ? "" : ": " + spoken(outcome)),
              bad ? colour::bad : colour::good);
}

record_line dead_letter_line(const json& r) {
  return loud("could not be delivered: " + spoken(detail_of(r, "topic")) +
                  because(detail_of(r, "reason")),
              colour::bad);
}

record_line refused_line(const json& r) {
  return loud("not accepted: " + spoken(detail_of(r, "type")) + subject_of(r) +
                  "; see `crossdock dead-letter list`",
              colour::bad);
}

record_line replay_line(const json& r) {
  return loud(fmt::format("delivers dead letter {} again", number_of(r, "dead_letter")),
              colour::strong);
}

record_line plugin_line(const json& r) {
  const auto what = detail_of(r, "what");
  const bool bad = what == "instance_failed" || what == "gave_up";
  return loud(spoken(what) + because(detail_of(r, "why")),
              bad ? colour::bad : colour::none);
}

/// switched, kept or rolled_back.
record_line swap_line(const json& r) {
  const auto what = detail_of(r, "what");
  const auto release = detail_of(r, "release");
  if (what == "rolled_back") {
    return loud("taken back to " + release, colour::bad);
  }
  return loud(what == "kept" ? release + " stays"
                             : release + " took over from " + detail_of(r, "before"),
              colour::strong);
}

record_line node_line(const json& r) {
  return loud("node " + detail_of(r, "what"), colour::strong);
}

record_line config_line(const json&) {
  return loud("put another configuration in force", colour::strong);
}

record_line mishap_line(const json& r) {
  return loud(detail_of(r, "what"), colour::bad);
}

record_line lifecycle_line(const json& r) {
  const auto what = detail_of(r, "what");
  const bool bad = what.find(" failed") != std::string::npos ||
                   what.find(" killed") != std::string::npos ||
                   what.find(" gave up") != std::string::npos;
  return bad ? loud(what, colour::bad) : quiet(what);
}

record_line command_line(const json& r) {
  return quiet(spoken(detail_of(r, "what")));
}

record_line note_line(const json& r) {
  return quiet(detail_of(r, "text"));
}

record_line counts_line(const json& r) {
  return quiet(fmt::format("{} messages so far, {} in flight", number_of(r, "messages"),
                           number_of(r, "in_flight")));
}

record_line late_answer_line(const json&) {
  return loud("answered too late; it no longer counts", colour::warning);
}

/// A kind that has no words: its own members.
record_line plain_line(const json& r) {
  std::string out = spoken(shown(r, "kind"));
  if (const auto it = r.find("detail"); it != r.end() && it->is_object()) {
    for (const auto& [name, value] : it->items()) {
      if (!value.is_structured()) {
        out += ", " + spoken(name) + " " + shown(*it, name.c_str());
      }
    }
  }
  return loud(std::move(out), colour::none);
}

using teller = record_line (*)(const json&);

const std::map<std::string_view, teller>& tellers() {
  static const std::map<std::string_view, teller> table{{"approval", approval_line},
                                                        {"case", case_line},
                                                        {"command", command_line},
                                                        {"config", config_line},
                                                        {"counts", counts_line},
                                                        {"dead_letter", dead_letter_line},
                                                        {"decision", decision_line},
                                                        {"effect", effect_line},
                                                        {"event", event_line},
                                                        {"late_answer", late_answer_line},
                                                        {"lifecycle", lifecycle_line},
                                                        {"mishap", mishap_line},
                                                        {"node", node_line},
                                                        {"note", note_line},
                                                        {"plugin", plugin_line},
                                                        {"proposal", proposal_line},
                                                        {"question", question_line},
                                                        {"refused", refused_line},
                                                        {"replay", replay_line},
                                                        {"swap", swap_line},
                                                        {"timer", timer_line},
                                                        {"verdict", verdict_line}};
  return table;
}

std::string who_of(const json& r) {
  const auto kind = shown(r, "kind");
  const auto from = name_of(shown(r, "source"));
  auto to = name_of(shown(r, "target"));
  if (kind == "approval") {
    // Opening one asks a chain of people; everything else is somebody's act.
    to = detail_of(r, "to") == "pending" ? detail_of(r, "chain") : "";
  } else if (kind == "case" || kind == "effect" || to == "nobody" || to == from) {
    to.clear(); // a place, and not somebody who is told
  }
  return from.empty() || to.empty() ? from + to : from + " → " + to;
}

} // namespace

const std::vector<std::string_view>& known_kinds() {
  static const std::vector<std::string_view> kinds = [] {
    std::vector<std::string_view> out{"answer", "call", "lookup"};
    for (const auto& [kind, tell] : tellers()) {
      out.push_back(kind);
    }
    std::sort(out.begin(), out.end());
    return out;
  }();
  return kinds;
}

record_line record_words::of(const json& r) {
  const auto kind = shown(r, "kind");
  record_line out;
  if (kind == "call" || kind == "lookup") {
    const bool writes = kind == "call" && !detail_of(r, "key").empty();
    readings_.insert(static_cast<std::uint64_t>(number_of(r, "request")));
    if (readings_.size() > readings_max) {
      readings_.erase(readings_.begin());
    }
    out = quiet((writes             ? "writes: "
                 : kind == "lookup" ? "asks whether it was written: "
                                    : "reads: ") +
                    spoken(detail_of(r, "type")) + subject_of(r),
                kind == "call");
  } else if (kind == "answer") {
    auto what = detail_of(r, "type");
    constexpr std::string_view suffix = ".answer";
    if (what.ends_with(suffix)) {
      what.resize(what.size() - suffix.size());
    }
    const auto status = number_of(r, "status");
    const bool read =
        readings_.erase(static_cast<std::uint64_t>(number_of(r, "request"))) > 0;
    out = status == status_deadline
              ? loud("gave no answer in time: " + spoken(what), colour::warning)
          : status < 0
              ? loud(fmt::format("gave no answer ({}): {}", status, spoken(what)),
                     colour::warning)
              : quiet("answers: " + spoken(what) + subject_of(r), read);
  } else if (const auto it = tellers().find(kind); it != tellers().end()) {
    out = it->second(r);
  } else {
    out = plain_line(r);
  }
  out.who = who_of(r);
  return out;
}

} // namespace crossdock::cli
