#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "sim.hpp"

namespace {

using namespace crossdock::sim;
using nlohmann::json;

/// A bar on standard error, only for a person: nothing is written to a file or pipe.
class bar {
public:
  explicit bar(bool wanted) : on_(wanted && isatty(STDERR_FILENO) == 1) {}
  ~bar() {
    if (drawn_)
      std::fputs("\r\033[K", stderr);
  }
  void operator()(double share, const std::string& what) {
    const auto now = std::chrono::steady_clock::now();
    if (!on_ || (share < 1 && now - last_ < std::chrono::milliseconds{100}))
      return;
    last_ = now;
    drawn_ = true;
    const int full = static_cast<int>(share * 30);
    fmt::print(stderr, "\r[{}{}] {:3.0f} % {}\033[K",
               std::string(static_cast<std::size_t>(full), '#'),
               std::string(static_cast<std::size_t>(30 - full), '.'), share * 100, what);
    std::fflush(stderr);
  }

private:
  bool on_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point last_{};
};

void write_file(const std::string& file, const std::string& text) {
  std::ofstream out{file};
  out << text << '\n';
  out.close();
  if (!out)
    throw failure{exit_code::io, fmt::format("{}: cannot be written", file)};
}

void print_counts(const json& counts) {
  fmt::print("The business day {}\n", counts["date"].get<std::string>());
  for (const auto& [name, value] : counts.items())
    if (value.is_number()) {
      std::string words = name;
      std::replace(words.begin(), words.end(), '_', ' ');
      fmt::print("  {:<26}{:>8}\n", words, value.get<std::int64_t>());
    }
}

int run_check(const std::string& file, bool as_json) {
  const auto result = check(file, as_json);
  if (as_json) {
    json findings = json::array();
    for (const auto& f : result.findings)
      findings.push_back(
          {{"check", f.name}, {"ok", f.sentence.empty()}, {"problem", f.sentence}});
    fmt::print("{}\n", json{{"ok", result.sound()},
                            {"checks", findings},
                            {"transfers_with_reference", result.transfers_with_reference},
                            {"content_hash", result.content_hash}}
                           .dump(2));
  } else {
    for (const auto& f : result.findings)
      fmt::print("{:<6} {}\n", f.sentence.empty() ? "ok" : "BROKEN",
                 f.sentence.empty() ? f.name : f.sentence);
    fmt::print("transfers with a reference: {}\n",
               result.transfers_with_reference["total"].get<std::int64_t>());
  }
  if (result.sound())
    return 0;
  for (const auto& f : result.findings)
    if (!f.sentence.empty()) {
      fmt::print(stderr, "crossdock-sim: {}: {}\n", file, f.sentence);
      break;
    }
  return static_cast<int>(exit_code::failed_check);
}

void print_stats(const std::string& file, bool as_json) {
  const auto all = stats(file);
  if (as_json) {
    json rows = json::array();
    for (const auto& a : all)
      rows.push_back({{"name", a.name},
                      {"value", a.value},
                      {"target", a.target},
                      {"tolerance", a.tolerance},
                      {"note", a.note},
                      {"within", std::abs(a.value / a.target - 1) <= a.tolerance}});
    fmt::print("{}\n", rows.dump(2));
    return;
  }
  fmt::print("{:<48}{:>9}{:>9}{:>9}\n", "", "here", "target", "off by");
  for (const auto& a : all) {
    const double off = a.value / a.target - 1;
    fmt::print("{:<48}{:>9.3f}{:>9.3f}{:>8.0f}%{} {}\n", a.name, a.value, a.target,
               off * 100, std::abs(off) <= a.tolerance ? "  " : " *", a.note);
  }
  fmt::print("* outside the tolerance this generator aims for\n");
}

int run(int argc, char** argv) {
  CLI::App app{"A simulated wholesale distributor in an SQLite file.\n"
               "Exit codes: 0 ok, 2 usage, 3 bad input, 4 failed check, 5 I/O."};
  app.set_version_flag("--version", "crossdock-sim " CROSSDOCK_VERSION);
  app.require_subcommand(1);
  std::string file;
  bool as_json = false;
  const auto command = [&](const char* name, const char* what) {
    auto* c = app.add_subcommand(name, what);
    c->add_option("--db", file, "the database")->required();
    return c;
  };

  create_options made;
  std::string truth_file;
  auto* creating = command("create", "Make a distributor with a year of history.");
  creating->add_option("--size", made.size, "tiny, small or demo")->capture_default_str();
  creating->add_option("--seed", made.seed, "same seed, same content")
      ->capture_default_str();
  creating->add_option("--today", made.today, "the day to be played, YYYY-MM-DD")
      ->capture_default_str();
  creating->add_option("--history-days", made.history_days, "calendar days before it")
      ->capture_default_str();
  creating->add_option("--truth", truth_file, "write the injected truth here (JSON)");
  creating->add_flag("--force", made.replace, "replace an existing file");

  play_options played;
  bool fast = false;
  bool show_progress = false;
  double speed = 0;
  auto* playing = command("play", "Play one business day against it.");
  playing->add_option("--seed", played.seed,
                      "of the day's orders; default: the database's");
  auto* seconds =
      playing->add_option("--seconds", played.seconds, "the day lasts so long")
          ->check(CLI::PositiveNumber)
          ->capture_default_str();
  auto* by_speed = playing->add_option("--speed", speed, "simulated seconds a second")
                       ->check(CLI::PositiveNumber)
                       ->excludes(seconds);
  playing->add_flag("--as-fast-as-possible", fast, "do not wait")
      ->excludes(seconds)
      ->excludes(by_speed);
  playing->add_option("--events", played.order_lines_max, "at most so many order lines")
      ->check(CLI::PositiveNumber);
  playing->add_flag("--resume", played.resume, "continue the day where it stopped");
  playing->add_flag("--progress", show_progress, "show a bar (terminal only)");
  playing->add_flag("--json", as_json, "counts as JSON");

  auto* telling = command("truth", "Print what was injected, for scoring.");
  telling->add_flag("--json", as_json,
                    "accepted for symmetry: the output is always JSON");
  auto* checking =
      command("check", "Check the books: conservation, references, uniqueness.");
  checking->add_flag("--json", as_json, "findings and content hash as JSON");
  auto* measuring = command("stats", "Compare with the published anchors.");
  measuring->add_flag("--json", as_json, "as JSON");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : static_cast<int>(exit_code::usage);
  }

