#include "sim.hpp"

#include <algorithm>
#include <cmath>
#include <map>

namespace crossdock::sim {

namespace {

/// Value shares, and the demand classes of Syntetos, Boylan and Croston (2005): weekly
/// buckets, cut-offs ADI 1.32 and CV^2 0.49, CV^2 of the sizes of weeks with demand.
struct demand_shape {
  double top5 = 0, top10 = 0, top20 = 0;
  double smooth = 0, erratic = 0, intermittent = 0, lumpy = 0, rare = 0;
  double zero_weeks = 0;
};

demand_shape shape_of(database& db) {
  demand_shape shape;
  std::vector<double> values;
  db.each("SELECT coalesce(sum(l.quantity * l.unit_price_cents), 0) FROM stock s "
          "LEFT JOIN sales_line l USING (item_id, site_id) GROUP BY s.item_id, s.site_id",
          {}, [&](statement& s) { values.push_back(static_cast<double>(s.integer(0))); });
  std::sort(values.begin(), values.end(), std::greater<>{});
  double total = 0;
  for (const double v : values)
    total += v;
  const auto share = [&](double part) {
    double sum = 0;
    const auto n = static_cast<std::size_t>(part * static_cast<double>(values.size()));
    for (std::size_t k = 0; k < n; ++k)
      sum += values[k];
    return total > 0 ? sum / total : 0;
  };
  shape.top5 = share(0.05);
  shape.top10 = share(0.10);
  shape.top20 = share(0.20);

  const auto first = db.text("SELECT value FROM sim_meta WHERE key = 'history_first'");
  const auto weeks = std::max(
      1.0, std::floor(
               static_cast<double>(db.integer(
                   "SELECT CAST(julianday(substr(now, 1, 10)) - julianday(?) AS INTEGER) "
                   "FROM sim_clock",
                   {first})) /
               7));
  std::map<std::pair<std::string, std::string>, std::vector<double>> sizes;
  db.each(
      "SELECT item_id, site_id, sum(quantity) FROM sales_line GROUP BY item_id, site_id,"
      " CAST((julianday(substr(entered_at, 1, 10)) - julianday(?)) / 7 AS INTEGER)",
      {first}, [&](statement& s) {
        sizes[{s.text(0), s.text(1)}].push_back(static_cast<double>(s.integer(2)));
      });
  double with_demand = 0;
  double places = static_cast<double>(values.size());
  for (const auto& [place, weekly] : sizes) {
    const auto n = static_cast<double>(weekly.size());
    with_demand += n;
    if (n < 2)
      continue;
    double mean = 0;
    for (const double q : weekly)
      mean += q / n;
    double variance = 0;
    for (const double q : weekly)
      variance += (q - mean) * (q - mean) / (n - 1);
    const bool often = weeks / n < 1.32;
    const bool even = variance / mean / mean < 0.49;
    (often ? (even ? shape.smooth : shape.erratic)
           : (even ? shape.intermittent : shape.lumpy)) += 1 / places;
  }
  shape.rare = 1 - shape.smooth - shape.erratic - shape.intermittent - shape.lumpy;
  shape.zero_weeks = 1 - with_demand / (places * (weeks + 1));
  return shape;
}

double real(database& db, std::string_view sql) {
  const auto text = db.text(sql);
  return text.empty() ? 0 : std::stod(text);
}

} // namespace

std::vector<anchor> stats(const std::string& file) {
  database db{file, database::mode::read};
  db.require_simulation();
  const auto s = shape_of(db);
  std::vector<anchor> all{
      {"value share of the top 5 % of item-sites", s.top5, 0.73, 0.10, ""},
      {"value share of the top 10 %", s.top10, 0.83, 0.10, ""},
      {"value share of the top 20 %", s.top20, 0.92, 0.10, ""},
      {"smooth item-sites", s.smooth, 0.15, 0.10, "weekly buckets, whole history"},
      {"erratic item-sites", s.erratic, 0.03, 0.10, ""},
      {"intermittent item-sites", s.intermittent, 0.54, 0.10, ""},
      {"lumpy item-sites", s.lumpy, 0.20, 0.10, ""},
      {"item-sites with fewer than two weeks of demand", s.rare, 0.07, 0.10, ""},
      {"item-site weeks without demand", s.zero_weeks, 0.64, 0.10, ""},
  };
  all.push_back({"lines per order, mean",
                 real(db, "SELECT 1.0 * (SELECT count(*) FROM sales_line) / "
                          "(SELECT count(*) FROM sales_order)"),
                 4.2, 0.10, ""});
  all.push_back({"lines per order, 90th percentile",
                 real(db, "WITH n AS (SELECT count(*) AS lines FROM sales_line GROUP BY "
                          "order_id) SELECT lines FROM n ORDER BY 1 LIMIT 1 OFFSET "
                          "(SELECT count(*) * 9 / 10 FROM n)"),
                 10, 0.10, ""});
  all.push_back(
      {"value of a line, mean",
       real(db, "SELECT avg(quantity * unit_price_cents) / 100.0 FROM sales_line"), 140,
       0.10, "a few fast items carry it: differs from seed to seed"});
  all.push_back({"receipts on time",
                 real(db, "SELECT avg(received_date <= original_promised_date) "
                          "FROM purchase_line WHERE state = 'received'"),
                 0.875, 0.05, "85-90 %, against the date first promised"});
  all.push_back({"purchase lines whose date was changed",
                 real(db, "SELECT avg(promised_date <> original_promised_date) "
                          "FROM purchase_line"),
                 0.10, 0.30, ""});
  all.push_back({"lines short when entered",
                 real(db, "SELECT 1.0 * (SELECT count(*) FROM truth_short_line) / "
                          "(SELECT count(*) FROM sales_line)"),
                 0.05, 0.40, "planned share of a played day; history has what it has"});
  all.push_back({"transfers per working day",
                 real(db, "SELECT 1.0 * (SELECT count(*) FROM transfer) / "
                          "(SELECT count(DISTINCT pick_date) FROM pick_day)"),
                 2.5, 0.20, "2-3 in small; tiny 1, demo 6 by design"});
  all.push_back({"transfers received by their due date",
                 real(db, "SELECT avg(received_date <= due_date) FROM transfer "
                          "WHERE state = 'received'"),
                 0.80, 0.15, "no published figure; ours"});
  all.push_back(
      {"lines picked by the cut-off",
       real(db, "SELECT 1.0 * sum(lines_on_time) / sum(lines_due) FROM pick_day"), 0.95,
       0.05, "no published figure; ours"});
  all.push_back(
      {"stock cover in days of cost of sales",
       real(db, "SELECT (SELECT sum(on_hand * cost_cents) FROM stock JOIN item "
                "USING (item_id)) * (SELECT count(DISTINCT pick_date) * 1.4 FROM "
                "pick_day) / (SELECT sum(l.quantity * i.cost_cents) FROM "
                "sales_line l JOIN item i USING (item_id))"),
       105, 0.30, "100-110 at industrial distributors"});
  return all;
}

} // namespace crossdock::sim
