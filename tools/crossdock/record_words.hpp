/// What a record of the ledger means, in a line for people.
#pragma once

#include "base/json.hpp"
#include "crossdock/screen.hpp"

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace crossdock::cli {

struct record_line {
  std::string who;  ///< "flow → replenishment"
  std::string what; ///< "asks: supply options, about SO-1042/10"
  colour paint = colour::none;
  /// Part of the machinery, or told better by another record: shown with --all alone.
  bool chatter = false;
};

/// Kinds of record that this version has words for; others are told as they are.
const std::vector<std::string_view>& known_kinds();

/// Reads records in the order of seq; which answer belongs to a mere reading is
/// remembered from its question.
class record_words {
public:
  /// `record` as `watch` gives it.
  record_line of(const json& record);

private:
  std::set<std::uint64_t> readings_; ///< requests whose answers are chatter
};

} // namespace crossdock::cli
