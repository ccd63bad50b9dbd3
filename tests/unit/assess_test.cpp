// What an assessment says of a history that fits on a page, so that each number can be
// worked out by hand.
#include "assess/assessment.hpp"
#include "assess/page.hpp"
#include "assess/reader.hpp"
#include "assess/stock.hpp"
#include "assess/svg.hpp"

#include <catch2/catch.hpp>
#include <unistd.h>

#include <filesystem>
#include <fstream>

using namespace crossdock;
using namespace crossdock::assess;
using Catch::Matchers::Contains;

namespace {

day d(const char* text) {
  return parse_day(text).value();
}
timestamp at(const char* text) {
  return parse_rfc3339(text).value();
}
decimal n(const char* text) {
  return decimal::parse(text).value();
}

/// Four weeks of two sites and one item, written down by each test.
struct books {
  books() {
    h.system = "erp";
    h.currency = "USD";
    h.as_of = at("2026-03-30T09:00:00Z");
    h.since = d("2026-03-02");
    h.until = d("2026-03-30");
    h.read = {tools::sites,     tools::orders, tools::purchases,
              tools::transfers, tools::supply, tools::levels};
    h.offsets[h.sites.of("A")] = std::chrono::minutes(0);
    h.offsets[h.sites.of("B")] = std::chrono::minutes(0);
  }

  place here(const char* site = "A", const char* item = "P") {
    return {h.items.of(item), h.sites.of(site)};
  }

  /// Shipped on `left`; open if that is empty.
  books& order(const char* id, const char* entered, const char* quantity,
               const char* requested, const char* left, const char* site = "A") {
    order_line l;
    l.id = id;
    l.record = std::string("line/") + id;
    l.at = here(site);
    l.quantity = n(quantity);
    l.price = n("10");
    l.entered = at(entered);
    l.requested = d(requested);
    if (*left != '\0') {
      l.state = line_state::shipped;
      l.shipped = l.quantity;
      l.shipped_on = d(left);
      l.closed = timestamp(*l.shipped_on) + std::chrono::hours(12);
    }
    h.orders.push_back(l);
    return *this;
  }
  books& supply(const char* when, const char* quantity, const char* site = "A") {
    h.supply.push_back({at(when), here(site), n(quantity)});
    return *this;
  }
  books& stock(const char* on_hand, const char* site = "A", const char* cost = "6") {
    stock_level l;
    l.at = here(site);
    l.on_hand = n(on_hand);
    l.unit_cost = n(cost);
    h.levels.push_back(l);
    return *this;
  }

  const kind_summary& summary(kind k, const addressing& who = {}) {
    result_ = assess::assess(h, assumed, who);
    return *std::find_if(result_.kinds.begin(), result_.kinds.end(),
                         [&](const kind_summary& s) { return s.what == k; });
  }

  history h;
  assumptions assumed;

private:
  assessment result_;
};

const std::shared_ptr<const catalogue>& words() {
  static const auto all = catalogue::load(CROSSDOCK_CATALOGUE).value();
  return all;
}

/// A connector that is played: pages of rows per tool, and what it refuses.
struct played {
  std::map<std::string, std::vector<json>> rows;
  std::map<std::string, error> refuses;
  std::vector<std::string> calls;

  result<document> operator()(const std::string& tool, const json& args) {
    auto answer = page(tool, args);
    if (!answer) {
      return std::move(answer).error();
    }
    return document(std::make_shared<const json>(std::move(*answer)));
  }

