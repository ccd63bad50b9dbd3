/// Recorded steps, put to an instance; what it asks for then has no effect.
#pragma once

#include "host/instance.hpp"
#include "host/journal.hpp"

#include <deque>
#include <map>
#include <memory>

namespace crossdock::host {

/// Which request asked what, as far as the journal knows it.
using asked_before = std::map<std::uint64_t, asked>;

/// One version of a component that lives through recorded steps. It has a memory of its
/// own. Not thread-safe; runs the plugin's code on the calling thread.
class replay {
public:
  /// `memory`: as it was before the first step.
  replay(std::shared_ptr<const component> what, std::shared_ptr<instance> object,
         std::shared_ptr<const catalogue> words, memory_view memory);

  enum class fed {
    handled,   ///< `last()` says how
    not_asked, ///< an answer to a question that this version did not ask
    nothing    ///< a START or POSTED, which concerns an instance and not a version
  };
  /// What is asked in this step is put down in `before` by whoever reads the journal.
  fed feed(const journal_entry& e, const asked_before& before);
  /// The step it handled last; status below 0: it failed, and its changes are not kept.
  const step& last() const { return *last_; }

  const memory_view& memory() const { return *memory_; }
  /// Takes a question of the same words that nothing has answered yet, and gives its tag.
  std::optional<std::string> take_open(const asked& a);
  /// What it asked and nothing has answered.
  std::vector<asked> open() const;

private:
  std::shared_ptr<const component> component_;
  std::shared_ptr<instance> instance_;
  std::shared_ptr<const catalogue> words_;
  std::shared_ptr<memory_view> memory_;
  std::size_t memory_bytes_ = 0;
  std::uint64_t next_request_ = std::uint64_t{1} << 40; ///< far from the node's own
  std::shared_ptr<step> last_;
  std::map<std::pair<std::string, std::string>, std::deque<std::string>> open_;
};

/// Adds what `e` asked.
void note(asked_before& before, const journal_entry& e);

/// Applies a step's changes; returns by how many bytes the memory grew.
std::ptrdiff_t apply_changes(memory_view& memory, const memory_changes& changes);

} // namespace crossdock::host
