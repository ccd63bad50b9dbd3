/// Code of a plugin on a thread of its own, waited for no longer than it may take.
#pragma once

#include "host/executor.hpp"

#include <chrono>
#include <functional>
#include <future>
#include <memory>

namespace crossdock::host {

class bounded_thread {
public:
  explicit bounded_thread(const std::string& name)
      : executor_(make_thread_executor(name)) {}
  ~bounded_thread() {
    if (hung_) {
      executor_->abandon();
    }
  }
  bounded_thread(const bounded_thread&) = delete;
  bounded_thread& operator=(const bounded_thread&) = delete;

  /// False: it did not return in time. Nothing more runs then, and what `work` holds
  /// stays.
  bool run(std::function<void()> work, std::chrono::milliseconds most) {
    if (hung_) {
      return false;
    }
    auto done = std::make_shared<std::promise<void>>();
    auto ended = done->get_future();
    executor_->run([work = std::move(work), done] {
      work();
      done->set_value();
    });
    hung_ = ended.wait_for(most) != std::future_status::ready;
    return !hung_;
  }
  bool hung() const { return hung_; }

private:
  std::unique_ptr<executor> executor_;
  bool hung_ = false;
};

} // namespace crossdock::host
