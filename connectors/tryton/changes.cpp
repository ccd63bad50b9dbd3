#include "lines.hpp"

namespace crossdock::tryton {

/// How one kind of line is found and told.
struct erp::kind_of_line {
  const char* model;
  const char* header; ///< the field that leads to the order
  json fields;
  json ever; ///< states in which the line was an order at all
  json open; ///< states that a first poll reports
  change (erp::*tell)(const json& line, const std::map<int, json>& moves);
};

namespace {

/// The last time anything of the line was written: itself, its order or a move. This is
/// what Tryton calls write_date, which is empty until the first write.
std::string stamp(const json& line, const char* header, const json& moves) {
  const auto of = [](const json& row) {
    return std::max(instant_of(at(row, "create_date")),
                    instant_of(at(row, "write_date")));
  };
  auto last = of(line);
  last = std::max(last, std::max(instant_of(at(line, header, "create_date")),
                                 instant_of(at(line, header, "write_date"))));
  for (const auto& m : moves)
    last = std::max(last, of(m));
  return last;
}

/// FNV-1a, 64 bits, in hex: tells two states of one line apart that were written in the
/// same instant. Not a safeguard against malice: the id only has to differ.
std::string digest(const std::string& text) {
  std::uint64_t h = 14695981039346656037u;
  for (const unsigned char c : text)
    h = (h ^ c) * 1099511628211u;
  std::string out;
  for (int shift = 60; shift >= 0; shift -= 4)
    out += "0123456789abcdef"[h >> shift & 15u];
  return out;
}

/// At most `bytes` of UTF-8, not ending inside a character.
std::string shortened(std::string text, std::size_t bytes) {
  if (text.size() <= bytes)
    return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xc0u) == 0x80u)
    --bytes;
  text.resize(bytes);
  return text;
}

/// `as_of` is the record's own last change, not the time of the poll: the same state
/// found by two polls must be the same event, bytes included.
change finish(const char* topic, const json& line, const std::string& as_of,
              json payload) {
  const auto body = digest(payload.dump());
  payload["as_of"] = as_of;
  return {topic,
          std::string{topic} + ":" + std::to_string(at(line, "id").get<std::int64_t>()) +
              ":" + as_of + ":" + body,
          std::move(payload)};
}

/// Tryton's write_date is the start of the transaction that wrote: what became visible
/// only after a poll may be dated before it. Hence `overlap`.
json changed_since(const json& moment, const char* header) {
  auto any = json::array({"OR"});
  for (const auto& prefix :
       {std::string{}, std::string{header} + ".", std::string{"moves."}})
    for (const char* field : {"write_date", "create_date"})
      any.push_back(json::array({json::array({prefix + field, ">=", moment})}));
  return any;
}

} // namespace

/// cursor: {"since": instant up to which everything was seen, "seen": {id: stamp} of the
/// events told within the overlap, and while a poll spans several pages "after": last
/// line id of the previous page, "next": the largest stamp so far}.
changes erp::lines(const kind_of_line& kind, const json& cursor) {
  const auto since = text_or(at(cursor, "since"));
  const auto after = cursor.is_object() ? cursor.value("after", std::int64_t{0}) : 0;
  auto domain = goods_lines();
  if (since.empty()) {
    domain.push_back(json::array({std::string{kind.header} + ".state", "in", kind.open}));
  } else {
    domain.push_back(json::array({std::string{kind.header} + ".state", "in", kind.ever}));
    domain.push_back(changed_since(
        encode_instant(minus_seconds(since, settings_.overlap_s)), kind.header));
  }
  domain.push_back(json::array({"id", ">", after}));
  const auto rows = client_.search(kind.model, domain, kind.fields, settings_.batch);
  const auto moves = moves_of(rows);

  changes out;
  auto seen = cursor.is_object() ? cursor.value("seen", json::object()) : json::object();
  auto next = cursor.is_object() ? cursor.value("next", since) : since;
  for (const auto& line : rows) {
    auto c = (this->*kind.tell)(line, moves);
    if (c.id.empty())
      continue; // no date yet: told when it has one
    const auto as_of = c.payload.at("as_of").get<std::string>();
    next = std::max(next, as_of);
    if (seen.contains(c.id))
      continue;
    seen[c.id] = as_of;
    out.found.push_back(std::move(c));
  }
  out.more = rows.size() == settings_.batch;
  if (out.more) {
    out.cursor = {{"since", since},
                  {"seen", std::move(seen)},
                  {"after", at(rows.back(), "id")},
                  {"next", next}};
    return out;
  }
  // With an empty database the clock of the server is the only moment there is.
  if (next.empty())
    next = client_.now();
  const auto horizon = minus_seconds(next, settings_.overlap_s);
  auto kept = json::object();
  for (const auto& [id, as_of] : seen.items())
    if (as_of.get_ref<const std::string&>() >= horizon)
      kept[id] = as_of;
  out.cursor = {{"since", next}, {"seen", std::move(kept)}};
  return out;
}

