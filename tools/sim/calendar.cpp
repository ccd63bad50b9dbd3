#include "calendar.hpp"

#include <charconv>
#include <chrono>

#include <fmt/format.h>

namespace crossdock::sim {

namespace {

std::chrono::year_month_day civil(day d) {
  return std::chrono::sys_days{std::chrono::days{d}};
}

bool number(std::string_view text, int& out) {
  const auto end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, out);
  return error == std::errc{} && stop == end && out >= 0;
}

} // namespace

std::string to_text(day d) {
  const auto c = civil(d);
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(c.year()),
                     static_cast<unsigned>(c.month()), static_cast<unsigned>(c.day()));
}

std::string instant_text(instant t) {
  const auto d = t >= 0 ? t / 86400 : (t - 86399) / 86400;
  const auto s = t - d * 86400;
  return fmt::format("{}T{:02}:{:02}:{:02}Z", to_text(static_cast<day>(d)), s / 3600,
                     s / 60 % 60, s % 60);
}

std::optional<day> parse_day(std::string_view text) {
  int y = 0;
  int m = 0;
  int d = 0;
  if (text.size() != 10 || text[4] != '-' || text[7] != '-' ||
      !number(text.substr(0, 4), y) || !number(text.substr(5, 2), m) ||
      !number(text.substr(8, 2), d))
    return {};
  const auto c = std::chrono::year{y} / m / d;
  if (!c.ok())
    return {};
  return static_cast<day>(std::chrono::sys_days{c}.time_since_epoch().count());
}

std::optional<instant> parse_instant(std::string_view text) {
  int h = 0;
  int m = 0;
  int s = 0;
  if (text.size() != 20 || text[10] != 'T' || text[19] != 'Z' ||
      !number(text.substr(11, 2), h) || !number(text.substr(14, 2), m) ||
      !number(text.substr(17, 2), s))
    return {};
  const auto d = parse_day(text.substr(0, 10));
  if (!d || h > 23 || m > 59 || s > 59)
    return {};
  return instant{*d} * 86400 + h * 3600 + m * 60 + s;
}

int iso_weekday(day d) {
  return static_cast<int>(
      std::chrono::weekday{std::chrono::sys_days{std::chrono::days{d}}}.iso_encoding());
}

int month_of(day d) {
  return static_cast<int>(static_cast<unsigned>(civil(d).month()));
}

int day_of_year(day d) {
  const std::chrono::sys_days first{civil(d).year() / 1 / 1};
  return static_cast<int>(d - first.time_since_epoch().count());
}

const char* holiday_on(day d) {
  const auto c = civil(d);
  const auto month = static_cast<unsigned>(c.month());
  const auto date = static_cast<unsigned>(c.day());
  const int weekday = iso_weekday(d);
  if (month == 1 && date == 1)
    return "New Year's Day";
  if (month == 5 && weekday == 1 && date > 24)
    return "Memorial Day";
  if (month == 7 && date == 4)
    return "Independence Day";
  if (month == 9 && weekday == 1 && date <= 7)
    return "Labor Day";
  if (month == 11 && weekday == 4 && date >= 22 && date <= 28)
    return "Thanksgiving";
  if (month == 12 && date == 25)
    return "Christmas Day";
  return nullptr;
}

bool is_working_day(day d) {
  return iso_weekday(d) <= 5 && holiday_on(d) == nullptr;
}

day next_working_day(day d) {
  return working_day_from(d + 1);
}

day working_day_from(day d) {
  while (!is_working_day(d))
    ++d;
  return d;
}

day add_working_days(day d, int n) {
  d = working_day_from(d);
  for (; n > 0; --n)
    d = next_working_day(d);
  return d;
}

} // namespace crossdock::sim
