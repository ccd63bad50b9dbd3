#include "planning/projection.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <random>
#include <vector>

using namespace crossdock::planning;

namespace {

constexpr day_number today = 20000;

stock_picture with_available(double units) {
  stock_picture picture;
  picture.today = today;
  picture.available = units;
  return picture;
}

demand_distribution nothing() {
  return *demand_distribution::make(demand_family::certain, 0, 0);
}

} // namespace

TEST_CASE("a projected stock of zero is the lowest, whatever comes later", "[planning]") {
  // Projection 0, then 5, with a minimum of 10: ten are missing, not five.
  auto picture = with_available(4);
  picture.demands = {{today, 4}};
  picture.receipts = {{"PO1", today + 2, 5, {}}};
  const auto p = project(picture, 5);
  CHECK(p->days[0].available == 0);
  CHECK(p->days[2].available == 5);
  CHECK(p->lowest == 0);
  CHECK(p->lowest_on == today);
  CHECK(shortage_against(*p, 10) == 10);
  CHECK(p->first_stock_out == today);
  CHECK_FALSE(p->first_shortage);
}

TEST_CASE("the first stock-out, the first shortage and a level are told apart",
          "[planning]") {
  auto picture = with_available(10);
  picture.demands = {{today + 1, 4}, {today + 3, 6}, {today + 4, 1}};
  const auto p = project(picture, 7);
  CHECK(first_below(*p, 10) == today + 1);
  CHECK(p->first_stock_out == today + 3);
  CHECK(p->first_shortage == today + 4);
  CHECK_FALSE(first_below(*p, -5));
}

TEST_CASE("a projection neither loses nor makes stock", "[planning]") {
  const unsigned seed = 99;
  CAPTURE(seed);
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> units(0, 50);
  std::uniform_int_distribution<day_number> when(today - 5, today + 70);
  for (int round = 0; round < 200; ++round) {
    auto picture = with_available(units(random) - 10);
    for (int i = 0; i < 8; ++i) {
      picture.receipts.push_back(
          {"PO" + std::to_string(i), when(random), double(units(random)), {}});
      picture.demands.push_back({when(random), double(units(random))});
    }
    const int horizon = 60;
    const auto p = project(picture, horizon);
    double inside = picture.available;
    for (const auto& r : picture.receipts)
      inside += r.promised < today + horizon ? r.quantity : 0;
    for (const auto& d : picture.demands)
      inside -= d.day < today + horizon ? d.quantity : 0;
    CHECK(p->days.back().available == Approx(inside).margin(1e-9));
    double before = picture.available;
    for (const auto& day : p->days) {
      CHECK(day.available == Approx(before + day.receipts - day.demand).margin(1e-9));
      // Without slips the expectation is the plan.
      CHECK(day.expected_available == Approx(day.available).margin(1e-9));
      CHECK(p->lowest <= day.available);
      before = day.available;
    }
  }
}

TEST_CASE("a receipt that may slip counts by its probability", "[planning]") {
  auto picture = with_available(0);
  picture.receipts = {{"PO1", today + 1, 10, {{today + 1, 0.5}, {today + 3, 0.9}}}};
  const auto p = project(picture, 5);
  CHECK(p->days[0].expected_available == 0);
  CHECK(p->days[1].expected_available == 5);
  CHECK(p->days[2].expected_available == 5);
  CHECK(p->days[3].expected_available == Approx(9));
  CHECK(p->days[1].available == 10);
}

TEST_CASE("possible supplies add up to one and average to the expectation",
          "[planning]") {
  const unsigned seed = 1234;
  CAPTURE(seed);
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> probability(0, 1);
  std::uniform_int_distribution<int> units(0, 30);
  for (int round = 0; round < 50; ++round) {
    auto picture = with_available(units(random));
    picture.demands = {{today + 1, double(units(random))}};
    for (int i = 0; i < 10; ++i)
      picture.receipts.push_back({"PO" + std::to_string(i),
                                  today + 2,
                                  double(units(random)),
                                  {{today + 2, probability(random)}}});
    const auto supply = supply_by(picture, today + 4);
    double total = 0;
    double mean = 0;
    for (const auto& s : *supply) {
      total += s.probability;
      mean += s.probability * s.quantity;
    }
    CHECK(total == Approx(1));
    CHECK(mean == Approx(project(picture, 5)->days.back().expected_available));
  }
}

TEST_CASE("many uncertain receipts are merged, never overstating supply", "[planning]") {
  auto picture = with_available(0);
  double expected = 0;
  for (int i = 0; i < 24; ++i) {
    const double quantity = 10 + 0.37 * std::pow(1.3, i);
    picture.receipts.push_back(
        {"PO" + std::to_string(i), today, quantity, {{today, 0.5}}});
    expected += quantity / 2;
  }
  const auto supply = supply_by(picture, today);
  CHECK(supply->size() <= supply_states_max);
  double mean = 0;
  double total = 0;
  for (const auto& s : *supply) {
    mean += s.probability * s.quantity;
    total += s.probability;
  }
  CHECK(total == Approx(1));
  CHECK(mean <= expected);
  CHECK(mean > 0.99 * expected);
}

