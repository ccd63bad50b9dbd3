#include "planning/text_match.hpp"

#include "planning/checks.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

namespace crossdock::planning {
namespace {

std::vector<char32_t> code_points(std::string_view text) {
  std::vector<char32_t> out;
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80            ? 1
                               : (lead >> 5U) == 0x6  ? 2
                               : (lead >> 4U) == 0xE  ? 3
                               : (lead >> 3U) == 0x1E ? 4
                                                      : 1;
    bool whole = i + length <= text.size() && (lead < 0x80 || length > 1);
    char32_t c = length == 1 ? lead : lead & (0x7FU >> length);
    for (std::size_t k = 1; whole && k < length; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      whole = (next >> 6U) == 0x2;
      c = c << 6U | (next & 0x3FU);
    }
    out.push_back(whole ? c : 0x110000U + lead);
    i += whole ? length : 1;
  }
  return out;
}

std::optional<domain_error> wrong_texts(std::string_view a, std::string_view b) {
  return checks()
      .that(a.size() <= text_max, "a", "must be at most 4096 bytes")
      .that(b.size() <= text_max, "b", "must be at most 4096 bytes")
      .failure();
}

} // namespace

outcome<std::size_t> levenshtein(std::string_view a, std::string_view b) {
  if (auto wrong = wrong_texts(a, b))
    return *wrong;
  const auto x = code_points(a);
  const auto y = code_points(b);
  std::vector<std::size_t> row(y.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < x.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < y.size(); ++j) {
      const auto replaced = diagonal + (x[i] == y[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
}

outcome<double> jaro_winkler(std::string_view a, std::string_view b) {
  if (auto wrong = wrong_texts(a, b))
    return *wrong;
  const auto x = code_points(a);
  const auto y = code_points(b);
  if (x.empty() && y.empty())
    return 1.0;
  const auto longest = std::max(x.size(), y.size());
  const std::size_t reach = longest / 2 > 0 ? longest / 2 - 1 : 0;
  std::vector<bool> taken(y.size(), false);
  std::vector<char32_t> from_x;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t first = i > reach ? i - reach : 0;
    for (std::size_t j = first; j < std::min(y.size(), i + reach + 1); ++j)
      if (!taken[j] && x[i] == y[j]) {
        taken[j] = true;
        from_x.push_back(x[i]);
        break;
      }
  }
  if (from_x.empty())
    return 0.0;
  std::size_t swapped = 0;
  for (std::size_t j = 0, k = 0; j < y.size(); ++j)
    if (taken[j])
      swapped += y[j] != from_x[k++] ? 1 : 0;
  const auto m = static_cast<double>(from_x.size());
  const double jaro =
      (m / static_cast<double>(x.size()) + m / static_cast<double>(y.size()) +
       (m - static_cast<double>(swapped) / 2) / m) /
      3;
  std::size_t prefix = 0;
  while (prefix < std::min({x.size(), y.size(), std::size_t{4}}) &&
         x[prefix] == y[prefix])
    ++prefix;
  return jaro + static_cast<double>(prefix) * 0.1 * (1 - jaro);
}

outcome<int> gs1_check_digit(std::string_view digits) {
  if (auto wrong = checks()
                       .that(!digits.empty() && digits.size() <= 30 &&
                                 std::all_of(digits.begin(), digits.end(),
                                             [](char c) { return c >= '0' && c <= '9'; }),
                             "digits", "must be 1 to 30 decimal digits")
                       .failure())
    return *wrong;
  int sum = 0;
  int weight = 3;
  for (auto c = digits.rbegin(); c != digits.rend(); ++c, weight = 4 - weight)
    sum += (*c - '0') * weight;
  return (10 - sum % 10) % 10;
}

} // namespace crossdock::planning
