#include <atomic>
#include <chrono>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include <sim/sim.hpp>

using namespace crossdock::sim;
using nlohmann::json;

namespace {

/// A folder of its own that is gone afterwards.
struct scratch {
  scratch() {
    static std::atomic<int> serial{0};
    path = std::filesystem::temp_directory_path() /
           ("crossdock-sim-" + std::to_string(getpid()) + "-" + std::to_string(++serial));
    std::filesystem::create_directories(path);
  }
  ~scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::string file(const std::string& name) const { return (path / name).string(); }
  std::filesystem::path path;
};

const progress_report silent = [](double, const std::string&) {};

std::string make_tiny(const scratch& s, const std::string& name = "a.db",
                      std::uint64_t seed = 1, int history_days = 100) {
  create_options options;
  options.file = s.file(name);
  options.size = "tiny";
  options.seed = seed;
  options.history_days = history_days;
  create(options, silent);
  return options.file;
}

json play_all(const std::string& file, bool resume = false, int stop_after = 0) {
  play_options options;
  options.file = file;
  options.seconds = 0;
  options.resume = resume;
  options.stop_after_steps = stop_after;
  return play(options, silent);
}

std::string query_named(const std::string& name) {
  for (const auto& [n, sql] : named_queries())
    if (n == name)
      return sql;
  FAIL("no query is named " << name);
  return {};
}

/// Puts `value` under "a.b" as {"a": {"b": value}}; ":json" and ":boolean" convert.
void put(json& row, std::string column, json value) {
  if (value.is_null())
    return;
  const auto colon = column.find(':');
  if (colon != std::string::npos) {
    const auto kind = column.substr(colon + 1);
    column.resize(colon);
    value = kind == "json" ? json::parse(value.get<std::string>())
                           : json(value.get<std::int64_t>() != 0);
  }
  const auto dot = column.find('.');
  if (dot == std::string::npos)
    row[column] = std::move(value);
  else
    row[column.substr(0, dot)][column.substr(dot + 1)] = std::move(value);
}

struct answer_rows {
  int code = SQLITE_DONE; ///< extended result code of the last step
  std::string message;
  std::vector<json> rows;
};

/// Runs one named query as the sql connector would.
answer_rows run_named(database& db, const std::string& name, const json& arguments) {
  answer_rows result;
  sqlite3_stmt* s = nullptr;
  const auto sql = query_named(name);
  INFO(name << ": " << sql);
  REQUIRE(sqlite3_prepare_v2(db.handle(), sql.c_str(), -1, &s, nullptr) == SQLITE_OK);
  for (int n = 1; n <= sqlite3_bind_parameter_count(s); ++n) {
    const std::string parameter = sqlite3_bind_parameter_name(s, n) + 1;
    if (!arguments.contains(parameter))
      continue;
    const auto& v = arguments[parameter];
    if (v.is_number())
      sqlite3_bind_int64(s, n, v.get<std::int64_t>());
    else
      sqlite3_bind_text(s, n, v.get<std::string>().c_str(), -1, SQLITE_TRANSIENT);
  }
  int code = 0;
  while ((code = sqlite3_step(s)) == SQLITE_ROW) {
    json row = json::object();
    for (int c = 0; c < sqlite3_column_count(s); ++c) {
      json value;
      if (sqlite3_column_type(s, c) == SQLITE_INTEGER)
        value = sqlite3_column_int64(s, c);
      else if (sqlite3_column_type(s, c) == SQLITE_TEXT)
        value = reinterpret_cast<const char*>(sqlite3_column_text(s, c));
      put(row, sqlite3_column_name(s, c), value);
    }
    result.rows.push_back(std::move(row));
  }
  result.code = code == SQLITE_DONE ? code : sqlite3_extended_errcode(db.handle());
  result.message = sqlite3_errmsg(db.handle());
  sqlite3_finalize(s);
  return result;
}

json read_json(const std::string& name) {
  std::ifstream in{std::string{CROSSDOCK_CATALOGUE} + "/" + name + ".json"};
  REQUIRE(in);
  return json::parse(in);
}

/// The first complaint of the catalogue's schema, or nothing.
std::string complaint(const std::string& name, const char* part, const json& value) {
  auto schema_json = read_json(name)[part];
  schema_json["definitions"] = read_json("definitions")["definitions"];
  valijson::Schema schema;
  valijson::SchemaParser parser;
  parser.populateSchema(valijson::adapters::NlohmannJsonAdapter{schema_json}, schema);
  valijson::Validator validator;
  valijson::ValidationResults results;
  const valijson::adapters::NlohmannJsonAdapter target{value};
  if (validator.validate(schema, target, &results))
    return {};
  valijson::ValidationResults::Error error;
  std::string text;
  while (results.popError(error)) {
    for (const auto& c : error.context)
      text += c;
    text += ": " + error.description + "\n";
  }
  return text;
}

/// An item-site with something to spare, and another site of the same item.
struct spare {
  std::string item, from, to, unit;
  std::int64_t available;
};

spare find_spare(database& db) {
  spare found{};
  db.each("SELECT s.item_id, s.site_id, o.site_id, i.unit, s.on_hand - s.reserved "
          "FROM stock s JOIN stock o ON o.item_id = s.item_id AND o.site_id <> s.site_id "
          "JOIN item i ON i.item_id = s.item_id WHERE s.on_hand - s.reserved > 5 LIMIT 1",
          {}, [&](statement& s) {
            found = {s.text(0), s.text(1), s.text(2), s.text(3), s.integer(4)};
          });
  REQUIRE(found.available > 5);
  return found;
}

std::string first_problem(const std::string& file) {
  for (const auto& f : check(file, false).findings)
    if (!f.sentence.empty())
      return f.sentence;
  return {};
}

} // namespace

