/// What stock can be promised, counted and given away. Dated supply and its risk are in
/// projection.hpp.
#pragma once

#include "planning/outcome.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace crossdock::planning {

// -- available to promise ---------------------------------------------------------------
/// Available to promise per period, in units.
struct atp {
  /// Discrete ATP: what a period's own receipt leaves for new orders. Negative only when
  /// no earlier receipt can cover the bookings: that much is already over-promised.
  std::vector<double> discrete;
  /// Running sum of `discrete`: what can be promised by the end of each period.
  std::vector<double> cumulative_no_lookahead;
};

/// Discrete ATP (ASCM dictionary). The first period has on_hand + mps less the bookings
/// until the next receipt; each later period with a receipt has that receipt less the
/// bookings until the next; the others have 0. A negative value consumes earlier ATP,
/// the nearest first.
/// `mps`: receipts per period, `booked`: customer orders per period, both in units, >= 0
/// and equally long (at least one period). `on_hand` may be negative.
outcome<atp> atp_discrete(double on_hand, const std::vector<double>& mps,
                          const std::vector<double>& booked);

struct promised_delivery {
  std::size_t period_1based;
  double quantity; ///< Units.
};

struct promise {
  /// The period by whose end all of it can be there; empty when the horizon never
  /// suffices.
  std::optional<std::size_t> period_1based;
  /// What to ship when. One entry (ship complete) or the earliest partials; empty when
  /// nothing can be promised at all.
  std::vector<promised_delivery> deliveries;
};

/// The first period whose cumulative ATP reaches `qty` (units, > 0). With `allow_partial`
/// each period gives what it has, and `period_1based` is that of the last delivery. A
/// period whose later cumulative ATP is lower is trusted only for the lower figure.
outcome<promise> promise_date(double on_hand, const std::vector<double>& mps,
                              const std::vector<double>& booked, double qty,
                              bool allow_partial);

// -- positions over several sites -------------------------------------------------------
/// One stocking point. All quantities in units, >= 0 except on_hand.
struct stocking_point {
  double on_hand = 0;
  double on_order = 0;   ///< Ordered from its supplier, including what is in transit.
  double in_transit = 0; ///< On its way from the parent site.
  double backorders = 0;
  std::vector<std::string> children; ///< Sites that it supplies.
};

/// Echelon inventory position per site: its own on hand + on order - backorders, plus
/// on hand + in transit - backorders of everything downstream (Clark & Scarf 1960). What
/// a child has merely on order is still on the shelf of its parent and not counted again.
/// Errors: a child that is no site, a site that supplies itself.
outcome<std::map<std::string, double>>
echelon_inventory_position(const std::map<std::string, stocking_point>& nodes);

// -- giving stock to another site -------------------------------------------------------
/// Units that a site can give away and still stay at or above its reorder point.
/// `available`: its lowest projected available over the time in which it cannot be
/// refilled (on hand less reserved when nothing is dated); may be negative.
/// `reorder_point` >= 0; `pack` > 0: only whole packs travel.
outcome<double> available_to_transfer(double available, double reorder_point,
                                      double pack = 1);

} // namespace crossdock::planning
