#include "planning/lead_time.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <random>
#include <vector>

using namespace crossdock::planning;

namespace {

// A supplier whose delays are given, all promised for day 100 and known on day 500.
survival_curve delays(const std::vector<int>& days) {
  std::vector<delivery> deliveries;
  for (const int d : days)
    deliveries.push_back({100, 100 + d});
  return *delay_curve(deliveries, 500);
}

} // namespace

// -- survival ---------------------------------------------------------------------------
TEST_CASE("a survival curve stays within 0 and 1 and never rises", "[planning]") {
  const unsigned seed = 314;
  CAPTURE(seed);
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> time(-5, 30);
  std::bernoulli_distribution completed(0.7);
  for (int round = 0; round < 300; ++round) {
    std::vector<double> times;
    std::vector<bool> event;
    for (int i = 0; i < 1 + round % 40; ++i) {
      times.push_back(time(random));
      event.push_back(completed(random));
    }
    const auto curve = kaplan_meier(times, event);
    double before = 1;
    for (std::size_t i = 0; i < curve->time.size(); ++i) {
      CHECK(curve->survival[i] >= 0);
      CHECK(curve->survival[i] <= before);
      before = curve->survival[i];
      CHECK(survival_at(*curve, curve->time[i]) == before);
    }
    CHECK(curve->at_risk.front() == times.size());
    CHECK(survival_at(*curve, -6) == 1);
    CHECK(at_risk_after(*curve, 30) == 0);
  }
}

TEST_CASE("without open orders the curve is the plain share still waiting",
          "[planning]") {
  const auto curve = kaplan_meier({3, 1, 2, 2}, {true, true, true, true});
  CHECK(survival_at(*curve, 0.5) == 1);
  CHECK(survival_at(*curve, 1) == Approx(0.75));
  CHECK(survival_at(*curve, 2) == Approx(0.25));
  CHECK(survival_at(*curve, 3) == 0);
}

TEST_CASE("open orders make lead times longer, not shorter", "[planning]") {
  const unsigned seed = 2718;
  CAPTURE(seed);
  std::mt19937 random(seed);
  std::exponential_distribution<double> lead_time(1 / 10.0);
  std::uniform_real_distribution<double> age(0, 25);
  std::vector<double> times;
  std::vector<bool> event;
  std::vector<double> closed;
  for (int i = 0; i < 4000; ++i) {
    const double needed = lead_time(random);
    const double seen = age(random);
    times.push_back(std::min(needed, seen));
    event.push_back(needed <= seen);
    if (needed <= seen)
      closed.push_back(needed);
  }
  const auto honest = kaplan_meier(times, event);
  const auto naive = kaplan_meier(closed, std::vector<bool>(closed.size(), true));
  const double truth = std::exp(-1.0);
  CHECK(survival_at(*honest, 10) == Approx(truth).margin(0.03));
  CHECK(survival_at(*naive, 10) < truth - 0.1);
}

TEST_CASE("the longer an order is open, the surer it is to be late", "[planning]") {
  const std::vector<double> times{5, 6, 7, 8, 9, 12, 14, 20};
  const std::vector<bool> event(8, true);
  CHECK(*conditional_late_probability_km(times, event, 0, 10) == Approx(3 / 8.0));
  CHECK(*conditional_late_probability_km(times, event, 8, 10) == Approx(3 / 4.0));
  CHECK(*conditional_late_probability_km(times, event, 11, 10) == 1);
  CHECK(conditional_late_probability_km(times, event, 20, 25).error().field == "elapsed");

  const auto fresh = late_probability_lognormal(3, 0.25, 0, 25);
  const auto aged = late_probability_lognormal(3, 0.25, 22, 25);
  CHECK(aged->p_late > fresh->p_late);
  CHECK(late_probability_lognormal(3, 0.25, 26, 25)->p_late == 1);
}

