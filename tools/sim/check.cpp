#include "sim.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace crossdock::sim {

namespace {

/// A rule of the books: the query returns one text per violation, the first is shown.
struct rule {
  const char* name;
  const char* broken; ///< {} is the first record that shows it
  const char* sql;
};

constexpr std::array rules{
    rule{"stock follows movements",
         "stock on hand is not opening + receipts - shipments at {}",
         "SELECT 'stock/' || s.item_id || '@' || s.site_id || ': on hand ' || s.on_hand "
         "|| "
         "', movements ' || coalesce(m.units, 0) FROM stock s LEFT JOIN "
         "(SELECT item_id, site_id, sum(quantity) AS units FROM stock_movement GROUP BY "
         "1, 2)"
         " m USING (item_id, site_id) WHERE s.on_hand <> coalesce(m.units, 0)"},
    rule{"movements have a place",
         "a movement touches a place that has no stock record: {}",
         "SELECT 'stock_movement/' || m.movement_id FROM stock_movement m LEFT JOIN "
         "stock s "
         "USING (item_id, site_id) WHERE s.item_id IS NULL"},
    rule{"no negative stock", "stock is negative at {}",
         "SELECT 'stock/' || item_id || '@' || site_id || ': ' || on_hand FROM stock "
         "WHERE on_hand < 0 AND NOT EXISTS (SELECT 1 FROM truth_label WHERE kind = "
         "'negative_stock' AND subject = 'stock/' || item_id || '@' || site_id)"},
    rule{"reserved follows allocations",
         "reserved stock is not what open lines and transfers hold at {}",
         "SELECT 'stock/' || s.item_id || '@' || s.site_id || ': reserved ' || "
         "s.reserved || "
         "', held ' || coalesce(h.units, 0) FROM stock s LEFT JOIN (SELECT item_id, "
         "site_id, "
         "sum(units) AS units FROM (SELECT item_id, site_id, allocated AS units FROM "
         "sales_line WHERE state = 'open' UNION ALL SELECT item_id, from_site_id, "
         "quantity "
         "FROM transfer WHERE state IN ('requested', 'picked')) GROUP BY 1, 2) h "
         "USING (item_id, site_id) WHERE s.reserved <> coalesce(h.units, 0)"},
    rule{"reserved is on hand", "more is reserved than there is at {}",
         "SELECT 'stock/' || item_id || '@' || site_id FROM stock "
         "WHERE reserved > on_hand OR reserved < 0"},
    rule{
        "order lines ship what moved", "shipped quantity and movements differ for {}",
        "SELECT 'sales_line/' || l.line_id FROM sales_line l LEFT JOIN (SELECT document, "
        "-sum(quantity) AS units FROM stock_movement WHERE kind = 'sale' GROUP BY 1) m "
        "ON m.document = l.line_id WHERE l.shipped <> coalesce(m.units, 0)"},
    rule{"purchase lines receive what moved",
         "received quantity and movements differ for {}",
         "SELECT 'purchase_line/' || l.line_id FROM purchase_line l LEFT JOIN (SELECT "
         "document, sum(quantity) AS units FROM stock_movement WHERE kind = 'receipt' "
         "GROUP BY 1) m ON m.document = l.line_id WHERE l.received <> coalesce(m.units, "
         "0)"},
    rule{
        "transfers move what they say", "a transfer and its movements differ: {}",
        "SELECT 'transfer/' || t.transfer_id FROM transfer t LEFT JOIN (SELECT document, "
        "sum(CASE WHEN kind = 'transfer_out' THEN -quantity ELSE 0 END) AS gone, "
        "sum(CASE WHEN kind = 'transfer_in' THEN quantity ELSE 0 END) AS came "
        "FROM stock_movement WHERE kind IN ('transfer_out', 'transfer_in') GROUP BY 1) m "
        "ON m.document = t.transfer_id WHERE "
        "coalesce(m.gone, 0) <> iif(t.state IN ('shipped', 'received'), t.quantity, 0) "
        "OR "
        "coalesce(m.came, 0) <> iif(t.state = 'received', t.quantity, 0)"},
    rule{"states agree with quantities", "a line's state and quantities disagree: {}",
         "SELECT 'sales_line/' || line_id FROM sales_line WHERE (state = 'shipped') <> "
         "(shipped = quantity) OR (state <> 'open' AND allocated <> 0) UNION ALL "
         "SELECT 'purchase_line/' || line_id FROM purchase_line "
         "WHERE (state = 'received') <> (received = quantity) "
         "OR (received_date IS NULL) = (state = 'received')"},
    rule{"one transfer per reference", "a reference stands on more than one transfer: {}",
         "SELECT reference FROM transfer WHERE reference IS NOT NULL GROUP BY 1 "
         "HAVING count(*) > 1"},
    rule{"change numbers are unique",
         "a change number was given twice or is too large: {}",
         "SELECT change_seq FROM sales_line GROUP BY 1 HAVING count(*) > 1 UNION ALL "
         "SELECT change_seq FROM purchase_line GROUP BY 1 HAVING count(*) > 1 UNION ALL "
         "SELECT change_seq FROM sales_line WHERE change_seq > (SELECT value FROM "
         "sim_counter WHERE name = 'sales_line.change_seq')"},
};

/// FNV-1a over 64 bits: enough to tell two databases apart, not a defence.
class content_hash {
public:
  void add(std::string_view text) {
    for (const char c : text)
      mix(static_cast<unsigned char>(c));
    mix(0xff); // not in UTF-8: "ab","c" and "a","bc" differ
  }
  std::string text() const { return fmt::format("{:016x}", hash_); }

private:
  void mix(unsigned char byte) {
    hash_ ^= byte;
    hash_ *= 0x100000001b3;
  }
  std::uint64_t hash_ = 0xcbf29ce484222325;
};

std::string hash_content(database& db) {
  content_hash hash;
  std::vector<std::string> tables;
  db.each(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' "
      "ORDER BY name",
      {}, [&](statement& s) { tables.push_back(s.text(0)); });
  for (const auto& table : tables) {
    std::string columns;
    int count = 0;
    db.each("SELECT name FROM pragma_table_info(?) ORDER BY cid", {table},
            [&](statement& s) {
              columns += (count++ > 0 ? ", " : "") + fmt::format("\"{}\"", s.text(0));
            });
    hash.add(table);
    // Every table's first columns are its key, or it has a row number in order of time.
    db.each(fmt::format("SELECT {} FROM \"{}\" ORDER BY 1, 2", columns, table), {},
            [&](statement& s) {
              for (int n = 0; n < count; ++n)
                hash.add(s.text(n));
            });
  }
  return hash.text();
}

} // namespace

