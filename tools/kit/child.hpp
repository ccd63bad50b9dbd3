/// Runs something that a plugin's code may crash, end or hang, in a child process.
#pragma once

#include "base/error.hpp"
#include "base/json.hpp"

#include <functional>
#include <string_view>

namespace crossdock::kit {

/// Where the child is, for when it does not come back.
class whereabouts {
public:
  /// "in event 2"; the end of a longer text is cut off.
  void say(std::string_view text);

private:
  friend result<json> in_a_child(unsigned, const std::function<json(whereabouts&)>&);
  char text_[96] = {};
};

/// What `f` returned in the child; {"error": {...}} becomes that error. Errors: plugin,
/// if the child crashed, ended, or did not come back within `seconds`, each with where it
/// was.
result<json> in_a_child(unsigned seconds, const std::function<json(whereabouts&)>& f);

} // namespace crossdock::kit
