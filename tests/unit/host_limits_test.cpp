// What a component may cause over time, and how its misdeeds are told.
#include <catch2/catch.hpp>

#include "host/allowance.hpp"
#include "host/journal.hpp"
#include "host/sightings.hpp"

using namespace crossdock::host;
using namespace std::chrono_literals;

namespace {
const allowance::clock::time_point start{};
} // namespace

TEST_CASE("an allowance is overdrawn once, and is owed until it grew back", "[limits]") {
  allowance a(64, 8, start);     // numbers that are exact in binary
  CHECK_FALSE(a.take(8, start)); // it starts full
  CHECK(a.owed(start) == 0ms);
  CHECK(a.take(16, start)); // nothing was owed, so the whole step counts
  CHECK(a.owed(start) == 250ms);
  CHECK_FALSE(a.take(16, start)); // it was overdrawn before
  CHECK(a.owed(start) == 500ms);
  CHECK(a.owed(start + 250ms) == 250ms);
  CHECK(a.owed(start + 500ms) == 0ms);
}

TEST_CASE("what may be refused is not taken from an allowance that is overdrawn",
          "[limits]") {
  allowance a(1000, 5, start);
  CHECK(a.try_take(6, start));
  CHECK_FALSE(a.try_take(6, start));
  CHECK(a.owed(start) == 1ms);
  CHECK(a.try_take(1, start + 1ms));
}

TEST_CASE("an allowance holds no more than its most, and ignores time that goes back",
          "[limits]") {
  allowance a(100, 10, start);
  CHECK_FALSE(a.take(0, start + 1h));
  CHECK(a.take(11, start + 1h));
  CHECK(a.owed(start + 1h) == 10ms);
  CHECK(a.owed(start) == 10ms);
  CHECK(a.owed(start + 1h) == 10ms); // going back and forth earns nothing
}

TEST_CASE("without a rate there is no limit", "[limits]") {
  allowance a(0, 10, start);
  CHECK_FALSE(a.take(1e9, start));
  CHECK(a.try_take(1e9, start));
  CHECK(a.owed(start) == 0ms);
}

TEST_CASE("what happens again and again is told at powers of ten", "[limits]") {
  sightings s;
  std::vector<std::uint64_t> told;
  for (int i = 0; i < 1500; ++i) {
    if (const auto times = s.note("socket(AF_INET)")) {
      told.push_back(times);
    }
  }
  CHECK(told == std::vector<std::uint64_t>{1, 10, 100, 1000});
}

TEST_CASE("names that are made up are told together beyond two hundred", "[limits]") {
  sightings s;
  int told = 0;
  for (int i = 0; i < 200 + 1500; ++i) {
    told += s.note("name " + std::to_string(i)) > 0 ? 1 : 0;
  }
  CHECK(told == 200 + 4);
}

TEST_CASE("the journal keeps the newest steps, and not too much of them", "[limits]") {
  journal_window steps;
  std::int64_t gone = 0;
  for (std::int64_t n = 1; n <= journal_steps_max + 200; ++n) {
    journal_line line;
    line.n = n;
    steps.add(line, 10);
    gone = std::max(gone, line.drop_through);
  }
  CHECK(gone >= 200 - 64);
  CHECK(gone <= 200);

  journal_window large;
  journal_line line;
  line.before = std::string(journal_bytes_max / 4, 'x');
  for (line.n = 1; line.n <= 4; ++line.n) {
    large.add(line, 0);
    CHECK(line.drop_through ==
          (line.n == 4 ? 3 : 0)); // down to less than half of what may be
  }
  journal_window too_large;
  line = {};
  line.n = 7;
  line.before = std::string(journal_bytes_max + 1, 'x');
  too_large.add(line, 0);
  CHECK(line.drop_through == 7); // not even itself
}
