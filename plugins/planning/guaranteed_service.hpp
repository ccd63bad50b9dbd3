/// Safety stock in a network whose stages promise each other service times (Graves &
/// Willems 2000; Snyder & Shen 2e, section 6.5).
#pragma once

#include "planning/outcome.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace crossdock::planning {

/// A stage. Times are whole periods.
struct service_stage {
  int processing_time = 0;      ///< >= 0.
  double holding_cost = 0;      ///< Money per unit and period at this stage, >= 0.
  int external_inbound_cst = 0; ///< What its outside supplier promises, >= 0.
  /// The most that may be promised to outside customers. Empty: 0 for a stage without
  /// successors, no limit for others.
  std::optional<int> external_outbound_cst;
  double demand_bound_constant = 0; ///< z, >= 0.
  double demand_sd =
      0; ///< Of its outside demand per period; what successors ask is added.
  std::vector<std::string> successors; ///< Stages that it supplies.
};

struct service_times {
  std::map<std::string, int> committed; ///< Stage -> periods promised to its successors.
  double cost;                          ///< Holding cost of all safety stock per period.
};

/// Longest path that is still computed, periods.
constexpr int service_periods_max = 2000;

/// The cheapest promises in a tree (no cycle, whichever way the arrows point). A stage
/// holds z * sd * sqrt(inbound + processing - promised). Among equally cheap promises the
/// shorter one wins. Errors: an unknown successor, a cycle, a network of several parts,
/// times outside 0..service_periods_max, a promise that cannot be kept.
outcome<service_times> gsm_tree_cst(const std::map<std::string, service_stage>& stages);

/// The same for stages in a row, the one that faces the customer first; named "1", "2",
/// ... Valid: equally many times and costs (at least one), >= 0.
outcome<service_times> gsm_serial_cst(const std::vector<double>& holding_costs,
                                      const std::vector<int>& processing_times,
                                      double demand_bound_constant, double demand_sd,
                                      int external_inbound_cst,
                                      int external_outbound_cst);

} // namespace crossdock::planning
