/// A plugin's object in a process of its own. What comes from there is believed as little
/// as what comes from the network: each call is checked here by the same rules as in the
/// node.
#pragma once

#include "host/child/attempts.hpp"
#include "host/child/packets.hpp"
#include "host/child/process.hpp"
#include "host/child/wire.hpp"
#include "host/instance.hpp"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace crossdock::host::child {

class sandboxed_instance final : public instance {
public:
  /// Starts the process on the calling thread, with whose end it ends. Errors: as of
  /// make_instance().
  static result<std::shared_ptr<sandboxed_instance>>
  create(std::shared_ptr<const component> what, instance_host host,
         const surroundings& around);
  /// Lets it end in order for a moment, then kills it.
  ~sandboxed_instance() override;

  /// A step whose process dies, breaks the conversation or overruns its hard deadline is
  /// FATAL or DEADLINE, with what happened in s.message; the instance is of no use then.
  void handle(step& s, const cdk_event& event) override;
  void remembered() override { applied_ = true; }
  result<void> quiesce(std::uint32_t reason, std::int64_t deadline_ns) override;
  result<void> resume() override;
  result<std::string> snapshot() override;
  result<void> restore(std::uint32_t state_schema, std::string_view state,
                       const memory_view& memory) override;
  cdk_status probe(std::uint32_t level, std::string& report) override;
  json place() const override;

  /// The halves of handle(): several events may be handed over before the first is
  /// finished, in the same order. Only for components that keep nothing in memory/1.
  void begin(step& s, const cdk_event& event);
  void finish(step& s, steady::time_point until);

private:
  sandboxed_instance(std::shared_ptr<const component> what, instance_host host,
                     process p);
  result<void> greet(const surroundings& around);
  void broke(step& s, channel::outcome o);
  void read_done(step& s, const std::string& message);
  void forged(step& s, const std::string& why);
  void demote();
  /// One call that is no step, and what it gave. Its process is killed if it does not
  /// answer, or answers something else.
  result<std::string> call(const std::string& message, frame answered, const char* where,
                           steady::time_point until);
  void denied(const std::string& what);
  /// How the process ended; kills it if it does not by itself.
  std::string end_of_it();

  // -- on the watching thread
  void watch();
  bool any_message();
  void read_output();

  std::shared_ptr<const component> component_;
  instance_host host_;
  process process_;
  channel steps_;
  channel any_;
  bool applied_ = false;
  bool useless_ = false;
  json report_ = json::object();

  std::thread watcher_;
  int stop_ = -1;                      ///< eventfd
  std::unique_ptr<attempts> attempts_; ///< of the watching thread
  std::atomic<bool> loading_{true};
  std::atomic<bool> working_{false};
  std::atomic<bool> demoted_{false};
  std::atomic<std::uint64_t> denied_{0};
  std::string printed_;           ///< the last it printed
  std::size_t printed_bytes_ = 0; ///< of the watching thread

  mutable std::mutex mutex_;
  std::condition_variable gone_;
  std::string end_; ///< empty while it runs
};

} // namespace crossdock::host::child
