/// What a plugin's step costs in the node's process and in one of its own, from the event to
/// its checked effects, without actors and without the ledger. `tools/bench plugin` runs it; by
/// itself: `bench_plugin [--json FILE|-] [--seconds N]`. Exit codes: 0 measured, 1
/// failed, 2 usage.
#include "base/catalogue.hpp"
#include "host/child/sandboxed_instance.hpp"
#include "host/instance.hpp"
#include "host/staged_plugin.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <deque>
#include <fstream>
#include <iostream>

using namespace crossdock;

namespace {

using steady = std::chrono::steady_clock;

template <class T>
T value_of(result<T> r) {
  if (!r) {
    throw std::runtime_error(r.error().describe());
  }
  return *std::move(r);
}

/// An order line as it comes from an ERP: 400 bytes.
std::string order_line() {
  std::string text =
      R"({"line":"SO-100001/1","order":"SO-100001","customer":"CU-00017","item":"SKU-004711","site":"BR-1",)"
      R"("quantity":"10","shipped_quantity":"0","unit":"ea","unit_price":{"amount":"12.50","currency":"EUR"},)"
      R"("requested_date":"2026-12-01","promised_date":"2026-12-01","state":"open","system":"erp",)"
      R"("record":"sales_line/100001","as_of":"2026-11-26T08:00:00Z","note":")";
  text += std::string(398 - text.size(), 'x') + "\"}";
  return text;
}

cdk_event event_of(const char* key, const std::string& payload) {
  cdk_event e{};
  e.struct_size = sizeof e;
  e.kind = CDK_EV_MESSAGE;
  e.attempt = 1;
  e.topic = host::to_abi("order.line");
  e.schema = host::to_abi("order.line/1");
  e.key = host::to_abi(key);
  e.content_type = host::to_abi("application/json");
  e.labels = host::to_abi("[]");
  e.payload = host::to_abi_bytes(payload);
  return e;
}

class bench {
public:
  explicit bench(host::executor_kind where) {
    words_ = value_of(catalogue::load(BENCH_CATALOGUE));
    auto file = value_of(host::staged_plugin::read(BENCH_PLUGIN));
    auto what = std::make_shared<host::component>(*value_of(
        host::component::from_manifest(file, "bench-step", json::object(), *words_)));
    what->executor = where;
    component_ = what;
    host::instance_host silent;
    silent.log = [](std::uint32_t, std::string_view, std::string_view) {};
    silent.metric = [](std::uint32_t, std::string_view, double) {};
    silent.post = [](std::string, std::string) -> cdk_status { return CDK_E_DENIED; };
    host::surroundings around;
    around.words = words_;
    around.plugin_host = BENCH_PLUGIN_HOST;
    const auto begin = steady::now();
    instance_ = value_of(host::make_instance(component_, std::move(silent), around));
    created_ms_ = std::chrono::duration<double, std::milli>(steady::now() - begin).count();
  }

  /// Microseconds of single steps, sorted.
  std::vector<double> run(const char* key, double seconds) {
    const auto payload = order_line();
    std::vector<double> all;
    all.reserve(1 << 22);
    const auto end = steady::now() + std::chrono::duration<double>(seconds);
    for (auto now = steady::now(); now < end && all.size() < all.capacity();) {
      const auto wall = time_->now();
      const auto begin = steady::now();
      {
        host::step s(component_, words_, 1, random_, memory_, 0, wall);
        instance_->handle(s, event_of(key, payload));
        check(s);
      }
      now = steady::now();
      all.push_back(std::chrono::duration<double, std::micro>(now - begin).count());
    }
    std::sort(all.begin(), all.end());
    return all;
  }

