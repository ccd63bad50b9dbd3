/// Where a component's code runs, decided from what is known of its file. Pure.
#pragma once

#include "base/error.hpp"

#include <optional>
#include <string_view>

namespace crossdock::host {

enum class executor_kind {
  scheduled, ///< in the node, on the scheduler's threads
  thread,    ///< in the node, on a thread of its own
  process    ///< in a child process under a sandbox
};

/// The name in configuration, status and records.
std::string_view to_string(executor_kind kind) noexcept;
/// Errors: invalid, naming the three words.
result<executor_kind> executor_from(std::string_view name);

struct isolation_facts {
  /// The operator lets this file run in the node's process: exactly this file by its
  /// hash, or what its signers' keys sign.
  bool may_run_in_node = false;
  /// ... and it does unless the configuration says otherwise: listed, or signed as
  /// first-party.
  bool runs_in_node = false;
  /// What the manifest prefers in the node: scheduled or thread.
  executor_kind preferred = executor_kind::scheduled;
  /// [[plugin.component]] executor, if the configuration has it.
  std::optional<executor_kind> configured;
};

/// In the node only what the operator lets run there; everything else, and whatever is
/// configured so, in a process of its own. Errors: denied, if the configuration wants a
/// file in the node that may not run there.
result<executor_kind> isolation(const isolation_facts& facts);

} // namespace crossdock::host
