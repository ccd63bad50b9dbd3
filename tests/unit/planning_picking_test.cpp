#include "planning/picking.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

using namespace crossdock::planning;

namespace {

day_number day(const char* text) {
  return *parse_date(text);
}

// Days whose site picks about 60 lines an hour, with between 200 and 280 lines due in
// four hours: some are too much.
std::vector<pick_day> year_of_picking(unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> hour(60, 12);
  std::uniform_real_distribution<double> due(200, 280);
  std::vector<pick_day> days;
  for (int d = 0; d < 250; ++d) {
    const double lines_due = std::floor(due(random));
    double picked = 0;
    double worked = 0;
    for (int h = 0; h < 4 && picked < lines_due; ++h) {
      const double lines = std::max(0.0, hour(random));
      const double share = lines > 0 ? std::min(1.0, (lines_due - picked) / lines) : 1.0;
      picked += share * lines;
      worked += share;
    }
    days.push_back(
        {d, lines_due, 4, picked >= lines_due - 1e-6 ? lines_due : picked, worked});
  }
  return days;
}

} // namespace

// -- cut-off ----------------------------------------------------------------------------
TEST_CASE("an order leaves today only before the cut-off of a working day",
          "[planning]") {
  const auto calendar = *working_calendar::make({1, 2, 3, 4, 5}, {day("2024-04-01")});
  const int cut_off = 16 * 60;
  const auto in_time = next_ship_date(calendar, day("2024-03-28"), cut_off - 1, cut_off);
  CHECK(in_time->today);
  CHECK(in_time->minutes_to_cut_off == 1);

  const auto missed = next_ship_date(calendar, day("2024-03-28"), cut_off, cut_off);
  CHECK_FALSE(missed->today);
  CHECK(missed->day == day("2024-03-29"));
  CHECK(missed->minutes_to_cut_off == 24 * 60);

  const auto over_easter = next_ship_date(calendar, day("2024-03-29"), 17 * 60, cut_off);
  CHECK(over_easter->day == day("2024-04-02"));
  const auto sunday = next_ship_date(calendar, day("2024-03-31"), 8 * 60, cut_off);
  CHECK(sunday->day == day("2024-04-02"));
  CHECK(sunday->minutes_to_cut_off == 2 * 24 * 60 + 8 * 60);
  CHECK(next_ship_date(calendar, 0, 1440, 0).error().field == "now_minutes");
}

// -- pick rate and feasibility ----------------------------------------------------------
TEST_CASE("the pick rate is lines per hour worked, with its spread", "[planning]") {
  const auto rate = pick_rate_of({{1, 0, 0, 100, 2}, {2, 0, 0, 60, 1}, {3, 0, 0, 0, 0}});
  CHECK(rate->n == 2);
  CHECK(rate->mean == Approx(160 / 3.0));
  const double off = 60 - 160 / 3.0;
  CHECK(rate->sd == Approx(std::sqrt(off * off / 2 + off * off)));
  CHECK(pick_rate_of({{1, 0, 0, 100, 2}}).error().field == "days");
}

TEST_CASE("more lines or less time never make picking more likely", "[planning]") {
  const auto p = [](double open, double extra, double hours) {
    return *pick_probability(open, extra, hours, 50, 15);
  };
  CHECK(p(90, 10, 2) == Approx(0.5)); // as many lines as the mean
  for (double lines = 0; lines < 300; lines += 10) {
    CHECK(p(100, lines + 1, 4) <= p(100, lines, 4));
    CHECK(p(lines + 1, 100, 4) <= p(lines, 100, 4));
  }
  for (double hours = 0.25; hours < 8; hours += 0.25)
    CHECK(p(100, 10, hours + 0.25) >= p(100, 10, hours));
}

TEST_CASE("no time picks nothing and no lines need no time", "[planning]") {
  CHECK(*pick_probability(0, 1, 0, 50, 15) == 0);
  CHECK(*pick_probability(0, 0, 0, 50, 15) == 1);
  CHECK(*pick_probability(90, 10, 2, 50, 0) == 1);
  CHECK(*pick_probability(91, 10, 2, 50, 0) == 0);
  CHECK(pick_probability(0, 1, -1, 50, 15).error().field == "hours");
}

TEST_CASE("a backtest of past days yields honest probabilities", "[planning]") {
  const unsigned seed = 60;
  CAPTURE(seed);
  const auto outcomes = backtest_pick_probability(year_of_picking(seed), 10);
  REQUIRE(outcomes->size() == 240);
  std::vector<double> scores;
  std::vector<bool> hits;
  for (const auto& o : *outcomes) {
    scores.push_back(o.score);
    hits.push_back(o.success);
  }
  const auto quality = brier_ece(scores, hits);
  CHECK(quality->brier < 0.25); // better than a coin
  const auto c = calibrator::fit(calibration_model::isotonic, *outcomes);
  CHECK(c->n_samples() == 240);
  CHECK(c->quality()->brier < 0.25);
  CHECK(backtest_pick_probability({}, 1).error().field == "days_min");
}

TEST_CASE("a backtested day is not scored by itself or by later days", "[planning]") {
  auto days = year_of_picking(3);
  const auto before = *backtest_pick_probability(days, 10);
  for (std::size_t d = 100; d < days.size(); ++d)
    days[d].lines_picked *= 3; // the future changes
  const auto after = *backtest_pick_probability(days, 10);
  for (std::size_t i = 0; i < 90; ++i)
    CHECK(before[i].score == after[i].score);
}

// -- labour -----------------------------------------------------------------------------
TEST_CASE("a day's labour is whole people and no work needs none", "[planning]") {
  CHECK(labor_plan(0, 38, 0, 55, 0.15, 1, 7.5)->heads == 0);
  CHECK(labor_plan(3600, 7.5, 0, 0, 0, 1, 7.5)->heads == 1); // exactly one shift
  CHECK(labor_plan(3601, 7.5, 0, 0, 0, 1, 7.5)->heads == 2);
  CHECK(labor_plan(1, 1, 1, 1, 0, 0, 8).error().field == "performance");
  CHECK(labor_plan(1e15, 1, 1, 1, 0, 1, 8).error().field == "lines");
}
