// crossdock: the command line of a node.
#include "crossdock/app.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>

namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

std::size_t terminal_width() {
  winsize size{};
  return ::isatty(STDOUT_FILENO) == 1 && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0
             ? size.ws_col
             : 0;
}

/// Of the program that runs, whatever link or PATH it was called by.
std::filesystem::path own_folder() {
  std::error_code failure;
  return std::filesystem::read_symlink("/proc/self/exe", failure).parent_path();
}

/// Somebody can only be asked where both the question and the answer have a terminal.
std::function<bool(const std::string&)> confirmation() {
  if (::isatty(STDIN_FILENO) != 1 || ::isatty(STDERR_FILENO) != 1) {
    return {};
  }
  return [](const std::string& question) {
    std::cerr << question << " [y/N] " << std::flush;
    std::string answer;
    std::getline(std::cin, answer);
    return answer == "y" || answer == "Y" || answer == "yes";
  };
}

} // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_DFL); // `crossdock case list | head` ends quietly
  const bool tty = ::isatty(STDOUT_FILENO) == 1;
  crossdock::cli::surroundings around{std::cout,
                                      std::cerr,
                                      terminal_width(),
                                      tty && environment("NO_COLOR").empty() &&
                                          environment("TERM") != "dumb",
                                      ::isatty(STDERR_FILENO) == 1,
                                      environment,
                                      confirmation(),
                                      own_folder(),
                                      ::isatty(STDIN_FILENO) == 1 ? nullptr : &std::cin};
  const auto code = crossdock::cli::run({argv + 1, argv + argc}, std::move(around));
  std::cout.flush();
  if (!std::cout) {
    std::cerr << "crossdock: standard output cannot be written\n";
    return static_cast<int>(crossdock::cli::exit_code::internal);
  }
  return static_cast<int>(code);
}
