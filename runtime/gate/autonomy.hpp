/// How far each agent may go with each tool, as configured.
#pragma once

#include "gate/gate.hpp"

#include <map>
#include <string>

namespace crossdock::gate {

/// Key: "agent tool"; "*" for either means every one.
using autonomy_table = std::map<std::string, autonomy>;

} // namespace crossdock::gate
