// plugin swap, keep and rollback: which version of a component runs.
#include "crossdock/commands.hpp"
#include "crossdock/facts.hpp"

#include <fmt/format.h>

namespace crossdock::cli {
namespace {

std::int64_t number(const json& object, const char* name) {
  const auto it = object.find(name);
  return it != object.end() && it->is_number_integer() ? it->get<std::int64_t>() : 0;
}

/// "one, two, 3 ms": microseconds as people say them.
std::string pause_text(std::int64_t us) {
  return us < 1000 ? fmt::format("{} us", us)
                   : fmt::format("{:.1f} ms", static_cast<double>(us) / 1000);
}

std::string value_text(const json& v) {
  if (v.is_null()) {
    return "nothing";
  }
  auto text = v.is_string() ? v.get<std::string>()
                            : v.dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() > 60) {
    text = text.substr(0, 57) + "...";
  }
  return clean(text);
}

void show_plan(screen& paper, const json& plan) {
  paper.paragraph(shown(plan, "component") + ": " + shown(plan, "to"), 0, 2,
                  colour::strong);
  paper.field("instead of", shown(plan, "from"));
  paper.field("runs as", shown(plan, "executor"));
  const auto schema = plan.value("state_schema", json::object());
  if (shown(schema, "from") != shown(schema, "to")) {
    paper.field("state",
                "schema " + shown(schema, "from") + " becomes " + shown(schema, "to"));
  }
  const auto flight = shown(plan, "in_flight");
  paper.field("in flight", flight == "wait" ? "open questions are waited for"
                           : flight == "cancel"
                               ? "open questions are cancelled"
                               : "open questions go over to the new version");
  for (const auto& w : plan.value("wider", json::array())) {
    paper.paragraph("- asks for more: " + clean(w.get<std::string>()), 2, 4,
                    colour::warning);
  }
  for (const auto& n : plan.value("notes", json::array())) {
    paper.paragraph("- " + clean(n.get<std::string>()), 2, 4);
  }
}

void show_rehearsal(screen& paper, const json& r) {
  if (r.contains("left_out") && r["left_out"].is_string()) {
    paper.field("rehearsal", "none: " + shown(r, "left_out"));
    return;
  }
  if (number(r, "steps") == 0) {
    paper.field("rehearsal", "none: nothing happened in that time");
    return;
  }
  paper.field(
      "rehearsal",
      fmt::format("{} recorded steps from {} to {}: {} would be the same, {} different",
                  number(r, "compared"), instant_text(shown(r, "from")),
                  instant_text(shown(r, "to")), number(r, "same"), number(r, "differ")));
  if (const auto n = number(r, "not_asked"); n > 0) {
    paper.paragraph(
        fmt::format("{} answers belong to questions that only one of the versions "
                    "asks; what depends on them is not compared",
                    n),
        2, 2, colour::warning);
  }
  if (const auto n = number(r, "left_out"); n > 0) {
    paper.paragraph(fmt::format("there was no time for the last {} steps", n), 2, 2,
                    colour::warning);
  }
  table t({{"record", true},
           {"time (UTC)"},
           {"topic"},
           {"key"},
           {"field"},
           {"now"},
           {"new version"}});
  for (const auto& d : r.value("differences", json::array())) {
    bool first = true;
    for (const auto& c : d.value("changes", json::array())) {
      t.row({first ? shown(d, "seq") : "", first ? instant_text(shown(d, "at")) : "",
             first ? shown(d, "topic") : "", first ? shown(d, "key") : "",
             shown(c, "field"), value_text(c.value("now", json())),
             value_text(c.value("next", json()))});
      first = false;
    }
  }
  if (!t.empty()) {
    t.print(paper, 2);
  }
}

void show_gap(screen& paper, const json& told) {
  paper.field("absorbed",
              shown(told, "absorbed_steps") + " steps of the time in between");
  for (const auto& g : told.value("gap", json::array())) {
    paper.paragraph("- not absorbed: " + clean(g.get<std::string>()), 2, 4,
                    colour::warning);
  }
}

} // namespace

