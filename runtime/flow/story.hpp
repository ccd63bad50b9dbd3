/// What happened in a case, in plain words, with the facts each number came from.
#pragma once

#include "flow/case_state.hpp"

#include <string>
#include <vector>

namespace crossdock::flow {

/// Stations, in the order in which a case usually meets them: "trigger", "question",
/// "answer", "ranking", "proposal", "gate", "person", "effect", "undo", "case".
struct story_line {
  timestamp time;
  std::string station;
  std::string text;
  std::string step; ///< empty if it is of no step
  std::uint32_t run = 0;
  json facts = json::array(); ///< each as definitions.json#fact; only of the latest run,
                              ///< the earlier ones are in the ledger under `seq`
  json detail;                ///< ranking: {ranked, dropped}; proposal: the proposal
  std::uint64_t seq = 0;      ///< ledger number of what came in, 0 if nothing did
  std::string about;          ///< the proposal that is spoken of; empty: none

  json to_json() const;
};

std::vector<story_line> describe(const case_state& state);

/// Writes a line into the state's history. `run` is the state's.
void tell(case_state& state, timestamp now, std::string_view station, std::string text,
          std::string_view step = {}, std::uint64_t seq = 0, std::string_view about = {});

/// "Approved by maria: stock is safe." Words for what became of a proposal.
struct told {
  std::string station;
  std::string text;
};
told tell_decision(std::string_view outcome, const json& detail);

} // namespace crossdock::flow
