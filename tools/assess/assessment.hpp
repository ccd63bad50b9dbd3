/// The findings as people ask for them: how often, how long, how much, and who would
/// take care of it.
#pragma once

#include "assess/assumptions.hpp"
#include "assess/findings.hpp"
#include "base/json.hpp"

namespace crossdock::assess {

/// What of a configuration addresses what: flows by the topic that starts them, and
/// agents that turn one topic into another.
struct addressing {
  struct flow {
    std::string name; ///< "backorder-prevention"
    std::string trigger;
  };
  struct agent {
    std::string name;
    std::set<std::string> hears;
    std::set<std::string> says;
  };
  std::vector<flow> flows;
  std::vector<agent> agents;
};

struct spread {
  double median = 0;
  double p90 = 0;
  double longest = 0;
  std::vector<std::size_t> counts; ///< as spread_limits, and one more for beyond
};
/// Upper bounds of the columns of a distribution, in days, inclusive.
inline constexpr std::array<int, 6> spread_limits{1, 3, 7, 14, 30, 90};

/// One figure of a sum: what, how it comes about, how much.
struct cost_part {
  std::string what;
  std::string formula;
  decimal amount;
};

struct addressed_by {
  std::string flow;
  std::string how; ///< a sentence
  bool directly = false;
};

struct kind_summary {
  kind what = kind::short_line;
  bool judged = false;
  std::size_t count = 0;
  std::size_t out_of = 0;
  std::size_t unjudged = 0; ///< beside these
  std::size_t open = 0;
  std::size_t late = 0;           ///< short lines
  std::size_t also_short = 0;     ///< late and overdue lines: priced there
  std::size_t elsewhere = 0;      ///< short lines
  std::vector<std::size_t> weeks; ///< as assessment::week_starts
  spread lasted;
  std::vector<cost_part> parts;
  decimal cost;
  std::vector<addressed_by> flows;
  std::vector<occurrence> examples; ///< the longest, at most five
};

struct assessment {
  std::string system;
  std::string read_by; ///< the connector: "sql of crossdock.sql 0.1.0 sha256:..."
  std::string currency;
  timestamp as_of;
  day since;
  day until;
  std::vector<day> week_starts; ///< Mondays
  std::vector<kind_summary> kinds;
  decimal cost;
  decimal addressed; ///< of it: kinds that a flow addresses directly
  std::vector<assumption> assumed;
  std::vector<std::string> notes;
  std::vector<std::string> unseen;         ///< what no rule here can see
  std::map<std::string, std::size_t> rows; ///< read, per tool
  double seconds = 0;                      ///< what reading and computing took
};

/// Pure: the same history, assumptions and configuration give the same assessment.
assessment assess(const history& h, const assumptions& a, const addressing& who);

json to_json(const assessment& a);

/// "12,345.60": two decimals, rounded half away from zero.
std::string grouped(decimal amount);
std::string grouped(std::size_t n);
/// "1.5 d", "12 d", "0.3 d".
std::string days_text(double days);

} // namespace crossdock::assess
