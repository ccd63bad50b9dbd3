/// Complete durable decisions: an order line comes in, three agents answer, the gate allows, the
/// connector writes it once, and the outcome is durable. Closed loop with a fixed number in
/// flight; a decision ends when the node shows its outcome, which it does once it is durable.
#include "node.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <thread>

namespace {

using namespace crossdock::bench;
using steady = std::chrono::steady_clock;
using seconds = std::chrono::duration<double>;

std::string order_line(std::uint64_t n) {
  const auto id = std::to_string(n);
  json payload{{"line", "L" + id},
               {"order", "O" + std::to_string(n / 4)},
               {"customer", "C" + std::to_string(n % 500)},
               {"customer_name", "Hansen Installations, branch " + std::to_string(n % 500)},
               {"item", "I" + std::to_string(n % 2000)},
               {"item_name", "Ball valve DN20, brass, full bore"},
               {"site", "B1"},
               {"quantity", "10"},
               {"unit", "ea"},
               {"unit_price", {{"amount", "12.00"}, {"currency", "USD"}}},
               {"requested_date", "2030-01-15"},
               {"state", "open"},
               {"system", "bench"},
               {"record", "sales_line/" + id},
               {"as_of", "2026-01-01T08:00:00Z"}};
  return json{{"topic", "order.line"}, {"id", "bench/" + id}, {"payload", std::move(payload)}}
           .dump() +
         "\n";
}

struct measured {
  double per_s = 0;
  std::vector<double> latency_ms; ///< sorted
  std::uint64_t decisions = 0;
  std::uint64_t records = 0;
  double cpu_s = 0;

  double quantile(double q) const {
    if (latency_ms.empty()) {
      return 0;
    }
    const auto at = static_cast<std::size_t>(q * static_cast<double>(latency_ms.size() - 1));
    return latency_ms[at];
  }
};

/// Hands in `in_flight` lines, then one for each decision that is complete, for `span`; waits for
/// the rest. What is counted began and ended within `span`.
measured run(node& n, line_socket& outcomes, std::size_t in_flight, seconds span,
             std::uint64_t& next) {
  measured m;
  auto source = n.source();
  const auto records_before = n.ask("node.status")["ledger"]["durable_seq"].get<std::uint64_t>();
  const auto cpu_before = n.cpu_s();
  std::unordered_map<std::string, steady::time_point> sent;
  std::vector<std::pair<std::string, steady::time_point>> ended;
  const auto hand_in = [&](std::size_t count) {
    std::string lines;
    const auto now = steady::now();
    for (std::size_t i = 0; i < count; ++i) {
      sent.emplace("L" + std::to_string(next), now);
      lines += order_line(next++);
    }
    source.send(lines);
  };
  const auto began = steady::now();
  hand_in(in_flight);
  while (ended.size() < sent.size()) {
    const auto record = json::parse(outcomes.line());
    if (record.contains("ended")) {
      throw std::runtime_error("the node ended: " + record.dump());
    }
    const auto& detail = record.at("detail");
    const auto state = detail.value("state", "");
    if (state == "intent") {
      continue;
    }
    if (state != "executed") {
      throw std::runtime_error("a decision went wrong: " + record.dump());
    }
    const auto now = steady::now();
    ended.emplace_back(detail.at("reference").get<std::string>(), now);
    if (now - began < span) {
      hand_in(1);
    }
  }
  const auto lines = n.transfers();
  for (const auto& [reference, at] : ended) {
    if (at - began <= span) {
      ++m.decisions;
      m.latency_ms.push_back(seconds(at - sent.at(lines.at(reference))).count() * 1e3);
    }
  }
  m.per_s = static_cast<double>(m.decisions) / span.count();
  m.cpu_s = n.cpu_s() - cpu_before;
  m.records = n.ask("node.status")["ledger"]["durable_seq"].get<std::uint64_t>() -
              records_before;
  m.decisions = ended.size();
  std::sort(m.latency_ms.begin(), m.latency_ms.end());
  return m;
}

json measure(const std::filesystem::path& folder, const std::filesystem::path& build,
             const std::filesystem::path& source, std::size_t threads, seconds span,
             const std::vector<std::size_t>& levels) {
  node n(folder, build, source, threads);
  std::this_thread::sleep_for(std::chrono::seconds(1));
  json figures{{"start_to_serving_s", n.start_to_serving_s()}, {"rss_mb_idle", n.rss_mb()}};
  auto outcomes = n.api();
  outcomes.send(R"({"method":"watch","params":{"kinds":["effect"]}})"
                "\n");
  if (!json::parse(outcomes.line()).value("ok", false)) {
    throw std::runtime_error("the node does not show its records");
  }
  std::uint64_t next = 0;
  run(n, outcomes, 8, seconds(0.5), next); // caches, statements, memory
  double decisions = 0;
  double records = 0;
  for (const auto level : levels) {
    const auto m = run(n, outcomes, level, span, next);
    const auto suffix = "_" + std::to_string(level);
    figures["decisions_per_s" + suffix] = m.per_s;
    figures["latency_ms_p50" + suffix] = m.quantile(0.5);
    figures["latency_ms_p99" + suffix] = m.quantile(0.99);
    figures["cpu_ms_per_decision" + suffix] =
      m.cpu_s * 1e3 / static_cast<double>(std::max<std::uint64_t>(1, m.decisions));
    decisions += static_cast<double>(m.decisions);
    records += static_cast<double>(m.records);
    std::fprintf(stderr, "%3zu in flight: %8.1f decisions/s, p50 %.2f ms, p99 %.2f ms\n", level,
                 m.per_s, m.quantile(0.5), m.quantile(0.99));
  }
  figures["records_per_decision"] = records / decisions;
  figures["rss_mb_end"] = n.rss_mb();
  n.stop();
  return figures;
}

} // namespace

int main(int argc, char** argv) {
  CLI::App app{"bench_decisions measures complete durable decisions per second and their "
               "latency.\n\nExit codes: 0 measured, 1 something failed, 2 usage"};
  std::string json_to;
  std::string folder;
  std::string build = BENCH_BUILD_FOLDER;
  double span = 10;
  std::size_t threads = 0;
  std::vector<std::size_t> levels{1, 16, 64};
  app.add_option("--json", json_to, "Write one JSON object here; - for standard output");
  app.add_option("--seconds", span, "How long each level runs")->check(CLI::Range(0.1, 7200.0));
  app.add_option("--in-flight", levels, "Levels")->delimiter(',');
  app.add_option("--threads", threads, "Of the node's scheduler; 0: one per core");
  app.add_option("--build", build, "The build directory whose programs are measured");
  app.add_option("--dir", folder, "Where the node lives; kept. Default: a new folder, removed");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  const bool keep = !folder.empty();
  if (!keep) {
    std::string name = std::filesystem::temp_directory_path() / "crossdock-bench-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) {
      std::perror("bench_decisions: a temporary folder");
      return 1;
    }
    folder = name;
  }
  int code = 0;
  try {
    const auto figures = measure(std::filesystem::absolute(folder), build, BENCH_SOURCE_FOLDER,
                                 threads, seconds(span), levels);
    const auto text = json{{"figures", figures}}.dump(2);
    if (json_to == "-") {
      std::cout << text << '\n';
    } else if (!json_to.empty()) {
      std::ofstream(json_to) << text << '\n';
    }
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bench_decisions: %s\n", e.what());
    code = 1;
  }
  if (!keep) {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }
  return code;
}