TEST_CASE("the generator is Philox 4x32-10 to the bit", "[sim]") {
  // Known answers published with Random123 (kat_vectors).
  using block = std::array<std::uint32_t, 4>;
  CHECK(philox({0, 0, 0, 0}, {0, 0}) ==
        block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}) ==
        block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
               {0xa4093822, 0x299f31d0}) ==
        block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("our own functions agree with the mathematical ones", "[sim]") {
  for (const double x : {1e-9, 0.1, 0.7, 1.0, 2.5, 123.0, 1e12})
    CHECK(exact_log(x) == Approx(std::log(x)).epsilon(1e-14).margin(1e-15));
  for (const double x : {-30.0, -1.3, 0.0, 0.5, 1.0, 20.0})
    CHECK(exact_exp(x) == Approx(std::exp(x)).epsilon(1e-14));
  for (const double x : {-20.0, -1.0, 0.0, 0.3, 3.0, 100.0})
    CHECK(exact_sin(x) == Approx(std::sin(x)).margin(1e-13));
  stream s{7, purpose::item};
  double sum = 0, squares = 0, gamma = 0, poisson = 0;
  const int n = 20000;
  for (int k = 0; k < n; ++k) {
    const double z = s.normal();
    sum += z / n;
    squares += z * z / n;
    gamma += s.gamma(10, 0.25) / n;
    poisson += static_cast<double>(s.poisson(45)) / n;
  }
  CHECK(sum == Approx(0).margin(0.03));
  CHECK(squares == Approx(1).epsilon(0.03));
  CHECK(gamma == Approx(10).epsilon(0.01));
  CHECK(poisson == Approx(45).epsilon(0.01));
}

TEST_CASE("the same seed gives the same content on every machine", "[sim]") {
  scratch s;
  const auto first = check(make_tiny(s, "a.db", 1, 365), true).content_hash;
  CHECK(check(make_tiny(s, "b.db", 1, 365), true).content_hash == first);
  CHECK(check(make_tiny(s, "c.db", 2, 365), true).content_hash != first);
  // Pinned, so that another machine or compiler that differs is noticed. A change of the
  // generator changes it: put the new value here and raise generator_version.
  CHECK(first == "5f22d2521b85f765");
}

TEST_CASE("a new distributor's books balance and its history is a year", "[sim]") {
  scratch s;
  const auto file = make_tiny(s, "a.db", 1, 365);
  CHECK(first_problem(file) == "");
  database db{file, database::mode::read};
  CHECK(db.text("PRAGMA journal_mode") == "wal");
  CHECK(db.integer("SELECT count(*) FROM sales_line") > 5000);
  CHECK(db.integer("SELECT count(*) FROM sales_line WHERE state = 'open'") > 10);
  CHECK(db.integer("SELECT count(*) FROM purchase_line WHERE state = 'open'") > 5);
  CHECK(db.integer("SELECT count(*) FROM transfer WHERE state = 'received'") > 50);
  CHECK(db.integer("SELECT julianday(max(pick_date)) - julianday(min(pick_date)) "
                   "FROM pick_day") > 350);
}

