/// Reads a history through a connector's read tools, page by page.
#pragma once

#include "assess/history.hpp"
#include "base/catalogue.hpp"
#include "base/error.hpp"
#include "base/json.hpp"

#include <functional>
#include <memory>

namespace crossdock::assess {

/// Calls one read tool. Errors: denied and unavailable end the reading; not_found and
/// invalid mean that this tool is not to be had here.
using document = std::shared_ptr<const json>;
using tool_call =
    std::function<result<document>(const std::string& tool, const json& args)>;

struct read_options {
  std::optional<day> since; ///< nothing: a year back from the system's own clock
  /// Told after each page: a tool, and how many of its rows there are by now.
  std::function<void(const std::string& tool, std::size_t rows)> progress;
};

/// Errors: what a call gave; schema (an answer is not what the catalogue promises; names
/// tool and field); invalid (`since` is not in the past); not_found (there is nothing).
result<history> read_history(const tool_call& call, const catalogue& words,
                             const read_options& options);

} // namespace crossdock::assess
