/// What it costs to replace an agent while it works at 70 % of what it can do: how long
/// it pauses, and what becomes of its events. Good versions follow each other; one swap
/// in ten is to a version that fails, hangs, refuses its state or answers differently.
/// `tools/bench swap` runs it beside Erlang/OTP; by itself: `bench_swap [--json FILE|-]
/// [--swaps N]`. Exit codes: 0 measured, 1 failed, 2 usage.
#include "world.hpp"

#include <CLI/CLI.hpp>
#include <spdlog/sinks/null_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <fstream>
#include <iostream>
#include <mutex>
#include <thread>

using namespace crossdock;
using namespace crossdock::bench;
using namespace std::chrono_literals;

namespace {

using steady = std::chrono::steady_clock;

constexpr int keys = 64;

double quantile(std::vector<double> all, double q) {
  if (all.empty()) {
    return 0;
  }
  std::sort(all.begin(), all.end());
  return all[std::min(all.size() - 1,
                      static_cast<std::size_t>(q * static_cast<double>(all.size())))];
}

/// One agent, and somebody who gives it numbered events of many keys.
class workplace {
public:
  workplace(host::executor_kind where, int ballast, bool as_json)
      : where_(where), ballast_(ballast), as_json_(as_json),
        world_({plugin("one")}, BENCH_CATALOGUE, BENCH_PLUGIN_HOST,
               [this](const dispatch::delivery& d) { came(d); }) {
    std::this_thread::sleep_for(300ms);
  }
  ~workplace() { stop(); }

  /// Events a second with a window of 256.
  double capacity(double seconds) {
    const auto begin = steady::now();
    const auto end = begin + std::chrono::duration<double>(seconds);
    const auto from = done_.load();
    while (steady::now() < end) {
      give();
      std::unique_lock lock(mutex_);
      changed_.wait_until(lock, end, [&] { return given_ < done_ + 256; });
    }
    const auto took = std::chrono::duration<double>(steady::now() - begin).count();
    const auto rate = static_cast<double>(done_ - from) / took;
    drain();
    return rate;
  }

  void work_at(double rate) {
    going_ = true;
    giver_ = std::thread([this, rate] {
      const auto begin = steady::now();
      for (std::uint64_t n = 0; going_; ++n) {
        std::this_thread::sleep_until(
            begin + std::chrono::duration_cast<steady::duration>(
                        std::chrono::duration<double>(static_cast<double>(n) / rate)));
        give();
      }
    });
  }
  void stop() {
    going_ = false;
    if (giver_.joinable()) {
      giver_.join();
    }
  }
  /// Until everything is done; what is not after a minute is lost.
  void drain() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, 60s, [&] { return done_ >= given_; });
  }

  answer swap_to(const char* version) {
    auto order = std::make_shared<host::replacement>();
    order->next = world_.component_of(plugin(version));
    order->by = "person:bench";
    order->pause_max = ballast_ > (2 << 20) ? 20s : 500ms;
    return ask(replace{order});
  }
  answer end_probation(bool keep) {
    return ask(crossdock::end_probation{keep, "person:bench", ""});
  }
  json status() {
    caf::scoped_actor self(world_.system());
    json out;
    self->request(world_.shell(0), 60s, status_request{})
        .receive(
            [&](const status_report& r) { out = json::parse(r.text); },
            [&](const caf::error& e) { throw std::runtime_error(caf::to_string(e)); });
    return out;
  }

  std::uint64_t given() const { return given_; }
  std::uint64_t lost() {
    const std::lock_guard lock(mutex_);
    return given_ > done_ ? given_ - done_ : 0;
  }
  std::uint64_t repeated() {
    const std::lock_guard lock(mutex_);
    return repeated_;
  }
  std::uint64_t reordered() {
    const std::lock_guard lock(mutex_);
    return reordered_;
  }

private:
  placed_plugin plugin(const char* version) const {
    placed_plugin p{std::filesystem::path(BENCH_VERSIONS) /
                        ("keeper-" + std::string(version) + ".so"),
                    "test.event", where_};
    p.limits.step_hard = 500ms;
    if (ballast_ > 0) {
      p.config = {{"ballast", ballast_}, {"json", as_json_}};
    }
    return p;
  }
  template <class Message>
  answer ask(Message m) {
    caf::scoped_actor self(world_.system());
    answer out;
    self->request(world_.shell(0), 60s, std::move(m))
        .receive([&](const answer& a) { out = a; },
                 [&](const caf::error& e) {
                   out = {-1, caf::to_string(e)};
                 });
    return out;
  }
  void give() {
    const auto i = given_++;
    const auto key = "k" + std::to_string(i % keys);
    world_.publish("test.event", {{"n", i / keys}}, key);
  }
  void came(const dispatch::delivery& d) {
    const auto payload = json::parse(d.event->data);
    const auto key = std::stoul(payload.at("key").get<std::string>().substr(1));
    // A version says -1 for odd numbers: the number before it says which one it was.
    const auto n = payload.at("before").get<std::int64_t>() + 1;
    const std::lock_guard lock(mutex_);
    auto& next = next_[key];
    if (n < next) {
      ++repeated_;
    } else {
      reordered_ += n > next ? 1 : 0;
      next = n + 1;
      ++done_;
    }
    changed_.notify_all();
  }

  host::executor_kind where_;
  int ballast_;
  bool as_json_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::array<std::int64_t, keys> next_{};
  std::atomic<std::uint64_t> given_{0};
  std::atomic<std::uint64_t> done_{0};
  std::uint64_t repeated_ = 0;
  std::uint64_t reordered_ = 0;
  std::atomic<bool> going_{false};
  std::thread giver_;
  world world_; ///< last: its threads use what is above
};

