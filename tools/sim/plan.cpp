#include "plan.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

namespace crossdock::sim {

namespace {

using nlohmann::json;

/// A line to plant: `units` more than the site has.
struct plant {
  int place;
  int units;
  const char* remedy;
};

class planner {
public:
  planner(database& db, const world& w, day today) : db_(db), w_(w), today_(today) {}

  std::vector<planned_step> plan(day first, int order_lines_max) {
    read_stock();
    orders(first, order_lines_max);
    receipts();
    slips();
    const auto& hub = w_.sites[0];
    for (int minute = hub.opens + 10; minute <= hub.closes; minute += 10)
      add(minute * 60 + 59, "tick", json::object());
    add((hub.closes - 45) * 60, "reorder", json::object());
    add(hub.closes * 60 + 60, "close", json::object());
    std::stable_sort(steps_.begin(), steps_.end(),
                     [](const auto& a, const auto& b) { return a.at < b.at; });
    return std::move(steps_);
  }

private:
  void add(std::int64_t second_of_day, const char* kind, json payload) {
    steps_.push_back(
        {site_instant(w_.sites[0], today_, 0) + second_of_day, kind, std::move(payload)});
  }

  void read_stock() {
    std::map<std::string, int> items;
    std::map<std::string, int> sites;
    for (std::size_t n = 0; n < w_.items.size(); ++n)
      items[w_.items[n].id] = static_cast<int>(n);
    for (std::size_t n = 0; n < w_.sites.size(); ++n)
      sites[w_.sites[n].id] = static_cast<int>(n);
    available_.assign(w_.places.size(), 0);
    db_.each(
        "SELECT item_id, site_id, on_hand - reserved FROM stock", {}, [&](statement& s) {
          const auto i = items.find(s.text(0));
          const auto at = sites.find(s.text(1));
          if (i == items.end() || at == sites.end())
            return;
          const int place = place_of(i->second, at->second);
          if (place >= 0)
            available_[static_cast<std::size_t>(place)] = static_cast<int>(s.integer(2));
        });
  }

  int place_of(int item, int site) const {
    return w_.place_of[static_cast<std::size_t>(item * w_.size.sites + site)];
  }

  int available(int place) const { return available_[static_cast<std::size_t>(place)]; }

  /// What the best other site could give and still stand above half its reorder point;
  /// and what all other sites have together.
  std::pair<int, int> elsewhere(int place) const {
    const auto& p = w_.places[static_cast<std::size_t>(place)];
    int best = 0;
    int all = 0;
    for (int s = 0; s < w_.size.sites; ++s) {
      const int other = place_of(p.item, s);
      if (s == p.site || other < 0)
        continue;
      const auto& o = w_.places[static_cast<std::size_t>(other)];
      best = std::max(best, available(other) - (o.reorder_point + 1) / 2);
      all += std::max(0, available(other));
    }
    return {best, all};
  }

  /// How short a line at `place` may be planted to call for `remedy`; 0: not at all.
  int units_for(int place, std::string_view remedy, stream& s) const {
    const auto& p = w_.places[static_cast<std::size_t>(place)];
    const auto& i = w_.items[static_cast<std::size_t>(p.item)];
    const auto packs = [&](double units) {
      return std::max(1, static_cast<int>(std::lround(units / i.pack))) * i.pack;
    };
    const auto [best, all] = elsewhere(place);
    const double usual = i.mean_units * (0.7 + 1.6 * s.uniform());
    if (remedy == "wait") {
      const int units = packs(std::max(usual, all + 1.0));
      return units > all && units <= 6 * i.mean_units + i.pack ? units : 0;
    }
    const double low = remedy == "transfer_small" ? 30 : 500;
    const double high = remedy == "transfer_small" ? 200 : 4000;
    const double price = i.price_cents / 100.0;
    const int units = packs(std::clamp(usual, low / price, high / price));
    const double value = units * price;
    const bool usual_size = units <= 12 * i.mean_units + i.pack;
    return units <= best && value >= low && value <= high && usual_size ? units : 0;
  }

