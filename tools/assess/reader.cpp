#include "assess/reader.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace crossdock::assess {
namespace {

/// Enough to be quick, and under a megabyte with long ids (a node's limit for one
/// answer).
constexpr int page_rows = 1000;
/// A company that has more than this in a year is beyond what was tried.
constexpr std::size_t rows_max = 20'000'000;
/// What erp.transfer_history gives at most: it has no pages.
constexpr std::size_t transfers_max = 5000;

/// A row that lacks something or says it wrongly. Rows are left out one by one, with a
/// note; a thousand good ones are not thrown away for a bad one.
class unusable : public std::exception {
public:
  explicit unusable(std::string field) : field_(std::move(field)) {}
  const char* what() const noexcept override { return field_.c_str(); }

private:
  std::string field_;
};

const std::string& text(const json& row, const char* field) {
  const auto it = row.find(field);
  if (it == row.end() || !it->is_string() || it->get_ref<const std::string&>().empty()) {
    throw unusable(field);
  }
  return it->get_ref<const std::string&>();
}

bool has(const json& row, const char* field) {
  const auto it = row.find(field);
  return it != row.end() && !it->is_null();
}

decimal number(const json& row, const char* field) {
  auto value = decimal::parse(text(row, field));
  if (!value) {
    throw unusable(field);
  }
  return *value;
}

day date(const json& row, const char* field) {
  const auto value = parse_day(text(row, field));
  if (!value) {
    throw unusable(field);
  }
  return *value;
}

timestamp instant(const json& row, const char* field) {
  auto value = parse_rfc3339(text(row, field));
  if (!value) {
    throw unusable(field);
  }
  return *value;
}

std::optional<day> optional_date(const json& row, const char* field) {
  return has(row, field) ? std::optional<day>(date(row, field)) : std::nullopt;
}

struct amount {
  decimal value;
  std::string currency;
};

amount money_of(const json& row, const char* field) {
  const auto it = row.find(field);
  if (it == row.end() || !it->is_object()) {
    throw unusable(field);
  }
  return {number(*it, "amount"), text(*it, "currency")};
}

/// "3 rows of erp.order_history are left out: requested_date (2), quantity (1)."
struct left_out {
  std::map<std::string, std::size_t> fields;
  std::size_t rows = 0;

  void add(const std::string& field) {
    ++rows;
    ++fields[field];
  }
  std::optional<std::string> sentence(const std::string& tool) const {
    if (rows == 0) {
      return std::nullopt;
    }
    std::string list;
    for (const auto& [field, n] : fields) {
      list += fmt::format("{}{} ({})", list.empty() ? "" : ", ", field, n);
    }
    return fmt::format(
        "{} of {} {} left out, because a field is missing or unreadable: {}.",
        rows == 1 ? "One row" : fmt::format("{} rows", rows), tool,
        rows == 1 ? "is" : "are", list);
  }
};

class reading {
public:
  reading(const tool_call& call, const catalogue& words, const read_options& options)
      : call_(call), words_(words), options_(options) {}

  result<history> run() {
    if (auto r = read_sites(); !r) {
      return std::move(r).error();
    }
    if (auto r = read_rows(); !r) {
      return std::move(r).error();
    }
    if (h_.read.count(tools::orders) + h_.read.count(tools::purchases) +
            h_.read.count(tools::transfers) ==
        0) {
      return error(errc::not_found,
                   "the connector offers no history to assess: it needs at least one of "
                   "erp.order_history, erp.purchase_history and erp.transfer_history");
    }
    keep_one_currency();
    begin_where_the_history_begins();
    return std::move(h_);
  }

private:
  // -- one tool
  // ---------------------------------------------------------------------------

  /// Reads all pages of `list`. `args` without cursor and limit. A tool that the
  /// connector does not have is a note; the assessment goes on without it.
  template <class Take>
  result<void> pages(const std::string& tool, const char* list, json args, Take take,
                     const std::function<void(const json&)>& head = {}) {
    left_out bad;
    std::string cursor;
    for (;;) {
      args["limit"] = page_rows;
      if (!cursor.empty()) {
        args["after"] = cursor;
      }
      auto answer = one(tool, args, cursor.empty());
      if (!answer) {
        return std::move(answer).error();
      }
      if (!*answer) {
        return {};
      }
      if (head && cursor.empty()) {
        head(**answer);
      }
      const auto rows_at = (*answer)->find(list);
      if (rows_at == (*answer)->end() || !rows_at->is_array() || rows_at->empty()) {
        break;
      }
      const auto& rows = *rows_at;
      for (const auto& row : rows) {
        try {
          take(row);
        } catch (const unusable& field) {
          bad.add(field.what());
        }
      }
      h_.rows[tool] += rows.size();
      ++h_.pages[tool];
      tell(tool);
      const auto next = text_or(rows.back(), "cursor");
      if (next.empty() || next == cursor) {
        return error(errc::schema, "the rows have no cursor that goes on")
            .at("tool", tool)
            .at("field", "cursor");
      }
      cursor = next;
      if (h_.rows[tool] > rows_max) {
        return error(errc::limit, fmt::format("there are more than {} rows: look at a "
                                              "shorter time with --since",
                                              rows_max))
            .at("tool", tool);
      }
    }
    note(bad.sentence(tool));
    return {};
  }

