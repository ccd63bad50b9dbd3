#include "planning/demand.hpp"
#include "planning/distributions.hpp"
#include "planning/reorder_point.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

using namespace crossdock::planning;

namespace {

constexpr demand_family families[] = {
    demand_family::certain, demand_family::normal, demand_family::gamma,
    demand_family::negative_binomial, demand_family::poisson};

} // namespace

// -- statistics -------------------------------------------------------------------------
TEST_CASE("days without demand count in the mean and the variance", "[planning]") {
  // 4, 0, 0, 2 + 6, 0 over five days: mean 2.4, sum of squares 51.2 over n - 1 = 4.
  const auto r =
      daily_statistics({{100, 4}, {103, 2}, {103, 6}, {99, 50}, {105, 50}}, 100, 104);
  CHECK(r->days == 5);
  CHECK(r->demand_days == 2);
  CHECK(r->total == 12);
  CHECK(r->mean == Approx(2.4));
  CHECK(r->variance == Approx(51.2 / 4));
}

TEST_CASE("a window without demand or of one day has no spread", "[planning]") {
  CHECK(daily_statistics({}, 0, 9)->mean == 0);
  CHECK(daily_statistics({}, 0, 9)->variance == 0);
  CHECK(daily_statistics({{5, 3}}, 5, 5)->variance == 0);
}

TEST_CASE("returns and impossible windows are refused as demand", "[planning]") {
  CHECK(daily_statistics({{1, -2}}, 0, 9).error().field == "quantity");
  CHECK(daily_statistics({}, 9, 0).error().field == "window");
  CHECK(daily_series({}, 0, demand_days_max).error().field == "window");
}

// -- class and forecast -----------------------------------------------------------------
TEST_CASE("each corner of the classification has its class", "[planning]") {
  const auto class_of = [](const std::vector<double>& series) {
    return demand_class_sbc(series)->demand;
  };
  CHECK(class_of({5, 6, 5, 4, 5, 6}) == demand_class::smooth);
  CHECK(class_of({1, 9, 1, 20, 1, 2}) == demand_class::erratic);
  CHECK(class_of({0, 0, 5, 0, 0, 5, 0, 5}) == demand_class::intermittent);
  CHECK(class_of({0, 0, 1, 0, 0, 30, 0, 2}) == demand_class::lumpy);
  CHECK(class_of({0, 0, 0, 7}) == demand_class::intermittent); // a single demand
}

TEST_CASE("a series without demand can be neither classified nor forecast",
          "[planning]") {
  CHECK(demand_class_sbc({0, 0, 0}).error().field == "series");
  CHECK(demand_class_sbc({}).error().field == "series");
  CHECK_FALSE(croston_family({0, 0}, croston_variant::sba, croston_init::naive).ok());
  CHECK(croston_family({1, 2}, croston_variant::sba, croston_init::naive, 0)
            .error()
            .field == "alpha_demand");
}

TEST_CASE("a constant intermittent series is forecast as its rate", "[planning]") {
  const std::vector<double> series{0, 0, 6, 0, 0, 6, 0, 0, 6};
  for (const auto init : {croston_init::naive, croston_init::mean_interval})
    CHECK(croston_family(series, croston_variant::croston, init)->forecast == Approx(2));
  CHECK(croston_family(series, croston_variant::sba, croston_init::naive)->forecast ==
        Approx(2 * 0.95));
}

// -- distributions ----------------------------------------------------------------------
TEST_CASE("a distribution and its complement add up, and its quantile is the smallest",
          "[planning]") {
  const unsigned seed = 2024;
  CAPTURE(seed);
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> size(0.2, 300);
  std::uniform_real_distribution<double> over(1.05, 6);
  std::uniform_real_distribution<double> level(0.01, 0.999);
  for (int round = 0; round < 300; ++round) {
    const double mean = size(random);
    const double variance = mean * over(random);
    for (const auto family : families) {
      const auto d = *demand_distribution::make(family, mean, variance);
      CAPTURE(to_string(family), mean, variance);
      const double x = size(random);
      CHECK(d.at_most(x) + d.exceeds(x) == Approx(1));
      const double p = level(random);
      const double q = *d.quantile(p);
      CHECK(d.at_most(q) >= p - 1e-9);
      const bool discrete =
          family == demand_family::poisson || family == demand_family::negative_binomial;
      if (discrete) {
        CHECK(q == std::floor(q));
        CHECK((q == 0 || d.at_most(q - 1) < p));
      }
      // Shortage falls as stock grows and is never below what the mean makes certain.
      CHECK(d.expected_shortage(x + 1) <= d.expected_shortage(x) + 1e-9);
      CHECK(d.expected_shortage(x) >= std::max(0.0, mean - x) - 1e-6);
    }
  }
}

TEST_CASE("the expected shortage is the area under the tail", "[planning]") {
  for (const auto family : families) {
    CAPTURE(to_string(family));
    const auto d = *demand_distribution::make(family, 12, 30);
    for (const double from : {0.0, 7.5, 12.0, 25.0}) {
      const double step = 0.001;
      double area = 0;
      for (double x = from + step / 2; x < from + 200; x += step)
        area += step * d.exceeds(x);
      CHECK(d.expected_shortage(from) == Approx(area).margin(0.01));
    }
  }
}

