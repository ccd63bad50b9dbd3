#include "planning/supply.hpp"

#include "planning/reorder_point.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

using namespace crossdock::planning;

using numbers = std::vector<double>;

// -- available to promise ---------------------------------------------------------------
TEST_CASE("bookings that exceed their receipt consume earlier availability",
          "[planning]") {
  const auto r = atp_discrete(50, {0, 20, 30}, {10, 40, 5});
  CHECK(r->discrete == numbers{20, 0, 25});
  CHECK(r->cumulative_no_lookahead == numbers{20, 20, 45});
}

TEST_CASE("what no earlier receipt can cover stays visible as over-promised",
          "[planning]") {
  const auto r = atp_discrete(10, {0, 20}, {5, 40});
  CHECK(r->discrete == numbers{0, -15});
  const auto p = promise_date(10, {0, 20}, {5, 40}, 1, true);
  CHECK_FALSE(p->period_1based);
  CHECK(p->deliveries.empty());
}

TEST_CASE("availability to promise is on hand plus receipts less bookings",
          "[planning]") {
  const unsigned seed = 4711;
  CAPTURE(seed);
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> units(0, 40);
  for (int round = 0; round < 500; ++round) {
    const double on_hand = units(random) - 5;
    numbers mps;
    numbers booked;
    for (int t = 0; t < 12; ++t) {
      mps.push_back(units(random) > 25 ? units(random) : 0);
      booked.push_back(units(random) / 4);
    }
    const auto r = atp_discrete(on_hand, mps, booked);
    const double supply = std::accumulate(mps.begin(), mps.end(), on_hand);
    const double demand = std::accumulate(booked.begin(), booked.end(), 0.0);
    CHECK(r->cumulative_no_lookahead.back() == Approx(supply - demand));
  }
}

TEST_CASE("an order is promised whole on the first day it can be", "[planning]") {
  const numbers mps{0, 150, 0, 150, 0, 150};
  const numbers booked{80, 30, 45, 60, 10, 0};
  const auto whole = promise_date(100, mps, booked, 120, false);
  REQUIRE(whole->deliveries.size() == 1);
  CHECK(whole->period_1based == std::size_t{4});
  CHECK(whole->deliveries[0].quantity == 120);
}

TEST_CASE("partial deliveries add up to the order and end on the same day",
          "[planning]") {
  const numbers mps{0, 150, 0, 150, 0, 150};
  const numbers booked{80, 30, 45, 60, 10, 0};
  const auto parts = promise_date(100, mps, booked, 120, true);
  REQUIRE(parts->deliveries.size() == 3);
  CHECK(parts->deliveries[0].period_1based == 1);
  CHECK(parts->deliveries[0].quantity == 20);
  CHECK(parts->deliveries[1].quantity == 75);
  CHECK(parts->deliveries[2].period_1based == 4);
  CHECK(parts->deliveries[2].quantity == 25);
  CHECK(parts->period_1based == std::size_t{4});
}

TEST_CASE("an order beyond the horizon gets no date instead of a wrong one",
          "[planning]") {
  const auto p = promise_date(10, {0, 5}, {0, 0}, 16, false);
  CHECK_FALSE(p->period_1based);
  CHECK(p->deliveries.empty());
}

TEST_CASE("supply inputs outside their domain are named", "[planning]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(atp_discrete(nan, {0}, {0}).error().field == "on_hand");
  CHECK(atp_discrete(0, {}, {}).error().field == "mps");
  CHECK(atp_discrete(0, {1}, {1, 2}).error().field == "booked");
  CHECK(promise_date(0, {1}, {1}, 0, false).error().field == "qty");
  CHECK(available_to_transfer(1, -1).error().field == "reorder_point");
}

// -- several sites ----------------------------------------------------------------------
TEST_CASE("an echelon counts each site below once, at any depth", "[planning]") {
  const auto r = echelon_inventory_position({
      {"dc", {100, 50, 0, 0, {"hub", "north"}}},
      {"hub", {20, 10, 5, 0, {"north"}}},
      {"north", {7, 9, 3, 4, {}}},
  });
  CHECK(r->at("north") == 12);                  // 7 + 9 - 4
  CHECK(r->at("hub") == 20 + 10 + (7 + 3 - 4)); // its order is not hub stock
  CHECK(r->at("dc") == 100 + 50 + (20 + 5) + (7 + 3 - 4));
}

