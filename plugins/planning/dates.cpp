#include "planning/dates.hpp"

#include "planning/checks.hpp"

#include <algorithm>
#include <cstdio>

namespace crossdock::planning {

namespace {

constexpr int days_per_era = 146097;      // 400 Gregorian years
constexpr int epoch_in_era_days = 719468; // 0000-03-01 to 1970-01-01

struct civil {
  int year;
  int month;
  int day;
};

bool is_leap(int year) {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

int days_in_month(int year, int month) {
  constexpr int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

int floor_divide(int a, int b) {
  return a / b - (a % b != 0 && (a % b < 0) != (b < 0) ? 1 : 0);
}

// Years are counted from March, so that the leap day is the last of its year (the usual
// era arithmetic for the Gregorian calendar).
day_number to_day(const civil& date) {
  const int year = date.month <= 2 ? date.year - 1 : date.year;
  const int era = floor_divide(year, 400);
  const int year_of_era = year - era * 400;
  const int month_from_march = (date.month + 9) % 12;
  const int day_of_year = (153 * month_from_march + 2) / 5 + date.day - 1;
  const int day_of_era =
      year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * days_per_era + day_of_era - epoch_in_era_days;
}

civil to_civil(day_number day) {
  const int shifted = day + epoch_in_era_days;
  const int era = floor_divide(shifted, days_per_era);
  const int day_of_era = shifted - era * days_per_era;
  const int year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int month_from_march = (5 * day_of_year + 2) / 153;
  const int month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  return {era * 400 + year_of_era + (month <= 2 ? 1 : 0), month,
          day_of_year - (153 * month_from_march + 2) / 5 + 1};
}

// -1 when a character is not a digit.
int digits(std::string_view text) {
  int number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9')
      return -1;
    number = number * 10 + (c - '0');
  }
  return number;
}

} // namespace

outcome<day_number> parse_date(std::string_view text) {
  const domain_error wrong{"date", "must be an existing day written YYYY-MM-DD, is '" +
                                       std::string(text.substr(0, 40)) + "'"};
  if (text.size() != 10 || text[4] != '-' || text[7] != '-')
    return wrong;
  const civil date{digits(text.substr(0, 4)), digits(text.substr(5, 2)),
                   digits(text.substr(8, 2))};
  if (date.year < 1 || date.month < 1 || date.month > 12 || date.day < 1 ||
      date.day > days_in_month(date.year, date.month))
    return wrong;
  return to_day(date);
}

std::string format_date(day_number day) {
  static constexpr civil first{1, 1, 1};
  static constexpr civil last{9999, 12, 31};
  const civil date = to_civil(std::clamp(day, to_day(first), to_day(last)));
  char text[48];
  std::snprintf(text, sizeof text, "%04d-%02d-%02d", date.year, date.month, date.day);
  return text;
}

int iso_weekday(day_number day) {
  const int from_monday = (day + 3) % 7; // 1970-01-01 was a Thursday
  return (from_monday < 0 ? from_monday + 7 : from_monday) + 1;
}

day_number week_start(day_number day) {
  return day - (iso_weekday(day) - 1);
}

std::int32_t weeks_between(day_number from, day_number to) {
  return floor_divide(to - from, 7);
}

outcome<working_calendar> working_calendar::make(const std::vector<int>& iso_weekdays,
                                                 std::vector<day_number> closed) {
  working_calendar calendar;
  for (const int weekday : iso_weekdays) {
    if (weekday < 1 || weekday > 7)
      return domain_error{"iso_weekdays", "must hold 1 (Monday) to 7 (Sunday), holds " +
                                              std::to_string(weekday)};
    calendar.works_[static_cast<std::size_t>(weekday)] = true;
  }
  if (iso_weekdays.empty())
    return domain_error{"iso_weekdays", "must name at least one working day"};
  std::sort(closed.begin(), closed.end());
  calendar.closed_ = std::move(closed);
  return calendar;
}

bool working_calendar::works_on(day_number day) const {
  return works_[static_cast<std::size_t>(iso_weekday(day))] &&
         !std::binary_search(closed_.begin(), closed_.end(), day);
}

day_number working_calendar::next_after(day_number day) const {
  return on_or_after(day + 1);
}

day_number working_calendar::on_or_after(day_number day) const {
  while (!works_on(day))
    ++day;
  return day;
}

day_number working_calendar::add(day_number day, int n) const {
  const int step = n < 0 ? -1 : 1;
  while (n != 0) {
    day += step;
    if (works_on(day))
      n -= step;
  }
  return day;
}

int working_calendar::between(day_number from, day_number to) const {
  if (to < from) {
    // Counted so that it undoes add(): the days in [to, from).
    int count = 0;
    for (day_number day = to; day < from; ++day)
      count -= works_on(day) ? 1 : 0;
    return count;
  }
  int count = 0;
  for (day_number day = from + 1; day <= to; ++day)
    count += works_on(day) ? 1 : 0;
  return count;
}

} // namespace crossdock::planning
