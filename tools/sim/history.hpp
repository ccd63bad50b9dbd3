#pragma once

#include <functional>
#include <string>
#include <vector>

#include "world.hpp"

namespace crossdock::sim {

enum class movement_kind {
  opening,
  sale,
  receipt,
  transfer_out,
  transfer_in,
  adjustment
};

struct past_order {
  int customer;
  int site;
  instant entered;
};

struct past_line {
  int order;
  int number;
  int place;
  int quantity;
  int allocated;
  instant shipped_at; ///< 0 while open
  day requested;
  int short_at_entry;
};

struct past_purchase {
  int order;
  int number;
  int place;
  int quantity;
  int received;
  day ordered;
  day original;
  day promised;
  day received_on; ///< 0 while open
  delivery truth;
};

struct past_purchase_order {
  int supplier;
  int site;
  day ordered;
};

struct past_transfer {
  int item;
  int from;
  int to;
  int quantity;
  int line; ///< index of the order line it is for, -1 for none
  instant created;
  day due;
  instant picked; ///< 0: not yet, as the three below
  instant shipped;
  day received;
  instant cancelled;
  day arrives; ///< truth, once shipped
};

struct past_pick_day {
  int site;
  day date;
  int due;
  int on_time;
  int capacity;
};

struct past_movement {
  instant at;
  int place;
  movement_kind kind;
  int quantity;
  int document; ///< index into lines, purchases or transfers; -1 for none
};

/// Days on whose evening nothing was available of what is sold there.
struct past_stock_out {
  int place;
  day first;
  day last; ///< the last such evening
};

struct place_state {
  int on_hand = 0;
  int reserved = 0;
};

/// Everything that happened before the morning of `today`.
struct past {
  day first;
  day today;
  std::vector<past_order> orders;
  std::vector<past_line> lines;
  std::vector<past_purchase_order> purchase_orders;
  std::vector<past_purchase> purchases;
  std::vector<past_transfer> transfers;
  std::vector<past_pick_day> pick_days;
  std::vector<past_movement> movements;   ///< by time
  std::vector<past_stock_out> stock_outs; ///< of places that ever had an order
  std::vector<place_state> stock;         ///< per place, in the morning of today
};

/// Plays the days from `today - days` up to, not including, `today`: receipts, orders,
/// picks, transfers, reordering. `progress` is told the share done after each day.
past play_history(const world& w, day today, int days,
                  const std::function<void(double)>& progress);

} // namespace crossdock::sim
