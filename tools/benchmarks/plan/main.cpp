/// Re-planning of many item-sites on one core, as a distributor does at night: two years
/// of weekly demand each are classified, forecast by the best of the methods that suit
/// the class (rolling origin), and made a reorder point. `tools/bench plan` runs it; by
/// itself: `bench_plan [--json FILE|-] [--seconds N] [--series FILE --rows N]`. Exit
/// codes: 0 measured, 1 failed, 2 usage.
#include "planning/demand.hpp"
#include "planning/ets.hpp"
#include "planning/forecast.hpp"
#include "planning/reorder_point.hpp"
#include "planning/selection.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <chrono>
#include <cmath>
#include <fstream>
#include <iostream>
#include <map>
#include <random>

using namespace crossdock::planning;
using nlohmann::json;

namespace {

using steady = std::chrono::steady_clock;
using series = std::vector<double>;

constexpr std::size_t weeks = 104;
constexpr std::size_t item_sites = 100'000;
constexpr double service_level = 0.95;

double seconds_since(steady::time_point begin) {
  return std::chrono::duration<double>(steady::now() - begin).count();
}

/// A wholesaler's mix: two fifths steady, one fifth erratic, three tenths intermittent,
/// one tenth lumpy. The same numbers everywhere: the draws are made of the generator's
/// bits.
class demand_source {
public:
  series next() {
    const double kind = uniform();
    const double rate =
        kind < 0.6 ? std::exp(2 + 2 * uniform()) : 0.15 + 0.35 * uniform();
    const double size = kind < 0.9 ? 2 + 4 * uniform() : 5 + 30 * uniform();
    const double growth = (uniform() - 0.5) * 0.004;
    series y;
    for (std::size_t week = 0; week < weeks; ++week) {
      const double season =
          1 + 0.2 * std::sin(6.283185307 * static_cast<double>(week) / 52);
      const double mean = rate * season * (1 + growth * static_cast<double>(week));
      double quantity = 0;
      if (kind < 0.4)
        quantity = mean + std::sqrt(mean) * normal();
      else if (kind < 0.6)
        quantity = mean * std::exp(0.9 * normal() - 0.4);
      else if (uniform() < mean)
        quantity = kind < 0.9 ? size * (0.8 + 0.4 * uniform())
                              : size * std::exp(0.9 * normal() - 0.4);
      y.push_back(std::max(0.0, std::round(quantity)));
    }
    if (std::all_of(y.begin(), y.end(), [](double x) { return x == 0; }))
      y.back() = 1;
    return y;
  }

private:
  double uniform() { return static_cast<double>(bits_() >> 11) * 0x1p-53; }
  double normal() {
    return std::sqrt(-2 * std::log(1 - uniform())) * std::cos(6.283185307 * uniform());
  }
  std::mt19937_64 bits_{20261127};
};

struct plan {
  demand_class demand;
  std::string method;
  double forecast;
  double reorder_point;
};

template <class T>
const T& value_of(const outcome<T>& o) {
  if (!o)
    throw std::runtime_error(o.error().field + " " + o.error().message);
  return *o;
}

plan replan(const series& y, double lead_weeks) {
  const auto cls = demand_class_sbc(y);
  const auto chosen = select_forecast(y);
  const auto& forecast = value_of(chosen);
  const auto ltd =
      demand_over_lead_time(forecast.forecast, forecast.error_sd * forecast.error_sd,
                            lead_weeks, 0.04 * lead_weeks * lead_weeks);
  const auto point =
      reorder_point_for(value_of(cls).demand, value_of(ltd), service_level);
  return {cls->demand, forecast.method, forecast.forecast, value_of(point).reorder_point};
}

double lead_weeks(std::size_t i) {
  return 1 + static_cast<double>(i % 7);
}

/// A line per series: lead time, then what two methods say of it (for the comparison of
/// results), then the weeks.
void dump(const std::string& file, std::size_t rows) {
  std::ofstream out(file);
  out.precision(17);
  demand_source source;
  for (std::size_t i = 0; i < rows; ++i) {
    const auto y = source.next();
    out << lead_weeks(i) << ',' << *ses(y, 0.2) << ','
        << croston_family(y, croston_variant::croston, croston_init::naive)->forecast;
    for (const double x : y)
      out << ',' << x;
    out << '\n';
  }
  if (!out.flush())
    throw std::runtime_error("cannot write " + file);
}

json measure(double seconds) {
  std::vector<series> all;
  demand_source source;
  for (std::size_t i = 0; i < item_sites; ++i)
    all.push_back(source.next());
  std::map<std::string, int> classes;
  std::map<std::string, int> methods;
  double passes = 0;
  double sum = 0;
  const auto begin = steady::now();
  do {
    for (std::size_t i = 0; i < all.size(); ++i) {
      const auto p = replan(all[i], lead_weeks(i));
      sum += p.reorder_point;
      if (passes == 0) {
        ++classes[to_string(p.demand)];
        ++methods[p.method];
      }
    }
    ++passes;
  } while (seconds_since(begin) < seconds);
  const double spent = seconds_since(begin);
  if (!std::isfinite(sum))
    throw std::runtime_error("a reorder point is no number");

  std::size_t fitted = 0;
  const auto ets_begin = steady::now();
  while (seconds_since(ets_begin) < seconds) {
    value_of(ets_select(all[fitted % all.size()], 1, 1));
    ++fitted;
  }
  const double ets_spent = seconds_since(ets_begin);
  return {
      {"figures",
       {{"sku_locations_per_s", passes * static_cast<double>(item_sites) / spent},
        {"night_s", spent / passes},
        {"ets_per_s", static_cast<double>(fitted) / ets_spent}}},
      {"ratios", json::object()},
      {"notes",
       {"classes " + json(classes).dump(), "methods chosen " + json(methods).dump()}}};
}

} // namespace

int main(int argc, char** argv) {
  CLI::App app{"Re-planning of 100,000 item-sites with two years of weekly demand"};
  std::string json_file;
  std::string dump_file;
  double seconds = 5;
  std::size_t rows = 1000;
  app.add_option("--json", json_file, "Where the result goes; - is standard output");
  app.add_option("--seconds", seconds, "Measure each for at least so long")
      ->check(CLI::PositiveNumber);
  app.add_option("--series", dump_file, "Only write series for another program, as CSV");
  app.add_option("--rows", rows, "So many");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  try {
    if (!dump_file.empty()) {
      dump(dump_file, rows);
      return 0;
    }
    const auto out = measure(seconds);
    if (json_file.empty() || json_file == "-")
      std::cout << out.dump() << std::endl;
    else
      std::ofstream(json_file) << out.dump() << std::endl;
  } catch (const std::exception& e) {
    std::cerr << "bench_plan: " << e.what() << '\n';
    return 1;
  }
}
