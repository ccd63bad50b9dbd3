#include "lines.hpp"

namespace crossdock::tryton {

namespace {

constexpr const char* internal = "stock.shipment.internal";

std::string argument(const json& args, const char* name) {
  const auto value = text_or(at(args, name));
  if (value.empty())
    throw failure{outcome::refused,
                  std::string{"the argument '"} + name + "' is missing"};
  return value;
}

const json shipment_fields = {"reference",    "state",      "number",
                              "planned_date", "_timestamp", "moves"};

} // namespace

// -- transfers
// -----------------------------------------------------------------------------

json erp::shipment_of(const std::string& reference) {
  auto found =
      client_.search(internal, {{"reference", "=", reference}}, shipment_fields, 2);
  if (found.size() > 1)
    throw failure{outcome::needs_person,
                  "more than one transfer in Tryton has the reference " + reference +
                      ": " + record(internal, found[0]["id"]) + " and " +
                      record(internal, found[1]["id"])};
  return found.empty() ? json{} : found[0];
}

json erp::transfer_answer(const json& shipment) {
  auto out = head();
  out.update({{"reference", text_or(at(shipment, "reference"))},
              {"record", record(internal, at(shipment, "id")) + " (number " +
                             text_or(at(shipment, "number")) + ")"},
              {"state", text_or(at(shipment, "state"))}});
  return out;
}

/// The shipment and its move are one create, so there is no half of it; what can be
/// missing is the button. A button that is not allowed does nothing and says nothing, so
/// what counts is the state that is read afterwards.
json erp::find_transfer(const std::string& key) {
  auto shipment = shipment_of(key);
  if (shipment.is_null())
    return nullptr;
  if (text_or(at(shipment, "state")) == "draft") {
    client_.call(access::write, internal, "wait",
                 json::array({json::array({at(shipment, "id")})}));
    shipment = shipment_of(key);
    if (text_or(at(shipment, "state")) == "draft")
      throw failure{outcome::refused, record(internal, at(shipment, "id")) +
                                          " stays a draft: the login may not press Wait"};
  }
  return transfer_answer(shipment);
}

json erp::transfer_create(const json& args, const std::string& key) {
  if (key.empty())
    throw failure{outcome::refused,
                  "a transfer is not created without an idempotency key"};
  if (auto before = find_transfer(key); !before.is_null())
    return before;
  const auto& from = site(argument(args, "from"));
  const auto& to = site(argument(args, "to"));
  const auto item = find_product(argument(args, "item"));
  const auto quantity = decimal::parse(argument(args, "quantity"));
  if (from.id == to.id || quantity <= decimal{})
    throw failure{outcome::refused,
                  "a transfer needs two sites and a quantity above zero"};
  if (argument(args, "unit") != item.symbol)
    throw failure{outcome::refused, "Tryton counts " + item.code + " in '" + item.symbol +
                                        "', not in '" + argument(args, "unit") + "'"};

  // The server knows how long the lane takes; a day that has passed cannot be planned.
  const auto today = client_.today();
  const auto due = std::max(argument(args, "need_date"), today);
  auto start = due;
  json header{{"from_location", from.storage},
              {"to_location", to.storage},
              {"planned_date", encode_date(due)}};
  const auto asked = client_.call(
      access::read, internal, "on_change_with_planned_start_date", json::array({header}));
  if (!asked.is_null())
    start = std::max(date_of(asked), today);
  header.update({{"company", client_.company()},
                 {"reference", key},
                 {"planned_start_date", encode_date(start)}});
  const json move{{"product", item.id},
                  {"uom", item.unit},
                  {"quantity", quantity.to_double()},
                  {"from_location", from.storage},
                  {"to_location", to.storage},
                  {"company", client_.company()},
                  {"planned_date", encode_date(due)}};
  header["moves"] = json::array({json::array({"create", json::array({move})})});
  client_.call(access::write, internal, "create", json::array({json::array({header})}));

  auto made = find_transfer(key);
  if (made.is_null())
    throw failure{outcome::unknown, "Tryton accepted the transfer but does not show it"};
  return made;
}

json erp::find_cancelled(const json& args) {
  const auto shipment = shipment_of(argument(args, "reference"));
  if (shipment.is_null() || text_or(at(shipment, "state")) != "cancelled")
    return nullptr;
  return transfer_answer(shipment);
}

json erp::transfer_cancel(const json& args) {
  const auto reference = argument(args, "reference");
  const auto before = shipment_of(reference);
  if (before.is_null())
    throw failure{outcome::refused,
                  "Tryton has no transfer with the reference " + reference};
  const auto state = text_or(at(before, "state"));
  if (state == "cancelled")
    return transfer_answer(before);
  if (state == "shipped" || state == "done")
    throw failure{outcome::refused, record(internal, at(before, "id")) +
                                        " has left already: it is " + state};
  const auto name = record(internal, at(before, "id"));
  client_.call(access::write, internal, "cancel",
               json::array({json::array({at(before, "id")})}),
               {{"_timestamp", {{name, at(before, "_timestamp")}}}});
  const auto after = shipment_of(reference);
  if (text_or(at(after, "state")) != "cancelled")
    throw failure{outcome::conflict,
                  name + " is " + text_or(at(after, "state")) + " and was not cancelled"};
  return transfer_answer(after);
}

// -- promises
// ------------------------------------------------------------------------------

/// The outgoing moves of the line that are still to come, and the line itself.
json erp::open_moves(int line, json& line_row) {
  const auto lines =
      client_.search("sale.line", {{"id", "=", line}}, sale_line_fields, 1);
  if (lines.empty())
    throw failure{outcome::refused, "Tryton has no sale line " + std::to_string(line)};
  line_row = lines[0];
  const auto all = moves_of(lines);
  auto open = json::array();
  for (const auto& m : moves_for(line_row, all))
    if (is_open(m))
      open.push_back(m);
  return open;
}

json erp::find_promise(const json& args) {
  json line;
  const auto moves = open_moves(std::stoi(argument(args, "line")), line);
  if (moves.empty() || last_date(moves) != argument(args, "date"))
    return nullptr;
  for (const auto& m : moves)
    if (date_of(at(m, "planned_date")) != argument(args, "date"))
      return nullptr;
  auto out = head();
  out.update({{"reference", argument(args, "line")},
              {"record", record("sale.line", at(line, "id"))},
              {"state", "planned"}});
  return out;
}

json erp::order_promise(const json& args) {
  const auto date = argument(args, "date");
  if (auto done = find_promise(args); !done.is_null())
    return done;
  json line;
  const auto moves = open_moves(std::stoi(argument(args, "line")), line);
  const auto name = record("sale.line", at(line, "id"));
  if (moves.empty())
    throw failure{outcome::refused,
                  name + " has nothing left to deliver (" + sale_state(line) + ")"};
  const auto previous = text_or(at(args, "previous"));
  if (!previous.empty() && last_date(moves) != previous)
    throw failure{outcome::conflict, name + " is promised for " + last_date(moves) +
                                         " now, not for " + previous};
  if (date < client_.today())
    throw failure{outcome::refused, date + " has passed"};

  // The planned date of a shipment holds for everything in it. Where the line has the
  // shipment to itself that is the date to move; otherwise only the line's own moves.
  std::map<std::string, std::vector<int>> by_shipment;
  for (const auto& m : moves)
    by_shipment[text_or(at(m, "shipment"))].push_back(at(m, "id").get<int>());
  const json planned{{"planned_date", encode_date(date)}};
  for (const auto& [shipment, ids] : by_shipment) {
    constexpr std::string_view out_model = "stock.shipment.out,";
    bool alone = false;
    json header;
    if (shipment.rfind(out_model, 0) == 0) {
      header = client_.call(access::read, "stock.shipment.out", "read",
                            {json::array({std::stoi(shipment.substr(out_model.size()))}),
                             {"outgoing_moves", "_timestamp"}})[0];
      alone = at(header, "outgoing_moves").size() == ids.size();
    }
    if (alone)
      client_.call(access::write, "stock.shipment.out", "write",
                   json::array({json::array({at(header, "id")}), planned}),
                   {{"_timestamp", {{shipment, at(header, "_timestamp")}}}});
    else
      client_.call(access::write, "stock.move", "write", json::array({ids, planned}));
  }
  auto done = find_promise(args);
  if (done.is_null())
    throw failure{outcome::refused,
                  name + " keeps its date: part of it is packed or on its way"};
  return done;
}

} // namespace crossdock::tryton
