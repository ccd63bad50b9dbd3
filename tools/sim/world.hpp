#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "calendar.hpp"
#include "random.hpp"

namespace crossdock::sim {

/// How big a distributor is.
struct size_preset {
  std::string name;
  int items;
  int sites;
  int customers;
  int suppliers;
  double branch_assortment; ///< share of items that a branch stocks
  double transfers_a_day;
  int short_lines_min; ///< planted in a played day at least
};

/// tiny (tests), small (default), demo. nullptr if there is none of this name.
const size_preset* find_size(std::string_view name);

struct site {
  std::string id;
  std::string name;
  bool dc;
  int utc_offset_minutes;
  int opens;  ///< minutes after midnight, site time
  int cutoff; ///< minutes after midnight, site time
  int closes;
  int lines_per_hour; ///< whole crew
  int crew;
};

struct lane {
  int transit_days;
  int cost_per_transfer_cents;
  int cost_per_unit_cents;
  double late; ///< probability of each further day on the way: truth, not in the ERP
};

struct supplier {
  std::string id;
  std::string name;
  bool import;
  double mean_days;
  double cv;
  double shortage; ///< probability of its own shortage: truth, not in the ERP
  int quoted_days;
};

struct item {
  std::string id;
  std::string name;
  int category;
  const char* unit;
  int pack;
  int cost_cents;
  int price_cents;
  int supplier;
  int lead_time_days; ///< what the buyer entered; one in ten is wrong
  const char* lifecycle;
  int turn;          ///< day of the window at which a lifecycle changes, in 1/1000
  double median;     ///< units a line, before packs
  double mean_units; ///< units a line, with packs (estimated once)
  double mean_square_units;
};

/// One item at one site.
struct place {
  int item;
  int site;
  double lines_a_week;
  int reorder_point;
  int order_quantity;
};

struct customer {
  std::string id;
  std::string name;
  char tier;
  int site;
  bool substitutes;
  bool complete;
};

struct substitute {
  int item;
  int other;
  bool approved;
};

/// Master data and parameters: everything that follows from size and seed alone.
struct world {
  std::uint64_t seed;
  std::uint64_t demand_seed; ///< of the orders alone: another day on the same distributor
  size_preset size;
  std::vector<site> sites;
  std::vector<lane> lanes; ///< [from * sites + to]
  std::vector<supplier> suppliers;
  std::vector<item> items;
  std::vector<place> places;
  std::vector<int> place_of; ///< [item * sites + site], -1 if not stocked there
  std::vector<customer> customers;
  std::vector<std::vector<int>> customers_of;           ///< per site
  std::vector<std::vector<double>> customer_cumulative; ///< Zipf weights per site
  std::vector<substitute> substitutes;
  std::vector<double> lines_per_order; ///< cumulative distribution, from 1 line on

  const lane& between(int from, int to) const {
    return lanes[static_cast<std::size_t>(from) * sites.size() +
                 static_cast<std::size_t>(to)];
  }
};

world make_world(const size_preset& size, std::uint64_t seed);

/// A line that a customer wants, before the ERP has seen it.
struct wanted_line {
  int place;
  int quantity;
  int requested_offset; ///< working days after the day of entry
};

struct wanted_order {
  int site;
  int customer;
  instant entered;
  std::vector<wanted_line> lines;
};

/// The orders of one working day in the order of entry. `first` and `last` bound the
/// window in which lifecycles turn. Depends on the seeds and d alone.
std::vector<wanted_order> orders_of(const world& w, day d, day first, day last);

/// How many units one line asks for, in packs.
int draw_quantity(const item& i, stream& s);

/// When an ordered line really arrives.
struct delivery {
  day promised;
  day first; ///< of a partial receipt, else = last
  int first_quantity;
  day last;
  bool shortage;  ///< the supplier ran short: the cause of being late
  bool announces; ///< the supplier will say so before the promised date
};
delivery deliver(const world& w, const supplier& s, int quantity, day ordered,
                 std::uint64_t key);

/// Days on the road of transfer number `no` that ships on `d`, in working days.
day transfer_arrives(const world& w, const lane& l, day shipped, std::uint64_t no);

/// Crew capacity of a site on a day: lines by the cut-off.
int capacity_of(const world& w, int site, day d);

/// Does the branch's buyer look at this supplier on this day? (Once a week.)
bool review_day(int supplier, int site, day d);

const char* category_name(int category);

instant site_instant(const site& s, day d, int minutes);

} // namespace crossdock::sim
