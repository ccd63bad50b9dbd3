/// Which version of each component is in force; they change while the node runs.
#pragma once

#include "host/component.hpp"

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace crossdock::node {

/// Thread-safe.
class components_in_force {
public:
  using list = std::vector<std::shared_ptr<const host::component>>;

  explicit components_in_force(list all) : all_(std::move(all)) {}

  list now() const {
    const std::lock_guard lock(mutex_);
    return all_;
  }
  /// Null: there is none of this name.
  std::shared_ptr<const host::component> find(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    const auto it = std::find_if(all_.begin(), all_.end(),
                                 [&](const auto& c) { return c->name == name; });
    return it == all_.end() ? nullptr : *it;
  }
  void put(std::shared_ptr<const host::component> c) {
    const std::lock_guard lock(mutex_);
    for (auto& one : all_) {
      if (one->name == c->name) {
        one = std::move(c);
        return;
      }
    }
  }

private:
  mutable std::mutex mutex_;
  list all_;
};

} // namespace crossdock::node
