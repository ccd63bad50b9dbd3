// The connector's mapping against a real Tryton 6.0, as the login with the connector's
// rights.
#include <catch2/catch.hpp>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "erp.hpp"

namespace crossdock::tryton {
namespace {

std::pair<int, std::string> run(const std::string& command) {
  std::string out;
  FILE* pipe = popen(command.c_str(), "r");
  REQUIRE(pipe);
  std::array<char, 4096> part{};
  for (std::size_t n; (n = fread(part.data(), 1, part.size(), pipe)) > 0;)
    out.append(part.data(), n);
  const int status = pclose(pipe);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, out};
}

/// A freshly seeded Tryton for one case, in a directory of its own.
class live {
public:
  live() {
    if (std::getenv("CROSSDOCK_QUICK")) {
      std::cout << "SKIPPED: a real Tryton is left out of quick runs\n";
      return;
    }
    std::string pattern =
        (std::filesystem::temp_directory_path() / "crossdock-tryton-test-XXXXXX")
            .string();
    REQUIRE(mkdtemp(pattern.data()));
    root_ = pattern;
    std::filesystem::permissions(root_, std::filesystem::perms{0755});
    const auto [code, out] =
        run(std::string{CROSSDOCK_ERP_TOOL} + " up --json --dir " + root_ + "/erp");
    if (code == 4) {
      std::cout << "SKIPPED: Tryton is not installed; run: tools/erp/tryton install\n";
      return;
    }
    INFO(out);
    REQUIRE(code == 0);
    up_ = json::parse(out);
  }
  live(const live&) = delete;
  live& operator=(const live&) = delete;
  ~live() {
    if (!up_.is_null())
      std::system(
          (std::string{CROSSDOCK_ERP_TOOL} + " down --dir " + root_ + "/erp").c_str());
    if (!root_.empty())
      std::filesystem::remove_all(root_);
  }

  explicit operator bool() const { return !up_.is_null(); }
  /// What the database was filled with.
  json facts() const {
    std::ifstream in{up_.at("dir").get<std::string>() + "/facts.json"};
    return json::parse(in);
  }
  settings as(const std::string& login) const {
    return settings::read({{"url", up_.at("url")},
                           {"database", up_.at("database")},
                           {"user", login},
                           {"password_file", up_.at("logins").at(login)},
                           {"sites", {{"DC", {{"cutoff", "17:30"}}}}}});
  }

private:
  std::string root_;
  json up_;
};

struct session {
  explicit session(settings with, std::unique_ptr<transport> by = nullptr)
      : s{std::move(with)},
        c{s.login, by ? std::move(by) : make_http_transport(s.http), s.timeout}, e{s, c} {
  }
  settings s;
  client c;
  erp e;
};

template <class Work>
outcome outcome_of(Work work) {
  try {
    work();
    return outcome::ok;
  } catch (const failure& f) {
    UNSCOPED_INFO(f.what());
    return f.result();
  }
}

/// The connection that dies after the request was sent: the worst moment.
struct cut_line : transport {
  cut_line(std::unique_ptr<transport> by, std::string method)
      : inner{std::move(by)}, at{std::move(method)} {}
  http_reply post(const std::string& url, const std::string& authorization,
                  const std::string& body, std::chrono::milliseconds timeout) override {
    auto reply = inner->post(url, authorization, body, timeout);
    if (cut && json::parse(body).at("method") == at) {
      reply.what = http_reply::fate::lost;
      reply.error = "cut by the test";
      cut = false;
    }
    return reply;
  }
  std::unique_ptr<transport> inner;
  std::string at;
  bool cut = true;
};

json transfer_of(const std::string& due) {
  return {{"item", "P002"},  {"from", "DC"}, {"to", "B1"},
          {"quantity", "7"}, {"unit", "u"},  {"need_date", due}};
}

std::size_t shipments_with(client& c, const std::string& reference) {
  return c
      .search("stock.shipment.internal", {{"reference", "=", reference}},
              json::array({"state"}))
      .size();
}

} // namespace

