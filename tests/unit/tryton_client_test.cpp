// The Tryton connector against recorded shapes of Tryton 6.0.29: no socket, no server.
#include <catch2/catch.hpp>

#include <deque>

#include "erp.hpp"

namespace crossdock::tryton {

using sdk::bad_config;
using fate = http_reply::fate;

namespace {

http_reply http(long status, std::string body) {
  http_reply r;
  r.what = fate::answered;
  r.status = status;
  r.body = std::move(body);
  r.date = 1'795'409'306; // 2026-11-23T04:48:26Z
  return r;
}
http_reply result(const json& value) {
  return http(200, json{{"id", 1}, {"result", value}}.dump());
}
http_reply error(const std::string& recorded) {
  return http(200, R"({"id":1,"error":)" + recorded + "}");
}
http_reply failed(fate what) {
  http_reply r;
  r.what = what;
  r.error = "the line went dead";
  return r;
}
outcome judge(const http_reply& r, access how = access::read) {
  return classify(r, how).result;
}

/// One call that reached the fake server.
struct seen {
  std::string method, authorization;
  json body;
};

/// Answers by method; a method with several answers gives them one after the other and
/// repeats the last.
struct fake_server {
  std::map<std::string, std::deque<http_reply>> answers;
  std::vector<seen> calls;

  fake_server() {
    answers["common.db.login"] = {result({7, "d81e"})};
    answers["model.res.user.get_preferences"] = {
        result({{"company", 1}, {"language", "en"}})};
  }
  std::vector<std::string> methods() const {
    std::vector<std::string> out;
    for (const auto& c : calls)
      out.push_back(c.method.substr(c.method.rfind('.') + 1));
    return out;
  }
  int count(const std::string& method) const {
    int n = 0;
    for (const auto& c : calls)
      n += c.method == method ? 1 : 0;
    return n;
  }
};

struct fake_transport : transport {
  explicit fake_transport(fake_server& s) : server{s} {}
  http_reply post(const std::string&, const std::string& authorization,
                  const std::string& body, std::chrono::milliseconds) override {
    const auto j = json::parse(body);
    const auto method = j.at("method").get<std::string>();
    server.calls.push_back({method, authorization, j});
    auto& list = server.answers[method];
    if (list.empty())
      return http(403, "<html>");
    auto reply = list.front();
    if (list.size() > 1)
      list.pop_front();
    return reply;
  }
  fake_server& server;
};

struct fixture {
  fake_server server;
  settings s = settings::read({{"url", "http://erp.example:8000/"},
                               {"database", "erp"},
                               {"user", "crossdock"},
                               {"password", "secret"}});
  client c{s.login, std::make_unique<fake_transport>(server)};
  erp e{s, c};

