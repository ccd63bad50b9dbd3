#include "base/clock.hpp"

#include <fmt/format.h>
#include <sys/random.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace crossdock {

std::string to_rfc3339(timestamp t) {
  using namespace std::chrono;
  const auto day = floor<days>(t);
  const year_month_day ymd(day);
  const hh_mm_ss time(t - day);
  auto text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", int(ymd.year()),
                          unsigned(ymd.month()), unsigned(ymd.day()), time.hours().count(),
                          time.minutes().count(), time.seconds().count());
  if (time.subseconds().count() != 0) {
    text += fmt::format(".{:06}", time.subseconds().count());
  }
  return text + "Z";
}

result<timestamp> parse_rfc3339(std::string_view text) {
  using namespace std::chrono;
  const auto bad = [&] {
    return error(errc::malformed, "\"" + std::string(text.substr(0, 48)) +
                                    "\" is not a time like 2026-11-23T08:15:00Z");
  };
  const auto number = [&](std::size_t at, std::size_t digits) -> int {
    int value = 0;
    for (std::size_t i = at; i < at + digits; ++i) {
      if (i >= text.size() || text[i] < '0' || text[i] > '9') {
        return -1;
      }
      value = value * 10 + (text[i] - '0');
    }
    return value;
  };
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' ||
      (text[10] != 'T' && text[10] != 't') || text[13] != ':' || text[16] != ':') {
    return bad();
  }
  const int y = number(0, 4);
  const int mo = number(5, 2);
  const int d = number(8, 2);
  const int h = number(11, 2);
  const int mi = number(14, 2);
  const int s = number(17, 2);
  const year_month_day ymd{year(y), month(static_cast<unsigned>(mo)),
                           day(static_cast<unsigned>(d))};
  if (y < 0 || mo < 0 || d < 0 || !ymd.ok() || h < 0 || h > 23 || mi < 0 || mi > 59 ||
      s < 0 || s > 60) {
    return bad();
  }
  std::size_t at = 19;
  std::int64_t micros = 0;
  if (text[at] == '.') {
    std::int64_t unit = 100'000;
    const std::size_t first = ++at;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
      micros += (text[at] - '0') * unit;
      unit /= 10;
    }
    if (at == first) {
      return bad();
    }
  }
  minutes offset{0};
  if (at < text.size() && (text[at] == 'Z' || text[at] == 'z')) {
    ++at;
  } else if (at + 6 <= text.size() && (text[at] == '+' || text[at] == '-') &&
             text[at + 3] == ':') {
    const int oh = number(at + 1, 2);
    const int om = number(at + 4, 2);
    if (oh < 0 || oh > 23 || om < 0 || om > 59) {
      return bad();
    }
    offset = hours(oh) + minutes(om);
    if (text[at] == '-') {
      offset = -offset;
    }
    at += 6;
  } else {
    return bad();
  }
  if (at != text.size()) {
    return bad();
  }
  return timestamp(sys_days(ymd) + hours(h) + minutes(mi) + seconds(s) - offset +
                   microseconds(micros));
}

timestamp system_clock::now() const {
  return std::chrono::time_point_cast<std::chrono::microseconds>(
    std::chrono::system_clock::now());
}

std::uint64_t system_random::next() {
  std::uint64_t value = 0;
  // getrandom cannot fail for 8 bytes once the pool is ready; without it nothing is safe.
  while (getrandom(&value, sizeof value, 0) != sizeof value) {
    if (errno != EINTR) {
      std::perror("getrandom");
      std::abort();
    }
  }
  return value;
}

std::uint64_t seeded_random::next() {
  std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

} // namespace crossdock
