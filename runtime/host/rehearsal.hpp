/// REHEARSAL: what another version of an agent would have done with the last steps.
///
/// Both versions live through the same recorded steps from the same memory, with effects
/// suppressed; each question that the journal knows gets the answer it got then. What
/// they would have said to others (messages, answers, proposals, the refusal of an event)
/// is compared, but for what the newer manifest excepts.
#pragma once

#include "base/catalogue.hpp"
#include "host/component.hpp"
#include "ledger/ledger.hpp"

#include <filesystem>
#include <functional>
#include <memory>

namespace crossdock::host {

struct rehearsal {
  std::shared_ptr<const component> now;
  std::shared_ptr<const component> next;
  std::shared_ptr<const catalogue> words;
  timestamp since;
  std::size_t steps_max = 2'000;
  std::chrono::milliseconds time_max{30'000};
  std::filesystem::path plugin_host; ///< see surroundings
  std::function<void(std::size_t done, std::size_t all)> progress = {};
};

/// Gives {steps, compared, same, differ, not_asked, left_out, from, to, differences:
/// [{seq, at, case, topic, key, what, changes: [{field, now, next}]}]}; of the
/// differences the first 50. Errors: invalid (a connector, whose steps are never run
/// again), plugin (a version cannot be created or does not return), corrupt.
result<json> rehearse(ledger::connection& db, const rehearsal& r);

/// What one step says to others, for comparing: an array of objects.
class step;
json said_in(const step& s);

/// Field by field where `a` and `b` differ, as {field, now, next}; at most 20.
json differences_of(const json& a, const json& b, const comparison& except);

} // namespace crossdock::host
