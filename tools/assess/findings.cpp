#include "assess/findings.hpp"

#include "assess/stock.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include <fmt/format.h>

namespace crossdock::assess {
namespace {

/// A promise or plan may fall on a weekend and move to the next working day, so a lead
/// time counts as wrong only beyond both of these.
constexpr int lead_time_days_off = 3;
constexpr double lead_time_share_off = 0.25;
/// Fewer receipts of an item say less than all of its supplier's.
constexpr std::size_t lead_time_lines_min = 3;

constexpr std::array<kind_words, all_kinds.size()> words{{
    {"short_line", "Short order lines",
     "When the line was entered, less was free at its site than it asked for: on hand, "
     "less "
     "what earlier open lines needed, less transfers asked for.",
     "from entry until supply had caught up with it, first come first served",
     "order lines", "day of entry", "order.line_short", "order.line"},
    {"late_line", "Late order lines",
     "The last unit left after the date the customer asked for.",
     "from the date asked for until the last unit left", "order lines that left",
     "date asked for", "order.line_late", ""},
    {"overdue_line", "Overdue open order lines",
     "The line is open and the date the customer asked for is past.",
     "from the date asked for until today", "open order lines", "date asked for",
     "order.line_overdue", ""},
    {"late_receipt", "Late receipts",
     "The purchase line was complete after the date first promised, or is open past it.",
     "from the date first promised until it was complete, or today", "purchase lines",
     "date first promised", "purchase.line_late", "purchase.line"},
    {"slipped_purchase", "Slipped purchase lines",
     "The date promised now is later than the date promised first.",
     "from the first to the present promise", "purchase lines", "day of the order",
     "purchase.line_slipped", "purchase.line"},
    {"late_transfer", "Late transfers", "The transfer arrived after its due date.",
     "from the due date until it arrived", "finished transfers", "due date",
     "transfer.late", ""},
    {"stock_out", "Stock-outs",
     "Evenings in a row on which nothing was free of an item that the site sells.",
     "from the first to the last such evening", "items at sites that had orders",
     "first evening", "stock.out", ""},
    {"wrong_lead_time", "Wrong lead times",
     "The lead time entered for the item is off what its purchase lines were promised in "
     "(median) by more than 3 days and more than a quarter.",
     "", "items with a lead time and purchases to compare", "", "item.lead_time_wrong",
     ""},
}};

class finder {
public:
  finder(const history& h, decimal margin_share)
      : h_(h), stock_(h), margin_share_(margin_share) {
    for (const auto& l : h.levels) {
      if (l.unit_cost && *l.unit_cost > decimal()) {
        costs_[l.at.item] = *l.unit_cost;
      }
    }
  }

  findings run() {
    orders();
    purchases();
    transfers();
    stock_outs();
    lead_times();
    notes();
    return std::move(out_);
  }

private:
  kind_findings& of(kind k) { return out_.kinds[k]; }

  static double days_between(day from, day to) {
    return static_cast<double>((to - from).count());
  }

  /// Of `quantity` at the line's price. Never negative: selling at a loss loses nothing.
  decimal margin(const order_line& l, decimal quantity) {
    decimal each;
    if (const auto cost = costs_.find(l.at.item); cost != costs_.end()) {
      each = decimal::from_micros(
          std::max<std::int64_t>(0, l.price.micros() - cost->second.micros()));
    } else {
      ++uncosted_;
      auto assumed = l.price.times(margin_share_);
      each = assumed ? *assumed : decimal();
    }
    auto all = each.times(quantity);
    return all ? *all : decimal();
  }

  // -- order lines
  // --------------------------------------------------------------------------