TEST_CASE("the stock-out probability weighs each supply with its demand tail",
          "[planning]") {
  auto picture = with_available(3);
  picture.receipts = {{"PO1", today + 1, 10, {{today + 1, 0.8}}}};
  const auto demand = *demand_distribution::make(demand_family::poisson, 4, 4);
  const double expected = 0.2 * demand.exceeds(3) + 0.8 * demand.exceeds(13);
  CHECK(*stock_out_probability(picture, today + 1, demand) == Approx(expected));
  CHECK(*expected_units_short(picture, today + 1, demand) ==
        Approx(0.2 * demand.expected_shortage(3) + 0.8 * demand.expected_shortage(13)));
}

TEST_CASE("nothing there and nothing asked for is no shortage; below zero is",
          "[planning]") {
  CHECK(*stock_out_probability(with_available(0), today, nothing()) == 0);
  CHECK(*stock_out_probability(with_available(-1), today, nothing()) == 1);
}

TEST_CASE("the risk grows day by day and falls when a receipt arrives", "[planning]") {
  for (const auto family :
       {demand_family::normal, demand_family::gamma, demand_family::negative_binomial}) {
    CAPTURE(to_string(family));
    auto picture = with_available(20);
    picture.receipts = {{"PO1", today + 6, 40, {}}};
    const auto risk = stock_out_risk(picture, 10, family, 3, 7);
    REQUIRE(risk->size() == 10);
    for (std::size_t i = 1; i < 6; ++i)
      CHECK((*risk)[i].stock_out_probability > (*risk)[i - 1].stock_out_probability);
    CHECK((*risk)[6].stock_out_probability < (*risk)[5].stock_out_probability);
    const auto first = first_at_risk(*risk, 0.3);
    REQUIRE(first);
    CHECK(*first <= today + 6);
    CHECK_FALSE(first_at_risk(*risk, 1.01));
  }
}

TEST_CASE("the risk of lumpy demand agrees with drawing it many times", "[planning]") {
  const unsigned seed = 7;
  CAPTURE(seed);
  std::mt19937 random(seed);
  // Negative binomial with mean 1.2 and variance 3 a day.
  const double n = 1.2 * 1.2 / (3 - 1.2);
  const double p = 1.2 / 3;
  std::gamma_distribution<double> rate(n, (1 - p) / p);
  auto picture = with_available(9);
  picture.receipts = {{"PO1", today + 3, 8, {{today + 3, 0.6}}}};
  const int draws = 40000;
  int short_of = 0;
  for (int i = 0; i < draws; ++i) {
    double demand = 0;
    for (int d = 0; d < 7; ++d)
      demand += std::poisson_distribution<int>(rate(random))(random);
    const double supply = 9 + (std::bernoulli_distribution(0.6)(random) ? 8 : 0);
    short_of += demand > supply ? 1 : 0;
  }
  const auto risk = stock_out_risk(picture, 7, demand_family::negative_binomial, 1.2, 3);
  CHECK(risk->back().stock_out_probability ==
        Approx(double(short_of) / draws).margin(0.01));
}

TEST_CASE("a promise at a service level waits for a sure enough receipt", "[planning]") {
  auto picture = with_available(2);
  picture.receipts = {
      {"PO1", today + 2, 10, {{today + 2, 0.7}, {today + 4, 0.95}, {today + 6, 1}}}};
  const auto at = [&](double target) {
    return *promise_date_at_service(picture, 5, target, 10);
  };
  CHECK(at(0.7).day == today + 2);
  CHECK(at(0.9).day == today + 4);
  CHECK(at(0.9).probability_met == Approx(0.95));
  CHECK(at(1).day == today + 6);
  CHECK(promise_date_at_service(picture, 2, 0.99, 10)->day == today);
  const auto never = *promise_date_at_service(picture, 5, 0.96, 5);
  CHECK_FALSE(never.day);
  CHECK(never.probability_met == Approx(0.95));
}

TEST_CASE("a new promise leaves what is promised to others later", "[planning]") {
  auto picture = with_available(10);
  picture.demands = {{today + 3, 8}};
  picture.receipts = {{"PO1", today + 5, 20, {}}};
  CHECK(promise_date_at_service(picture, 2, 0.95, 10)->day == today);
  CHECK(promise_date_at_service(picture, 3, 0.95, 10)->day == today + 5);
}

TEST_CASE("projection inputs outside their domain are named", "[planning]") {
  auto picture = with_available(1);
  CHECK(project(picture, 0).error().field == "horizon_days");
  picture.receipts = {{"PO7", today, 5, {{today, 0.9}, {today + 1, 0.4}}}};
  CHECK(project(picture, 3).error().field == "receipts[PO7].arrives_by");
  picture.receipts = {{"PO7", today, -5, {}}};
  CHECK(project(picture, 3).error().field == "receipts[PO7].quantity");
  CHECK(supply_by(with_available(1), today - 1).error().field == "day");
}
