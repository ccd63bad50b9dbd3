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

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

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
  /// Reads the configuration file again and puts it in force, whole or not at all; see
  /// reload.hpp. `by` goes on the record. Errors: invalid, denied; nothing was changed.
  virtual result<json> reload(const std::string& by, bool dry_run) = 0;
  /// Whether the ledger still takes work within `patience`: for watchdogs.
  virtual bool responds(std::chrono::milliseconds patience) = 0;
  /// The principal who may operate the node as this user id, for the record; none if nobody.
  virtual std::optional<std::string> operator_of(std::uint32_t uid) = 0;
  /// Stops in order. Idempotent.
  virtual void stop() = 0;
};

/// Checks everything that start() would check before it starts something.
result<void> check(const config& c);

/// {"dispatch": 2, ...}: the versions of the rooms' tables that this program knows.
json known_schema();

} // namespace crossdock::node