TEST_CASE("every read answers what the catalogue asks for", "[sim]") {
  scratch s;
  const auto file = make_tiny(s);
  play_all(file);
  database db{file, database::mode::read};
  const auto item = db.text("SELECT item_id FROM item_substitute LIMIT 1");
  const auto busy =
      db.text("SELECT item_id FROM purchase_line WHERE state = 'open' LIMIT 1");
  const auto line =
      db.text("SELECT line_id FROM sales_line WHERE state = 'open' ORDER BY 1 LIMIT 1");
  const auto line_item =
      db.text("SELECT item_id FROM sales_line WHERE line_id = ?", {line});
  const auto line_site =
      db.text("SELECT site_id FROM sales_line WHERE line_id = ?", {line});
  struct read {
    const char* tool;
    json arguments;
    std::vector<const char*> lists;
  };
  const std::vector<read> reads{
      {"erp.stock", {{"item", item}}, {"sites"}},
      {"erp.stock", {{"item", item}, {"site", "BR-1"}}, {"sites"}},
      {"erp.item", {{"item", item}}, {"substitutes"}},
      {"erp.order_line", {{"line", line}}, {}},
      {"erp.open_orders", {{"item", line_item}, {"site", line_site}}, {"lines"}},
      {"erp.supply", {{"item", busy}}, {"lines"}},
      {"erp.demand",
       {{"item", line_item}, {"site", line_site}, {"since", "2025-03-03"}},
       {"days"}},
      {"erp.sites", json::object(), {"sites", "lanes"}},
      {"erp.transfer_history", {{"since", "2025-03-03"}}, {"transfers"}},
      {"erp.receipt_history", {{"since", "2025-03-03"}, {"limit", 50}}, {"receipts"}},
      {"erp.pick_history", {{"since", "2025-03-03"}, {"site", "DC-1"}}, {"days"}},
      {"erp.order_history", {{"since", "2025-03-03"}, {"limit", 50}}, {"lines"}},
      {"erp.purchase_history", {{"since", "2025-03-03"}, {"limit", 50}}, {"lines"}},
      {"erp.supply_history", {{"since", "2025-03-03"}, {"limit", 50}}, {"events"}},
      {"erp.stock_levels", {{"limit", 50}}, {"levels"}},
  };
  for (const auto& r : reads) {
    INFO(r.tool << " " << r.arguments.dump());
    CHECK(complaint(r.tool, "schema", r.arguments) == "");
    auto head = run_named(db, r.tool, r.arguments);
    REQUIRE(head.rows.size() == 1);
    json answer = head.rows[0];
    answer["system"] = "erp";
    for (const char* list : r.lists) {
      answer[list] = run_named(db, std::string{r.tool} + "/" + list, r.arguments).rows;
      CHECK_FALSE(answer[list].empty());
    }
    CHECK(complaint(r.tool, "answer", answer) == "");
  }
  for (const char* topic : {"order.line", "purchase.line"}) {
    const auto start = run_named(db, std::string{topic} + "/start", {});
    const auto rows =
        run_named(db, topic, {{"cursor", start.rows[0]["cursor"]}, {"limit", 500}}).rows;
    REQUIRE(rows.size() > 10);
    std::int64_t last = 0;
    for (auto row : rows) {
      CHECK(row["cursor"].get<std::int64_t>() > last);
      last = row["cursor"].get<std::int64_t>();
      row["system"] = "erp";
      CHECK(complaint(topic, "schema", row) == "");
    }
  }
}