  /// One call, checked against the catalogue the first time: every page is made alike.
  result<document> one(const std::string& tool, const json& args, bool first) {
    auto answer = call_(tool, args);
    if (!answer) {
      const auto code = answer.error().code();
      if (code == errc::not_found || code == errc::invalid) {
        note(fmt::format("{} is not to be had: {}", tool, answer.error().message()));
        return document();
      }
      return std::move(answer).error();
    }
    if (first) {
      if (auto valid = words_.check_answer(tool, **answer); !valid) {
        return std::move(valid).error().at("tool", tool);
      }
    }
    if (text_or(**answer, "precision") == "day") {
      h_.to_the_day = true;
    }
    h_.read.insert(tool);
    return answer;
  }

  void note(std::optional<std::string> sentence) {
    if (sentence) {
      h_.notes.push_back(std::move(*sentence));
    }
  }

  void tell(const std::string& tool) {
    if (options_.progress) {
      options_.progress(tool, h_.rows[tool]);
    }
  }

  // -- what is read
  // -----------------------------------------------------------------------

  result<void> read_sites() {
    auto answer = one(tools::sites, json::object(), true);
    if (!answer) {
      return std::move(answer).error();
    }
    if (!*answer) {
      return error(
          errc::not_found,
          "the connector does not offer erp.sites, which tells the system's clock "
          "and its sites; nothing can be assessed without it");
    }
    const json& a = **answer;
    h_.system = text_or(a, "system");
    auto now = parse_rfc3339(text_or(a, "as_of"));
    if (!now) {
      return std::move(now).error().at("tool", tools::sites).at("field", "as_of");
    }
    h_.as_of = *now;
    for (const auto& s : a.at("sites")) {
      h_.offsets[h_.sites.of(text_or(s, "site"))] =
          std::chrono::minutes(s.value("utc_offset_minutes", 0));
    }
    h_.until = h_.offsets.empty() ? std::chrono::floor<std::chrono::days>(h_.as_of)
                                  : h_.local_day(h_.as_of, h_.offsets.begin()->first);
    h_.since = options_.since.value_or(h_.until - std::chrono::days(365));
    if (h_.since >= h_.until) {
      return error(errc::invalid,
                   fmt::format("--since {} is not before {}, which is today in {}",
                               to_text(h_.since), to_text(h_.until), h_.system));
    }
    h_.rows[tools::sites] = a.at("sites").size();
    return {};
  }

  result<void> read_rows() {
    const json since{{"since", to_text(h_.since)}};
    if (auto r = pages(tools::orders, "lines", since,
                       [this](const json& row) { take_order(row); });
        !r) {
      return r;
    }
    if (auto r = pages(tools::purchases, "lines", since,
                       [this](const json& row) { take_purchase(row); });
        !r) {
      return r;
    }
    if (auto r = read_transfers(since); !r) {
      return r;
    }
    if (auto r = read_supply(since); !r) {
      return r;
    }
    return pages(tools::levels, "levels", json::object(),
                 [this](const json& row) { take_level(row); });
  }

  place place_of(const json& row) {
    return {h_.items.of(text(row, "item")), h_.sites.of(text(row, "site"))};
  }

  void take_order(const json& row) {
    order_line l;
    l.record = text(row, "record");
    l.id = text(row, "line");
    l.at = place_of(row);
    l.quantity = number(row, "quantity");
    auto price = money_of(row, "unit_price");
    l.price = price.value;
    l.entered = instant(row, "entered_at");
    l.requested = date(row, "requested_date");
    l.promised = optional_date(row, "promised_date");
    l.shipped_on = optional_date(row, "shipped_date");
    if (has(row, "closed_at")) {
      l.closed = instant(row, "closed_at");
    }
    const auto& state = text(row, "state");
    l.state = state == "open"        ? line_state::open
              : state == "cancelled" ? line_state::cancelled
                                     : line_state::shipped;
    if (l.quantity <= decimal()) {
      throw unusable("quantity");
    }
    l.shipped = has(row, "shipped_quantity")     ? number(row, "shipped_quantity")
                : l.state == line_state::shipped ? l.quantity
                                                 : decimal();
    ++currencies_[price.currency];
    currency_of_.push_back(std::move(price.currency));
    h_.orders.push_back(std::move(l));
  }