  result<json> page(const std::string& tool, const json& args) {
    calls.push_back(tool);
    if (const auto it = refuses.find(tool); it != refuses.end()) {
      return it->second;
    }
    if (tool == tools::sites) {
      return json{{"system", "erp"},
                  {"as_of", "2026-03-30T09:00:00Z"},
                  {"sites", json::array({{{"site", "A"},
                                          {"utc_offset_minutes", -300},
                                          {"working_days", {1, 2, 3, 4, 5}},
                                          {"cutoff", "16:00"},
                                          {"pick_lines_per_hour", "30"},
                                          {"open_pick_lines", 0},
                                          {"record", "site/A"}}})},
                  {"lanes", json::array()}};
    }
    const char* list = tool == tools::supply      ? "events"
                       : tool == tools::levels    ? "levels"
                       : tool == tools::transfers ? "transfers"
                                                  : "lines";
    json page = json::array();
    for (const auto& row : rows[tool]) {
      const auto after = text_or(args, "after");
      if (page.size() < 2 && text_or(row, "cursor", "~") > after) {
        page.push_back(row);
      }
    }
    return json{{"system", "erp"}, {"as_of", "2026-03-30T09:00:00Z"}, {list, page}};
  }

  void order(const std::string& id, const json& change = json::object()) {
    json row{{"cursor", id},
             {"line", id},
             {"item", "P"},
             {"site", "A"},
             {"quantity", "5"},
             {"unit_price", {{"amount", "10.00"}, {"currency", "USD"}}},
             {"requested_date", "2026-03-10"},
             {"entered_at", "2026-03-09T15:00:00Z"},
             {"shipped_date", "2026-03-12"},
             {"state", "shipped"},
             {"record", "line/" + id}};
    row.update(change);
    rows[tools::orders].push_back(row);
  }

  result<history> read() {
    return read_history(
        [this](const std::string& tool, const json& args) { return (*this)(tool, args); },
        *words(), {});
  }
};

std::string notes_of(const history& h) {
  std::string all;
  for (const auto& note : h.notes) {
    all += note + "\n";
  }
  return all;
}

} // namespace

// -- stock as it was
// ---------------------------------------------------------------------------

TEST_CASE("a line is short by what earlier orders left of the stock", "[assess]") {
  books b;
  // 10 at the beginning: 6 go, 4 are left for an order of 7, which is short by 3.
  b.order("SO-1/1", "2026-03-03T09:00:00Z", "6", "2026-03-04", "2026-03-04")
      .order("SO-2/1", "2026-03-03T10:00:00Z", "7", "2026-03-05", "2026-03-09")
      .supply("2026-03-08T06:00:00Z", "20")
      .stock("17");
  const stock_history s(b.h);
  REQUIRE(s.shortages().size() == 1);
  CHECK(b.h.orders[s.shortages()[0].line].id == "SO-2/1");
  CHECK(s.shortages()[0].quantity == n("3"));
  CHECK(s.shortages()[0].covered == at("2026-03-08T06:00:00Z"));
}

TEST_CASE("supply covers short lines first come first served", "[assess]") {
  books b;
  b.order("SO-1/1", "2026-03-03T09:00:00Z", "5", "2026-03-04", "2026-03-09")
      .order("SO-2/1", "2026-03-03T10:00:00Z", "4", "2026-03-04", "")
      .supply("2026-03-08T06:00:00Z", "5")
      .supply("2026-03-12T06:00:00Z", "3")
      .stock("3"); // 5 shipped, 3 of 4 here
  const stock_history s(b.h);
  REQUIRE(s.shortages().size() == 2);
  CHECK(s.shortages()[0].covered == at("2026-03-08T06:00:00Z"));
  CHECK_FALSE(s.shortages()[1].covered.has_value());
  CHECK(s.shortages()[1].quantity == n("4"));
}

TEST_CASE("a transfer that was asked for is gone before it has left", "[assess]") {
  books b;
  b.h.pending.push_back({at("2026-03-03T08:00:00Z"), b.here(), n("4")});
  b.order("SO-1/1", "2026-03-03T09:00:00Z", "8", "2026-04-01", "").stock("10");
  const stock_history s(b.h);
  REQUIRE(s.shortages().size() == 1);
  CHECK(s.shortages()[0].quantity == n("2"));
}

TEST_CASE("what was cancelled asks for nothing from then on", "[assess]") {
  books b;
  b.order("SO-1/1", "2026-03-03T09:00:00Z", "8", "2026-03-05", "")
      .order("SO-2/1", "2026-03-04T09:00:00Z", "8", "2026-03-06", "2026-03-06")
      .stock("0");
  b.h.orders[0].state = line_state::cancelled;
  b.h.orders[0].closed = at("2026-03-04T08:00:00Z");
  CHECK(stock_history(b.h).shortages().empty());
}

