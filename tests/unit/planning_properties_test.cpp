// What must hold for any input: seeded, the seed is printed with a failure.
#include "plan/plan.hpp"
#include "planning/anomaly.hpp"
#include "planning/cash_matching.hpp"
#include "planning/comparison.hpp"
#include "planning/decomposition.hpp"
#include "planning/distributions.hpp"
#include "planning/ets.hpp"
#include "planning/forecast.hpp"
#include "planning/lot_size.hpp"
#include "planning/performance.hpp"
#include "planning/picking.hpp"
#include "planning/profit.hpp"
#include "planning/queueing.hpp"
#include "planning/scorecard.hpp"
#include "planning/selection.hpp"
#include "planning/sharing.hpp"
#include "planning/stock_policy.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <vector>

using namespace crossdock::planning;

namespace {

constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();
constexpr double infinite = std::numeric_limits<double>::infinity();

/// A public series, as the catalogue of functions has it.
std::vector<double> plan_dataset(const char* name) {
  return crossdock::plan::public_datasets().at(name).get<std::vector<double>>();
}

std::mt19937_64 seeded() {
  const char* given = std::getenv("CROSSDOCK_SEED");
  static const auto seed =
      given != nullptr ? std::stoull(given) : std::uint64_t{std::random_device{}()};
  std::cout << "repeat with CROSSDOCK_SEED=" << seed << std::endl;
  return std::mt19937_64(seed);
}

double whole(std::mt19937_64& random, int low, int high) {
  return std::uniform_int_distribution<int>(low, high)(random);
}

} // namespace

TEST_CASE("an order keeps to minimum, multiple and maximum, or is none", "[planning]") {
  auto random = seeded();
  for (int i = 0; i < 20'000; ++i) {
    const order_rules rules{whole(random, 0, 50), whole(random, 0, 12),
                            whole(random, 0, 200)};
    const double needed = whole(random, 0, 150);
    INFO("needed " << needed << ", minimum " << rules.minimum << ", multiple "
                   << rules.multiple << ", maximum " << rules.maximum);
    const auto r = apply_order_rules(needed, rules);
    REQUIRE(r.ok());
    if (r->quantity == 0) {
      REQUIRE((needed == 0 || r->impossible));
      continue;
    }
    REQUIRE(r->quantity >= rules.minimum);
    if (rules.multiple > 0) {
      REQUIRE(std::fmod(r->quantity, rules.multiple) == 0);
    }
    if (rules.maximum > 0) {
      REQUIRE(r->quantity <= rules.maximum);
    }
    REQUIRE((r->quantity >= needed || r->limited_by_maximum));
  }
}

TEST_CASE("an allocation never hands out more than there is or was asked", "[planning]") {
  auto random = seeded();
  for (int i = 0; i < 5'000; ++i) {
    std::vector<stock_request> requests;
    std::vector<confirmed_request> confirmed;
    double asked = 0;
    for (int k = 0; k < 6; ++k) {
      const double q = whole(random, 0, 40);
      requests.push_back({std::to_string(k), q, whole(random, 1, 3)});
      confirmed.push_back({std::to_string(k), q, whole(random, 0, 40),
                           whole(random, 1, 3),
                           static_cast<confirmation_rule>(whole(random, 0, 4))});
      asked += q;
    }
    const double available = whole(random, 0, 200);
    const auto sums_up = [&](const std::map<std::string, double>& given, bool all) {
      double sum = 0;
      for (const auto& r : requests) {
        const auto found = given.find(r.id);
        const double has = found == given.end() ? 0 : found->second;
        REQUIRE(has >= 0);
        REQUIRE(has <= r.quantity);
        sum += has;
      }
      REQUIRE(sum <= available + 1e-9);
      if (all) {
        REQUIRE(sum == Approx(std::min(available, asked)));
      }
    };
    sums_up(*allocate_priority(available, requests), true);
    sums_up(*allocate_fair_share(available, requests, true), true);
    sums_up(*allocate_fair_share(available, requests, false), true);
    sums_up(reallocate(available, confirmed)->confirmed, false);
  }
}

