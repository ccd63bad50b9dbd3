#include "history.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>

namespace crossdock::sim {

namespace {

/// The distributor while its past is played: the past so far and the queues of its
/// future.
class historian {
public:
  historian(const world& w, day today, int days) : w_(w), places_(w.places.size()) {
    past_.first = today - days;
    past_.today = today;
    past_.stock.resize(w.places.size());
    out_.assign(w.places.size(), -1);
    due_.resize(w.sites.size());
    load_.assign(w.sites.size(), 0.8);
    open_stock();
  }

  past run(const std::function<void(double)>& progress) {
    for (day d = past_.first; d < past_.today; ++d) {
      if (!is_working_day(d))
        continue;
      receive_purchases(d);
      receive_transfers(d);
      enter_orders(d);
      pick_lines(d);
      move_transfers(d);
      request_transfers(d);
      count_stock(d);
      reorder(d);
      note_stock_outs(d);
      progress(static_cast<double>(d - past_.first + 1) / (past_.today - past_.first));
    }
    // A pick that went past the evening is written before the next morning's receipts.
    std::stable_sort(past_.movements.begin(), past_.movements.end(),
                     [](const auto& a, const auto& b) { return a.at < b.at; });
    forget_unsold();
    return std::move(past_);
  }

private:
  /// What an item-site still owes and expects.
  struct expectation {
    std::deque<int> waiting; ///< lines without their full quantity, in order of entry
    int owed = 0;            ///< units of open lines
    int on_order = 0;        ///< units of open purchase lines and inbound transfers
  };

  place_state& stock(int place) { return past_.stock[static_cast<std::size_t>(place)]; }
  expectation& expected(int place) { return places_[static_cast<std::size_t>(place)]; }
  const place& at(int place) const { return w_.places[static_cast<std::size_t>(place)]; }
  const site& site_at(int n) const { return w_.sites[static_cast<std::size_t>(n)]; }
  int available(int place) { return stock(place).on_hand - stock(place).reserved; }

  void move(instant when, int place, movement_kind kind, int quantity, int document) {
    stock(place).on_hand += quantity;
    past_.movements.push_back({when, place, kind, quantity, document});
  }

  void open_stock() {
    for (std::size_t n = 0; n < w_.places.size(); ++n) {
      stream s{w_.seed, purpose::opening, n};
      const auto& p = w_.places[n];
      const int units = p.reorder_point + static_cast<int>(s.below(p.order_quantity + 1));
      // Dead stock: one slow item-site in five sits on more than it will ever sell.
      const int dead =
          p.lines_a_week < 0.06 && s.chance(0.5) ? static_cast<int>(s.between(1, 40)) : 0;
      move(instant{past_.first} * 86400, static_cast<int>(n), movement_kind::opening,
           units + dead, -1);
    }
  }

  /// Gives what is available to the lines that wait, the oldest first.
  void allocate(int place, day d) {
    auto& waiting = expected(place).waiting;
    while (!waiting.empty() && available(place) > 0) {
      auto& line = past_.lines[static_cast<std::size_t>(waiting.front())];
      const int more = std::min(available(place), line.quantity - line.allocated);
      line.allocated += more;
      stock(place).reserved += more;
      if (line.allocated < line.quantity)
        return;
      plan_pick(waiting.front(), std::max(line.requested, d));
      waiting.pop_front();
    }
  }

  void plan_pick(int line, day d) {
    const auto s = static_cast<std::size_t>(
        at(past_.lines[static_cast<std::size_t>(line)].place).site);
    due_[s][working_day_from(d)].push_back(line);
  }

  void receive_purchases(day d) {
    for (auto it = arrivals_.begin(); it != arrivals_.end() && it->first <= d;
         it = arrivals_.erase(it))
      for (const int n : it->second) {
        auto& p = past_.purchases[static_cast<std::size_t>(n)];
        const int open = p.quantity - p.received;
        const int units =
            d < p.truth.last ? std::min(open, p.truth.first_quantity) : open;
        stream s{w_.seed, purpose::arrival, static_cast<std::uint64_t>(n), 1};
        // Booked before the crew begins: stock is never negative within a day.
        const auto minute = static_cast<int>(s.between(5 * 60, 7 * 60));
        move(site_instant(site_at(at(p.place).site), d, minute), p.place,
             movement_kind::receipt, units, n);
        p.received += units;
        expected(p.place).on_order -= units;
        if (p.received == p.quantity)
          p.received_on = d;
        allocate(p.place, d);
      }
    for (auto& p : announcements_[d])
      past_.purchases[static_cast<std::size_t>(p)].promised =
          past_.purchases[static_cast<std::size_t>(p)].truth.last;
    announcements_.erase(d);
  }

