/// A proposal's words that come back, and which of them may follow which. Private to the
/// room.
#pragma once

#include "flow/case_state.hpp"

#include <optional>
#include <string_view>

namespace crossdock::flow {

struct heard {
  step_status status;
  int rank; ///< a later stage never goes back to an earlier one
};

inline std::optional<heard> heard_as(std::string_view outcome) {
  if (outcome == "asked") {
    return heard{step_status::asked, 1};
  }
  if (outcome == "allowed" || outcome == "approved") {
    return heard{step_status::allowed, 2};
  }
  if (outcome == "unknown") {
    return heard{step_status::unknown, 3};
  }
  const auto status = step_status_from(outcome);
  return status && *status >= step_status::executed ? std::optional(heard{*status, 4})
                                                    : std::nullopt;
}

inline int rank_of(step_status s) {
  return s == step_status::proposed ? 0
                                    : heard_as(to_string(s)).value_or(heard{s, 4}).rank;
}

} // namespace crossdock::flow
