// diff: what changes for an operator from one plugin file to another.
#include "kit/commands.hpp"
#include "sdk/manifest/check.hpp"
#include "trust/trust.hpp"

#include <fmt/format.h>

#include <set>

namespace crossdock::kit {
namespace {

struct diff_words {
  std::string before;
  std::string after;
};

result<json> manifest_of(const std::string& file) {
  auto read = manifest::from_plugin(file);
  if (const auto* problems = std::get_if<manifest::problems>(&read)) {
    return error(errc::schema, problems->empty() ? "the manifest is unreadable"
                                                 : problems->front().text())
        .at("file", file);
  }
  return std::get<json>(std::move(read));
}

std::map<std::string, json> components_of(const json& m) {
  std::map<std::string, json> out;
  for (const auto& part : m.at("components")) {
    out.emplace(text_or(part, "id"), part);
  }
  return out;
}

/// What can break a running node besides rights: each change of these as {where, was,
/// is}.
constexpr const char* component_fields[] = {"kind",   "executor", "limits",  "state",
                                            "config", "secrets",  "inflight"};

void compare(json& changes, const std::string& where, const json& before,
             const json& after) {
  if (before == after) {
    return;
  }
  if (before.is_object() && after.is_object()) {
    std::set<std::string> names;
    for (const auto* side : {&before, &after}) {
      for (const auto& [name, value] : side->items()) {
        names.insert(name);
      }
    }
    const json nothing;
    for (const auto& name : names) {
      compare(changes, where + "." + name,
              before.contains(name) ? before.at(name) : nothing,
              after.contains(name) ? after.at(name) : nothing);
    }
    return;
  }
  changes.push_back({{"where", where}, {"was", before}, {"is", after}});
}

std::string shown(const json& value) {
  auto text = value.is_null()     ? std::string("absent")
              : value.is_string() ? value.get<std::string>()
                                  : value.dump();
  if (text.size() > 120) {
    text = text.substr(0, 117) + "...";
  }
  return text;
}

ending diff(context& c, const diff_words& w) {
  const auto before = manifest_of(w.before);
  if (!before) {
    return before.error();
  }
  const auto after = manifest_of(w.after);
  if (!after) {
    return after.error();
  }
  json changes = json::array();
  for (const auto* name : {"id", "vendor", "version", "license", "abi"}) {
    compare(changes, name, before->value(name, json()), after->value(name, json()));
  }
  const auto old_parts = components_of(*before);
  const auto new_parts = components_of(*after);
  json gone = json::array();
  json added = json::array();
  for (const auto& [id, part] : old_parts) {
    if (!new_parts.contains(id)) {
      gone.push_back(id);
    }
  }
  for (const auto& [id, part] : new_parts) {
    const auto it = old_parts.find(id);
    if (it == old_parts.end()) {
      added.push_back(id);
      continue;
    }
    for (const auto* name : component_fields) {
      compare(changes, id + "." + name, it->second.value(name, json()),
              part.value(name, json()));
    }
  }
  const auto asked_before = trust::asked_by_plugin(*before);
  const auto asked_after = trust::asked_by_plugin(*after);
  const auto wider = trust::wider(asked_before, asked_after);
  const auto narrower = trust::wider(asked_after, asked_before);
  const auto order =
      trust::compare_versions(text_or(*before, "version"), text_or(*after, "version"));
  const auto code = wider.empty() ? cli::exit_code::ok : cli::exit_code::denied;
  if (c.told_program({{"wider", wider},
                      {"narrower", narrower},
                      {"components_added", added},
                      {"components_gone", gone},
                      {"changes", changes},
                      {"older", order > 0}})) {
    return code;
  }
  auto& paper = c.paper();
  paper.line(fmt::format("{} {} -> {} {}", text_or(*before, "id"),
                         text_or(*before, "version"), text_or(*after, "id"),
                         text_or(*after, "version")));
  if (text_or(*before, "id") != text_or(*after, "id")) {
    paper.paragraph("! these are two different plugins", 2, 2, cli::colour::bad);
  }
  if (order > 0) {
    paper.paragraph("! the second is the older one", 2, 2, cli::colour::warning);
  }
  const auto list = [&](const char* heading, const std::vector<std::string>& lines,
                        cli::colour colour) {
    if (!lines.empty()) {
      paper.heading(heading);
    }
    for (const auto& line : lines) {
      paper.paragraph("- " + line, 2, 2, colour);
    }
  };
  list("asks for more (a person must accept it)", wider, cli::colour::bad);
  list("no longer asks for", narrower, cli::colour::good);
  list("no longer has the component", gone.get<std::vector<std::string>>(),
       cli::colour::warning);
  if (!changes.empty()) {
    paper.heading("changed");
  }
  for (const auto& one : changes) {
    paper.paragraph("- " + text_or(one, "where") + ": " + shown(one.at("was")) + " -> " +
                        shown(one.at("is")),
                    2, 2);
  }
  if (wider.empty() && narrower.empty() && changes.empty() && gone.empty()) {
    paper.line("nothing that an operator would notice");
  }
  return code;
}

} // namespace

void add_diff(CLI::App& app, context& c) {
  auto words = std::make_shared<diff_words>();
  auto* command = c.command(
      app, "diff",
      "Say what changes from one plugin file to another; exit code 4 if it asks for more",
      words, diff);
  command->add_option("before", words->before, "Plugin file that is in use")->required();
  command->add_option("after", words->after, "Plugin file that would replace it")
      ->required();
}

} // namespace crossdock::kit
