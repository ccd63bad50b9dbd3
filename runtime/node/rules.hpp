/// What of the configuration may change while the node runs, and the one place that says
/// what holds now.
#pragma once

#include "api/api.hpp"
#include "flow/actor.hpp"
#include "gate/actor.hpp"
#include "node/config.hpp"

#include <memory>
#include <mutex>

namespace crossdock::node {

/// Immutable: whoever decides takes it once and stays with it to the end of the decision.
struct rules {
  config source;
  gate::rules judging;
  flow::rules cases;
  std::vector<api::principal> principals;
};

std::shared_ptr<const rules> make_rules(config source, gate::policy policy,
                                        std::vector<flow::definition_ptr> flows);

/// Everybody asks here. It changes on the ledger's writer thread alone, in the unit that
/// records the change, so every unit knows exactly which rules hold at its place in the
/// order.
class rules_in_force {
public:
  explicit rules_in_force(std::shared_ptr<const rules> r) : now_(std::move(r)) {}
  std::shared_ptr<const rules> now() const {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  void put(std::shared_ptr<const rules> r) {
    const std::lock_guard lock(mutex_);
    now_.swap(r);
  }

private:
  mutable std::mutex mutex_;
  std::shared_ptr<const rules> now_;
};

/// A part of it that keeps the whole alive. One set of rules gives the same address each
/// time, another one another.
template <class Part>
std::shared_ptr<const Part> part(std::shared_ptr<const rules> whole,
                                 Part rules::*member) {
  const auto* address = &((*whole).*member);
  return {std::move(whole), address};
}

} // namespace crossdock::node
