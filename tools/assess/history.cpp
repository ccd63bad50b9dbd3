#include "assess/history.hpp"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

namespace crossdock::assess {

std::optional<day> parse_day(std::string_view text) {
  const auto number = [&](std::size_t from, std::size_t n) {
    int value = 0;
    for (const char c : text.substr(from, n)) {
      if (std::isdigit(static_cast<unsigned char>(c)) == 0) {
        return -1;
      }
      value = value * 10 + (c - '0');
    }
    return value;
  };
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') {
    return std::nullopt;
  }
  const int y = number(0, 4);
  const int m = number(5, 2);
  const int d = number(8, 2);
  if (y < 1 || m < 0 || d < 0) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(y),
                                         std::chrono::month(static_cast<unsigned>(m)),
                                         std::chrono::day(static_cast<unsigned>(d))};
  return date.ok() ? std::optional<day>(date) : std::nullopt;
}

std::string to_text(day d) {
  const std::chrono::year_month_day date(d);
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

int names::of(std::string_view text) {
  const auto [it, fresh] =
      numbers_.emplace(std::string(text), static_cast<int>(texts_.size()));
  if (fresh) {
    texts_.push_back(it->first);
  }
  return it->second;
}

day history::local_day(timestamp t, int site) const {
  const auto it = offsets.find(site);
  const auto offset = it == offsets.end() ? std::chrono::minutes(0) : it->second;
  return std::chrono::floor<std::chrono::days>(t + offset);
}

double history::weeks() const {
  return std::max(1.0 / 7, static_cast<double>((until - since).count()) / 7);
}

} // namespace crossdock::assess
