#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace crossdock::sim {

using day = std::int32_t;     ///< days since 1970-01-01
using instant = std::int64_t; ///< seconds since 1970-01-01T00:00:00Z

std::string to_text(day d);          ///< YYYY-MM-DD
std::string instant_text(instant t); ///< YYYY-MM-DDTHH:MM:SSZ
std::optional<day> parse_day(std::string_view text);
std::optional<instant> parse_instant(std::string_view text);

int iso_weekday(day d); ///< Monday 1 ... Sunday 7
int month_of(day d);
int day_of_year(day d); ///< 0 ... 365

/// The name of the US holiday on which the distributor is closed, or nullptr.
const char* holiday_on(day d);
bool is_working_day(day d);         ///< Monday to Friday and no holiday
day next_working_day(day d);        ///< the first working day after d
day working_day_from(day d);        ///< d itself, or the first working day after it
day add_working_days(day d, int n); ///< n >= 0, counted from working_day_from(d)

} // namespace crossdock::sim
