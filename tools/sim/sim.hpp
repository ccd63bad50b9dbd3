#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "database.hpp"
#include "world.hpp"

/// What the program does, one function a command. All throw `failure`.
namespace crossdock::sim {

using progress_report = std::function<void(double share, const std::string& what)>;

struct create_options {
  std::string file;
  std::string size = "small";
  std::uint64_t seed = 1;
  std::string today =
      "2026-03-03"; ///< fixed, so that the same command gives the same file
  int history_days = 365;
  bool replace = false;
};

/// Makes the database beside its final name and renames it when it is whole: an
/// interrupted create leaves no file. A `today` without work becomes the next working
/// day.
void create(const create_options& options, const progress_report& progress);

struct play_options {
  std::string file;
  std::int64_t seed = -1;  ///< -1: the database's own
  double seconds = 20;     ///< wall time of the whole day; 0: as fast as possible
  int order_lines_max = 0; ///< 0: as the model has it
  bool resume = false;
  int stop_after_steps = 0; ///< 0: the whole day. Leaves it resumable.
};

/// Plays one business day, step by step: each step is one transaction that also moves the
/// position, so a killed player resumes where the database says it stopped.
/// Returns the counts of the day.
nlohmann::json play(const play_options& options, const progress_report& progress);

/// Labels of what was injected: {"short_lines": [...], "arrivals": [...], "labels":
/// [...]}.
nlohmann::json truth(const std::string& file);

struct finding {
  std::string name;
  std::string
      sentence; ///< what broke, with the first record that shows it; empty if sound
};

struct check_result {
  std::vector<finding> findings;
  nlohmann::json transfers_with_reference; ///< count per state
  std::string content_hash;                ///< of every table, in key order
  bool sound() const;
};

check_result check(const std::string& file, bool with_hash);

struct anchor {
  std::string name;
  double value;
  double target;    ///< DOMAIN's figure
  double tolerance; ///< relative
  std::string note;
};

std::vector<anchor> stats(const std::string& file);

/// The statements of queries.sql by name.
std::vector<std::pair<std::string, std::string>> named_queries();

/// World and window of an existing database.
struct setting {
  world simulated;
  day first;
  day today;
};
setting read_setting(database& db);

} // namespace crossdock::sim
