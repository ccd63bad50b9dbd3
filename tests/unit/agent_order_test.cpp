#include "agent_support.hpp"

#include "../../plugins/order/coverage.hpp"
#include "../../plugins/order/settings.hpp"

#include "sdk/manifest/manifest.hpp"

using namespace agent_test;

namespace {

struct order_node {
  distributor erp;
  fake_node node;

  explicit order_node(const json& config = json::object())
      : node{crossdock_plugin_v1(), "order", config} {
    erp.orders.push_back(open_order("L1", "10", "2026-03-05"));
    erp.script(node);
  }

  json line(const std::string& id, const std::string& quantity,
            const std::string& requested, const std::string& state = "open") const {
    return {{"line", id},
            {"order", "SO-1"},
            {"customer", "C-7"},
            {"item", "VALVE"},
            {"site", "BR"},
            {"quantity", quantity},
            {"unit", "PCE"},
            {"unit_price", {{"amount", "12.50"}, {"currency", "EUR"}}},
            {"requested_date", requested},
            {"state", state},
            {"system", "erp"},
            {"record", "line/" + id},
            {"as_of", erp.as_of}};
  }
  void hear(const json& payload) {
    CHECK(misfit("order.line", "schema", payload) == "");
    INFO(node.error());
    REQUIRE(node.deliver("order.line", payload) >= 0);
  }
  void purchase_changes() {
    const json p{{"line", "PO-1"},
                 {"order", "PO"},
                 {"supplier", "S-1"},
                 {"item", "VALVE"},
                 {"site", "BR"},
                 {"quantity_open", "20"},
                 {"unit", "PCE"},
                 {"ordered_date", "2026-02-20"},
                 {"promised_date", "2026-03-09"},
                 {"state", "open"},
                 {"system", "erp"},
                 {"record", "po/PO-1"},
                 {"as_of", erp.as_of}};
    REQUIRE(node.deliver("purchase.line", p) >= 0);
  }
  std::vector<json> told(const std::string& topic) const {
    std::vector<json> out;
    for (const auto& s : node.sent)
      if (s.topic == topic)
        out.push_back(s.payload);
    return out;
  }
};

} // namespace

TEST_CASE("ten ordered and three on hand is seven short, with the facts behind it",
          "[order]") {
  order_node o;
  o.hear(o.line("L1", "10", "2026-03-05"));
  const auto shorts = o.told("order.line_short");
  REQUIRE(shorts.size() == 1);
  const auto& s = shorts[0];
  CHECK(misfit("order.line_short", "schema", s) == "");
  CHECK(s["short"] == "7");
  CHECK(s["need_date"] == "2026-03-05");
  CHECK(s["value_at_stake"]["amount"] == "87.50");
  bool available = false;
  for (const auto& f : s["facts"])
    available |= f["name"] == "available at BR" && f["value"] == "3" &&
                 f["record"] == "stock/BR" && f["read"]["tool"] == "erp.position";
  CHECK(available);
}

TEST_CASE("a line is judged from one reading, and in parts where none is offered",
          "[order]") {
  order_node one;
  one.hear(one.line("L1", "10", "2026-03-05"));
  one.hear(one.line("L1", "9", "2026-03-05"));
  CHECK(one.erp.calls ==
        std::map<std::string, int>{{"erp.sites", 1}, {"erp.position", 2}});

  order_node parts;
  parts.erp.refused["erp.position"] = CDK_E_ABSENT; // no connector offers it
  parts.hear(parts.line("L1", "10", "2026-03-05"));
  parts.hear(parts.line("L1", "9", "2026-03-05"));
  CHECK(parts.told("order.line_short").at(0) == [&] {
    auto same = one.told("order.line_short").at(0);
    for (auto& f : same["facts"])
      if (f.contains("read") && f["read"]["tool"] == "erp.position")
        f["read"]["tool"] = "erp.stock";
    return same;
  }());
  CHECK(parts.erp.calls == std::map<std::string, int>{{"erp.sites", 1},
                                                      {"erp.position", 1},
                                                      {"erp.item", 1},
                                                      {"erp.stock", 2},
                                                      {"erp.supply", 2},
                                                      {"erp.open_orders", 2}});
}

