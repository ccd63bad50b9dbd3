#include "sim.hpp"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "history.hpp"

namespace crossdock::sim {

namespace {

std::string order_id(int n) {
  return fmt::format("SO-{}", 100001 + n);
}
std::string purchase_order_id(int n) {
  return fmt::format("PO-{}", 50001 + n);
}
std::string clock_text(int minutes) {
  return fmt::format("{:02}:{:02}", minutes / 60, minutes % 60);
}
std::string transfer_id(int n) {
  return fmt::format("TR-{:06}", n + 1);
}

template <class T>
const T& at(const std::vector<T>& v, int n) {
  return v[static_cast<std::size_t>(n)];
}

/// Writes a world and its past into an empty database.
class loader {
public:
  loader(database& db, const world& w, const past& p) : db_(db), w_(w), p_(p) {}

  void load(const create_options& options) {
    db_.execute(schema_sql);
    meta(options);
    master_data();
    stock();
    sales();
    purchases();
    transfers();
    pick_days();
    movements();
    labels();
    counters();
    db_.execute(rules_sql);
  }

private:
  using number = std::int64_t;

  void meta(const create_options& options) {
    statement put{db_.handle(), "INSERT INTO sim_meta VALUES (?, ?)"};
    put.run({"generator_version", "2"});
    put.run({"history_first", to_text(p_.first)});
    put.run({"seed", std::to_string(options.seed)});
    put.run({"size", w_.size.name});
    put.run({"today", to_text(p_.today)});
    statement clock{db_.handle(), "INSERT INTO sim_clock VALUES (1, ?)"};
    clock.run({instant_text(site_instant(w_.sites[0], p_.today, w_.sites[0].opens))});
    db_.execute("INSERT INTO sim_company VALUES (1, 'Great Lakes Supply Co.', 'USD')");
  }

  void master_data() {
    statement site{db_.handle(), "INSERT INTO site VALUES (?,?,?,?,'[1,2,3,4,5]',?,?,?)"};
    statement carrier{db_.handle(), "INSERT INTO carrier_cutoff VALUES (?,?,?,?)"};
    for (const auto& s : w_.sites) {
      site.run({s.id, s.name, s.dc ? "dc" : "branch", number{s.utc_offset_minutes},
                clock_text(s.opens), clock_text(s.cutoff), number{s.lines_per_hour}});
      carrier.run({s.id, "Lakeshore Parcel", clock_text(s.cutoff), number{1}});
      carrier.run({s.id, "Midway Freight", clock_text(s.cutoff - 90), number{0}});
      carrier.run({s.id, "Own van", clock_text(s.cutoff - 240), number{0}});
    }
    statement holiday{db_.handle(), "INSERT INTO holiday VALUES (?,?)"};
    for (day d = p_.first; d < p_.today + 400; ++d)
      if (const char* name = holiday_on(d))
        holiday.run({to_text(d), name});
    statement lane{db_.handle(), "INSERT INTO lane VALUES (?,?,?,?,?)"};
    for (int from = 0; from < w_.size.sites; ++from)
      for (int to = 0; to < w_.size.sites; ++to)
        if (const auto& l = w_.between(from, to); from != to)
          lane.run({at(w_.sites, from).id, at(w_.sites, to).id, number{l.transit_days},
                    number{l.cost_per_transfer_cents}, number{l.cost_per_unit_cents}});
    statement supplier{db_.handle(), "INSERT INTO supplier VALUES (?,?,?,?)"};
    for (const auto& v : w_.suppliers)
      supplier.run(
          {v.id, v.name, v.import ? "import" : "domestic", number{v.quoted_days}});
    statement item{db_.handle(), "INSERT INTO item VALUES (?,?,?,?,?,?,?,?,?,?)"};
    for (const auto& i : w_.items)
      item.run({i.id, i.name, category_name(i.category), i.unit, number{i.pack},
                number{i.cost_cents}, number{i.price_cents},
                at(w_.suppliers, i.supplier).id, number{i.lead_time_days}, i.lifecycle});
    statement substitute{db_.handle(),
                         "INSERT OR IGNORE INTO item_substitute VALUES (?,?,?)"};
    for (const auto& s : w_.substitutes)
      substitute.run({at(w_.items, s.item).id, at(w_.items, s.other).id,
                      number{s.approved ? 1 : 0}});
    statement customer{db_.handle(), "INSERT INTO customer VALUES (?,?,?,?,?,?)"};
    for (const auto& c : w_.customers)
      customer.run({c.id, c.name, std::string(1, c.tier), at(w_.sites, c.site).id,
                    number{c.substitutes ? 1 : 0}, number{c.complete ? 1 : 0}});
  }

