#include "crossdock/partner_tool.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iostream>
#include <string_view>

namespace crossdock::cli {

std::optional<std::vector<std::string>>
for_partner_tool(std::span<const std::string> arguments,
                 std::span<const std::string> own) {
  bool as_json = false;
  bool in_group = false;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    if (word == "--json") {
      as_json = true;
    } else if (word == "--socket" || word == "--config" || word == "--as") {
      ++i; // and its value
    } else if (word.starts_with("--socket=") || word.starts_with("--config=") ||
               word.starts_with("--as=")) {
    } else if (word.starts_with("-")) {
      return std::nullopt; // --help and what CLI11 complains about
    } else if (!in_group) {
      if (word != "plugin") {
        return std::nullopt;
      }
      in_group = true;
    } else {
      if (std::find(own.begin(), own.end(), word) != own.end()) {
        return std::nullopt;
      }
      std::vector<std::string> out(arguments.begin() + static_cast<std::ptrdiff_t>(i),
                                   arguments.end());
      if (as_json) {
        out.emplace(out.begin() + 1, "--json");
      }
      return out;
    }
  }
  return std::nullopt;
}

error become_partner_tool(const std::filesystem::path& folder,
                          const std::vector<std::string>& arguments) {
  const auto program = (folder / "crossdock-plugin").string();
  std::vector<std::string> words{program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (auto& word : words) {
    argv.push_back(word.data());
  }
  argv.push_back(nullptr);
  std::cout.flush();
  ::execv(program.c_str(), argv.data());
  if (errno == ENOENT) {
    return error(errc::not_found,
                 "`crossdock plugin " + (arguments.empty() ? "" : arguments.front()) +
                     "` is a command of crossdock-plugin, which is not beside crossdock: "
                     "install the SDK (cmake --install BUILD --component sdk)")
        .at("file", program);
  }
  return error(errc::io,
               std::string("crossdock-plugin cannot be run: ") + std::strerror(errno))
      .at("file", program);
}

} // namespace crossdock::cli
