#include "base/clock.hpp"
#include "crossdock/commands.hpp"
#include "crossdock/facts.hpp"
#include "crossdock/policy_file.hpp"
#include "crossdock/progress_bar.hpp"
#include "gate/cases.hpp"

#include <fmt/format.h>

namespace crossdock::cli {
namespace {

namespace fs = std::filesystem;

json as_json(const gate::region& where) {
  json out = json::object();
  for (const auto& [name, values] : where) {
    out[name] = values;
  }
  return out;
}

/// "amount above 250 USD; autonomy approve or autonomous".
std::string in_words(const gate::region& where) {
  std::string out;
  for (const auto& [name, values] : where) {
    out += (out.empty() ? "" : "; ") + name + " " + values;
  }
  return out;
}

void tell_left_out(screen& paper, std::size_t n) {
  if (n > 0) {
    paper.line(fmt::format("and {} more, not listed", n));
  }
}

/// The cases beside the policy: demo.toml, demo.cases.toml.
std::string cases_beside(const std::string& policy) {
  return fs::path(policy).replace_extension(".cases.toml").string();
}

} // namespace

ending policy_check(session& s, const fs::path& file, bool gaps) {
  const auto p = read_policy(file);
  if (!p) {
    return p.error();
  }
  const auto findings = p->check();
  const auto found = p->analyse();
  if (!found) {
    return error(found.error()).at("file", file.string());
  }
  const auto code = findings.empty() ? exit_code::ok : exit_code::warned;
  json list = json::array();
  for (const auto& f : findings) {
    list.push_back({{"rule", f.rule}, {"line", f.line}, {"message", f.message}});
  }
  json open = json::array();
  for (const auto& g : found->gaps) {
    open.push_back(as_json(g));
  }
  if (s.told_program({{"policy", p->name()},
                      {"sha256", p->sha256()},
                      {"rules", p->rules()},
                      {"findings", list},
                      {"gaps", open},
                      {"gaps_left_out", found->gaps_left_out}})) {
    return code;
  }
  auto& paper = s.paper();
  paper.line(fmt::format("policy {}: {} rules, {} chains, sha256 {}",
                         p->name().empty() ? file.filename().string() : p->name(),
                         p->rules(), p->chains().size(), p->sha256().substr(0, 16)));
  for (const auto& f : findings) {
    paper.paragraph(fmt::format("{}:{}: {}{}", file.string(), f.line,
                                f.rule.empty() ? "" : "\"" + f.rule + "\" ", f.message),
                    0, 2, colour::warning);
  }
  if (findings.empty()) {
    paper.paragraph("every rule decides something, and none is superfluous", 0, 0,
                    colour::good);
  }
  if (p->rules() == 0) {
    return code; // said above: everything is denied
  }
  if (found->gaps.empty()) {
    paper.line("no gaps: some rule speaks of every combination of the names it mentions");
  } else if (gaps) {
    paper.heading("No rule speaks of these, so they are denied");
    for (const auto& g : found->gaps) {
      paper.paragraph("- " + in_words(g), 0, 2);
    }
    tell_left_out(paper, found->gaps_left_out);
  } else {
    const auto n = found->gaps.size() + found->gaps_left_out;
    paper.line(
        fmt::format("{} {} of proposals no rule speaks of, denied: --gaps lists them", n,
                    n == 1 ? "kind" : "kinds"));
  }
  return code;
}

ending policy_test(session& s, const policy_test_words& w) {
  const auto p = read_policy(w.policy);
  if (!p) {
    return p.error();
  }
  auto files = w.cases;
  if (files.empty()) {
    files.push_back(cases_beside(w.policy));
  }
  std::vector<gate::policy_case> all;
  json failures = json::array();
  for (const auto& file : files) {
    const auto text = read_text(file);
    if (!text) {
      return text.error();
    }
    auto cases = gate::read_cases(*text, file);
    if (!cases) {
      return std::move(cases).error();
    }
    for (auto& c : *cases) {
      if (const auto why = gate::fails_with(*p, c); !why.empty()) {
        failures.push_back(
            {{"file", file}, {"line", c.line}, {"case", c.name}, {"why", why}});
      }
      all.push_back(std::move(c));
    }
  }
  json out{{"policy", p->name()},
           {"sha256", p->sha256()},
           {"cases", all.size()},
           {"failures", failures}};
  gate::survey noticed;
  if (w.mutate && failures.empty()) {
    progress_bar bar(s.around());
    auto done = gate::survey_mutations(
        *p, all, [&](std::size_t n, std::size_t total) { bar(n, total, "mutations"); });
    if (!done) {
      return std::move(done).error();
    }
    noticed = *std::move(done);
    out["mutations"] = noticed.mutations;
    out["mutations_without_effect"] = noticed.equivalent;
    out["unnoticed"] = noticed.unnoticed;
  }
  const bool good = failures.empty() && noticed.unnoticed.empty();
  const auto code = good ? exit_code::ok : exit_code::unverified;
  if (s.told_program(out)) {
    return code;
  }
  auto& paper = s.paper();
  for (const auto& f : failures) {
    paper.paragraph(fmt::format("{}:{}: \"{}\": {}", shown(f, "file"), shown(f, "line"),
                                shown(f, "case"), shown(f, "why")),
                    0, 2, colour::bad);
  }
  paper.paragraph(
      fmt::format("{} of {} cases hold", all.size() - failures.size(), all.size()), 0, 0,
      failures.empty() ? colour::good : colour::bad);
  if (!w.mutate) {
    return code;
  }
  if (!failures.empty()) {
    paper.line("mutations were not tried: first the cases have to hold");
    return code;
  }
  for (const auto& line : noticed.unnoticed) {
    paper.paragraph("no case notices " + line, 0, 2, colour::bad);
  }
  paper.paragraph(
      fmt::format("{} of {} mutations are noticed ({} more change no verdict)",
                  noticed.mutations - noticed.unnoticed.size(), noticed.mutations,
                  noticed.equivalent),
      0, 0, good ? colour::good : colour::bad);
  return code;
}

ending policy_explain(session& s, const policy_explain_words& w) {
  const auto p = read_policy(w.policy);
  if (!p) {
    return p.error();
  }
  const auto text = read_text(w.proposal);
  if (!text) {
    return text.error();
  }
  auto document = parse_json(*text, json_limits{});
  if (!document) {
    return std::move(document).error().at("file", w.proposal);
  }
  const auto what = proposal::from_json(*document);
  if (!what) {
    return error(what.error()).at("file", w.proposal);
  }
  gate::judge_context context;
  context.level = gate::autonomy_from(w.autonomy).value();
  context.now = system_clock().now();
  if (!w.at.empty()) {
    const auto at = parse_rfc3339(w.at);
    if (!at) {
      return error(at.error()).at("field", "--at");
    }
    context.now = *at;
  }
  const auto v = p->judge(*what, context);
  if (s.told_program(v.to_json())) {
    return exit_code::ok;
  }
  auto& paper = s.paper();
  paper.paragraph(fmt::format("{}{}: {}", to_string(v.effect),
                              v.chain.empty() ? "" : " " + v.chain, v.reason),
                  0, 2,
                  v.effect == effect_verdict::allow ? colour::good
                  : v.effect == effect_verdict::ask ? colour::warning
                                                    : colour::bad);
  paper.field("rules", fmt::format("{}", fmt::join(v.rules, ", ")));
  paper.field("obligations", fmt::format("{}", fmt::join(v.obligations, ", ")));
  paper.field("near miss", v.near_miss);
  for (const auto& [name, f] : v.facts.items()) {
    auto line = fmt::format("{}, from {}", shown(f, "value"), shown(f, "source"));
    if (f.contains("as_of")) {
      line += ", as of " + instant_text(shown(f, "as_of"));
    }
    paper.field(name, line, 14, 2);
  }
  return exit_code::ok;
}

ending policy_diff(session& s, const fs::path& before, const fs::path& after) {
  const auto old = read_policy(before);
  if (!old) {
    return old.error();
  }
  const auto fresh = read_policy(after);
  if (!fresh) {
    return fresh.error();
  }
  const auto found = old->compare(*fresh);
  if (!found) {
    return found.error();
  }
  json list = json::array();
  for (const auto& d : found->differences) {
    list.push_back(
        {{"where", as_json(d.where)}, {"before", d.before}, {"after", d.after}});
  }
  json chains = json::array();
  for (const auto& c : found->chains) {
    chains.push_back({{"id", c.id}, {"before", c.before}, {"after", c.after}});
  }
  const auto code = list.empty() && chains.empty() ? exit_code::ok : exit_code::warned;
  if (s.told_program({{"before", old->sha256()},
                      {"after", fresh->sha256()},
                      {"differences", list},
                      {"chains", chains},
                      {"left_out", found->left_out}})) {
    return code;
  }
  auto& paper = s.paper();
  for (const auto& c : found->chains) {
    paper.paragraph(fmt::format("chain {} {}", c.id,
                                c.before.is_null()  ? "is new"
                                : c.after.is_null() ? "is gone"
                                                    : "is another"),
                    0, 2, colour::warning);
    paper.field("before", c.before.is_null() ? "" : to_text(c.before), 8, 4);
    paper.field("after", c.after.is_null() ? "" : to_text(c.after), 8, 4);
  }
  if (list.empty()) {
    paper.paragraph(chains.empty() ? "Both decide alike about every proposal."
                                   : "Otherwise both decide alike about every proposal.",
                    0, 0, colour::good);
    return code;
  }
  for (const auto& d : found->differences) {
    paper.paragraph(fmt::format("{} -> {}", d.before, d.after), 0, 2, colour::warning);
    paper.paragraph(in_words(d.where), 4, 0);
  }
  tell_left_out(paper, found->left_out);
  return code;
}

} // namespace crossdock::cli
