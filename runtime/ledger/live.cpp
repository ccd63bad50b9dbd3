#include "base/json.hpp"
#include "ledger/live_feed.hpp"

#include <algorithm>

namespace crossdock::ledger {
namespace {

/// Records looked at for one page of history. A page is one query, and a query that runs
/// for long keeps the write-ahead log from starting over.
constexpr std::uint64_t span_max = 4096;

bool is_for(std::string_view target, std::string_view component) {
  while (!target.empty()) {
    const auto comma = target.find(',');
    if (target.substr(0, comma) == component) {
      return true;
    }
    target = comma == std::string_view::npos ? "" : target.substr(comma + 1);
  }
  return false;
}

bool matches(const record_filter& f, const record& r) {
  return f.matches(r.kind, r.case_id, r.source, r.target);
}

} // namespace

bool record_filter::matches(std::string_view kind, std::string_view of_case,
                            std::string_view source, std::string_view target) const {
  return (kinds.empty() || kinds.count(kind) > 0) &&
         (case_id.empty() || case_id == of_case) &&
         (component.empty() || component == source || is_for(target, component));
}

// -- live
// ---------------------------------------------------------------------------------

void live_feed::add(std::shared_ptr<listener> l, std::uint64_t last_seq) {
  l->covered = last_seq;
  listeners_.push_back(std::move(l));
}

void live_feed::keep(const record& r, std::uint64_t seq, const std::string& header) {
  std::shared_ptr<const live_record> kept;
  for (const auto& l : listeners_) {
    if (!matches(l->what.wanted, r)) {
      continue;
    }
    if (!kept) {
      kept = std::make_shared<const live_record>(live_record{seq, header});
    }
    l->fresh.push_back(kept);
  }
}

void live_feed::forget_after(std::uint64_t last_seq) {
  for (const auto& l : listeners_) {
    while (!l->fresh.empty() && l->fresh.back()->seq > last_seq) {
      l->fresh.pop_back();
    }
  }
}

void live_feed::publish(std::uint64_t last_seq) {
  bool dropped = false;
  for (const auto& l : listeners_) {
    if (l->dropped) {
      dropped = true;
      continue;
    }
    if (l->fresh.empty() && l->begun) {
      continue;
    }
    l->begun = true;
    const live_batch batch{l->covered, last_seq, std::exchange(l->fresh, {})};
    l->covered = last_seq;
    try {
      l->what.durable(batch);
    } catch (...) {
      // Who watches must not stop what is watched: out of memory, most likely.
      dropped = true;
      l->end(error(errc::internal, "the watcher could not take a record"));
    }
  }
  if (dropped) {
    std::erase_if(listeners_, [](const auto& l) { return l->dropped.load(); });
  }
}

void live_feed::end(const error& why) {
  for (const auto& l : std::exchange(listeners_, {})) {
    l->end(why);
  }
}

// -- history
// ------------------------------------------------------------------------------

result<history_page> read_history(connection& db, const record_filter& wanted,
                                  std::uint64_t after, std::uint64_t last) {
  history_page page;
  page.through = std::min(last, after + span_max);
  if (after >= last) {
    page.through = last;
    return page;
  }
  std::string sql = "SELECT seq, kind, header FROM record WHERE seq > ? AND seq <= ?";
  std::vector<value> args{static_cast<std::int64_t>(after),
                          static_cast<std::int64_t>(page.through)};
  if (!wanted.case_id.empty()) {
    sql += " AND case_id = ?";
    args.emplace_back(wanted.case_id);
  }
  if (wanted.kinds.size() == 1) {
    sql += " AND kind = ?";
    args.emplace_back(*wanted.kinds.begin());
  }
  const auto rows = db.query(sql + " ORDER BY seq", std::move(args));
  if (!rows) {
    return rows.error();
  }
  for (const auto& r : *rows) {
    live_record found{r.number(0), r.text(2)};
    if (!wanted.component.empty()) {
      const auto header = parse_json(found.header);
      if (!header) {
        return error(errc::corrupt, "a record's header is no JSON").at("seq", r.text(0));
      }
      if (!record_filter{{}, "", wanted.component}.matches(
              "", "", text_or(*header, "src"), text_or(*header, "dst"))) {
        continue;
      }
    }
    if (wanted.kinds.empty() || wanted.kinds.count(r.text(1)) > 0) {
      page.records.push_back(std::move(found));
    }
  }
  return page;
}

result<std::uint64_t> first_record_since(connection& db, timestamp t,
                                         std::uint64_t last) {
  std::uint64_t low = 1;
  std::uint64_t high = last + 1;
  while (low < high) {
    const auto middle = low + (high - low) / 2;
    const auto rows = db.query("SELECT header FROM record WHERE seq = ?",
                               {static_cast<std::int64_t>(middle)});
    if (!rows) {
      return rows.error();
    }
    const auto header =
        rows->empty() ? result<json>(json::object()) : parse_json(rows->front().text(0));
    const auto time = header ? parse_rfc3339(text_or(*header, "time"))
                             : result<timestamp>(header.error());
    if (!time) {
      return error(errc::corrupt, "a record is missing or cannot be read")
          .at("seq", std::to_string(middle));
    }
    if (*time < t) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

} // namespace crossdock::ledger
