#include "sim.hpp"

namespace crossdock::sim {

nlohmann::json truth(const std::string& file) {
  using nlohmann::json;
  database db{file, database::mode::read};
  db.require_simulation();
  json all{
      {"seed", std::stoull(db.text("SELECT value FROM sim_meta WHERE key = 'seed'"))},
      {"size", db.text("SELECT value FROM sim_meta WHERE key = 'size'")},
      {"as_of", db.text("SELECT now FROM sim_clock")},
      {"short_lines", json::array()},
      {"arrivals", json::array()},
      {"labels", json::array()}};
  db.each(
      "SELECT t.line_id, t.short_at_entry, t.injected, t.remedy, l.item_id, l.site_id, "
      "l.quantity, l.state, l.entered_at FROM truth_short_line t "
      "JOIN sales_line l USING (line_id) ORDER BY l.entered_at, t.line_id",
      {}, [&](statement& s) {
        all["short_lines"].push_back({{"line", s.text(0)},
                                      {"short_at_entry", std::to_string(s.integer(1))},
                                      {"injected", s.integer(2) == 1},
                                      {"remedy", s.text(3)},
                                      {"item", s.text(4)},
                                      {"site", s.text(5)},
                                      {"quantity", std::to_string(s.integer(6))},
                                      {"state", s.text(7)},
                                      {"entered_at", s.text(8)}});
      });
  db.each("SELECT t.line_id, t.first_date, t.first_qty, t.last_date, l.promised_date "
          "FROM truth_arrival t JOIN purchase_line l USING (line_id) ORDER BY 1",
          {}, [&](statement& s) {
            all["arrivals"].push_back({{"line", s.text(0)},
                                       {"first_date", s.text(1)},
                                       {"first_quantity", std::to_string(s.integer(2))},
                                       {"last_date", s.text(3)},
                                       {"promised_date", s.text(4)}});
          });
  db.each("SELECT subject, kind, detail FROM truth_label ORDER BY 1, 2", {},
          [&](statement& s) {
            all["labels"].push_back({{"record", s.text(0)},
                                     {"kind", s.text(1)},
                                     {"detail", json::parse(s.text(2))}});
          });
  return all;
}

std::vector<std::pair<std::string, std::string>> named_queries() {
  std::vector<std::pair<std::string, std::string>> all;
  const std::string_view text = queries_sql;
  constexpr std::string_view mark = "\n-- name: "; // at the start of a line
  for (auto at = text.find(mark); at != std::string_view::npos;) {
    const auto end_of_name = text.find('\n', at + 1);
    const auto end = text.find(";\n", end_of_name);
    all.emplace_back(text.substr(at + mark.size(), end_of_name - at - mark.size()),
                     text.substr(end_of_name + 1, end - end_of_name - 1));
    at = text.find(mark, end);
  }
  return all;
}

} // namespace crossdock::sim
