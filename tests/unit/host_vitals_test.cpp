// When a version that took over is taken back by itself.
#include <catch2/catch.hpp>

#include "host/vitals.hpp"

#include <cmath>

using namespace crossdock::host;
using namespace std::chrono_literals;

namespace {

vitals steps(int good, int failed, std::chrono::microseconds took = 100us) {
  vitals v;
  for (int i = 0; i < good; ++i) {
    v.step(took, false);
  }
  for (int i = 0; i < failed; ++i) {
    v.step(took, true);
  }
  return v;
}

vitals decided(int wanted, int unwanted) {
  vitals v;
  for (int i = 0; i < wanted; ++i) {
    v.decided(true);
  }
  for (int i = 0; i < unwanted; ++i) {
    v.decided(false);
  }
  return v;
}

vitals sure(double of, int times) {
  vitals v;
  for (int i = 0; i < times; ++i) {
    v.confidence(of);
  }
  return v;
}

} // namespace

TEST_CASE("a version that does as the one before is left alone", "[vitals]") {
  CHECK_FALSE(worse(steps(500, 2), steps(500, 2)));
  CHECK_FALSE(worse(vitals(), steps(10, 2)));
  CHECK_FALSE(worse(decided(9, 1), decided(8, 2)));
  CHECK_FALSE(worse(sure(0.85, 100), sure(0.85, 100)));
}

TEST_CASE("failures beyond those of before are told", "[vitals]") {
  CHECK(worse(steps(500, 0), steps(100, 3)));
  CHECK_FALSE(worse(steps(500, 20), steps(100, 3))); // it was no better before
  CHECK_FALSE(worse(steps(500, 0), steps(500, 3)));  // rare enough
}

TEST_CASE("proposals that are not wanted twice as often are told", "[vitals]") {
  CHECK(worse(decided(9, 1), decided(4, 4)));
  CHECK_FALSE(worse(decided(5, 5), decided(4, 4)));
  CHECK_FALSE(worse(decided(9, 1), decided(0, 3))); // too few to tell
}

TEST_CASE("calls that are refused, and never were, are told", "[vitals]") {
  vitals since;
  since.refused();
  since.refused();
  CHECK_FALSE(worse(vitals(), since));
  since.refused();
  CHECK(worse(vitals(), since));
  vitals before;
  before.refused();
  CHECK_FALSE(worse(before, since));
}

TEST_CASE("steps three times as slow are told, if that matters", "[vitals]") {
  CHECK(worse(steps(200, 0, 10ms), steps(200, 0, 40ms)));
  CHECK_FALSE(worse(steps(200, 0, 10ms), steps(200, 0, 25ms)));
  CHECK_FALSE(worse(steps(200, 0, 1ms), steps(200, 0, 15ms))); // nobody waits for 15 ms
  CHECK_FALSE(worse(steps(50, 0, 10ms), steps(200, 0, 40ms))); // too few to compare with
}

TEST_CASE("confidence that is distributed otherwise is told", "[vitals]") {
  CHECK(worse(sure(0.85, 100), sure(0.35, 100)));
  CHECK_FALSE(worse(sure(0.85, 100), sure(0.35, 40)));
  // Two bins that change places by a tenth: (0.4-0.5) ln(0.4/0.5) + (0.6-0.5) ln(0.6/0.5).
  std::array<double, 10> a{};
  std::array<double, 10> b{};
  a[3] = a[7] = 0.5;
  b[3] = 0.4;
  b[7] = 0.6;
  CHECK(stability_index(a, b) == Approx(-0.1 * std::log(0.8) + 0.1 * std::log(1.2)));
  CHECK(stability_index(a, a) == Approx(0));
}

TEST_CASE("only the last steps count", "[vitals]") {
  auto v = steps(0, 100);
  for (int i = 0; i < 3000; ++i) {
    v.step(1us, false);
  }
  CHECK(v.steps() == 2000);
  CHECK(v.failures() == 0);
  CHECK(v.p99() == 1us);
}
