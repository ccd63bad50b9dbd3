/// SHELL: one component's stable address, around an instance and an executor that are
/// replaced. Private to the room.
#pragma once

#include "base/log.hpp"
#include "host/allowance.hpp"
#include "host/catch_up.hpp"
#include "host/executor.hpp"
#include "host/host.hpp"
#include "host/instance.hpp"
#include "host/journal.hpp"
#include "host/plugin_records.hpp"
#include "host/presented.hpp"
#include "host/release_rows.hpp"
#include "host/sightings.hpp"
#include "host/vitals.hpp"

#include <condition_variable>
#include <deque>
#include <map>
#include <set>

namespace crossdock::host {

/// Whether an instance may speak by itself, between steps.
enum class voice { not_yet, active, told_to_stop };
using voice_flag = std::shared_ptr<std::atomic<voice>>;

/// A version beside the running one.
struct candidate {
  std::shared_ptr<const component> what;
  std::unique_ptr<executor> runs;
  std::shared_ptr<instance> object;
  voice_flag says;
  std::uint64_t generation = 0;
};

/// A swap or a way back that is under way.
struct changeover {
  std::uint64_t number = 0;
  std::shared_ptr<const replacement> order; ///< null: back to the version before
  std::string why;                          ///< of a way back
  std::string by;
  candidate next;
  enum class phase { creating, draining, switching } at = phase::creating;
  bool cancelled_questions = false;
  bool counting = false;     ///< the open questions
  bool old_is_quiet = false; ///< the running version said its last
  std::chrono::steady_clock::time_point drain_until{};
  std::chrono::steady_clock::time_point pause_began{};
  std::string snapshot;
  caf::typed_response_promise<answer> told;
};

/// A version that may still be taken back.
struct probation {
  std::shared_ptr<const component> before;
  std::string configured;
  std::string by;
  std::string snapshot;
  int state_schema = 1;
  std::int64_t after_step = 0;
  timestamp since;
  timestamp until;
  vitals was;
};

class shell final : public host_actor<shell_handle> {
public:
  shell(caf::actor_config& config, environment env,
        std::shared_ptr<const component> what);

  behavior_type make_behavior() override;

  void on_exit() override;

private:
  // -- starting
  // ------------------------------------------------------------------------------

  void make_executor();

  /// Reads memory and what is unfinished in one unit, so that nothing falls between.
  void load();

  /// A delivery found in its row after a start. A write that may have been handed out
  /// before is never handed out again: what became of it is unknown until it is looked
  /// up.
  void admit_again(dispatch::delivery d);

  void answer_unknown(dispatch::delivery d, std::string why);

  instance_host callbacks(std::uint64_t generation, const voice_flag& says);

  /// From a connector's own thread: durable first, then the POSTED event says so.
  static cdk_status post(const environment& env,
                         const std::shared_ptr<const component>& what,
                         plugin_records& records, const caf::actor& self,
                         std::string text, std::string cookie);

  void create_instance();

  /// Its process is gone, between steps or with one of them.
  void ended(const std::string& how);

  /// A step is over and recorded.
  void next();

  /// Throws the instance away and makes a new one after a backoff, unless that happened
  /// too often: then the component stands still, visibly, and its deliveries stay in
  /// their rows.
  void instance_failed(const std::string& why);

  /// How the first activation went; later ones are told to nobody.
  void tell_started(const std::optional<error>& refused);

  // -- the queue
  // -----------------------------------------------------------------------------

  void accept(dispatch::delivery d);

  /// Reads parked deliveries back once half of the queue is free, within a unit, so that
  /// deliveries which are applied but not yet committed are seen as well.
  void unpark();

  void pump();

  /// A component that asked for more than its allowance waits with its deliveries:
  /// nothing of it is lost.
  bool waits_for_allowance();

  static std::string too_much(const component& what);

  /// The next delivery. Each key keeps its order; a retry blocks its key alone. Across
  /// keys what belongs to a case goes first, because somebody waits for it, then the
  /// oldest.
  std::deque<job>::iterator choose();

  // -- one step
  // ------------------------------------------------------------------------------

  void run(job j);

  /// A thread that does not come back: its step never happened, it is left behind with
  /// its instance, and a new instance takes over on a new thread.
  void overrun(const std::shared_ptr<step>& s);

  static logging::fields subject_of(const std::string& component,
                                    const std::optional<dispatch::delivery>& row);

  void done(const std::shared_ptr<step>& s, const std::shared_ptr<event_text>& text,
            const std::shared_ptr<job>& j);

  /// For the vendor of a plugin in a process of its own: what made the step fail again.
  void keep_repro(const step& s, const event_text& text, const job& j) const;

  /// Effects, memory and the end of the delivery, whole or not at all.
  void commit(const std::shared_ptr<step>& s, const std::shared_ptr<event_text>& text,
              const std::shared_ptr<job>& j);

  void remember(const memory_changes& changes);
  /// Of a step that is recorded now.
  journal_line next_line(const step& s, std::size_t tag_bytes);
  /// For the comparison of versions.
  void take_note(const step& s, const job& j);