  void orders() {
    auto& shorts = of(kind::short_line);
    auto& late = of(kind::late_line);
    auto& overdue = of(kind::overdue_line);
    const bool known = h_.read.count(tools::orders) > 0;
    shorts.judged =
        known && h_.read.count(tools::supply) > 0 && h_.read.count(tools::levels) > 0;
    late.judged = overdue.judged = known;
    shorts.out_of = stock_.lines_judged();
    shorts.unjudged = stock_.lines_unjudged();
    std::set<std::size_t> was_short;
    for (const auto& s : stock_.shortages()) {
      was_short.insert(s.line);
      shorts.found.push_back(short_line(s));
    }
    for (std::size_t i = 0; i < h_.orders.size(); ++i) {
      const auto& l = h_.orders[i];
      if (l.state == line_state::open) {
        ++overdue.out_of;
        if (l.requested < h_.until) {
          auto o = dated(l, l.requested, days_between(l.requested, h_.until));
          o.open = true;
          o.also_short = was_short.count(i) > 0;
          overdue.found.push_back(std::move(o));
        }
      } else if (l.state == line_state::cancelled) {
        ++cancelled_;
      } else if (!l.shipped_on) {
        ++undated_;
      } else if (l.requested >= h_.since) {
        ++late.out_of;
        if (*l.shipped_on > l.requested) {
          auto o = dated(l, l.requested, days_between(l.requested, *l.shipped_on));
          o.also_short = was_short.count(i) > 0;
          o.margin = margin(l, l.quantity);
          late.found.push_back(std::move(o));
        }
      }
    }
  }

  static occurrence dated(const order_line& l, day on, double days) {
    occurrence o;
    o.record = l.record;
    o.on = on;
    o.days = days;
    return o;
  }

  occurrence short_line(const shortage& s) {
    const auto& l = h_.orders[s.line];
    auto until = s.covered;
    if (l.shipped_on) { // it left: whatever the books say, it was covered by then
      const timestamp left(*l.shipped_on + std::chrono::days(1));
      until = until ? std::min(*until, left) : left;
    } else if (l.state != line_state::open && l.closed) {
      until = until ? std::min(*until, *l.closed) : *l.closed;
    }
    const auto lasted = until.value_or(h_.as_of) - l.entered;
    auto o = dated(
        l, h_.local_day(l.entered, l.at.site),
        std::max(0.0, std::chrono::duration<double, std::ratio<86400>>(lasted).count()));
    o.open = !until;
    o.elsewhere = s.elsewhere;
    o.late = l.shipped_on ? *l.shipped_on > l.requested
                          : l.state == line_state::open && l.requested < h_.until;
    o.margin = margin(l, s.quantity);
    return o;
  }

  // -- purchases and transfers
  // --------------------------------------------------------------

  void purchases() {
    auto& late = of(kind::late_receipt);
    auto& slipped = of(kind::slipped_purchase);
    late.judged = slipped.judged = h_.read.count(tools::purchases) > 0;
    for (const auto& l : h_.purchases) {
      if (l.cancelled) {
        continue;
      }
      if (!l.first_promised) {
        ++unpromised_;
        continue;
      }
      occurrence o;
      o.record = l.record;
      o.open = !l.received;
      if (*l.first_promised >= h_.since && *l.first_promised < h_.until) {
        ++late.out_of;
        const auto end = l.received.value_or(h_.until);
        if (end > *l.first_promised) {
          o.on = *l.first_promised;
          o.days = days_between(*l.first_promised, end);
          late.found.push_back(o);
        }
      }
      if (l.ordered >= h_.since) {
        ++slipped.out_of;
        if (l.promised && *l.promised > *l.first_promised) {
          o.on = l.ordered;
          o.days = days_between(*l.first_promised, *l.promised);
          slipped.found.push_back(o);
        }
      }
    }
  }

  void transfers() {
    auto& late = of(kind::late_transfer);
    late.judged = h_.read.count(tools::transfers) > 0;
    late.out_of = h_.transfers.size();
    for (const auto& t : h_.transfers) {
      if (t.received > t.due) {
        occurrence o;
        o.record = t.record;
        o.on = t.due;
        o.days = days_between(t.due, t.received);
        late.found.push_back(std::move(o));
      }
    }
  }

  // -- stock
  // --------------------------------------------------------------------------------

