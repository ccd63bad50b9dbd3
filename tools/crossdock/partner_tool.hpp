/// `crossdock plugin NAME` for commands that the partner's tool has: that program, found
/// beside this one, takes the process over.
#pragma once

#include "base/error.hpp"

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
inline constexpr partner_command partner_commands[]{
    {"new", "Make a project for a plugin"},
    {"build", "Build and test a plugin's project"},
    {"run", "Let a plugin live through a fixture"},
    {"test", "Run a plugin's fixtures"},
    {"check", "Say what a node or an operator would find wrong with a plugin file"},
    {"inspect", "Say what a plugin file is and asks for; nothing of it runs"},
    {"key", "Keys that sign plugin files"},
    {"sign", "Sign a plugin file"},
    {"verify", "Say whether a plugin file's signatures hold"},
    {"comment", "Print the trusted comment that a signature must carry"},
    {"diff", "Say what changes from one plugin file to another"},
};

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
