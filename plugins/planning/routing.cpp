#include "planning/routing.hpp"

#include "planning/checks.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

namespace crossdock::planning {
namespace {

constexpr std::size_t stops_max = 2000;

struct saving {
  double value;
  std::size_t a, b;
};

/// Highest first; equal ones in the order of their names.
void sort_savings(std::vector<saving>& savings) {
  std::stable_sort(savings.begin(), savings.end(),
                   [](const saving& a, const saving& b) { return a.value > b.value; });
}

double tour_of(const std::set<int>& aisles, double length, double spacing) {
  const auto n = aisles.size() + aisles.size() % 2;
  return 2 * spacing * *aisles.rbegin() + length * static_cast<double>(n);
}

} // namespace

outcome<slotting> slotting_coi(const std::map<std::string, slot_item>& items,
                               std::vector<double> location_distance) {
  checks c;
  c.that(!items.empty(), "skus", "must have at least one item")
      .that(location_distance.size() >= items.size(), "location_distance",
            "must have a location for every item")
      .all_not_negative("location_distance", location_distance);
  for (const auto& [name, item] : items)
    c.positive("skus." + name + ".cube", item.cube)
        .positive("skus." + name + ".picks", item.picks);
  if (c.failure())
    return *c.failure();
  slotting s{{}, {}, 0};
  std::vector<std::pair<double, std::string>> order;
  for (const auto& [name, item] : items) {
    s.coi[name] = item.cube / item.picks;
    order.emplace_back(s.coi[name], name);
  }
  std::sort(order.begin(), order.end());
  std::sort(location_distance.begin(), location_distance.end());
  for (std::size_t i = 0; i < order.size(); ++i) {
    s.assignment[order[i].second] = location_distance[i];
    s.expected_travel += items.at(order[i].second).picks * 2 * location_distance[i];
  }
  return s;
}

outcome<double> s_shape_distance(double aisle_length, double aisle_spacing,
                                 const std::vector<pick_position>& picks,
                                 int depot_aisle) {
  checks c;
  c.positive("aisle_length", aisle_length)
      .not_negative("aisle_spacing", aisle_spacing)
      .that(depot_aisle >= 0, "depot_aisle", "must not be negative");
  std::map<int, double> farthest;
  for (std::size_t i = 0; i < picks.size() && !c.failure(); ++i) {
    const auto at = "picks[" + std::to_string(i) + "].";
    c.that(picks[i].aisle >= 0, at + "aisle", "must not be negative")
        .that(picks[i].position >= 0 && picks[i].position <= aisle_length, at + "pos",
              "must lie within the aisle");
    auto& f = farthest[picks[i].aisle];
    f = std::max(f, picks[i].position);
  }
  if (c.failure())
    return *c.failure();
  if (farthest.empty())
    return 0.0;
  const double leftmost = std::min(farthest.begin()->first, depot_aisle);
  const double rightmost = std::max(farthest.rbegin()->first, depot_aisle);
  const auto n = farthest.size();
  const bool odd = n % 2 == 1;
  return 2 * aisle_spacing * (rightmost - leftmost) +
         aisle_length * static_cast<double>(odd ? n - 1 : n) +
         (odd ? 2 * farthest.rbegin()->second : 0);
}

outcome<batching> savings_batching(const std::map<std::string, std::vector<int>>& orders,
                                   std::size_t capacity_orders, double aisle_length,
                                   double aisle_spacing) {
  checks c;
  c.that(!orders.empty() && orders.size() <= stops_max, "orders",
         "must have between 1 and 2000 orders")
      .that(capacity_orders >= 1, "capacity_orders", "must be at least 1")
      .positive("aisle_length", aisle_length)
      .not_negative("aisle_spacing", aisle_spacing);
  std::vector<std::string> names;
  std::vector<std::set<int>> aisles;
  for (const auto& [name, own] : orders) {
    c.that(!own.empty() && *std::min_element(own.begin(), own.end()) >= 0,
           "orders." + name, "must name at least one aisle, none of them negative");
    names.push_back(name);
    aisles.emplace_back(own.begin(), own.end());
  }
  if (c.failure())
    return *c.failure();
  const auto n = names.size();
  batching result{{}, {}, 0};
  std::vector<saving> savings;
  for (std::size_t a = 0; a < n; ++a)
    for (std::size_t b = a + 1; b < n; ++b) {
      auto both = aisles[a];
      both.insert(aisles[b].begin(), aisles[b].end());
      const double value = tour_of(aisles[a], aisle_length, aisle_spacing) +
                           tour_of(aisles[b], aisle_length, aisle_spacing) -
                           tour_of(both, aisle_length, aisle_spacing);
      result.savings.push_back({names[a], names[b], value});
      savings.push_back({value, a, b});
    }
  sort_savings(savings);
  std::vector<std::size_t> batch_of(n);
  std::iota(batch_of.begin(), batch_of.end(), std::size_t{0});
  std::vector<std::vector<std::size_t>> members(n);
  for (std::size_t i = 0; i < n; ++i)
    members[i] = {i};
  for (const auto& s : savings) {
    const auto a = batch_of[s.a];
    const auto b = batch_of[s.b];
    if (s.value <= 0 || a == b || members[a].size() + members[b].size() > capacity_orders)
      continue;
    for (const auto i : members[b])
      batch_of[i] = a;
    members[a].insert(members[a].end(), members[b].begin(), members[b].end());
    members[b].clear();
  }
  for (auto& m : members) {
    if (m.empty())
      continue;
    std::sort(m.begin(), m.end());
    std::set<int> all;
    std::vector<std::string> batch;
    for (const auto i : m) {
      all.insert(aisles[i].begin(), aisles[i].end());
      batch.push_back(names[i]);
    }
    result.total_distance += tour_of(all, aisle_length, aisle_spacing);
    result.batches.push_back(std::move(batch));
  }
  std::sort(result.batches.begin(), result.batches.end());
  return result;
}

outcome<vehicle_routes> clarke_wright_vrp(const std::map<std::string, place>& points,
                                          const std::map<std::string, double>& demand,
                                          double capacity, const std::string& depot) {
  checks c;
  c.positive("capacity", capacity)
      .that(points.count(depot) == 1, "points", "must have the depot \"" + depot + "\"")
      .that(points.size() >= 2 && points.size() <= stops_max + 1, "points",
            "must have between 1 and 2000 customers besides the depot");
  for (const auto& [name, quantity] : demand)
    c.that(points.count(name) == 1, "demand." + name, "must be one of the points");
  std::vector<std::string> names;
  std::vector<place> at;
  std::vector<double> load;
  for (const auto& [name, where] : points) {
    c.finite("points." + name, where.x).finite("points." + name, where.y);
    if (name == depot)
      continue;
    const auto d = demand.find(name);
    c.that(d != demand.end(), "demand." + name, "is missing");
    if (c.failure())
      break;
    c.that(d->second >= 0 && d->second <= capacity, "demand." + name,
           "must lie between 0 and the capacity");
    names.push_back(name);
    at.push_back(where);
    load.push_back(d->second);
  }
  if (c.failure())
    return *c.failure();
  const auto distance = [](const place& a, const place& b) {
    return std::hypot(a.x - b.x, a.y - b.y);
  };
  const auto home = points.at(depot);
  const auto n = names.size();
  vehicle_routes result{{}, {}, 0};
  std::vector<saving> savings;
  for (std::size_t a = 0; a < n; ++a)
    for (std::size_t b = a + 1; b < n; ++b) {
      const double value =
          distance(home, at[a]) + distance(home, at[b]) - distance(at[a], at[b]);
      result.savings.push_back({names[a], names[b], value});
      savings.push_back({value, a, b});
    }
  sort_savings(savings);
  std::vector<std::size_t> route_of(n);
  std::iota(route_of.begin(), route_of.end(), std::size_t{0});
  std::vector<std::vector<std::size_t>> stops(n);
  for (std::size_t i = 0; i < n; ++i)
    stops[i] = {i};
  std::vector<double> carried = load;
  for (const auto& s : savings) {
    const auto a = route_of[s.a];
    const auto b = route_of[s.b];
    if (s.value <= 0 || a == b || carried[a] + carried[b] > capacity * (1 + 1e-12))
      continue;
    auto& first = stops[a];
    auto& second = stops[b];
    const auto is_end = [](const std::vector<std::size_t>& r, std::size_t i) {
      return r.front() == i || r.back() == i;
    };
    if (!is_end(first, s.a) || !is_end(second, s.b))
      continue;
    if (first.back() != s.a)
      std::reverse(first.begin(), first.end());
    if (second.front() != s.b)
      std::reverse(second.begin(), second.end());
    for (const auto i : second)
      route_of[i] = a;
    first.insert(first.end(), second.begin(), second.end());
    second.clear();
    carried[a] += carried[b];
  }
  for (auto& r : stops) {
    if (r.empty())
      continue;
    if (r.back() < r.front())
      std::reverse(r.begin(), r.end());
    std::vector<std::string> route;
    place last = home;
    for (const auto i : r) {
      result.total_distance += distance(last, at[i]);
      last = at[i];
      route.push_back(names[i]);
    }
    result.total_distance += distance(last, home);
    result.routes.push_back(std::move(route));
  }
  std::sort(result.routes.begin(), result.routes.end());
  return result;
}

outcome<double> haversine_km(double lat1, double lon1, double lat2, double lon2) {
  checks c;
  const auto degrees = [&](const char* field, double x, double limit) {
    c.that(std::abs(x) <= limit, field,
           limit < 100 ? "must lie between -90 and 90" : "must lie between -180 and 180");
  };
  degrees("lat1", lat1, 90);
  degrees("lon1", lon1, 180);
  degrees("lat2", lat2, 90);
  degrees("lon2", lon2, 180);
  if (c.failure())
    return *c.failure();
  constexpr double radius_km = 6371.0088;
  constexpr double radian = 3.14159265358979323846 / 180;
  const double north = std::sin((lat2 - lat1) * radian / 2);
  const double east = std::sin((lon2 - lon1) * radian / 2);
  const double a =
      north * north + std::cos(lat1 * radian) * std::cos(lat2 * radian) * east * east;
  return 2 * radius_km * std::asin(std::min(1.0, std::sqrt(a)));
}

} // namespace crossdock::planning
