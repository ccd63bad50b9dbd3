#include "planning/supply.hpp"

#include "planning/checks.hpp"

#include <algorithm>
#include <cmath>
#include <set>

namespace crossdock::planning {

namespace {

// A deficit is covered by the nearest earlier period that still has something to promise.
void let_deficits_consume_earlier(std::vector<double>& discrete) {
  for (std::size_t late = discrete.size(); late-- > 1;) {
    for (std::size_t early = late; early-- > 0 && discrete[late] < 0;) {
      const double taken = std::min(std::max(0.0, discrete[early]), -discrete[late]);
      discrete[early] -= taken;
      discrete[late] += taken;
    }
  }
}

// What may be promised by each period without breaking a promise of a later one.
std::vector<double> safe_cumulative(const std::vector<double>& cumulative) {
  std::vector<double> safe = cumulative;
  for (std::size_t t = safe.size(); t-- > 1;)
    safe[t - 1] = std::min(safe[t - 1], safe[t]);
  return safe;
}

// Everything below `site` (without itself), each site once. False when `site` is reached
// again, or a child is unknown; `culprit` names it.
bool collect_downstream(const std::map<std::string, stocking_point>& nodes,
                        const std::string& site, std::set<std::string>& downstream,
                        std::string& culprit) {
  std::vector<std::string> open{site};
  while (!open.empty()) {
    const auto node = nodes.find(open.back());
    open.pop_back();
    for (const auto& child : node->second.children) {
      if (child == site || nodes.find(child) == nodes.end()) {
        culprit = child;
        return false;
      }
      if (downstream.insert(child).second)
        open.push_back(child);
    }
  }
  return true;
}

} // namespace

outcome<atp> atp_discrete(double on_hand, const std::vector<double>& mps,
                          const std::vector<double>& booked) {
  if (auto wrong = checks()
                       .finite("on_hand", on_hand)
                       .that(!mps.empty(), "mps", "must have at least one period")
                       .all_not_negative("mps", mps)
                       .all_not_negative("booked", booked)
                       .same_length("booked", booked.size(), mps.size())
                       .failure())
    return *wrong;

  atp result;
  result.discrete.assign(mps.size(), 0.0);
  std::size_t bucket = 0;
  result.discrete[0] = on_hand + mps[0];
  for (std::size_t t = 0; t < mps.size(); ++t) {
    if (t > 0 && mps[t] > 0) {
      bucket = t;
      result.discrete[t] = mps[t];
    }
    result.discrete[bucket] -= booked[t];
  }
  let_deficits_consume_earlier(result.discrete);

  double sum = 0;
  for (const double d : result.discrete)
    result.cumulative_no_lookahead.push_back(sum += d);
  return result;
}

outcome<promise> promise_date(double on_hand, const std::vector<double>& mps,
                              const std::vector<double>& booked, double qty,
                              bool allow_partial) {
  if (auto wrong = checks().positive("qty", qty).failure())
    return *wrong;
  const auto supply = atp_discrete(on_hand, mps, booked);
  if (!supply)
    return supply.error();

  promise result;
  const auto promisable = safe_cumulative(supply->cumulative_no_lookahead);
  double delivered = 0;
  for (std::size_t t = 0; t < promisable.size() && !result.period_1based; ++t) {
    const double can_have = std::min(qty, promisable[t]);
    const bool complete = promisable[t] >= qty;
    if (can_have > delivered && (complete || allow_partial)) {
      result.deliveries.push_back({t + 1, can_have - delivered});
      delivered = can_have;
    }
    if (complete)
      result.period_1based = t + 1;
  }
  return result;
}

outcome<std::map<std::string, double>>
echelon_inventory_position(const std::map<std::string, stocking_point>& nodes) {
  std::map<std::string, double> positions;
  for (const auto& [name, node] : nodes) {
    if (auto wrong = checks()
                         .finite(name + ".on_hand", node.on_hand)
                         .not_negative(name + ".on_order", node.on_order)
                         .not_negative(name + ".in_transit", node.in_transit)
                         .not_negative(name + ".backorders", node.backorders)
                         .failure())
      return *wrong;
    std::set<std::string> downstream;
    std::string culprit;
    if (!collect_downstream(nodes, name, downstream, culprit))
      return domain_error{name + ".children",
                          culprit == name ? "the site supplies itself"
                                          : "'" + culprit + "' is not one of the sites"};
    double position = node.on_hand + node.on_order - node.backorders;
    for (const auto& below : downstream) {
      const auto& child = nodes.at(below);
      position += child.on_hand + child.in_transit - child.backorders;
    }
    positions[name] = position;
  }
  return positions;
}

outcome<double> available_to_transfer(double available, double reorder_point,
                                      double pack) {
  if (auto wrong = checks()
                       .finite("available", available)
                       .not_negative("reorder_point", reorder_point)
                       .positive("pack", pack)
                       .failure())
    return *wrong;
  // A whole pack must not be lost to binary rounding of decimals (0.3 / 0.1 < 3).
  constexpr double rounding = 1e-9;
  const double packs = std::floor((available - reorder_point) / pack + rounding);
  return std::max(0.0, packs * pack);
}

} // namespace crossdock::planning
