/// How fast the ledger is on this machine: `ledger_bench [DIRECTORY]`. The directory
/// decides which disk is measured; a folder in it is made and removed. Not a test:
/// figures depend on the disk and on what else runs.
#include "ledger/ledger.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <future>
#include <thread>

#include <unistd.h>

using namespace crossdock;
using namespace crossdock::ledger;

namespace {

using steady = std::chrono::steady_clock;

double seconds_since(steady::time_point start) {
  return std::chrono::duration<double>(steady::now() - start).count();
}

record small_record(int producer) {
  record r;
  r.kind = "envelope";
  r.id = "01J0000000000000000000000";
  r.source = "order";
  r.target = "producer-" + std::to_string(producer);
  r.tenant = "default";
  r.case_id = "case-1";
  r.schema = "order.line/1";
  r.body = R"({"item":"SKU-1","quantity":"10","site":"B1","wanted":"2026-11-26"})";
  return r;
}

unit one_record(int producer, record_class cls) {
  unit u;
  u.name = "bench";
  u.cls = cls;
  u.apply = [r = small_record(producer)](transaction& t) -> result<void> {
    auto seq = t.append(r);
    return seq ? result<void>() : result<void>(seq.error());
  };
  return u;
}

void stop_on(const result<receipt>& r) {
  if (!r) {
    fmt::print(stderr, "{}\n", r.error().describe());
    std::exit(1);
  }
}

/// Class a units, each waited for by its producer.
void durable_units(store& s, int producers, double seconds) {
  std::vector<std::thread> threads;
  std::vector<std::vector<double>> waits(static_cast<std::size_t>(producers));
  const auto start = steady::now();
  for (int p = 0; p < producers; ++p) {
    threads.emplace_back([&, p] {
      while (seconds_since(start) < seconds) {
        const auto begin = steady::now();
        stop_on(s.commit(one_record(p, record_class::a)));
        waits[static_cast<std::size_t>(p)].push_back(seconds_since(begin) * 1000);
      }
    });
  }
  for (auto& t : threads) {
    t.join();
  }
  const auto took = seconds_since(start);
  std::vector<double> all;
  for (const auto& w : waits) {
    all.insert(all.end(), w.begin(), w.end());
  }
  std::sort(all.begin(), all.end());
  const auto at = [&](double q) {
    return all[static_cast<std::size_t>(q * static_cast<double>(all.size() - 1))];
  };
  fmt::print(
      "{:>3} producers, durable:   {:>8.0f} units/s  p50 {:.2f} ms  p99 {:.2f} ms\n",
      producers, static_cast<double>(all.size()) / took, at(0.5), at(0.99));
}

/// Class b units, each submitted when the one before was applied.
void chain(store& s, int links) {
  std::promise<void> end;
  std::function<void(int)> next = [&](int left) {
    auto u = one_record(0, record_class::b);
    u.applied = [&, left](const result<receipt>& r) {
      stop_on(r);
      left == 0 ? end.set_value() : next(left - 1);
    };
    s.submit(std::move(u));
  };
  const auto start = steady::now();
  next(links - 1);
  end.get_future().get();
  fmt::print("  chain of class b units:  {:>8.1f} us/unit\n",
             seconds_since(start) * 1e6 / links);
}

} // namespace

int main(int argc, char** argv) {
  const std::filesystem::path parent = argc > 1 ? argv[1] : ".";
  const auto directory = parent / ("ledger-bench-" + std::to_string(::getpid()));
  options o;
  o.directory = directory;
  o.origin = "bench.local/ledger";
  auto opened = store::open(std::move(o));
  if (!opened) {
    fmt::print(stderr, "{}\n", opened.error().describe());
    return 1;
  }
  store& s = **opened;
  durable_units(s, 1, 3);
  durable_units(s, 64, 3);
  chain(s, 20'000);
  const auto records = s.applied_seq();
  s.close();
  const auto start = steady::now();
  const auto v = verify(directory, {}, {});
  if (!v || !v->good()) {
    fmt::print(stderr, "the ledger does not verify\n");
    return 1;
  }
  fmt::print("  verify:                  {:>8.0f} records/s ({} records)\n",
             static_cast<double>(records) / seconds_since(start), v->records);
  std::error_code ec;
  std::filesystem::remove_all(directory, ec);
  return 0;
}
