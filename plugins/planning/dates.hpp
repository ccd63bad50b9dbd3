/// Civil dates and working days. A day is a whole number so that the rest of the library
/// can add and compare; there is no time zone here: the caller has decided which day it
/// is at the site.
#pragma once

#include "planning/outcome.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace crossdock::planning {

/// Days since 1970-01-01 in the proleptic Gregorian calendar (earlier days are negative).
using day_number = std::int32_t;

/// "2024-02-29" -> 19782. Valid: years 0001 to 9999, existing days, exactly ten
/// characters.
outcome<day_number> parse_date(std::string_view text);

/// The inverse of parse_date(); days outside years 0001 to 9999 are written as the
/// nearest valid date.
std::string format_date(day_number day);

/// 1 = Monday ... 7 = Sunday (ISO 8601).
int iso_weekday(day_number day);

/// The Monday of the ISO week that holds `day`: the key of a weekly bucket.
day_number week_start(day_number day);

/// Whole weeks from `from` to `to`, rounded towards minus infinity: 13 days are 1 week,
/// -1 day is -1 week.
std::int32_t weeks_between(day_number from, day_number to);

/// The days on which a site works: its weekdays, minus single days on which it is closed.
class working_calendar {
public:
  /// `iso_weekdays`: at least one of 1..7; duplicates are harmless. `closed`: holidays
  /// and stock-takes, in any order.
  static outcome<working_calendar> make(const std::vector<int>& iso_weekdays,
                                        std::vector<day_number> closed = {});

  bool works_on(day_number day) const;

  /// The first working day strictly after `day`.
  day_number next_after(day_number day) const;

  /// `day` itself when it is a working day, otherwise the next one.
  day_number on_or_after(day_number day) const;

  /// The n-th working day after `day` (before it when n is negative). n = 0 answers `day`
  /// unchanged, working day or not. Cost: O(|n|).
  day_number add(day_number day, int n) const;

  /// Working days in (from, to]; negative when `to` lies before `from`, so that
  /// between(d, add(d, n)) == n.
  int between(day_number from, day_number to) const;

private:
  std::array<bool, 8> works_{};
  std::vector<day_number> closed_; // sorted
};

} // namespace crossdock::planning
