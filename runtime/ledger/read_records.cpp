#include "ledger/ledger.hpp"

#include <algorithm>
#include <cstdint>

namespace crossdock::ledger {

result<std::vector<stored_record>> read_records(connection& db, std::uint64_t first,
                                                std::uint64_t last, std::size_t limit,
                                                std::string_view case_id) {
  constexpr auto integer_max = static_cast<std::uint64_t>(INT64_MAX);
  const auto integer = [&](std::uint64_t n) {
    return static_cast<std::int64_t>(std::min(n, integer_max));
  };
  std::string sql = "SELECT r.seq, r.header, b.bytes FROM record r "
                    "LEFT JOIN body b ON b.seq = r.seq "
                    "WHERE r.seq >= ? AND r.seq <= ?";
  std::vector<value> args{integer(first), integer(last)};
  if (!case_id.empty()) {
    sql += " AND r.case_id = ?";
    args.emplace_back(std::string(case_id));
  }
  sql += " ORDER BY r.seq LIMIT ?";
  args.emplace_back(integer(limit));
  const auto rows = db.query(sql, std::move(args));
  if (!rows) {
    return rows.error();
  }
  std::vector<stored_record> records;
  records.reserve(rows->size());
  for (const auto& r : *rows) {
    records.push_back({r.number(0), r.text(1), r.text(2)});
  }
  return records;
}

} // namespace crossdock::ledger