TEST_CASE("the history is read in pages that neither repeat nor leave out a row",
          "[sim]") {
  scratch s;
  const auto file = make_tiny(s, "a.db", 1, 365);
  database db{file, database::mode::read};
  const auto all_of = [&](const std::string& list, json arguments) {
    std::set<std::string> cursors;
    std::size_t rows = 0;
    for (;;) {
      const auto page = run_named(db, list, arguments).rows;
      if (page.empty())
        break;
      for (const auto& row : page)
        cursors.insert(row["cursor"].get<std::string>());
      rows += page.size();
      arguments["after"] = page.back()["cursor"];
    }
    CHECK(cursors.size() == rows);
    return static_cast<std::int64_t>(rows);
  };
  const json since{{"since", "2025-01-01"}, {"limit", 97}};
  CHECK(all_of("erp.order_history/lines", since) ==
        db.integer("SELECT count(*) FROM sales_line"));
  CHECK(all_of("erp.purchase_history/lines", since) ==
        db.integer("SELECT count(*) FROM purchase_line"));
  CHECK(all_of("erp.supply_history/events", since) ==
        db.integer("SELECT count(*) FROM stock_movement WHERE kind <> 'sale'"));
  CHECK(all_of("erp.stock_levels/levels", {{"limit", 7}}) ==
        db.integer("SELECT count(*) FROM stock"));
}

TEST_CASE("the truth names every late line, slip and stock-out of the history", "[sim]") {
  scratch s;
  const auto file = make_tiny(s, "a.db", 1, 365);
  database db{file, database::mode::read};
  const auto labels = [&](const char* kind) {
    return db.integer("SELECT count(*) FROM truth_label WHERE kind = ?", {kind});
  };
  CHECK(labels("late_line") > 0);
  CHECK(labels("late_line") ==
        db.integer(
            "SELECT count(*) FROM sales_line l JOIN site s USING (site_id) WHERE "
            "date(shipped_at, s.utc_offset_minutes || ' minutes') > requested_date"));
  CHECK(labels("receipt_slip") ==
        db.integer("SELECT count(*) FROM purchase_line WHERE promised_date <> "
                   "original_promised_date"));
  // Whatever has nothing available this morning ran out on some evening.
  CHECK(db.integer(
            "SELECT count(*) FROM stock k WHERE on_hand <= reserved AND EXISTS ("
            "SELECT 1 FROM sales_line l WHERE l.item_id = k.item_id AND l.site_id = "
            "k.site_id) AND NOT EXISTS (SELECT 1 FROM truth_label WHERE kind = "
            "'stock_out' AND subject LIKE 'stock/' || k.item_id || '@' || k.site_id || "
            "' %')") == 0);
}

TEST_CASE("a transfer is written once, found by its key, and cancelled once", "[sim]") {
  scratch s;
  const auto file = make_tiny(s);
  database db{file, database::mode::write};
  const auto at = find_spare(db);
  const json order{{"item", at.item}, {"from", at.from}, {"to", at.to},
                   {"quantity", "3"}, {"unit", at.unit}, {"need_date", "2026-03-05"},
                   {"key", "k-1"}};
  CHECK(run_named(db, "erp.transfer.create/lookup", {{"key", "k-1"}}).rows.empty());
  auto created = run_named(db, "erp.transfer.create", order);
  REQUIRE(created.rows.size() == 1);
  created.rows[0]["system"] = "erp";
  CHECK(complaint("erp.transfer.create", "answer", created.rows[0]) == "");

  CHECK(run_named(db, "erp.transfer.create", order).code == SQLITE_CONSTRAINT_UNIQUE);
  const auto found = run_named(db, "erp.transfer.create/lookup", {{"key", "k-1"}});
  REQUIRE(found.rows.size() == 1);
  CHECK(found.rows[0]["record"] == created.rows[0]["record"]);
  CHECK(check(file, false).transfers_with_reference["requested"] == 1);
  CHECK(first_problem(file) == ""); // the refused second attempt reserved nothing

  auto too_much = order;
  too_much["key"] = "k-2";
  too_much["quantity"] = std::to_string(at.available + 1);
  const auto refused = run_named(db, "erp.transfer.create", too_much);
  CHECK(refused.rows.empty());
  CHECK(refused.message.substr(0, 8) == "refused:");
  auto fraction = order;
  fraction["key"] = "k-3";
  fraction["quantity"] = "1.5";
  CHECK(run_named(db, "erp.transfer.create", fraction).code != SQLITE_DONE);
  auto other_unit = order;
  other_unit["key"] = "k-4";
  other_unit["unit"] = "TONNE";
  CHECK(run_named(db, "erp.transfer.create", other_unit).rows.empty());

  const json cancel{{"reference", "k-1"}, {"key", "c-1"}};
  CHECK(run_named(db, "erp.transfer.cancel", cancel).rows.size() == 1);
  CHECK(run_named(db, "erp.transfer.cancel", cancel).rows.empty());
  CHECK(run_named(db, "erp.transfer.cancel/lookup", {{"key", "c-1"}}).rows.size() == 1);
  CHECK(db.integer("SELECT count(*) FROM transfer WHERE reference IS NOT NULL") == 1);
  CHECK(first_problem(file) == "");
}