TEST_CASE("cash is unique only when exactly one subset fits", "[planning]") {
  auto random = seeded();
  for (int i = 0; i < 2'000; ++i) {
    std::vector<open_item> invoices;
    for (int k = 0; k < 8; ++k)
      invoices.push_back({std::to_string(k), whole(random, 1, 30)});
    const double payment = whole(random, 1, 80);
    int fitting = 0;
    for (unsigned mask = 1; mask < 256; ++mask) {
      double sum = 0;
      for (unsigned k = 0; k < 8; ++k)
        sum += (mask >> k & 1U) != 0 ? invoices[k].open : 0;
      fitting += sum == payment ? 1 : 0;
    }
    const auto m = cash_match_subset_sum(payment, invoices, 0);
    REQUIRE(m.ok());
    REQUIRE(m->unique == (fitting == 1));
    REQUIRE(m->solutions.size() ==
            std::min<std::size_t>(static_cast<std::size_t>(fitting), cash_solutions_max));
  }
}

TEST_CASE("the cheapest lot plan is never dearer than a heuristic", "[planning]") {
  auto random = seeded();
  for (int i = 0; i < 1'000; ++i) {
    std::vector<double> demand;
    for (int k = 0; k < 12; ++k)
      demand.push_back(whole(random, 0, 60));
    const double fixed = whole(random, 1, 200);
    const auto best = wagner_whitin(demand, {fixed}, {1});
    REQUIRE(std::accumulate(best->quantities.begin(), best->quantities.end(), 0.0) ==
            std::accumulate(demand.begin(), demand.end(), 0.0));
    REQUIRE(best->cost <= silver_meal(demand, fixed, 1)->cost + 1e-9);
    REQUIRE(best->cost <= least_unit_cost(demand, fixed, 1)->cost + 1e-9);
    REQUIRE(best->cost <= part_period_balancing(demand, fixed, 1)->cost + 1e-9);
  }
}

TEST_CASE("the cost of an order quantity is least at the optimum and scales with money",
          "[planning]") {
  auto random = seeded();
  for (int i = 0; i < 1'000; ++i) {
    const double k = whole(random, 1, 500);
    const double h = whole(random, 1, 50);
    const double d = whole(random, 1, 9000);
    const auto best = eoq(k, h, d);
    REQUIRE(*eoq_cost(k, h, d, best->quantity * 1.1) > best->cost);
    REQUIRE(*eoq_cost(k, h, d, best->quantity * 0.9) > best->cost);
    REQUIRE(eoq(10 * k, 10 * h, d)->cost == Approx(10 * best->cost));
  }
}

TEST_CASE("expected costs are convex where theory says so", "[planning]") {
  auto random = seeded();
  std::uniform_real_distribution<double> any(0.1, 50);
  const auto middle_is_not_above = [](double left, double middle, double right) {
    CHECK(2 * middle <= left + right + 1e-9 * (std::abs(left) + std::abs(right)));
  };
  for (int i = 0; i < 500; ++i) {
    const double h = any(random), p = any(random), mean = any(random), sd = any(random);
    const double x = mean + (any(random) - 25) * 2;
    const double step = any(random);
    const auto newsvendor = [&](double level) {
      return *newsvendor_normal_cost(h, p, mean, sd, level);
    };
    middle_is_not_above(newsvendor(x - step), newsvendor(x), newsvendor(x + step));
    // Jointly in reorder point and quantity (Zheng 1992).
    const rq_costs costs{h, p, any(random)};
    const rq_demand demand{10 * mean, sd, 0.1 + any(random) / 50};
    const double r = any(random), q = 5 + any(random);
    const double dr = any(random) / 2, dq = any(random) / 20;
    const auto rq = [&](double a, double b) {
      return *rq_cost_normal(costs, demand, a, b);
    };
    middle_is_not_above(rq(r - dr, q - dq), rq(r, q), rq(r + dr, q + dq));
    const auto lot = [&](double quantity) { return *eoq_cost(p, h, mean, quantity); };
    middle_is_not_above(lot(q - dq), lot(q), lot(q + dq));
    // A loss function falls, and convexly.
    const auto loss = [&](double units) { return poisson_loss(units, mean)->loss; };
    middle_is_not_above(loss(std::floor(q) - 1), loss(std::floor(q)),
                        loss(std::floor(q) + 1));
    CHECK(loss(std::floor(q) + 1) <= loss(std::floor(q)));
  }
}

