/// Time and randomness as things that are handed in, so that tests and replays own them.
#pragma once

#include "base/error.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace crossdock {

/// Microseconds since the Unix epoch, UTC.
using timestamp = std::chrono::sys_time<std::chrono::microseconds>;

/// "2026-11-23T08:15:00.123456Z"; the fraction is dropped when it is zero.
std::string to_rfc3339(timestamp t);
/// Reads RFC 3339 with any offset. Errors: malformed.
result<timestamp> parse_rfc3339(std::string_view text);

class clock {
public:
  virtual ~clock() = default;
  virtual timestamp now() const = 0;
};

class system_clock final : public clock {
public:
  timestamp now() const override;
};

/// Stands still until it is told otherwise. Safe to move from another thread.
class manual_clock final : public clock {
public:
  explicit manual_clock(timestamp start) : now_(start.time_since_epoch().count()) {}
  timestamp now() const override {
    return timestamp(std::chrono::microseconds(now_.load()));
  }
  void advance(std::chrono::microseconds by) { now_ += by.count(); }

private:
  std::atomic<std::int64_t> now_;
};

/// Randomness. The system's comes from the kernel; the seeded one repeats (SplitMix64).
class random_source {
public:
  virtual ~random_source() = default;
  virtual std::uint64_t next() = 0;
};

class system_random final : public random_source {
public:
  std::uint64_t next() override;
};

class seeded_random final : public random_source {
public:
  explicit seeded_random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() override;

private:
  std::uint64_t state_;
};

} // namespace crossdock