TEST_CASE("a promise moves once and only from the date the caller saw", "[sim]") {
  scratch s;
  const auto file = make_tiny(s);
  database db{file, database::mode::write};
  const auto line =
      db.text("SELECT line_id FROM sales_line WHERE state = 'open' LIMIT 1");
  const auto before =
      db.text("SELECT promised_date FROM sales_line WHERE line_id = ?", {line});
  const auto seq = db.integer("SELECT max(change_seq) FROM sales_line");
  const json change{
      {"key", "p-1"}, {"line", line}, {"date", "2026-04-01"}, {"previous", before}};
  CHECK(run_named(db, "erp.order.promise", change).rows.size() == 1);
  CHECK(db.text("SELECT promised_date FROM sales_line WHERE line_id = ?", {line}) ==
        "2026-04-01");
  CHECK(db.integer("SELECT change_seq FROM sales_line WHERE line_id = ?", {line}) > seq);
  CHECK(run_named(db, "erp.order.promise", change).code == SQLITE_CONSTRAINT_PRIMARYKEY);
  CHECK(run_named(db, "erp.order.promise/lookup", {{"key", "p-1"}}).rows.size() == 1);
  auto stale = change;
  stale["key"] = "p-2";
  CHECK(run_named(db, "erp.order.promise", stale).message.substr(0, 9) == "conflict:");
  CHECK(run_named(db, "erp.order.promise/lookup", {{"key", "p-2"}}).rows.empty());
}

TEST_CASE("a played day has short lines of each kind and the books still balance",
          "[sim]") {
  scratch s;
  create_options options;
  options.file = s.file("small.db");
  options.history_days = 60;
  create(options, silent);
  const auto counts = play_all(options.file);
  CHECK(counts["lines_planted_short"].get<int>() >= 12);
  CHECK(counts["lines_short_at_entry"].get<int>() >= 12);
  CHECK(counts["receipts_slipped"].get<int>() >= 5);
  CHECK(counts["lines_shipped"].get<int>() > 100);
  CHECK(first_problem(options.file) == "");
  std::map<std::string, int> kinds;
  const auto labels = truth(options.file);
  for (const auto& l : labels["short_lines"])
    if (l["injected"].get<bool>())
      ++kinds[l["remedy"].get<std::string>()];
  CHECK(kinds["transfer_small"] >= 2);
  CHECK(kinds["transfer_large"] >= 2);
  CHECK(kinds["wait"] >= 2);
}

TEST_CASE("transfers that crossdock asks for are picked and shipped within the day",
          "[sim]") {
  scratch s;
  const auto file = make_tiny(s);
  play_all(file, false, 3);
  {
    database db{file, database::mode::write};
    const auto at = find_spare(db);
    run_named(db, "erp.transfer.create",
              {{"item", at.item},
               {"from", at.from},
               {"to", at.to},
               {"quantity", "2"},
               {"unit", at.unit},
               {"need_date", "2026-03-05"},
               {"key", "k-1"}});
  }
  play_all(file, true);
  CHECK(check(file, false).transfers_with_reference["shipped"] == 1);
  CHECK(first_problem(file) == "");
  for (int n = 0; n < 6; ++n)
    play_all(file); // six more days: it arrives
  CHECK(check(file, false).transfers_with_reference["received"] == 1);
  CHECK(first_problem(file) == "");
}

TEST_CASE("a day that was stopped and resumed ends like one that was not", "[sim]") {
  scratch s;
  const auto whole = make_tiny(s, "whole.db");
  const auto parts = make_tiny(s, "parts.db");
  const auto counts = play_all(whole);
  play_all(parts, false, 7);
  CHECK_THROWS_WITH(play_all(parts), Catch::Contains("--resume"));
  for (int n = 0; n < 5; ++n)
    play_all(parts, true, 9);
  CHECK(play_all(parts, true) == counts);
  CHECK(play_all(parts, true) == counts); // finished: says so again, changes nothing
  CHECK(check(parts, true).content_hash == check(whole, true).content_hash);
}