TEST_CASE("a loss and its complement differ by the mean less the stock", "[planning]") {
  for (const double x : {-3.0, 0.0, 0.4, 6.0, 11.7, 60.0}) {
    CAPTURE(x);
    const auto differs = [&](const outcome<expected_loss_pair>& pair, double mean) {
      CHECK(pair->loss >= 0);
      CHECK(pair->complementary_loss >= 0);
      CHECK(pair->loss - pair->complementary_loss == Approx(mean - x).margin(1e-9));
    };
    differs(normal_loss(x, 9, 3), 9);
    differs(poisson_loss(x, 9), 9);
    differs(gamma_loss(x, 3, 3), 9);
    differs(negative_binomial_loss(x, 9, 4), 9);
  }
}

TEST_CASE("a distribution without spread is certain", "[planning]") {
  const auto d = *demand_distribution::make(demand_family::gamma, 5, 0);
  CHECK(d.family() == demand_family::certain);
  CHECK(d.exceeds(4.9) == 1);
  CHECK(d.exceeds(5) == 0);
  CHECK(demand_distribution::make(demand_family::poisson, 0, 0)->exceeds(0) == 0);
  CHECK(demand_distribution::make(demand_family::negative_binomial, 5, 5).error().field ==
        "variance");
  CHECK_FALSE(demand_distribution::make(demand_family::normal, -1, 1).ok());
  CHECK_FALSE(demand_distribution::make(demand_family::normal, std::nan(""), 1).ok());
}

TEST_CASE("extreme volumes neither throw nor leave the range of probabilities",
          "[planning]") {
  const unsigned seed = 31337;
  CAPTURE(seed);
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> exponent(-6, 7);
  std::uniform_real_distribution<double> level(1e-9, 1);
  const auto any = [&] { return std::pow(10, exponent(random)); };
  for (int round = 0; round < 400; ++round) {
    const double mean = any();
    const double variance = any();
    const double x = any();
    for (const auto family : families) {
      const auto d = demand_distribution::make(family, mean, variance);
      if (!d)
        continue; // negative binomial with too little variance
      CAPTURE(to_string(family), mean, variance, x);
      CHECK(d->exceeds(x) >= 0);
      CHECK(d->exceeds(x) <= 1);
      CHECK(d->at_most(x) >= 0);
      CHECK(d->at_most(x) <= 1);
      CHECK(d->expected_shortage(x) >= 0);
      CHECK(std::isfinite(d->expected_shortage(x)));
      CHECK(std::isfinite(*d->quantile(0.999 * level(random))));
    }
  }
}

// -- reorder points ---------------------------------------------------------------------
TEST_CASE("an uncertain lead time costs more stock than a certain one", "[planning]") {
  const auto sure = safety_stock_reorder_point(20, 5, 6, 0, 0.95);
  const auto unsure = safety_stock_reorder_point(20, 5, 6, 2, 0.95);
  CHECK(unsure->reorder_point > sure->reorder_point);
  CHECK(demand_over_lead_time(20, 25, 6, 4)->variance == Approx(6 * 25 + 400 * 4));
}

TEST_CASE("the class of an item decides the distribution of its lead-time demand",
          "[planning]") {
  CHECK(choose_family(demand_class::smooth, 100, 400)->family == demand_family::gamma);
  CHECK(choose_family(demand_class::erratic, 100, 4000)->family == demand_family::gamma);
  CHECK(choose_family(demand_class::lumpy, 4, 20)->family ==
        demand_family::negative_binomial);
  CHECK(choose_family(demand_class::intermittent, 4, 4.2)->family ==
        demand_family::poisson);
  CHECK(choose_family(demand_class::lumpy, 4, 1)->family == demand_family::poisson);
  CHECK(choose_family(demand_class::smooth, 4, 0)->family == demand_family::certain);
}

TEST_CASE("the chosen reorder point meets its service level", "[planning]") {
  for (const auto c : {demand_class::smooth, demand_class::erratic,
                       demand_class::intermittent, demand_class::lumpy})
    for (const double service : {0.5, 0.8, 0.95, 0.99}) {
      CAPTURE(to_string(c), service);
      const auto r = reorder_point_for(c, {8, 22}, service);
      CHECK(r->demand.at_most(r->reorder_point) >= service - 1e-9);
      CHECK(r->safety_stock == Approx(r->reorder_point - 8));
      CHECK_FALSE(r->reason.empty());
    }
}

TEST_CASE("reorder inputs outside their domain are named", "[planning]") {
  CHECK(safety_stock_reorder_point(1, 1, 1, 1, 1).error().field == "cycle_service_level");
  CHECK(reorder_point_gamma_ltd(10, 0, 0.9).error().field == "ltd_sd");
  CHECK(reorder_point_negbin_ltd(10, 9, 0.9).error().field == "ltd_variance");
  CHECK(base_stock_poisson_service(1, 1, 1.5).error().field == "base_stock_level");
  CHECK(reorder_point_for(demand_class::smooth, {1, 1}, 0).error().field ==
        "cycle_service_level");
}