TEST_CASE("other units scale the answers", "[planning]") {
  auto random = seeded();
  std::uniform_real_distribution<double> any(1, 50);
  for (int i = 0; i < 300; ++i) {
    const double k = std::uniform_real_distribution<double>(0.01, 1000)(random);
    const double h = any(random), p = 5 * any(random), mean = 10 * any(random);
    const double sd = any(random), fixed = 10 * any(random);
    // Units of stock: levels scale, money per unit by the inverse, total cost stays.
    const auto one = newsvendor_normal(h, p, mean, sd, 2);
    const auto other = newsvendor_normal(h / k, p / k, k * mean, k * sd, 2);
    CHECK(other->level == Approx(k * one->level).margin(1e-9));
    CHECK(other->cost == Approx(one->cost));
    CHECK(eoq(fixed, h / k, k * mean)->quantity ==
          Approx(k * eoq(fixed, h, mean)->quantity));
    const rq_demand demand{mean, sd, 0.5};
    const auto rq = rq_eoqb({h, p, fixed}, demand);
    const auto rq_k = rq_eoqb({h / k, p / k, fixed}, {k * mean, k * sd, 0.5});
    CHECK(rq_k->reorder_point == Approx(k * rq->reorder_point).margin(1e-6 * k));
    CHECK(rq_k->cost == Approx(rq->cost));
    // Units of money: quantities stay.
    const auto dearer = rq_eoqb({k * h, k * p, k * fixed}, demand);
    CHECK(dearer->order_quantity == Approx(rq->order_quantity));
    CHECK(dearer->cost == Approx(k * rq->cost));
    std::vector<double> series, scaled;
    for (int t = 0; t < 24; ++t) {
      series.push_back(any(random));
      scaled.push_back(k * series.back());
    }
    CHECK(*ses(scaled, 0.3) == Approx(k * *ses(series, 0.3)));
    CHECK(theta(scaled, 1, 1)->forecasts[0] ==
          Approx(k * theta(series, 1, 1)->forecasts[0]));
    CHECK(*tsb(scaled, 0.2, 0.1) == Approx(k * *tsb(series, 0.2, 0.1)));
    CHECK(modified_z(scaled)->z[3] == Approx(modified_z(series)->z[3]).margin(1e-9));
  }
}

TEST_CASE("numbers that are none are refused by the name of their field", "[planning]") {
  for (const double bad : {nan_value, infinite, -infinite}) {
    CHECK(eoq(bad, 1, 1).error().field == "fixed_cost");
    CHECK(newsvendor_normal(1, bad, 1, 1).error().field == "stockout_cost");
    CHECK(ses({1, bad}, 0.5).error().field == "series");
    CHECK(modified_z({1, 2, bad}).error().field == "series");
    CHECK(ets_ann_fit({1, 2, 3, bad}).error().field == "series");
    CHECK(theta({1, 2, 3, bad}, 1, 1).error().field == "series");
    CHECK(select_forecast({1, 2, 3, 4, 5, 6, 7, bad}, 1).error().field == "series");
    CHECK(cash_match_subset_sum(bad, {}, 0).error().field == "payment");
  }
  CHECK(cash_match_subset_sum(1.004, {{"a", 1}}, 0).error().field == "payment");
  CHECK(eoq_all_units_discount(1, 1, 1, {0, 5}, {1, 2}).error().field == "unit_costs");
  CHECK(rq_eil({1, 1e30, 1}, {100, 10, 1}).ok());
  CHECK_FALSE(ets_ann_fit({0.1, 0.1, 0.1, 0.1, 0.1}).ok());
  CHECK_FALSE(modified_z({5, 5, 5, 5, 9}).ok());
  CHECK_FALSE(ses({}, 0.5).ok());
  CHECK_FALSE(tsb({0, 0, 0}, 0.1, 0.1).ok());
  CHECK(theta({5, 5, 5, 5}, 1, 2)->forecasts == std::vector<double>{5, 5});
}

