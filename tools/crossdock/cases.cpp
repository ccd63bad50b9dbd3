#include "crossdock/commands.hpp"
#include "crossdock/facts.hpp"

#include <fmt/format.h>

#include <map>

namespace crossdock::cli {
namespace {

colour colour_of_outcome(const std::string& outcome) {
  if (outcome == "done" || outcome == "promised" || outcome == "wait" ||
      outcome == "settled") {
    return colour::good;
  }
  return outcome == "failed" || outcome == "denied" ? colour::bad : colour::warning;
}

/// A member of a payload in words; of a long list only how long it is.
std::string said(const json& value) {
  constexpr std::size_t rows_max = 4;
  if (value.is_object()) {
    return value.contains("amount") ? money_text(value) : "(" + args_text(value) + ")";
  }
  if (!value.is_array()) {
    return args_text(value);
  }
  if (value.empty()) {
    return "none";
  }
  if (value.size() > rows_max) {
    return fmt::format("{} rows", value.size());
  }
  std::string out;
  for (const auto& item : value) {
    out += (out.empty() ? "" : "; ") + said(item);
  }
  return out;
}

/// What entered the node and what agents made of it until the case began.
void tell_origins(screen& s, const json& origins) {
  if (!origins.is_array() || origins.empty()) {
    return;
  }
  s.heading("What the systems of record said");
  for (const auto& o : origins) {
    const auto* header = find_pointer(o, "/header");
    const auto* body = find_pointer(o, "/body");
    const json none = json::object();
    const json& h = header != nullptr ? *header : none;
    const auto* data = body != nullptr ? find_pointer(*body, "/data") : nullptr;
    const json& d = data != nullptr ? *data : none;
    const auto kind = shown(h, "kind");
    if (kind == "call" || kind == "lookup" || kind == "ask" || kind == "timer") {
      continue; // the question; its answer follows
    }
    const auto* type = find_pointer(h, "/detail/type");
    s.paragraph(fmt::format("{}  {} from {} (record {})", time_text(shown(h, "time")),
                            type != nullptr && type->is_string()
                                ? type->get<std::string>()
                                : shown(h, "kind"),
                            shown(h, "src"), shown(o, "seq")));
    if (kind != "event") {
      continue; // an answer: what was taken from it is told with the facts
    }
    // The payload says what it says; facts that it carries are told with the trigger.
    std::string says;
    for (const auto& [name, value] : d.items()) {
      if (name == "system" || name == "record" || name == "as_of" || name == "facts" ||
          value.is_null()) {
        continue;
      }
      says += (says.empty() ? "" : ", ") + name + " " + said(value);
    }
    if (!says.empty()) {
      s.paragraph(says, 10, 2);
    }
    if (d.contains("record")) {
      s.paragraph(fmt::format("· {}, {}, as of {}", shown(d, "system"),
                              shown(d, "record"), instant_text(shown(d, "as_of"))),
                  10, 2, colour::faint);
    }
  }
}

/// Without its full stop, to go on with the sentence.
std::string unended(std::string text) {
  while (!text.empty() && (text.back() == '.' || text.back() == ' ')) {
    text.pop_back();
  }
  return text;
}

std::string left_out(const json& dropped) {
  return unended(shown(dropped, "summary")) + ": left out, " +
         unended(shown(dropped, "reason"));
}

// -- the note
// ----------------------------------------------------------------------------

/// What a colleague would say first: what was wanted, what was found, who decided, what
/// was done. Everything after it is the proof.
class note {
public:
  note(screen& s, const json& story, const json& approvals, const json& effects)
      : screen_(s), story_(story), approvals_(approvals), effects_(effects) {}

  void tell(const json& origins, const std::string& outcome) {
    screen_.heading("In short");
    if (!approvals_.empty()) {
      tell_proposed(approvals_.back());
    } else {
      tell_wanted(origins);
      tell_found();
    }
    tell_done();
    if (!outcome.empty()) {
      say("The case is closed as " + outcome + meaning_of(outcome) + ".");
    }
  }

private:
  /// In words, of the outcomes that the flows delivered with the node know.
  static std::string meaning_of(const std::string& outcome) {
    static const std::map<std::string, std::string, std::less<>> words{
        {"wait", "waiting is best, and nothing needs to be said"},
        {"promised", "the customer has a new date"},
        {"no_option", "nothing can be done that is worth its cost"},
        {"no_date", "waiting is best, and nobody can say until when"},
        {"settled", "the line is short no longer, or gone"}};
    const auto found = words.find(outcome);
    return found == words.end() ? "" : ": " + found->second;
  }