  outcome call(access how = access::read) {
    try {
      c.call(how, "sale.sale", "confirm", json::array({json::array({25})}));
      return outcome::ok;
    } catch (const failure& f) {
      return f.result();
    }
  }
};

template <class Work>
outcome outcome_of(Work work) {
  try {
    work();
    return outcome::ok;
  } catch (const failure& f) {
    return f.result();
  }
}

json shipment(const char* state) {
  return json::array({{{"id", 12},
                       {"reference", "key-1"},
                       {"number", "5"},
                       {"state", state},
                       {"_timestamp", "1795409308"},
                       {"moves", {91}}}});
}

const json transfer = {{"item", "P001"},  {"from", "DC"}, {"to", "B1"},
                       {"quantity", "7"}, {"unit", "u"},  {"need_date", "2026-11-26"}};

void teach_transfer(fake_server& server) {
  server.answers["model.stock.location.search_read"] = {result(
      {{{"id", 5}, {"code", "DC"}, {"name", "Center"}, {"storage_location", 3}},
       {{"id", 12}, {"code", "B1"}, {"name", "North"}, {"storage_location", 11}}})};
  server.answers["model.product.product.search_read"] = {result(json::array(
      {{{"id", 1}, {"default_uom", 1}, {"default_uom.", {{"symbol", "u"}}}}}))};
  server.answers["model.ir.date.today"] = {
      result({{"__class__", "date"}, {"year", 2026}, {"month", 11}, {"day", 23}})};
  server.answers["model.stock.shipment.internal.on_change_with_planned_start_date"] = {
      result({{"__class__", "date"}, {"year", 2026}, {"month", 11}, {"day", 25}})};
  server.answers["model.stock.shipment.internal.create"] = {result({12})};
  server.answers["model.stock.shipment.internal.wait"] = {result(nullptr)};
}

const char* const search_shipment = "model.stock.shipment.internal.search_read";
const char* const create_shipment = "model.stock.shipment.internal.create";

} // namespace

// -- encodings --------------------------------------------------------------------------

TEST_CASE("Tryton's numbers become exact decimals, whichever way it sends them",
          "[tryton]") {
  CHECK(number_of(json::parse(R"({"__class__":"Decimal","decimal":"510.84"})")).text() ==
        "510.84");
  CHECK(number_of(json::parse(R"({"__class__":"Decimal","decimal":"1E+2"})")).text() ==
        "100");
  CHECK(number_of(json::parse(R"({"__class__":"Decimal","decimal":"0.33333333333"})"))
            .text() == "0.333333");
  CHECK(number_of(json::parse("4.0")).text() == "4");
  CHECK(number_of(json::parse("0.1")).text() == "0.1");
  CHECK(number_of(nullptr).text() == "0");
  CHECK_THROWS_AS(number_of("4"), std::invalid_argument);
  CHECK_THROWS_AS(number_of({{"__class__", "Decimal"}, {"decimal", "NaN"}}),
                  std::invalid_argument);
}

TEST_CASE("dates and instants survive the way to Tryton and back", "[tryton]") {
  CHECK(date_of(encode_date("2026-02-28")) == "2026-02-28");
  CHECK(instant_of(encode_instant("2026-11-22T21:25:56.251079Z")) ==
        "2026-11-22T21:25:56.251079Z");
  CHECK(instant_of(encode_instant("2026-11-22T21:25:56.25Z")) ==
        "2026-11-22T21:25:56.250000Z");
  CHECK(date_of(nullptr).empty());
  CHECK(days_of({{"__class__", "timedelta"}, {"seconds", 259200.0}}, 0) == 3);
  CHECK(days_of(nullptr, 4) == 4);
  CHECK(plus_days("2024-02-28", 2) == "2024-03-01");
  CHECK(minus_seconds("2026-01-01T00:00:10.5Z", 30) == "2025-12-31T23:59:40Z");
  CHECK_THROWS_AS(encode_date("2026-02-30"), std::invalid_argument);
  CHECK_THROWS_AS(encode_instant("2026-02-03T10:00:00+01:00"), std::invalid_argument);
}

// -- answers
// ------------------------------------------------------------------------------

TEST_CASE("each error of Tryton has the outcome a connector must report", "[tryton]") {
  CHECK(judge(result(nullptr)) == outcome::ok);
  CHECK(judge(error(
            R"(["UserError",["You are not allowed to access \"Sale\".","",null]])")) ==
        outcome::refused);
  CHECK(judge(error(
            R"(["ConcurrencyException","Records were modified in the meanwhile"])")) ==
        outcome::conflict);
  CHECK(judge(error(
            R"(["LoginException",["password","Password for admin","password"]])")) ==
        outcome::auth);
  CHECK(judge(http(401, "")) == outcome::auth);
  CHECK(judge(http(403, "<html>")) == outcome::refused);
  CHECK(judge(http(429, "")) == outcome::transient);
  CHECK(judge(http(503, "")) == outcome::transient);
  CHECK(judge(error(R"(["could not serialize access due to concurrent update\n",""])"),
              access::write) == outcome::transient);
  CHECK(
      judge(
          error(
              R"(["connection to server at \"127.0.0.1\", port 15433 failed: Connection refused",""])"),
          access::write) == outcome::transient);
  CHECK(judge(error(R"(["database is locked",""])"), access::write) ==
        outcome::transient);
  CHECK(judge(error(R"(["'no.such'",""])")) == outcome::refused);
}

