/// Which version of each component is in force; they change while the node runs.
#pragma once

#include "host/component.hpp"

#include <algorithm>
#include <map>
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

  /// On whose word a file is here, by its hash; see trust::verdict::to_json().
  void note_standing(const std::string& sha256, json standing) {
    const std::lock_guard lock(mutex_);
    standings_[sha256] = std::move(standing);
  }
  json standing_of(const std::string& sha256) const {
    const std::lock_guard lock(mutex_);
    const auto it = standings_.find(sha256);
    return it == standings_.end() ? json::object() : it->second;
  }

private:
  mutable std::mutex mutex_;
  list all_;
  std::map<std::string, json> standings_;
};

} // namespace crossdock::node