TEST_CASE("decomposition adds up and leaves an injected spike in the remainder",
          "[planning]") {
  std::vector<double> series;
  for (int t = 0; t < 72; ++t)
    series.push_back(100 + t + 20 * std::sin(t * 3.14159265358979 / 6));
  series[40] += 60;
  const auto d = stl_periodic(series, 12, true);
  REQUIRE(d.ok());
  std::size_t furthest = 0;
  for (std::size_t t = 0; t < series.size(); ++t) {
    CHECK(d->seasonal[t] + d->trend[t] + d->remainder[t] == Approx(series[t]));
    if (std::abs(d->remainder[t]) > std::abs(d->remainder[furthest]))
      furthest = t;
  }
  CHECK(furthest == 40);
  CHECK(d->remainder[40] == Approx(60).margin(3));
}

TEST_CASE("a forest sets a far point apart, and the same way for the same seed",
          "[planning]") {
  std::mt19937_64 random(7);
  std::normal_distribution<double> usual(0, 1);
  std::vector<std::vector<double>> rows;
  for (int i = 0; i < 300; ++i)
    rows.push_back({usual(random), usual(random)});
  const auto forest = isolation_forest::grow(rows, 42);
  REQUIRE(forest.ok());
  const double far = *forest->score({9, -9});
  CHECK(far > *forest->score({0, 0}) + 0.15);
  CHECK(*isolation_forest::grow(rows, 42)->score({9, -9}) == far);
}

TEST_CASE("price, volume and mix add up to the difference, new and lost items included",
          "[planning]") {
  // By hand: average price before 15; two units more at 15; one item dearer by 1 on 4.
  const auto r = price_volume_mix({{10, 10, 4, 11}, {10, 20, 16, 20}, {0, 0, 2, 5}});
  REQUIRE(r.ok());
  CHECK(r->price == Approx(4));
  CHECK(r->volume == Approx(30));
  CHECK(r->total == Approx(44 + 320 + 10 - 300));
  CHECK(r->price + r->volume + r->mix == Approx(r->total));
  CHECK_FALSE(price_volume_mix({}).ok());
  CHECK_FALSE(price_volume_mix({{0, 1, 5, 1}}).ok());
}

TEST_CASE("a present value is zero at the internal rate, and money scales",
          "[planning]") {
  auto random = seeded();
  for (int i = 0; i < 200; ++i) {
    std::vector<double> flows{-std::uniform_real_distribution<double>(10, 1e6)(random)};
    for (int t = 0; t < 1 + i % 40; ++t)
      flows.push_back(std::uniform_real_distribution<double>(0, 1e5)(random));
    const auto r = roi_npv(flows, 0.1);
    REQUIRE(r.ok());
    REQUIRE(r->irr);
    CHECK(roi_npv(flows, *r->irr)->npv == Approx(0).margin(1e-6 * -flows[0]));
    auto doubled = flows;
    for (double& flow : doubled)
      flow *= 2;
    CHECK(roi_npv(doubled, 0.1)->npv == Approx(2 * r->npv));
    CHECK(*roi_npv(doubled, 0.1)->irr == Approx(*r->irr).margin(1e-9));
  }
  CHECK_FALSE(roi_npv({-5, 1, 1}, 0)->payback_periods);
  CHECK(*roi_npv({-5, 10}, 0)->payback_periods == Approx(0.5));
  CHECK_FALSE(roi_npv({5, 1}, 0.1).ok());
}