TEST_CASE("a warning is a question for a person and keeps its name", "[tryton]") {
  const auto a = classify(
      error(
          R"(["UserWarning",["stock_quantity_warning_12","The forcast quantity (3.0u)...",""]])"),
      access::write);
  CHECK(a.result == outcome::needs_person);
  CHECK(a.warning == "stock_quantity_warning_12");
  CHECK(a.text == "The forcast quantity (3.0u)...");
}

TEST_CASE("a write whose answer is missing is in doubt, a read is only to be repeated",
          "[tryton]") {
  for (const auto& r : {failed(fate::lost), http(502, "<html>"),
                        error(R"(["server closed the connection unexpectedly",""])")}) {
    CHECK(judge(r, access::write) == outcome::unknown);
    CHECK(judge(r, access::read) == outcome::transient);
  }
  CHECK(judge(failed(fate::not_sent), access::write) == outcome::transient);
  CHECK(judge(failed(fate::too_large), access::write) == outcome::unknown);
  CHECK(judge(failed(fate::too_large), access::read) == outcome::refused);
  CHECK(judge(http(200, "<html>"), access::write) == outcome::unknown);
}

// -- the session
// --------------------------------------------------------------------------

TEST_CASE("a call carries exactly id, method and params, with the context last",
          "[tryton]") {
  fixture f;
  f.server.answers["model.sale.sale.confirm"] = {result(nullptr)};
  CHECK(f.call() == outcome::ok);
  const auto& last = f.server.calls.back();
  CHECK(last.body.size() == 3);
  CHECK(last.body.at("params").back() == json({{"company", 1}, {"language", "en"}}));
  CHECK(last.authorization == "Session Y3Jvc3Nkb2NrOjc6ZDgxZQ=="); // crossdock:7:d81e
}

TEST_CASE("a session that has gone is renewed once, and the call made again",
          "[tryton]") {
  fixture f;
  f.server.answers["model.sale.sale.confirm"] = {http(401, ""), result(nullptr)};
  CHECK(f.call(access::write) == outcome::ok);
  CHECK(f.server.count("common.db.login") == 2);
  CHECK(f.server.count("model.sale.sale.confirm") == 2);

  f.server.answers["model.sale.sale.confirm"] = {http(401, "")};
  CHECK(f.call(access::write) == outcome::auth);
  CHECK(f.server.count("common.db.login") == 3);
}

TEST_CASE("nothing but an expired session is ever tried again", "[tryton]") {
  for (const auto& r : {failed(fate::lost), failed(fate::not_sent), http(500, ""),
                        error(R"(["ConcurrencyException","x"])"), http(429, "")}) {
    fixture f;
    f.server.answers["model.sale.sale.confirm"] = {r};
    CHECK(f.call(access::write) != outcome::ok);
    CHECK(f.server.count("model.sale.sale.confirm") == 1);
  }
}

TEST_CASE("a wrong password is reported as credentials refused", "[tryton]") {
  fixture f;
  f.server.answers["common.db.login"] = {http(401, "<html>")};
  CHECK(f.call() == outcome::auth);
  CHECK(f.server.count("model.sale.sale.confirm") == 0);
}

TEST_CASE("a call for which no time is left is not sent", "[tryton]") {
  fixture f;
  f.c.begin_budget(std::chrono::milliseconds{-1});
  CHECK(f.call(access::write) == outcome::transient);
  CHECK(f.server.calls.empty());
}

TEST_CASE("a search reads page after page by id", "[tryton]") {
  fixture f;
  auto first = json::array();
  for (int i = 1; i <= 500; ++i)
    first.push_back({{"id", i * 2}});
  f.server.answers["model.sale.line.search_read"] = {
      result(first), result(json::array({{{"id", 1001}}}))};
  const auto rows = f.c.search("sale.line", json::array(), json::array({"id"}));
  CHECK(rows.size() == 501);
  CHECK(f.server.calls.back().body.at("params")[0][1] == json({"id", ">", 1000}));
}

// -- transfers
// ------------------------------------------------------------------------------

