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
