#include "ledger/deferred.hpp"

#include <algorithm>

namespace crossdock::ledger {

void deferred_writes::put(std::string key, write w) {
  const auto [it, fresh] = waiting_.try_emplace(key);
  if (fresh) {
    it->second.order = next_order_++;
    done_.push_back({std::move(key), std::nullopt});
  } else {
    done_.push_back({std::move(key), it->second});
  }
  it->second.what = std::move(w);
}

bool deferred_writes::drop(const std::string& key) {
  const auto it = waiting_.find(key);
  if (it == waiting_.end()) {
    return false;
  }
  done_.push_back({key, std::move(it->second)});
  waiting_.erase(it);
  return true;
}

result<void> deferred_writes::settle(connection& db) {
  std::vector<std::pair<std::string, entry>> all;
  all.reserve(waiting_.size());
  for (auto& [key, e] : waiting_) {
    all.emplace_back(key, std::move(e));
  }
  waiting_.clear();
  std::sort(all.begin(), all.end(),
            [](const auto& a, const auto& b) { return a.second.order < b.second.order; });
  for (auto& [key, e] : all) {
    if (auto r = e.what(db); !r) {
      return r;
    }
    done_.push_back({std::move(key), std::move(e)});
  }
  return {};
}

void deferred_writes::undo() {
  for (auto it = done_.rbegin(); it != done_.rend(); ++it) {
    if (it->before) {
      waiting_[it->key] = std::move(*it->before);
    } else {
      waiting_.erase(it->key);
    }
  }
  done_.clear();
}

} // namespace crossdock::ledger
