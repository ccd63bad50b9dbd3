#include "agent_support.hpp"

#include "../../plugins/order/coverage.hpp"
#include "../../plugins/order/settings.hpp"

#include "sdk/manifest/manifest.hpp"

using namespace agent_test;

namespace {

struct order_node {
  distributor erp;
  fake_node node{crossdock_plugin_v1(), "order"};

  order_node() {
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
                 f["record"] == "stock/BR" && f["read"]["tool"] == "erp.stock";
  CHECK(available);
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
    o.erp.refused["erp.stock"] = CDK_TOOL_TRANSIENT;
    o.hear(o.line("L1", "10", "2026-03-05"));
    CHECK(o.told("order.line_short").empty());
    o.erp.refused.clear();
    o.node.advance(std::chrono::seconds{6});
    CHECK(o.told("order.line_short").size() == 1);
  }
  SECTION("refused") {
    o.erp.refused["erp.stock"] = CDK_TOOL_REFUSED;
    o.hear(o.line("L1", "10", "2026-03-05"));
    CHECK(o.told("order.line_short").empty());
    REQUIRE_FALSE(o.node.logs.empty());
    CHECK(o.node.logs.back().severity == crossdock::sdk::level::error);
  }
  SECTION("master data may be missing: judged all the same, and said") {
    o.erp.refused["erp.item"] = CDK_TOOL_REFUSED;
    o.erp.refused["erp.sites"] = CDK_E_DENIED;
    o.hear(o.line("L1", "10", "2026-03-05"));
    CHECK(o.told("order.line_short").at(0)["quality_flags"].size() == 2);
  }
}

TEST_CASE("the impact is the margin at risk, with its assumptions as facts", "[order]") {
  order_node o;
  const json q{{"line", "L1"}, {"short", "7"}};
  SECTION("from cost and price") {
    const auto a = o.node.ask("order.impact", q);
    CHECK(misfit("order.impact", "answer", a.payload()) == "");
    CHECK(a.payload()["loss_if_late"]["amount"] == "45.50"); // 7 x (12.50 - 6.00)
    CHECK(a.payload()["probability_lost"] == 0.35);
  }
  SECTION("without a cost by the assumed margin") {
    o.erp.refused["erp.item"] = CDK_TOOL_REFUSED;
    const auto a = o.node.ask("order.impact", q);
    CHECK(misfit("order.impact", "answer", a.payload()) == "");
    CHECK(a.payload()["loss_if_late"]["amount"] == "21.88"); // 7 x 12.50 x 25 %, to even
    CHECK(a.payload()["evidence"].dump().find("assumed_margin_share") !=
          std::string::npos);
  }
  SECTION("a line that cannot be read is refused, not guessed") {
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
    defaults[name] = p.at("default");
  const crossdock::order::settings s;
  CHECK(defaults == json{{"lost_sale_probability", s.lost_sale_probability},
                         {"late_penalty_share", s.late_penalty_share},
                         {"assumed_margin_share", s.assumed_margin_share},
                         {"date_band_working_days", s.date_band_working_days},
                         {"quantity_band_share", s.quantity_band_share},
                         {"recovery_days", s.recovery_days},
                         {"overdue_receipt_days", s.overdue_receipt_days},
                         {"master_data_hours", s.master_data_hours}});
}