TEST_CASE("what happens to an item while it is read is seen by one more look",
          "[order]") {
  order_node o;
  o.erp.refused["erp.position"] = CDK_TOOL_TRANSIENT; // tried again in five seconds
  o.hear(o.line("L1", "10", "2026-03-05"));
  for (const char* quantity : {"11", "12", "13"}) {
    o.erp.orders[0]["quantity"] = quantity;
    o.hear(o.line("L1", quantity, "2026-03-05"));
  }
  CHECK(o.erp.calls["erp.position"] == 1);
  o.erp.refused.clear();
  o.node.advance(std::chrono::seconds{6});
  CHECK(o.erp.calls["erp.position"] ==
        3); // the one that failed, its repetition, the last
  REQUIRE(o.told("order.line_short").size() == 1);
  CHECK(o.told("order.line_short")[0]["short"] == "10");
  for (const auto& [key, value] : o.node.memory)
    CHECK(key.rfind("looking/", 0) != 0);
}

TEST_CASE("a line wanted today, or already late, is judged for a day that help can reach",
          "[order]") {
  order_node o;
  const auto hear = [&](const char* now, const char* requested, const char* promised) {
    o.erp.as_of = now;
    o.erp.orders[0]["requested_date"] = requested;
    auto l = o.line("L1", "10", requested);
    l["promised_date"] = promised;
    o.hear(l);
    const auto s = o.told("order.line_short").at(0);
    CHECK(s["requested_date"] == requested);
    return s["need_date"];
  };
  SECTION("wanted today: in two working days") {
    CHECK(hear("2026-03-02T08:00:00Z", "2026-03-02", "2026-03-02") == "2026-03-04");
  }
  SECTION("on a Friday that is Tuesday, not Sunday") {
    CHECK(hear("2026-03-06T08:00:00Z", "2026-03-06", "2026-03-06") == "2026-03-10");
    CHECK(o.told("order.line_short")[0]["quality_flags"].dump().find("too soon") !=
          std::string::npos);
  }
  SECTION("late, but promised again since: that date counts") {
    CHECK(hear("2026-03-06T08:00:00Z", "2026-03-05", "2026-03-12") == "2026-03-12");
  }
  SECTION("a later date keeps what the customer asked for") {
    CHECK(hear("2026-03-02T08:00:00Z", "2026-03-05", "2026-03-12") == "2026-03-05");
  }
  SECTION("a receipt of today still covers a line of today") {
    o.erp.supply.push_back(purchase("PO-1", "2026-03-02", "20"));
    o.erp.orders[0]["requested_date"] = "2026-03-02";
    o.hear(o.line("L1", "10", "2026-03-02"));
    CHECK(o.told("order.line_short").empty());
  }
}

TEST_CASE("an unchanged shortage is reported once, a changed one again", "[order]") {
  order_node o;
  o.hear(o.line("L1", "10", "2026-03-05"));
  o.hear(o.line("L1", "10", "2026-03-05"));
  CHECK(o.told("order.line_short").size() == 1);

  SECTION("within the dead-band of one pack nothing is said") {
    o.erp.on_hand["BR"] = 2;
    o.hear(o.line("L1", "10", "2026-03-05"));
    CHECK(o.told("order.line_short").size() == 1);
  }
  SECTION("beyond it the new shortage is told under the same line") {
    o.erp.on_hand["BR"] = 0;
    o.hear(o.line("L1", "10", "2026-03-05"));
    REQUIRE(o.told("order.line_short").size() == 2);
    CHECK(o.told("order.line_short")[1]["short"] == "10");
  }
  SECTION("a date moved by a week is told") {
    o.erp.orders[0]["requested_date"] = "2026-03-12";
    o.hear(o.line("L1", "10", "2026-03-12"));
    CHECK(o.told("order.line_short").size() == 2);
  }
}

TEST_CASE("a receipt that slips past the date makes a covered line short", "[order]") {
  order_node o;
  o.erp.supply.push_back(purchase("PO-1", "2026-03-04", "20"));
  o.hear(o.line("L1", "10", "2026-03-05"));
  CHECK(o.told("order.line_short").empty());

  o.erp.supply[0]["promised_date"] = "2026-03-09";
  o.purchase_changes();
  REQUIRE(o.told("order.line_short").size() == 1);
  CHECK(o.told("order.line_short")[0]["short"] == "7");

  o.erp.supply[0]["promised_date"] = "2026-03-04";
  o.purchase_changes();
  REQUIRE(o.told("order.line_settled").size() == 1);
  CHECK(misfit("order.line_settled", "schema", o.told("order.line_settled")[0]) == "");
}

TEST_CASE("lines with an earlier date are served first", "[order]") {
  order_node o;
  o.erp.on_hand["BR"] = 12;
  o.erp.orders.push_back(open_order("L0", "5", "2026-03-03"));
  o.hear(o.line("L0", "5", "2026-03-03"));
  o.hear(o.line("L1", "10", "2026-03-05"));
  REQUIRE(o.told("order.line_short").size() == 1);
  CHECK(o.told("order.line_short")[0]["line"] == "L1");
  CHECK(o.told("order.line_short")[0]["short"] == "3");
}

