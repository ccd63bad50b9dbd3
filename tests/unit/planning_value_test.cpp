#include "planning/value.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <numeric>
#include <random>
#include <string>
#include <vector>

using namespace crossdock::planning;

namespace {

std::vector<std::string> ids(const std::vector<ranked_option>& list) {
  std::vector<std::string> result;
  for (const auto& o : list)
    result.push_back(o.what.id);
  return result;
}

using names = std::vector<std::string>;

} // namespace

TEST_CASE("an option is worth the loss it avoids less what it costs", "[planning]") {
  CHECK(*expected_value(0.8, 0.1, 500, 40) == Approx(310));
  CHECK(*expected_value(0.1, 0.1, 500, 40) == Approx(-40));
  CHECK(expected_value(1.1, 0, 1, 1).error().field == "p_loss_without");
  CHECK(expected_value(0.5, 0, -1, 1).error().field == "loss");
}

TEST_CASE("options rank by value and what is below the floor is suppressed",
          "[planning]") {
  const std::vector<option> options{{"wait", 0.8, 0.8, 500, 0, 0, 0},
                                    {"transfer", 0.8, 0.1, 500, 40, 5, 0},
                                    {"substitute", 0.8, 0.3, 500, 10, 1, 0}};
  const auto r = rank_options(options, 25, rank_by::value);
  CHECK(ids(r->worth_doing) == names{"transfer", "substitute"});
  CHECK(ids(r->suppressed) == names{"wait"});
  CHECK(r->worth_doing[0].expected_value == Approx(310));
}

TEST_CASE("cases competing for a person rank by value per minute", "[planning]") {
  const std::vector<option> options{{"long", 1, 0, 900, 0, 30, 0},
                                    {"short", 1, 0, 400, 0, 5, 0},
                                    {"automatic", 1, 0, 50, 0, 0, 0}};
  const auto r = rank_options(options, 0, rank_by::value_per_minute);
  CHECK(ids(r->worth_doing) == names{"short", "automatic", "long"});
}

TEST_CASE("ties go to the earlier point of no return, and never to the input order",
          "[planning]") {
  const unsigned seed = 8;
  CAPTURE(seed);
  std::vector<option> options{{"c", 1, 0, 10, 0, 0, 700},
                              {"b", 1, 0, 10, 0, 0, 700},
                              {"a", 1, 0, 10, 0, 0, 900},
                              {"d", 1, 0, 10, 0, 0, 600}};
  std::mt19937 random(seed);
  for (int round = 0; round < 24; ++round) {
    std::shuffle(options.begin(), options.end(), random);
    const auto r = rank_options(options, 0, rank_by::value);
    CHECK(ids(r->worth_doing) == names{"d", "b", "c", "a"});
  }
}

TEST_CASE("a wrong option is named in the refusal", "[planning]") {
  CHECK(rank_options({{"t1", 2, 0, 1, 0, 0, 0}}, 0, rank_by::value).error().field ==
        "t1.p_loss_without");
  CHECK(rank_options({{"t1", 1, 0, 1, 0, -1, 0}}, 0, rank_by::value).error().field ==
        "t1.human_minutes");
}

TEST_CASE("a transfer is worth it only where the goods sell better by more than it costs",
          "[planning]") {
  const auto good = judge_transfer(0.9, 0.2, 12, 7, 30);
  CHECK(good->gain == Approx(58.8));
  CHECK(good->worth);
  CHECK_FALSE(judge_transfer(0.9, 0.2, 12, 7, 58.8000001)->worth);
  CHECK_FALSE(judge_transfer(0.2, 0.9, 12, 7, 0)->worth);
  CHECK(judge_transfer(0.2, 0.9, 12, 0, 0).error().field == "quantity");
}

TEST_CASE("shared stock is given out completely, never negatively", "[planning]") {
  const unsigned seed = 42;
  CAPTURE(seed);
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> units(0, 200);
  for (int round = 0; round < 500; ++round) {
    std::vector<double> mean;
    std::vector<double> sd;
    std::vector<double> position;
    for (int i = 0; i < 1 + round % 9; ++i) {
      mean.push_back(units(random));
      sd.push_back(1 + units(random) / 5);
      position.push_back(units(random) - 50);
    }
    const double available = round % 5 == 0 ? 0 : units(random);
    const auto r = allocate_equal_fractile(available, mean, sd, position);
    double sum = 0;
    for (std::size_t i = 0; i < mean.size(); ++i) {
      const double given = r->allocation[i];
      CHECK(given >= 0);
      sum += given;
      // Whoever gets any ends at the common fractile; the others are already above it.
      const double safety = (position[i] + given - mean[i]) / sd[i];
      if (given > 1e-9) {
        CHECK(safety == Approx(r->k).margin(1e-6));
      } else {
        CHECK(safety >= r->k - 1e-6);
      }
    }
    CHECK(sum == Approx(available).margin(1e-6));
  }
  CHECK(allocate_equal_fractile(1, {1}, {0}, {0}).error().field == "ltd_sd");
  CHECK(allocate_equal_fractile(-1, {1}, {1}, {0}).error().field == "available");
}

TEST_CASE("a priority score needs a weight and a value for every criterion",
          "[planning]") {
  CHECK(order_priority_score({{"tier", 1}}, {{"due", 1}}).error().field == "weights.due");
  CHECK(order_priority_score({{"tier", 1}, {"due", 1}}, {{"due", 1}}).error().field ==
        "normalised.tier");
  CHECK(order_priority_score({{"due", 1}}, {{"due", 1.5}}).error().field ==
        "normalised.due");
}