  if (creating->parsed()) {
    made.file = file;
    {
      bar b{true};
      create(made, [&](double share, const std::string& what) { b(share, what); });
    }
    if (!truth_file.empty())
      write_file(truth_file, truth(file).dump(2));
  } else if (playing->parsed()) {
    played.file = file;
    if (fast)
      played.seconds = 0;
    if (speed > 0)
      played.seconds = 10 * 3600 / speed; // 07:30 to 17:30
    json counts;
    {
      bar b{show_progress};
      counts =
          play(played, [&](double share, const std::string& what) { b(share, what); });
    }
    if (as_json)
      fmt::print("{}\n", counts.dump(2));
    else
      print_counts(counts);
  } else if (telling->parsed()) {
    fmt::print("{}\n", truth(file).dump(2));
  } else if (checking->parsed()) {
    return run_check(file, as_json);
  } else if (measuring->parsed()) {
    print_stats(file, as_json);
  }
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  // A file size limit then comes back as an error with a sentence.
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    return run(argc, argv);
  } catch (const failure& f) {
    fmt::print(stderr, "crossdock-sim: {}\n", f.what());
    return static_cast<int>(f.code());
  } catch (const std::exception& e) {
    fmt::print(stderr, "crossdock-sim: {}\n", e.what());
    return static_cast<int>(exit_code::io);
  }
}
