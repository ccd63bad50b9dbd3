/// What could fill a shortage: transfers from other sites, approved substitutes, waiting
/// for the next receipt. From facts to the answer of `supply.options`; no I/O.
#pragma once

#include "experience.hpp"
#include "settings.hpp"

#include "trade/evidence.hpp"
#include "trade/network.hpp"

#include <planning/demand.hpp>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace crossdock::replenishment {

/// A year of demand at one site, reduced to what a reorder point needs.
struct demand_summary {
  double mean = 0;     ///< Units per day.
  double variance = 0; ///< Units^2 per day.
  int days = 0;
  int demand_days = 0;
  planning::demand_class shape = planning::demand_class::smooth;
  std::string system, record, as_of;

  /// Reduces an answer of `erp.demand`; the window ends on the day before `today`, which
  /// is not over yet.
  static demand_summary of(const json& answer, day_number since, day_number today);
};
void to_json(json& j, const demand_summary& d);
void from_json(const json& j, demand_summary& d);

/// What is known of a site that might send.
struct sender_facts {
  std::optional<demand_summary> demand;
  std::optional<double> unallocated; ///< Open orders there, not reserved yet, units.
};

/// Everything that was read for one question. Absent: the read was refused, which
/// `refusals` says in words.
struct case_facts {
  json question;
  std::optional<trade::source> line, item, stock, sites, supply;
  std::map<std::string, sender_facts> senders;
  std::map<std::string, trade::source> substitutes; ///< Stock of each, by item.
  std::vector<std::string> refusals;
};

/// What is learnt from history, and what could not be (in words).
struct lessons {
  experience transfers, receipts;
  std::vector<std::string> notes;
  std::string as_of; ///< The ERP's time of the lesson.
};

/// Sites other than the one in need that have stock and a lane to it, most stock first.
std::vector<std::string> possible_senders(const case_facts& facts, int most);
/// Items approved as substitutes, in the order of the master data.
std::vector<std::string> approved_substitutes(const case_facts& facts, int most);
/// The day it is at the site in need.
day_number today_at(const case_facts& facts, const std::string& site);

/// The answer of `supply.options`, best expected value first.
json answer_options(const case_facts& facts, const lessons& learnt,
                    const settings& config);

} // namespace crossdock::replenishment