TEST_CASE("a killed player loses no step and repeats none", "[sim]") {
  scratch s;
  const auto whole = make_tiny(s, "whole.db");
  const auto killed = make_tiny(s, "killed.db");
  play_all(whole);
  for (const std::int64_t kill_at : {2, 30, 60}) {
    const auto child = fork();
    if (child == 0) {
      try {
        play_options options;
        options.file = killed;
        options.seconds = 0.3; // slow enough to be met in the middle
        options.resume = true;
        play(options, silent);
      } catch (...) {
        _exit(1);
      }
      _exit(0);
    }
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    {
      database db{killed, database::mode::read};
      while (db.integer("SELECT coalesce(max(next_step), 0) FROM sim_day") < kill_at &&
             std::chrono::steady_clock::now() < deadline)
        std::this_thread::yield();
    }
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    CHECK(first_problem(killed) == "");
  }
  play_all(killed, true);
  CHECK(check(killed, true).content_hash == check(whole, true).content_hash);
}

TEST_CASE("a poller beside the player misses no change and sees them in order", "[sim]") {
  scratch s;
  const auto file = make_tiny(s);
  std::map<std::string, std::int64_t> seen;
  std::int64_t cursor = 0;
  bool ordered = true;
  database reader{file, database::mode::read};
  cursor =
      run_named(reader, "order.line/start", {}).rows[0]["cursor"].get<std::int64_t>();
  const auto start = cursor;
  const auto poll = [&] {
    const auto rows =
        run_named(reader, "order.line", {{"cursor", cursor}, {"limit", 20}}).rows;
    for (const auto& row : rows) {
      const auto next = row["cursor"].get<std::int64_t>();
      ordered = ordered && next > cursor;
      cursor = next;
      seen[row["line"].get<std::string>()] = next;
    }
    return rows.size();
  };
  std::atomic<bool> done{false};
  std::string error;
  std::thread writer{[&] {
    try {
      play_all(file);
    } catch (const std::exception& e) {
      error = e.what();
    }
    done = true;
  }};
  while (!done)
    poll();
  writer.join();
  while (poll() > 0) {
  }
  CHECK(error == "");
  CHECK(ordered);
  std::size_t changed = 0;
  reader.each("SELECT line_id, change_seq FROM sales_line WHERE change_seq > ?", {start},
              [&](statement& row) {
                ++changed;
                CHECK(seen[row.text(0)] == row.integer(1));
              });
  CHECK(changed > 50);
}

TEST_CASE("the check names what broke", "[sim]") {
  scratch s;
  const auto file = make_tiny(s);
  const auto item = [&] {
    database db{file, database::mode::read};
    return db.text("SELECT item_id FROM stock LIMIT 1");
  }();
  {
    database db{file, database::mode::write};
    db.execute("UPDATE stock SET on_hand = on_hand + 1 WHERE item_id = '" + item +
               "' AND site_id = 'DC-1'");
  }
  const auto sentence = first_problem(file);
  CHECK_THAT(sentence, Catch::Contains("stock on hand is not opening + receipts"));
  CHECK_THAT(sentence, Catch::Contains(item));
}

TEST_CASE("files that are not ours are refused in a sentence", "[sim]") {
  scratch s;
  const auto code_of = [&](const std::string& file) {
    try {
      play_all(file);
    } catch (const failure& f) {
      return static_cast<int>(f.code());
    }
    return 0;
  };
  CHECK(code_of(s.file("missing.db")) == 3);
  CHECK_FALSE(std::filesystem::exists(s.file("missing.db")));
  std::ofstream{s.file("text.db")} << std::string(5000, 'x');
  CHECK(code_of(s.file("text.db")) == 3);
  {
    database db{s.file("other.db"), database::mode::create};
    db.execute("CREATE TABLE t (x)");
  }
  CHECK(code_of(s.file("other.db")) == 3);
  const auto old = make_tiny(s, "old.db");
  {
    database db{old, database::mode::write};
    db.execute("PRAGMA user_version = 99");
  }
  CHECK_THROWS_WITH(play_all(old), Catch::Contains("schema version 99"));
  CHECK_THROWS_WITH(make_tiny(s, "old.db"), Catch::Contains("--force"));
}