TEST_CASE("a short line could be helped only by a site that had enough at that moment",
          "[assess]") {
  books b;
  b.order("SO-1/1", "2026-03-03T09:00:00Z", "5", "2026-03-04", "2026-03-20")
      .order("SO-2/1", "2026-03-10T09:00:00Z", "5", "2026-03-11", "2026-03-20")
      .supply("2026-03-18T06:00:00Z", "10")
      .stock("0")
      // B has 6 until the 5th, then none.
      .order("SO-3/1", "2026-03-05T09:00:00Z", "6", "2026-03-05", "2026-03-05", "B")
      .stock("0", "B");
  const stock_history s(b.h);
  REQUIRE(s.shortages().size() == 2);
  CHECK(s.shortages()[0].elsewhere);
  CHECK_FALSE(s.shortages()[1].elsewhere);
}

TEST_CASE("lines of one instant are taken in the order in which people read them",
          "[assess]") {
  CHECK(reads_before("SO-9/2", "SO-9/10"));
  CHECK_FALSE(reads_before("SO-9/10", "SO-9/2"));
  CHECK(reads_before("SO-9/9", "SO-10/1"));
  CHECK_FALSE(reads_before("a", "a"));
  CHECK(reads_before("a", "a1"));
}

TEST_CASE("where the books were below zero nothing is claimed, and that is said",
          "[assess]") {
  books b;
  // Counted for the first time on the 29th: before it the books showed -20.
  b.order("SO-1/1", "2026-03-03T09:00:00Z", "20", "2026-03-04", "2026-03-04")
      .supply("2026-03-29T06:00:00Z", "50")
      .stock("30");
  const stock_history s(b.h);
  CHECK(s.shortages().empty());
  CHECK(s.unreliable_places() == 1);
  const auto found = find_exceptions(b.h, n("0.25"));
  CHECK(found.kinds.at(kind::short_line).unjudged == 1);
  REQUIRE(found.notes.size() == 1);
  CHECK_THAT(found.notes[0],
             Contains("1 of 1 items at sites") && Contains("order lines there (1)"));
}

TEST_CASE("a stock-out is evenings in a row without anything free", "[assess]") {
  books b;
  b.order("SO-1/1", "2026-03-03T09:00:00Z", "5", "2026-03-04", "2026-03-04")
      .supply("2026-03-07T06:00:00Z", "5")
      .order("SO-2/1", "2026-03-20T09:00:00Z", "5", "2026-03-21", "2026-03-21")
      .stock("0");
  const stock_history s(b.h);
  REQUIRE(s.stock_outs().size() == 2);
  CHECK(to_text(s.stock_outs()[0].first) == "2026-03-03");
  CHECK(to_text(s.stock_outs()[0].last) == "2026-03-06");
  CHECK(s.stock_outs()[0].over);
  CHECK(to_text(s.stock_outs()[1].last) == "2026-03-29");
  CHECK_FALSE(s.stock_outs()[1].over);
}

// -- kinds
// -------------------------------------------------------------------------------------

TEST_CASE("late is after the date asked for; on the day is not late", "[assess]") {
  books b;
  b.order("SO-1/1", "2026-03-03T09:00:00Z", "1", "2026-03-04", "2026-03-04")
      .order("SO-2/1", "2026-03-03T09:00:00Z", "1", "2026-03-04", "2026-03-06")
      .stock("0")
      .supply("2026-03-02T06:00:00Z", "2");
  const auto& late = b.summary(kind::late_line);
  CHECK(late.count == 1);
  CHECK(late.out_of == 2);
  CHECK(late.lasted.median == 2);
  CHECK(b.summary(kind::overdue_line).count == 0);
}

