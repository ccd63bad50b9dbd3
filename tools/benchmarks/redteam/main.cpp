/// What hostile plugins in processes of their own leave of their neighbours' throughput:
/// an agent in the node and one in a sandbox work at half of what they can do at most,
/// alone and while every attack of tests/contract/hostile is tried again and again.
/// `tools/bench redteam` runs it; by itself: `bench_redteam [--json FILE|-] [--seconds
/// N]`. Exit codes: 0 measured, 1 failed, 2 usage.
#include "world.hpp"

#include <CLI/CLI.hpp>
#include <spdlog/sinks/null_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
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
using microseconds = std::chrono::duration<double, std::micro>;

struct measured {
  double per_s = 0;
  double us_p50 = 0;
  double us_p99 = 0;
};

/// An agent in the node, and with `attack` every hostile plugin whose name has that in
/// it.
class neighbourhood {
public:
  explicit neighbourhood(const std::string* attack)
      : world_(plugins(attack), BENCH_CATALOGUE, BENCH_PLUGIN_HOST,
               [this](const dispatch::delivery& d) { came(d); }) {
    attackers_ = plugins(attack).size() - 1;
    std::this_thread::sleep_for(attack != nullptr ? 3s
                                                  : 500ms); // all processes are there
  }

  /// Events a second with at most `window` under way, at most `rate` a second (0: as many
  /// as go).
  measured run(double seconds, std::size_t window, double rate) {
    {
      const std::lock_guard lock(mutex_);
      samples_.clear();
      sent_.clear();
    }
    const auto begin = steady::now();
    const auto end = begin + std::chrono::duration<double>(seconds);
    std::uint64_t given = 0;
    while (steady::now() < end) {
      if (rate > 0) {
        std::this_thread::sleep_until(
            begin +
            std::chrono::duration_cast<steady::duration>(
                std::chrono::duration<double>(static_cast<double>(given) / rate)));
      }
      {
        std::unique_lock lock(mutex_);
        changed_.wait_until(lock, end, [&] { return sent_.size() < window; });
        if (sent_.size() >= window) {
          break;
        }
        sent_[next_] = steady::now();
      }
      world_.publish("test.event", {{"n", next_++}});
      ++given;
    }
    std::unique_lock lock(mutex_);
    const auto took = std::chrono::duration<double>(steady::now() - begin).count();
    measured m;
    m.per_s = static_cast<double>(samples_.size()) / took;
    changed_.wait_for(lock, 30s, [&] { return sent_.empty(); });
    if (!sent_.empty()) {
      throw std::runtime_error(std::to_string(sent_.size()) +
                               " events of the neighbour are lost");
    }
    std::sort(samples_.begin(), samples_.end());
    if (!samples_.empty()) {
      m.us_p50 = samples_[samples_.size() / 2];
      m.us_p99 = samples_[samples_.size() * 99 / 100];
    }
    return m;
  }

  /// Every attacker attacks once more.
  void attack() { world_.publish("test.ask", {{"file", "/etc/shadow"}}); }
  std::size_t attackers() const { return attackers_; }

  /// Records of what attackers tried, and of how they ended.
  std::uint64_t on_record() {
    auto rows =
        value_of(value_of(world_.environment().store->reader())
                     ->query("SELECT count(*) FROM record WHERE kind = 'plugin'"));
    return static_cast<std::uint64_t>(rows.front().integer(0));
  }

private:
  static std::vector<placed_plugin> plugins(const std::string* attack) {
    std::vector<placed_plugin> out{{BENCH_NEIGHBOUR, "test.event"}};
    if (attack != nullptr) {
      host::component_limits limits;
      limits.effects_per_s = 500; // as a node has it
      for (const auto& entry : std::filesystem::directory_iterator(BENCH_HOSTILE)) {
        if (entry.path().filename().string().find(*attack) != std::string::npos) {
          out.push_back({entry.path(), "test.ask", host::executor_kind::process, limits});
        }
      }
    }
    return out;
  }

  void came(const dispatch::delivery& d) {
    const auto now = steady::now();
    const auto payload = parse_json(d.event->data);
    if (!payload || !payload->contains("n")) {
      return; // an attacker's
    }
    const std::lock_guard lock(mutex_);
    if (const auto it = sent_.find(payload->at("n").get<std::uint64_t>());
        it != sent_.end()) {
      samples_.push_back(microseconds(now - it->second).count());
      sent_.erase(it);
    }
    changed_.notify_all();
  }

  std::size_t attackers_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint64_t, steady::time_point> sent_;
  std::vector<double> samples_;
  std::uint64_t next_ = 0;
  world world_; ///< last: its threads use what is above
};

json measure(double seconds, const std::string& attack) {
  double capacity = 0;
  measured alone;
  {
    neighbourhood w(nullptr);
    w.run(0.5, 256, 0);
    capacity = w.run(seconds, 256, 0).per_s;
    alone = w.run(seconds, 1024, capacity / 2);
  }
  neighbourhood w(&attack);
  std::atomic<bool> going{true};
  std::thread attacks([&] {
    while (going) {
      w.attack();
      std::this_thread::sleep_for(1s);
    }
  });
  measured attacked;
  try {
    attacked = w.run(seconds * 2, 1024, capacity / 2);
  } catch (...) {
    going = false;
    attacks.join();
    throw;
  }
  going = false;
  attacks.join();
  return {{"figures",
           {{"attackers", w.attackers()},
            {"capacity_per_s", capacity},
            {"alone_per_s", alone.per_s},
            {"attacked_per_s", attacked.per_s},
            {"alone_us_p50", alone.us_p50},
            {"alone_us_p99", alone.us_p99},
            {"attacked_us_p50", attacked.us_p50},
            {"attacked_us_p99", attacked.us_p99},
            {"records_of_attacks", w.on_record()}}},
          {"ratios", {{"neighbour_throughput", attacked.per_s / alone.per_s}}},
          {"notes", json::array()}};
}

} // namespace

int main(int argc, char** argv) {
  CLI::App app{"What hostile plugins leave of their neighbours' throughput"};
  std::string json_file = "-";
  double seconds = 5;
  std::string attack;
  app.add_option("--json", json_file,
                 "One JSON object into this file, or - for standard output");
  app.add_option("--seconds", seconds, "Of each measurement")
      ->check(CLI::Range(0.05, 600.0));
  app.add_option("--attack", attack, "Only attacks whose name has this in it");
  CLI11_PARSE(app, argc, argv);
  spdlog::set_default_logger(std::make_shared<spdlog::logger>(
      "quiet", std::make_shared<spdlog::sinks::null_sink_mt>()));
  try {
    const auto out = measure(seconds, attack);
    if (json_file == "-") {
      std::cout << out.dump(2) << '\n';
    } else {
      std::ofstream(json_file) << out.dump(2) << '\n';
    }
    return 0;
  } catch (const std::exception& e) {
    std::cerr << "bench_redteam: " << e.what() << '\n';
    return 1;
  }
}
