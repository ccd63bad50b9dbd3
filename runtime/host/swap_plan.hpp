/// What stands in the way of a swap, before any code of the newer file runs.
#pragma once

#include "host/component.hpp"

#include <string>
#include <vector>

namespace crossdock::host {

struct swap_plan {
  std::vector<std::string> refused; ///< any of them: it cannot be
  std::vector<std::string> wider;   ///< rights it would have beyond those of now
  std::vector<std::string> notes;   ///< what else is different
};

/// `others`: what the rest of the node asks of this component, as "question" or "tool"
/// names.
swap_plan plan_swap(const component& now, const component& next,
                    const std::set<std::string>& others);

} // namespace crossdock::host