TEST_CASE("a late line that was short is priced once, as short", "[assess]") {
  books b;
  b.order("SO-1/1", "2026-03-03T09:00:00Z", "5", "2026-03-04", "2026-03-10")
      .supply("2026-03-09T06:00:00Z", "5")
      .stock("0");
  const auto late = b.summary(kind::late_line);
  CHECK(late.count == 1);
  CHECK(late.also_short == 1);
  CHECK(late.cost == decimal());
  const auto& shorts = b.summary(kind::short_line);
  REQUIRE(shorts.parts.size() == 3);
  CHECK(shorts.late == 1);
  // 20 minutes of 38 an hour; 15 % of 35; 35 % of 5 pieces that are sold at 10 and
  // cost 6.
  CHECK(grouped(shorts.parts[0].amount) == "12.67");
  CHECK(shorts.parts[1].amount == n("5.25"));
  CHECK(shorts.parts[2].amount == n("7"));
}

TEST_CASE("a receipt is late once it is past its first promise, a slip when it is moved",
          "[assess]") {
  books b;
  const auto line = [&](const char* first, const char* now, const char* received) {
    purchase_line l;
    l.record = "purchase/1";
    l.at = b.here();
    l.ordered = d("2026-03-03");
    l.first_promised = d(first);
    l.promised = d(now);
    if (*received != '\0') {
      l.received = d(received);
    }
    b.h.purchases.push_back(l);
  };
  line("2026-03-10", "2026-03-10", "2026-03-10"); // on time
  line("2026-03-10", "2026-03-17", "2026-03-16"); // moved, and late
  line("2026-03-20", "2026-03-20", "");           // overdue
  line("2026-04-20", "2026-04-25", "");           // moved, not late yet
  const auto late = b.summary(kind::late_receipt);
  CHECK(late.count == 2);
  CHECK(late.out_of == 3);
  CHECK(late.open == 1);
  const auto& slipped = b.summary(kind::slipped_purchase);
  CHECK(slipped.count == 2);
  CHECK(slipped.out_of == 4);
}

TEST_CASE("a lead time is wrong if it is far from what is promised for the item",
          "[assess]") {
  books b;
  b.stock("0", "A");
  b.h.levels[0].lead_time_days = 5;
  for (const char* promised : {"2026-03-15", "2026-03-16", "2026-03-17"}) {
    purchase_line l;
    l.at = b.here();
    l.ordered = d("2026-03-02");
    l.first_promised = l.promised = d(promised);
    l.received = d(promised);
    b.h.purchases.push_back(l);
  }
  CHECK(b.summary(kind::wrong_lead_time).count == 1);
  b.h.levels[0].lead_time_days = 12; // 14 days at the median: within three days
  CHECK(b.summary(kind::wrong_lead_time).count == 0);
}

TEST_CASE("a kind says which flow it would start, directly or through an agent",
          "[assess]") {
  books b;
  addressing who;
  who.flows.push_back({"backorder-prevention", "order.line_short"});
  who.agents.push_back({"order", {"order.line", "purchase.line"}, {"order.line_short"}});
  const auto shorts = b.summary(kind::short_line, who);
  REQUIRE(shorts.flows.size() == 1);
  CHECK(shorts.flows[0].directly);
  const auto receipts = b.summary(kind::late_receipt, who);
  REQUIRE(receipts.flows.size() == 1);
  CHECK_FALSE(receipts.flows[0].directly);
  CHECK_THAT(receipts.flows[0].how, Contains("the agent order hears purchase.line"));
  CHECK(flows_text(b.summary(kind::late_transfer, who)) == "none yet");
  CHECK(flows_text(b.summary(kind::short_line)) == "none yet");
}

// -- reading
// -----------------------------------------------------------------------------------

TEST_CASE("every page is read, and only tools that read are called", "[assess]") {
  played erp;
  for (const char* id : {"a", "b", "c", "d", "e"}) {
    erp.order(id);
  }
  const auto h = erp.read();
  REQUIRE(h.ok());
  CHECK(h->orders.size() == 5);
  CHECK(h->pages.at(tools::orders) == 3);
  CHECK(h->orders[0].shipped == n("5")); // not said: a shipped line shipped whole
  CHECK(to_text(h->until) == "2026-03-30");
  for (const auto& tool : erp.calls) {
    const auto* entry = words()->find(tool);
    REQUIRE(entry != nullptr);
    CHECK_FALSE(entry->write);
  }
}