  void receive_transfers(day d) {
    std::erase_if(on_the_road_, [&](int n) {
      auto& t = past_.transfers[static_cast<std::size_t>(n)];
      if (t.arrives > d)
        return false;
      const int to = place_of(t.item, t.to);
      t.received = d;
      move(site_instant(site_at(t.to), d, 7 * 60), to, movement_kind::transfer_in,
           t.quantity, n);
      expected(to).on_order -= t.quantity;
      allocate(to, d);
      return true;
    });
  }

  int place_of(int item, int s) const {
    return w_.place_of[static_cast<std::size_t>(item * w_.size.sites + s)];
  }

  void enter_orders(day d) {
    for (auto& o : orders_of(w_, d, past_.first, past_.today)) {
      const auto order = static_cast<int>(past_.orders.size());
      past_.orders.push_back({o.customer, o.site, o.entered});
      int number = 0;
      for (const auto& l : o.lines) {
        const int take = std::clamp(available(l.place), 0, l.quantity);
        const auto index = static_cast<int>(past_.lines.size());
        past_.lines.push_back({order, ++number, l.place, l.quantity, take, 0,
                               add_working_days(d, l.requested_offset),
                               l.quantity - take});
        stock(l.place).reserved += take;
        expected(l.place).owed += l.quantity;
        if (take == l.quantity)
          plan_pick(index, past_.lines.back().requested);
        else
          expected(l.place).waiting.push_back(index);
      }
    }
  }

  /// A crew picks evenly through the day in order of request; what it has not reached by
  /// the cut-off misses the carrier, what it has not reached by closing waits a day.
  void pick_lines(day d) {
    for (std::size_t s = 0; s < w_.sites.size(); ++s) {
      const auto& site = w_.sites[s];
      auto lines = std::move(due_[s][d]);
      due_[s].erase(d);
      std::stable_sort(lines.begin(), lines.end(), [&](int a, int b) {
        const auto& x = past_.lines[static_cast<std::size_t>(a)];
        const auto& y = past_.lines[static_cast<std::size_t>(b)];
        return std::pair{x.requested, a} < std::pair{y.requested, b};
      });
      const int capacity = capacity_of(w_, static_cast<int>(s), d);
      stream draw{w_.seed, purpose::crew, s + 1000, static_cast<std::uint32_t>(d)};
      const double pace = capacity * draw.lognormal(0, 0.06);
      const int window = site.cutoff - site.opens;
      int on_time = 0;
      for (std::size_t k = 0; k < lines.size(); ++k) {
        auto& line = past_.lines[static_cast<std::size_t>(lines[k])];
        const auto& order = past_.orders[static_cast<std::size_t>(line.order)];
        const double share = (static_cast<double>(k) + 0.5) / pace;
        const auto seconds = static_cast<instant>(share * window * 60);
        instant when = site_instant(site, d, site.opens) + seconds;
        if (when > site_instant(site, d, site.closes)) {
          due_[s][next_working_day(d)].push_back(lines[k]);
          continue;
        }
        when = std::max(when, order.entered + 20 * 60); // entered today: not before that
        on_time += when <= site_instant(site, d, site.cutoff) ? 1 : 0;
        line.shipped_at = when;
        stock(line.place).reserved -= line.quantity;
        expected(line.place).owed -= line.quantity;
        line.allocated = 0;
        move(when, line.place, movement_kind::sale, -line.quantity, lines[k]);
      }
      load_[s] = static_cast<double>(lines.size()) / capacity;
      past_.pick_days.push_back(
          {static_cast<int>(s), d, static_cast<int>(lines.size()), on_time, capacity});
    }
  }

  void move_transfers(day d) {
    std::erase_if(requested_, [&](int n) { return leaves(n, d); });
  }

