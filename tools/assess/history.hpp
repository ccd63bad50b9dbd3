/// What a system of record remembers, as an assessment needs it: compact, checked, and
/// with a note for everything that had to be left out.
#pragma once

#include "base/clock.hpp"
#include "base/decimal.hpp"

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace crossdock::assess {

using day = std::chrono::sys_days;

/// "2026-03-02"; nothing if it is no date of the calendar.
std::optional<day> parse_day(std::string_view text);
std::string to_text(day d);

/// Ids as numbers: a year of a company names the same few thousand things a million
/// times.
class names {
public:
  int of(std::string_view text);
  const std::string& text(int n) const { return texts_[static_cast<std::size_t>(n)]; }
  std::size_t size() const { return texts_.size(); }

private:
  std::unordered_map<std::string, int> numbers_;
  std::vector<std::string> texts_;
};

/// One item at one site.
struct place {
  int item = 0;
  int site = 0;
  friend auto operator<=>(const place&, const place&) = default;
};

enum class line_state { open, shipped, cancelled };

struct order_line {
  std::string record;
  std::string id;
  place at;
  decimal quantity;
  decimal shipped;
  decimal price;
  timestamp entered;
  day requested;
  std::optional<day> promised;
  std::optional<day> shipped_on;
  std::optional<timestamp> closed;
  line_state state = line_state::open;
};

struct purchase_line {
  std::string record;
  place at;
  int supplier = 0;
  day ordered;
  std::optional<day> first_promised;
  std::optional<day> promised;
  std::optional<day> received;
  bool cancelled = false;
};

struct transfer {
  std::string record;
  day due;
  day received;
};

/// A change of a site's stock that is not the shipping of an order line.
struct supply_event {
  timestamp at;
  place where;
  decimal quantity; ///< signed
};

struct stock_level {
  place at;
  decimal on_hand;
  std::optional<decimal> unit_cost;
  std::optional<int> lead_time_days;
  std::optional<int> supplier;
};

/// The tools of the catalogue that an assessment reads, and no others.
namespace tools {
inline constexpr const char* sites = "erp.sites";
inline constexpr const char* orders = "erp.order_history";
inline constexpr const char* purchases = "erp.purchase_history";
inline constexpr const char* transfers = "erp.transfer_history";
inline constexpr const char* supply = "erp.supply_history";
inline constexpr const char* levels = "erp.stock_levels";
} // namespace tools

struct history {
  std::string system;
  std::string currency;    ///< of most order lines; those in another are left out
  timestamp as_of;         ///< the system's own clock
  day since;               ///< first day looked at
  day until;               ///< the day that runs now: not complete
  bool to_the_day = false; ///< times of day of stock changes are not recorded
  names items, sites, suppliers;
  std::map<int, std::chrono::minutes> offsets; ///< site -> local time less UTC
  std::vector<order_line> orders;
  std::vector<purchase_line> purchases;
  std::vector<transfer> transfers;
  std::vector<supply_event> supply;
  std::vector<supply_event> pending; ///< transfers asked for, still in the sender's stock
  std::vector<stock_level> levels;
  std::set<std::string> read;               ///< tools that answered
  std::vector<std::string> notes;           ///< sentences about the data's quality
  std::map<std::string, std::size_t> rows;  ///< per tool
  std::map<std::string, std::size_t> pages; ///< per tool

  /// Calendar day of an instant at a site.
  day local_day(timestamp t, int site) const;
  double weeks() const;
};

} // namespace crossdock::assess
