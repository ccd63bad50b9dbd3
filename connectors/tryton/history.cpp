#include "lines.hpp"

namespace crossdock::tryton {

namespace {

json since(const json& args) {
  return encode_date(text_or(at(args, "since")));
}

/// The newest `limit` of `rows`, in their order.
json newest(json rows, const json& args) {
  const auto limit = args.value("limit", 5'000);
  if (limit >= 0 && rows.size() > static_cast<std::size_t>(limit))
    rows.erase(rows.begin(),
               rows.begin() + static_cast<std::ptrdiff_t>(rows.size()) - limit);
  return rows;
}

void sort_by(json& rows, const char* member) {
  std::stable_sort(rows.begin(), rows.end(), [&](const json& a, const json& b) {
    return a.at(member) < b.at(member);
  });
}

} // namespace

json erp::receipt_history(const json& args) {
  auto domain = goods_lines();
  for (auto& clause :
       json{json::array({"purchase.purchase_date", ">=", since(args)}),
            json::array({"purchase.state", "in", {"confirmed", "processing", "done"}})})
    domain.push_back(clause);
  if (const auto item = text_or(at(args, "item")); !item.empty())
    domain.push_back(json::array({"product.code", "=", item}));
  if (const auto supplier = text_or(at(args, "supplier")); !supplier.empty())
    domain.push_back(json::array({"purchase.party.code", "=", supplier}));
  const auto lines = client_.search("purchase.line", domain, purchase_line_fields);
  const auto moves = moves_of(lines);
  auto receipts = json::array();
  for (const auto& line : lines) {
    const auto mine = moves_for(line, moves);
    const auto promised = first_promise(line, mine);
    if (promised.empty())
      continue; // nothing to compare with
    json one{{"line", std::to_string(at(line, "id").get<std::int64_t>())},
             {"supplier", text_or(at(line, "purchase", "party", "code"))},
             {"item", text_or(at(line, "product", "code"))},
             {"ordered_date", date_of(at(line, "purchase", "purchase_date"))},
             {"promised_date", promised},
             {"record", record("purchase.line", at(line, "id"))}};
    if (const auto day = received_date(mine); !day.empty())
      one["received_date"] = day;
    receipts.push_back(std::move(one));
  }
  sort_by(receipts, "ordered_date");
  auto out = head();
  out["receipts"] = newest(std::move(receipts), args);
  return out;
}

json erp::transfer_history(const json& args) {
  const auto shipments =
      client_.search("stock.shipment.internal",
                     {{"state", "=", "done"}, {"planned_date", ">=", since(args)}},
                     {"planned_date", "effective_date", "create_date", "incoming_moves",
                      "from_location.warehouse.code", "to_location.warehouse.code"});
  auto ids = json::array();
  for (const auto& s : shipments)
    for (const auto& id : at(s, "incoming_moves"))
      ids.push_back(id);
  std::map<int, json> moves;
  if (!ids.empty())
    for (const auto& m :
         client_.search("stock.move", {{"id", "in", ids}, {"state", "=", "done"}},
                        {"product.code", "internal_quantity"}))
      moves[at(m, "id").get<int>()] = m;
  auto transfers = json::array();
  for (const auto& s : shipments) {
    const auto from = text_or(at(s, "from_location", "warehouse", "code"));
    const auto to = text_or(at(s, "to_location", "warehouse", "code"));
    const auto day = date_of(at(s, "effective_date"));
    if (from.empty() || to.empty() || from == to || day.empty())
      continue; // moved within one warehouse
    for (const auto& id : at(s, "incoming_moves")) {
      const auto m = moves.find(id.get<int>());
      if (m == moves.end())
        continue;
      transfers.push_back(
          {{"id", std::to_string(id.get<std::int64_t>())},
           {"from", from},
           {"to", to},
           {"item", text_or(at(m->second, "product", "code"))},
           {"quantity", number_of(at(m->second, "internal_quantity")).text()},
           {"created_at", instant_of(at(s, "create_date"))},
           {"due_date", date_of(at(s, "planned_date"))},
           {"received_date", day},
           {"record", record("stock.shipment.internal", at(s, "id"))}});
    }
  }
  sort_by(transfers, "created_at");
  auto out = head();
  out["transfers"] = newest(std::move(transfers), args);
  return out;
}

json erp::pick_history(const json& args) {
  auto domain = json::array({json::array({"to_location.type", "=", "customer"}),
                             json::array({"state", "=", "done"}),
                             json::array({"planned_date", ">=", since(args)})});
  const auto only = text_or(at(args, "site"));
  if (!only.empty())
    domain.push_back(
        json::array({"from_location", "child_of", {site(only).id}, "parent"}));
  struct day {
    int due = 0, on_time = 0;
  };
  std::map<std::pair<std::string, std::string>, day> days; // by date, then site
  for (const auto& m : client_.search(
           "stock.move", domain,
           {"planned_date", "effective_date", "from_location.warehouse.code"}, 50'000)) {
    const auto due = date_of(at(m, "planned_date"));
    const auto where = text_or(at(m, "from_location", "warehouse", "code"));
    if (where.empty())
      continue; // sent straight from a supplier
    auto& d = days[{due, where}];
    ++d.due;
    // Tryton keeps the day, not the hour: picked on the day counts as picked by the
    // cut-off.
    if (date_of(at(m, "effective_date")) <= due)
      ++d.on_time;
  }
  auto out = head();
  out["days"] = json::array();
  for (const auto& [key, d] : days) {
    const auto& own = settings_.site(key.second);
    const auto capacity =
        (decimal::parse(own.pick_lines_per_hour) * own.pick_hours_per_day).floor();
    out["days"].push_back({{"site", key.second},
                           {"date", key.first},
                           {"lines_due", d.due},
                           {"lines_on_time", d.on_time},
                           {"capacity_lines", capacity},
                           {"record", "stock.move to customers of " + key.first +
                                          " + config/sites/" + key.second}});
  }
  return out;
}

} // namespace crossdock::tryton
