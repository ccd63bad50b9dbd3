/// RELOAD: a changed configuration file, put in force while the node runs.
///
/// Promises
///  - Checked whole before anything changes, by the checks of `crossdock config check`.
///  - Applied whole or not at all: a part that is wrong, or that needs a restart, leaves
///    everything as it was and says which field and why.
///  - Recorded: one class-A record "config" with who did it and the digests before and
///    after. The rules switch in the unit that writes it: every decision recorded before
///    it was made under the old rules, every one recorded after it under the new ones.
#pragma once

#include "dispatch/dispatch.hpp"
#include "node/check.hpp"
#include "node/rules.hpp"

#include <functional>
#include <mutex>
#include <set>
#include <shared_mutex>

namespace crossdock::node {

/// One field that differs. Values of what may hold secrets are left out.
struct change {
  std::string field; ///< "node.log_level", "policy", "flow.backorder-prevention"
  std::string from;  ///< empty: it was not there
  std::string to;    ///< empty: it is gone
};

struct difference {
  std::vector<change> changes;
  std::vector<change> refused;         ///< what cannot change while the node runs
  std::vector<std::string> components; ///< whose settings changed
};

/// What of the document cannot change live; policy, flows, autonomy, principals and the
/// log level are compared by what they mean, see `differences`.
std::vector<change> fixed_differences(const json& before, const json& after);

/// Compares what is in force with what a file says now.
difference differences(const rules& before, const checked& after);

/// What the reloader needs of its node.
struct reload_environment {
  std::shared_ptr<ledger::store> store;
  std::shared_ptr<dispatch::exchange> exchange;
  std::shared_ptr<rules_in_force> in_force;
  std::set<std::string> running_plugins; ///< SHA-256 of the files that were loaded
  std::string catalogue_sha256;          ///< of the folder, when it was read
  /// Who gets what with these flows. Errors: conflict.
  std::function<result<std::shared_ptr<const dispatch::routes>>(
      const std::vector<flow::definition_ptr>&)>
      routes;
  /// Puts other settings (config, grant, executor, limits) of components in force, one
  /// after the other, as a swap to the same file; all of them or none. With `dry_run`
  /// only checks.
  std::function<result<json>(const std::string& by, const config& fresh,
                             const std::vector<std::string>& components, bool dry_run)>
      reconfigure;
  /// Called once the new rules are in force and durable: the log level.
  std::function<void(const rules&)> after;
};

class reloader {
public:
  explicit reloader(reload_environment env) : env_(std::move(env)) {}

  /// Reads the file that is in force again. `by` is whoever asked for it, as the ledger
  /// names them. Gives {changed, dry_run, changes, refused?, seq?}. Errors: invalid (the
  /// file is wrong), denied (something needs a restart); nothing was changed.
  result<json> reload(const std::string& by, bool dry_run);

  /// Held by who acts in somebody's name until the act is durable: a reload that takes
  /// rights away waits for acts under way, and acts after it meet the new rights.
  std::shared_lock<std::shared_mutex> act() {
    return std::shared_lock<std::shared_mutex>(acts_);
  }

private:
  result<void> check_versions(const std::vector<flow::definition_ptr>& flows);
  result<std::uint64_t> put_in_force(const std::string& by,
                                     const std::shared_ptr<const rules>& next,
                                     std::shared_ptr<const dispatch::routes> routes,
                                     const difference& d);

  reload_environment env_;
  std::mutex one_at_a_time_;
  std::shared_mutex acts_;
};

} // namespace crossdock::node
