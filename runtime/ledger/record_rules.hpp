/// Private to the room: what the records say of each other, judged one after the other
/// from their headers alone.
#pragma once

#include "base/json.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>

namespace crossdock::ledger {

using finder = std::function<void(std::string)>;

/// The header of record `seq` of this log, if it is a JSON object; else, and where it is
/// not as headers are, `find` is told.
std::optional<json> read_header(std::uint64_t seq, const std::string& text,
                                const std::string& log, const finder& find);
/// `body`: null if none is stored.
void judge_body(std::uint64_t seq, const json& header, const std::string* body,
                const finder& find);

/// Per channel numbers without gaps; time that never goes back; causes that came before;
/// counters that add up; and authority: each effect consumed, once, an approval of the
/// same digest, which rests on a verdict that allowed it or on people who were asked.
class record_rules {
public:
  explicit record_rules(finder find) : find_(std::move(find)) {}

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

  finder find_;
  std::map<std::pair<std::string, std::string>, std::uint64_t> channels_;
  std::map<std::string, proposal> proposals_;
  std::string time_;
};

} // namespace crossdock::ledger