  void stock() {
    statement put{db_.handle(), "INSERT INTO stock VALUES (?,?,?,?,?,?)"};
    for (std::size_t n = 0; n < w_.places.size(); ++n) {
      const auto& p = w_.places[n];
      put.run({at(w_.items, p.item).id, at(w_.sites, p.site).id,
               number{p_.stock[n].on_hand}, number{p_.stock[n].reserved},
               number{p.reorder_point}, number{p.order_quantity}});
    }
  }

  std::string line_id(int n) const {
    const auto& l = at(p_.lines, n);
    return fmt::format("{}/{}", order_id(l.order), l.number);
  }

  std::string purchase_id(int n) const {
    const auto& l = at(p_.purchases, n);
    return fmt::format("{}/{}", purchase_order_id(l.order), l.number);
  }

  /// Change numbers in the order in which the rows last changed, open rows after all
  /// closed ones: a poller may start before the first open row and misses nothing open.
  template <class Rows, class When>
  static std::vector<number> change_order(const Rows& rows, When closed_at) {
    std::vector<std::size_t> order(rows.size());
    for (std::size_t n = 0; n < order.size(); ++n)
      order[n] = n;
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      const auto x = closed_at(rows[a]);
      const auto y = closed_at(rows[b]);
      return std::pair{x == 0, x} < std::pair{y == 0, y};
    });
    std::vector<number> numbers(rows.size());
    for (std::size_t n = 0; n < order.size(); ++n)
      numbers[order[n]] = static_cast<number>(n) + 1;
    return numbers;
  }

  void sales() {
    statement order{db_.handle(), "INSERT INTO sales_order VALUES (?,?,?,?,?)"};
    statement line{db_.handle(), "INSERT INTO sales_line VALUES "
                                 "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"};
    const auto changes =
        change_order(p_.lines, [](const past_line& l) { return l.shipped_at; });
    int last = -1;
    std::string id;
    std::string entered;
    for (std::size_t n = 0; n < p_.lines.size(); ++n) {
      const auto& l = p_.lines[n];
      const auto& o = at(p_.orders, l.order);
      const auto& place = at(w_.places, l.place);
      const auto& item = at(w_.items, place.item);
      const auto& customer = at(w_.customers, o.customer);
      const auto& site = at(w_.sites, o.site);
      if (l.order != last) {
        last = l.order;
        id = order_id(l.order);
        entered = instant_text(o.entered);
        order.run({id, customer.id, site.id,
                   fmt::format("P{}", 40000 + l.order * 7 % 59999), entered});
      }
      const bool open = l.shipped_at == 0;
      const auto requested = to_text(l.requested);
      const auto shipped = open ? std::string{} : instant_text(l.shipped_at);
      line.run({fmt::format("{}/{}", id, l.number), id, customer.id, item.id, site.id,
                number{l.quantity}, number{l.allocated}, number{open ? 0 : l.quantity},
                number{item.price_cents}, entered, requested, requested,
                open ? statement::value{nullptr} : statement::value{shipped},
                open ? "open" : "shipped", nullptr, changes[n],
                open ? entered : shipped});
    }
  }

  void purchases() {
    statement order{db_.handle(), "INSERT INTO purchase_order VALUES (?,?,?,?)"};
    for (std::size_t n = 0; n < p_.purchase_orders.size(); ++n) {
      const auto& o = p_.purchase_orders[n];
      order.run({purchase_order_id(static_cast<int>(n)), at(w_.suppliers, o.supplier).id,
                 at(w_.sites, o.site).id, to_text(o.ordered)});
    }
    statement line{db_.handle(),
                   "INSERT INTO purchase_line VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"};
    statement arrival{db_.handle(), "INSERT INTO truth_arrival VALUES (?,?,?,?)"};
    const auto changes =
        change_order(p_.purchases, [](const past_purchase& l) { return l.received_on; });
    for (std::size_t n = 0; n < p_.purchases.size(); ++n) {
      const auto& l = p_.purchases[n];
      const auto& place = at(w_.places, l.place);
      const auto& item = at(w_.items, place.item);
      const bool open = l.received_on == 0;
      const auto id = purchase_id(static_cast<int>(n));
      const auto received = to_text(l.received_on);
      line.run({id, purchase_order_id(l.order), at(w_.suppliers, item.supplier).id,
                item.id, at(w_.sites, place.site).id, number{l.quantity},
                number{l.received}, number{item.cost_cents}, to_text(l.ordered),
                to_text(l.original), to_text(l.promised),
                open ? statement::value{nullptr} : statement::value{received},
                open ? "open" : "received", changes[n],
                instant_text(instant{open ? l.ordered : l.received_on} * 86400 + 61200)});
      if (open)
        arrival.run({id, to_text(l.truth.first), number{l.truth.first_quantity},
                     to_text(l.truth.last)});
    }
  }

