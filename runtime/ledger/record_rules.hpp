/// Private to the room: what the records say of each other, judged one after the other
/// from their headers alone.
#pragma once

#include "base/json.hpp"

#include <functional>
#include <map>
#include <string>

namespace crossdock::ledger {

/// Per channel numbers without gaps; time that never goes back; causes that came before;
/// counters that add up; and authority: each effect consumed, once, an approval of the
/// same digest, which rests on a verdict that allowed it or on people who were asked.
class record_rules {
public:
  explicit record_rules(std::function<void(std::string)> find) : find_(std::move(find)) {}

  /// `header` is canonical and an object. Records come in order of seq.
  void judge(std::uint64_t seq, const json& header);

private:
  struct proposal {
    std::string verdict; ///< "allow", "ask"
    std::string state;   ///< the last "to" of its approval
    std::string digest;
    bool by_person = false;
    bool intent = false; ///< of the newest consumption
  };

  void judge_channel(std::uint64_t seq, const json& header);
  void judge_counts(std::uint64_t seq, const json& detail);
  void judge_approval(std::uint64_t seq, const json& header, const json& detail);
  void judge_effect(std::uint64_t seq, const json& header, const json& detail);
  void say(std::uint64_t seq, const std::string& what);

  std::function<void(std::string)> find_;
  std::map<std::pair<std::string, std::string>, std::uint64_t> channels_;
  std::map<std::string, proposal> proposals_;
  std::string time_;
};

} // namespace crossdock::ledger