  void say(const std::string& text) { screen_.paragraph(text, 2, 0); }

  void tell_proposed(const json& approval) {
    const auto* p = find_pointer(approval, "/proposal");
    const json& proposal = p != nullptr ? *p : approval;
    for (const auto& sentence : proposal.value("rationale", json::array())) {
      if (sentence.is_string()) {
        say(sentence.get<std::string>());
      }
    }
    const auto summary = shown(proposal, "summary");
    const auto sure = permille_text(proposal.value("confidence_permille", json()));
    say("So: " + summary + (sure.empty() ? "" : ", " + sure + " sure") + ".");
    tell_decided(approval);
  }

  void tell_decided(const json& approval) {
    const auto* v = find_pointer(approval, "/verdict");
    const auto effect = v != nullptr ? shown(*v, "effect") : "";
    const auto reason = v != nullptr ? shown(*v, "reason") : "";
    const auto why = reason.empty() ? std::string(".") : ": " + reason + ".";
    if (effect == "allow") {
      say("The policy let it pass by itself" + why);
    } else if (effect == "deny") {
      say("The policy refused it" + why);
    } else if (effect == "ask") {
      say("The policy wanted a person" + why);
    }
    for (const auto& vote : approval.value("votes", json::array())) {
      const auto words = shown(vote, "reason");
      say(fmt::format("{} said {} at {}{}", shown(vote, "person"),
                      shown(vote, "decision"), time_text(shown(vote, "at")),
                      words.empty() ? "." : ": \"" + words + "\"."));
    }
    if (shown(approval, "state") == "pending") {
      say("It waits for a person until " + instant_text(shown(approval, "expires_at")) +
          " UTC.");
    }
  }

  /// What the last trigger said, if it speaks of a line that is short.
  void tell_wanted(const json& origins) {
    for (auto o = origins.is_array() ? origins.size() : 0; o-- > 0;) {
      const auto* d = find_pointer(origins[o], "/body/data");
      if (d == nullptr || !d->is_object() || !d->contains("short")) {
        continue;
      }
      const auto asked = shown(*d, "requested_date");
      say(fmt::format(
          "Order {} of customer {} wants {} {} of {} from {} by {}; {} {} are "
          "missing.",
          shown(*d, "order"), shown(*d, "customer"), shown(*d, "quantity"),
          shown(*d, "unit"), shown(*d, "item"), shown(*d, "site"),
          asked.empty() ? shown(*d, "need_date") : asked, shown(*d, "short"),
          shown(*d, "unit")));
      return;
    }
  }

  /// What was found, where nothing was proposed: the last ranking, and why not more.
  void tell_found() {
    for (auto i = story_.size(); i-- > 0;) {
      const auto detail = story_[i].value("detail", json());
      if (text_or(story_[i], "station") != "ranking" || !detail.is_object()) {
        continue;
      }
      const auto ranked = detail.value("ranked", json::array());
      if (!ranked.empty()) {
        say("Best: " + shown(ranked.front(), "summary"));
      }
      for (const auto& d : detail.value("dropped", json::array())) {
        screen_.paragraph("– " + left_out(d) + ".", 2, 2);
      }
      break;
    }
    for (auto i = story_.size(); i-- > 0;) {
      const auto detail = story_[i].value("detail", json());
      if (!detail.is_object() || !detail.contains("none_because")) {
        continue;
      }
      for (const auto& why : detail["none_because"]) {
        if (why.is_string()) {
          screen_.paragraph("– " + why.get<std::string>(), 2, 2);
        }
      }
      return;
    }
  }

  void tell_done() {
    for (const auto& e : effects_) {
      const auto outcome = e.value("outcome", json::object());
      const auto state = shown(e, "state");
      if (state == "executed") {
        say(fmt::format("Done in {}: {}, with our reference {}.",
                        shown(outcome, "system"), shown(outcome, "record"),
                        shown(outcome, "reference")));
      } else {
        const auto why = shown(outcome, "reason");
        say(shown(e, "tool") + " is " + state + (why.empty() ? "." : ": " + why + "."));
      }
    }
  }

