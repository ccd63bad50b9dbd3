// crossdock on a machine that has the SDK and no runtime: `crossdock plugin` is handed on to
// crossdock-plugin beside it, and everything else says what it would need.
#include "crossdock/exit_code.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

namespace {

using crossdock::cli::exit_code;

constexpr const char* help =
    "Usage: crossdock plugin COMMAND ...\n"
    "\n"
    "This is the crossdock of the SDK: it makes, builds, checks, signs and describes plugins.\n"
    "Everything else needs a crossdock with its runtime on this machine.\n";

exit_code hand_on(int argc, char** argv) {
  std::error_code failure;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", failure);
  const auto program = (self.parent_path() / "crossdock-plugin").string();
  std::vector<char*> arguments{argv[0]};
  arguments.insert(arguments.end(), argv + 2, argv + argc);
  arguments.push_back(nullptr);
  ::execv(program.c_str(), arguments.data());
  std::cerr << "crossdock: " << program << " cannot be run: " << std::strerror(errno)
            << "; install the SDK again\n";
  return exit_code::not_found;
}

} // namespace

int main(int argc, char** argv) {
  const std::string_view first = argc > 1 ? argv[1] : "";
  if (first == "plugin") {
    return static_cast<int>(hand_on(argc, argv));
  }
  if (first == "--version") {
    std::cout << CROSSDOCK_VERSION << '\n';
    return 0;
  }
  if (first == "--help" || first == "-h") {
    std::cout << help;
    return 0;
  }
  if (!first.empty()) {
    std::cerr << "crossdock: " << first
              << " needs the runtime, and this is the SDK alone; `crossdock plugin` works here\n";
  }
  std::cerr << help;
  return static_cast<int>(exit_code::usage);
}
