/// Sale and purchase lines as Tryton gives them, made comparable. Private to the mapping.
#pragma once

#include <algorithm>

#include "erp.hpp"

namespace crossdock::tryton {

/// Units of the line's unit in one of the product's default unit.
inline decimal to_default(const json& line, decimal quantity) {
  const auto factor = at(line, "unit", "factor");
  const auto base = at(line, "product", "default_uom", "factor");
  if (!factor.is_number() || !base.is_number() ||
      factor.get<double>() == base.get<double>() || base.get<double>() == 0)
    return quantity;
  return decimal::nearest(quantity.to_double() * factor.get<double>() /
                          base.get<double>());
}

inline decimal quantity_of(const json& line) {
  return to_default(line, number_of(at(line, "quantity")));
}

/// The price of one default unit.
inline decimal price_of(const json& line) {
  const auto price = number_of(at(line, "unit_price"));
  const auto one = to_default(line, decimal{1});
  return one == decimal{} || one == decimal{1} ? price : price / one;
}

inline bool is_open(const json& move) {
  const auto state = text_or(at(move, "state"));
  return state != "done" && state != "cancelled";
}

inline decimal done_quantity(const json& moves) {
  decimal sum;
  for (const auto& m : moves)
    if (text_or(at(m, "state")) == "done")
      sum += number_of(at(m, "internal_quantity"));
  return sum;
}

/// The latest planned date of what is still to come, else the latest date it happened.
inline std::string last_date(const json& moves) {
  std::string open, done;
  for (const auto& m : moves) {
    if (is_open(m))
      open = std::max(open, date_of(at(m, "planned_date")));
    else if (text_or(at(m, "state")) == "done")
      done = std::max(done, date_of(at(m, "effective_date")));
  }
  return open.empty() ? done : open;
}

/// The moves whose origin is the line, from what moves_of() read.
inline json moves_for(const json& line, const std::map<int, json>& all) {
  auto mine = json::array();
  for (const auto& id : at(line, "moves"))
    if (const auto found = all.find(id.get<int>()); found != all.end())
      mine.push_back(found->second);
  return mine;
}

/// What the supplier promised first. Tryton's own delivery_date becomes the actual date
/// once the goods are in, and the move's planned date is where a slip is written; the
/// date on the order itself stays.
inline std::string first_promise(const json& line, const json& moves) {
  std::string promised;
  const auto& edited = at(line, "delivery_date_edit");
  if ((edited.is_boolean() && edited.get<bool>()) ||
      (edited.is_number_integer() && edited.get<int>() != 0)) // SQLite's booleans
    promised = date_of(at(line, "delivery_date_store"));
  if (promised.empty())
    promised = date_of(at(line, "purchase", "delivery_date"));
  for (const auto& m : moves)
    if (promised.empty())
      promised = date_of(at(m, "planned_date"));
  return promised;
}

/// The day on which the last of it came; empty while something is open.
inline std::string received_date(const json& moves) {
  for (const auto& m : moves)
    if (is_open(m))
      return {};
  return last_date(moves);
}

/// open, shipped or cancelled.
inline std::string sale_state(const json& line) {
  const auto state = text_or(at(line, "sale", "state"));
  if (state == "cancelled")
    return "cancelled";
  const auto& moved = at(line, "move_done");
  return state == "done" || (moved.is_boolean() && moved.get<bool>()) ? "shipped"
                                                                      : "open";
}

/// What the customer asked for: Tryton's "Shipping Date" of the sale, else its sale date.
inline std::string requested_date(const json& line) {
  const auto asked = date_of(at(line, "sale", "shipping_date"));
  return asked.empty() ? date_of(at(line, "sale", "sale_date")) : asked;
}

inline const json sale_line_fields = {"quantity",
                                      "unit.factor",
                                      "unit_price",
                                      "product.code",
                                      "product.rec_name",
                                      "product.default_uom.symbol",
                                      "product.default_uom.factor",
                                      "sale.number",
                                      "sale.state",
                                      "sale.party.code",
                                      "sale.party.name",
                                      "sale.warehouse.code",
                                      "sale.shipping_date",
                                      "sale.sale_date",
                                      "sale.currency.code",
                                      "sale.create_date",
                                      "sale.write_date",
                                      "shipping_date",
                                      "moves",
                                      "move_done",
                                      "note",
                                      "create_date",
                                      "write_date"};

inline const json purchase_line_fields = {"quantity",
                                          "unit.factor",
                                          "product.code",
                                          "product.default_uom.symbol",
                                          "product.default_uom.factor",
                                          "purchase.number",
                                          "purchase.state",
                                          "purchase.party.code",
                                          "purchase.warehouse.code",
                                          "purchase.purchase_date",
                                          "purchase.delivery_date",
                                          "purchase.create_date",
                                          "purchase.write_date",
                                          "delivery_date",
                                          "delivery_date_edit",
                                          "delivery_date_store",
                                          "moves",
                                          "move_done",
                                          "create_date",
                                          "write_date"};

/// Lines that are goods to move: no titles, comments or returns.
inline json goods_lines() {
  return json::array(
      {json::array({"type", "=", "line"}), json::array({"product", "!=", nullptr}),
       json::array({"product.type", "=", "goods"}), json::array({"quantity", ">", 0})});
}

} // namespace crossdock::tryton
