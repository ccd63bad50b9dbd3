/// What `crossdock` can do, one function a command. Each prints for people or, with
/// --json, for programs; errors come back unprinted.
#pragma once

#include "crossdock/session.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace crossdock::cli {

// -- node.cpp
// --------------------------------------------------------------------------------
ending node_status(session& s);
struct wait_words {
  bool up = false;      ///< until the node answers; otherwise until nothing is under way
  std::int64_t pid = 0; ///< with up: give up when this process is gone; 0: unknown
  std::int64_t seconds = 60;  ///< at most
  std::int64_t quiet_for = 2; ///< seconds without anything under way
};
/// Errors: timeout, unavailable.
ending node_wait(session& s, const wait_words& w);
/// Puts the changed configuration in force, or only says what would change.
ending node_reload(session& s, bool dry_run);
ending node_tree(session& s);
ending plugin_list(session& s);
ending whoami(session& s);
ending dead_letter_list(session& s, std::int64_t limit);
ending dead_letter_replay(session& s, std::int64_t id);

// -- cases.cpp
// -------------------------------------------------------------------------------
struct case_query {
  std::string state; ///< open, closed, compensating, stuck, ... or empty: all
  std::string flow;
  std::string key;
  std::string after; ///< a case id: older ones follow
  std::int64_t limit = 50;
};
ending case_list(session& s, const case_query& q);
ending case_show(session& s, const std::string& id);
struct case_words {
  std::string id;
  std::string reason;
};
/// Asks that what the case has done be undone, or tried again.
ending case_compensate(session& s, const case_words& w);
/// A person took care of what could not be undone.
ending case_resolve(session& s, const case_words& w);

// -- approvals.cpp
// ---------------------------------------------------------------------------
ending approval_list(session& s, const std::string& state, std::int64_t limit);
ending approval_show(session& s, const std::string& id);
struct decision_words {
  std::string id;
  std::string reason;
  std::string digest; ///< of the action that was seen; empty: not checked
};
ending approval_decide(session& s, const decision_words& d, bool approve);
/// `set`: "argument=text" or "argument:=JSON".
ending approval_edit(session& s, const decision_words& d,
                     const std::vector<std::string>& set);

// -- ledger.cpp
// ------------------------------------------------------------------------------
struct ledger_query {
  std::uint64_t from = 0; ///< 0: the newest
  std::uint64_t to = 0;   ///< 0: the end
  std::int64_t limit = 50;
  std::string case_id;
  bool bodies = false;
};
ending ledger_show(session& s, const ledger_query& q);
/// `directory` empty: the one of --config, else the running node's. `key`: a C2SP vkey
/// line or a file with one; empty: the key beside the ledger.
/// An archive needs a key, and may not contradict `known`: files with checkpoints.
ending ledger_verify(session& s, const std::filesystem::path& directory,
                     const std::string& key, const std::vector<std::string>& known);
/// Proof of one record from an archive, to `file` or (empty) to standard output.
ending ledger_prove(session& s, std::uint64_t seq, const std::filesystem::path& archive,
                    const std::filesystem::path& file);
/// Errors: corrupt (the record is not what was signed), denied (not by this key).
ending ledger_check_proof(session& s, const std::filesystem::path& file,
                          const std::string& key);
/// Writes or continues an archive of the ledger in `directory` (empty: as ledger_verify).
ending ledger_archive(session& s, const std::filesystem::path& directory,
                      const std::filesystem::path& to);

// -- summary.cpp
// -----------------------------------------------------------------------------
ending summary(session& s);

// -- watch.cpp
// -------------------------------------------------------------------------------
struct watch_words {
  std::vector<std::string> kinds; ///< empty: all
  std::string case_id;
  std::string component;
  std::uint64_t from = 0; ///< 0: from now on
  std::string since;      ///< "10m"; empty: from now on
  bool all = false;       ///< also what is part of the machinery
  bool summary = false;   ///< figures instead of records
  std::int64_t every = 1; ///< seconds between figures
};
/// Until the node stops or the user interrupts it. Errors: unavailable and timeout when
/// the watch ended without the user's will.
ending watch(session& s, const watch_words& w);

