#include "planning/sharing.hpp"

#include "planning/checks.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

namespace crossdock::planning {
namespace {

template <class Request>
std::optional<domain_error> wrong_requests(double available,
                                           const std::vector<Request>& requests) {
  checks c;
  c.not_negative("available", available);
  std::set<std::string> seen;
  for (std::size_t i = 0; i < requests.size() && !c.failure(); ++i) {
    const auto at = "requests[" + std::to_string(i) + "].";
    c.not_negative(at + "qty", requests[i].quantity)
        .finite(at + "priority", requests[i].priority)
        .that(seen.insert(requests[i].id).second, at + "id", "must be unique");
  }
  return c.failure();
}

template <class Request>
std::vector<const Request*> by_priority(const std::vector<Request>& requests) {
  std::vector<const Request*> order;
  for (const auto& r : requests)
    order.push_back(&r);
  std::stable_sort(order.begin(), order.end(), [](const Request* a, const Request* b) {
    return a->priority < b->priority;
  });
  return order;
}

} // namespace

outcome<std::map<std::string, double>>
allocate_priority(double available, const std::vector<stock_request>& requests) {
  if (auto wrong = wrong_requests(available, requests))
    return *wrong;
  std::map<std::string, double> allocated;
  for (const auto* r : by_priority(requests)) {
    const double given = std::min(available, r->quantity);
    allocated[r->id] = given;
    available -= given;
  }
  return allocated;
}

outcome<std::map<std::string, double>>
allocate_fair_share(double available, const std::vector<stock_request>& requests,
                    bool whole) {
  if (auto wrong = wrong_requests(available, requests))
    return *wrong;
  std::vector<double> asked;
  for (const auto& r : requests)
    asked.push_back(whole ? std::floor(r.quantity) : r.quantity);
  if (whole)
    available = std::floor(available);
  const double sum = std::accumulate(asked.begin(), asked.end(), 0.0);
  const double share = sum > available ? available / sum : 1;
  std::vector<double> given;
  for (const double a : asked)
    given.push_back(whole && share < 1 ? std::floor(a * share) : a * share);
  if (whole && share < 1) {
    std::vector<std::size_t> order(given.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return asked[a] * share - given[a] > asked[b] * share - given[b];
    });
    double left = available - std::accumulate(given.begin(), given.end(), 0.0);
    for (const auto i : order) {
      if (left < 1)
        break;
      if (given[i] + 1 <= asked[i]) {
        given[i] += 1;
        left -= 1;
      }
    }
  }
  std::map<std::string, double> allocated;
  for (std::size_t i = 0; i < requests.size(); ++i)
    allocated[requests[i].id] = given[i];
  return allocated;
}

outcome<reallocation> reallocate(double available,
                                 const std::vector<confirmed_request>& requests) {
  if (auto wrong = wrong_requests(available, requests))
    return *wrong;
  for (std::size_t i = 0; i < requests.size(); ++i)
    if (auto wrong = checks()
                         .not_negative("requests[" + std::to_string(i) + "].confirmed",
                                       requests[i].confirmed)
                         .failure())
      return *wrong;
  reallocation result;
  const auto order = by_priority(requests);
  const auto give = [&](const confirmed_request& r, double up_to) {
    auto& has = result.confirmed[r.id];
    const double more = std::min(available, std::max(0.0, up_to - has));
    has += more;
    available -= more;
  };
  using rule = confirmation_rule;
  for (const auto* r : order)
    if (r->rule == rule::win)
      give(*r, r->quantity);
  for (const auto* r : order)
    if (r->rule == rule::gain)
      give(*r, std::min(r->confirmed, r->quantity));
  for (const auto* r : order)
    if (r->rule != rule::lose)
      give(*r, r->rule == rule::fill ? std::min(r->confirmed, r->quantity) : r->quantity);
  for (const auto& r : requests) {
    const double has = result.confirmed[r.id];
    if ((r.rule == rule::win && has < r.quantity) ||
        (r.rule == rule::gain && has < std::min(r.confirmed, r.quantity)))
      result.broken.push_back(r.id);
  }
  return result;
}

outcome<abc> abc_classes(const std::map<std::string, double>& annual_usage_value,
                         double cut_a, double cut_b) {
  checks c;
  c.that(!annual_usage_value.empty(), "annual_usage_value", "must have at least one item")
      .that(cut_a > 0 && cut_a < cut_b && cut_b <= 1, "cuts",
            "must be two rising shares greater than 0 and at most 1");
  double sum = 0;
  for (const auto& [name, value] : annual_usage_value) {
    c.not_negative("annual_usage_value." + name, value);
    sum += value;
  }
  c.that(c.failure() || (sum > 0 && std::isfinite(sum)), "annual_usage_value",
         "must not add up to 0");
  if (c.failure())
    return *c.failure();
  std::vector<std::pair<std::string, double>> order(annual_usage_value.begin(),
                                                    annual_usage_value.end());
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  abc result;
  double so_far = 0;
  constexpr double rounding = 1e-12; // a share that is the cut but for its sum's rounding
  for (const auto& [name, value] : order) {
    so_far += value;
    const double share = so_far / sum;
    result.cumulative_share.push_back(share);
    result.classes[name] = share <= cut_a + rounding   ? 'A'
                           : share <= cut_b + rounding ? 'B'
                                                       : 'C';
  }
  return result;
}

} // namespace crossdock::planning
