/// SWAPS: another plugin file for a component, while the node runs.
///
/// Promises
///  - The file is judged by the list and the keys as they are on the disk now, kept in
///  the
///    store, and looked at before any of its code runs: what cannot be is refused with
///    the reason, and nothing was touched.
///  - What it would have done with the last hour's steps is known before it takes over.
///  - Which file a component runs outlives a restart, until the configuration names
///  another
///    one than it did then.
#pragma once

#include "host/host.hpp"
#include "host/release_rows.hpp"
#include "node/admission.hpp"
#include "node/components.hpp"
#include "node/rules.hpp"

#include <functional>
#include <map>
#include <mutex>

namespace crossdock::node {

struct swap_environment {
  std::shared_ptr<ledger::store> store;
  std::shared_ptr<components_in_force> components;
  std::shared_ptr<rules_in_force> rules;
  std::shared_ptr<const catalogue> words;
  std::shared_ptr<const clock> time;
  /// SHA-256 of the file that the configuration names, by component.
  std::map<std::string, std::string> configured;
  std::function<std::shared_ptr<const host::staged_plugin>(const std::string& component)>
      configured_file;
  std::function<shell_handle(const std::string& component)> shell;
  /// Asks it and waits.
  std::function<answer(const shell_handle&, std::shared_ptr<const host::replacement>)>
      replace;
  std::function<answer(const shell_handle&, const crossdock::end_probation&)>
      end_probation;
};

class swaps {
public:
  explicit swaps(swap_environment env) : env_(std::move(env)) {}

  /// {file, component?, dry_run, rehearse_s, probation_s, accept_wider, max_differing?,
  /// sha256? (of the file that was looked at before)}.
  /// Gives the plan, the rehearsal, and how it went. Errors: denied (the file, or wider
  /// rights), conflict (what runs does not allow it; too much would differ), as of the
  /// file.
  result<json> swap(const std::string& by, const json& wanted);
  /// {component}: the version on probation stays.
  result<json> keep(const std::string& by, const json& wanted);
  /// {component, reason?}: the version before comes back, on probation or later.
  result<json> back(const std::string& by, const json& wanted);

  /// Other settings of components that run, by what `fresh` says: each as a swap to the
  /// same file. If one cannot be, those before it are taken back.
  result<json> reconfigure(const std::string& by, const config& fresh,
                           const std::vector<std::string>& components, bool dry_run);

private:
  struct target {
    std::shared_ptr<const host::component> now;
    std::shared_ptr<const host::component> next;
    json standing;
  };
  result<target> judge(const json& wanted);
  result<json> rehearse(const target& t, std::chrono::seconds window);
  result<json> told(const answer& a) const;

  swap_environment env_;
  std::mutex mutex_;
  std::map<std::string, json> rehearsed_; ///< by hash of the file: for the record
};

/// What a start makes of the rows: components that run another file than configured,
/// those they can be taken back to, and those that must be, because the node ended
/// without being stopped while their version was on probation in it.
struct restored {
  std::map<std::string, std::shared_ptr<const host::component>> running;
  std::map<std::string, std::shared_ptr<const host::component>> previous;
  std::set<std::string> take_back;
  std::vector<std::string> warnings; ///< why a row was not followed
};
result<restored> restore_releases(const config& c, ledger::store& store,
                                  components_in_force& configured,
                                  const catalogue& words);

} // namespace crossdock::node
