#include "host/executor.hpp"

#include <pthread.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

namespace crossdock::host {
namespace {

class scheduled_executor final : public executor {
public:
  void run(std::function<void()> work) override { work(); }
  void abandon() override {}
  void finish(std::function<void()> last) override { last(); }
};

class thread_executor final : public executor {
  struct shared {
    std::mutex mutex;
    std::condition_variable wake;
    std::deque<std::function<void()>> queue;
    bool closed = false;
  };

public:
  explicit thread_executor(const std::string& name) : state_(std::make_shared<shared>()) {
    thread_ = std::thread([state = state_] {
      for (;;) {
        std::function<void()> work;
        {
          std::unique_lock lock(state->mutex);
          state->wake.wait(lock, [&] { return state->closed || !state->queue.empty(); });
          if (state->queue.empty()) {
            return;
          }
          work = std::move(state->queue.front());
          state->queue.pop_front();
        }
        work();
      }
    });
    // The kernel keeps 15 characters; enough to find the connector in `top -H`.
    pthread_setname_np(thread_.native_handle(), name.substr(0, 15).c_str());
  }

  ~thread_executor() override {
    {
      const std::lock_guard lock(state_->mutex);
      state_->closed = true;
    }
    state_->wake.notify_all();
    if (thread_.joinable()) {
      if (thread_.get_id() == std::this_thread::get_id()) {
        thread_.detach();
      } else {
        thread_.join();
      }
    }
  }

  void run(std::function<void()> work) override {
    {
      const std::lock_guard lock(state_->mutex);
      state_->queue.push_back(std::move(work));
    }
    state_->wake.notify_one();
  }

  void abandon() override {
    {
      const std::lock_guard lock(state_->mutex);
      state_->queue.clear();
      state_->closed = true;
    }
    state_->wake.notify_all();
    thread_.detach();
  }

  void finish(std::function<void()> last) override {
    {
      const std::lock_guard lock(state_->mutex);
      state_->queue.push_back(std::move(last));
      state_->closed = true;
    }
    state_->wake.notify_all();
    thread_.detach();
  }

private:
  std::shared_ptr<shared> state_;
  std::thread thread_;
};

} // namespace

std::unique_ptr<executor> make_scheduled_executor() {
  return std::make_unique<scheduled_executor>();
}

std::unique_ptr<executor> make_thread_executor(const std::string& name) {
  return std::make_unique<thread_executor>(name);
}

} // namespace crossdock::host