  void transfers() {
    statement put{db_.handle(),
                  "INSERT INTO transfer (transfer_no, item_id, from_site_id, to_site_id, "
                  "quantity, order_line_id, created_by, created_at, due_date, picked_at, "
                  "shipped_at, received_date, cancelled_at, state) "
                  "VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)"};
    for (std::size_t n = 0; n < p_.transfers.size(); ++n) {
      const auto& t = p_.transfers[n];
      const auto line = t.line >= 0 ? line_id(t.line) : std::string{};
      const auto picked = instant_text(t.picked);
      const auto shipped = instant_text(t.shipped);
      const auto received = to_text(t.received);
      const auto cancelled = instant_text(t.cancelled);
      const auto or_null = [](bool present, const std::string& text) {
        return present ? statement::value{text} : statement::value{nullptr};
      };
      put.run({static_cast<number>(n) + 1, at(w_.items, t.item).id,
               at(w_.sites, t.from).id, at(w_.sites, t.to).id, number{t.quantity},
               or_null(t.line >= 0, line), "branch desk", instant_text(t.created),
               to_text(t.due), or_null(t.picked != 0, picked),
               or_null(t.shipped != 0, shipped), or_null(t.received != 0, received),
               or_null(t.cancelled != 0, cancelled),
               t.cancelled != 0  ? "cancelled"
               : t.received != 0 ? "received"
               : t.shipped != 0  ? "shipped"
                                 : "requested"});
    }
  }

  void pick_days() {
    statement put{db_.handle(), "INSERT INTO pick_day VALUES (?,?,?,?,?)"};
    for (const auto& d : p_.pick_days)
      put.run({at(w_.sites, d.site).id, to_text(d.date), number{d.due}, number{d.on_time},
               number{d.capacity}});
  }

  void movements() {
    statement put{
        db_.handle(),
        "INSERT INTO stock_movement (moved_at, item_id, site_id, kind, quantity, "
        "document) VALUES (?,?,?,?,?,?)"};
    for (const auto& m : p_.movements) {
      const auto& place = at(w_.places, m.place);
      std::string document;
      const char* kind = "";
      switch (m.kind) {
      case movement_kind::opening:
        kind = "opening";
        break;
      case movement_kind::adjustment:
        kind = "adjustment";
        break;
      case movement_kind::sale:
        kind = "sale";
        document = line_id(m.document);
        break;
      case movement_kind::receipt:
        kind = "receipt";
        document = purchase_id(m.document);
        break;
      case movement_kind::transfer_out:
        kind = "transfer_out";
        document = transfer_id(m.document);
        break;
      case movement_kind::transfer_in:
        kind = "transfer_in";
        document = transfer_id(m.document);
        break;
      }
      put.run(
          {instant_text(m.at), at(w_.items, place.item).id, at(w_.sites, place.site).id,
           kind, number{m.quantity},
           document.empty() ? statement::value{nullptr} : statement::value{document}});
    }
  }

  void labels() {
    statement line{db_.handle(), "INSERT INTO truth_short_line VALUES (?,?,0,'natural')"};
    statement label{db_.handle(), "INSERT OR IGNORE INTO truth_label VALUES (?,?,?)"};
    for (std::size_t n = 0; n < p_.lines.size(); ++n)
      if (const auto& l = p_.lines[n]; l.short_at_entry > 0)
        line.run({line_id(static_cast<int>(n)), number{l.short_at_entry}});
    for (std::size_t n = 0; n < p_.purchases.size(); ++n)
      if (const auto& l = p_.purchases[n]; l.truth.last > l.original)
        label.run({"purchase_line/" + purchase_id(static_cast<int>(n)), "late_receipt",
                   fmt::format(R"({{"days":{},"supplier_shortage":{}}})",
                               l.truth.last - l.original, l.truth.shortage)});
    for (std::size_t n = 0; n < p_.purchases.size(); ++n)
      if (const auto& l = p_.purchases[n]; l.promised != l.original)
        label.run({"purchase_line/" + purchase_id(static_cast<int>(n)), "receipt_slip",
                   fmt::format(R"({{"new_date":"{}"}})", to_text(l.promised))});
    for (std::size_t n = 0; n < p_.lines.size(); ++n)
      if (const auto& l = p_.lines[n]; l.shipped_at > 0 && shipped_day(l) > l.requested)
        label.run({"sales_line/" + line_id(static_cast<int>(n)), "late_line",
                   fmt::format(R"({{"days":{},"short_at_entry":{}}})",
                               shipped_day(l) - l.requested, l.short_at_entry)});
    for (const auto& o : p_.stock_outs) {
      const auto& p = at(w_.places, o.place);
      label.run({fmt::format("stock/{}@{} {}", at(w_.items, p.item).id,
                             at(w_.sites, p.site).id, to_text(o.first)),
                 "stock_out", fmt::format(R"({{"last":"{}"}})", to_text(o.last))});
    }
    for (std::size_t n = 0; n < p_.transfers.size(); ++n)
      if (const auto& t = p_.transfers[n]; t.received > t.due)
        label.run({"transfer/" + transfer_id(static_cast<int>(n)), "late_transfer",
                   fmt::format(R"({{"days":{}}})", t.received - t.due)});
    for (const auto& i : w_.items) {
      const int quoted = at(w_.suppliers, i.supplier).quoted_days;
      if (i.lead_time_days != quoted)
        label.run(
            {"item/" + i.id, "wrong_lead_time",
             fmt::format(R"({{"entered":{},"quoted":{}}})", i.lead_time_days, quoted)});
    }
  }

