/// crossdock-plugin: makes, checks, signs and describes plugin files, without a node.
#pragma once

#include "crossdock/exit_code.hpp"
#include "crossdock/screen.hpp"

#include <ostream>
#include <string>
#include <vector>

namespace crossdock::kit {

/// The process's surroundings, so that tests own them.
struct surroundings {
  std::ostream& out;
  std::ostream& err;
  std::size_t width = 0; ///< of the terminal; 0: there is none
  bool colours = false;
  bool progress = false; ///< a person watches standard error
};

/// Runs one command line, without the program's name.
cli::exit_code run(std::vector<std::string> arguments, surroundings around);

} // namespace crossdock::kit
