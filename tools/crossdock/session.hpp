/// What every command has: the options that all share, where to print, and the node.
#pragma once

#include "base/json.hpp"
#include "crossdock/client.hpp"
#include "crossdock/exit_code.hpp"
#include "crossdock/screen.hpp"

#include <filesystem>
#include <functional>
#include <iosfwd>
#include <optional>
#include <ostream>
#include <string>

namespace crossdock::cli {

/// The process's surroundings, so that tests own them.
struct surroundings {
  std::ostream& out;
  std::ostream& err;
  std::size_t width = 0; ///< of the terminal; 0: there is none
  bool colours = false;
  bool progress = false; ///< a person watches standard error
  std::function<std::string(const char*)> environment;
  /// Asks a person yes or no; empty: nobody is there.
  std::function<bool(const std::string& question)> confirm = {};
  std::filesystem::path program_folder{}; ///< where the other programs are
  std::istream* in = nullptr; ///< standard input; null: a person sits there
};

struct common_options {
  bool as_json = false;
  std::string socket;
  std::string config;
  std::string as;
};

/// How a command ended: an error is still to be told, an exit code was explained already.
using ending = result<exit_code>;

/// An error as programs get it.
json as_json(const error& e);

class session {
public:
  session(surroundings& around, common_options options)
      : around_(around), options_(std::move(options)),
        screen_(around.out, around.width, around.colours) {}

  const common_options& options() const { return options_; }
  screen& paper() { return screen_; }
  surroundings& around() { return around_; }

  /// --socket, else $CROSSDOCK_SOCKET, else the socket of --config, else
  /// ./data/crossdock.sock. Errors: unavailable, naming these; what reading the
  /// configuration gives.
  result<std::filesystem::path> socket() const;
  /// A conversation of its own. Errors: as client.
  result<client> connect() const;
  /// Connects with the first question. Errors: as client.
  result<json> ask(const std::string& method, const json& params = json::object());
  /// With --json: prints `value` and is true.
  bool told_program(const json& value);
  /// Prints the sentence (or, with --json, the object) and gives the exit code.
  exit_code tell(const error& e);

private:
  surroundings& around_;
  common_options options_;
  screen screen_;
  std::optional<client> node_;
};

} // namespace crossdock::cli
