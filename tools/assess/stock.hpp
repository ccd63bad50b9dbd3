/// Stock as it was: what was free of every item at every site at any time, rebuilt
/// backwards from what is there today.
///
/// Free is on hand, less what entered order lines still need, less transfers asked for.
/// Shipping a line changes neither side of that, so only entries, supply and closings
/// count. A line was short when it was entered if less was free than it asked for; it is
/// covered, first come first served, once supply has caught up with the demand before and
/// including it.
#pragma once

#include "assess/history.hpp"

namespace crossdock::assess {

struct shortage {
  std::size_t line = 0;             ///< index into history::orders
  decimal quantity;                 ///< what was missing when it was entered
  std::optional<timestamp> covered; ///< nothing: still not, or not before it was closed
  bool elsewhere = false; ///< one other site alone had as much free at that time
};

/// Evenings in a row on which nothing was free; last >= first.
struct stock_out {
  place at;
  day first;
  day last;
  bool over = true; ///< false: it lasts
};

class stock_history {
public:
  /// Cost: O(n log n) in events.
  explicit stock_history(const history& h);

  const std::vector<shortage>& shortages() const { return shortages_; }
  /// Of places that had an order in the time looked at.
  const std::vector<stock_out>& stock_outs() const { return stock_outs_; }
  /// Places whose books go below zero for long: their past is not in the records.
  std::size_t unreliable_places() const { return unreliable_; }
  std::size_t places() const { return places_; }
  std::size_t lines_judged() const { return lines_judged_; }
  std::size_t lines_unjudged() const { return lines_unjudged_; }

private:
  struct change;
  struct curve;
  void rebuild(const history& h, curve& c);
  void find_stock_outs(const history& h, const curve& c);
  static bool reliable(const history& h, const curve& c);

  std::vector<shortage> shortages_;
  std::vector<stock_out> stock_outs_;
  std::size_t unreliable_ = 0;
  std::size_t places_ = 0;
  std::size_t lines_judged_ = 0;
  std::size_t lines_unjudged_ = 0;
};

/// Orders ids as people read them: SO-9/2 before SO-9/10. For lines of one instant.
bool reads_before(std::string_view a, std::string_view b);

} // namespace crossdock::assess