TEST_CASE("what is reserved for the line itself is not short", "[order]") {
  order_node o;
  o.erp.reserved["BR"] = 3;
  o.erp.orders[0]["allocated"] = "3";
  o.hear(o.line("L1", "10", "2026-03-05"));
  CHECK(o.told("order.line_short").at(0)["short"] == "7");
}

TEST_CASE("a line solved by a transfer of ours is settled and not reported again",
          "[order]") {
  order_node o;
  o.hear(o.line("L1", "10", "2026-03-05"));
  // It arrives a day late, and a line with an earlier date would otherwise take it.
  o.erp.supply.push_back(transfer("TR-1", "2026-03-06", "7"));
  o.erp.on_hand["BR"] = 8;
  o.erp.orders.push_back(open_order("L0", "5", "2026-03-03"));
  o.hear(o.line("L0", "5", "2026-03-03"));
  o.hear(o.line("L1", "10", "2026-03-05"));
  CHECK(o.told("order.line_short").size() == 1);
  REQUIRE(o.told("order.line_settled").size() == 1);
  CHECK(o.told("order.line_settled")[0]["line"] == "L1");

  o.erp.supply.clear(); // cancelled
  o.hear(o.line("L1", "10", "2026-03-05"));
  CHECK(o.told("order.line_short").size() == 2);
}

TEST_CASE(
    "a line that a transfer covers and that is cancelled later is settled once more",
    "[order]") {
  order_node o;
  o.hear(o.line("L1", "10", "2026-03-05"));
  o.erp.supply.push_back(transfer("TR-1", "2026-03-05", "7"));
  o.hear(o.line("L1", "10", "2026-03-05"));
  REQUIRE(o.told("order.line_settled").size() == 1);
  CHECK(o.told("order.line_settled")[0]["state"] == "open");
  o.hear(o.line("L1", "10", "2026-03-05"));
  CHECK(o.told("order.line_settled").size() == 1);
  o.erp.orders.clear();
  o.hear(o.line("L1", "10", "2026-03-05", "cancelled"));
  REQUIRE(o.told("order.line_settled").size() == 2);
  CHECK(o.told("order.line_settled")[1]["state"] == "cancelled");
  CHECK(misfit("order.line_settled", "schema", o.told("order.line_settled")[1]) == "");
  o.hear(o.line("L1", "10", "2026-03-05", "cancelled"));
  CHECK(o.told("order.line_settled").size() == 2);
}

TEST_CASE("a shipped or cancelled line settles its shortage and is forgotten",
          "[order]") {
  order_node o;
  o.hear(o.line("L1", "10", "2026-03-05"));
  o.erp.orders.clear();
  o.hear(o.line("L1", "10", "2026-03-05", "cancelled"));
  CHECK(o.told("order.line_settled").size() == 1);
  for (const auto& [key, value] : o.node.memory)
    CHECK(key.rfind("line/", 0) != 0);
}

TEST_CASE(
    "doubtful data is named: negative stock, foreign units, passed dates, late receipts",
    "[order]") {
  order_node o;
  std::string word;
  SECTION("negative on hand") {
    o.erp.on_hand["BR"] = -2;
    word = "negative";
  }
  SECTION("unit mismatch shows the whole line") {
    o.erp.unit = "BOX";
    word = "Unit mismatch";
  }
  SECTION("passed date is judged for the recovery date") {
    o.erp.orders[0]["requested_date"] = "2026-02-26";
    word = "2026-03-04";
  }
  SECTION("an overdue receipt is not counted on today") {
    o.erp.supply.push_back(purchase("PO-1", "2026-02-25", "20"));
    word = "overdue";
  }
  const auto requested = o.erp.orders[0]["requested_date"].get<std::string>();
  o.hear(o.line("L1", "10", requested));
  const auto s = o.told("order.line_short").at(0);
  CHECK(misfit("order.line_short", "schema", s) == "");
  CHECK(s["quality_flags"].dump().find(word) != std::string::npos);
}

