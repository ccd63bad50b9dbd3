/// HOST: plugins are loaded, run and replaced here; nothing else touches their code.
///
/// Promises
///  - No instruction of a file runs before its hash is one that the configuration lists
///  and its
///    manifest and ELF structure were checked. The very bytes that were hashed and
///    checked are the ones mapped: they lie sealed in memory. What was mapped stays
///    mapped.
///  - Everything a plugin asks for in a step exists together once handle() succeeded, or
///  not at
///    all: effects, memory and the end of the delivery are one unit of work.
///  - A step that throws loses only itself. The same event failing twice is a dead
///  letter, with
///    a bundle by which its vendor can see the failure again.
///  - What runs in a process of its own harms nothing but itself, whatever it does there:
///  it has
///    no file, no socket, no other process; it is killed when its step overruns; what it
///    was denied is on record.
///  - Another version takes over between two steps: nothing is lost, repeated or reordered
///    per key, and the pause is in the answer. What cannot work is told before anything is
///    touched; what works worse is taken back, with what the old version learnt of the
///    meantime, or the gap named.
///  - A call of a write tool is handed to a connector at most once; if it is not known
///  what
///    became of it, it is answered `unknown`, never handed out again.
#pragma once

#include "base/catalogue.hpp"
#include "base/system_clocks.hpp"
#include "contracts.hpp"
#include "dispatch/dispatch.hpp"
#include "host/component.hpp"
#include "intake/intake.hpp"
#include "ledger/ledger.hpp"
#include "supervise/supervise.hpp"

#include <filesystem>
#include <functional>
#include <optional>

namespace crossdock::host {

/// A version that shall take over from the one that runs.
struct replacement {
  std::shared_ptr<const component> next;
  std::string configured; ///< SHA-256 of the file that the configuration names
  std::string by;         ///< as the ledger names whoever asked for it
  std::chrono::milliseconds probation{15 * 60'000};
  /// How long open questions are waited for, if the running version's manifest says so.
  std::chrono::milliseconds drain{2'000};
  /// The swap is called off, and the running version goes on, after this.
  std::chrono::milliseconds pause_max{2'000};
  json detail = json::object(); ///< for the record: what a rehearsal said
};

/// What every shell of a node shares.
struct environment {
  std::shared_ptr<ledger::store> store;
  std::shared_ptr<dispatch::exchange> exchange;
  std::shared_ptr<const intake::desk> intake;
  std::shared_ptr<const catalogue> words;
  std::shared_ptr<const clock> time;
  std::shared_ptr<random_source> random;
  std::shared_ptr<tap> taps;
  std::shared_ptr<system_clocks> clocks;
  /// Told once for each shell how its component's first activation went: nothing, or the
  /// error with which it says that its configuration can not work. Trouble that may pass
  /// is no error here: the instance is recreated. May be empty; called from any thread.
  std::function<void(const std::string& component, const std::optional<error>&)> started;
  /// Called on the writer's thread in the order of records, once another version of a
  /// component is in force: what is recorded after it is done by it. May be empty.
  std::function<void(const std::shared_ptr<const component>&)> replaced = {};
  /// Versions that the running one of a component can be taken back to after a restart of
  /// the node within a probation, by component.
  std::map<std::string, std::shared_ptr<const component>> previous = {};
  /// Components whose version is taken back as they start: the node ended without being
  /// told to while that version was on probation in its own process.
  std::set<std::string> take_back = {};
  /// The program that runs plugins in a process of their own; empty: beside this one.
  std::filesystem::path plugin_host = {};
  /// Where repro bundles of dead letters go; empty: none are written.
  std::filesystem::path repro = {};
};

/// Tables of this room: agents' memory.
std::vector<ledger::migration> migrations();

/// Starts the shell of a component.
shell_handle start_shell(caf::actor_system& system, const environment& env,
                         std::shared_ptr<const component> what);

} // namespace crossdock::host