TEST_CASE(
    "a transfer is created with our key as its reference, and is waiting afterwards",
    "[tryton]") {
  fixture f;
  teach_transfer(f.server);
  f.server.answers[search_shipment] = {result(json::array()), result(shipment("draft")),
                                       result(shipment("waiting"))};
  const auto answer = f.e.transfer_create(transfer, "key-1");
  CHECK(answer.at("reference") == "key-1");
  CHECK(answer.at("record") == "stock.shipment.internal,12 (number 5)");
  CHECK(answer.at("state") == "waiting");
  for (const auto& c : f.server.calls)
    if (c.method == create_shipment) {
      const auto& made = c.body.at("params")[0][0];
      CHECK(made.at("reference") == "key-1");
      CHECK(made.at("from_location") == 3);
      CHECK(made.at("to_location") == 11);
      CHECK(date_of(made.at("planned_date")) == "2026-11-26");
      CHECK(date_of(made.at("planned_start_date")) == "2026-11-25");
      CHECK(made.at("moves")[0][1][0].at("quantity") == 7.0);
    }
  CHECK(f.server.count(create_shipment) == 1);
}

TEST_CASE("a transfer that is there already is not created again", "[tryton]") {
  fixture f;
  teach_transfer(f.server);
  f.server.answers[search_shipment] = {result(shipment("assigned"))};
  CHECK(f.e.transfer_create(transfer, "key-1").at("state") == "assigned");
  CHECK(f.server.count(create_shipment) == 0);
}

TEST_CASE("a transfer whose answer was lost is unknown, and the look-up finishes it",
          "[tryton]") {
  fixture f;
  teach_transfer(f.server);
  f.server.answers[search_shipment] = {result(json::array()), result(shipment("draft")),
                                       result(shipment("waiting"))};
  f.server.answers[create_shipment] = {failed(fate::lost)};
  CHECK(outcome_of([&] { f.e.transfer_create(transfer, "key-1"); }) == outcome::unknown);
  CHECK(f.e.find_transfer("key-1").at("state") == "waiting");
  CHECK(f.server.count(create_shipment) == 1);
}

TEST_CASE("a look-up for a transfer that was never made finds nothing", "[tryton]") {
  fixture f;
  f.server.answers[search_shipment] = {result(json::array())};
  CHECK(f.e.find_transfer("key-1").is_null());
}

TEST_CASE("a button that Tryton silently ignores is not taken for success", "[tryton]") {
  fixture f;
  teach_transfer(f.server);
  f.server.answers[search_shipment] = {result(json::array()), result(shipment("draft"))};
  CHECK(outcome_of([&] { f.e.transfer_create(transfer, "key-1"); }) == outcome::refused);

  f.server.answers[search_shipment] = {result(shipment("waiting"))};
  f.server.answers["model.stock.shipment.internal.cancel"] = {result(nullptr)};
  CHECK(outcome_of([&] {
          f.e.transfer_cancel({{"reference", "key-1"}});
        }) == outcome::conflict);
}

TEST_CASE("a transfer that has left is not cancelled", "[tryton]") {
  fixture f;
  f.server.answers[search_shipment] = {result(shipment("shipped"))};
  CHECK(outcome_of([&] {
          f.e.transfer_cancel({{"reference", "key-1"}});
        }) == outcome::refused);
  CHECK(f.server.count("model.stock.shipment.internal.cancel") == 0);
}

TEST_CASE("a transfer in another unit than Tryton's is refused", "[tryton]") {
  fixture f;
  teach_transfer(f.server);
  f.server.answers[search_shipment] = {result(json::array())};
  auto in_boxes = transfer;
  in_boxes["unit"] = "box";
  CHECK(outcome_of([&] { f.e.transfer_create(in_boxes, "key-1"); }) == outcome::refused);
  CHECK(f.server.count(create_shipment) == 0);
}

// -- changes
// --------------------------------------------------------------------------------