TEST_CASE("a read that fails for a passing reason is tried again, a refusal is reported",
          "[order]") {
  order_node o;
  SECTION("passing") {
    o.erp.refused["erp.position"] = CDK_TOOL_TRANSIENT;
    o.hear(o.line("L1", "10", "2026-03-05"));
    CHECK(o.told("order.line_short").empty());
    o.erp.refused.clear();
    o.node.advance(std::chrono::seconds{6});
    CHECK(o.told("order.line_short").size() == 1);
  }
  SECTION("refused") {
    o.erp.refused["erp.position"] = CDK_TOOL_REFUSED;
    o.erp.refused["erp.stock"] = CDK_TOOL_REFUSED;
    o.hear(o.line("L1", "10", "2026-03-05"));
    CHECK(o.told("order.line_short").empty());
    REQUIRE_FALSE(o.node.logs.empty());
    CHECK(o.node.logs.back().severity == crossdock::sdk::level::error);
  }
  SECTION("master data may be missing: judged all the same, and said") {
    o.erp.refused["erp.position"] = CDK_E_DENIED;
    o.erp.refused["erp.item"] = CDK_TOOL_REFUSED;
    o.erp.refused["erp.sites"] = CDK_E_DENIED;
    o.hear(o.line("L1", "10", "2026-03-05"));
    CHECK(o.told("order.line_short").at(0)["quality_flags"].size() == 2);
  }
}

TEST_CASE("being late costs the sales that are lost and the second delivery, with its "
          "assumptions as facts",
          "[order]") {
  const json q{{"line", "L1"}, {"short", "7"}};
  const auto impact = [&](order_node& o) {
    const auto a = o.node.ask("order.impact", q);
    CHECK(misfit("order.impact", "answer", a.payload()) == "");
    CHECK(a.payload()["probability_lost"] == 1.0); // the amount is an average already
    return a.payload();
  };
  SECTION("from cost and price") {
    order_node o;
    CHECK(impact(o)["loss_if_late"]["amount"] == "15.92"); // 7 x (12.50 - 6.00) x 35 %
  }
  SECTION("what every late line costs comes on top, lost or not") {
    order_node o{json{{"late_line_cost", {{"amount", "12"}, {"currency", "EUR"}}}}};
    const auto a = impact(o);
    CHECK(a["loss_if_late"]["amount"] == "27.92");
    CHECK(a["evidence"].dump().find("late_line_cost") != std::string::npos);
    CHECK(a["summary"] ==
          "7 PCE of VALVE too late cost 27.92 EUR on average: 35 % of such "
          "lines are lost, each 45.50 EUR of margin, a second delivery and "
          "calls cost 12.00 EUR.");
  }
  SECTION("but not in another currency") {
    order_node o{json{{"late_line_cost", {{"amount", "12"}, {"currency", "USD"}}}}};
    const auto a = impact(o);
    CHECK(a["loss_if_late"]["amount"] == "15.92");
    CHECK(a["basis"]["quality_flags"].dump().find("currency") != std::string::npos);
  }
  SECTION("a penalty is due for every late line too") {
    order_node o{json{{"late_penalty_share", 0.1}}};
    CHECK(impact(o)["loss_if_late"]["amount"] == "24.68"); // 15.925 + 8.75, to even
  }
  SECTION("without a cost by the assumed margin") {
    order_node o;
    o.erp.refused["erp.item"] = CDK_TOOL_REFUSED;
    const auto a = impact(o);
    CHECK(a["loss_if_late"]["amount"] == "7.66"); // 7 x 12.50 x 25 % x 35 %
    CHECK(a["evidence"].dump().find("assumed_margin_share") != std::string::npos);
  }
  SECTION("a line that cannot be read is refused, not guessed") {
    order_node o;
    o.erp.refused["erp.order_line"] = CDK_TOOL_REFUSED;
    CHECK(o.node.ask("order.impact", q).status() == CDK_TOOL_REFUSED);
  }
}

TEST_CASE("order: the defaults in plugin.toml are the defaults in the code", "[order]") {
  const auto parsed = crossdock::manifest::from_toml_file(CROSSDOCK_PLUGIN_TOML);
  const auto* manifest = std::get_if<json>(&parsed);
  REQUIRE(manifest);
  json defaults;
  for (const auto& [name, p] :
       manifest->at("components")[0].at("config").at("properties").items())
    if (p.contains("default")) // money has none: it is left out
      defaults[name] = p.at("default");
  const crossdock::order::settings s;
  CHECK_FALSE(s.late_line_cost);
  CHECK(defaults == json{{"lost_sale_probability", s.lost_sale_probability},
                         {"late_penalty_share", s.late_penalty_share},
                         {"assumed_margin_share", s.assumed_margin_share},
                         {"date_band_working_days", s.date_band_working_days},
                         {"quantity_band_share", s.quantity_band_share},
                         {"recovery_days", s.recovery_days},
                         {"overdue_receipt_days", s.overdue_receipt_days},
                         {"master_data_hours", s.master_data_hours}});
}