  /// The day on which a shipped line left, by its site's calendar.
  day shipped_day(const past_line& l) const {
    const auto& site = at(w_.sites, at(w_.places, l.place).site);
    return static_cast<day>((l.shipped_at + site.utc_offset_minutes * 60) / 86400);
  }

  void counters() {
    statement put{db_.handle(), "INSERT INTO sim_counter VALUES (?,?)"};
    put.run({"sales_order", number{100000} + static_cast<number>(p_.orders.size())});
    put.run({"purchase_order",
             number{50000} + static_cast<number>(p_.purchase_orders.size())});
    put.run({"sales_line.change_seq", static_cast<number>(p_.lines.size())});
    put.run({"purchase_line.change_seq", static_cast<number>(p_.purchases.size())});
  }

  database& db_;
  const world& w_;
  const past& p_;
};

} // namespace

void create(const create_options& options, const progress_report& progress) {
  const auto* size = find_size(options.size);
  if (size == nullptr)
    throw failure{
        exit_code::usage,
        fmt::format("--size {}: is not one of tiny, small, demo", options.size)};
  const auto today = parse_day(options.today);
  if (!today)
    throw failure{exit_code::usage,
                  fmt::format("--today {}: is not a date YYYY-MM-DD", options.today)};
  if (options.history_days < 14 || options.history_days > 3660)
    throw failure{exit_code::usage, "--history-days: must be 14 to 3660"};
  namespace fs = std::filesystem;
  if (fs::exists(options.file) && !options.replace)
    throw failure{exit_code::bad_input,
                  fmt::format("{}: exists already; --force replaces "
                              "it",
                              options.file)};
  const auto folder = fs::absolute(options.file).parent_path();
  if (!fs::is_directory(folder))
    throw failure{exit_code::io, fmt::format("{}: there is no folder {}", options.file,
                                             folder.string())};

  const auto w = make_world(*size, options.seed);
  const auto p = play_history(w, working_day_from(*today), options.history_days,
                              [&](double share) { progress(share * 0.4, "history"); });
  const auto part = options.file + ".part";
  fs::remove(part);
  try {
    database db{part, database::mode::create};
    // Nothing to roll back to: a create that fails leaves no file.
    db.execute("PRAGMA page_size = 4096; PRAGMA journal_mode = OFF; "
               "PRAGMA synchronous = OFF; BEGIN");
    progress(0.4, "writing");
    loader{db, w, p}.load(options);
    progress(0.9, "writing");
    db.execute(
        fmt::format("COMMIT; PRAGMA application_id = {}; PRAGMA user_version = {}; "
                    "ANALYZE; PRAGMA journal_mode = WAL;",
                    application_id, schema_version));
  } catch (...) {
    std::error_code ignored;
    fs::remove(part, ignored);
    throw;
  }
  // A write-ahead log of the database that is replaced must not be applied to this one.
  for (const char* suffix : {"-wal", "-shm"})
    fs::remove(options.file + suffix);
  fs::rename(part, options.file);
  progress(1, "done");
}

setting read_setting(database& db) {
  const auto meta = [&](std::string_view key) {
    return db.text("SELECT value FROM sim_meta WHERE key = ?", {key});
  };
  const auto* size = find_size(meta("size"));
  const auto first = parse_day(meta("history_first"));
  const auto today = parse_day(meta("today"));
  if (size == nullptr || !first || !today)
    throw failure{exit_code::bad_input,
                  fmt::format("{}: table sim_meta lacks size, history_first or today; "
                              "create it again",
                              db.file())};
  return {make_world(*size, std::stoull(meta("seed"))), *first, *today};
}

} // namespace crossdock::sim
