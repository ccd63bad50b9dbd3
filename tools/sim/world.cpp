#include "world.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

namespace crossdock::sim {

namespace {

const std::array<size_preset, 3> presets{{
    {"tiny", 60, 3, 20, 8, 1.0, 1.0, 6},
    {"small", 800, 3, 120, 40, 1.0, 2.5, 12},
    {"demo", 12000, 7, 2500, 350, 0.25, 6.0, 24},
}};

struct category {
  const char* name;
  const char* unit;
  std::array<const char*, 4> nouns;
};

const std::array<category, 8> categories{{
    {"Fasteners", "BX", {"Hex bolt", "Lock nut", "Wood screw", "Anchor"}},
    {"Electrical", "EA", {"Breaker", "Contactor", "Junction box", "Cable gland"}},
    {"Plumbing", "EA", {"Ball valve", "Elbow", "Coupling", "Pressure gauge"}},
    {"Safety", "PR", {"Glove", "Ear muff", "Safety glasses", "Boot"}},
    {"Abrasives", "EA", {"Flap disc", "Grinding wheel", "Sanding belt", "Cut-off wheel"}},
    {"Power transmission", "EA", {"V-belt", "Bearing", "Sprocket", "Shaft collar"}},
    {"Hose and fittings", "EA", {"Hydraulic hose", "Quick coupler", "Clamp", "Nipple"}},
    {"Janitorial", "CS", {"Wiper", "Degreaser", "Trash liner", "Absorbent"}},
}};

const std::array<const char*, 12> towns{"Dayton", "Toledo",  "Fort Wayne", "Peoria",
                                        "Moline", "Lansing", "Muncie",     "Joliet",
                                        "Racine", "Elyria",  "Kokomo",     "Findlay"};
const std::array<const char*, 10> trades{
    "Machine",    "Fabrication", "Maintenance", "Plant",    "Foundry",
    "Mechanical", "Packaging",   "Tool",        "Millwork", "Contracting"};

/// Zero-truncated negative binomial with mean 4.2 and shape 0.9: P90 is about 10.
std::vector<double> truncated_negative_binomial() {
  constexpr double shape = 0.9;
  constexpr double target = 4.2;
  const auto mean = [&](double p) { // p: probability of one more
    const double zero = exact_pow(1 - p, shape);
    return shape * p / (1 - p) / (1 - zero);
  };
  double low = 0.01;
  double high = 0.99;
  for (int n = 0; n < 60; ++n)
    (mean((low + high) / 2) < target ? low : high) = (low + high) / 2;
  const double p = (low + high) / 2;
  const double zero = exact_pow(1 - p, shape);
  std::vector<double> cumulative;
  double mass = zero;
  double sum = 0;
  for (int n = 1; n <= 60; ++n) {
    mass *= (shape + n - 1) / n * p;
    sum += mass / (1 - zero);
    cumulative.push_back(sum);
  }
  return cumulative;
}

int pick(const std::vector<double>& cumulative, double u) {
  const auto at =
      std::lower_bound(cumulative.begin(), cumulative.end(), u * cumulative.back());
  return static_cast<int>(std::min<std::ptrdiff_t>(
      at - cumulative.begin(), static_cast<std::ptrdiff_t>(cumulative.size()) - 1));
}

void make_sites(world& w) {
  for (int n = 0; n < w.size.sites; ++n) {
    site s{};
    s.dc = n == 0;
    s.id = s.dc ? "DC-1" : fmt::format("BR-{}", n);
    s.name = fmt::format("{} {}", towns[static_cast<std::size_t>(n)],
                         s.dc ? "distribution center" : "branch");
    s.utc_offset_minutes = n % 3 == 2 ? -360 : -300;
    s.opens = 7 * 60 + 30;
    s.cutoff = s.dc ? 16 * 60 + 30 : 16 * 60 - 30 * (n % 2);
    s.closes = 17 * 60 + 30;
    w.sites.push_back(s);
  }
  for (int from = 0; from < w.size.sites; ++from)
    for (int to = 0; to < w.size.sites; ++to) {
      stream s{w.seed, purpose::lane, static_cast<std::uint64_t>(from),
               static_cast<std::uint32_t>(to)};
      lane l{};
      const bool hub = from == 0 || to == 0;
      l.transit_days = hub ? 1 : static_cast<int>(s.between(1, 2));
      l.cost_per_transfer_cents = static_cast<int>(s.between(9, hub ? 16 : 24)) * 100;
      l.cost_per_unit_cents = static_cast<int>(s.between(4, 20));
      l.late = 0.02 + (hub ? 0.05 : 0.16) * s.uniform();
      w.lanes.push_back(l);
    }
}

void make_suppliers(world& w) {
  for (int n = 0; n < w.size.suppliers; ++n) {
    stream s{w.seed, purpose::supplier, static_cast<std::uint64_t>(n)};
    supplier v{};
    v.id = fmt::format("SU-{:03}", n + 1);
    v.name = fmt::format("{} {} Supply", towns[static_cast<std::size_t>(s.below(12))],
                         trades[static_cast<std::size_t>(s.below(10))]);
    v.import = s.chance(0.2);
    v.mean_days = v.import ? 45 + 30 * s.uniform() : 5 + 7 * s.uniform();
    v.cv = v.import ? 0.35 : 0.25;
    v.shortage = std::clamp(0.12 * exact_exp(0.7 * s.normal() - 0.245), 0.01, 0.45);
    // Suppliers quote what they meet in about 19 of 20 cases when nothing runs short.
    v.quoted_days = static_cast<int>(std::ceil(v.mean_days * (1 + 1.75 * v.cv)));
    w.suppliers.push_back(v);
  }
}

void make_items(world& w) {
  constexpr std::array<int, 8> packs{1, 1, 1, 2, 5, 6, 10, 12};
  for (int n = 0; n < w.size.items; ++n) {
    stream s{w.seed, purpose::item, static_cast<std::uint64_t>(n)};
    item i{};
    i.id = fmt::format("SKU-{:05}", n + 1);
    i.category = static_cast<int>(s.below(8));
    const auto& c = categories[static_cast<std::size_t>(i.category)];
    i.name = fmt::format("{} {}-{}", c.nouns[static_cast<std::size_t>(s.below(4))],
                         static_cast<char>('A' + s.below(26)), s.between(100, 999));
    i.unit = c.unit;
    i.pack = packs[static_cast<std::size_t>(s.below(8))];
    i.median = s.lognormal(0.9, 0.9);
    const double price = s.lognormal(2.72, 1.2) * exact_pow(i.median, -0.45);
    i.price_cents = std::max(10, static_cast<int>(std::lround(price * 100)));
    i.cost_cents = std::max(
        5, static_cast<int>(std::lround(i.price_cents * (0.60 + 0.18 * s.uniform()))));
    i.supplier = static_cast<int>(s.below(w.size.suppliers));
    const int quoted = w.suppliers[static_cast<std::size_t>(i.supplier)].quoted_days;
    const bool wrong = s.chance(0.1);
    i.lead_time_days = wrong ? std::max(2, quoted / 2) : quoted;
    const double fate = s.uniform();
    i.lifecycle = fate < 0.05   ? "new"
                  : fate < 0.09 ? "superseded"
                  : fate < 0.12 ? "ending"
                                : "active";
    i.turn = static_cast<int>(s.between(150, 800));
    double sum = 0;
    double squares = 0;
    stream sample{w.seed, purpose::quantity, static_cast<std::uint64_t>(n)};
    for (int k = 0; k < 64; ++k) {
      const double q = draw_quantity(i, sample);
      sum += q;
      squares += q * q;
    }
    i.mean_units = sum / 64;
    i.mean_square_units = squares / 64;
    w.items.push_back(i);
  }
}

/// Reorder point and quantity as a competent buyer sets them: weekly review, quoted lead
/// time, a service factor for about 95 % of lines, and an economic quantity at 60 a PO
/// shared by seven lines and 22 % carrying cost.
void set_policy(const world& w, place& p) {
  const auto& i = w.items[static_cast<std::size_t>(p.item)];
  const auto& v = w.suppliers[static_cast<std::size_t>(i.supplier)];
  const double daily = p.lines_a_week / 7 * i.mean_units;
  const double variance = p.lines_a_week / 7 * i.mean_square_units;
  const double exposed = v.mean_days * (1 + 0.5 * v.cv) + 7;
  const double spread = v.mean_days * v.cv;
  const double sigma = std::sqrt(variance * exposed + daily * daily * spread * spread);
  const double point = daily * exposed + 1.45 * sigma;
  p.reorder_point = static_cast<int>(std::ceil(point));
  const double cost = i.cost_cents / 100.0;
  const double economic = std::sqrt(2 * (60.0 / 7) * daily * 365 / (0.22 * cost));
  const double quantity = std::clamp(economic, daily * 7, std::max(1.0, daily * 180));
  p.order_quantity = std::max(1, static_cast<int>(std::ceil(quantity / i.pack))) * i.pack;
}

void make_places(world& w) {
  w.place_of.assign(static_cast<std::size_t>(w.size.items * w.size.sites), -1);
  for (int i = 0; i < w.size.items; ++i) {
    stream base{w.seed, purpose::place, static_cast<std::uint64_t>(i), 1000};
    // ln N(-1.3, 1.8^2) a place, of which 1.7^2 is the item's and 0.6^2 the site's.
    const double mu = -1.3 + 1.7 * base.normal();
    for (int s = 0; s < w.size.sites; ++s) {
      stream own{w.seed, purpose::place, static_cast<std::uint64_t>(i),
                 static_cast<std::uint32_t>(s)};
      const bool stocked = own.uniform() < w.size.branch_assortment || s == 0;
      const double rate = exact_exp(mu + 0.6 * own.normal());
      if (!stocked)
        continue;
      w.place_of[static_cast<std::size_t>(i * w.size.sites + s)] =
          static_cast<int>(w.places.size());
      place p{i, s, std::min(rate, 140.0), 0, 0};
      set_policy(w, p);
      w.places.push_back(p);
    }
  }
  for (int s = 0; s < w.size.sites; ++s) {
    double weekly = 0;
    for (const auto& p : w.places)
      weekly += p.site == s ? p.lines_a_week : 0;
    auto& at = w.sites[static_cast<std::size_t>(s)];
    const double hours = (at.cutoff - at.opens) / 60.0;
    at.crew = std::clamp(static_cast<int>(weekly / 5 / 40), 3, 20);
    // About 15 % above the mean day, so that Mondays and month ends are tight.
    at.lines_per_hour =
        std::max(2, static_cast<int>(std::ceil(weekly / 5 * 1.15 / hours)));
  }
}

void make_customers(world& w) {
  w.customers_of.resize(w.sites.size());
  w.customer_cumulative.resize(w.sites.size());
  for (int n = 0; n < w.size.customers; ++n) {
    stream s{w.seed, purpose::customer, static_cast<std::uint64_t>(n)};
    customer c{};
    c.id = fmt::format("CU-{:04}", n + 1);
    c.name = fmt::format("{} {} {}", towns[static_cast<std::size_t>(s.below(12))],
                         trades[static_cast<std::size_t>(s.below(10))],
                         s.chance(0.5) ? "LLC" : "Inc.");
    const double rank = (n + 0.5) / w.size.customers;
    c.tier = rank < 0.05 ? 'A' : rank < 0.30 ? 'B' : 'C';
    c.site = n % w.size.sites;
    c.substitutes = s.chance(0.7);
    c.complete = s.chance(0.1);
    auto& cumulative = w.customer_cumulative[static_cast<std::size_t>(c.site)];
    const double before = cumulative.empty() ? 0 : cumulative.back();
    cumulative.push_back(before + exact_pow(n + 1.0, -1.05)); // Zipf 1.05
    w.customers_of[static_cast<std::size_t>(c.site)].push_back(n);
    w.customers.push_back(c);
  }
}

void make_substitutes(world& w) {
  for (int n = 0; n < w.size.items; ++n) {
    stream s{w.seed, purpose::substitute, static_cast<std::uint64_t>(n)};
    if (!s.chance(0.3))
      continue;
    const auto& own = w.items[static_cast<std::size_t>(n)];
    const int tries = static_cast<int>(s.between(1, 3));
    for (int k = 1, found = 0; k < w.size.items && found < tries; ++k) {
      const int other = (n + k) % w.size.items;
      const auto& o = w.items[static_cast<std::size_t>(other)];
      const double ratio = static_cast<double>(o.price_cents) / own.price_cents;
      if (o.category != own.category || ratio < 0.7 || ratio > 1.4)
        continue;
      w.substitutes.push_back({n, other, s.chance(0.7)});
      ++found;
    }
  }
}

/// Season of a category, weekday, month end: 1 on average.
double calendar_factor(const world& w, int category, day d) {
  stream s{w.seed, purpose::season, static_cast<std::uint64_t>(category)};
  const double a1 = 0.10 + 0.25 * s.uniform();
  const double a2 = a1 * 0.4 * s.uniform();
  const double t = day_of_year(d) / 365.25 * 6.283185307179586;
  const double season = 1 + a1 * exact_sin(t + 6.28 * s.uniform()) +
                        a2 * exact_sin(2 * t + 6.28 * s.uniform());
  constexpr std::array<double, 5> weekdays{1.15, 1.05, 1.00, 0.95, 0.85};
  const double weekday = weekdays[static_cast<std::size_t>(iso_weekday(d) - 1)];
  const bool month_end = month_of(add_working_days(d + 1, 2)) != month_of(d);
  return std::max(0.2, season) * weekday * (month_end ? 1.10 : 1.0);
}

double item_factor(const world& w, int n, day d, day first, day last) {
  const auto& i = w.items[static_cast<std::size_t>(n)];
  double f = 1;
  const double turn = first + (last - first) * (i.turn / 1000.0);
  if (i.lifecycle[0] == 'n') // new: ramps up over eight weeks
    f *= std::clamp((d - turn) / 56.0, 0.0, 1.0);
  else if (i.lifecycle[0] != 'a') // superseded, ending: halves every five weeks
    f *= d <= turn ? 1.0 : exact_exp(-(d - turn) / 50.0);
  const int month = (d - first) / 30;
  double walk = 0; // 2 % a month
  for (int m = 1; m <= month; ++m)
    walk += 0.02 * stream{w.seed, purpose::drift, static_cast<std::uint64_t>(n),
                          static_cast<std::uint32_t>(m)}
                       .normal();
  f *= exact_exp(walk);
  for (int back = 0; back <= 2; ++back) { // 3 % of item-weeks on promotion, then a dip
    stream s{w.seed, purpose::promotion, static_cast<std::uint64_t>(n),
             static_cast<std::uint32_t>(d / 7 - back)};
    if (s.chance(0.03))
      f *= back == 0 ? s.lognormal(0.6, 0.4) : 0.85;
  }
  return f;
}

/// Minutes after opening, busiest around ten and two, quiet at noon and late.
int entry_minute(stream& s) {
  const double peak = s.chance(0.55) ? 150 : 380;
  const double at = peak + 75 * s.normal();
  return static_cast<int>(std::clamp(at, 5.0, 560.0));
}

} // namespace

const size_preset* find_size(std::string_view name) {
  const auto at = std::find_if(presets.begin(), presets.end(),
                               [&](const auto& p) { return p.name == name; });
  return at == presets.end() ? nullptr : &*at;
}

int draw_quantity(const item& i, stream& s) {
  const double units = i.median * exact_exp(0.66 * s.normal());
  const auto packs = static_cast<int>(std::ceil(units / i.pack));
  return std::clamp(packs, 1, 2000) * i.pack;
}

world make_world(const size_preset& size, std::uint64_t seed) {
  world w{};
  w.seed = seed;
  w.demand_seed = seed;
  w.size = size;
  make_sites(w);
  make_suppliers(w);
  make_items(w);
  make_places(w);
  make_customers(w);
  make_substitutes(w);
  w.lines_per_order = truncated_negative_binomial();
  return w;
}

const char* category_name(int n) {
  return categories[static_cast<std::size_t>(n)].name;
}

instant site_instant(const site& s, day d, int minutes) {
  return instant{d} * 86400 + (minutes - s.utc_offset_minutes) * 60;
}

std::vector<wanted_order> orders_of(const world& w, day d, day first, day last) {
  std::vector<wanted_order> orders;
  if (!is_working_day(d))
    return orders;
  std::array<double, 8> seasons{};
  for (int c = 0; c < 8; ++c)
    seasons[static_cast<std::size_t>(c)] = calendar_factor(w, c, d);
  std::vector<std::vector<wanted_line>> lines(w.sites.size());
  int previous = -1;
  double factor = 1;
  for (std::size_t n = 0; n < w.places.size(); ++n) {
    const auto& p = w.places[n];
    const auto& i = w.items[static_cast<std::size_t>(p.item)];
    if (p.item != previous) {
      factor = item_factor(w, p.item, d, first, last);
      previous = p.item;
    }
    stream s{w.demand_seed, purpose::demand, n, static_cast<std::uint32_t>(d)};
    const auto count = s.poisson(p.lines_a_week / 5 * factor *
                                 seasons[static_cast<std::size_t>(i.category)]);
    for (std::int64_t k = 0; k < count; ++k) {
      const double u = s.uniform();
      const int offset = u < 0.20   ? 0
                         : u < 0.70 ? 1
                         : u < 0.85 ? 2
                                    : static_cast<int>(s.between(3, 5));
      lines[static_cast<std::size_t>(p.site)].push_back(
          {static_cast<int>(n), draw_quantity(i, s), offset});
    }
  }
  for (std::size_t at = 0; at < w.sites.size(); ++at) {
    auto& pool = lines[at];
    stream s{w.demand_seed, purpose::grouping, at, static_cast<std::uint32_t>(d)};
    for (std::size_t n = pool.size(); n > 1; --n) // Fisher and Yates
      std::swap(pool[n - 1],
                pool[static_cast<std::size_t>(s.below(static_cast<std::int64_t>(n)))]);
    for (std::size_t n = 0; n < pool.size();) {
      wanted_order o{};
      o.site = static_cast<int>(at);
      const auto& buyers = w.customers_of[at];
      o.customer =
          buyers[static_cast<std::size_t>(pick(w.customer_cumulative[at], s.uniform()))];
      const int minute = w.sites[at].opens + entry_minute(s);
      o.entered = site_instant(w.sites[at], d, minute) + s.below(60);
      for (int k = pick(w.lines_per_order, s.uniform()) + 1; k > 0 && n < pool.size();
           --k) {
        auto l = pool[n++];
        if (l.requested_offset == 0 && minute > 13 * 60) // too late for today
          l.requested_offset = 1;
        o.lines.push_back(l);
      }
      orders.push_back(std::move(o));
    }
  }
  std::stable_sort(orders.begin(), orders.end(),
                   [](const auto& a, const auto& b) { return a.entered < b.entered; });
  return orders;
}

delivery deliver(const world& w, const supplier& v, int quantity, day ordered,
                 std::uint64_t key) {
  stream s{w.seed, purpose::lead_time, key};
  delivery r{};
  double days = s.gamma(v.mean_days, v.cv);
  r.shortage = s.chance(v.shortage);
  if (r.shortage)
    days += s.exponential(18);
  r.promised = working_day_from(ordered + v.quoted_days);
  r.last = working_day_from(
      std::max(next_working_day(ordered), ordered + static_cast<day>(std::lround(days))));
  r.first = r.last;
  r.first_quantity = quantity;
  if (quantity > 1 && s.chance(0.08)) { // the rest follows within two weeks
    r.first_quantity = static_cast<int>(s.between(1, quantity - 1));
    r.last = working_day_from(r.last + static_cast<day>(s.between(2, 12)));
  }
  r.announces = r.last > r.promised && s.chance(0.6);
  return r;
}

day transfer_arrives(const world& w, const lane& l, day shipped, std::uint64_t no) {
  stream s{w.seed, purpose::arrival, no};
  int days = l.transit_days;
  const double friday = iso_weekday(shipped) == 5 ? 0.06 : 0.0; // weekend depots
  while (days < l.transit_days + 4 && s.chance(l.late + friday))
    ++days;
  return add_working_days(shipped, days);
}

int capacity_of(const world& w, int n, day d) {
  const auto& at = w.sites[static_cast<std::size_t>(n)];
  stream s{w.seed, purpose::crew, static_cast<std::uint64_t>(n),
           static_cast<std::uint32_t>(d)};
  int present = 0;
  for (int k = 0; k < at.crew; ++k)
    present += s.chance(0.95) ? 1 : 0;
  const double hours = (at.cutoff - at.opens) / 60.0;
  return std::max(
      1, static_cast<int>(at.lines_per_hour * hours * std::max(1, present) / at.crew));
}

bool review_day(int supplier, int site, day d) {
  return (supplier * 3 + site) % 5 == iso_weekday(d) - 1;
}

} // namespace crossdock::sim
