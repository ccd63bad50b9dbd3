/// SUPERVISE: what fails is started again, in order, not too often; what stops, stops in order.
///
/// Promises
///  - one_for_one starts the failed child alone again; one_for_all stops all children in
///    reverse order and starts them in order; rest_for_one does so with the children that were
///    started after the failed one, and leaves those before it alone.
///  - A permanent child is started again however it ended, a transient one if it failed, a
///    temporary one never. A child whose end was final stays ended when others restart.
///  - After more than `restarts_max` restarts within `period` the supervisor gives up: it stops
///    its children and ends with an error, which its own supervisor sees.
///  - Restarts wait with exponential backoff and full jitter, so that children that fail
///    together do not return together.
///  - Stopping asks each child in reverse order, waits for its grace, then kills it, and says
///    which child had to be killed.
#pragma once

#include "base/clock.hpp"
#include "contracts.hpp"

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace crossdock::supervise {

enum class strategy { one_for_one, one_for_all, rest_for_one };
enum class restart { permanent, transient, temporary };

/// Decides when the next attempt may be made, and when enough is enough. Plain logic, used for
/// actors and for plugin instances alike.
class restart_policy {
public:
  struct limits {
    std::size_t restarts_max = 5;
    std::chrono::milliseconds period{30'000};
    std::chrono::milliseconds backoff_min{20};
    std::chrono::milliseconds backoff_max{5'000};
  };

  restart_policy(limits l, std::shared_ptr<random_source> random)
    : limits_(l), random_(std::move(random)) {}

  /// Notes a failure at `now`. Gives the wait before the next start, or nothing if the child
  /// failed too often.
  std::optional<std::chrono::milliseconds> failed(timestamp now);
  std::size_t recent() const { return failures_.size(); }

private:
  limits limits_;
  std::shared_ptr<random_source> random_;
  std::deque<timestamp> failures_;
};

struct child_spec {
  std::string name;
  /// Starts the child and gives its address. Called again at each restart.
  std::function<caf::actor(caf::actor_system&)> start;
  restart when = restart::permanent;
  std::chrono::milliseconds grace{5'000};
};

struct supervisor_spec {
  std::string name;
  strategy how = strategy::one_for_one;
  restart_policy::limits limits;
  std::vector<child_spec> children; ///< started in this order
};

/// What became of the tree, for node status and for the ledger.
struct event {
  std::string supervisor;
  std::string child;
  std::string what; ///< started, failed, restarting, gave up, stopped, killed
  std::string why;
};
using observer = std::function<void(const event&)>;

using supervisor_handle = actor_interface<>;

/// Starts the supervisor and, before it returns to its mailbox, its children in order.
supervisor_handle start(caf::actor_system& system, supervisor_spec spec,
                        std::shared_ptr<tap> t, std::shared_ptr<const clock> time,
                        std::shared_ptr<random_source> random, observer watch);

} // namespace crossdock::supervise
