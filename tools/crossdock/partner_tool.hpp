/// `crossdock plugin NAME` for commands that the partner's tool has: that program, found
/// beside this one, takes the process over.
#pragma once

#include "base/error.hpp"

#include <array>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace crossdock::cli {

struct partner_command {
  const char* name;
  const char* what;
};

/// Named in the help and by completion. A command that is not listed is handed on as
/// well.
inline constexpr std::array<partner_command, 12> partner_commands{{
    {"new", "Make a project for a plugin"},
    {"build", "Build a plugin's project"},
    {"check", "Say what a node or an operator would find wrong with a plugin file"},
    {"inspect", "Say what a plugin file is and asks for; nothing of it runs"},
    {"run", "Let a plugin live through a fixture or a bundle"},
    {"test", "Run a plugin's own vectors and fixtures"},
    {"bench", "Measure a plugin's steps"},
    {"sign", "Sign a plugin file"},
    {"verify", "Say whether a plugin file's signatures hold"},
    {"diff", "Say what changes from one plugin file to another"},
    {"key", "Keys that sign plugin files"},
    {"comment", "Print the trusted comment that a signature must carry"},
}};

/// The arguments for crossdock-plugin if `arguments` (without the program's name) are a
/// command of it: `plugin NAME ...`, where NAME is no word of `own`. Options of crossdock
/// may stand before `plugin`; of them, --json is handed on.
std::optional<std::vector<std::string>>
for_partner_tool(std::span<const std::string> arguments,
                 std::span<const std::string> own);

/// Becomes crossdock-plugin, which stands in `folder`. Comes back only with an error:
/// not_found (it is not there), io (it cannot be run).
error become_partner_tool(const std::filesystem::path& folder,
                          const std::vector<std::string>& arguments);

} // namespace crossdock::cli
