/// Facts: numbers and words that know where they came from. Header-only, C++17.
#pragma once

#include <array>
#include <cstdio>
#include <optional>
#include <vector>

#include <crossdock/decimal.hpp>
#include <crossdock/json.hpp>

namespace crossdock::sdk {

// -- time -------------------------------------------------------------------------------

namespace detail {

/// Days from 1970-01-01 to a civil date (proleptic Gregorian; Hinnant, chrono
/// algorithms).
inline std::int64_t days_from_civil(std::int64_t y, int m, int d) {
  y -= m <= 2;
  const std::int64_t era = (y >= 0 ? y : y - 399) / 400;
  const std::int64_t yoe = y - era * 400;
  const std::int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
  return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

struct civil {
  std::int64_t year;
  int month, day;
};

inline civil civil_from_days(std::int64_t z) {
  z += 719468;
  const std::int64_t era = (z >= 0 ? z : z - 146096) / 146097;
  const std::int64_t doe = z - era * 146097;
  const std::int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  const std::int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  const std::int64_t mp = (5 * doy + 2) / 153;
  const int month = static_cast<int>(mp + (mp < 10 ? 3 : -9));
  return {yoe + era * 400 + (month <= 2), month,
          static_cast<int>(doy - (153 * mp + 2) / 5 + 1)};
}

inline std::int64_t floor_div(std::int64_t a, std::int64_t b) {
  return a / b - (a % b < 0 ? 1 : 0);
}

} // namespace detail

/// Nanoseconds since 1970 as an RFC 3339 instant in UTC: "2026-03-02T10:15:00Z", with up
/// to nine digits of fraction where there is one.
inline std::string rfc3339(std::int64_t ns) {
  const std::int64_t seconds = detail::floor_div(ns, 1'000'000'000);
  const std::int64_t fraction = ns - seconds * 1'000'000'000;
  const std::int64_t days = detail::floor_div(seconds, 86'400);
  const auto in_day = static_cast<int>(seconds - days * 86'400);
  const auto date = detail::civil_from_days(days);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04lld-%02d-%02dT%02d:%02d:%02d",
                static_cast<long long>(date.year), date.month, date.day, in_day / 3600,
                in_day / 60 % 60, in_day % 60);
  std::string out = text.data();
  if (fraction != 0) {
    std::string digits = std::to_string(fraction + 1'000'000'000).substr(1);
    while (digits.back() == '0')
      digits.pop_back();
    out += "." + digits;
  }
  return out + "Z";
}

/// The calendar date of an instant, `utc_offset_minutes` east of Greenwich: "2026-03-02".
inline std::string date_of(std::int64_t ns, int utc_offset_minutes = 0) {
  return rfc3339(ns + std::int64_t{utc_offset_minutes} * 60'000'000'000).substr(0, 10);
}

/// Nanoseconds since 1970 of an RFC 3339 instant with Z or an offset, or of a bare date
/// (midnight UTC). Throws std::invalid_argument.
inline std::int64_t parse_instant(std::string_view text) {
  const auto bad = [&] {
    return std::invalid_argument{"not an instant: '" + std::string{text} + "'"};
  };
  std::size_t at = 0;
  const auto number = [&](int digits) {
    int value = 0;
    for (int i = 0; i < digits; ++i, ++at) {
      if (at >= text.size() || text[at] < '0' || text[at] > '9')
        throw bad();
      value = value * 10 + (text[at] - '0');
    }
    return value;
  };
  const auto expect = [&](char c) {
    if (at >= text.size() || text[at++] != c)
      throw bad();
  };
  const int year = number(4);
  expect('-');
  const int month = number(2);
  expect('-');
  const int day = number(2);
  if (month < 1 || month > 12 || day < 1 || day > 31)
    throw bad();
  std::int64_t seconds = detail::days_from_civil(year, month, day) * 86'400;
  if (at == text.size())
    return seconds * 1'000'000'000;
  expect('T');
  const int hour = number(2);
  expect(':');
  const int minute = number(2);
  expect(':');
  const int second = number(2);
  if (hour > 23 || minute > 59 || second > 60)
    throw bad();
  seconds += hour * 3600 + minute * 60 + second;
  std::int64_t fraction = 0;
  if (at < text.size() && text[at] == '.') {
    ++at;
    int digits = 0;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, ++digits)
      if (digits < 9)
        fraction = fraction * 10 + (text[at] - '0');
    if (digits == 0)
      throw bad();
    for (; digits < 9; ++digits)
      fraction *= 10;
  }
  if (at < text.size() && text[at] == 'Z') {
    ++at;
  } else if (at < text.size() && (text[at] == '+' || text[at] == '-')) {
    const int sign = text[at++] == '+' ? 1 : -1;
    const int hours = number(2);
    expect(':');
    seconds -= sign * (hours * 3600 + number(2) * 60);
  } else {
    throw bad();
  }
  if (at != text.size())
    throw bad();
  return seconds * 1'000'000'000 + fraction;
}

// -- facts ------------------------------------------------------------------------------

/// How a fact is read again before an effect: a read tool, its arguments and a JSON
/// Pointer into its answer.
struct fact_source {
  std::string tool;
  json args = json::object();
  std::string pointer;
};

/// One number or word and where it came from (catalogue: definitions.json#fact).
struct fact {
  std::string name;
  json value; ///< text, number or boolean; decimals are text
  std::string unit;
  std::string system;
  std::string record;
  std::string field;
  std::string as_of; ///< RFC 3339
  bool material = false;
  std::optional<decimal> tolerance;
  std::optional<fact_source> read;

  /// The fact as a whole number. Throws std::invalid_argument if it is none.
  std::int64_t as_int() const {
    if (value.is_number_integer())
      return value.get<std::int64_t>();
    const decimal d = as_decimal();
    if (d.micros() % decimal::one != 0)
      throw std::invalid_argument{"fact '" + name +
                                  "' is not a whole number: " + d.text()};
    return d.floor();
  }
  /// The fact as a decimal. Throws std::invalid_argument if it is none.
  decimal as_decimal() const {
    if (value.is_string())
      return decimal::parse(value.get_ref<const std::string&>());
    if (value.is_number_integer())
      return decimal{value.get<std::int64_t>()};
    if (value.is_number())
      return decimal::nearest(value.get<double>());
    throw std::invalid_argument{"fact '" + name + "' is not a number"};
  }
  double as_double() const { return as_decimal().to_double(); }
  std::string as_text() const {
    return value.is_string() ? value.get<std::string>() : value.dump();
  }

  /// The decision depends on it: the host reads it again before the effect and asks anew
  /// if it moved by more than `slack`.
  fact as_material(std::optional<decimal> slack = std::nullopt) const {
    fact copy = *this;
    copy.material = true;
    copy.tolerance = slack;
    return copy;
  }
  /// The same fact under another name.
  fact named(std::string other) const {
    fact copy = *this;
    copy.name = std::move(other);
    return copy;
  }
  /// The same fact with a unit.
  fact in(std::string of) const {
    fact copy = *this;
    copy.unit = std::move(of);
    return copy;
  }
};

using facts = std::vector<fact>;

inline void to_json(json& j, const fact& f) {
  j = json{{"name", f.name},
           {"value", f.value},
           {"system", f.system},
           {"record", f.record},
           {"as_of", f.as_of}};
  if (!f.unit.empty())
    j["unit"] = f.unit;
  if (!f.field.empty())
    j["field"] = f.field;
  if (f.material)
    j["material"] = true;
  if (f.tolerance)
    j["tolerance"] = f.tolerance->text();
  if (f.read)
    j["read"] = {
        {"tool", f.read->tool}, {"args", f.read->args}, {"pointer", f.read->pointer}};
}

inline void from_json(const json& j, fact& f) {
  f.name = j.at("name").get<std::string>();
  f.value = j.at("value");
  f.system = j.at("system").get<std::string>();
  f.record = j.at("record").get<std::string>();
  f.as_of = j.at("as_of").get<std::string>();
  f.unit = j.value("unit", "");
  f.field = j.value("field", "");
  f.material = j.value("material", false);
  if (j.contains("tolerance"))
    f.tolerance = decimal::parse(j.at("tolerance").get_ref<const std::string&>());
  if (j.contains("read")) {
    const auto& r = j.at("read");
    f.read = fact_source{r.at("tool").get<std::string>(), r.at("args"),
                         r.at("pointer").get<std::string>()};
  }
}

inline void to_json(json& j, const decimal& d) {
  j = d.text();
}
inline void from_json(const json& j, decimal& d) {
  d = j.is_string() ? decimal::parse(j.get_ref<const std::string&>())
                    : decimal{j.get<std::int64_t>()};
}

} // namespace crossdock::sdk
