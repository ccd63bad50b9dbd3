// plugin stage: puts plugin files into a node's store after judging them as the node
// will.
#include "base/clock.hpp"
#include "crossdock/commands.hpp"
#include "crossdock/facts.hpp"
#include "node/config.hpp"
#include "sdk/manifest/check.hpp"
#include "trust/trust.hpp"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

namespace crossdock::cli {
namespace {

namespace fs = std::filesystem;

/// "uid 1000 (maria)": who is in front of this command, as the system knows.
std::string person() {
  const auto uid = ::getuid();
  const auto* entry = ::getpwuid(uid);
  return entry == nullptr ? fmt::format("uid {}", uid)
                          : fmt::format("uid {} ({})", uid, entry->pw_name);
}

struct stager {
  const node::config& source;
  const stage_words& words;
  trust::store& store;

  result<json> stage(const std::string& file) {
    auto bytes = trust::read_whole_file(file, trust::plugin_bytes_max, true);
    if (!bytes) {
      return std::move(bytes).error();
    }
    if (const auto wrong = manifest::check_plugin(file); !wrong.empty()) {
      return error(errc::plugin, "a node would refuse it: " + wrong.front())
          .at("file", file);
    }
    const auto read = manifest::from_plugin(file);
    const auto& m = std::get<json>(read);
    auto signatures = trust::signatures_beside(file);
    if (!signatures) {
      return std::move(signatures).error();
    }
    const auto now = system_clock().now();
    const auto v = trust::judge({file, *bytes, m, *signatures}, source.trusted.get(),
                                node::listed(source), store.before(), now,
                                {words.downgrade_reason, words.wider_accepted_by});
    if (!v.admitted()) {
      return error(errc::denied, "it is not staged: " + v.why()).at("file", file);
    }
    const auto name = fs::path(file).filename().string();
    auto path = store.put(name, *bytes, *signatures);
    if (!path) {
      return std::move(path).error();
    }
    trust::staging line;
    line.at = now;
    line.by = person();
    line.what = "staged";
    line.id = v.id;
    line.version = v.version;
    line.sha256 = v.sha256;
    line.asks = trust::asked_by_plugin(m);
    line.standing = v.standing_text();
    line.downgrade_reason = words.downgrade_reason;
    line.wider_accepted_by = words.wider_accepted_by;
    if (auto kept = store.append(std::move(line)); !kept) {
      return std::move(kept).error();
    }
    auto out = v.to_json();
    out["staged"] = path->string();
    return out;
  }
};

} // namespace

ending plugin_stage(session& s, const stage_words& w) {
  if (s.options().config.empty()) {
    return error(errc::invalid,
                 "whose store? name the node's configuration with --config");
  }
  const auto source = node::read_config(s.options().config);
  if (!source) {
    return source.error();
  }
  auto store = trust::store::open(source->data / "plugins", trust::store::use::write);
  if (!store) {
    return std::move(store).error();
  }
  stager work{*source, w, *store};
  json all = json::array();
  for (const auto& file : w.files) {
    auto one = work.stage(file);
    if (!one) {
      return std::move(one).error();
    }
    all.push_back(*std::move(one));
  }
  if (s.told_program({{"staged", all}})) {
    return exit_code::ok;
  }
  for (const auto& one : all) {
    s.paper().line(shown(one, "id") + " " + shown(one, "version"));
    s.paper().field("standing", one.at("standing") == "signed"
                                    ? "signed by " + shown(one.at("signers").at(0), "key")
                                    : "in the list of allowed files");
    s.paper().field("staged", shown(one, "staged"));
    for (const auto& note : one.value("notes", json::array())) {
      s.paper().paragraph("- " + note.get<std::string>(), 2, 2, colour::warning);
    }
  }
  s.paper().paragraph(
      "[[plugin]] file = in the node's configuration names it; a node reads it "
      "when it starts.");
  return exit_code::ok;
}

ending plugin_staged(session& s) {
  if (s.options().config.empty()) {
    return error(errc::invalid,
                 "whose store? name the node's configuration with --config");
  }
  const auto source = node::read_config(s.options().config);
  if (!source) {
    return source.error();
  }
  const auto store =
      trust::store::open(source->data / "plugins", trust::store::use::read);
  if (!store) {
    return store.error();
  }
  std::map<std::string, fs::path> there;
  for (const auto& f : store->files()) {
    there.emplace(f.sha256, f.path);
  }
  json all = json::array();
  for (const auto& line : store->before().lines()) {
    auto one = line.to_json();
    one.erase("asks");
    if (const auto it = there.find(line.sha256); it != there.end()) {
      one["path"] = it->second.string();
    }
    all.push_back(std::move(one));
  }
  if (s.told_program({{"staged", all}})) {
    return exit_code::ok;
  }
  table t(
      {{"plugin"}, {"version"}, {"what"}, {"when"}, {"by"}, {"standing"}, {"sha256"}});
  for (const auto& one : all) {
    t.row({shown(one, "id"), shown(one, "version"), shown(one, "what"), shown(one, "at"),
           shown(one, "by"), shown(one, "standing"), shown(one, "sha256").substr(0, 16)});
  }
  if (t.empty()) {
    s.paper().line("Nothing was staged or admitted by signature yet.");
  } else {
    t.print(s.paper());
  }
  return exit_code::ok;
}

} // namespace crossdock::cli
