/// The books of both sides after a day with crashes, and what must be true of them. Plain
/// data, so that a test can also doctor them and see that the check finds it.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace crossdock::test {

struct books {
  /// An event that intake acknowledged, in the order of the ledger.
  struct event {
    std::int64_t seq = 0;
    std::string topic;
    std::string line;  ///< The order or purchase line it is about.
    std::string place; ///< ITEM@SITE.
    std::string state; ///< "open", "shipped", ...
    std::string as_of;
  };
  struct effect {
    std::string reference; ///< The idempotency key.
    std::string tool;
    std::string state;
  };

  // Ours.
  std::vector<event> acknowledged;
  std::set<std::int64_t> recorded; ///< Numbers of the records in the ledger.
  std::set<std::int64_t> dead;     ///< Events that lie with the dead letters.
  std::int64_t unfinished = 0;     ///< Deliveries still to be handled.
  std::map<std::string, std::string> lines_known; ///< Order agent: open line -> as of.
  std::map<std::string, std::string> judged;      ///< Order agent: place -> as of.
  std::vector<effect> effects;

  // The distributor's.
  std::set<std::string> open_lines;
  /// Every write that carries a reference of ours: {reference, tool}.
  std::vector<std::pair<std::string, std::string>> writes;
};

/// Everything that is wrong with `b`, one sentence each; empty if all of this holds:
/// - each acknowledged event has its record, and its consequence or a dead letter: the
///   order agent knows each line as it was last told, and has judged its place since;
/// - each line that is open at the distributor was acknowledged as open;
/// - each effect is executed or failed, and the executed ones are, one by one, what the
///   distributor wrote: no reference twice, none missing, none unasked for.
std::vector<std::string> wrong_with(const books& b);

} // namespace crossdock::test