bool check_result::sound() const {
  return std::all_of(findings.begin(), findings.end(),
                     [](const auto& f) { return f.sentence.empty(); });
}

check_result check(const std::string& file, bool with_hash) {
  database db{file, database::mode::read};
  db.require_simulation();
  check_result result;
  db.execute("BEGIN"); // one snapshot, while others may write
  std::string damage;
  db.each("PRAGMA quick_check(1)", {}, [&](statement& s) { damage = s.text(0); });
  result.findings.push_back(
      {"the file is whole", damage == "ok" ? "" : "the file is damaged: " + damage});
  std::string dangling;
  db.each("PRAGMA foreign_key_check", {}, [&](statement& s) {
    if (dangling.empty())
      dangling =
          fmt::format("a row of {} refers to a missing row of {}", s.text(0), s.text(2));
  });
  result.findings.push_back({"references resolve", dangling});
  for (const auto& r : rules) {
    int count = 0;
    std::string first;
    db.each(r.sql, {}, [&](statement& s) {
      if (count++ == 0)
        first = s.text(0);
    });
    std::string sentence;
    if (count > 0)
      sentence = fmt::format(fmt::runtime(r.broken), first) +
                 (count > 1 ? fmt::format(" (and {} more)", count - 1) : "");
    result.findings.push_back({r.name, sentence});
  }
  result.transfers_with_reference = {{"requested", 0}, {"picked", 0},    {"shipped", 0},
                                     {"received", 0},  {"cancelled", 0}, {"total", 0}};
  db.each("SELECT state, count(*) FROM transfer WHERE reference IS NOT NULL GROUP BY 1",
          {}, [&](statement& s) {
            auto& counts = result.transfers_with_reference;
            counts[s.text(0)] = s.integer(1);
            counts["total"] = counts["total"].get<std::int64_t>() + s.integer(1);
          });
  if (with_hash)
    result.content_hash = hash_content(db);
  db.execute("COMMIT");
  return result;
}

} // namespace crossdock::sim
