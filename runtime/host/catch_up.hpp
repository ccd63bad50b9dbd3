/// CATCH-UP: what a version that comes back learns of the time in which another one
/// worked: its memory and cache as they were, and every step since then once more, with
/// effects suppressed and answers as they came.
#pragma once

#include "host/instance.hpp"
#include "host/journal.hpp"

#include <map>
#include <memory>

namespace crossdock::host {

/// Where it begins, and up to where.
struct lesson {
  std::shared_ptr<const component> what;
  std::shared_ptr<instance> object; ///< new; its START is part of this
  std::shared_ptr<ledger::store> store;
  std::shared_ptr<const catalogue> words;
  std::shared_ptr<const memory_view> is; ///< the memory as the other version left it
  bool same_schema = true;               ///< `what` can read that
  std::string snapshot;                  ///< its own, of when it ended
  int state_schema = 1;
  std::int64_t after = 0;  ///< its last step
  std::int64_t newest = 0; ///< the other version's last step
  std::uint64_t seed = 0;
  std::uint64_t first_request = 0;
  timestamp now;
};

struct caught_up {
  std::optional<error> failed; ///< the instance is of no use
  std::shared_ptr<step> start; ///< its effects are real
  memory_view memory;
  bool memory_known = false;                 ///< false: it stays as it is
  std::size_t absorbed = 0;                  ///< steps
  json gap = json::array();                  ///< what was not, as sentences; at most 21
  std::map<std::uint64_t, std::string> tags; ///< of open questions, for this version
};

/// Runs the plugin's code on the calling thread, for some 2.5 s at most unless a step
/// takes longer. A connector's steps are never run again.
std::shared_ptr<caught_up> learn(const lesson& from);

} // namespace crossdock::host