  void stock_outs() {
    auto& outs = of(kind::stock_out);
    outs.judged = of(kind::short_line).judged;
    std::set<place> sold;
    for (const auto& l : h_.orders) {
      sold.insert(l.at);
    }
    outs.out_of = sold.size();
    for (const auto& s : stock_.stock_outs()) {
      occurrence o;
      o.record = fmt::format("stock/{}@{} {}", h_.items.text(s.at.item),
                             h_.sites.text(s.at.site), to_text(s.first));
      o.on = s.first;
      o.days = days_between(s.first, s.last) + 1;
      o.open = !s.over;
      outs.found.push_back(std::move(o));
    }
  }

  static double median(std::vector<double>& values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
  }

  void lead_times() {
    auto& wrong = of(kind::wrong_lead_time);
    wrong.judged =
        h_.read.count(tools::levels) > 0 && h_.read.count(tools::purchases) > 0;
    std::map<int, std::vector<double>> by_item;
    std::map<int, std::vector<double>> by_supplier;
    for (const auto& l : h_.purchases) {
      if (l.first_promised && !l.cancelled) {
        const auto days = days_between(l.ordered, *l.first_promised);
        by_item[l.at.item].push_back(days);
        by_supplier[l.supplier].push_back(days);
      }
    }
    std::set<int> seen;
    for (const auto& level : h_.levels) {
      if (!level.lead_time_days || !seen.insert(level.at.item).second) {
        continue;
      }
      auto* promised = &by_item[level.at.item];
      if (promised->size() < lead_time_lines_min && level.supplier) {
        promised = &by_supplier[*level.supplier];
      }
      if (promised->size() < lead_time_lines_min) {
        ++uncompared_;
        continue;
      }
      ++wrong.out_of;
      const auto usual = median(*promised);
      const auto off = std::abs(usual - *level.lead_time_days);
      if (off > lead_time_days_off && off > lead_time_share_off * usual) {
        occurrence o;
        o.record = "item/" + h_.items.text(level.at.item);
        o.on = h_.until;
        o.days = off;
        o.open = true;
        wrong.found.push_back(std::move(o));
      }
    }
  }

  // -- what a reader should know
  // --------------------------------------------------------------

  void note(std::size_t n, const std::string& sentence) {
    if (n > 0) {
      out_.notes.push_back(sentence);
    }
  }

  void notes() {
    note(stock_.unreliable_places(),
         fmt::format(
             "At {} of {} items at sites the books are below zero on more than 5 % of "
             "the days: their past is not in the records, so order lines there ({}) are "
             "not judged for shortage or stock-out.",
             stock_.unreliable_places(), stock_.places(), stock_.lines_unjudged()));
    note(h_.to_the_day ? 1 : 0,
         "Stock changes are recorded to the day: what came in on a day is taken to have "
         "been "
         "there before the orders of that day, so some short lines are not seen.");
    note(uncosted_,
         fmt::format("The cost of the item is not recorded for {} short or late "
                     "lines: the assumed margin stands in.",
                     uncosted_));
    note(undated_,
         fmt::format("{} finished order lines have no date of shipping and are not "
                     "judged as late or on time.",
                     undated_));
    note(cancelled_,
         fmt::format("{} order lines were cancelled; why is not recorded, so they "
                     "are not counted as late.",
                     cancelled_));
    note(unpromised_,
         fmt::format("{} purchase lines never had a promised date and are not "
                     "judged.",
                     unpromised_));
    note(uncompared_,
         fmt::format("{} items have a lead time but too few purchases to compare "
                     "it with.",
                     uncompared_));
  }

  const history& h_;
  stock_history stock_;
  decimal margin_share_;
  std::map<int, decimal> costs_;
  findings out_;
  std::size_t uncosted_ = 0, undated_ = 0, cancelled_ = 0, unpromised_ = 0,
              uncompared_ = 0;
};

} // namespace

const kind_words& words_of(kind k) {
  return words[static_cast<std::size_t>(k)];
}

findings find_exceptions(const history& h, decimal margin_share) {
  return finder(h, margin_share).run();
}

} // namespace crossdock::assess