TEST_CASE("a year of a real Tryton is read in pages and is what it was filled with",
          "[tryton][slow]") {
  const live tryton;
  if (!tryton)
    return;
  session t{tryton.as("crossdock")};
  const auto facts = tryton.facts();
  const auto all = [&](json (erp::*tool)(const json&), const char* list) {
    std::vector<json> rows;
    json args{{"since", "2000-01-01"}, {"limit", 120}};
    for (;;) {
      const auto page = (t.e.*tool)(args);
      if (page.at(list).empty())
        return rows;
      for (const auto& row : page.at(list))
        rows.push_back(row);
      args["after"] = rows.back().at("cursor");
    }
  };

  std::size_t finished = 0;
  for (const auto& l : all(&erp::order_history, "lines")) {
    finished += l.at("state") == "shipped" ? 1 : 0;
    CHECK(l.contains("shipped_date") == (l.at("state") == "shipped"));
  }
  CHECK(finished == facts.at("sale_lines"));

  std::size_t received = 0;
  std::size_t late = 0;
  for (const auto& l : all(&erp::purchase_history, "lines"))
    if (l.at("state") == "received") {
      ++received;
      late += l.at("received_date") > l.at("first_promised_date") ? 1 : 0;
    }
  CHECK(received == facts.at("receipts"));
  CHECK(late == facts.at("receipts_late"));

  // What came and went by item and site, and what is there now by the other tool.
  std::map<std::string, std::size_t> kinds;
  for (const auto& e : all(&erp::supply_history, "events"))
    ++kinds[e.at("kind").get<std::string>()];
  CHECK(kinds["receipt"] == facts.at("receipts"));
  CHECK(kinds["transfer_out"] == facts.at("transfers"));
  CHECK(kinds["transfer_in"] == facts.at("transfers"));
  CHECK(kinds["adjustment"] > 0);
  const auto levels = all(&erp::stock_levels, "levels");
  CHECK(levels.size() == 3 * 30);
  const auto one = t.e.stock({{"item", "P004"}});
  for (const auto& s : one.at("sites"))
    for (const auto& l : levels)
      if (l.at("item") == "P004" && l.at("site") == s.at("site"))
        CHECK(decimal::parse(l.at("on_hand").get<std::string>()) >=
              decimal::parse(s.at("on_hand").get<std::string>())); // and what is picked
}

TEST_CASE("a real Tryton answers every read of the catalogue", "[tryton][slow]") {
  const live tryton;
  if (!tryton)
    return;
  session t{tryton.as("crossdock")};

  const auto sites = t.e.sites({});
  CHECK(sites.at("sites").size() == 3);
  CHECK(sites.at("lanes").size() == 6);
  for (const auto& s : sites.at("sites"))
    CHECK(s.at("cutoff") == (s.at("site") == "DC" ? "17:30" : "16:00"));
  CHECK(sites.at("as_of").get<std::string>().size() == 20);

  const auto item = t.e.item({{"item", "P001"}});
  CHECK(item.at("lead_time_days") == 5);
  CHECK(item.at("cost").at("currency") == "USD");

  const auto lines = t.e.order_lines(nullptr);
  REQUIRE(lines.found.size() > 5);
  bool reserved = false;
  for (const auto& c : lines.found) {
    const auto& p = c.payload;
    CHECK(p.at("state") == "open");
    const auto line = t.e.order_line({{"line", p.at("line")}});
    CHECK(line.at("quantity") == p.at("quantity"));
    CHECK(line.at("promised_date") == p.at("promised_date"));
    const auto stock = t.e.stock({{"item", p.at("item")}, {"site", p.at("site")}});
    const auto& here = stock.at("sites").at(0);
    CHECK(decimal::parse(here.at("on_hand").get<std::string>()) -
              decimal::parse(here.at("reserved").get<std::string>()) ==
          decimal::parse(here.at("available").get<std::string>()));
    if (line.at("allocated") != "0") {
      reserved = true;
      CHECK(here.at("reserved") != "0");
    }
    const json place{{"item", p.at("item")}, {"site", p.at("site")}};
    const auto open = t.e.open_orders(place);
    const auto all = t.e.position(place);
    CHECK(all.at("sites") == stock.at("sites"));
    CHECK(all.at("orders") == open.at("lines"));
    CHECK(all.at("supply") == t.e.supply(place).at("lines"));
    CHECK(open.dump().find(
              record("sale.line", std::stoi(p.at("line").get<std::string>()))) !=
          std::string::npos);
  }
  CHECK(reserved); // the seed assigns two shipments

  const auto purchases = t.e.purchase_lines(nullptr);
  CHECK(purchases.found.size() == 14); // ten for the center, four for branches
  const auto& first = purchases.found.front().payload;
  const auto supply = t.e.supply({{"item", first.at("item")}});
  REQUIRE_FALSE(supply.at("lines").empty());
  CHECK(supply.at("lines")[0].at("promised_date") == first.at("promised_date"));
  CHECK(supply.at("lines")[0].at("site") == "DC");

  const json year{{"since", plus_days(t.c.today(), -400)}};
  const auto transfers = t.e.transfer_history(year).at("transfers");
  const auto receipts = t.e.receipt_history(year).at("receipts");
  CHECK(transfers.size() >= 80);
  CHECK(receipts.size() >= 80);
  int late = 0;
  for (const auto& r : receipts)
    late += r.contains("received_date") && r.at("received_date") > r.at("promised_date")
                ? 1
                : 0;
  CHECK(late > 20);
  CHECK(t.e.pick_history(year).at("days").size() > 100);
  CHECK_FALSE(t.e.demand({{"item", "P001"}, {"site", "B1"}, {"since", year.at("since")}})
                  .at("days")
                  .empty());
  CHECK(outcome_of([&] { t.e.stock({{"item", "nothing"}}); }) == outcome::refused);
}