  void take_purchase(const json& row) {
    purchase_line l;
    l.record = text(row, "record");
    l.at = place_of(row);
    l.supplier = h_.suppliers.of(text(row, "supplier"));
    l.ordered = date(row, "ordered_date");
    l.first_promised = optional_date(row, "first_promised_date");
    l.promised = optional_date(row, "promised_date");
    l.received = optional_date(row, "received_date");
    l.cancelled = text(row, "state") == "cancelled";
    h_.purchases.push_back(std::move(l));
  }

  result<void> read_transfers(json args) {
    args["limit"] = transfers_max;
    auto answer = one(tools::transfers, args, true);
    if (!answer) {
      return std::move(answer).error();
    }
    if (!*answer) {
      return {};
    }
    left_out bad;
    const auto& rows = (*answer)->at("transfers");
    for (const auto& row : rows) {
      try {
        h_.transfers.push_back(
            {text(row, "record"), date(row, "due_date"), date(row, "received_date")});
      } catch (const unusable& field) {
        bad.add(field.what());
      }
    }
    h_.rows[tools::transfers] = rows.size();
    h_.pages[tools::transfers] = 1;
    tell(tools::transfers);
    note(bad.sentence(tools::transfers));
    if (rows.size() >= transfers_max) {
      note(fmt::format(
          "Only the newest {} transfers were read; older ones are not counted.",
          transfers_max));
    }
    return {};
  }

  result<void> read_supply(const json& since) {
    return pages(
        tools::supply, "events", since,
        [this](const json& row) {
          h_.supply.push_back(
              {instant(row, "at"), place_of(row), number(row, "quantity")});
        },
        [this](const json& answer) {
          left_out bad;
          for (const auto& row : answer.value("pending", json::array())) {
            try {
              h_.pending.push_back(
                  {instant(row, "at"), place_of(row), number(row, "quantity")});
            } catch (const unusable& field) {
              bad.add(field.what());
            }
          }
          note(bad.sentence("erp.supply_history, pending,"));
        });
  }

  void take_level(const json& row) {
    stock_level l;
    l.at = place_of(row);
    l.on_hand = number(row, "on_hand");
    if (has(row, "unit_cost")) {
      l.unit_cost = money_of(row, "unit_cost").value;
    }
    if (has(row, "supplier")) {
      l.supplier = h_.suppliers.of(text(row, "supplier"));
    }
    if (const auto it = row.find("lead_time_days");
        it != row.end() && it->is_number_integer()) {
      l.lead_time_days = it->get<int>();
    }
    h_.levels.push_back(l);
  }

  // -- afterwards
  // -------------------------------------------------------------------------

  /// Amounts of different currencies do not add up, and no rate is known here.
  void keep_one_currency() {
    std::size_t most = 0;
    for (const auto& [currency, n] : currencies_) {
      if (n > most) {
        most = n;
        h_.currency = currency;
      }
    }
    if (currencies_.size() < 2) {
      return;
    }
    std::size_t kept = 0;
    for (std::size_t i = 0; i < h_.orders.size(); ++i) {
      if (currency_of_[i] != h_.currency) {
        h_.orders[i].price = decimal(); // counted, and worth nothing in this currency
      } else {
        ++kept;
      }
    }
    note(fmt::format(
        "{} order lines are in another currency than {}: they are counted, and "
        "their goods are priced at nothing.",
        h_.orders.size() - kept, h_.currency));
  }

  void begin_where_the_history_begins() {
    if (h_.orders.empty()) {
      return;
    }
    auto first = h_.until;
    for (const auto& l : h_.orders) {
      first = std::min(first, h_.local_day(l.entered, l.at.site));
    }
    if (first - h_.since > std::chrono::days(7)) {
      note(fmt::format("The history begins on {}; the time before it is not counted.",
                       to_text(first)));
    }
    h_.since = std::max(h_.since, first);
  }

  const tool_call& call_;
  const catalogue& words_;
  const read_options& options_;
  history h_;
  std::map<std::string, std::size_t> currencies_;
  std::vector<std::string> currency_of_; ///< of each order line
};

} // namespace

result<history> read_history(const tool_call& call, const catalogue& words,
                             const read_options& options) {
  return reading(call, words, options).run();
}

} // namespace crossdock::assess