  /// Whether transfer `n` leaves the queue on `d`: shipped or cancelled. Transfers are
  /// picked after customers' lines: the busier the site, the later.
  bool leaves(int n, day d) {
    auto& t = past_.transfers[static_cast<std::size_t>(n)];
    const auto& from = site_at(t.from);
    stream s{w_.seed, purpose::transfer, static_cast<std::uint64_t>(n),
             static_cast<std::uint32_t>(d)};
    const instant cutoff = site_instant(from, d, from.cutoff);
    const int place = place_of(t.item, t.from);
    if (t.created < cutoff - 86400 && s.chance(0.03)) {
      t.cancelled = cutoff - 4 * 3600;
      stock(place).reserved -= t.quantity;
      expected(place_of(t.item, t.to)).on_order -= t.quantity;
      return true;
    }
    const double load = load_[static_cast<std::size_t>(t.from)];
    const double ships =
        0.97 - 1.5 * std::max(0.0, load - 0.85) - (iso_weekday(d) == 1 ? 0.08 : 0.0);
    if (t.created > cutoff - 90 * 60 || !s.chance(std::clamp(ships, 0.25, 0.97)))
      return false;
    t.shipped = std::max(cutoff - s.between(5, 60) * 60, t.created + 3600);
    t.picked = t.shipped - s.between(15, 40) * 60;
    t.arrives = transfer_arrives(w_, w_.between(t.from, t.to), d,
                                 static_cast<std::uint64_t>(n) + 1);
    stock(place).reserved -= t.quantity;
    move(t.shipped, place, movement_kind::transfer_out, -t.quantity, n);
    on_the_road_.push_back(n);
    return true;
  }

  /// People look for places that wait or run low, and for a site that can spare it.
  void request_transfers(day d) {
    stream s{w_.seed, purpose::transfer, 1ULL << 40, static_cast<std::uint32_t>(d)};
    auto wanted = s.poisson(w_.size.transfers_a_day);
    const auto count = static_cast<std::int64_t>(w_.places.size());
    for (const bool urgent : {true, false}) {
      const auto start = s.below(count);
      for (std::int64_t k = 0; k < count && wanted > 0; ++k) {
        const auto n = static_cast<int>((start + k) % count);
        const auto& to = at(n);
        int need = 0;
        int line = -1;
        if (urgent && !expected(n).waiting.empty()) {
          line = expected(n).waiting.front();
          const auto& l = past_.lines[static_cast<std::size_t>(line)];
          need = l.quantity - l.allocated;
        } else if (!urgent && to.reorder_point > 2 &&
                   available(n) < to.reorder_point / 3) {
          need = std::max(1, to.reorder_point / 3);
        }
        if (need <= 0 || expected(n).on_order >= expected(n).owed + need)
          continue;
        wanted -= request_from_others(n, need, line, d, s) ? 1 : 0;
      }
    }
  }

  bool request_from_others(int to, int need, int line, day d, stream& s) {
    for (int from = 0; from < w_.size.sites; ++from) {
      const int donor = place_of(at(to).item, from);
      if (donor < 0 || donor == to ||
          available(donor) < need + at(donor).reorder_point / 2)
        continue;
      const double u = s.uniform();
      const int slack = u < 0.25 ? 0 : u < 0.60 ? 1 : u < 0.85 ? 2 : 3;
      const auto& l = w_.between(from, at(to).site);
      const instant created = site_instant(site_at(from), d, 0) +
                              s.between(site_at(from).opens, 17 * 60) * 60;
      stock(donor).reserved += need;
      expected(to).on_order += need;
      const auto index = static_cast<int>(past_.transfers.size());
      past_.transfers.push_back({at(to).item, from, at(to).site, need, line, created,
                                 add_working_days(d, l.transit_days + slack), 0, 0, 0, 0,
                                 0});
      if (!leaves(index, d)) // what was asked for in time goes out today
        requested_.push_back(index);
      return true;
    }
    return false;
  }

