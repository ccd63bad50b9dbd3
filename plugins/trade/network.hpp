/// The sites of a distributor and the lanes between them, as `erp.sites` tells them, and
/// what day and hour it is there. Shared by the agents; no I/O and no clock of its own.
#pragma once

#include <planning/dates.hpp>

#include <crossdock/fact.hpp>

#include <optional>
#include <string>
#include <vector>

namespace crossdock::trade {

using planning::day_number;
using sdk::json;

/// A moment on a site's own wall clock.
struct local_time {
  day_number day = 0;
  int minute = 0; ///< Minutes since midnight, 0..1439.
};

/// One site with its working week, carrier cut-off and pick queue.
struct site {
  std::string id;
  std::string record;
  int utc_offset_minutes = 0;
  planning::working_calendar calendar;
  int cutoff_minute = 0;          ///< Minutes since midnight, local time.
  double pick_lines_per_hour = 0; ///< The whole site's rate.
  int open_pick_lines = 0;
  /// Defects of the master data, in words; empty when it can be trusted.
  std::vector<std::string> defects;

  /// What day and minute it is here at `instant_ns` (nanoseconds since 1970, UTC).
  local_time at(std::int64_t instant_ns) const;
  /// The first day whose cut-off is still ahead: today before the cut-off of a working
  /// day, otherwise the next working day.
  day_number next_ship_day(local_time now) const;
  /// The cut-off of `day` as RFC 3339 in UTC.
  std::string cutoff_on(day_number day) const;
};

/// A way from one site to another.
struct lane {
  std::string from, to, record;
  int transit_days = 0; ///< Calendar days from the sender's cut-off.
  json cost_per_transfer;
  json cost_per_unit;
};

/// The answer of `erp.sites` in a form that can be asked.
class network {
public:
  /// Reads an answer that the host has checked against the catalogue. A site without a
  /// usable working week is taken for Monday to Friday and carries the defect.
  static network read(const json& answer);

  const site* find(const std::string& id) const;
  const lane* find(const std::string& from, const std::string& to) const;

  const std::vector<site>& sites() const { return sites_; }
  const std::string& system() const { return system_; }
  const std::string& as_of() const { return as_of_; }

private:
  std::vector<site> sites_;
  std::vector<lane> lanes_;
  std::string system_;
  std::string as_of_;
};

/// The day on which what leaves on `ship_day` can be used at `to`: transit days counted
/// from the ship day, moved to the receiver's next working day.
day_number arrival_day(day_number ship_day, const lane& way, const site& to);

/// "2026-03-02" -> day; nothing for text that is no date.
std::optional<day_number> day_of(const json& text);

} // namespace crossdock::trade
