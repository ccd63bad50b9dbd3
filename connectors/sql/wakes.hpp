/// Wakes the polls of feeds when the database says that something changed. Polling goes
/// on beside it, less often: a notice is a hint, the feed's statement is the truth.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "driver.hpp"

namespace crossdock::sql {

/// When to wake whom: at once, but not again while the last wake-up is still on its way,
/// and not in the short time after it, so that a busy feed leaves room for calls.
class wake_gate {
public:
  static constexpr std::chrono::milliseconds pause{10};

  void news(const std::string& topic);
  /// The feeds to wake now. Each counts as under way until it was polled.
  std::vector<std::string> take_due(instant now);
  /// When take_due() will have the next one; instant::max() if nothing is waiting.
  instant next() const;
  /// `again`: there is more, or it failed; wake it once more after that time.
  void polled(const std::string& topic, instant now,
              std::optional<std::chrono::milliseconds> again);

private:
  struct state {
    bool news = false, under_way = false;
    instant not_before{};
  };
  std::map<std::string, state> feeds_;
};

struct wake_options {
  connect_options connect;
  std::map<std::string, std::set<std::string>> topics; ///< by channel
  /// Called on the thread. False: could not be done now.
  std::function<bool(const std::string& topic)> wake;
  /// The connection that listens was made, or (with the reason) lost.
  std::function<void(bool heard, const std::string& why)> say;
};

/// A thread with a connection of its own that listens from construction to destruction. A
/// lost connection is made anew, with backoff, and then every feed is polled once.
class wakes {
public:
  explicit wakes(wake_options options);
  ~wakes();
  wakes(const wakes&) = delete;
  wakes& operator=(const wakes&) = delete;

  /// The feed was polled after a wake-up. From any thread.
  void polled(const std::string& topic, std::optional<std::chrono::milliseconds> again);

private:
  void run();
  void listen_once();
  void pause(std::chrono::milliseconds time);
  void wake_due();
  void all_changed();
  instant next_due();

  wake_options options_;
  int stop_fd_, kick_fd_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  wake_gate gate_; // under mutex_
  std::thread thread_;
};

} // namespace crossdock::sql
