/// A small distributor for the agents' tests: answers of the read tools in one place, and
/// the check of what an agent says against the catalogue.
#pragma once

#include <crossdock/testing.hpp>

#include <catch2/catch.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include <fstream>
#include <set>

namespace agent_test {

using crossdock::sdk::json;
using crossdock::sdk::testing::fake_node;

inline json catalogue(const std::string& name) {
  std::ifstream file{std::string{CROSSDOCK_CATALOGUE} + "/" + name + ".json"};
  REQUIRE(file);
  return json::parse(file);
}

/// Empty if `value` fits the member `part` ("schema" or "answer") of a catalogue file.
inline std::string misfit(const std::string& name, const char* part, const json& value) {
  json schema = catalogue(name).at(part);
  schema["definitions"] = catalogue("definitions").at("definitions");
  valijson::Schema compiled;
  valijson::SchemaParser{}.populateSchema(valijson::adapters::NlohmannJsonAdapter{schema},
                                          compiled);
  valijson::ValidationResults results;
  if (valijson::Validator{}.validate(
          compiled, valijson::adapters::NlohmannJsonAdapter{value}, &results))
    return "";
  std::string text;
  for (valijson::ValidationResults::Error e; results.popError(e);) {
    for (const auto& c : e.context)
      text += c;
    text += ": " + e.description + "\n";
  }
  return text;
}

/// One distributor: branch BR is short, DC has plenty. Monday 2026-03-02, 09:00 local.
struct distributor {
  std::string as_of = "2026-03-02T08:00:00Z";
  std::map<std::string, double> on_hand{{"BR", 3}, {"DC", 40}};
  std::map<std::string, double> reserved;
  std::string unit = "PCE";
  json item_cost{{"amount", "6.00"}, {"currency", "EUR"}};
  json supply = json::array();
  json orders = json::array();
  json substitutes = json::array();
  json transfers = json::array();
  json receipts = json::array();
  json pick_days = json::array();
  json demand_days = json::array();
  std::string line_state = "open";
  std::string promised = "2026-03-05";
  bool ship_complete = false;
  int open_pick_lines = 20;
  std::map<std::string, cdk_status> refused;
  std::map<std::string, int> calls;

  json head() const { return {{"system", "erp"}, {"as_of", as_of}}; }

  json stock(const json& args) const {
    auto out = head();
    out["item"] = args.at("item");
    out["unit"] = unit;
    out["sites"] = json::array();
    for (const auto& [site, quantity] : on_hand) {
      if (args.contains("site") && args.at("site") != site)
        continue;
      const auto held = reserved.count(site) ? reserved.at(site) : 0;
      const auto text = [](double q) {
        return crossdock::sdk::decimal::nearest(q).text();
      };
      const bool own = args.at("item") == "VALVE";
      out["sites"].push_back({{"site", site},
                              {"on_hand", text(own ? quantity : 25)},
                              {"reserved", text(own ? held : 0)},
                              {"available", text(own ? quantity - held : 25)},
                              {"record", "stock/" + site}});
    }
    return out;
  }
  json sites(const json&) const {
    auto out = head();
    out["sites"] = json::array();
    for (const char* site : {"BR", "DC"})
      out["sites"].push_back({{"site", site},
                              {"utc_offset_minutes", 60},
                              {"working_days", {1, 2, 3, 4, 5}},
                              {"cutoff", "16:00"},
                              {"pick_lines_per_hour", "60"},
                              {"open_pick_lines", open_pick_lines},
                              {"record", std::string{"site/"} + site}});
    out["lanes"] = json::array();
    const std::pair<const char*, const char*> ways[]{{"DC", "BR"}, {"BR", "DC"}};
    for (const auto& [from, to] : ways)
      out["lanes"].push_back(
          {{"from", from},
           {"to", to},
           {"transit_days", 1},
           {"cost_per_transfer", {{"amount", "4.00"}, {"currency", "EUR"}}},
           {"cost_per_unit", {{"amount", "0.10"}, {"currency", "EUR"}}},
           {"record", std::string{"lane/"} + from + to}});
    return out;
  }
  json item(const json& args) const {
    auto out = head();
    out.update({{"item", args.at("item")},
                {"unit", unit},
                {"record", "item/VALVE"},
                {"cost", item_cost},
                {"list_price", {{"amount", "12.50"}, {"currency", "EUR"}}},
                {"pack", "1"},
                {"lead_time_days", 10},
                {"substitutes", substitutes}});
    return out;
  }
  json line(const json& args) const {
    auto out = head();
    out.update({{"line", args.at("line")},
                {"order", "SO-1"},
                {"customer", "C-7"},
                {"item", "VALVE"},
                {"site", "BR"},
                {"quantity", "10"},
                {"unit", "PCE"},
                {"unit_price", {{"amount", "12.50"}, {"currency", "EUR"}}},
                {"requested_date", "2026-03-05"},
                {"promised_date", promised},
                {"allocated", "0"},
                {"state", line_state},
                {"record", "line/SO-1.1"}});
    if (ship_complete)
      out["ship_complete"] = true;
    return out;
  }

