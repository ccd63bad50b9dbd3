/// The last steps of each component, so that another version can be put through them:
/// before it takes over (rehearsal), or to learn what it missed (rollback).
#pragma once

#include "dispatch/dispatch.hpp"
#include "host/presented.hpp"
#include "host/step.hpp"
#include "ledger/ledger.hpp"

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace crossdock::host {

/// The newest steps that are kept of each component, and how much of them.
constexpr std::int64_t journal_steps_max = 5'000;
constexpr std::size_t journal_bytes_max = 32u << 20;

/// A question, call or proposal of a step: its answer comes with `request`, and another
/// version that asked the same (`name`, `digest`) is given that answer.
struct asked {
  std::uint64_t request = 0;
  std::string name;   ///< question or tool
  std::string digest; ///< of what was asked
  bool operator==(const asked&) const = default;
};
/// What `e` asks, if anything answers it with a request number.
std::optional<asked> asked_by(const effect& e);
/// The plugin's own bytes that come back with the answer of `e`.
std::string tag_of(const effect& e);

struct journal_entry {
  std::int64_t n = 0; ///< counts the component's recorded steps
  timestamp at;
  std::uint64_t seed = 0; ///< of the step's random numbers
  job what;               ///< a START or POSTED has no row, and is not put to anybody
  std::vector<asked> asks;
  memory_changes before; ///< what the step's changes replaced
};

/// Of one step, as it goes into its row; made where the memory it saw is at hand.
struct journal_line {
  std::int64_t n = 0;
  timestamp at;
  std::uint64_t seed = 0;
  std::string asks;
  std::string before;
  std::int64_t drop_through = 0; ///< older lines that go; 0: none
};

/// Which lines of a component are there, and which go when there are too many of them.
class journal_window {
public:
  /// Of a line that is there already.
  void found(std::int64_t n, std::size_t bytes);
  /// Of a line that is written now; fills its `drop_through`.
  void add(journal_line& line, std::size_t tag_bytes);

private:
  std::deque<std::pair<std::int64_t, std::size_t>> lines_;
  std::size_t bytes_ = 0;
};

/// The window of what is there. Errors: of the ledger.
result<journal_window> window_of(ledger::connection& db, const std::string& component);
journal_line line_of(std::int64_t n, std::uint64_t seed, const step& s);

/// Writes it within the step's own unit, and drops what it says.
result<void> write_line(ledger::transaction& tx, const std::string& component,
                        const job& j, const journal_line& line);

/// The number of the component's newest step; 0: none.
result<std::int64_t> last_step(ledger::connection& db, const std::string& component);

/// Steps beyond `after` and not before `since`, the newest `limit` of them, in order.
/// Errors: corrupt (a row that cannot be read); of the ledger.
result<std::vector<journal_entry>> read_journal(ledger::connection& db,
                                                const std::string& component,
                                                std::int64_t after, timestamp since,
                                                std::size_t limit);

/// The component's memory as it is. While it works, read this first and its journal
/// after: undoing steps that came in between gives the same.
result<memory_view> memory_of(ledger::connection& db, const std::string& component);

/// The memory before `entries`, which are the newest steps of what `memory` belongs to.
void undo(memory_view& memory, const std::vector<journal_entry>& entries);

} // namespace crossdock::host