TEST_CASE("a transfer is in Tryton once, with our reference, and can be taken back",
          "[tryton][slow]") {
  const live tryton;
  if (!tryton)
    return;
  session t{tryton.as("crossdock")};
  const auto due = plus_days(t.c.today(), 4);

  const auto made = t.e.transfer_create(transfer_of(due), "cdk-live-1");
  CHECK(made.at("state") == "waiting");
  CHECK(t.e.transfer_create(transfer_of(due), "cdk-live-1").at("record") ==
        made.at("record"));
  CHECK(t.e.find_transfer("cdk-live-1").at("record") == made.at("record"));
  CHECK(t.e.find_transfer("cdk-live-2").is_null());
  CHECK(shipments_with(t.c, "cdk-live-1") == 1);

  const auto supply = t.e.supply({{"item", "P002"}, {"site", "B1"}}).at("lines");
  REQUIRE(supply.size() == 1);
  CHECK(supply[0].at("reference") == "cdk-live-1");
  CHECK(supply[0].at("quantity") == "7");
  CHECK(supply[0].at("promised_date") == due);

  CHECK(t.e.find_cancelled({{"reference", "cdk-live-1"}}).is_null());
  CHECK(t.e.transfer_cancel({{"reference", "cdk-live-1"}}).at("state") == "cancelled");
  CHECK(t.e.transfer_cancel({{"reference", "cdk-live-1"}}).at("state") == "cancelled");
  CHECK_FALSE(t.e.find_cancelled({{"reference", "cdk-live-1"}}).is_null());
  CHECK(t.e.supply({{"item", "P002"}, {"site", "B1"}}).at("lines").empty());
}

TEST_CASE("a line that is cut after sending leaves a transfer in doubt, never two",
          "[tryton][slow]") {
  const live tryton;
  if (!tryton)
    return;
  for (const std::string method : {"create", "wait"}) {
    const auto key = "cdk-cut-" + method;
    const auto s = tryton.as("crossdock");
    session t{s, std::make_unique<cut_line>(make_http_transport(s.http),
                                            "model.stock.shipment.internal." + method)};
    const auto due = plus_days(t.c.today(), 4);
    CHECK(outcome_of([&] { t.e.transfer_create(transfer_of(due), key); }) ==
          outcome::unknown);
    CHECK(t.e.find_transfer(key).at("state") == "waiting");
    CHECK(t.e.transfer_create(transfer_of(due), key).at("state") == "waiting");
    CHECK(shipments_with(t.c, key) == 1);
  }
}

TEST_CASE("a promise moves the date the customer sees, and refuses a date that moved",
          "[tryton][slow]") {
  const live tryton;
  if (!tryton)
    return;
  session t{tryton.as("crossdock")};
  const auto lines = t.e.order_lines(nullptr);
  REQUIRE_FALSE(lines.found.empty());
  const auto line = lines.found.back().payload.at("line").get<std::string>();
  const auto before = lines.found.back().payload.at("promised_date").get<std::string>();
  const auto later = plus_days(before, 5);
  const json args{{"line", line}, {"date", later}, {"previous", before}};

  CHECK(t.e.find_promise(args).is_null());
  CHECK(t.e.order_promise(args).at("state") == "planned");
  CHECK_FALSE(t.e.find_promise(args).is_null());
  CHECK(t.e.order_line({{"line", line}}).at("promised_date") == later);
  // What a person sees on the sale line in Tryton's own client:
  const auto seen = t.c.search("sale.line", {{"id", "=", std::stoi(line)}},
                               json::array({"shipping_date"}));
  CHECK(date_of(seen[0].at("shipping_date")) == later);

  auto stale = args;
  stale["date"] = plus_days(before, 6);
  CHECK(outcome_of([&] { t.e.order_promise(stale); }) == outcome::conflict);

  // The change is an event for whoever polls.
  bool told = false;
  for (const auto& c : t.e.order_lines(lines.cursor).found)
    told =
        told || (c.payload.at("line") == line && c.payload.at("promised_date") == later);
  CHECK(told);
}

TEST_CASE("the connector's login can do what it must and nothing else",
          "[tryton][slow]") {
  const live tryton;
  if (!tryton)
    return;
  session t{tryton.as("crossdock")};
  const auto refused = [&](const char* model, const char* method, json params) {
    return outcome_of([&] { t.c.call(access::write, model, method, std::move(params)); });
  };
  const auto ids = json::array({json::array({714})});
  CHECK(refused("sale.sale", "cancel", ids) == outcome::refused);
  CHECK(refused("purchase.purchase", "cancel", ids) == outcome::refused);
  CHECK(refused("stock.inventory", "create",
                json::array({json::array({json::object()})})) == outcome::refused);
  CHECK(refused("res.user", "write", json::array({json::array({1}), {{"name", "x"}}})) ==
        outcome::refused);

  auto wrong = tryton.as("crossdock");
  wrong.login.password = "not the password";
  session stranger{wrong};
  CHECK(outcome_of([&] { stranger.e.check(); }) == outcome::auth);
  wrong.login.url = "http://127.0.0.1:1";
  session nobody{wrong};
  CHECK(outcome_of([&] { nobody.e.check(); }) == outcome::transient);
}

} // namespace crossdock::tryton
