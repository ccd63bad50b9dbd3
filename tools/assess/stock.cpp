#include "assess/stock.hpp"

#include <algorithm>
#include <cctype>
#include <deque>
#include <limits>

namespace crossdock::assess {
namespace {

constexpr std::size_t no_line = std::numeric_limits<std::size_t>::max();
/// Books that are below zero on more than this share of days say nothing about the past.
constexpr double below_zero_share_max = 0.05;

std::int64_t micros(decimal d) {
  return d.micros();
}

} // namespace

bool reads_before(std::string_view a, std::string_view b) {
  const auto digit = [](char c) {
    return std::isdigit(static_cast<unsigned char>(c)) != 0;
  };
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() && j < b.size()) {
    if (!digit(a[i]) || !digit(b[j])) {
      if (a[i] != b[j]) {
        return a[i] < b[j];
      }
      ++i;
      ++j;
      continue;
    }
    const auto end = [&](std::string_view s, std::size_t at) {
      while (at < s.size() && digit(s[at])) {
        ++at;
      }
      return at;
    };
    auto x = a.substr(i, end(a, i) - i);
    auto y = b.substr(j, end(b, j) - j);
    i += x.size();
    j += y.size();
    x.remove_prefix(std::min(x.find_first_not_of('0'), x.size()));
    y.remove_prefix(std::min(y.find_first_not_of('0'), y.size()));
    if (x.size() != y.size()) {
      return x.size() < y.size();
    }
    if (x != y) {
      return x < y;
    }
  }
  return a.size() - i < b.size() - j;
}

struct stock_history::change {
  timestamp at;
  bool demand = false; ///< an order line is entered; else supply, or a line closed
  std::size_t line = no_line;
  std::int64_t micros = 0; ///< signed change of what is free
  std::int64_t after = 0;  ///< free afterwards
};

/// One place through time.
struct stock_history::curve {
  place at;
  std::vector<change> changes;
  std::int64_t now = 0;   ///< free today
  std::int64_t start = 0; ///< free before the first change
  bool sold = false;      ///< had an order in the time looked at
  bool good = true;
  // For the books' own check: on hand, by day.
  std::int64_t on_hand = 0;
  std::map<day, std::int64_t> moved;
  std::vector<std::size_t> found; ///< of shortages_

  std::int64_t free_before(timestamp t) const {
    const auto it =
        std::lower_bound(changes.begin(), changes.end(), t,
                         [](const change& c, timestamp when) { return c.at < when; });
    return it == changes.begin() ? start : std::prev(it)->after;
  }
};

stock_history::stock_history(const history& h) {
  if (h.read.count(tools::orders) == 0 || h.read.count(tools::supply) == 0 ||
      h.read.count(tools::levels) == 0) {
    return;
  }
  std::map<place, curve> curves;
  for (const auto& l : h.levels) {
    auto& c = curves[l.at];
    c.on_hand += micros(l.on_hand);
    c.now += micros(l.on_hand);
  }
  for (std::size_t i = 0; i < h.orders.size(); ++i) {
    const auto& l = h.orders[i];
    if (l.state == line_state::cancelled && !l.closed) {
      continue; // when it stopped asking is not known
    }
    auto& c = curves[l.at];
    const auto open = micros(l.quantity) - micros(l.shipped);
    if (l.state == line_state::open) {
      c.now -= open;
    } else if (open > 0 && l.closed) {
      c.changes.push_back({*l.closed, false, no_line, open, 0});
    }
    const auto wanted = l.state == line_state::shipped && !l.closed ? micros(l.shipped)
                                                                    : micros(l.quantity);
    c.changes.push_back({l.entered, true, i, -wanted, 0});
    c.sold = c.sold || h.local_day(l.entered, l.at.site) >= h.since;
    if (l.shipped_on) {
      c.moved[*l.shipped_on] -= micros(l.shipped);
    }
  }
  for (const auto& e : h.supply) {
    auto& c = curves[e.where];
    c.changes.push_back({e.at, false, no_line, micros(e.quantity), 0});
    c.moved[h.local_day(e.at, e.where.site)] += micros(e.quantity);
  }
  for (const auto& p : h.pending) {
    auto& c = curves[p.where];
    c.now -= micros(p.quantity);
    c.changes.push_back({p.at, false, no_line, -micros(p.quantity), 0});
  }
  std::multimap<int, const curve*> by_item;
  for (auto& [at, c] : curves) {
    c.at = at;
    rebuild(h, c);
    by_item.emplace(at.item, &c);
    ++places_;
    unreliable_ += c.good ? 0 : 1;
    if (c.good && c.sold) {
      find_stock_outs(h, c);
    }
  }
  for (auto& s : shortages_) {
    const auto& l = h.orders[s.line];
    const auto [from, to] = by_item.equal_range(l.at.item);
    s.elsewhere = std::any_of(from, to, [&](const auto& other) {
      return other.second->at != l.at && other.second->good &&
             other.second->free_before(l.entered) >= micros(s.quantity);
    });
  }
}

