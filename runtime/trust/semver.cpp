#include "trust/semver.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace crossdock::trust {
namespace {

bool digits(std::string_view s) {
  return !s.empty() && s.find_first_not_of("0123456789") == s.npos;
}

/// Numbers of any length: no overflow makes an old version new.
std::strong_ordering compare_numbers(std::string_view a, std::string_view b) {
  const auto significant = [](std::string_view s) {
    s.remove_prefix(std::min(s.find_first_not_of('0'), s.size() - 1));
    return s;
  };
  a = significant(a);
  b = significant(b);
  return a.size() != b.size() ? a.size() <=> b.size() : a <=> b;
}

struct version {
  std::array<std::string_view, 3> numbers;
  std::string_view pre;
};

std::optional<version> parse(std::string_view text) {
  text = text.substr(0, text.find('+'));
  version out;
  const auto dash = text.find('-');
  if (dash != text.npos) {
    out.pre = text.substr(dash + 1);
    text = text.substr(0, dash);
    if (out.pre.empty()) {
      return std::nullopt;
    }
  }
  for (std::size_t i = 0; i < 3; ++i) {
    const auto dot = i < 2 ? text.find('.') : text.size();
    if (dot == text.npos || !digits(text.substr(0, dot))) {
      return std::nullopt;
    }
    out.numbers[i] = text.substr(0, dot);
    text.remove_prefix(std::min(dot + 1, text.size()));
  }
  return out;
}

std::string_view next_part(std::string_view& rest) {
  const auto dot = rest.find('.');
  const auto part = rest.substr(0, dot);
  rest = dot == rest.npos ? std::string_view() : rest.substr(dot + 1);
  return part;
}

std::strong_ordering compare_pre(std::string_view a, std::string_view b) {
  if (a.empty() || b.empty()) { // a version is newer than what led to it
    return a.empty() <=> b.empty();
  }
  while (!a.empty() && !b.empty()) {
    const auto x = next_part(a);
    const auto y = next_part(b);
    const bool xn = digits(x);
    const bool yn = digits(y);
    const auto order = xn && yn   ? compare_numbers(x, y)
                       : xn != yn ? (xn ? std::strong_ordering::less
                                        : std::strong_ordering::greater)
                                  : x <=> y;
    if (order != 0) {
      return order;
    }
  }
  return !a.empty() <=> !b.empty();
}

} // namespace

std::strong_ordering compare_versions(std::string_view a, std::string_view b) {
  const auto x = parse(a);
  const auto y = parse(b);
  if (!x || !y) {
    return x.has_value() != y.has_value() ? x.has_value() <=> y.has_value() : a <=> b;
  }
  for (std::size_t i = 0; i < 3; ++i) {
    if (const auto order = compare_numbers(x->numbers[i], y->numbers[i]); order != 0) {
      return order;
    }
  }
  return compare_pre(x->pre, y->pre);
}

} // namespace crossdock::trust
