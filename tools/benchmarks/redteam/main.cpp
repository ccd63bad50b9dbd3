/// What hostile plugins in processes of their own leave of their neighbours' throughput:
/// an agent in the node and one in a sandbox work at half of what they can do at most,
/// alone and while every attack of tests/contract/hostile is tried again and again.
/// `tools/bench redteam` runs it; by itself: `bench_redteam [--json FILE|-] [--seconds
/// N]`. Exit codes: 0 measured, 1 failed, 2 usage.
#include "base/ids.hpp"
#include "host/host.hpp"
#include "host/staged_plugin.hpp"

#include <CLI/CLI.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>
#include <spdlog/sinks/null_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <condition_variable>
#include <fstream>
#include <iostream>
#include <mutex>
#include <thread>

using namespace crossdock;
using namespace std::chrono_literals;

namespace {

using steady = std::chrono::steady_clock;
using microseconds = std::chrono::duration<double, std::micro>;

template <class T>
T value_of(result<T> r) {
  if (!r) {
    throw std::runtime_error(r.error().describe());
  }
  return *std::move(r);
}

struct silent_tap final : tap {
  void command(std::string_view, std::string_view) override {}
  void mishap(std::string_view, const std::string&) override {}
};

struct system_config : caf::actor_system_config {
  system_config() { add_message_types<caf::id_block::crossdock>(); }
};

struct measured {
  double per_s = 0;
  double us_p50 = 0;
  double us_p99 = 0;
};

/// Shells on a ledger of their own, without a flow, a gate or a connector.
class world {
public:
  /// `attack`: all whose file's name has this in it; null: none.
  explicit world(const std::string* attack) {
    std::string name =
        (std::filesystem::temp_directory_path() / "crossdock-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
      throw std::runtime_error("no temporary folder");
    }
    folder_ = name;
    words_ = value_of(catalogue::load(BENCH_CATALOGUE));
    ledger::options o;
    o.directory = folder_ / "ledger";
    std::filesystem::create_directories(o.directory);
    o.time = time_;
    o.random = random_;
    for (auto list : {dispatch::exchange::migrations(), intake::desk::migrations(),
                      host::migrations()}) {
      o.migrations.insert(o.migrations.end(), list.begin(), list.end());
    }
    env_.store = value_of(ledger::store::open(std::move(o)));
    env_.exchange = std::make_shared<dispatch::exchange>(
        std::make_shared<id_source>(time_, random_), "default");
    env_.intake = std::make_shared<const intake::desk>(words_, env_.exchange);
    env_.words = words_;
    env_.time = time_;
    env_.random = random_;
    env_.taps = std::make_shared<silent_tap>();
    env_.clocks = std::make_shared<system_clocks>();
    env_.plugin_host = BENCH_PLUGIN_HOST;
    if (auto r = env_.exchange->load(*value_of(env_.store->reader())); !r) {
      throw std::runtime_error(r.error().describe());
    }
    system_ = std::make_unique<caf::actor_system>(config_);
    auto routes = std::make_shared<dispatch::routes>();
    routes->topics["test.done"] = {"bench"};
    std::vector<std::shared_ptr<const host::component>> components;
    const auto add = [&](const std::filesystem::path& file, const std::string& topic,
                         host::executor_kind where) {
      auto staged = value_of(host::staged_plugin::read(file));
      const auto component = text_or(staged->manifest().at("components").at(0), "id");
      auto made = std::make_shared<host::component>(*value_of(
          host::component::from_manifest(staged, component, json::object(), *words_)));
      made->executor = where;
      if (where == host::executor_kind::process) {
        made->limits.effects_per_s = 500; // as a node has it
      }
      components.push_back(made);
      routes->topics[topic].push_back(component);
    };
    add(BENCH_NEIGHBOUR, "test.event", host::executor_kind::scheduled);
    if (attack != nullptr) {
      for (const auto& entry : std::filesystem::directory_iterator(BENCH_HOSTILE)) {
        if (entry.path().filename().string().find(*attack) != std::string::npos) {
          add(entry.path(), "test.ask", host::executor_kind::process);
          ++attackers_;
        }
      }
    }
    env_.exchange->set_routes(routes);
    work([this](ledger::transaction& tx) -> result<void> {
      auto r =
          env_.exchange->attach(tx, "bench", [this](dispatch::delivery d) { came(d); });
      return r ? result<void>() : result<void>(r.error());
    });
    for (const auto& c : components) {
      shells_.push_back(host::start_shell(*system_, env_, c));
    }
    std::this_thread::sleep_for(attack != nullptr ? 3s
                                                  : 500ms); // all processes are there
  }

  ~world() {
    for (auto& s : shells_) {
      caf::anon_send(s, shut_down{});
    }
    shells_.clear();
    system_.reset();
    env_.store->close();
    env_ = {};
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
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
      publish("test.event", {{"n", next_++}});
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
  void attack() { publish("test.ask", {{"file", "/etc/shadow"}}); }
  std::size_t attackers() const { return attackers_; }

  /// Records of what attackers tried, and of how they ended.
  std::uint64_t on_record() {
    auto rows =
        value_of(value_of(env_.store->reader())
                     ->query("SELECT count(*) FROM record WHERE kind = 'plugin'"));
    return static_cast<std::uint64_t>(rows.front().integer(0));
  }

private:
  void came(const dispatch::delivery& d) {
    const auto now = steady::now();
    const auto payload = parse_json(d.event->data);
    ledger::unit u; // the delivery is done
    u.name = "bench.done";
    u.apply = [id = d.id, exchange = env_.exchange](ledger::transaction& tx) {
      return exchange->finish(tx, id);
    };
    env_.store->submit(std::move(u));
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

  template <class F>
  void work(F f) {
    ledger::unit u;
    u.name = "bench";
    u.apply = [f](ledger::transaction& tx) -> result<void> { return f(tx); };
    if (const auto r = env_.store->commit(std::move(u)); !r) {
      throw std::runtime_error(r.error().describe());
    }
  }

  void publish(const std::string& topic, const json& payload) {
    ledger::unit u;
    u.name = "bench.publish";
    u.apply = [topic, text = payload.dump(),
               exchange = env_.exchange](ledger::transaction& tx) -> result<void> {
      envelope e;
      e.source = "bench";
      e.type = topic;
      e.data = text;
      auto r = exchange->publish(tx, std::move(e), ledger::record_class::b);
      return r ? result<void>() : result<void>(r.error());
    };
    env_.store->submit(std::move(u));
  }

  std::filesystem::path folder_;
  std::shared_ptr<const crossdock::clock> time_ =
      std::make_shared<crossdock::system_clock>();
  std::shared_ptr<random_source> random_ = std::make_shared<system_random>();
  std::shared_ptr<const catalogue> words_;
  host::environment env_;
  system_config config_;
  std::unique_ptr<caf::actor_system> system_;
  std::vector<shell_handle> shells_;
  std::size_t attackers_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint64_t, steady::time_point> sent_;
  std::vector<double> samples_;
  std::uint64_t next_ = 0;
};

json measure(double seconds, const std::string& attack) {
  double capacity = 0;
  measured alone;
  {
    world w(nullptr);
    w.run(0.5, 256, 0);
    capacity = w.run(seconds, 256, 0).per_s;
    alone = w.run(seconds, 1024, capacity / 2);
  }
  world w(&attack);
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