  screen& screen_;
  const json& story_;
  const json& approvals_;
  const json& effects_;
};

// -- the proof
// ----------------------------------------------------------------------------

void tell_ranking(screen& s, const json& detail) {
  const auto ranked = detail.value("ranked", json::array());
  table t({{"#", true},
           {"way"},
           {"in time", true},
           {"picked", true},
           {"works", true},
           {"cost", true, true},
           {"worth", true, true}});
  int place = 0;
  for (const auto& r : ranked) {
    t.row({std::to_string(++place),
           shown(r, "summary"),
           percent_text(shown(r, "confidence")),
           percent_text(shown(r, "pick_probability")),
           percent_text(shown(r, "works")),
           money_text(r.value("cost", json())),
           {money_text(r.value("expected_value", json())),
            place == 1 ? colour::good : colour::none}});
  }
  if (!t.empty()) {
    t.print(s, 10);
  }
  place = 0;
  for (const auto& r : ranked) {
    s.paragraph(fmt::format("{}: {}", ++place, shown(r, "arithmetic")), 10, 3,
                colour::faint);
    const auto flags = joined(r.value("quality_flags", json::array()));
    if (!flags.empty()) {
      s.paragraph("   careful: " + flags, 10, 3, colour::warning);
    }
  }
  for (const auto& d : detail.value("dropped", json::array())) {
    s.paragraph("– " + left_out(d), 10, 3, colour::faint);
  }
}

void tell_proposal(screen& s, const json& p) {
  s.field("action", shown(p, "tool") + ": " + args_text(p.value("args", json::object())),
          14, 10);
  s.field("amount", money_text(p.value("amount", json())), 14, 10);
  s.field("expected", money_text(p.value("expected_value", json())), 14, 10);
  s.field("confidence", permille_text(p.value("confidence_permille", json())), 14, 10);
  if (const auto* sum = find_pointer(p, "/basis/arithmetic")) {
    s.field("rests on", sum->is_string() ? sum->get<std::string>() : to_text(*sum), 14,
            10);
  }
  if (const auto* assumed = find_pointer(p, "/basis/assumptions")) {
    s.field("assumed", joined(*assumed), 14, 10);
  }
  for (const auto& sentence : p.value("rationale", json::array())) {
    if (sentence.is_string()) {
      s.paragraph("because " + sentence.get<std::string>(), 10, 8);
    }
  }
  s.field("else", shown(p, "if_nothing_is_done"), 14, 10);
  s.field("by", shown(p, "agent_release"), 14, 10);
}

void tell_verdict(screen& s, const json& v) {
  s.field("verdict", shown(v, "effect") + ": " + shown(v, "reason"), 14, 10);
  s.field("rules", joined(v.value("rules", json::array())), 14, 10);
  s.field("near miss", shown(v, "near_miss"), 14, 10);
  const auto facts = v.value("facts", json::object());
  for (const auto& [name, f] : facts.items()) {
    if (f.is_object()) {
      s.paragraph(fmt::format("· {} = {} ({}{})", name, shown(f, "value"),
                              shown(f, "source"),
                              shown(f, "as_of").empty()
                                  ? ""
                                  : ", as of " + instant_text(shown(f, "as_of"))),
                  10, 2, colour::faint);
    }
  }
  const auto policy = shown(v, "policy_sha256");
  s.field("policy", policy.empty() ? "" : "sha256 " + policy.substr(0, 16), 14, 10);
}

/// The approval that a line speaks of, or null.
const json* approval_of(const json& line, const json& approvals) {
  const auto about = text_or(line, "about");
  for (const auto& a : approvals) {
    if (!about.empty() && text_or(a, "id") == about) {
      return &a;
    }
  }
  return nullptr;
}

/// What the gate said, for its lines. Those of an older crossdock name no approval: they
/// belong to the approvals in order; a long story may have lost its oldest lines, so they
/// are matched from the end.
std::vector<const json*> verdicts_of(const json& story, const json& approvals) {
  std::vector<const json*> out(story.size(), nullptr);
  auto a = approvals.size();
  for (auto i = story.size(); i-- > 0;) {
    if (text_or(story[i], "station") != "gate") {
      continue;
    }
    if (const auto* named = approval_of(story[i], approvals)) {
      out[i] = find_pointer(*named, "/verdict");
    } else if (a > 0 && text_or(story[i], "about").empty()) {
      out[i] = find_pointer(approvals[--a], "/verdict");
    }
  }
  return out;
}

void tell_story(screen& s, const json& story, const json& approvals) {
  s.heading("What happened (times are UTC)");
  fact_printer facts(s);
  const auto verdicts = verdicts_of(story, approvals);
  json ranked; // the ranking told last
  for (std::size_t i = 0; i < story.size(); ++i) {
    const auto& line = story[i];
    const auto station = text_or(line, "station");
    const auto detail = line.value("detail", json());
    const bool ranking = station == "ranking" && detail.is_object();
    if (ranking && detail == ranked) {
      continue; // its lines repeat, one by one, what the table told
    }
    const auto c = station == "effect"   ? colour::good
                   : station == "person" ? colour::strong
                                         : colour::none;
    auto text = fmt::format("{}  {:<9} {}", time_text(shown(line, "time")), station,
                            ranking ? "What each way is worth:" : shown(line, "text"));
    if (const auto seq = shown(line, "seq"); !seq.empty() && seq != "0") {
      text += " (record " + seq + ")";
    }
    s.paragraph(text, 0, 20, c);
    for (const auto& why : detail.is_object()
                               ? detail.value("none_because", json::array())
                               : json::array()) {
      s.paragraph("– " + (why.is_string() ? why.get<std::string>() : to_text(why)), 10,
                  3);
    }
    if (ranking) {
      ranked = detail;
      tell_ranking(s, detail);
    } else if (station == "proposal" && detail.is_object()) {
      tell_proposal(s, detail);
    } else if (const auto* a = approval_of(line, approvals);
               a != nullptr && (station == "proposal" || station == "undo")) {
      tell_proposal(s, a->value("proposal", json::object()));
    } else if (verdicts[i] != nullptr) {
      tell_verdict(s, *verdicts[i]);
    }
    facts.print(line.value("facts", json::array()), 10);
  }
}

void tell_people(screen& s, const json& approvals) {
  if (approvals.empty()) {
    return;
  }
  s.heading("Who decided");
  for (const auto& a : approvals) {
    const auto* summary = find_pointer(a, "/proposal/summary");
    s.paragraph(fmt::format("{}: {}", shown(a, "state"),
                            summary != nullptr && summary->is_string()
                                ? summary->get<std::string>()
                                : shown(a, "id")),
                0, 2);
    for (const auto& v : a.value("votes", json::array())) {
      const auto why = shown(v, "reason");
      s.paragraph(fmt::format("{}  {} said {}{}", time_text(shown(v, "at")),
                              shown(v, "person"), shown(v, "decision"),
                              why.empty() ? "" : ": " + why),
                  2, 10);
    }
    if (const auto to = shown(a, "edited_to"); !to.empty()) {
      s.field("edited to", to, 14, 2);
    }
    s.field("decided by", shown(a, "decided_by"), 14, 2);
    s.field("reason", shown(a, "reason"), 14, 2);
    s.field("approval", shown(a, "id"), 14, 2);
    s.field("digest", shown(a, "digest"), 14, 2);
    if (shown(a, "state") == "pending") {
      s.verbatim("crossdock approval show " + shown(a, "id"));
    }
  }
}

void tell_effects(screen& s, const json& effects) {
  if (effects.empty()) {
    return;
  }
  s.heading("What was written");
  for (const auto& e : effects) {
    const auto state = shown(e, "state");
    const auto outcome = e.value("outcome", json::object());
    s.paragraph(fmt::format("{}  {} {}", time_text(shown(e, "updated_at")),
                            shown(e, "tool"), state),
                0, 10, state == "executed" ? colour::good : colour::warning);
    s.field("system", shown(outcome, "system"), 14, 10);
    s.field("record", shown(outcome, "record"), 14, 10);
    s.field("reference", shown(outcome, "reference"), 14, 10);
    s.field("reason", shown(outcome, "reason"), 14, 10);
    s.field("our key", shown(e, "key"), 14, 10);
    s.field("attempts", shown(e, "attempts"), 14, 10);
  }
}

ending case_word(session& s, const char* method, const case_words& w,
                 const std::string& said) {
  auto answer = s.ask(method, {{"case", w.id}, {"reason", w.reason}});
  if (!answer) {
    return std::move(answer).error();
  }
  if (s.told_program(*answer)) {
    return exit_code::ok;
  }
  s.paper().paragraph(said, 0, 2, colour::good);
  s.paper().field("record", shown(*answer, "seq"));
  s.paper().field("story", "crossdock case show " + shown(*answer, "case"));
  return exit_code::ok;
}

void tell_undo(screen& s, const json& undo, const std::string& id) {
  if (!undo.is_object()) {
    return;
  }
  const auto stuck = shown(undo, "stuck");
  if (!stuck.empty()) {
    s.field("stuck", stuck);
    s.field("waits for", shown(undo, "waits_for"));
    s.field("try again", "crossdock case compensate " + id + " --reason \"...\"");
    s.field("or settle", "crossdock case resolve " + id + " --reason \"...\"");
  }
}

} // namespace

ending case_compensate(session& s, const case_words& w) {
  return case_word(s, "case.compensate", w,
                   "Asked: what the case has done is proposed to be undone.");
}

ending case_resolve(session& s, const case_words& w) {
  return case_word(s, "case.resolve", w, "Resolved: somebody took care of it.");
}

ending case_list(session& s, const case_query& q) {
  json params{{"limit", q.limit}};
  for (const auto& [name, value] : {std::pair{"state", &q.state},
                                    {"flow", &q.flow},
                                    {"key", &q.key},
                                    {"after", &q.after}}) {
    if (!value->empty()) {
      params[name] = *value;
    }
  }
  auto answer = s.ask("case.list", params);
  if (!answer) {
    return std::move(answer).error();
  }
  if (s.told_program(*answer)) {
    return exit_code::ok;
  }
  const auto cases = answer->value("cases", json::array());
  table t({{"case", false, true},
           {"flow"},
           {"key"},
           {"state"},
           {"outcome"},
           {"opened (UTC)"}});
  for (const auto& c : cases) {
    const auto outcome = shown(c, "outcome");
    const auto state = shown(c, "state");
    t.row({shown(c, "case"),
           shown(c, "flow"),
           shown(c, "key"),
           {state, state == "stuck" ? colour::bad : colour::none},
           {outcome, colour_of_outcome(outcome)},
           instant_text(shown(c, "opened_at"))});
  }
  if (t.empty()) {
    s.paper().line("There are no such cases.");
    return exit_code::ok;
  }
  t.print(s.paper());
  if (static_cast<std::int64_t>(cases.size()) == q.limit) {
    s.paper().line("More: crossdock case list --after " + shown(cases.back(), "case"));
  }
  return exit_code::ok;
}

ending case_show(session& s, const std::string& id) {
  auto answer = s.ask("case.show", {{"case", id}});
  if (!answer) {
    return std::move(answer).error();
  }
  if (s.told_program(*answer)) {
    return exit_code::ok;
  }
  auto& paper = s.paper();
  const auto c = answer->value("case", json::object());
  const auto outcome = shown(c, "outcome");
  paper.paragraph("Case " + shown(c, "case"), 0, 0, colour::strong);
  paper.field("flow", shown(c, "flow"));
  paper.field("about", shown(c, "key"));
  paper.field("state",
              shown(c, "state") + (outcome.empty() ? "" : ", outcome " + outcome));
  tell_undo(paper, c.value("undo", json()), shown(c, "case"));
  paper.field("opened", instant_text(shown(c, "opened_at")));
  paper.field("closed", instant_text(shown(c, "closed_at")));
  paper.field("trace", shown(c, "trace"));
  const auto run = shown(c, "run");
  paper.field("runs", run == "1" || run == "0" ? "" : run);
  paper.field("ledger", shown(c, "records") + " records; crossdock ledger show --case " +
                            shown(c, "case"));
  const auto story = answer->value("story", json::array());
  const auto approvals = answer->value("approvals", json::array());
  const auto origins = answer->value("origins", json::array());
  const auto effects = answer->value("effects", json::array());
  note(paper, story, approvals, effects).tell(origins, outcome);
  tell_origins(paper, origins);
  tell_story(paper, story, approvals);
  tell_people(paper, approvals);
  tell_effects(paper, effects);
  return exit_code::ok;
}

} // namespace crossdock::cli