  // -- failures
  // ------------------------------------------------------------------------------

  void retry(job j, const std::string& why, std::uint32_t after_ms);

  /// The event made the instance fail: once more, then it is a dead letter. A write is
  /// not handed out again.
  void failed(job j, errc code, const std::string& why);

  void note_attempt(const job& j);

  void bury(const job& j, errc code, const std::string& why);

  // -- another version (shell_swap.cpp)
  // -------------------------------------------------------

  caf::result<answer> begin_swap(const std::shared_ptr<const replacement>& order);
  caf::result<answer> end_probation_by(const end_probation& how);
  /// Creates the version of `change_` beside the running one.
  void create_beside(std::chrono::milliseconds most, bool ask_it);
  void is_beside(std::uint64_t number, std::shared_ptr<instance> object, std::string why);
  /// Between two steps: begins the switch if nothing stands in its way. True: no step
  /// now.
  bool switches();
  void count_questions();
  void cut_over();
  void old_is_quiet(std::uint64_t number, const std::optional<error>& why,
                    std::string snapshot);
  void switch_over(std::uint64_t number, const std::shared_ptr<step>& start,
                   const std::optional<error>& why);
  /// Nothing is changed; the running version goes on.
  void call_off(const error& why);
  void too_late(std::uint64_t number);

  void roll_back(const std::string& why, const std::string& by,
                 caf::typed_response_promise<answer> told = {});
  void catch_up();
  void switch_back(std::uint64_t number, const std::shared_ptr<caught_up>& learnt);
  void keep_version(const std::string& by, caf::typed_response_promise<answer> told = {});
  /// Triggers and the end of a probation.
  void watch_probation();
  /// Replaces the running version by that of `change_`.
  void take_place();
  /// Lets go of an instance on its own thread, without waiting for it.
  void retire(std::unique_ptr<executor> runs, std::shared_ptr<instance> object);
  ledger::record swap_record(const char* what, const component& to, json detail) const;
  answer told_of(const char* what, json detail) const;

  // -- stopping
  // ------------------------------------------------------------------------------

  void stop();

  status_report report() const;

  environment env_;
  std::shared_ptr<const component> component_;
  std::shared_ptr<plugin_records> records_;
  std::shared_ptr<allowance> allowance_;
  std::unique_ptr<executor> executor_;
  std::shared_ptr<instance> instance_;
  std::shared_ptr<memory_view> memory_;
  std::size_t memory_bytes_ = 0;
  supervise::restart_policy failures_;

  std::deque<job> queue_;  ///< with rows
  std::deque<job> moment_; ///< without: START, POSTED
  std::vector<dispatch::delivery> early_;
  std::set<std::int64_t> from_rows_; ///< read from rows; a message for one is a repeat
  std::int64_t last_known_ = 0;
  bool loaded_ = false;
  bool busy_ = true;
  bool parked_ = false;
  bool reading_ = false;
  bool arrived_while_reading_ = false;
  bool stopping_ = false;
  bool told_started_ = false;
  std::shared_ptr<step> running_;
  std::shared_ptr<job> current_;
  std::chrono::steady_clock::time_point began_{};

  std::string state_ = "loading";
  std::string last_error_;
  std::uint64_t steps_ = 0;
  std::uint64_t failed_steps_ = 0;
  std::uint64_t dead_ = 0;
  std::uint64_t restarts_ = 0;
  std::uint64_t abandoned_ = 0;
  bool waiting_ = false;
  std::uint64_t throttled_ = 0;
  std::uint64_t slow_steps_ = 0; ///< beyond the soft limit
  sightings slow_seen_;
  std::uint64_t generation_ =
      0; ///< of the instance, so that a late word of an old one is known
  std::uint64_t generations_ = 0;
  std::string ended_; ///< how its process ended while a step was being recorded
  voice_flag says_ = std::make_shared<std::atomic<voice>>(voice::active);
  bool watched_ = false; ///< its steps run on a thread that can be left behind

  std::int64_t step_number_ = 0; ///< of the journal
  journal_window window_;
  std::uint64_t seed_ = 0;       ///< of the step under way
  vitals vitals_;
  std::optional<probation> probation_;
  std::unique_ptr<changeover> change_;
  std::uint64_t changes_ = 0;
  std::map<std::uint64_t, std::string>
      tags_; ///< of answers that another version asked for
  std::uint64_t swaps_ = 0;
  std::uint64_t swaps_back_ = 0;
  std::chrono::microseconds last_pause_{0};
  /// Instances that end on threads of their own.
  struct ending {
    std::mutex mutex;
    std::condition_variable changed;
    int under_way = 0;
  };
  std::shared_ptr<ending> endings_ = std::make_shared<ending>();
  std::shared_ptr<std::atomic<std::uint64_t>> log_count_ =
      std::make_shared<std::atomic<std::uint64_t>>(0);
};

} // namespace crossdock::host
