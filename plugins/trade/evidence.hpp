/// Facts, amounts and flags as the catalogue writes them. Header-only helpers that the
/// agents share.
#pragma once

#include <crossdock/fact.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

namespace crossdock::trade {

using sdk::decimal;
using sdk::fact;
using sdk::json;

/// The catalogue's longest summary, flag and assumption.
constexpr std::size_t text_max = 400;
/// The catalogue's longest record of a fact.
constexpr std::size_t record_max = 160;

/// `text` cut to `limit` bytes without breaking a UTF-8 sequence.
inline std::string clipped(std::string text, std::size_t limit = text_max) {
  if (text.size() <= limit)
    return text;
  auto end = limit - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0u) == 0x80u)
    --end;
  return text.substr(0, end) + "...";
}

/// An answer of a read tool together with how it was asked for, so that each of its
/// values can become a fact that knows its way back.
struct source {
  std::string tool;
  json args;
  json answer;

  std::string system() const { return answer.at("system").get<std::string>(); }
  std::string as_of() const { return answer.at("as_of").get<std::string>(); }

  /// The value at a JSON Pointer of the answer; `record` is that of the object around it,
  /// or the answer's own.
  fact at(const std::string& pointer, std::string name, std::string unit = {}) const {
    const json::json_pointer where{pointer};
    fact f;
    f.name = clipped(std::move(name), 96);
    f.value = answer.at(where);
    f.unit = std::move(unit);
    f.system = system();
    f.field = where.back();
    f.as_of = as_of();
    for (auto around = where; !around.empty();) {
      around = around.parent_pointer();
      const auto& object = answer.at(around);
      if (object.is_object() && object.contains("record")) {
        f.record = clipped(object.at("record").get<std::string>(), record_max);
        break;
      }
    }
    f.read = sdk::fact_source{tool, args, pointer};
    return f;
  }
};

/// A number of ours: computed, learnt or configured. `record` says by whom.
inline fact own_fact(std::string name, json value, std::string unit, std::string record,
                     std::string as_of) {
  fact f;
  f.name = clipped(std::move(name), 96);
  f.value = std::move(value);
  f.unit = std::move(unit);
  f.system = "crossdock";
  f.record = clipped(std::move(record), record_max);
  f.as_of = std::move(as_of);
  return f;
}

/// {"amount", "currency"} with cents: amounts we compute are never more exact than that.
inline json money(double amount, const std::string& currency) {
  return {{"amount", decimal::nearest(amount, 2).text(2)}, {"currency", currency}};
}

inline double amount_of(const json& money) {
  return money.at("amount").get<decimal>().to_double();
}

inline std::string currency_of(const json& money) {
  return money.at("currency").get<std::string>();
}

/// Decimal text of a quantity that mathematics has handled as a double.
inline std::string quantity_text(double q) {
  return decimal::nearest(q, 6).text();
}

inline double quantity_of(const json& text) {
  return text.get<decimal>().to_double();
}

/// "93 %". The sign says when a share is only nearly nothing or nearly everything.
inline std::string percent(double share) {
  if (share > 0 && share < 0.005)
    return "under 1 %";
  if (share < 1 && share > 0.995)
    return "over 99 %";
  return fmt::format("{:.0f} %", 100 * share);
}

} // namespace crossdock::trade