TEST_CASE("a bad row is left out with its field, the others are not", "[assess]") {
  played erp;
  erp.order("a");
  erp.order("b");
  erp.order("c", {{"requested_date", "2026-02-31"}});
  erp.order("d", {{"quantity", "many"}});
  erp.order("e", {{"quantity", "0"}});
  const auto h = erp.read();
  REQUIRE(h.ok());
  CHECK(h->orders.size() == 2);
  CHECK_THAT(notes_of(*h), Contains("3 rows of erp.order_history are left out") &&
                               Contains("quantity (2), requested_date (1)"));
}

TEST_CASE("a first page that is not what the catalogue promises is an error",
          "[assess]") {
  played erp;
  erp.order("a", {{"quantity", 5}});
  const auto h = erp.read();
  REQUIRE_FALSE(h.ok());
  CHECK(h.error().code() == errc::schema);
  CHECK_THAT(h.error().describe(), Contains("tool: erp.order_history"));
}

TEST_CASE("a cursor that does not go on ends the reading with an error", "[assess]") {
  played erp;
  erp.order("a");
  int calls = 0;
  const auto h = read_history(
      [&](const std::string& tool, const json& args) -> result<document> {
        if (tool == tools::orders && ++calls > 5) {
          return error(errc::internal, "it was read for ever");
        }
        auto without = args;
        without.erase("after");
        return erp(tool, without);
      },
      *words(), {});
  REQUIRE_FALSE(h.ok());
  CHECK_THAT(h.error().describe(), Contains("no cursor that goes on"));
}

TEST_CASE("what the connector does not offer is not judged, and that is said",
          "[assess]") {
  played erp;
  erp.order("a");
  erp.refuses.emplace(tools::supply,
                      error(errc::not_found, "the connector sql does not offer it"));
  const auto h = erp.read();
  REQUIRE(h.ok());
  CHECK_THAT(notes_of(*h), Contains("erp.supply_history is not to be had"));
  const auto a = assess::assess(*h, assumptions(), {});
  CHECK_FALSE(a.kinds[0].judged);
  CHECK(a.kinds[1].judged);
  CHECK_THAT(headline(a), Contains("left after the date the customer asked for"));
  CHECK_THAT(html_page(a), Contains("Not judged"));
}

TEST_CASE("trouble with the system of record ends the reading", "[assess]") {
  played erp;
  erp.refuses.emplace(tools::purchases, error(errc::unavailable, "away"));
  const auto h = erp.read();
  REQUIRE_FALSE(h.ok());
  CHECK(h.error().code() == errc::unavailable);
}

TEST_CASE("amounts of another currency are not added up", "[assess]") {
  played erp;
  erp.order("a");
  erp.order("b");
  erp.order("c", {{"unit_price", {{"amount", "900.00"}, {"currency", "EUR"}}}});
  const auto h = erp.read();
  REQUIRE(h.ok());
  CHECK(h->currency == "USD");
  CHECK(h->orders[2].price == decimal());
  CHECK_THAT(notes_of(*h), Contains("1 order lines are in another currency than USD"));
}

// -- assumptions
// -------------------------------------------------------------------------------

TEST_CASE("an assumption is changed by key, and a wrong one names what there is",
          "[assess]") {
  assumptions a;
  REQUIRE(a.read("hourly_rate=52.50").ok());
  CHECK(a["hourly_rate"] == n("52.5"));
  const auto unknown = a.read("hourly=52");
  REQUIRE_FALSE(unknown.ok());
  CHECK_THAT(unknown.error().describe(),
             Contains("hourly_rate") && Contains("field: hourly)"));
  CHECK_FALSE(a.read("margin_share=25").ok()); // a share, not a percentage
  CHECK_FALSE(a.read("hourly_rate=-1").ok());
  CHECK_FALSE(a.read("hourly_rate=much").ok());
  CHECK_FALSE(a.read("no-such-file.toml").ok());
}