  /// A cycle count a site and day; one record in thirty is off by a little.
  void count_stock(day d) {
    for (std::size_t k = 0; k < w_.sites.size(); ++k) {
      stream s{w_.seed, purpose::adjustment, k, static_cast<std::uint32_t>(d)};
      const auto n =
          static_cast<int>(s.below(static_cast<std::int64_t>(w_.places.size())));
      const int spare = available(n);
      if (!s.chance(0.3) || spare < 3)
        continue;
      const auto units = static_cast<int>(s.between(1, std::max(1, spare / 20)));
      move(site_instant(site_at(at(n).site), d, 17 * 60), n, movement_kind::adjustment,
           s.chance(0.7) ? -units : units, -1);
    }
  }

  void note_stock_outs(day d) {
    for (std::size_t n = 0; n < out_.size(); ++n) {
      if (available(static_cast<int>(n)) > 0) {
        out_[n] = -1;
        continue;
      }
      if (out_[n] < 0) {
        out_[n] = static_cast<int>(past_.stock_outs.size());
        past_.stock_outs.push_back({static_cast<int>(n), d, d});
      }
      past_.stock_outs[static_cast<std::size_t>(out_[n])].last = d;
    }
  }

  /// What nobody ever ordered there is missed by nobody.
  void forget_unsold() {
    std::vector<bool> sold(w_.places.size());
    for (const auto& l : past_.lines)
      sold[static_cast<std::size_t>(l.place)] = true;
    std::erase_if(past_.stock_outs, [&](const auto& o) {
      return !sold[static_cast<std::size_t>(o.place)];
    });
  }

  void reorder(day d) {
    std::map<std::pair<int, int>, std::vector<int>> needs; // supplier, site -> places
    for (std::size_t n = 0; n < w_.places.size(); ++n) {
      const auto& p = w_.places[n];
      const auto& i = w_.items[static_cast<std::size_t>(p.item)];
      if (!review_day(i.supplier, p.site, d))
        continue;
      const auto place = static_cast<int>(n);
      const int position =
          stock(place).on_hand + expected(place).on_order - expected(place).owed;
      if (position <= p.reorder_point && i.lifecycle[0] != 'e' && i.lifecycle[0] != 's')
        needs[{i.supplier, p.site}].push_back(place);
      else if (position < 0)
        needs[{i.supplier, p.site}].push_back(place);
    }
    for (const auto& [who, places] : needs) {
      const auto order = static_cast<int>(past_.purchase_orders.size());
      past_.purchase_orders.push_back({who.first, who.second, d});
      int number = 0;
      for (const int n : places)
        buy(order, ++number, n, d);
    }
  }

  void buy(int order, int number, int n, day d) {
    const auto& p = at(n);
    const auto& i = w_.items[static_cast<std::size_t>(p.item)];
    const int position = stock(n).on_hand + expected(n).on_order - expected(n).owed;
    const int target = std::max(position < 0 ? -position : 1,
                                p.reorder_point - position + p.order_quantity);
    const int quantity = (target + i.pack - 1) / i.pack * i.pack;
    const auto index = static_cast<int>(past_.purchases.size());
    const auto truth = deliver(w_, w_.suppliers[static_cast<std::size_t>(i.supplier)],
                               quantity, d, static_cast<std::uint64_t>(index) + 1);
    past_.purchases.push_back(
        {order, number, n, quantity, 0, d, truth.promised, truth.promised, 0, truth});
    expected(n).on_order += quantity;
    if (truth.first != truth.last)
      arrivals_[truth.first].push_back(index);
    arrivals_[truth.last].push_back(index);
    if (truth.announces) // a few days before the promised date, if it is not past already
      announcements_[working_day_from(std::max(d + 1, truth.promised - 4))].push_back(
          index);
  }

  const world& w_;
  past past_;
  std::vector<expectation> places_;
  std::vector<std::map<day, std::vector<int>>> due_; ///< per site: lines to pick
  std::vector<double> load_;                         ///< lines due / capacity, today
  std::vector<int> out_; ///< per place: its stock-out that lasts, -1 for none
  std::map<day, std::vector<int>> arrivals_;
  std::map<day, std::vector<int>> announcements_;
  std::vector<int> requested_;
  std::vector<int> on_the_road_;
};

} // namespace

past play_history(const world& w, day today, int days,
                  const std::function<void(double)>& progress) {
  return historian{w, today, days}.run(progress);
}

} // namespace crossdock::sim
