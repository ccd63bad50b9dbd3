#include "planning/dates.hpp"

#include <catch2/catch.hpp>

#include <ctime>
#include <random>
#include <string>

using namespace crossdock::planning;

namespace {

day_number day(const char* text) {
  return *parse_date(text);
}

working_calendar weekdays(std::vector<day_number> closed = {}) {
  return *working_calendar::make({1, 2, 3, 4, 5}, std::move(closed));
}

} // namespace

TEST_CASE("a date is the number of days since 1970-01-01", "[planning]") {
  CHECK(day("1970-01-01") == 0);
  CHECK(day("1969-12-31") == -1);
  CHECK(day("2000-02-29") == 11016);
  CHECK(day("2024-02-29") == 19782);
  CHECK(day("0001-01-01") == -719162);
  CHECK(day("9999-12-31") == 2932896);
}

TEST_CASE("every day of 1600 to 2400 survives writing and reading", "[planning]") {
  for (day_number d = day("1600-01-01"); d <= day("2400-12-31"); ++d) {
    const auto text = format_date(d);
    const auto back = parse_date(text);
    if (!back || *back != d)
      FAIL("day " << d << " written as " << text);
  }
}

TEST_CASE("days and weekdays agree with the C library", "[planning]") {
  const unsigned seed = 20240229;
  CAPTURE(seed);
  std::mt19937 random(seed);
  std::uniform_int_distribution<day_number> any(day("1902-01-01"), day("2199-12-31"));
  for (int i = 0; i < 2000; ++i) {
    const day_number d = any(random);
    const std::time_t seconds = std::time_t{d} * 86400;
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    char text[16];
    std::strftime(text, sizeof text, "%Y-%m-%d", &utc);
    CHECK(format_date(d) == text);
    CHECK(iso_weekday(d) == (utc.tm_wday == 0 ? 7 : utc.tm_wday));
  }
}

TEST_CASE("what is not an existing day is refused with the text", "[planning]") {
  for (const char* text :
       {"", "2024-2-29", "2023-02-29", "1900-02-29", "2024-13-01", "2024-00-10",
        "2024-04-31", "2024/04/30", "2024-04-3a", "0000-01-01", "2024-04-30T10:00"}) {
    const auto parsed = parse_date(text);
    CHECK_FALSE(parsed.ok());
    CHECK(parsed.error().field == "date");
    CHECK(parsed.error().message.find(text) != std::string::npos);
  }
}

TEST_CASE("a week starts on Monday and weeks count whole", "[planning]") {
  CHECK(format_date(week_start(day("2024-03-03"))) == "2024-02-26"); // a Sunday
  CHECK(week_start(day("2024-03-04")) == day("2024-03-04"));
  CHECK(weeks_between(day("2024-03-01"), day("2024-03-14")) == 1);
  CHECK(weeks_between(day("2024-03-01"), day("2024-03-15")) == 2);
  CHECK(weeks_between(day("2024-03-02"), day("2024-03-01")) == -1);
}

TEST_CASE("the next working day skips weekends and closed days", "[planning]") {
  const auto calendar = weekdays({day("2024-04-01")}); // Easter Monday
  CHECK(calendar.next_after(day("2024-03-28")) == day("2024-03-29"));
  CHECK(calendar.next_after(day("2024-03-29")) == day("2024-04-02"));
  CHECK(calendar.on_or_after(day("2024-03-30")) == day("2024-04-02"));
  CHECK(calendar.on_or_after(day("2024-04-02")) == day("2024-04-02"));
  CHECK_FALSE(calendar.works_on(day("2024-04-01")));
}

TEST_CASE("adding working days and counting them undo each other", "[planning]") {
  const auto calendar = weekdays({day("2024-04-01"), day("2024-03-29")});
  for (day_number from = day("2024-03-20"); from < day("2024-04-10"); ++from)
    for (int n = -12; n <= 12; ++n) {
      CAPTURE(format_date(from), n);
      CHECK(calendar.between(from, calendar.add(from, n)) == n);
    }
  CHECK(calendar.add(day("2024-03-28"), 1) == day("2024-04-02"));
  CHECK(calendar.add(day("2024-04-02"), -1) == day("2024-03-28"));
}

TEST_CASE("a calendar without a working day or with a wrong one is refused",
          "[planning]") {
  CHECK_FALSE(working_calendar::make({}).ok());
  CHECK(working_calendar::make({0}).error().field == "iso_weekdays");
  CHECK_FALSE(working_calendar::make({1, 8}).ok());
}
