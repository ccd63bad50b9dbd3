/// Undoes the effects of a closed case, one after the other, the latest first. Private to
/// the room; part of the step function, so everything it knows is in the case's state.
#pragma once

#include "flow/advance.hpp"

namespace crossdock::flow {

class undoer {
public:
  /// Writes into `state` and appends to `actions`.
  undoer(const definition& d, case_state& state, timestamp now,
         std::vector<action>& actions)
      : flow_(d), state_(state), now_(now), actions_(actions) {}

  /// The case has ended and `because` ({kind, reason, payload}) says why: begins with
  /// what the flow says is to be undone then. False if there is nothing, or it is under
  /// way.
  bool begin(json because, std::uint64_t seq);

  // Each gives the reason why nothing changes, if so.
  std::optional<std::string> decided(const decision& in);
  std::optional<std::string> asked(const compensation_asked& in);
  std::optional<std::string> resolve(const resolved& in);

private:
  void start(json because, std::string requester, std::uint64_t seq);
  void next(std::uint64_t seq);
  void propose_at(std::size_t index, std::uint64_t seq);
  void stuck(const std::string& why, std::uint64_t seq);
  void say(std::string_view station, std::string text, std::string_view step,
           std::uint64_t seq, std::string_view about = {});
  bool wanted(const done_effect& e, const json& because);

  const definition& flow_;
  case_state& state_;
  timestamp now_;
  std::vector<action>& actions_;
};

} // namespace crossdock::flow
