/// DOCTOR: looks at the machine, the files and the running node, and says what is wrong
/// and what to do about it. Each check stands alone: one that cannot be made hides no
/// other.
#pragma once

#include "base/json.hpp"
#include "node/check.hpp"

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace crossdock::cli {

enum class health { ok, warn, fail };
std::string_view to_string(health h) noexcept;

struct finding {
  std::string area; ///< "machine", "configuration", "data", "ledger", "node", "connector"
  std::string what; ///< what was looked at: "free space"
  health how = health::ok;
  std::string message;
  std::string remedy; ///< empty if it is ok
};

inline finding good(std::string area, std::string what, std::string message) {
  return {std::move(area), std::move(what), health::ok, std::move(message), ""};
}

using findings = std::vector<finding>;

health worst_of(const findings& list);

/// Measures and thresholds are named here, with their reasons, so that a test can ask for
/// each side of them.
struct doctor_limits {
  /// Below this the next checkpoint of SQLite's log may not fit.
  static constexpr std::uint64_t free_bytes_fail = 64ull << 20;
  /// A busy node writes about this much in a day.
  static constexpr std::uint64_t free_bytes_warn = 1ull << 30;
  static constexpr std::uint64_t free_inodes_fail = 100;
  static constexpr std::uint64_t free_inodes_warn = 10'000;
  /// Every decision waits for a sync: above this people notice, far above it timeouts do.
  static constexpr std::chrono::milliseconds sync_warn{20};
  static constexpr std::chrono::milliseconds sync_fail{500};
  static constexpr std::uint64_t open_files_warn = 1024;
};

// -- checks that judge what was measured; a test hands in the measure -------------------
finding judge_space(std::uint64_t free_bytes, std::uint64_t all_bytes);
finding judge_inodes(std::uint64_t free, std::uint64_t all);
finding judge_file_system(std::uint64_t magic, const std::string& place);
finding judge_sync(std::vector<std::chrono::microseconds> times);
finding judge_open_files(std::uint64_t soft);
/// `abi` as landlock_create_ruleset gives it; below 1: not there.
finding judge_landlock(int abi);

// -- checks that look ------------------------------------------------------------------
findings look_at_machine();
/// `daemon`: the crossdockd to ask. Fills in what it says of itself.
findings look_at_programs(const std::filesystem::path& daemon);
/// The file, all it names, and who may write them.
findings look_at_configuration(const node::checked& c, const std::filesystem::path& file);
findings look_at_data(const std::filesystem::path& data);
/// `known`: the versions of the rooms' tables that crossdockd knows, or null.
findings look_at_ledger(const std::filesystem::path& folder, const json& known);
findings look_at_socket(const std::filesystem::path& socket);
/// `answer`: what `crossdockd probe` printed.
/// Versions that were replaced stay mapped; {files, mapped_bytes}.
finding judge_retired(const json& mapped);
findings look_at_connectors(const json& answer);

/// Who may do what with a file, in the words of `ls -l`.
finding judge_mode(const std::string& area, const std::filesystem::path& file,
                   unsigned forbidden, health how, const std::string& why,
                   const std::string& remedy);

/// A program's output, for at most `patience`.
struct program_output {
  int code = -1; ///< 127: it could not be started; -1: it did not end in time
  std::string out;
  std::string err;
};
program_output run_program(const std::vector<std::string>& command,
                           std::chrono::milliseconds patience);
/// crossdockd beside this program, else in $PATH.
std::filesystem::path find_daemon(const std::string& search_path);

} // namespace crossdock::cli
