/// What the catalogue calls erp.*, said in Tryton's records.
///
/// site = code of a warehouse, item = code of a product, customer and supplier = code of
/// a party, line = id of a sale or purchase line, order = number of the sale or purchase.
/// Quantities are in the product's default unit, prices per default unit, in the currency
/// of the document. Everything that fails is a `failure` with the outcome to report.
#pragma once

#include <map>
#include <vector>

#include "settings.hpp"

namespace crossdock::tryton {

struct warehouse {
  int id = 0, storage = 0;
  std::string code, name;
};

/// One line as a topic event: `id` is the same for the same state of the line, so that
/// intake drops what a later poll finds again.
struct change {
  std::string topic, id;
  json payload;
};

/// One page of changes and where to go on.
struct changes {
  std::vector<change> found;
  json cursor;       ///< give it to the next poll
  bool more = false; ///< the page was full: poll again at once
};

class erp {
public:
  erp(const settings& s, client& c) : settings_{s}, client_{c} {}

  // -- reads, by the names of the catalogue
  // -----------------------------------------------
  json item(const json& args);
  json stock(const json& args);
  json supply(const json& args);
  json open_orders(const json& args);
  json position(const json& args);
  json order_line(const json& args);
  json demand(const json& args);
  json sites(const json& args);
  json receipt_history(const json& args);
  json transfer_history(const json& args);
  json pick_history(const json& args);
  json order_history(const json& args);
  json purchase_history(const json& args);
  json supply_history(const json& args);
  json stock_levels(const json& args);

  // -- writes
  // -----------------------------------------------------------------------------
  /// stock.shipment.internal with `key` as its reference, in state waiting. Finds and
  /// finishes what an earlier attempt with the same key began.
  json transfer_create(const json& args, const std::string& key);
  /// The same shipment as transfer_create would answer, or null if there is none.
  json find_transfer(const std::string& key);
  json transfer_cancel(const json& args);
  /// What transfer_cancel would answer, or null if the transfer is not cancelled.
  json find_cancelled(const json& args);
  /// Moves the planned date of what is still to be delivered of the line.
  json order_promise(const json& args);
  /// What order_promise would answer, or null if the line has another date.
  json find_promise(const json& args);

  // -- changes
  // ----------------------------------------------------------------------------
  /// Order lines that appeared or changed since `cursor` (null: all open ones). Costs one
  /// search and one read of moves per page.
  changes order_lines(const json& cursor);
  changes purchase_lines(const json& cursor);

  /// Calls Tryton once and says who answered. For probe().
  json check();

private:
  struct product {
    int id = 0, unit = 0;
    std::string code, symbol;
  };
  struct kind_of_line;

  const std::vector<warehouse>& warehouses();
  const warehouse& site(const std::string& code);
  product find_product(const std::string& code);
  const std::string& currency();
  json head(); ///< {system, as_of}: goes first into each answer

  std::map<int, json> moves_of(const json& lines);
  std::map<int, decimal> allocated(const std::vector<int>& moves);
  json sale_lines(const json& domain);
  json shipment_of(const std::string& reference);
  json transfer_answer(const json& shipment);
  json open_moves(int line, json& line_row);
  std::string promised(const json& moves) const;
  changes lines(const kind_of_line& kind, const json& cursor);
  change sale_change(const json& line, const std::map<int, json>& moves);
  change purchase_change(const json& line, const std::map<int, json>& moves);

  /// One page of a model in the order of its ids, behind the cursor in `args`.
  json page(const char* model, json domain, const json& fields, const json& args);
  /// Code of the warehouse by location, of all locations whose goods are its stock.
  std::map<int, std::string> stock_locations();

  const settings& settings_;
  client& client_;
  std::vector<warehouse> warehouses_;
  std::string warehouses_read_; ///< hour of Tryton's clock in which they were read
  std::map<std::string, product> products_; ///< by code
  std::string products_read_;               ///< the hour in which they were read
  std::string currency_;
};

// -- reading rows (shared by the sources of this class)
// ------------------------------------

/// row["sale."]["party."]["code"] for ("sale", "party", "code"); null if anything is
/// absent.
template <class... Steps>
const json& at(const json& row, const char* first, Steps... rest) {
  static const json nothing;
  if constexpr (sizeof...(rest) == 0) {
    const auto found = row.find(first);
    return found == row.end() ? nothing : *found;
  } else {
    const auto found = row.find(std::string{first} + ".");
    return found == row.end() || !found->is_object() ? nothing : at(*found, rest...);
  }
}

inline std::string text_or(const json& value, std::string otherwise = {}) {
  return value.is_string() ? value.get<std::string>() : std::move(otherwise);
}

/// "sale.line,73"
inline std::string record(const char* model, const json& id) {
  return std::string{model} + "," + std::to_string(id.get<std::int64_t>());
}

inline json money(decimal amount, const std::string& currency) {
  return {{"amount", amount.text()}, {"currency", currency}};
}

} // namespace crossdock::tryton
