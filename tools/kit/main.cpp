// crossdock-plugin: makes, checks, signs and describes plugin files.
#include "kit/app.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string_view>

namespace {

std::size_t terminal_width() {
  winsize size{};
  return ::isatty(STDOUT_FILENO) == 1 && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0
             ? size.ws_col
             : 0;
}

bool coloured() {
  const char* no = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) == 1 && (no == nullptr || *no == 0) &&
         std::string_view(terminal == nullptr ? "" : terminal) != "dumb";
}

} // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_DFL);
  const auto code = crossdock::kit::run(
    {argv + 1, argv + argc}, {std::cout, std::cerr, terminal_width(), coloured(),
                              ::isatty(STDERR_FILENO) == 1});
  std::cout.flush();
  if (!std::cout) {
    std::cerr << "crossdock-plugin: standard output cannot be written\n";
    return static_cast<int>(crossdock::cli::exit_code::internal);
  }
  return static_cast<int>(code);
}
