/// NODE: configuration in, running tree out.
///
/// Promises
///  - Nothing starts before everything was read and checked: configuration, catalogue, policy,
///    flows, plugins. A node that cannot start says why in one sentence and leaves no trace but
///    its data directory.
///  - The tree starts in order and stops in reverse order: first nothing new comes in, then
///    what is under way ends, then the ledger signs and closes.
///  - If the ledger cannot write, the node stops at once; it never runs without a record.
#pragma once

#include "base/error.hpp"
#include "node/config.hpp"

#include <functional>
#include <memory>

namespace crossdock::node {

/// Exit codes of crossdockd.
enum exit_code : int {
  exit_ok = 0,
  exit_usage = 2,
  exit_config = 3,      ///< configuration, policy, flow or plugin cannot be used
  exit_unavailable = 4, ///< the data directory or socket is in use, or not writable
  exit_corrupt = 5,     ///< the ledger's files do not add up
  exit_ledger = 70      ///< the ledger stopped accepting records while the node ran
};
int exit_code_of(const error& e);

class running_node {
public:
  /// Checks and starts everything. `halted` is called once, from any thread, if the node can
  /// not go on (ledger failure, a supervisor that gave up).
  static result<std::unique_ptr<running_node>>
  start(const config& c, std::function<void(const error&)> halted);
  virtual ~running_node() = default;
  /// Stops in order. Idempotent.
  virtual void stop() = 0;
};

/// Checks everything that start() would check before it starts something.
result<void> check(const config& c);

} // namespace crossdock::node
