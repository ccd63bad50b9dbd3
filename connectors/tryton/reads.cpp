#include "lines.hpp"

namespace crossdock::tryton {

namespace {

std::string argument(const json& args, const char* name) {
  const auto value = text_or(at(args, name));
  if (value.empty())
    throw failure{outcome::refused,
                  std::string{"the argument '"} + name + "' is missing"};
  return value;
}

/// The allocation below `open` that is for this line's open moves.
decimal allocated_to(const json& moves, const std::map<int, decimal>& by_move) {
  decimal sum;
  for (const auto& m : moves)
    if (is_open(m)) {
      const auto found = by_move.find(at(m, "id").get<int>());
      if (found != by_move.end())
        sum += found->second;
    }
  return sum;
}

std::vector<int> ids_of(const std::map<int, json>& moves) {
  std::vector<int> ids;
  for (const auto& [id, row] : moves)
    ids.push_back(id);
  return ids;
}

} // namespace

// -- what everything needs
// ---------------------------------------------------------------

json erp::head() {
  return {{"system", settings_.system}, {"as_of", client_.now()}};
}

const std::vector<warehouse>& erp::warehouses() {
  if (!warehouses_.empty() && warehouses_read_ == client_.now().substr(0, 13))
    return warehouses_;
  warehouses_.clear();
  for (const auto& row : client_.search(
           "stock.location", {{"type", "=", "warehouse"}, {"code", "!=", nullptr}},
           {"code", "name", "storage_location"}))
    warehouses_.push_back({at(row, "id").get<int>(),
                           at(row, "storage_location").get<int>(),
                           text_or(at(row, "code")), text_or(at(row, "name"))});
  warehouses_read_ = client_.now().substr(0, 13);
  return warehouses_;
}

const warehouse& erp::site(const std::string& code) {
  for (const auto& w : warehouses())
    if (w.code == code)
      return w;
  throw failure{outcome::refused, "Tryton has no warehouse with the code '" + code + "'"};
}

erp::product erp::find_product(const std::string& code) {
  // Kept for an hour like the warehouses: nearly every reading begins with one of these.
  if (const auto hour = client_.now().substr(0, 13); hour != products_read_) {
    products_.clear();
    products_read_ = hour;
  }
  if (const auto known = products_.find(code); known != products_.end())
    return known->second;
  const auto rows = client_.search("product.product", {{"code", "=", code}},
                                   {"default_uom", "default_uom.symbol"}, 2);
  if (rows.size() != 1)
    throw failure{outcome::refused, std::to_string(rows.size()) +
                                        " products in Tryton have the code '" + code +
                                        "'"};
  return products_[code] = {at(rows[0], "id").get<int>(),
                            at(rows[0], "default_uom").get<int>(), code,
                            text_or(at(rows[0], "default_uom", "symbol"))};
}

const std::string& erp::currency() {
  if (currency_.empty()) {
    const auto rows = client_.search("company.company", {{"id", "=", client_.company()}},
                                     {"currency.code"}, 1);
    currency_ = rows.empty() ? "" : text_or(at(rows[0], "currency", "code"));
  }
  return currency_;
}

std::map<int, json> erp::moves_of(const json& lines) {
  auto ids = json::array();
  for (const auto& line : lines)
    for (const auto& id : at(line, "moves"))
      ids.push_back(id);
  std::map<int, json> out;
  constexpr std::size_t page = 500;
  for (std::size_t from = 0; from < ids.size(); from += page) {
    const auto to = std::min(from + page, ids.size());
    const json part(ids.begin() + static_cast<std::ptrdiff_t>(from),
                    ids.begin() + static_cast<std::ptrdiff_t>(to));
    for (const auto& row :
         client_.call(access::read, "stock.move", "read",
                      {part,
                       {"state", "internal_quantity", "planned_date", "effective_date",
                        "shipment", "create_date", "write_date"}}))
      out[at(row, "id").get<int>()] = row;
  }
  return out;
}

std::map<int, decimal> erp::allocated(const std::vector<int>& moves) {
  std::map<int, decimal> out;
  if (moves.empty())
    return out;
  auto origins = json::array();
  for (const int id : moves)
    origins.push_back("stock.move," + std::to_string(id));
  // Tryton allocates on the move from storage to the output zone, whose origin is the
  // outgoing move. Warehouses without an output zone allocate on the outgoing move
  // itself.
  for (const auto& row :
       client_.search("stock.move",
                      {{"origin", "in", origins}, {"state", "in", {"assigned", "done"}}},
                      {"origin", "internal_quantity"})) {
    const auto origin = text_or(at(row, "origin"));
    out[std::stoi(origin.substr(origin.find(',') + 1))] +=
        number_of(at(row, "internal_quantity"));
  }
  for (const auto& row :
       client_.search("stock.move", {{"id", "in", moves}, {"state", "=", "assigned"}},
                      {"internal_quantity"})) {
    auto& have = out[at(row, "id").get<int>()];
    have = std::max(have, number_of(at(row, "internal_quantity")));
  }
  return out;
}

json erp::sale_lines(const json& domain) {
  auto all = goods_lines();
  for (const auto& clause : domain)
    all.push_back(clause);
  return client_.search("sale.line", all, sale_line_fields);
}

// -- items and stock
// ---------------------------------------------------------------------

json erp::item(const json& args) {
  const auto code = argument(args, "item");
  const auto found = find_product(code);
  const auto rows =
      client_.call(access::read, "product.product", "read",
                   {json::array({found.id}), {"cost_price", "list_price", "template"}});
  const auto suppliers = client_.search(
      "purchase.product_supplier",
      {"OR",
       {{"product", "=", found.id}},
       {{"template", "=", at(rows[0], "template")}, {"product", "=", nullptr}}},
      {"lead_time"}, 50);
  auto out = head();
  out.update({{"item", code},
              {"unit", found.symbol},
              {"record", record("product.product", found.id)},
              {"cost", money(number_of(at(rows[0], "cost_price")), currency())},
              {"list_price", money(number_of(at(rows[0], "list_price")), currency())},
              {"pack", "1"},
              {"lead_time_days",
               suppliers.empty() ? 0 : days_of(at(suppliers[0], "lead_time"), 0)},
              {"substitutes", json::array()}});
  if (const auto pack = settings_.packs.find(code); pack != settings_.packs.end())
    out["pack"] = pack->second;
  if (const auto list = settings_.substitutes.find(code);
      list != settings_.substitutes.end())
    for (const auto& [other, approved] : list->second)
      out["substitutes"].push_back({{"item", other},
                                    {"approved", approved},
                                    {"record", "config/substitutes/" + code}});
  return out;
}

json erp::stock(const json& args) {
  const auto found = find_product(argument(args, "item"));
  const auto only = text_or(at(args, "site"));
  std::vector<warehouse> wanted;
  if (only.empty())
    wanted = warehouses();
  else
    wanted.push_back(site(only));
  auto locations = json::array();
  for (const auto& w : wanted)
    locations.push_back(w.storage);

  const auto quantities = [&](bool less_assigned) {
    std::map<int, decimal> out;
    const auto context = json{{"product", found.id},
                              {"stock_date_end", encode_date(client_.today())},
                              {"stock_assign", less_assigned}};
    for (const auto& row : client_.call(access::read, "stock.location", "read",
                                        {locations, json::array({"quantity"})}, context))
      out[at(row, "id").get<int>()] = number_of(at(row, "quantity"));
    return out;
  };
  const auto on_hand = quantities(false);
  const auto free = quantities(true);

  auto out = head();
  out.update({{"item", found.code}, {"unit", found.symbol}, {"sites", json::array()}});
  for (const auto& w : wanted) {
    const auto have = on_hand.at(w.storage);
    const auto available = free.at(w.storage);
    out["sites"].push_back({{"site", w.code},
                            {"on_hand", have.text()},
                            {"reserved", (have - available).text()},
                            {"available", available.text()},
                            {"record", record("product.product", found.id) + " in " +
                                           record("stock.location", w.storage)}});
  }
  return out;
}

json erp::supply(const json& args) {
  const auto code = argument(args, "item");
  const auto only = text_or(at(args, "site"));
  const auto unit = find_product(code).symbol; // an unknown item is refused, not empty
  auto lines = json::array();
  const auto add = [&](json line) {
    if (only.empty() || line.at("site") == only)
      lines.push_back(std::move(line));
  };

  // Purchases: the draft moves from suppliers, each with the date the buyer last planned.
  auto moves = client_.search(
      "stock.move",
      {{"product.code", "=", code},
       {"origin", "like", "purchase.line,%"},
       {"from_location.type", "=", "supplier"},
       {"state", "in", {"draft", "assigned"}}},
      {"origin", "internal_quantity", "planned_date", "to_location.warehouse.code"});
  auto of_purchase = json::array();
  std::map<std::int64_t, json> purchases;
  for (const auto& m : moves) {
    const auto origin = text_or(at(m, "origin"));
    of_purchase.push_back(std::stoll(origin.substr(origin.find(',') + 1)));
  }
  if (!of_purchase.empty())
    for (const auto& row :
         client_.search("purchase.line", {{"id", "in", of_purchase}},
                        {"purchase.party.code", "purchase.purchase_date"}))
      purchases[at(row, "id").get<std::int64_t>()] = row;
  for (std::size_t i = 0; i < moves.size(); ++i) {
    const auto date = date_of(at(moves[i], "planned_date"));
    if (date.empty())
      continue; // nobody promised anything
    const auto id = of_purchase[i].get<std::int64_t>();
    json line{{"line", std::to_string(id)},
              {"kind", "purchase"},
              {"site", text_or(at(moves[i], "to_location", "warehouse", "code"))},
              {"quantity", number_of(at(moves[i], "internal_quantity")).text()},
              {"promised_date", date},
              {"record", record("stock.move", at(moves[i], "id"))}};
    if (const auto p = purchases.find(id); p != purchases.end()) {
      line["supplier"] = text_or(at(p->second, "purchase", "party", "code"));
      if (const auto day = date_of(at(p->second, "purchase", "purchase_date"));
          !day.empty())
        line["ordered_date"] = day;
    }
    add(std::move(line));
  }

  // Transfers: what arrives, not what leaves; with a transit location these differ.
  const auto shipments =
      client_.search("stock.shipment.internal",
                     {{"state", "in", {"waiting", "assigned", "shipped"}},
                      {"moves.product.code", "=", code},
                      {"moves.state", "not in", {"done", "cancelled"}}},
                     {"reference", "planned_date", "incoming_moves", "create_date",
                      "from_location.warehouse.code", "to_location.warehouse.code"});
  for (const auto& s : shipments) {
    const auto date = date_of(at(s, "planned_date"));
    if (date.empty() || at(s, "from_location", "warehouse", "code") ==
                            at(s, "to_location", "warehouse", "code"))
      continue;
    for (const auto& m : client_.call(
             access::read, "stock.move", "read",
             {at(s, "incoming_moves"), {"product.code", "internal_quantity", "state"}})) {
      if (text_or(at(m, "product", "code")) != code || !is_open(m))
        continue;
      add({{"line", "transfer-" + std::to_string(at(m, "id").get<std::int64_t>())},
           {"kind", "transfer"},
           {"site", text_or(at(s, "to_location", "warehouse", "code"))},
           {"quantity", number_of(at(m, "internal_quantity")).text()},
           {"promised_date", date},
           {"ordered_date", date_of(at(s, "create_date"))},
           {"site_from", text_or(at(s, "from_location", "warehouse", "code"))},
           {"reference", text_or(at(s, "reference"))},
           {"record", record("stock.shipment.internal", at(s, "id"))}});
    }
  }
  auto out = head();
  out.update({{"item", code}, {"unit", unit}, {"lines", std::move(lines)}});
  return out;
}

/// The three readings follow each other: Tryton has no reading of several models at once,
/// but one call of ours costs one hand-over instead of three.
json erp::position(const json& args) {
  auto out = stock(args);
  out["supply"] = supply(args).at("lines");
  out["orders"] = open_orders(args).at("lines");
  const auto pack = settings_.packs.find(out.at("item").get<std::string>());
  out["pack"] = pack == settings_.packs.end() ? "1" : pack->second;
  return out;
}

// -- orders
// --------------------------------------------------------------------------------

json erp::open_orders(const json& args) {
  const auto lines = sale_lines({{"product.code", "=", argument(args, "item")},
                                 {"sale.warehouse.code", "=", argument(args, "site")},
                                 {"sale.state", "in", {"confirmed", "processing"}}});
  const auto moves = moves_of(lines);
  const auto reserved = allocated(ids_of(moves));
  std::vector<json> open;
  for (const auto& line : lines) {
    const auto mine = moves_for(line, moves);
    const auto left = quantity_of(line) - done_quantity(mine);
    if (sale_state(line) != "open" || left <= decimal{})
      continue;
    open.push_back({{"line", std::to_string(at(line, "id").get<std::int64_t>())},
                    {"order", text_or(at(line, "sale", "number"), "draft")},
                    {"customer", text_or(at(line, "sale", "party", "code"))},
                    {"quantity", left.text()},
                    {"allocated", allocated_to(mine, reserved).text()},
                    {"requested_date", requested_date(line)},
                    {"entered_at", instant_of(at(line, "create_date"))},
                    {"record", record("sale.line", at(line, "id"))}});
  }
  std::stable_sort(open.begin(), open.end(), [](const json& a, const json& b) {
    return a.at("requested_date") < b.at("requested_date");
  });
  auto out = head();
  out["lines"] = std::move(open);
  return out;
}

json erp::order_line(const json& args) {
  const auto id = argument(args, "line");
  if (id.find_first_not_of("0123456789") != std::string::npos || id.size() > 12)
    throw failure{outcome::refused,
                  "'" + id + "' is not the id of a sale line in Tryton"};
  const auto lines = sale_lines({{"id", "=", std::stoll(id)}});
  if (lines.empty())
    throw failure{outcome::refused, "Tryton has no sale line " + id};
  const auto& line = lines[0];
  const auto moves = moves_of(lines);
  const auto mine = moves_for(line, moves);
  const auto reserved = allocated(ids_of(moves));
  auto date = last_date(mine);
  if (date.empty())
    date = date_of(at(line, "shipping_date"));
  auto out = head();
  out.update({{"line", id},
              {"order", text_or(at(line, "sale", "number"), "draft")},
              {"customer", text_or(at(line, "sale", "party", "code"))},
              {"item", text_or(at(line, "product", "code"))},
              {"site", text_or(at(line, "sale", "warehouse", "code"))},
              {"quantity", quantity_of(line).text()},
              {"unit", text_or(at(line, "product", "default_uom", "symbol"))},
              {"unit_price",
               money(price_of(line), text_or(at(line, "sale", "currency", "code")))},
              {"requested_date", requested_date(line)},
              {"promised_date", date.empty() ? requested_date(line) : date},
              {"allocated", allocated_to(mine, reserved).text()},
              {"state", sale_state(line)},
              {"record", record("sale.line", at(line, "id"))}});
  return out;
}

json erp::demand(const json& args) {
  const auto code = argument(args, "item");
  std::map<std::string, decimal> days;
  for (const auto& line :
       sale_lines({{"product.code", "=", code},
                   {"sale.warehouse.code", "=", argument(args, "site")},
                   {"sale.sale_date", ">=", encode_date(argument(args, "since"))},
                   {"sale.state", "in", {"confirmed", "processing", "done"}}}))
    days[date_of(at(line, "sale", "sale_date"))] += quantity_of(line);
  auto out = head();
  out.update(
      {{"days", json::array()},
       {"record", "sale.line of " + record("product.product", find_product(code).id)}});
  for (const auto& [day, quantity] : days)
    out["days"].push_back({{"date", day}, {"quantity", quantity.text()}});
  return out;
}

// -- sites
// ---------------------------------------------------------------------------------

json erp::sites(const json&) {
  auto sites = json::array();
  for (const auto& w : warehouses()) {
    const auto& own = settings_.site(w.code);
    const auto open = client_.call(
        access::read, "stock.move", "search_count",
        json::array(
            {{{"shipment.state", "in", {"waiting", "assigned"}, "stock.shipment.out"},
              {"shipment.warehouse", "=", w.id, "stock.shipment.out"},
              {"to_location.type", "=", "customer"},
              {"state", "not in", {"done", "cancelled"}}}}));
    sites.push_back(
        {{"site", w.code},
         {"name", w.name},
         {"utc_offset_minutes", own.utc_offset_minutes},
         {"working_days", own.working_days},
         {"cutoff", own.cutoff},
         {"pick_lines_per_hour", own.pick_lines_per_hour},
         {"open_pick_lines", open},
         {"record", record("stock.location", w.id) + " + config/sites/" + w.code}});
  }
  std::map<std::pair<std::string, std::string>, std::pair<int, std::string>> known;
  for (const auto& row :
       client_.search("stock.location.lead_time", json::array(),
                      {"warehouse_from.code", "warehouse_to.code", "lead_time"})) {
    // A lead time without a warehouse on one side is Tryton's default for every lane
    // there.
    for (const auto& a : warehouses())
      for (const auto& b : warehouses())
        if (a.code != b.code &&
            text_or(at(row, "warehouse_from", "code"), a.code) == a.code &&
            text_or(at(row, "warehouse_to", "code"), b.code) == b.code)
          known.try_emplace({a.code, b.code}, days_of(at(row, "lead_time"), 0),
                            record("stock.location.lead_time", at(row, "id")));
  }
  auto lanes = json::array();
  for (const auto& a : warehouses())
    for (const auto& b : warehouses()) {
      if (a.code == b.code)
        continue;
      const auto& own = settings_.lane(a.code, b.code);
      const auto found = known.find({a.code, b.code});
      const auto config = "config/lanes/" + a.code + ">" + b.code;
      lanes.push_back(
          {{"from", a.code},
           {"to", b.code},
           {"transit_days",
            found == known.end() ? own.transit_days : found->second.first},
           {"cost_per_transfer",
            money(decimal::parse(own.cost_per_transfer), currency())},
           {"cost_per_unit", money(decimal::parse(own.cost_per_unit), currency())},
           {"record",
            found == known.end() ? config : found->second.second + " + " + config}});
    }
  auto out = head();
  out.update({{"sites", std::move(sites)}, {"lanes", std::move(lanes)}});
  return out;
}

json erp::check() {
  auto out = head();
  out.update({{"user", client_.user()},
              {"company", client_.company()},
              {"today", client_.today()},
              {"warehouses", json::array()}});
  for (const auto& w : warehouses())
    out["warehouses"].push_back(w.code);
  out["as_of"] = client_.now();
  return out;
}

} // namespace crossdock::tryton
