/// `crossdock` without its process: arguments in, text and an exit code out.
#pragma once

#include "crossdock/session.hpp"

#include <string>
#include <vector>

namespace crossdock::cli {

/// `arguments` without the program's name.
exit_code run(std::vector<std::string> arguments, surroundings around);

} // namespace crossdock::cli
