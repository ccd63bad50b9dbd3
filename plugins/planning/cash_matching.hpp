/// Which open invoices a payment is for.
#pragma once

#include "planning/outcome.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace crossdock::planning {

/// An open item. Money with at most two decimals.
struct open_item {
  std::string id;
  double open = 0;
};

/// Open items beyond this are refused: the search doubles with every two.
constexpr std::size_t cash_items_max = 36;
/// So many solutions are named; that there are more is said.
constexpr std::size_t cash_solutions_max = 50;

struct cash_match {
  /// Ids in the order given; fewer invoices first, then the earlier ones.
  std::vector<std::vector<std::string>> solutions;
  bool more = false;   ///< There are further solutions.
  bool unique = false; ///< Exactly one: the only case that may be posted by itself.
  double residual = 0; ///< Payment less the first solution; the payment if there is none.
};

/// Which open invoices add up to a payment, to within `tolerance`: meet in the middle
/// (Horowitz & Sahni 1974) on hundredths, every subset considered. Valid: payment > 0,
/// amounts > 0 and whole hundredths, tolerance >= 0 and below every amount, unique ids,
/// at most cash_items_max.
outcome<cash_match> cash_match_subset_sum(double payment,
                                          const std::vector<open_item>& items,
                                          double tolerance);

} // namespace crossdock::planning