// -- rates and pooling ------------------------------------------------------------------
TEST_CASE("two of two does not outrank ninety-seven of a hundred", "[planning]") {
  CHECK(on_time_rate_wilson(2, 2)->lower < on_time_rate_wilson(97, 100)->lower);
  CHECK(on_time_rate_wilson(2, 2)->upper == 1);
  for (std::size_t n = 1; n < 40; ++n)
    for (std::size_t k = 0; k <= n; ++k) {
      const auto r = on_time_rate_wilson(k, n);
      CHECK(r->lower <= r->rate);
      CHECK(r->rate <= r->upper);
      CHECK(r->lower >= 0);
      CHECK(r->upper <= 1);
    }
  CHECK(on_time_rate_wilson(3, 2).error().field == "on_time");
  CHECK(on_time_rate_wilson(0, 0).error().field == "total");
}

TEST_CASE("little history is taken for the group's, much for its own", "[planning]") {
  CHECK(*pool_toward_group(0.2, 0, 0.8) == Approx(0.8));
  CHECK(*pool_toward_group(0.2, 8, 0.8) == Approx(0.5));
  CHECK(*pool_toward_group(0.2, 800, 0.8) == Approx(0.2).margin(0.01));
  CHECK(pool_toward_group(1, 0, 1, 0).error().field == "n");
}

// -- arrivals ---------------------------------------------------------------------------
TEST_CASE("a receipt arrives as its supplier's past ones did", "[planning]") {
  const auto own = delays({-1, 0, 0, 2, 5});
  const auto p = [&](day_number by) {
    return arrival_probability(own, {}, 200, by, 190)->probability;
  };
  CHECK(p(198) == 0);
  CHECK(p(199) == Approx(0.2));
  CHECK(p(200) == Approx(0.6));
  CHECK(p(202) == Approx(0.8));
  CHECK(p(205) == Approx(1));
}

TEST_CASE("what is already late is judged only by those that were as late",
          "[planning]") {
  const auto own = delays({-1, 0, 0, 2, 5});
  // Open at the start of the day after the promise: only the delays 2 and 5 remain.
  const auto e = arrival_probability(own, {}, 200, 202, 201);
  CHECK(e->probability == Approx(0.5));
  CHECK(e->own_at_risk == 2);
  CHECK(arrival_probability(own, {}, 200, 200, 201)->probability == 0);
  CHECK(arrival_probability(own, {}, 200, 230, 206).error().field == "history");
}

TEST_CASE("arrivals are pooled toward the group by the evidence at hand", "[planning]") {
  const auto own = delays({0, 0});
  const auto group = delays({0, 10, 10, 10});
  const auto e = arrival_probability(own, group, 200, 200, 195);
  CHECK(e->own_only == 1.0);
  CHECK(e->probability == Approx((2 * 1.0 + 8 * 0.25) / 10));
  // One day late: its own supplier never was, so the group speaks alone.
  const auto late = arrival_probability(own, group, 200, 210, 201);
  CHECK(late->own_at_risk == 0);
  CHECK_FALSE(late->own_only);
  CHECK(late->probability == Approx(1));
}

TEST_CASE("a history seen from a past day does not know what came later", "[planning]") {
  const std::vector<delivery> lines{
      {100, 100}, {100, 109}, {104, std::nullopt}, {103, 106}};
  const auto then = *delay_curve(lines, 106);
  CHECK(then.n_samples == 4);
  CHECK(then.n_events == 1); // what came on day 106 is not known at its start
  CHECK(delay_curve(lines, 107)->n_events == 2);
  CHECK(delay_curve({}, 107).error().field == "deliveries");
}

TEST_CASE("arrival steps rise and feed a projection", "[planning]") {
  const auto own = delays({-1, 0, 0, 2, 5});
  const auto steps = arrival_steps(own, {}, 200, 198, 20);
  REQUIRE(steps->size() == 5);
  for (std::size_t i = 1; i < steps->size(); ++i) {
    CHECK((*steps)[i].day > (*steps)[i - 1].day);
    CHECK((*steps)[i].probability > (*steps)[i - 1].probability);
  }
  stock_picture picture;
  picture.today = 198;
  picture.receipts = {{"PO1", 200, 10, *steps}};
  CHECK(project(picture, 5)->days[2].expected_available == Approx(6));
}