ending plugin_swap(session& s, const swap_words& w) {
  std::error_code failure;
  const auto file = std::filesystem::absolute(w.file, failure);
  json wanted{{"file", file.string()},
              {"component", w.component},
              {"dry_run", true},
              {"rehearse_s", w.no_rehearsal ? 0 : w.rehearse_s},
              {"probation_s", w.probation_s}};
  if (s.around().progress && !s.options().as_json) {
    s.around().err << "judging the file and rehearsing it ...\n";
  }
  auto plan = s.ask("plugin.swap", wanted);
  if (!plan) {
    return std::move(plan).error();
  }
  const auto rehearsal = plan->value("rehearsal", json::object());
  const auto differ = number(rehearsal, "differ");
  if (!s.options().as_json) {
    show_plan(s.paper(), *plan);
    show_rehearsal(s.paper(), rehearsal);
  }
  if (w.dry_run) {
    if (!s.told_program(*plan)) {
      s.paper().line("It could take over; nothing was changed.");
    }
    return exit_code::ok;
  }
  if (w.max_differing >= 0 && differ > w.max_differing) {
    return error(
        errc::conflict,
        fmt::format("{} steps would end differently, and at most {} may: nothing was "
                    "changed",
                    differ, w.max_differing));
  }
  const bool wider = !plan->value("wider", json::array()).empty();
  const bool doubt = (differ > 0 && w.max_differing < 0) || (wider && !w.accept_wider);
  if (doubt && !w.yes) {
    if (!s.around().confirm || s.options().as_json) {
      return error(
          errc::conflict,
          "somebody has to agree to what is different: look at it with --dry-run, then "
          "say --yes, or --max-differing N. Nothing was changed");
    }
    if (!s.around().confirm("Switch now?")) {
      s.paper().line("Nothing was changed.");
      return exit_code::ok;
    }
  }
  wanted["dry_run"] = false;
  wanted["sha256"] = shown(*plan, "sha256"); // what was agreed to, if the file changes now
  wanted["rehearse_s"] = 0; // it was done; the node remembers what it said
  wanted["accept_wider"] = w.accept_wider || (wider && (w.yes || doubt));
  auto done = s.ask("plugin.swap", wanted);
  if (!done) {
    return std::move(done).error();
  }
  (*done)["rehearsal"] = rehearsal;
  if (s.told_program(*done)) {
    return exit_code::ok;
  }
  s.paper().paragraph(fmt::format("{} runs since record {}; the component paused for {}.",
                                  shown(*done, "release"), shown(*done, "seq"),
                                  pause_text(number(*done, "pause_us"))),
                      0, 2, colour::good);
  s.paper().line("On probation until " + instant_text(shown(*done, "probation_until")) +
                 " UTC; then it stays. Before that: crossdock plugin keep | rollback " +
                 shown(*done, "component"));
  return exit_code::ok;
}

ending plugin_keep(session& s, const std::string& component) {
  auto done = s.ask("plugin.keep", {{"component", component}});
  if (!done) {
    return std::move(done).error();
  }
  if (!s.told_program(*done)) {
    s.paper().line(shown(*done, "release") + " stays, since record " +
                   shown(*done, "seq") + ".");
  }
  return exit_code::ok;
}

ending plugin_rollback(session& s, const std::string& component,
                       const std::string& reason) {
  auto done = s.ask("plugin.rollback",
                    {{"component", component}, {"reason", reason}, {"rehearse_s", 0}});
  if (!done) {
    return std::move(done).error();
  }
  if (s.told_program(*done)) {
    return exit_code::ok;
  }
  s.paper().paragraph(fmt::format("{} runs again; the component paused for {}.",
                                  shown(*done, "release"),
                                  pause_text(number(*done, "pause_us"))),
                      0, 2, colour::good);
  if (done->contains("absorbed_steps")) {
    show_gap(s.paper(), *done);
  } else {
    s.paper().line("On probation until " + instant_text(shown(*done, "probation_until")) +
                   " UTC.");
  }
  return exit_code::ok;
}

} // namespace crossdock::cli
