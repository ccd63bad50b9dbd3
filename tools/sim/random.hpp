#pragma once

#include <array>
#include <cstdint>

/// Randomness that is the same on every machine. Nothing here depends on a standard
/// library's distributions or on libm: a generator specified to the bit, and functions
/// made of the IEEE 754 operations that are exact everywhere (+ - * / sqrt), compiled
/// without contraction (-ffp-contract=off).
namespace crossdock::sim {

/// Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as
/// 1, 2, 3", SC 2011): a counter goes in, 128 random bits come out, no state.
std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter,
                                    std::array<std::uint32_t, 2> key);

double exact_log(double x);           ///< x > 0
double exact_exp(double x);           ///< |x| < 700
double exact_sin(double x);           ///< |x| < 1e6
double exact_pow(double x, double y); ///< x > 0

/// What a stream is for. A number is part of every value drawn: never reuse one.
enum class purpose : std::uint32_t {
  supplier = 1,
  item = 2,
  place = 3,
  customer = 4,
  season = 5,
  demand = 6,
  quantity = 7,
  grouping = 8,
  order = 9,
  promotion = 10,
  drift = 11,
  crew = 12,
  lead_time = 13,
  transfer = 14,
  arrival = 15,
  opening = 16,
  adjustment = 17,
  lane = 18,
  plan = 19,
  substitute = 20,
};

/// The stream (seed, purpose, a, b). Streams do not overlap, so what one part draws never
/// shifts what another part gets: common random numbers for free.
class stream {
public:
  stream(std::uint64_t seed, purpose what, std::uint64_t a = 0, std::uint32_t b = 0);

  std::uint64_t next();
  double uniform();                   ///< in (0, 1), 53 bits, never an end
  std::int64_t below(std::int64_t n); ///< 0 ... n-1
  std::int64_t between(std::int64_t low, std::int64_t high); ///< both included
  bool chance(double probability) { return uniform() < probability; }
  double normal(); ///< mean 0, variance 1 (Acklam's inverse)
  double lognormal(double mu, double sigma) { return exact_exp(mu + sigma * normal()); }
  double exponential(double mean) { return -mean * exact_log(uniform()); }
  double gamma(double mean, double cv); ///< cv <= 1 (Marsaglia and Tsang 2000)
  std::int64_t poisson(double mean);

private:
  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 4> counter_;
  std::array<std::uint32_t, 4> block_{};
  bool half_ = false;
};

} // namespace crossdock::sim