TEST_CASE("more agents never make a desk slower, and an overloaded one is refused",
          "[planning]") {
  double wait = 1;
  for (double agents = 21; agents < 40; ++agents) {
    const auto r = erlang_c(400, 3, agents, 0.5);
    REQUIRE(r.ok());
    CHECK(r->p_wait < wait);
    CHECK(r->service_level >= 1 - r->p_wait);
    wait = r->p_wait;
  }
  CHECK_FALSE(erlang_c(400, 3, 20, 0.5).ok());
  CHECK(erlang_c(1e6, 59, 990'000, 1)->p_wait < 1); // neither overflows nor underflows
}

TEST_CASE("a sample large enough by the formula sees the difference", "[planning]") {
  const double n = *sample_size_two_proportions(0.5, 0.55, 0.05, 0.8);
  CHECK(two_proportion_z(0.5, n, 0.55, n)->p_value_two_sided < 0.05);
  CHECK(*sample_size_two_proportions(0.55, 0.5, 0.05, 0.8) == n);
  CHECK_FALSE(sample_size_two_proportions(0.5, 0.5, 0.05, 0.8).ok());
  CHECK_FALSE(two_proportion_z(1, 5, 1, 7).ok());
}

TEST_CASE("a surplus on one line fills no other, and open exceptions are not forgotten",
          "[planning]") {
  const auto r = fill_rates({{"a", 10, 20, true}, {"b", 10, 0, true}});
  CHECK(r->unit_fill_rate == Approx(0.5));
  const auto times =
      exception_resolution_time({{-10, -9}, {-8, std::nullopt}, {-5, 3}}, 0);
  CHECK(times->resolved == 1);
  CHECK(times->open == 2); // the third is resolved later than now
  CHECK(*times->open_age_hours_max == Approx(8));
  const auto none = exception_resolution_time({{-1, std::nullopt}}, 0);
  CHECK_FALSE(none->median_hours);
}

TEST_CASE("ETS finds at least the likelihood that R's forecast 8.20 finds",
          "[planning]") {
  // logLik of ets() in R 4.2.2: its search stops a little earlier.
  const auto nile = plan_dataset("Nile");
  CHECK(ets_fit_form(nile, {'M', 'N', 'N'}, 1, 1)->loglik >= -726.152);
  CHECK(to_string(ets_select(nile, 1, 1)->form) == "MNN");
  const auto lake = ets_select(plan_dataset("LakeHuron"), 1, 3);
  CHECK(to_string(lake->form) == "ANN");
  CHECK(lake->aicc == Approx(396.9331).margin(1e-3));
  CHECK(lake->forecasts[2] == Approx(579.96).margin(1e-3));
  const auto nottem = ets_fit_form(plan_dataset("nottem"), {'A', 'N', 'A'}, 12, 12);
  CHECK(nottem->loglik >= -852.4721);
  CHECK(nottem->forecasts[0] == Approx(40.17).margin(0.1));
  const auto air = ets_fit_form(plan_dataset("AirPassengers"), {'M', 'A', 'M'}, 12, 12);
  CHECK(air->loglik >= -682.4036);
  CHECK(to_string(ets_select(plan_dataset("AirPassengers"), 12, 1)->form).back() == 'M');
}

TEST_CASE("an ETS form without trend and season is the quick one, and units scale",
          "[planning]") {
  const auto nile = plan_dataset("Nile");
  const auto quick = ets_ann_fit(nile);
  const auto full = ets_fit_form(nile, {'A', 'N', 'N'}, 1, 1);
  CHECK(full->loglik == Approx(quick->loglik).margin(1e-4));
  CHECK(full->forecasts[0] == Approx(quick->forecast).epsilon(1e-3));
  auto thousands = nile;
  for (double& y : thousands)
    y *= 1000;
  CHECK(ets_fit_form(thousands, {'M', 'A', 'N'}, 1, 1)->forecasts[0] ==
        Approx(1000 * ets_fit_form(nile, {'M', 'A', 'N'}, 1, 1)->forecasts[0])
            .epsilon(1e-3));
  CHECK_FALSE(ets_select({1, 2, 3}, 1, 1).ok());
  CHECK_FALSE(ets_fit_form({1, 2, 0, 4, 5, 6, 7, 8}, {'M', 'N', 'N'}, 1, 1).ok());
  CHECK_FALSE(ets_fit_form(nile, {'A', 'N', 'M'}, 12, 1).ok());
  CHECK_FALSE(parse_ets_form("ABC").ok());
}

TEST_CASE("a scorecard finds the weights that made its data, and names its reasons",
          "[planning]") {
  auto random = seeded();
  std::normal_distribution<double> usual(0, 1);
  std::uniform_real_distribution<double> chance(0, 1);
  std::vector<std::vector<double>> rows;
  std::vector<bool> event;
  for (int i = 0; i < 20'000; ++i) {
    rows.push_back({30 + 10 * usual(random), usual(random)});
    const double odds = -2 + 0.08 * (rows[i][0] - 30) - 0.5 * rows[i][1];
    event.push_back(chance(random) < 1 / (1 + std::exp(-odds)));
  }
  const auto card = fit_scorecard({"days_late", "age"}, rows, event, 0);
  REQUIRE(card.ok());
  CHECK(card->weights[0] == Approx(0.08).margin(0.012));
  CHECK(card->weights[1] == Approx(-0.5).margin(0.1));
  double mean = 0;
  for (const auto& row : rows)
    mean += score(*card, row)->probability / 20'000;
  const auto events = std::count(event.begin(), event.end(), true);
  CHECK(mean == Approx(static_cast<double>(events) / 20'000));
  const auto late = score(*card, {60, 1});
  REQUIRE(late->reasons.size() == 1); // an old customer speaks against a default
  CHECK(late->reasons[0].feature == "days_late");
  CHECK_FALSE(fit_scorecard({"x"}, {{1}, {2}, {3}}, {false, false, true}, 0).ok());
  CHECK(fit_scorecard({"x"}, {{1}, {2}, {3}}, {false, false, true}, 0.01).ok());
  CHECK_FALSE(fit_scorecard({"x"}, {{1}, {1}}, {false, true}).ok());
  CHECK_FALSE(fit_scorecard({"x"}, {{1}, {2}}, {true, true}).ok());
}

TEST_CASE("hourly labour conserves hours and meets every cut-off that can be met",
          "[planning]") {
  // 3 h due at 2, 1 h due at 1: two people are enough only if the nearer comes first.
  const auto plan = hourly_labor_plan({{"b", 3, 2}, {"a", 1, 1}}, {2, 2});
  REQUIRE(plan.ok());
  CHECK(plan->work[0].id == "a");
  CHECK(plan->work[0].finished == Approx(0.5));
  CHECK(plan->work[1].finished == Approx(2));
  CHECK(plan->hours_short == Approx(0));
  // Not before it is there; what is missing at the cut-off is told, and done afterwards.
  const auto late = hourly_labor_plan({{"c", 2, 2, 1.5}}, {1, 1, 1, 1});
  CHECK(late->work[0].hours_short == Approx(1.5));
  CHECK(late->work[0].finished == Approx(3.5));
  auto random = seeded();
  std::uniform_real_distribution<double> any(0, 4);
  for (int round = 0; round < 200; ++round) {
    std::vector<cut_off_work> work;
    double asked = 0;
    for (int i = 0; i < 6; ++i) {
      work.push_back(
          {std::to_string(i), any(random), 0.5 + 2 * any(random), any(random)});
      asked += work.back().hours;
    }
    const auto r = hourly_labor_plan(work, {3, 0, 2, 5, 1, 4, 2, 3});
    double used = 0;
    double left = 0;
    for (const double u : r->used)
      used += u;
    CHECK(used <= asked + 1e-9);
    for (const auto& w : r->work) {
      CHECK(w.hours_short >= 0);
      left += w.hours_short;
    }
    CHECK(left == Approx(r->hours_short).margin(1e-9));
    const auto more = hourly_labor_plan(work, {4, 1, 3, 6, 2, 5, 3, 4});
    CHECK(more->hours_short <= r->hours_short + 1e-9);
  }
  CHECK_FALSE(hourly_labor_plan({{"a", -1, 1}}, {1}).ok());
  CHECK_FALSE(hourly_labor_plan({}, {}).ok());
}

TEST_CASE("shelf life caps an order", "[planning]") {
  CHECK(*shelf_life_maximum(10, 30, 10, 50, 20) == Approx(130));
  CHECK(*shelf_life_maximum(1, 30, 10, 500) == 0);
  CHECK_FALSE(shelf_life_maximum(1, 30, 30).ok());
}
