/// One agent in versions, with somebody to work for.
#pragma once

#include "integration/host_fixture.hpp"

#include <array>
#include <atomic>
#include <deque>
#include <random>

namespace crossdock::host::testing {

struct swap_fixture : fixture {
  executor_kind where;
  component_limits limits;
  std::chrono::milliseconds drain{2000};
  std::chrono::milliseconds pause_max{1000};
  std::shared_ptr<const component> running;

  swap_fixture(const char* name, executor_kind runs, component_limits l = {})
      : fixture(plugin_list{line(name, runs, l)}), where(runs), limits(l),
        running(version(name)) {}

  static plugin_line line(const std::string& name, executor_kind runs,
                          const component_limits& l) {
    return {"keeper-" + name, "test.keeper", runs, l};
  }
  std::shared_ptr<const component> version(const std::string& name) {
    return component_of(line(name, where, limits));
  }

  void send(const std::string& key, int n) {
    publish("test.event", {{"key", key}, {"n", n}});
  }

  answer ask_shell(auto message) {
    caf::scoped_actor self(*system);
    answer out;
    self->request(shells[0], 60s, std::move(message))
        .receive([&](const answer& a) { out = a; },
                 [&](const caf::error& e) {
                   out = {-1, caf::to_string(e)};
                 });
    return out;
  }
  answer try_swap(const std::string& name) {
    auto order = std::make_shared<replacement>();
    order->next = version(name);
    order->configured = running->file->sha256_hex();
    order->by = "person:op";
    order->drain = drain;
    order->pause_max = pause_max;
    return ask_shell(replace{order});
  }
  json swap(const std::string& name) {
    const auto a = try_swap(name);
    if (a.code != 0) {
      FAIL(a.text);
    }
    return json::parse(a.text);
  }
  std::string refused(const std::string& name) {
    const auto a = try_swap(name);
    CHECK(a.code != 0);
    return a.text;
  }
  answer try_end_probation(bool keep) {
    return ask_shell(crossdock::end_probation{keep, "person:op", ""});
  }
  json end_probation(bool keep) {
    const auto a = try_end_probation(keep);
    if (a.code != 0) {
      FAIL(a.text);
    }
    return json::parse(a.text);
  }

  std::vector<json> all_done() {
    const std::lock_guard lock(mutex);
    std::vector<json> out;
    for (const auto& d : done) {
      out.push_back(json::parse(d));
    }
    return out;
  }
  /// What was recorded until now is readable.
  void settle() {
    work([](ledger::transaction&) -> result<void> { return {}; });
  }
  json last_swap() {
    settle();
    auto db = env.store->reader();
    REQUIRE(db.ok());
    auto rows =
        (*db)->query("SELECT b.bytes FROM record r JOIN body b ON b.seq = r.seq WHERE "
                     "r.kind = 'swap' ORDER BY r.seq DESC LIMIT 1",
                     {});
    REQUIRE(rows.ok());
    REQUIRE(rows->size() == 1);
    return json::parse(rows->front().text(0));
  }
  /// As if the node had been started again.
  void restart(const std::string& name, const std::string& before) {
    const auto again = version(name);
    env.previous["test.keeper"] = version(before);
    caf::scoped_actor self(*system);
    self->monitor(shells[0]);
    caf::anon_send(shells[0], shut_down{});
    self->receive([](const caf::down_msg&) {});
    shells[0] = host::start_shell(*system, env, again);
  }
};

/// Sends n = 1, 2, 3, ... of each key, until it is told to stop.
class stream {
public:
  stream(swap_fixture& f, int keys) : f_(f), keys_(keys), thread_([this] { run(); }) {}
  ~stream() { stop(); }
  void wait_for_some() {
    const auto from = f_.done_count();
    REQUIRE(until([&] { return f_.done_count() > from + 20 || ended_; }));
  }
  std::size_t stop() {
    ended_ = true;
    if (thread_.joinable()) {
      thread_.join();
    }
    return sent_;
  }

private:
  void run() {
    for (int n = 0; !ended_; ++n) {
      for (int k = 0; k < keys_ && !ended_; ++k) {
        f_.send("k" + std::to_string(k), n);
        ++sent_;
      }
      // Not faster than it is handled, or the test is one of memory.
      while (!ended_ && sent_ > f_.done_count() + 500) {
        std::this_thread::sleep_for(1ms);
      }
    }
  }

  swap_fixture& f_;
  int keys_;
  std::atomic<bool> ended_{false};
  std::atomic<std::size_t> sent_{0};
  std::thread thread_;
};

/// Answers test.echo by hand.
class responder {
public:
  explicit responder(fixture& f) : f_(f) {
    auto with = std::make_shared<dispatch::routes>(*f.env.exchange->current_routes());
    with->questions["test.echo"] = "responder";
    f.env.exchange->set_routes(with);
    f.work([&](ledger::transaction& tx) -> result<void> {
      auto r =
          f.env.exchange->attach(tx, "responder", [came = came_](dispatch::delivery d) {
            const std::lock_guard lock(came->mutex);
            came->asks.push_back(std::move(d));
          });
      return r ? result<void>() : result<void>(r.error());
    });
  }
  ~responder() { f_.env.exchange->detach("responder"); }
  dispatch::delivery next() {
    REQUIRE(until([&] {
      const std::lock_guard lock(came_->mutex);
      return !came_->asks.empty();
    }));
    const std::lock_guard lock(came_->mutex);
    auto d = std::move(came_->asks.front());
    came_->asks.pop_front();
    return d;
  }
  void reply(const dispatch::delivery& to, const json& with) {
    f_.work([&](ledger::transaction& tx) -> result<void> {
      if (auto r = f_.env.exchange->finish(tx, to.id); !r) {
        return r;
      }
      auto r =
          f_.env.exchange->reply(tx, "responder", to.token, 0, with.dump(), {to.seq});
      return r ? result<void>() : result<void>(r.error());
    });
  }

private:
  struct came {
    std::mutex mutex;
    std::deque<dispatch::delivery> asks;
  };
  fixture& f_;
  std::shared_ptr<came> came_ = std::make_shared<came>();
};

/// Every number of every key once, in order, and each version knew the one before.
inline void check_order(swap_fixture& f, std::size_t sent) {
  const auto all = f.all_done();
  CHECK(all.size() == sent);
  std::map<std::string, int> last;
  for (const auto& d : all) {
    const auto key = d["key"].get<std::string>();
    const auto n = d["n"].get<int>();
    if (const auto it = last.find(key); it != last.end()) {
      CHECK(n == it->second + 1);
      CHECK(d["before"] == it->second);
    }
    last[key] = n;
  }
}

} // namespace crossdock::host::testing