  json orders_at(const json& args) const {
    return args.at("site") == "BR" ? orders : json::array();
  }
  json supply_at(const json& args) const {
    auto out = json::array();
    for (const auto& l : supply)
      if (!args.contains("site") || l.at("site") == args.at("site"))
        out.push_back(l);
    return out;
  }

  void script(fake_node& node) {
    const auto serve = [&](const std::string& tool, auto answer_of) {
      node.on_call(tool, [this, tool, answer_of](const json& args) {
        ++calls[tool];
        INFO(tool << " " << args.dump());
        CHECK(misfit(tool, "schema", args) == "");
        if (refused.count(tool))
          return crossdock::sdk::testing::answer{nullptr, refused.at(tool)};
        const json a = answer_of(args);
        CHECK(misfit(tool, "answer", a) == "");
        return crossdock::sdk::testing::answer{a, CDK_OK};
      });
    };
    const auto with = [this](const char* member, json value) {
      auto out = head();
      out[member] = std::move(value);
      return out;
    };
    serve("erp.stock", [this](const json& a) { return stock(a); });
    serve("erp.sites", [this](const json& a) { return sites(a); });
    serve("erp.item", [this](const json& a) { return item(a); });
    serve("erp.order_line", [this](const json& a) { return line(a); });
    serve("erp.supply", [=, this](const json& a) { return with("lines", supply_at(a)); });
    serve("erp.open_orders",
          [=, this](const json& a) { return with("lines", orders_at(a)); });
    serve("erp.position", [this](const json& a) {
      auto out = stock(a);
      out.update({{"pack", "1"}, {"supply", supply_at(a)}, {"orders", orders_at(a)}});
      return out;
    });
    serve("erp.transfer_history",
          [=, this](const json&) { return with("transfers", transfers); });
    serve("erp.receipt_history",
          [=, this](const json&) { return with("receipts", receipts); });
    serve("erp.pick_history", [=, this](const json&) { return with("days", pick_days); });
    serve("erp.demand", [=, this](const json&) {
      auto out = with("days", demand_days);
      out["record"] = "demand/VALVE@DC";
      return out;
    });
  }
};

inline json purchase(const std::string& line, const std::string& promised,
                     const std::string& quantity) {
  return {{"line", line},           {"kind", "purchase"},          {"site", "BR"},
          {"quantity", quantity},   {"promised_date", promised},   {"supplier", "S-1"},
          {"record", "po/" + line}, {"ordered_date", "2026-02-20"}};
}

inline json transfer(const std::string& line, const std::string& promised,
                     const std::string& quantity) {
  return {{"line", line},           {"kind", "transfer"},        {"site", "BR"},
          {"quantity", quantity},   {"promised_date", promised}, {"site_from", "DC"},
          {"record", "tr/" + line}, {"reference", "cdk-1"}};
}

inline json open_order(const std::string& line, const std::string& quantity,
                       const std::string& requested) {
  return {{"line", line},
          {"order", "SO-" + line},
          {"customer", "C-7"},
          {"quantity", quantity},
          {"allocated", "0"},
          {"requested_date", requested},
          {"entered_at", "2026-03-01T10:00:00Z"},
          {"record", "line/" + line}};
}

/// Day `n` after 2025-03-03, a Monday, as text.
inline std::string day(int n) {
  return crossdock::sdk::date_of(crossdock::sdk::parse_instant("2025-03-03") +
                                 std::int64_t{n} * 86'400'000'000'000);
}

} // namespace agent_test
