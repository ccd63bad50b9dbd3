#include "wakes.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <random>

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace crossdock::sql {
namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// How long a silent connection is trusted.
constexpr std::chrono::seconds silence_max{60};
constexpr std::chrono::seconds answer_within{5};
constexpr milliseconds backoff_min{100}, backoff_max{30'000};
/// A connection that lived so long was a good one: its loss is the first of a new row.
constexpr std::chrono::seconds lived_well{10};

int event_fd() {
  const int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0)
    throw std::runtime_error{std::string{"eventfd: "} + std::strerror(errno)};
  return fd;
}

void raise(int fd) {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(fd, &one, sizeof one);
}

void lower(int fd) {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(fd, &count, sizeof count);
}

/// Half of it to all of it, so that many nodes do not come back at the same moment.
milliseconds jittered(int failures) {
  static thread_local std::minstd_rand random{std::random_device{}()};
  const milliseconds full =
      std::min<milliseconds>(backoff_min * (1 << std::min(failures, 10)), backoff_max);
  return milliseconds{std::uniform_int_distribution<std::int64_t>{full.count() / 2,
                                                                  full.count()}(random)};
}

} // namespace

// -- the gate
// -------------------------------------------------------------------------------

void wake_gate::news(const std::string& topic) {
  feeds_[topic].news = true;
}

std::vector<std::string> wake_gate::take_due(instant now) {
  std::vector<std::string> out;
  for (auto& [topic, s] : feeds_) {
    if (!s.news || s.under_way || s.not_before > now)
      continue;
    s.news = false;
    s.under_way = true;
    out.push_back(topic);
  }
  return out;
}

instant wake_gate::next() const {
  auto out = instant::max();
  for (const auto& [topic, s] : feeds_)
    if (s.news && !s.under_way)
      out = std::min(out, s.not_before);
  return out;
}

void wake_gate::polled(const std::string& topic, instant now,
                       std::optional<milliseconds> again) {
  auto& s = feeds_[topic];
  s.under_way = false;
  s.news = s.news || again.has_value();
  s.not_before = now + std::max(again.value_or(pause), pause);
}

// -- the thread
// -----------------------------------------------------------------------------

wakes::wakes(wake_options options)
    : options_{std::move(options)}, stop_fd_{event_fd()}, kick_fd_{event_fd()} {
  options_.connect.stop_fd = stop_fd_;
  thread_ = std::thread{[this] { run(); }};
  pthread_setname_np(thread_.native_handle(), "sql-listen");
}

wakes::~wakes() {
  stopping_ = true;
  raise(stop_fd_);
  raise(kick_fd_);
  thread_.join();
  ::close(stop_fd_);
  ::close(kick_fd_);
}

void wakes::polled(const std::string& topic, std::optional<milliseconds> again) {
  {
    const std::lock_guard lock{mutex_};
    gate_.polled(topic, clock::now(), again);
  }
  raise(kick_fd_);
}

void wakes::run() {
  for (int failures = 0; !stopping_;) {
    const auto began = clock::now();
    try {
      listen_once();
    } catch (const std::exception& e) {
      if (stopping_)
        return;
      if (clock::now() - began > lived_well)
        failures = 0;
      options_.say(false, e.what());
      pause(jittered(failures++));
    }
  }
}

void wakes::listen_once() {
  std::set<std::string> channels;
  for (const auto& [channel, topics] : options_.topics)
    channels.insert(channel);
  const auto listener = listen(options_.connect, channels, clock::now() + answer_within);
  options_.say(true, {});
  // What changed while nobody listened.
  all_changed();
  auto heard_last = clock::now();
  while (!stopping_) {
    wake_due();
    const auto heard =
        listener->wait(kick_fd_, std::min(next_due(), heard_last + silence_max));
    lower(kick_fd_);
    {
      const std::lock_guard lock{mutex_};
      for (const auto& channel : heard)
        for (const auto& topic : options_.topics[channel])
          gate_.news(topic);
    }
    const auto now = clock::now();
    if (now - heard_last >= silence_max && heard.empty())
      listener->ask_whether_alive(now + answer_within);
    if (now - heard_last >= silence_max || !heard.empty())
      heard_last = now;
  }
}

/// A wake-up that was asked for again is due also while nothing can be heard.
void wakes::pause(milliseconds time) {
  const auto end = clock::now() + time;
  while (!stopping_ && clock::now() < end) {
    wake_due();
    const auto left =
        std::chrono::ceil<milliseconds>(std::min(end, next_due()) - clock::now());
    pollfd p{kick_fd_, POLLIN, 0};
    ::poll(&p, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    lower(kick_fd_);
  }
}

void wakes::wake_due() {
  std::vector<std::string> due;
  {
    const std::lock_guard lock{mutex_};
    due = gate_.take_due(clock::now());
  }
  for (const auto& topic : due) {
    bool woken = false;
    try {
      woken = options_.wake(topic);
    } catch (const std::exception& e) {
      options_.say(true, e.what());
    }
    if (!woken) {
      const std::lock_guard lock{mutex_};
      gate_.polled(topic, clock::now(), backoff_min);
    }
  }
}

void wakes::all_changed() {
  const std::lock_guard lock{mutex_};
  for (const auto& [channel, topics] : options_.topics)
    for (const auto& topic : topics)
      gate_.news(topic);
}

instant wakes::next_due() {
  const std::lock_guard lock{mutex_};
  return gate_.next();
}

} // namespace crossdock::sql