  /// Steps a second with `window` of them handed over before the first is finished.
  double pipelined(const char* key, double seconds, std::size_t window) {
    auto& child = dynamic_cast<host::child::sandboxed_instance&>(*instance_);
    const auto payload = order_line();
    const auto event = event_of(key, payload);
    std::deque<std::unique_ptr<host::step>> open;
    std::size_t finished = 0;
    const auto begin = steady::now();
    const auto end = begin + std::chrono::duration<double>(seconds);
    const auto finish = [&] {
      child.finish(*open.front(), steady::now() + component_->limits.step_hard);
      check(*open.front());
      open.pop_front();
      ++finished;
    };
    while (steady::now() < end) {
      while (open.size() < window) {
        open.push_back(std::make_unique<host::step>(component_, words_, 1, random_, memory_, 0,
                                                    time_->now()));
        child.begin(*open.back(), event);
        check(*open.back());
      }
      // Half of the window at once: both sides then work without waking each other each time.
      while (open.size() > window / 2) {
        finish();
      }
    }
    while (!open.empty()) {
      finish();
    }
    return static_cast<double>(finished) /
           std::chrono::duration<double>(steady::now() - begin).count();
  }

  double created_ms() const { return created_ms_; }

private:
  static void check(const host::step& s) {
    if (s.status != CDK_OK || !s.refusals.empty()) {
      throw std::runtime_error("the step failed: " + s.message +
                               (s.refusals.empty() ? "" : s.refusals.front()));
    }
  }

  std::shared_ptr<const crossdock::clock> time_ = std::make_shared<system_clock>();
  std::shared_ptr<random_source> random_ = std::make_shared<seeded_random>(1);
  std::shared_ptr<const host::memory_view> memory_ = std::make_shared<const host::memory_view>();
  std::shared_ptr<const catalogue> words_;
  std::shared_ptr<const host::component> component_;
  std::shared_ptr<host::instance> instance_;
  double created_ms_ = 0;
};

double share(const std::vector<double>& sorted, double part) {
  return sorted.at(
      std::min(sorted.size() - 1,
               static_cast<std::size_t>(part * static_cast<double>(sorted.size()))));
}

} // namespace

int main(int argc, char** argv) {
  CLI::App app{"What a plugin's step costs in the node's process"};
  std::string json_file = "-";
  double seconds = 5;
  app.add_option("--json", json_file,
                 "One JSON object into this file, or - for standard output");
  app.add_option("--seconds", seconds, "Of each measurement")
      ->check(CLI::Range(0.05, 600.0));
  CLI11_PARSE(app, argc, argv);
  try {
    bench b(host::executor_kind::scheduled);
    b.run("p", std::min(seconds, 0.2)); // warm
    const auto nothing = b.run("n", seconds);
    const auto put = b.run("p", seconds);
    const auto send = b.run("s", seconds);
    bench child(host::executor_kind::process);
    child.run("p", std::min(seconds, 0.2));
    const auto round = child.run("p", seconds);
    const auto round_send = child.run("s", seconds);
    child.pipelined("p", std::min(seconds, 0.2), 32);
    const auto per_s = child.pipelined("p", seconds, 32);
    const auto per_s_send = child.pipelined("s", seconds, 32);
    const json out{{"figures",
                    {{"in_process_step_us_p50", share(put, 0.5)},
                     {"in_process_step_us_p99", share(put, 0.99)},
                     {"empty_step_us_p50", share(nothing, 0.5)},
                     {"sending_step_us_p50", share(send, 0.5)},
                     {"sending_step_us_p99", share(send, 0.99)},
                     {"sandboxed_round_trip_us_p50", share(round, 0.5)},
                     {"sandboxed_round_trip_us_p99", share(round, 0.99)},
                     {"sandboxed_sending_us_p50", share(round_send, 0.5)},
                     {"sandboxed_steps_per_s", per_s},
                     {"sandboxed_sending_steps_per_s", per_s_send},
                     {"sandbox_ready_ms", child.created_ms()}}},
                   {"ratios", json::object()},
                   {"notes", json::array()}};
    if (json_file == "-") {
      std::cout << out.dump(2) << '\n';
    } else {
      std::ofstream(json_file) << out.dump(2) << '\n';
    }
    return 0;
  } catch (const std::exception& e) {
    std::cerr << "bench_plugin: " << e.what() << '\n';
    return 1;
  }
}