void stock_history::rebuild(const history& h, curve& c) {
  std::stable_sort(
      c.changes.begin(), c.changes.end(), [&](const change& a, const change& b) {
        // Goods that come with an order come before it; lines of one instant as they are
        // read.
        if (a.at != b.at || a.demand != b.demand) {
          return a.at != b.at ? a.at < b.at : !a.demand;
        }
        return a.demand && reads_before(h.orders[a.line].id, h.orders[b.line].id);
      });
  c.start = c.now;
  for (const auto& e : c.changes) {
    c.start -= e.micros;
  }
  c.good = reliable(h, c);
  struct waiting {
    std::size_t shortage;
    std::int64_t demand; ///< all demand up to and including its line
  };
  std::deque<waiting> queue;
  std::int64_t free = c.start;
  std::int64_t supply = c.start;
  std::int64_t demand = 0;
  for (auto& e : c.changes) {
    if (!e.demand) {
      free += e.micros;
      supply += e.micros;
      while (!queue.empty() && queue.front().demand <= supply) {
        shortages_[queue.front().shortage].covered = e.at;
        queue.pop_front();
      }
    } else {
      const auto& l = h.orders[e.line];
      const auto missing = -e.micros - std::max<std::int64_t>(0, free);
      free += e.micros;
      demand -= e.micros;
      if (h.local_day(l.entered, l.at.site) >= h.since) {
        ++(c.good ? lines_judged_ : lines_unjudged_);
        if (c.good && missing > 0) {
          queue.push_back({shortages_.size(), demand});
          shortages_.push_back({e.line, decimal::from_micros(missing), {}, false});
        }
      }
    }
    e.after = free;
  }
}

/// Walks the books from today back to the first day: where they are below zero the past
/// was not recorded (stock counted for the first time, history deleted), and what they
/// say about shortages is made up.
bool stock_history::reliable(const history& h, const curve& c) {
  auto stock = c.on_hand;
  auto from = h.until;
  std::int64_t days_below = 0;
  for (auto it = c.moved.rbegin(); it != c.moved.rend(); ++it) {
    const auto day_of = std::clamp(it->first, h.since, h.until);
    // Between this movement and the one after it the books showed `stock`.
    days_below += stock < 0 ? (from - day_of).count() : 0;
    from = day_of;
    stock -= it->second;
  }
  days_below += stock < 0 ? (from - h.since).count() : 0;
  return static_cast<double>(days_below) <=
         below_zero_share_max * static_cast<double>((h.until - h.since).count());
}

void stock_history::find_stock_outs(const history& h, const curve& c) {
  std::int64_t free = c.start;
  auto next = c.changes.begin();
  bool out = false;
  for (auto d = h.since; d < h.until; d += std::chrono::days(1)) {
    for (; next != c.changes.end() && h.local_day(next->at, c.at.site) <= d; ++next) {
      free = next->after;
    }
    if (free > 0) {
      out = false;
    } else if (!out) {
      out = true;
      stock_outs_.push_back({c.at, d, d, true});
    } else {
      stock_outs_.back().last = d;
    }
  }
  if (out) {
    stock_outs_.back().over = false;
  }
}

} // namespace crossdock::assess