struct outcome {
  double capacity = 0;
  int swaps = 0;
  int bad = 0;
  std::vector<double> pause_ms;
  double back_s_max = 0;
  std::uint64_t events = 0;
  std::uint64_t lost = 0;
  std::uint64_t repeated = 0;
  std::uint64_t reordered = 0;
};

outcome swap_often(host::executor_kind where, int ballast, int swaps, bool bad_ones,
                   bool as_json = false) {
  constexpr std::array bad{"fails",          "refuses_state", "otherwise",
                           "fails_at_start", "hangs",         "hangs_in_restore"};
  workplace w(where, ballast, as_json);
  outcome out;
  w.capacity(0.3);
  out.capacity = w.capacity(1.5);
  w.work_at(out.capacity * 0.7);
  const char* running = "one";
  for (int i = 1; i <= swaps; ++i) {
    if (bad_ones && i % 10 == 0) {
      const auto* version = bad[static_cast<std::size_t>(i / 10) % bad.size()];
      const auto began = steady::now();
      if (w.swap_to(version).code == 0 && std::string_view(version) == "otherwise") {
        std::this_thread::sleep_for(20ms);
        w.end_probation(false); // as an operator does who sees what it says
      }
      const auto wanted = std::string_view(running) == "one" ? "1.0.0" : "2.0.0";
      for (;;) {
        const auto s = w.status();
        if (s["version"] == wanted && s["state"] == "running" &&
            !s.contains("changing_to")) {
          break;
        }
        if (steady::now() - began > 30s) {
          throw std::runtime_error("it is not back on " + std::string(running) +
                                   " after " + version + ": " + s.dump());
        }
        std::this_thread::sleep_for(2ms);
      }
      out.back_s_max = std::max(
          out.back_s_max, std::chrono::duration<double>(steady::now() - began).count());
      ++out.bad;
      continue;
    }
    const auto* next = std::string_view(running) == "one" ? "two" : "one";
    const auto told = w.swap_to(next);
    if (told.code != 0) {
      throw std::runtime_error("swap " + std::to_string(i) + ": " + told.text);
    }
    out.pause_ms.push_back(json::parse(told.text)["pause_us"].get<double>() / 1000);
    ++out.swaps;
    if (const auto kept = w.end_probation(true); kept.code != 0) {
      throw std::runtime_error("swap " + std::to_string(i) +
                               " is not kept: " + kept.text);
    }
    running = next;
  }
  w.stop();
  w.drain();
  out.events = w.given();
  out.lost = w.lost();
  out.repeated = w.repeated();
  out.reordered = w.reordered();
  return out;
}

void put(json& figures, const std::string& prefix, const outcome& o, bool whole) {
  figures[prefix + "pause_ms_p50"] = quantile(o.pause_ms, 0.5);
  figures[prefix + "pause_ms_p99"] = quantile(o.pause_ms, 0.99);
  if (whole) {
    figures[prefix + "capacity_per_s"] = o.capacity;
    figures[prefix + "events"] = o.events;
    figures[prefix + "back_s_max"] = o.back_s_max;
  }
}

json measure(int swaps) {
  constexpr int mib = 1 << 20;
  using enum host::executor_kind;
  const auto near = swap_often(scheduled, mib - 64, swaps / 2, true);
  const auto far = swap_often(process, 0, swaps - swaps / 2, true);
  const auto few = std::max(10, swaps / 40);
  const auto large = swap_often(scheduled, 15 * mib, few, false);
  const auto far_mib = swap_often(process, mib - 64, few, false);
  const auto far_large = swap_often(process, 15 * mib, few, false);
  const auto in_json = swap_often(scheduled, mib - 64, few, false, true);
  json figures{{"swaps", near.swaps + far.swaps + large.swaps + far_mib.swaps +
                             far_large.swaps + in_json.swaps},
               {"bad_versions", near.bad + far.bad}};
  put(figures, "", near, true);
  put(figures, "sandboxed_", far, true);
  put(figures, "sandboxed_1mib_", far_mib, false);
  put(figures, "json_1mib_", in_json, false);
  put(figures, "15mib_", large, false);
  put(figures, "sandboxed_15mib_", far_large, false);
  std::uint64_t lost = 0;
  std::uint64_t repeated = 0;
  std::uint64_t reordered = 0;
  for (const auto* o : {&near, &far, &large, &far_mib, &far_large, &in_json}) {
    lost += o->lost;
    repeated += o->repeated;
    reordered += o->reordered;
  }
  figures["lost"] = lost;
  figures["repeated"] = repeated;
  figures["reordered"] = reordered;
  return {{"figures", std::move(figures)},
          {"ratios", json::object()},
          {"notes", json::array()}};
}

} // namespace

int main(int argc, char** argv) {
  CLI::App app{"What it costs to replace an agent while it works"};
  std::string json_file = "-";
  int swaps = 1000;
  app.add_option("--json", json_file,
                 "One JSON object into this file, or - for standard output");
  app.add_option("--swaps", swaps, "Half of them in the node, half in processes")
      ->check(CLI::Range(2, 1'000'000));
  CLI11_PARSE(app, argc, argv);
  spdlog::set_default_logger(std::make_shared<spdlog::logger>(
      "quiet", std::make_shared<spdlog::sinks::null_sink_mt>()));
  try {
    const auto out = measure(swaps);
    if (json_file == "-") {
      std::cout << out.dump(2) << '\n';
    } else {
      std::ofstream(json_file) << out.dump(2) << '\n';
    }
    return 0;
  } catch (const std::exception& e) {
    std::cerr << "bench_swap: " << e.what() << '\n';
    return 1;
  }
}
