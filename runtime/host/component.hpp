/// One component of a plugin as it is granted to run on this node.
#pragma once

#include "base/catalogue.hpp"
#include "host/isolation.hpp"
#include "trust/rights.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>

namespace crossdock::host {

class staged_plugin;

struct component_limits {
  std::size_t payload_bytes_max = 1u << 20;
  std::size_t effects_max = 1024;          ///< per step
  std::size_t effect_bytes_max = 8u << 20; ///< per step
  std::size_t tag_bytes_max = 256u << 10;
  std::size_t memory_bytes_max = 16u << 20;
  std::size_t memory_value_bytes_max = 1u << 20;
  std::chrono::milliseconds step_soft{250};
  std::chrono::milliseconds step_hard{5000};
  std::chrono::milliseconds create_hard{30'000}; ///< until a process of its own is ready
  std::size_t process_bytes_max = 512u << 20; ///< address space of a process of its own
  /// Steps, effects and KiB of them a second, over time; beyond it the component's
  /// deliveries wait. 0: no limit.
  std::size_t effects_per_s = 0;
  std::size_t queue_max = 4096; ///< deliveries held in memory; the rest waits in its rows
};

/// What becomes of open questions and calls when another version takes over.
enum class in_flight {
  wait,  ///< their answers come first, to the version that asked
  carry, ///< their answers go to the new version
  cancel ///< they are cancelled, and the version that asked is told so
};

/// What two versions may do differently in a rehearsal without differing.
struct comparison {
  std::set<std::string> ignore;             ///< JSON Pointers into what is said
  std::map<std::string, double> tolerances; ///< JSON Pointer -> absolute difference
};

/// Its rights are what the manifest asks for, the operator grants and the signer's cap
/// allows. Immutable.
struct component {
  std::string name; ///< unique on the node: the manifest's component id
  std::shared_ptr<const staged_plugin> file;
  bool connector = false;
  executor_kind executor = executor_kind::scheduled;
  std::string config = "{}"; ///< JSON object, checked against the manifest's schema
  component_limits limits;
  std::set<std::string> consumes; ///< topics
  std::set<std::string> produces; ///< topics
  std::set<std::string> answers;  ///< questions
  std::set<std::string> may_ask;  ///< questions
  std::set<std::string> may_call; ///< read tools
  std::set<std::string> proposes; ///< write tools
  std::set<std::string> offers;   ///< tools of a connector
  std::set<std::string> capabilities;
  std::map<std::string, std::string>
      endpoints; ///< name -> address; what net/1 connects to
  /// What the manifest asks for and does not get.
  trust::rights kept_by_grant;
  trust::rights kept_by_cap;
  int state_schema = 1;
  std::set<int> restores_from; ///< state schemas that it reads
  host::in_flight in_flight = host::in_flight::carry;
  host::comparison comparison;
  /// How long after a write without an answer a look-up makes sense, per tool.
  std::map<std::string, std::chrono::milliseconds> settle;

  /// Reads the manifest's entry, checks its words against the catalogue and `config`
  /// against its config schema. Errors: not_found (no such component, unknown topic or
  /// tool), schema (config; names the JSON Pointer), invalid (a grant of what the
  /// manifest does not ask for), each with file and field.
  static result<std::shared_ptr<const component>>
  from_manifest(std::shared_ptr<const staged_plugin> file, std::string_view name,
                const json& config, const catalogue& words,
                const trust::grant& granted = {},
                const trust::cap& highest = trust::cap::everything());
};

} // namespace crossdock::host
