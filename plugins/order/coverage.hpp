/// Whether a customer order line can be filled by its date from its own site: available
/// to promise, with earlier requested dates served first.
#pragma once

#include <planning/dates.hpp>

#include <optional>
#include <string>
#include <vector>

namespace crossdock::order {

using planning::day_number;

/// An open customer order line. Quantities in the item's unit.
struct open_line {
  std::string line;
  day_number requested = 0;
  std::string entered_at; ///< Instant; breaks ties between equal dates.
  double quantity = 0;    ///< Still to be delivered.
  double allocated = 0;   ///< Of that, reserved for this line already.

  double unserved() const { return quantity > allocated ? quantity - allocated : 0; }
};

/// A purchase line or transfer on its way to the site.
struct inbound {
  std::string line;
  day_number promised = 0;
  double quantity = 0;
};

/// One item at one site, as the system of record has it.
struct position {
  day_number today = 0;
  double available =
      0; ///< On hand less everything reserved; negative when records are off.
  std::vector<open_line> orders;
  std::vector<inbound> supply;
};

/// What can be said of one line.
struct coverage {
  double unserved = 0;        ///< Of the line, not allocated yet.
  double earlier = 0;         ///< Unserved units of lines that come first.
  double inbound_by_need = 0; ///< Units due by the need date.
  double missing = 0;         ///< Units that cannot be there by the need date.
  /// First day on which all of the line can be served, if supply comes as promised.
  std::optional<day_number> covered_on;
};

/// How far ahead a later receipt is looked for, in days: half a year covers an import
/// order.
constexpr int horizon_days = 180;

/// Judges the line named `line` for `need`. Every unserved line that comes first
/// (requested date, then time of entry, then number) takes its units before this one gets
/// any; supply counts from its promised day on. Nothing if the line is not among the open
/// orders.
std::optional<coverage> cover(const position& p, const std::string& line,
                              day_number need);

} // namespace crossdock::order