namespace {

json sale_line(int id, const char* second, double quantity = 10) {
  const auto at = encode_instant(std::string{"2026-11-23T04:48:"} + second + "Z");
  return {{"id", id},
          {"quantity", quantity},
          {"unit_price", {{"__class__", "Decimal"}, {"decimal", "24"}}},
          {"unit.", {{"factor", 1.0}}},
          {"product.",
           {{"code", "P001"},
            {"rec_name", "[P001] Bolt"},
            {"default_uom.", {{"symbol", "u"}, {"factor", 1.0}}}}},
          {"sale.",
           {{"number", "1"},
            {"state", "processing"},
            {"party.", {{"code", "C01"}, {"name", "Maumee"}}},
            {"warehouse.", {{"code", "B1"}}},
            {"shipping_date", encode_date("2026-11-25")},
            {"sale_date", encode_date("2026-11-23")},
            {"currency.", {{"code", "USD"}}},
            {"create_date", at},
            {"write_date", nullptr}}},
          {"shipping_date", encode_date("2026-11-25")},
          {"moves", json::array()},
          {"move_done", false},
          {"note", nullptr},
          {"create_date", at},
          {"write_date", nullptr}};
}

} // namespace

TEST_CASE("a line found by two polls is the same event, told once", "[tryton]") {
  fixture f;
  f.server.answers["model.sale.line.search_read"] = {
      result(json::array({sale_line(1, "26")}))};
  const auto first = f.e.order_lines(nullptr);
  REQUIRE(first.found.size() == 1);
  CHECK(first.found[0].payload.at("quantity") == "10");
  CHECK(first.found[0].payload.at("as_of") == "2026-11-23T04:48:26.000000Z");
  CHECK(first.cursor.at("since") == "2026-11-23T04:48:26.000000Z");
  CHECK(f.e.order_lines(first.cursor).found.empty());

  // Without the cursor (lost, or another node) the event is byte for byte the same.
  const auto again = f.e.order_lines(nullptr);
  CHECK(again.found[0].id == first.found[0].id);
  CHECK(again.found[0].payload == first.found[0].payload);
}

TEST_CASE("a line that changed twice within one second is told twice", "[tryton]") {
  fixture f;
  f.server.answers["model.sale.line.search_read"] = {
      result(json::array({sale_line(1, "26", 10)})),
      result(json::array({sale_line(1, "26", 12)}))};
  const auto first = f.e.order_lines(nullptr);
  const auto second = f.e.order_lines(first.cursor);
  REQUIRE(second.found.size() == 1);
  CHECK(second.found[0].id != first.found[0].id);
}

TEST_CASE("a poll of many lines goes on where the last page ended, and looks back",
          "[tryton]") {
  fixture f;
  f.s.batch = 2;
  f.server.answers["model.sale.line.search_read"] = {
      result({sale_line(4, "26"), sale_line(9, "20")}),
      result(json::array({sale_line(11, "22")})), result(json::array())};
  const auto page1 = f.e.order_lines(nullptr);
  CHECK(page1.more);
  CHECK(page1.cursor.at("after") == 9);
  const auto page2 = f.e.order_lines(page1.cursor);
  CHECK_FALSE(page2.more);
  CHECK(page2.cursor.at("since") == "2026-11-23T04:48:26.000000Z");
  f.e.order_lines(page2.cursor);
  const auto domain = f.server.calls.back().body.at("params")[0].dump();
  CHECK(domain.find(encode_instant("2026-11-23T04:47:56Z").dump()) != std::string::npos);
}

// -- configuration
// --------------------------------------------------------------------------

TEST_CASE("a configuration that cannot work is refused with its remedy", "[tryton]") {
  const json good{
      {"url", "http://x"}, {"database", "d"}, {"user", "u"}, {"password", "p"}};
  CHECK_NOTHROW(settings::read(good));
  for (const auto& [member, value] : std::vector<std::pair<std::string, json>>{
           {"url", "x"},
           {"database", ""},
           {"poll_ms", "soon"},
           {"lane_defaults", {{"cost_per_unit", "x"}}}}) {
    auto bad = good;
    bad[member] = value;
    CHECK_THROWS_AS(settings::read(bad), bad_config);
  }
  auto file = good;
  file.erase("password");
  file["password_file"] = "/nonexistent";
  CHECK_THROWS_AS(settings::read(file), bad_config);
}

} // namespace crossdock::tryton
