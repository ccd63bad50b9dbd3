#include "crossdock/commands.hpp"
#include "crossdock/facts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

namespace crossdock::cli {
namespace {

std::int64_t number(const json& object, const char* name) {
  if (!object.is_object()) {
    return 0;
  }
  const auto it = object.find(name);
  return it != object.end() && it->is_number_integer() ? it->get<std::int64_t>() : 0;
}

std::string duration_text(std::int64_t seconds) {
  const auto d = seconds / 86'400;
  const auto h = seconds / 3'600 % 24;
  const auto m = seconds / 60 % 60;
  if (d > 0) {
    return fmt::format("{} d {} h", d, h);
  }
  return h > 0   ? fmt::format("{} h {} min", h, m)
         : m > 0 ? fmt::format("{} min {} s", m, seconds % 60)
                 : fmt::format("{} s", seconds);
}

colour colour_of_state(const std::string& state) {
  if (state == "running" || state == "active" || state == "idle" || state == "up") {
    return colour::good;
  }
  return state.empty() ? colour::none : colour::warning;
}

/// "3 live, 2 awake": the counters that the node gave, in its words.
std::string counters_text(const json& object) {
  std::string out;
  if (object.is_object()) {
    for (const auto& [name, value] : object.items()) {
      if (value.is_number()) {
        auto words = name;
        std::replace(words.begin(), words.end(), '_', ' ');
        out += (out.empty() ? "" : ", ") + words + " " + value.dump();
      }
    }
  }
  return out;
}

} // namespace

ending node_status(session& s) {
  auto answer = s.ask("node.status");
  if (!answer) {
    return std::move(answer).error();
  }
  if (s.told_program(*answer)) {
    return exit_code::ok;
  }
  const auto& n = *answer;
  auto& paper = s.paper();
  paper.paragraph(fmt::format("Node {}, tenant {}, crossdock {}", shown(n, "node"),
                              shown(n, "tenant"), shown(n, "version")),
                  0, 2, colour::strong);
  paper.field("up", fmt::format("{} (since {} UTC, pid {})",
                                duration_text(number(n, "uptime_s")),
                                instant_text(shown(n, "started_at")), shown(n, "pid")));
  const auto ledger = n.value("ledger", json::object());
  paper.field("ledger",
              fmt::format("{} records durable of {}, in {}", shown(ledger, "durable_seq"),
                          shown(ledger, "applied_seq"), shown(ledger, "directory")));
  paper.field("key", shown(ledger, "vkey"));
  const auto gate = n.value("gate", json::object());
  paper.field("policy",
              gate.empty() ? ""
                           : fmt::format("{}, {} rules, sha256 {}; allowed {}, asked {}, "
                                         "denied {} since the start",
                                         shown(gate, "policy"), shown(gate, "rules"),
                                         shown(gate, "policy_sha256").substr(0, 16),
                                         number(gate, "allowed"), number(gate, "asked"),
                                         number(gate, "denied")));
  paper.field("cases", counters_text(n.value("flow", json())));
  paper.field("approvals", counters_text(n.value("approvals", json())));
  paper.field("effects", counters_text(n.value("effect", json())));
  paper.field("messages", counters_text(n.value("dispatch", json())));

  table components({{"component"},
                    {"state"},
                    {"plugin"},
                    {"executor"},
                    {"steps", true},
                    {"failed", true},
                    {"queued", true},
                    {"parked", true},
                    {"dead", true},
                    {"restarts", true}});
  json errors = json::array();
  for (const auto& c : n.value("components", json::array())) {
    const auto state = shown(c, "state");
    const auto count = [&](const char* name) { return std::to_string(number(c, name)); };
    components.row({shown(c, "component"),
                    {state, colour_of_state(state)},
                    shown(c, "plugin") + " " + shown(c, "version"),
                    shown(c, "executor"),
                    count("steps"),
                    {count("failed_steps"),
                     number(c, "failed_steps") > 0 ? colour::warning : colour::none},
                    count("queued"),
                    count("parked"),
                    {count("dead_letters"),
                     number(c, "dead_letters") > 0 ? colour::bad : colour::none},
                    count("restarts")});
    if (const auto why = shown(c, "last_error"); !why.empty()) {
      errors.push_back(shown(c, "component") + ": " + why);
    }
  }
  if (!components.empty()) {
    paper.heading("Components");
    components.print(paper);
  }
  for (const auto& e : errors) {
    paper.paragraph("last error of " + e.get<std::string>(), 0, 2, colour::warning);
  }
  for (const auto& what : n.value("degraded", json::array())) {
    paper.paragraph("not working: " + clean(what.get<std::string>()), 0, 2, colour::bad);
  }
  table tree({{"supervisor"}, {"child"}, {"state"}, {"restarts", true}});
  for (const auto& supervisor : n.value("supervisors", json::array())) {
    for (const auto& child : supervisor.value("children", json::array())) {
      const auto state = shown(child, "state");
      tree.row({shown(supervisor, "name"),
                shown(child, "name"),
                {state, colour_of_state(state)},
                std::to_string(number(child, "restarts"))});
    }
  }
  if (!tree.empty()) {
    paper.heading("Supervision");
    tree.print(paper);
  }
  return exit_code::ok;
}

ending node_tree(session& s) {
  auto answer = s.ask("node.status");
  if (!answer) {
    return std::move(answer).error();
  }
  const auto supervisors = answer->value("supervisors", json::array());
  const auto components = answer->value("components", json::array());
  const auto named = [](const json& list, const char* key, const std::string& name) {
    const auto it = std::find_if(list.begin(), list.end(),
                                 [&](const json& one) { return shown(one, key) == name; });
    return it == list.end() ? json::object() : *it;
  };
  // What hangs below a name: children of a supervisor, or what a component says of itself.
  const std::function<json(const json&)> grown = [&](const json& child) {
    auto node = child;
    const auto name = shown(child, "name");
    if (const auto below = named(supervisors, "name", name); !below.empty()) {
      node["strategy"] = below.value("strategy", "");
      node["children"] = json::array();
      for (const auto& one : below.value("children", json::array())) {
        node["children"].push_back(grown(one));
      }
    } else if (const auto c = named(components, "component", name); !c.empty()) {
      for (const auto* field : {"state", "plugin", "version", "executor", "queued", "steps",
                                "restarts", "last_error", "probation"}) {
        if (c.contains(field)) {
          node[field] = c[field];
        }
      }
    }
    return node;
  };
  const auto tree = grown({{"name", "root"}, {"state", "running"}, {"restarts", 0}});
  if (s.told_program({{"tree", tree}, {"degraded", answer->value("degraded", json::array())}})) {
    return exit_code::ok;
  }
  table t({{"actor"}, {"state"}, {"version"}, {"queued", true}, {"restarts", true}, {"last error"}});
  const std::function<void(const json&, const std::string&)> rows = [&](const json& node,
                                                                         const std::string& indent) {
    const auto state = shown(node, "state");
    const auto strategy = shown(node, "strategy");
    t.row({indent + shown(node, "name") + (strategy.empty() ? "" : " (" + strategy + ")"),
           {node.contains("probation") ? state + ", on probation" : state, colour_of_state(state)},
           shown(node, "version"),
           node.contains("queued") ? std::to_string(number(node, "queued")) : "",
           std::to_string(number(node, "restarts")),
           shown(node, "last_error")});
    for (const auto& child : node.value("children", json::array())) {
      rows(child, indent + "  ");
    }
  };
  rows(tree, "");
  t.print(s.paper());
  for (const auto& what : answer->value("degraded", json::array())) {
    s.paper().paragraph("- " + clean(what.get<std::string>()), 0, 2, colour::bad);
  }
  return exit_code::ok;
}

ending node_reload(session& s, bool dry_run) {
  auto answer = s.ask("node.reload", {{"dry_run", dry_run}});
  if (!answer) {
    return std::move(answer).error();
  }
  if (s.told_program(*answer)) {
    return exit_code::ok;
  }
  for (const auto& w : answer->value("warnings", json::array())) {
    s.around().err << "warning: " << clean(w.get<std::string>()) << '\n';
  }
  auto& paper = s.paper();
  table t({{"field"}, {"was"}, {dry_run ? "would be" : "is"}});
  for (const auto& c : answer->value("changes", json::array())) {
    t.row({shown(c, "field"), shown(c, "from"), shown(c, "to")});
  }
  if (!t.empty()) {
    t.print(paper);
  }
  if (!answer->value("changed", false)) {
    paper.line("The file says what is in force; nothing changed.");
  } else if (dry_run) {
    paper.line("All of it could be put in force now; nothing was changed.");
  } else {
    paper.line("In force since record " + shown(*answer, "seq") + " of the ledger.");
  }
  return exit_code::ok;
}

ending plugin_list(session& s) {
  auto answer = s.ask("plugin.list");
  if (!answer) {
    return std::move(answer).error();
  }
  if (s.told_program(*answer)) {
    return exit_code::ok;
  }
  // The node gives a list, or an object with one.
  const auto list =
      answer->is_array() ? *answer : answer->value("plugins", json::array());
  std::vector<std::string> on_probation;
  table t({{"plugin"}, {"version"}, {"component"}, {"kind"}, {"executor"}, {"standing"}, {"sha256"}});
  for (const auto& p : list) {
    const auto components = p.value("components", json::array());
    const auto id = shown(p, p.contains("plugin") ? "plugin" : "id");
    const auto hash = shown(p, "sha256").substr(0, 16);
    auto standing = shown(p, "standing");
    if (const auto trial = p.find("probation"); trial != p.end()) {
      on_probation.push_back(fmt::format(
          "{}: on probation until {} UTC, instead of {}", shown(p, "component"),
          instant_text(shown(*trial, "until")), shown(*trial, "before")));
    }
    for (const auto& signer : p.value("signers", json::array())) {
      standing += (standing == "signed" ? " by " : " and ") + shown(signer, "key");
    }
    if (components.empty()) {
      t.row({id, shown(p, "version"), shown(p, "component"), shown(p, "kind"),
             shown(p, "executor"), standing, hash});
    }
    for (const auto& c : components) {
      t.row({id, shown(p, "version"),
             c.is_string() ? c.get<std::string>()
                           : shown(c, c.contains("id") ? "id" : "component"),
             shown(c, "kind"), shown(c, "executor"), standing, hash});
    }
  }
  if (t.empty()) {
    s.paper().line("The node has no plugins.");
  } else {
    t.print(s.paper());
  }
  for (const auto& line : on_probation) {
    s.paper().paragraph(line, 0, 2, colour::warning);
  }
  return exit_code::ok;
}

ending whoami(session& s) {
  auto answer = s.ask("whoami");
  if (!answer) {
    return std::move(answer).error();
  }
  if (s.told_program(*answer)) {
    return exit_code::ok;
  }
  s.paper().field("name", shown(*answer, "name"));
  s.paper().field("user id", shown(*answer, "uid"));
  s.paper().field("roles", joined(answer->value("roles", json::array())));
  return exit_code::ok;
}

ending dead_letter_list(session& s, std::int64_t limit) {
  auto answer = s.ask("dead_letter.list", {{"limit", limit}});
  if (!answer) {
    return std::move(answer).error();
  }
  if (s.told_program(*answer)) {
    return exit_code::ok;
  }
  table t({{"id", true, true},
           {"time (UTC)"},
           {"for"},
           {"topic"},
           {"key"},
           {"tries", true},
           {"state"},
           {"reason"}});
  for (const auto& l : answer->value("dead_letters", json::array())) {
    t.row({shown(l, "id"), instant_text(shown(l, "time")), shown(l, "receiver"),
           shown(l, "topic"), shown(l, "key"), shown(l, "attempts"), shown(l, "state"),
           shown(l, "code") + ": " + shown(l, "reason")});
  }
  if (t.empty()) {
    s.paper().line("There are no dead letters.");
  } else {
    t.print(s.paper());
  }
  return exit_code::ok;
}

ending dead_letter_replay(session& s, std::int64_t id) {
  auto answer = s.ask("dead_letter.replay", {{"id", id}});
  if (!answer) {
    return std::move(answer).error();
  }
  if (!s.told_program(*answer)) {
    s.paper().line(fmt::format("Dead letter {} is on its way again (record {}).", id,
                               shown(*answer, "seq")));
  }
  return exit_code::ok;
}

} // namespace crossdock::cli