TEST_CASE("a file of assumptions is read whole, a mistake names file, line and field",
          "[assess]") {
  const auto file = std::filesystem::temp_directory_path() /
                    ("crossdock-assume-" + std::to_string(::getpid()) + ".toml");
  std::ofstream(file)
      << "hourly_rate = 61.25\nexpedite_share = \"0.2\"\nmargin_share = 1\n";
  assumptions a;
  REQUIRE(a.read(file.string()).ok());
  CHECK(a["hourly_rate"] == n("61.25"));
  CHECK(a["expedite_share"] == n("0.2"));
  CHECK(a["margin_share"] == n("1"));
  std::ofstream(file) << "hourly_rate = 61\nminutes_short = 4\n";
  const auto wrong = a.read(file.string());
  std::filesystem::remove(file);
  REQUIRE_FALSE(wrong.ok());
  CHECK_THAT(wrong.error().describe(),
             Contains(file.string()) && Contains("line: 2") && Contains("minutes_short"));
}

// -- the page
// ----------------------------------------------------------------------------------

TEST_CASE("nothing from outside becomes markup in the page", "[assess]") {
  books b;
  const std::string evil = "<script>alert('x')</script>\"&";
  b.order("SO-1/1", "2026-03-03T09:00:00Z", "5", "2026-03-04", "2026-03-10").stock("0");
  b.h.orders[0].record = evil;
  b.h.system = evil;
  b.h.currency = evil;
  b.h.notes.push_back(evil);
  auto a = assess::assess(b.h, b.assumed, {{{evil, "order.line_short"}}, {}});
  a.read_by = evil;
  const auto page = html_page(a);
  CHECK_THAT(page, !Contains("<script"));
  CHECK_THAT(page,
             Contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&amp;"));
  CHECK_THAT(page, !Contains("http://") && !Contains("https://") && !Contains("url("));
  CHECK_THAT(page, Contains("default-src 'none'"));
}

TEST_CASE("the page shows each kind's numbers and each cost's arithmetic", "[assess]") {
  books b;
  b.order("SO-1/1", "2026-03-03T09:00:00Z", "5", "2026-03-04", "2026-03-10")
      .supply("2026-03-09T06:00:00Z", "5")
      .stock("0");
  const auto page = html_page(assess::assess(b.h, b.assumed, {}));
  CHECK_THAT(page, Contains("1 of 1 order lines (100.0 %)"));
  CHECK_THAT(page, Contains("1 × 20 min × 38.00 USD an hour = 12.67 USD"));
  CHECK_THAT(page, Contains("week of 2026-03-02: 1"));
  CHECK_THAT(page, Contains("none yet"));
}

TEST_CASE("a plot's scale is of round numbers and holds its highest column", "[assess]") {
  CHECK(round_up(1) == 1);
  CHECK(round_up(3) == 5);
  CHECK(round_up(11) == 20);
  CHECK(round_up(5000) == 5000);
  const auto plot = column_plot({{"a", 0, ""}, {"b", 1234, "here"}}, "t", true);
  CHECK_THAT(plot, Contains(">1,500<") && Contains(">1,234<") && Contains("<title>here"));
  CHECK_THAT(column_plot({}, "empty", false), Contains("</svg>"));
}

TEST_CASE("numbers are written as people read them", "[assess]") {
  CHECK(grouped(std::size_t{0}) == "0");
  CHECK(grouped(std::size_t{1234567}) == "1,234,567");
  CHECK(grouped(n("1234567.895")) == "1,234,567.90");
  CHECK(grouped(n("-0.5")) == "-0.50");
  CHECK(days_text(0.26) == "0.3 d");
  CHECK(days_text(12.4) == "12 d");
  CHECK_FALSE(parse_day("2026-02-29").has_value());
  CHECK_FALSE(parse_day("2026-2-9").has_value());
  CHECK(to_text(d("2024-02-29")) == "2024-02-29");
}
