#include "ledger/ledger.hpp"

#include <algorithm>
#include <cstdint>

namespace crossdock::ledger {
namespace {

std::int64_t integer(std::uint64_t n) {
  return static_cast<std::int64_t>(std::min<std::uint64_t>(n, INT64_MAX));
}

result<std::vector<stored_record>> stored(connection& db, const std::string& sql,
                                          std::vector<value> args) {
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

} // namespace

result<std::vector<stored_record>> read_records(connection& db, std::uint64_t first,
                                                std::uint64_t last, std::size_t limit,
                                                std::string_view case_id) {
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
  return stored(db, sql, std::move(args));
}

result<std::vector<stored_record>> read_records_of(connection& db,
                                                   const std::vector<std::string>& kinds,
                                                   std::uint64_t after,
                                                   std::size_t limit) {
  std::string marks;
  std::vector<value> args{integer(after)};
  for (const auto& kind : kinds) {
    marks += marks.empty() ? "?" : ", ?";
    args.emplace_back(kind);
  }
  args.emplace_back(integer(limit));
  return stored(db,
                "SELECT r.seq, r.header, b.bytes FROM record r LEFT JOIN body b "
                "ON b.seq = r.seq WHERE r.seq > ? AND r.kind IN (" +
                    marks + ") ORDER BY r.seq LIMIT ?",
                std::move(args));
}

} // namespace crossdock::ledger
