#include "planning/cash_matching.hpp"

#include "planning/checks.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>

namespace crossdock::planning {

outcome<cash_match> cash_match_subset_sum(double payment,
                                          const std::vector<open_item>& items,
                                          double tolerance) {
  checks c;
  constexpr double money_max = 1e13; // in hundredths, all of them add up within 2^63
  const auto amount = [&](const std::string& field, double x) {
    c.positive(field, x)
        .that(x <= money_max, field, "must be at most 10^13")
        // A third decimal that is rounded away could make the wrong subset fit.
        .that(std::abs(x * 100 - std::round(x * 100)) <= 1e-6 + 1e-12 * x, field,
              "must have at most two decimals");
  };
  amount("payment", payment);
  c.not_negative("tolerance", tolerance)
      .that(items.size() <= cash_items_max, "open_invoices",
            "must be at most 36: preselect by payer, reference or age");
  std::set<std::string> seen;
  double smallest = payment;
  for (std::size_t i = 0; i < items.size() && !c.failure(); ++i) {
    const auto at = "open_invoices[" + std::to_string(i) + "].";
    amount(at + "open", items[i].open);
    c.that(seen.insert(items[i].id).second, at + "id", "must be unique");
    smallest = std::min(smallest, items[i].open);
  }
  c.that(tolerance < smallest, "tolerance",
         "must be less than the payment and every open amount");
  if (c.failure())
    return *c.failure();
  const auto cents = [](double x) { return std::llround(x * 100); };
  const std::int64_t wanted = cents(payment);
  const auto slack = static_cast<std::int64_t>(std::floor(tolerance * 100 + 1e-6));
  const std::size_t n = items.size();
  const std::size_t half = n / 2;
  struct partial {
    std::int64_t sum;
    std::uint32_t mask;
  };
  const auto sums = [&](std::size_t first, std::size_t last) {
    std::vector<partial> all{{0, 0}};
    for (std::size_t i = first; i < last; ++i) {
      const auto count = all.size();
      for (std::size_t k = 0; k < count; ++k)
        all.push_back(
            {all[k].sum + cents(items[i].open), all[k].mask | (1U << (i - first))});
    }
    std::sort(all.begin(), all.end(),
              [](const partial& a, const partial& b) { return a.sum < b.sum; });
    return all;
  };
  const auto left = sums(0, half);
  const auto right = sums(half, n);
  struct solution {
    std::uint64_t mask;
    std::int64_t sum;
  };
  // Two different subsets settle whether it is unique; the list is for people, so that
  // the search may stop after many times what is shown.
  constexpr std::size_t found_max = 100'000;
  std::vector<solution> found;
  for (const auto& l : left) {
    const auto from =
        std::lower_bound(right.begin(), right.end(), wanted - slack - l.sum,
                         [](const partial& p, std::int64_t x) { return p.sum < x; });
    for (auto r = from;
         r != right.end() && l.sum + r->sum <= wanted + slack && found.size() < found_max;
         ++r) {
      const auto mask = l.mask | (static_cast<std::uint64_t>(r->mask) << half);
      if (mask != 0)
        found.push_back({mask, l.sum + r->sum});
    }
  }
  const auto ids = [&](std::uint64_t mask) {
    std::vector<std::size_t> which;
    for (std::size_t i = 0; i < n; ++i)
      if ((mask >> i & 1U) != 0)
        which.push_back(i);
    return which;
  };
  std::sort(found.begin(), found.end(), [&](const solution& a, const solution& b) {
    const auto x = ids(a.mask);
    const auto y = ids(b.mask);
    return x.size() != y.size() ? x.size() < y.size() : x < y;
  });
  cash_match m;
  m.unique = found.size() == 1;
  m.more = found.size() > cash_solutions_max;
  m.residual = static_cast<double>(found.empty() ? wanted : wanted - found[0].sum) / 100;
  for (std::size_t k = 0; k < std::min(found.size(), cash_solutions_max); ++k) {
    m.solutions.emplace_back();
    for (const auto i : ids(found[k].mask))
      m.solutions.back().push_back(items[i].id);
  }
  return m;
}

} // namespace crossdock::planning