  /// Chooses item-sites whose next order will be more than they have. Places with little
  /// stock come first, so that the planted quantities look like anybody's order.
  std::vector<plant> plants(int wanted) {
    std::vector<std::pair<double, int>> order;
    for (std::size_t n = 0; n < w_.places.size(); ++n) {
      stream s{w_.demand_seed, purpose::plan, n, static_cast<std::uint32_t>(today_)};
      const auto& i = w_.items[static_cast<std::size_t>(w_.places[n].item)];
      const double cover = std::max(0, available_[n]) / i.mean_units;
      order.emplace_back(std::max(cover, 3.0) + s.uniform(), static_cast<int>(n));
    }
    std::sort(order.begin(), order.end());
    // Four in ten small, three large, three that no other site can help.
    constexpr std::array<const char*, 10> mix{"transfer_small", "transfer_large", "wait",
                                              "transfer_small", "transfer_large", "wait",
                                              "transfer_small", "transfer_large", "wait",
                                              "transfer_small"};
    std::vector<plant> chosen;
    std::set<int> used; // one item once: two plants would compete for the same donor
    for (int n = 0; n < wanted; ++n) {
      const char* remedy = mix[static_cast<std::size_t>(n % 10)];
      // tiny has few candidates of each kind; any kind of shortage is better than none.
      for (const char* attempt : {remedy, "transfer_small", "transfer_large", "wait"}) {
        const auto found = std::find_if(order.begin(), order.end(), [&](const auto& o) {
          if (used.contains(w_.places[static_cast<std::size_t>(o.second)].item))
            return false;
          stream s{w_.demand_seed, purpose::plan, static_cast<std::uint64_t>(o.second),
                   0};
          const int units = units_for(o.second, attempt, s);
          if (units > 0)
            chosen.push_back({o.second, units, attempt});
          return units > 0;
        });
        if (found == order.end())
          continue;
        used.insert(w_.places[static_cast<std::size_t>(found->second)].item);
        break;
      }
    }
    return chosen;
  }

  void orders(day first, int lines_max) {
    auto wanted = orders_of(w_, today_, first, today_);
    int lines = 0;
    for (const auto& o : wanted)
      lines += static_cast<int>(o.lines.size());
    const int budget = lines_max > 0 ? std::min(lines, lines_max) : lines;
    stream s{w_.demand_seed, purpose::order, 0, static_cast<std::uint32_t>(today_)};
    auto planted = plants(std::max(std::min(w_.size.short_lines_min, std::max(1, budget)),
                                   static_cast<int>(std::lround(0.05 * budget))));
    const int natural = std::max(0, budget - static_cast<int>(planted.size()));
    thin(wanted, lines - natural, s);
    std::vector<json> payloads;
    for (const auto& o : wanted) {
      json entries = json::array();
      for (const auto& l : o.lines)
        entries.push_back(
            {{"item", item_id(l.place)},
             {"requested", to_text(add_working_days(today_, l.requested_offset))},
             {"quantity", l.quantity}});
      payloads.push_back({{"customer", customer_id(o.customer)},
                          {"site", w_.sites[static_cast<std::size_t>(o.site)].id},
                          {"lines", std::move(entries)}});
    }
    for (const auto& p : planted)
      put_into_an_order(p, wanted, payloads, s);
    for (std::size_t n = 0; n < wanted.size(); ++n)
      if (!payloads[n]["lines"].empty())
        steps_.push_back({std::clamp(wanted[n].entered, hub_time(w_.sites[0].opens),
                                     hub_time(w_.sites[0].closes)),
                          "order", std::move(payloads[n])});
  }

  instant hub_time(int minute) const { return site_instant(w_.sites[0], today_, minute); }

  std::string item_id(int place) const {
    const auto& p = w_.places[static_cast<std::size_t>(place)];
    return w_.items[static_cast<std::size_t>(p.item)].id;
  }

  std::string customer_id(int n) const {
    return w_.customers[static_cast<std::size_t>(n)].id;
  }

  /// Takes `surplus` lines away, spread over the day.
  static void thin(std::vector<wanted_order>& wanted, int surplus, stream& s) {
    std::vector<std::size_t> candidates;
    for (std::size_t n = 0; n < wanted.size(); ++n)
      candidates.insert(candidates.end(), wanted[n].lines.size(), n);
    for (; surplus > 0 && !candidates.empty(); --surplus) {
      const auto k =
          static_cast<std::size_t>(s.below(static_cast<std::int64_t>(candidates.size())));
      wanted[candidates[k]].lines.pop_back();
      candidates[k] = candidates.back();
      candidates.pop_back();
    }
  }

