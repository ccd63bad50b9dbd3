#include "base/digest.hpp"
#include "crossdock/commands.hpp"
#include "crossdock/facts.hpp"
#include "sdk/manifest/check.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>

namespace crossdock::cli {
namespace {

namespace fs = std::filesystem;

/// TOML basic string; file names may hold anything.
std::string quoted(const std::string& text) {
  return json(text).dump(-1, ' ', true, json::error_handler_t::replace);
}

} // namespace

ending plugin_lock(session& s, const std::vector<std::string>& files,
                   const fs::path& output) {
  json list = json::array();
  std::string text =
      "# The plugin files that may be loaded, written by `crossdock plugin lock`.\n";
  for (const auto& file : files) {
    auto digest = sha256_of_file(file);
    if (!digest) {
      return std::move(digest).error();
    }
    if (const auto wrong = manifest::check_plugin(file); !wrong.empty()) {
      return error(errc::invalid,
                   "the node would refuse this plugin, so it is not listed: " +
                       wrong.front())
          .at("file", file);
    }
    const auto checked = manifest::from_plugin(file);
    const auto* m = std::get_if<json>(&checked);
    const auto name = fs::path(file).filename().string();
    const auto hash = to_hex(*digest);
    text += fmt::format("\n[[file]]\nname = {}\nsha256 = \"{}\"\n", quoted(name), hash);
    list.push_back({{"name", name},
                    {"sha256", hash},
                    {"id", m != nullptr ? shown(*m, "id") : ""},
                    {"version", m != nullptr ? shown(*m, "version") : ""}});
  }
  // A node that reads the list meanwhile sees the old one or the new one, never half of
  // it.
  const auto partial = fs::path(output.string() + "." + std::to_string(::getpid()));
  {
    std::ofstream out(partial, std::ios::binary | std::ios::trunc);
    out << text;
    out.flush();
    if (!out) {
      return error(errc::io, "the list cannot be written").at("file", partial.string());
    }
  }
  std::error_code failure;
  fs::rename(partial, output, failure);
  if (failure) {
    fs::remove(partial, failure);
    return error(errc::io, "the list cannot be put in its place")
        .at("file", output.string());
  }
  if (s.told_program({{"output", output.string()}, {"files", list}})) {
    return exit_code::ok;
  }
  table t({{"file"}, {"plugin"}, {"version"}, {"sha256", false, true}});
  for (const auto& f : list) {
    t.row({shown(f, "name"), shown(f, "id"), shown(f, "version"),
           shown(f, "sha256").substr(0, 16)});
  }
  t.print(s.paper());
  s.paper().line("Written to " + output.string() + "; a node reads it when it starts and for each plugin swap.");
  return exit_code::ok;
}

} // namespace crossdock::cli