TEST_CASE("an unknown child and a circle of sites are refused", "[planning]") {
  CHECK(echelon_inventory_position({{"a", {0, 0, 0, 0, {"b"}}}}).error().field ==
        "a.children");
  CHECK_FALSE(
      echelon_inventory_position({{"a", {0, 0, 0, 0, {"b"}}}, {"b", {0, 0, 0, 0, {"a"}}}})
          .ok());
  CHECK_FALSE(echelon_inventory_position({{"r", {0, 0, 0, 0, {"a"}}},
                                          {"a", {0, 0, 0, 0, {"b"}}},
                                          {"b", {0, 0, 0, 0, {"a"}}}})
                  .ok());
}

TEST_CASE("a site gives away only whole packs above its reorder point", "[planning]") {
  CHECK(*available_to_transfer(30, 18) == 12);
  CHECK(*available_to_transfer(30, 18, 5) == 10);
  CHECK(*available_to_transfer(18, 18) == 0);
  CHECK(*available_to_transfer(3, 18) == 0);
  CHECK(*available_to_transfer(-2, 0) == 0);
  CHECK(*available_to_transfer(0.3, 0, 0.1) == Approx(0.3));
}

// -- what a site must keep --------------------------------------------------------------
TEST_CASE("without anything on its way a site keeps its reorder point", "[planning]") {
  const auto ltd = demand_over_lead_time(2, 5, 12, 4);
  const auto rop = reorder_point_for(demand_class::smooth, *ltd, 0.95);
  const auto keep = stock_until_refilled(demand_class::smooth, 2, 5, 12, 4, {}, 0.95);
  REQUIRE(keep);
  CHECK(keep->units == Approx(rop->reorder_point));
  CHECK(keep->until_days == 12);
}

TEST_CASE("a refill on its way shortens the stretch that stock must last", "[planning]") {
  const auto keep = [](std::vector<refill> refills) {
    return *stock_until_refilled(demand_class::smooth, 2, 5, 12, 4, std::move(refills),
                                 0.95);
  };
  const auto alone = keep({});
  const auto large = keep({{3, 100}});
  CHECK(large.units < alone.units);
  CHECK(large.until_days == 3);
  CHECK(large.units == Approx(reorder_point_for(demand_class::smooth,
                                                *demand_over_lead_time(2, 5, 3, 0), 0.95)
                                  ->reorder_point));

  const auto small = keep({{3, 4}}); // too little for the rest of the lead time
  CHECK(small.until_days == 12);
  CHECK(small.units == Approx(alone.units - 4));

  CHECK(keep({{12, 100}}).units == Approx(alone.units)); // a new order is as soon
  CHECK(keep({{0, 100}}).units == Approx(0));
  CHECK(keep({{9, 50}, {3, 100}}).units == Approx(large.units)); // in any order
}

TEST_CASE("the kept stock lasts until each refill as often as it is meant to",
          "[planning]") {
  const unsigned seed = 815;
  CAPTURE(seed);
  std::mt19937 random(seed);
  std::poisson_distribution<int> demand(2);
  const auto keep =
      stock_until_refilled(demand_class::smooth, 2, 2, 14, 0, {{5, 8}, {9, 30}}, 0.95);
  REQUIRE(keep);
  int good = 0;
  const int rounds = 4000;
  for (int round = 0; round < rounds; ++round) {
    double stock = std::ceil(keep->units);
    bool lasts = true;
    for (int day = 0; day < 14; ++day) {
      stock += day == 5 ? 8 : day == 9 ? 30 : 0;
      stock -= demand(random);
      lasts = lasts && stock >= 0;
    }
    good += lasts ? 1 : 0;
  }
  CHECK(good >= 0.93 * rounds);
  CHECK(good < 0.999 * rounds); // and not by keeping everything
}