  /// Into an order of the same site that is entered before half past two, so that the
  /// day still has time to answer; into an order of its own if there is none.
  void put_into_an_order(const plant& p, std::vector<wanted_order>& wanted,
                         std::vector<json>& payloads, stream& s) {
    const auto& place = w_.places[static_cast<std::size_t>(p.place)];
    const double u = s.uniform();
    const int offset = u < 0.1 ? 0 : u < 0.3 ? 1 : static_cast<int>(s.between(2, 4));
    const auto& i = w_.items[static_cast<std::size_t>(place.item)];
    const json line{{"item", i.id},
                    {"requested", to_text(add_working_days(today_, offset))},
                    {"short", p.units},
                    {"remedy", p.remedy},
                    {"pack", i.pack}};
    std::vector<std::size_t> candidates;
    for (std::size_t n = 0; n < wanted.size(); ++n)
      if (wanted[n].site == place.site && wanted[n].entered < hub_time(14 * 60 + 30) &&
          !payloads[n]["lines"].empty())
        candidates.push_back(n);
    if (!candidates.empty()) {
      const auto k = s.below(static_cast<std::int64_t>(candidates.size()));
      payloads[candidates[static_cast<std::size_t>(k)]]["lines"].push_back(line);
      return;
    }
    const auto& buyers = w_.customers_of[static_cast<std::size_t>(place.site)];
    wanted_order o{};
    o.site = place.site;
    o.customer = buyers[static_cast<std::size_t>(
        s.below(static_cast<std::int64_t>(buyers.size())))];
    o.entered = hub_time(8 * 60) + s.below(6 * 3600);
    payloads.push_back({{"customer", customer_id(o.customer)},
                        {"site", w_.sites[static_cast<std::size_t>(place.site)].id},
                        {"lines", json::array({line})}});
    wanted.push_back(o);
  }

  void receipts() {
    stream s{w_.demand_seed, purpose::arrival, 1, static_cast<std::uint32_t>(today_)};
    db_.each("SELECT t.line_id FROM truth_arrival t JOIN purchase_line l USING (line_id) "
             "WHERE l.state = 'open' AND (t.last_date <= ?1 OR "
             "(t.first_date <= ?1 AND l.received < t.first_qty)) ORDER BY 1",
             {to_text(today_)}, [&](statement& row) {
               add(s.between(8 * 3600, 13 * 3600), "receipt", {{"line", row.text(0)}});
             });
  }

  /// Suppliers own up to about half of what will be late soon; if too few are, others
  /// become late, so that a played day always has some.
  void slips() {
    stream s{w_.demand_seed, purpose::lead_time, 1, static_cast<std::uint32_t>(today_)};
    int announced = 0;
    std::vector<std::pair<std::string, day>> others;
    db_.each("SELECT t.line_id, l.promised_date, t.last_date FROM truth_arrival t "
             "JOIN purchase_line l USING (line_id) "
             "WHERE l.state = 'open' AND l.received = 0 AND t.first_date > ? ORDER BY 1",
             {to_text(today_)}, [&](statement& row) {
               const auto promised = parse_day(row.text(1)).value_or(today_);
               const auto real = parse_day(row.text(2)).value_or(today_);
               if (real > promised && promised < today_ + 14 && s.chance(0.5)) {
                 ++announced;
                 slip(row.text(0), real, s);
               } else if (real <= promised) {
                 others.emplace_back(row.text(0), promised);
               }
             });
    for (; announced < w_.size.short_lines_min / 2 && !others.empty(); ++announced) {
      const auto k =
          static_cast<std::size_t>(s.below(static_cast<std::int64_t>(others.size())));
      slip(others[k].first,
           working_day_from(others[k].second + static_cast<day>(s.between(3, 15))), s);
      others.erase(others.begin() + static_cast<std::ptrdiff_t>(k));
    }
  }

  void slip(const std::string& line, day date, stream& s) {
    add(s.between(8 * 3600, 15 * 3600), "slip",
        {{"line", line}, {"date", to_text(date)}});
  }

  database& db_;
  const world& w_;
  day today_;
  std::vector<int> available_;
  std::vector<planned_step> steps_;
};

} // namespace

std::vector<planned_step> plan_day(database& db, const world& w, day first, day today,
                                   int order_lines_max) {
  return planner{db, w, today}.plan(first, order_lines_max);
}

} // namespace crossdock::sim
