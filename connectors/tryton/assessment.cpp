/// What an assessment reads: a year of orders, purchases and stock in pages by record id.
#include <set>

#include "lines.hpp"

namespace crossdock::tryton {

namespace {

/// Under a second each on a small server, as client::search.
constexpr int page_max = 500;

json since(const json& args) {
  return encode_date(text_or(at(args, "since")));
}

std::int64_t after(const json& args) {
  const auto text = text_or(at(args, "after"), "0");
  if (text.find_first_not_of("0123456789") != std::string::npos || text.size() > 18)
    throw failure{outcome::refused, "the argument 'after' is not a cursor of this tool"};
  return std::stoll(text);
}

int page_of(const json& args) {
  return std::clamp(args.value("limit", page_max), 1, page_max);
}

std::string id_text(const json& row) {
  return std::to_string(at(row, "id").get<std::int64_t>());
}

/// The day an order counts from: a quotation may be older than the sale it became.
std::string entered(const json& line) {
  const auto created = instant_of(at(line, "create_date"));
  const auto sold = date_of(at(line, "sale", "sale_date"));
  return sold > created.substr(0, 10) ? sold + "T00:00:00Z" : created;
}

/// The date that is planned now for the last of it; where a buyer writes a slip.
std::string planned(const json& moves) {
  std::string day;
  for (const auto& m : moves)
    if (text_or(at(m, "state")) != "cancelled")
      day = std::max(day, date_of(at(m, "planned_date")));
  return day;
}

std::string last_done(const json& moves) {
  std::string day;
  for (const auto& m : moves)
    if (text_or(at(m, "state")) == "done")
      day = std::max(day, date_of(at(m, "effective_date")));
  return day;
}

} // namespace

json erp::page(const char* model, json domain, const json& fields, const json& args) {
  domain.push_back(json::array({"id", ">", after(args)}));
  return client_.call(access::read, model, "search_read",
                      json::array({std::move(domain), 0, page_of(args),
                                   json::array({json::array({"id", "ASC"})}), fields}));
}

json erp::order_history(const json& args) {
  auto out = head();
  auto& found = out["lines"] = json::array();
  auto domain = goods_lines();
  domain.push_back(json::array(
      {"sale.state", "in", {"confirmed", "processing", "done", "cancelled"}}));
  domain.push_back(
      json::array({"OR", json::array({"sale.sale_date", ">=", since(args)}),
                   json::array({"sale.state", "in", {"confirmed", "processing"}}),
                   json::array({"moves.effective_date", ">=", since(args)})}));
  const auto lines = page("sale.line", domain, sale_line_fields, args);
  const auto moves = moves_of(lines);
  for (const auto& line : lines) {
    const auto mine = moves_for(line, moves);
    const auto state = sale_state(line);
    json one{{"cursor", id_text(line)},
             {"line", id_text(line)},
             {"order", text_or(at(line, "sale", "number"), "draft")},
             {"customer", text_or(at(line, "sale", "party", "code"), "none")},
             {"item", text_or(at(line, "product", "code"))},
             {"site", text_or(at(line, "sale", "warehouse", "code"))},
             {"quantity", quantity_of(line).text()},
             {"shipped_quantity", done_quantity(mine).text()},
             {"unit_price",
              money(price_of(line), text_or(at(line, "sale", "currency", "code")))},
             {"requested_date", requested_date(line)},
             {"entered_at", entered(line)},
             {"state", state},
             {"record", record("sale.line", at(line, "id"))}};
    if (const auto day = planned(mine); !day.empty())
      one["promised_date"] = day;
    if (const auto day = last_done(mine); state == "shipped" && !day.empty())
      one["shipped_date"] = day;
    if (const auto when = instant_of(at(line, "sale", "write_date"));
        state == "cancelled" && !when.empty())
      one["closed_at"] = when;
    found.push_back(std::move(one));
  }
  return out;
}

json erp::purchase_history(const json& args) {
  auto out = head();
  auto& found = out["lines"] = json::array();
  auto domain = goods_lines();
  domain.push_back(
      json::array({"purchase.state", "in", {"confirmed", "processing", "done"}}));
  domain.push_back(
      json::array({"OR", json::array({"purchase.purchase_date", ">=", since(args)}),
                   json::array({"purchase.state", "in", {"confirmed", "processing"}}),
                   json::array({"moves.effective_date", ">=", since(args)})}));
  const auto lines = page("purchase.line", domain, purchase_line_fields, args);
  const auto moves = moves_of(lines);
  for (const auto& line : lines) {
    const auto mine = moves_for(line, moves);
    const auto received = received_date(mine);
    const auto promised = first_promise(line, mine);
    json one{{"cursor", id_text(line)},
             {"line", id_text(line)},
             {"supplier", text_or(at(line, "purchase", "party", "code"), "none")},
             {"item", text_or(at(line, "product", "code"))},
             {"site", text_or(at(line, "purchase", "warehouse", "code"))},
             {"quantity", quantity_of(line).text()},
             {"ordered_date", date_of(at(line, "purchase", "purchase_date"))},
             {"state", received.empty() ? "open" : "received"},
             {"record", record("purchase.line", at(line, "id"))}};
    if (!promised.empty())
      one["first_promised_date"] = promised;
    if (const auto day = planned(mine); !day.empty())
      one["promised_date"] = day;
    if (!received.empty())
      one["received_date"] = received;
    found.push_back(std::move(one));
  }
  return out;
}

/// Storage and output zone together: what is picked for an order and has not left yet is
/// still there, and is still owed to its line.
std::map<int, std::string> erp::stock_locations() {
  std::map<int, std::string> code_of;
  for (const auto& row : client_.search(
           "stock.location", {{"type", "=", "warehouse"}, {"code", "!=", nullptr}},
           {"code", "storage_location", "output_location"})) {
    const auto code = text_or(at(row, "code"));
    auto roots = json::array();
    for (const char* zone : {"storage_location", "output_location"})
      if (at(row, zone).is_number_integer()) {
        roots.push_back(at(row, zone));
        code_of[at(row, zone).get<int>()] = code;
      }
    for (const auto& below : client_.search(
             "stock.location",
             json::array({json::array({"parent", "child_of", roots, "parent"})}),
             json::array({"code"})))
      code_of[at(below, "id").get<int>()] = code;
  }
  return code_of;
}

json erp::supply_history(const json& args) {
  auto out = head();
  out["precision"] = "day";
  auto& events = out["events"] = json::array();
  const auto code_of = stock_locations();
  auto ids = json::array();
  for (const auto& [id, code] : code_of)
    ids.push_back(id);
  const auto in_stock = [&](const json& location) -> std::string {
    const auto found =
        location.is_number_integer() ? code_of.find(location.get<int>()) : code_of.end();
    return found == code_of.end() ? "" : found->second;
  };
  const json fields = {"effective_date", "create_date",        "from_location",
                       "to_location",    "from_location.type", "to_location.type",
                       "product.code",   "internal_quantity",  "origin",
                       "shipment"};
  // A page of moves may hold nothing but order lines' own: go on until something counts.
  auto asked = args;
  for (bool more = true; more && events.empty();) {
    const auto moves =
        page("stock.move",
             json::array({json::array({"state", "=", "done"}),
                          json::array({"effective_date", ">=", since(args)}),
                          json::array({"OR", json::array({"from_location", "in", ids}),
                                       json::array({"to_location", "in", ids})})}),
             fields, asked);
    more = !moves.empty();
    for (const auto& m : moves) {
      asked["after"] = id_text(m);
      const auto from = in_stock(at(m, "from_location"));
      const auto to = in_stock(at(m, "to_location"));
      if (from == to ||
          (to.empty() && text_or(at(m, "origin")).rfind("sale.line,", 0) == 0))
        continue; // moved about within one warehouse, or the shipping of an order line
      const auto quantity = number_of(at(m, "internal_quantity"));
      const auto day = date_of(at(m, "effective_date")) + "T00:00:00Z";
      const bool transfer =
          text_or(at(m, "shipment")).rfind("stock.shipment.internal,", 0) == 0;
      const auto add = [&](const std::string& site, bool in) {
        const auto other = text_or(at(m, in ? "from_location" : "to_location", "type"));
        const char* kind = transfer                ? (in ? "transfer_in" : "transfer_out")
                           : other == "lost_found" ? "adjustment"
                           : in && other == "storage" ? "receipt"
                                                      : "other";
        events.push_back(
            {{"cursor", id_text(m)},
             {"at", transfer && !in ? instant_of(at(m, "create_date")) : day},
             {"item", text_or(at(m, "product", "code"))},
             {"site", site},
             {"kind", kind},
             {"quantity", (in ? quantity : decimal{} - quantity).text()},
             {"record", record("stock.move", at(m, "id"))}});
      };
      if (!from.empty())
        add(from, false);
      if (!to.empty())
        add(to, true);
    }
  }
  if (at(args, "after").is_null()) {
    auto& pending = out["pending"] = json::array();
    for (const auto& m : client_.search("stock.move",
                                        {{"state", "in", {"draft", "assigned"}},
                                         {"from_location", "in", ids},
                                         {"shipment.state",
                                          "in",
                                          {"waiting", "assigned"},
                                          "stock.shipment.internal"}},
                                        {"create_date", "from_location", "to_location",
                                         "product.code", "internal_quantity"}))
      if (in_stock(at(m, "from_location")) != in_stock(at(m, "to_location")))
        pending.push_back({{"at", instant_of(at(m, "create_date"))},
                           {"item", text_or(at(m, "product", "code"))},
                           {"site", in_stock(at(m, "from_location"))},
                           {"quantity", number_of(at(m, "internal_quantity")).text()},
                           {"record", record("stock.move", at(m, "id"))}});
  }
  return out;
}

json erp::stock_levels(const json& args) {
  auto out = head();
  auto& levels = out["levels"] = json::array();
  auto asked = args;
  asked["limit"] = std::min(page_of(args), 100); // each is read once a warehouse
  const auto products = page("product.product",
                             json::array({json::array({"type", "=", "goods"}),
                                          json::array({"code", "!=", nullptr})}),
                             {"code", "cost_price", "template"}, asked);
  if (products.empty())
    return out;
  auto ids = json::array(), templates = json::array();
  for (const auto& p : products) {
    ids.push_back(at(p, "id"));
    templates.push_back(at(p, "template"));
  }
  std::map<std::pair<bool, int>, json> bought; // by product, else by template
  for (const auto& s :
       client_.search("purchase.product_supplier",
                      json::array({json::array({"template", "in", templates})}),
                      {"product", "template", "party.code", "lead_time"})) {
    const auto& own = at(s, "product");
    bought.emplace(own.is_number_integer()
                       ? std::pair{true, own.get<int>()}
                       : std::pair{false, at(s, "template").get<int>()},
                   s);
  }
  std::map<std::string, json> zones;
  for (const auto& [id, code] : stock_locations())
    zones[code].push_back(id);
  for (const auto& [code, locations] : zones) {
    const auto context = json{{"locations", locations},
                              {"with_childs", false},
                              {"stock_date_end", encode_date(client_.today())}};
    std::map<int, decimal> have;
    for (const auto& row : client_.call(access::read, "product.product", "read",
                                        {ids, json::array({"quantity"})}, context))
      have[at(row, "id").get<int>()] = number_of(at(row, "quantity"));
    for (const auto& p : products) {
      const auto id = at(p, "id").get<int>();
      json one{{"cursor", id_text(p)},
               {"item", text_or(at(p, "code"))},
               {"site", code},
               {"on_hand", have[id].text()},
               {"unit_cost", money(number_of(at(p, "cost_price")), currency())},
               {"record", record("product.product", at(p, "id")) + " in " + code}};
      auto by = bought.find({true, id});
      if (by == bought.end())
        by = bought.find({false, at(p, "template").get<int>()});
      if (by != bought.end()) {
        one["supplier"] = text_or(at(by->second, "party", "code"), "none");
        one["lead_time_days"] = days_of(at(by->second, "lead_time"), 0);
      }
      levels.push_back(std::move(one));
    }
  }
  return out;
}

} // namespace crossdock::tryton