change erp::sale_change(const json& line, const std::map<int, json>& moves) {
  const auto mine = moves_for(line, moves);
  auto promised = last_date(mine);
  if (promised.empty())
    promised = date_of(at(line, "shipping_date"));
  auto asked = requested_date(line);
  if (asked.empty())
    asked = promised;
  if (asked.empty())
    return {};
  const auto line_id = std::to_string(at(line, "id").get<std::int64_t>());
  json payload{{"line", line_id},
               {"order", text_or(at(line, "sale", "number"), "draft")},
               {"customer", text_or(at(line, "sale", "party", "code"))},
               {"customer_name", text_or(at(line, "sale", "party", "name"))},
               {"item", text_or(at(line, "product", "code"))},
               {"item_name", text_or(at(line, "product", "rec_name"))},
               {"site", text_or(at(line, "sale", "warehouse", "code"))},
               {"quantity", quantity_of(line).text()},
               {"shipped_quantity", done_quantity(mine).text()},
               {"unit", text_or(at(line, "product", "default_uom", "symbol"))},
               {"unit_price",
                money(price_of(line), text_or(at(line, "sale", "currency", "code")))},
               {"requested_date", asked},
               {"state", sale_state(line)},
               {"entered_at", instant_of(at(line, "create_date"))},
               {"system", settings_.system},
               {"record", record("sale.line", at(line, "id"))}};
  if (!promised.empty())
    payload["promised_date"] = promised;
  if (const auto note = text_or(at(line, "note")); !note.empty())
    payload["note"] = shortened(note, 400);
  return finish("order.line", line, stamp(line, "sale", mine), std::move(payload));
}

change erp::purchase_change(const json& line, const std::map<int, json>& moves) {
  const auto mine = moves_for(line, moves);
  const auto state = text_or(at(line, "purchase", "state"));
  const auto left = quantity_of(line) - done_quantity(mine);
  auto promised = last_date(mine);
  if (promised.empty())
    promised = date_of(at(line, "delivery_date"));
  const auto ordered = date_of(at(line, "purchase", "purchase_date"));
  if (promised.empty() || ordered.empty())
    return {};
  const bool over = state == "done" || left <= decimal{};
  json payload{{"line", std::to_string(at(line, "id").get<std::int64_t>())},
               {"order", text_or(at(line, "purchase", "number"), "draft")},
               {"supplier", text_or(at(line, "purchase", "party", "code"))},
               {"item", text_or(at(line, "product", "code"))},
               {"site", text_or(at(line, "purchase", "warehouse", "code"))},
               {"quantity_open", (over ? decimal{} : left).text()},
               {"unit", text_or(at(line, "product", "default_uom", "symbol"))},
               {"ordered_date", ordered},
               {"promised_date", promised},
               {"state", state == "cancelled" ? "cancelled"
                         : over               ? "received"
                                              : "open"},
               {"system", settings_.system},
               {"record", record("purchase.line", at(line, "id"))}};
  return finish("purchase.line", line, stamp(line, "purchase", mine), std::move(payload));
}

changes erp::order_lines(const json& cursor) {
  const kind_of_line kind{"sale.line",
                          "sale",
                          sale_line_fields,
                          {"confirmed", "processing", "done", "cancelled"},
                          {"confirmed", "processing"},
                          &erp::sale_change};
  return lines(kind, cursor);
}

changes erp::purchase_lines(const json& cursor) {
  const kind_of_line kind{"purchase.line",
                          "purchase",
                          purchase_line_fields,
                          {"confirmed", "processing", "done", "cancelled"},
                          {"confirmed", "processing"},
                          &erp::purchase_change};
  return lines(kind, cursor);
}

} // namespace crossdock::tryton
