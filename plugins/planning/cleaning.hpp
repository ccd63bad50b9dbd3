/// What demand would have been without promotions, empty shelves and special orders, and
/// under the number of a predecessor.
#pragma once

#include "planning/outcome.hpp"

#include <cstddef>
#include <vector>

namespace crossdock::planning {

struct demand_period {
  double sold = 0;           ///< Units by order date.
  double in_stock_share = 1; ///< Share of the period with stock, 0..1.
  double uplift = 1;         ///< Factor that a promotion is known to have had, > 0.
  bool special = false;      ///< Project orders and drop-ships: no history.
};

struct cleaned_demand {
  std::vector<double> demand;      ///< Units per period.
  std::vector<std::size_t> filled; ///< Periods (from 0) whose value is the fallback.
};

/// What demand would have been: promotions de-tagged, stock-outs unconstrained by
/// sold / in-stock share where at least a quarter of the period had stock; otherwise, and
/// for special periods, the median of the undisturbed ones. Error "periods": none is
/// undisturbed.
outcome<cleaned_demand> clean_demand(const std::vector<demand_period>& periods);

/// History of an item with those of its predecessors, oldest first, `factor` units of the
/// successor for one of the predecessor. Shorter series are aligned at their end.
/// Valid: at least one series, factors > 0.
struct predecessor {
  std::vector<double> series;
  double factor = 1;
};
outcome<std::vector<double>> merge_superseded(const std::vector<double>& series,
                                              const std::vector<predecessor>& before);

} // namespace crossdock::planning