// -- doctor.cpp
// ------------------------------------------------------------------------------
/// `file` empty: the one of --config; without any, the machine and the running node alone.
ending doctor(session& s, const std::filesystem::path& file);

// -- plugin_stage.cpp
// ------------------------------------------------------------------------
struct stage_words {
  std::vector<std::string> files;
  std::string downgrade_reason;  ///< why an older version is wanted back
  std::string wider_accepted_by; ///< who accepts that a file asks for more
};
/// Into the store of the node of --config. Errors: denied, with every reason; of the store.
ending plugin_stage(session& s, const stage_words& w);
/// What was staged and admitted there, in order.
ending plugin_staged(session& s);

// -- plugin_swap.cpp
// -------------------------------------------------------------------------
struct swap_words {
  std::string file;
  std::string component; ///< empty: the one of the file that runs
  bool dry_run = false;
  bool no_rehearsal = false;
  bool accept_wider = false;
  bool yes = false;
  std::int64_t rehearse_s = 3600;
  std::int64_t probation_s = 900;
  std::int64_t max_differing = -1; ///< below 0: somebody is asked if there is any
};
/// Another version takes over. Errors: conflict (it cannot, or nobody agreed), denied.
ending plugin_swap(session& s, const swap_words& w);
ending plugin_keep(session& s, const std::string& component);
ending plugin_rollback(session& s, const std::string& component, const std::string& reason);

// -- files alone
// -----------------------------------------------------------------------------
ending config_check(session& s, const std::filesystem::path& file);
ending plugin_lock(session& s, const std::vector<std::string>& files,
                   const std::filesystem::path& output);

// -- assess.cpp
// ------------------------------------------------------------------------------
struct assess_words {
  std::string config;
  std::string connector; ///< empty: the only one that offers a history
  std::string since;     ///< empty: a year back from the system of record's clock
  std::string html;      ///< file for the page; empty: none
  std::vector<std::string> assume; ///< KEY=VALUE or a TOML file, in order
};
/// Reads the history through the configuration's connector; no node is needed.
ending assess_history(session& s, const assess_words& w);

// -- plan.cpp
// --------------------------------------------------------------------------------
/// The functions of the planning library; `domain` empty: all.
ending plan_list(session& s, const std::string& domain);
ending plan_show(session& s, const std::string& name);
struct plan_words {
  std::string function;
  std::vector<std::string> assignments; ///< NAME=JSON; none: JSON on standard input
  std::string input;                    ///< a file instead of standard input
  std::string datasets;                 ///< a file with series for {"$dataset": NAME}
  bool lines = false;                   ///< one set of inputs, and one answer, a line
};
/// Errors: schema and invalid (name the field), not_found.
ending plan_eval(session& s, const plan_words& w);

// -- policy.cpp
// ------------------------------------------------------------------------------
/// What is wrong or odd with a policy file; `gaps`: also what no rule speaks of.
ending policy_check(session& s, const std::filesystem::path& file, bool gaps);
struct policy_test_words {
  std::string policy;
  std::vector<std::string> cases;
  bool mutate = false; ///< also whether the cases notice a rule that is gone or wider
};
ending policy_test(session& s, const policy_test_words& w);
struct policy_explain_words {
  std::string policy;
  std::string proposal; ///< a JSON file
  std::string autonomy = "autonomous";
  std::string at;       ///< RFC 3339; empty: now
};
ending policy_explain(session& s, const policy_explain_words& w);
ending policy_diff(session& s, const std::filesystem::path& before,
                   const std::filesystem::path& after);

// -- policy_simulate.cpp
// ---------------------------------------------------------------------
struct policy_simulate_words {
  std::string policy;
  std::string ledger;        ///< folder; empty: as ledger_verify
  std::string since = "30d"; ///< back from now, or RFC 3339
  std::string autonomy;      ///< instead of the recorded one
  std::int64_t limit = 20;   ///< changed decisions shown
};
/// What the policy would have decided about the proposals that are recorded.
ending policy_simulate(session& s, const policy_simulate_words& w);

} // namespace crossdock::cli
