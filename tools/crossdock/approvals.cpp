#include "base/ids.hpp"
#include "crossdock/commands.hpp"
#include "crossdock/facts.hpp"

#include <fmt/format.h>

namespace crossdock::cli {
namespace {

const json& member(const json& object, const char* name) {
  static const json none = json::object();
  const auto it = object.find(name);
  return it == object.end() ? none : *it;
}

/// "quantity 7 → 12, amount 87.5 EUR → 150 EUR".
std::string difference_text(const json& difference) {
  std::string out;
  for (const auto& d : difference) {
    out += fmt::format("{}{} {} → {}", out.empty() ? "" : ", ", shown(d, "field"),
                       shown(d, "was"), shown(d, "is"));
  }
  return out;
}

/// What was asked for first, and who made this of it.
void show_edit(screen& s, const json& a) {
  const auto& edit = member(a, "edit");
  if (!edit.empty()) {
    s.heading("Edited");
    s.field("by", shown(edit, "by") + ", " + instant_text(shown(edit, "at")), 14, 2);
    s.field("changed", difference_text(edit.value("difference", json::array())), 14, 2);
    s.field("because", shown(edit, "reason"), 14, 2);
    s.field("in place of", shown(edit, "from"), 14, 2);
  }
  if (const auto to = shown(a, "edited_to"); !to.empty()) {
    s.heading("Edited");
    s.field("now", to, 14, 2);
  }
}

/// "customer-service (1 of 1), stage 1 of 2".
std::string asked_text(const json& a) {
  const auto& asked = member(a, "asked");
  if (asked.empty()) {
    return "";
  }
  auto out =
      fmt::format("{}; {} of {} have agreed", joined(asked.value("roles", json::array())),
                  shown(asked, "counted"), shown(asked, "quorum"));
  if (const auto stages = asked.value("stages", json(1)); stages != json(1)) {
    out += fmt::format("; stage {} of {}", asked.value("stage", 0) + 1, stages.dump());
  }
  return out;
}

void show_evidence(screen& s, const json& p) {
  s.heading("Evidence");
  fact_printer facts(s);
  facts.print(p.value("facts", json::array()), 2);
  s.heading("Why");
  for (const auto& sentence : p.value("rationale", json::array())) {
    if (sentence.is_string()) {
      s.paragraph("- " + sentence.get<std::string>(), 2, 2);
    }
  }
  const auto& basis = member(p, "basis");
  s.field("confidence", permille_text(p.value("confidence_permille", json())), 14, 2);
  s.field("arithmetic", shown(basis, "arithmetic"), 14, 2);
  s.field("assumptions", joined(basis.value("assumptions", json())), 14, 2);
  s.field("careful", joined(basis.value("quality_flags", json())), 14, 2);
  s.field("labels", joined(p.value("labels", json())), 14, 2);
}

void show_counter_case(screen& s, const json& p, const json& verdict) {
  s.heading("The counter-case");
  const auto nothing = shown(p, "if_nothing_is_done");
  s.field("do nothing",
          nothing.empty() ? "the agent did not say what happens then" : nothing, 14, 2);
  const auto alternatives = p.value("alternatives", json::array());
  table t({{"alternative"},
           {"sure", true},
           {"ready"},
           {"cost", true, true},
           {"worth", true, true},
           {"why not"}});
  for (const auto& o : alternatives) {
    t.row({shown(o, "summary"), permille_text(o.value("confidence_permille", json())),
           shown(o, "ready_date"), money_text(o.value("cost", json())),
           money_text(o.value("expected_value", json())), shown(o, "why_not")});
  }
  if (!t.empty()) {
    s.line();
    t.print(s, 2);
  } else {
    s.field("alternatives", "none was left", 14, 2);
  }
  s.field("asked because", shown(verdict, "reason"), 14, 2);
  s.field("near miss", shown(verdict, "near_miss"), 14, 2);
}

void show_action(screen& s, const json& a, const json& p) {
  s.heading("The action");
  s.field("tool", shown(p, "tool"), 14, 2);
  for (const auto& [name, value] : member(p, "args").items()) {
    s.field(name, value.is_string() ? value.get<std::string>() : to_text(value), 14, 4);
  }
  s.field("amount", money_text(p.value("amount", json())), 14, 2);
  s.field("expected value", money_text(p.value("expected_value", json())), 16, 2);
  s.field("undone by", shown(p, "reversal"), 14, 2);
  s.field("proposed by", shown(p, "agent_release"), 14, 2);
  s.field("case", shown(p, "case_id"), 14, 2);
  s.field("digest", shown(a, "digest"), 14, 2);
  s.field("expires", instant_text(shown(a, "expires_at")), 14, 2);
  s.field("may decide", asked_text(a), 14, 2);
  std::string excluded;
  for (const auto* who : {"requester", "agent_owner"}) {
    if (const auto name = shown(a, who); !name.empty()) {
      excluded += (excluded.empty() ? "" : ", ") + name;
    }
  }
  s.field("may not", excluded, 14, 2);
  if (const auto editors = joined(a.value("editors", json::array())); !editors.empty()) {
    const auto* may = find_pointer(a, "/chain/editor_may_approve");
    s.field("editor",
            editors +
                (may == nullptr
                     ? ": another person must approve"
                     : ": may approve as " + joined(may->value("roles", json::array())) +
                           " up to " + args_text(may->value("max", json::object()))),
            14, 2);
  }
}

void show_votes(screen& s, const json& a) {
  const auto votes = a.value("votes", json::array());
  const auto state = shown(a, "state");
  if (votes.empty() && state == "pending") {
    return;
  }
  s.heading("Decisions");
  for (const auto& v : votes) {
    const auto why = shown(v, "reason");
    s.paragraph(fmt::format("{}  {} said {}{}", instant_text(shown(v, "at")),
                            shown(v, "person"), shown(v, "decision"),
                            why.empty() ? "" : ": " + why),
                2, 2);
  }
  s.field("state", state, 14, 2);
  s.field("by", shown(a, "decided_by"), 14, 2);
  s.field("reason", shown(a, "reason"), 14, 2);
  const auto& outcome = member(a, "outcome");
  s.field("reference", shown(outcome, "reference"), 14, 2);
  s.field("record", shown(outcome, "record"), 14, 2);
}

} // namespace

ending approval_list(session& s, const std::string& state, std::int64_t limit) {
  auto answer =
      s.ask("approval.list", {{"state", state == "all" ? "" : state}, {"limit", limit}});
  if (!answer) {
    return std::move(answer).error();
  }
  if (s.told_program(*answer)) {
    return exit_code::ok;
  }
  const auto list = answer->value("approvals", json::array());
  table t({{"approval", false, true},
           {"what"},
           {"amount", true},
           {"sure", true},
           {"who"},
           {state == "pending" ? "expires (UTC)" : "state"}});
  for (const auto& a : list) {
    const auto& p = member(a, "proposal");
    t.row(
        {shown(a, "id"), shown(p, "summary"), money_text(p.value("amount", json())),
         permille_text(p.value("confidence_permille", json())),
         shown(a, "state") == "pending"
             ? joined(member(a, "asked").value("roles", json::array()))
             : shown(a, "decided_by"),
         state == "pending" ? instant_text(shown(a, "expires_at")) : shown(a, "state")});
  }
  if (t.empty()) {
    s.paper().line(state == "pending" ? "Nothing waits for a decision."
                                      : "There are no such approvals.");
    return exit_code::ok;
  }
  t.print(s.paper());
  if (static_cast<std::int64_t>(list.size()) == limit) {
    s.paper().line(
        fmt::format("These are the first {}; ask for more with --limit.", limit));
  }
  return exit_code::ok;
}

ending approval_show(session& s, const std::string& id) {
  auto answer = s.ask("approval.show", {{"approval", id}});
  if (!answer) {
    return std::move(answer).error();
  }
  if (s.told_program(*answer)) {
    return exit_code::ok;
  }
  auto& paper = s.paper();
  const auto& a = *answer;
  const auto& p = member(a, "proposal");
  const auto full = shown(a, "id");
  paper.paragraph(shown(p, "summary"), 0, 0, colour::strong);
  paper.field("approval", full + ", " + shown(a, "state"));
  show_edit(paper, a);
  show_evidence(paper, p);
  show_counter_case(paper, p, member(a, "verdict"));
  show_action(paper, a, p);
  show_votes(paper, a);
  if (shown(a, "state") == "pending") {
    paper.heading("To decide");
    for (const auto* verb : {"approve", "reject"}) {
      paper.verbatim(fmt::format("crossdock approval {} {} --digest {} --reason \"...\"",
                                 verb, full, shown(a, "digest")));
    }
    paper.verbatim(fmt::format(
        "crossdock approval edit {} --digest {} --set ARGUMENT=VALUE --reason \"...\"",
        full, shown(a, "digest")));
  }
  return exit_code::ok;
}

namespace {

/// Sends a request that counts once, again if its answer was lost.
result<json> ask_once(session& s, const char* method, json params) {
  id_source ids(std::make_shared<system_clock>(), std::make_shared<system_random>());
  params["decision_id"] = ids.next();
  auto answer = s.ask(method, params);
  if (!answer && (answer.error().code() == errc::unavailable ||
                  answer.error().code() == errc::timeout)) {
    answer = s.ask(method, params);
  }
  return answer;
}

/// "quantity=12" or "express:=true" into `changes`.
result<void> read_change(const std::string& word, json& changes) {
  const auto equals = word.find('=');
  const bool typed = equals != std::string::npos && equals > 0 && word[equals - 1] == ':';
  const auto name = word.substr(0, typed ? equals - 1 : equals);
  if (equals == std::string::npos || name.empty()) {
    return error(errc::invalid,
                 "--set takes ARGUMENT=VALUE, or ARGUMENT:=JSON for what is "
                 "no text")
        .at("given", word);
  }
  if (!typed) {
    changes[name] = word.substr(equals + 1);
    return {};
  }
  auto value = parse_json(word.substr(equals + 1));
  if (!value) {
    return std::move(value).error().at("given", word);
  }
  changes[name] = std::move(*value);
  return {};
}

} // namespace

ending approval_edit(session& s, const decision_words& d,
                     const std::vector<std::string>& set) {
  json changes = json::object();
  for (const auto& word : set) {
    if (auto r = read_change(word, changes); !r) {
      return std::move(r).error();
    }
  }
  json params{{"approval", d.id}, {"set", changes}, {"reason", d.reason}};
  if (!d.digest.empty()) {
    params["digest"] = d.digest;
  }
  auto answer = ask_once(s, "approval.edit", std::move(params));
  if (!answer) {
    return std::move(answer).error();
  }
  if (s.told_program(*answer)) {
    return exit_code::ok;
  }
  auto& paper = s.paper();
  const auto& a = *answer;
  const auto& p = member(a, "proposal");
  const auto state = shown(a, "state");
  paper.paragraph("Edited: " + shown(p, "summary"), 0, 2, colour::good);
  paper.field("approval", shown(a, "id") + ", in place of " + shown(a, "replaces"));
  paper.field("changed",
              difference_text(member(a, "edit").value("difference", json::array())));
  paper.field("state", state == "pending" ? "pending: " + asked_text(a) : state);
  paper.field("judged", shown(member(a, "verdict"), "reason"));
  paper.field("digest", shown(a, "digest"));
  if (state == "pending") {
    paper.field("then", "crossdock approval show " + shown(a, "id"));
  }
  return exit_code::ok;
}

ending approval_decide(session& s, const decision_words& d, bool approve) {
  json params{{"approval", d.id}, {"reason", d.reason}};
  if (!d.digest.empty()) {
    params["digest"] = d.digest;
  }
  auto answer = ask_once(s, approve ? "approval.approve" : "approval.reject", params);
  if (!answer) {
    return std::move(answer).error();
  }
  if (s.told_program(*answer)) {
    return exit_code::ok;
  }
  auto& paper = s.paper();
  // The node answers with the approval as it is now, perhaps inside an object of its own.
  const auto& a = answer->contains("approval") && (*answer)["approval"].is_object()
                      ? (*answer)["approval"]
                      : *answer;
  const auto state = shown(a, "state");
  const auto* summary = find_pointer(a, "/proposal/summary");
  paper.paragraph((approve ? "Approved: " : "Rejected: ") +
                      (summary != nullptr && summary->is_string()
                           ? summary->get<std::string>()
                           : d.id),
                  0, 2, approve ? colour::good : colour::warning);
  paper.field("state", state == "pending" ? "pending: " + asked_text(a) : state);
  paper.field("reason", d.reason);
  paper.field("digest", shown(a, "digest"));
  if (const auto* id = find_pointer(a, "/proposal/case_id");
      id != nullptr && id->is_string()) {
    paper.field("story", "crossdock case show " + id->get<std::string>());
  }
  return exit_code::ok;
}

} // namespace crossdock::cli
