#include "wire.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace crossdock::tryton {

namespace {

using days = std::chrono::sys_days;

int digits(std::string_view text, std::size_t at, std::size_t count) {
  int value = 0;
  const auto part = text.substr(at < text.size() ? at : text.size(), count);
  const auto [end, error] =
      std::from_chars(part.data(), part.data() + part.size(), value);
  if (part.size() != count || error != std::errc{} || end != part.data() + count)
    throw std::invalid_argument{"not a date: '" + std::string{text} + "'"};
  return value;
}

days parse_date(std::string_view iso) {
  const std::chrono::year_month_day date{
      std::chrono::year{digits(iso, 0, 4)},
      std::chrono::month{static_cast<unsigned>(digits(iso, 5, 2))},
      std::chrono::day{static_cast<unsigned>(digits(iso, 8, 2))}};
  if (iso.size() < 10 || iso[4] != '-' || iso[7] != '-' || !date.ok())
    throw std::invalid_argument{"not a date: '" + std::string{iso} + "'"};
  return days{date};
}

template <class... Args>
std::string print(const char* format, Args... args) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), format, args...);
  return text.data();
}

std::string date_text(days day) {
  const std::chrono::year_month_day d{day};
  return print("%04d-%02u-%02u", static_cast<int>(d.year()),
               static_cast<unsigned>(d.month()), static_cast<unsigned>(d.day()));
}

bool is_class(const json& value, std::string_view name) {
  return value.is_object() && value.value("__class__", "") == name;
}

std::int64_t unix_seconds(std::string_view rfc3339) {
  if (rfc3339.size() < 20 || rfc3339.back() != 'Z')
    throw std::invalid_argument{"not an instant in UTC: '" + std::string{rfc3339} + "'"};
  const auto day = parse_date(rfc3339).time_since_epoch().count();
  return std::int64_t{day} * 86'400 + digits(rfc3339, 11, 2) * 3600 +
         digits(rfc3339, 14, 2) * 60 + digits(rfc3339, 17, 2);
}

bool mentions(std::string_view text, std::initializer_list<std::string_view> words) {
  for (const auto word : words)
    if (text.find(word) != std::string_view::npos)
      return true;
  return false;
}

/// The text of Tryton's UserError and UserWarning argument at `index`.
std::string argument(const json& error, std::size_t index) {
  if (error.size() < 2)
    return {};
  const auto& args = error[1];
  if (args.is_string())
    return index == 0 ? args.get<std::string>() : std::string{};
  if (args.is_array() && args.size() > index && args[index].is_string())
    return args[index].get<std::string>();
  return {};
}

/// An `error` member: [class, arguments], or [str(exception), ""] for what has no class.
answer classify_error(const json& error, access how) {
  if (!error.is_array() || error.empty() || !error[0].is_string())
    return {outcome::refused, {}, "an error in a form that is not Tryton's", {}};
  const auto name = error[0].get<std::string>();
  if (name == "UserError") {
    auto text = argument(error, 0);
    const auto more = argument(error, 1);
    return {outcome::refused, {}, more.empty() ? text : text + " - " + more, {}};
  }
  if (name == "UserWarning")
    return {outcome::needs_person, {}, argument(error, 1), argument(error, 0)};
  if (name == "ConcurrencyException")
    return {outcome::conflict, {}, argument(error, 0), {}};
  if (name == "LoginException")
    return {outcome::auth, {}, "Tryton asks for credentials", {}};
  // The database refused before anything was kept: Tryton rolled back and gave up
  // retrying.
  if (mentions(name, {"could not serialize", "Connection refused", "database is locked",
                      "deadlock detected", "could not connect", "too many clients"}))
    return {outcome::transient, {}, name, {}};
  // The database went away in the middle; for a write that may have been after the
  // commit.
  if (mentions(name, {"server closed the connection", "terminating connection",
                      "connection already closed", "SSL connection has been closed"}))
    return {how == access::write ? outcome::unknown : outcome::transient, {}, name, {}};
  return {outcome::refused, {}, "Tryton failed: " + name, {}};
}

answer classify_status(const http_reply& reply, access how) {
  const auto text = "HTTP " + std::to_string(reply.status);
  switch (reply.status) {
  case 401:
    return {outcome::auth, {}, "Tryton refused the session or password", {}};
  case 403:
    return {outcome::refused, {}, text + ": this method is not offered", {}};
  case 404:
    return {outcome::refused, {}, text + ": no such database or address", {}};
  case 429:
    return {outcome::transient, {}, text + ": too many requests", {}};
  case 503:
    return {outcome::transient, {}, text + ": the server is not available", {}};
  default:
    break;
  }
  // A gateway that lost its server, or a server that broke: nobody says how far it came.
  if (reply.status >= 500)
    return {how == access::write ? outcome::unknown : outcome::transient, {}, text, {}};
  return {outcome::refused, {}, text, {}};
}

} // namespace

// -- encodings --------------------------------------------------------------------------

json encode_date(std::string_view iso) {
  const std::chrono::year_month_day d{parse_date(iso)};
  return {{"__class__", "date"},
          {"year", static_cast<int>(d.year())},
          {"month", static_cast<unsigned>(d.month())},
          {"day", static_cast<unsigned>(d.day())}};
}

json encode_instant(std::string_view rfc3339) {
  auto value = encode_date(rfc3339);
  unix_seconds(rfc3339); // refuses what is no instant
  int micros = 0;
  if (rfc3339[19] == '.') {
    auto fraction = std::string{rfc3339.substr(20, rfc3339.size() - 21)};
    fraction.resize(6, '0');
    micros = digits(fraction, 0, 6);
  }
  value["__class__"] = "datetime";
  value["hour"] = digits(rfc3339, 11, 2);
  value["minute"] = digits(rfc3339, 14, 2);
  value["second"] = digits(rfc3339, 17, 2);
  value["microsecond"] = micros;
  return value;
}

std::string date_of(const json& value) {
  if (value.is_null())
    return {};
  if (!is_class(value, "date") && !is_class(value, "datetime"))
    throw std::invalid_argument{"not a date of Tryton: " + value.dump()};
  return print("%04d-%02d-%02d", value.at("year").get<int>(),
               value.at("month").get<int>(), value.at("day").get<int>());
}

std::string instant_of(const json& value) {
  if (value.is_null())
    return {};
  if (!is_class(value, "datetime"))
    throw std::invalid_argument{"not a datetime of Tryton: " + value.dump()};
  return date_of(value) + print("T%02d:%02d:%02d.%06dZ", value.value("hour", 0),
                                value.value("minute", 0), value.value("second", 0),
                                value.value("microsecond", 0));
}

decimal number_of(const json& value) {
  if (value.is_null())
    return {};
  if (value.is_number_integer())
    return decimal{value.get<std::int64_t>()};
  if (value.is_number())
    return decimal::nearest(value.get<double>());
  if (!is_class(value, "Decimal"))
    throw std::invalid_argument{"not a number of Tryton: " + value.dump()};
  const auto text = value.at("decimal").get<std::string>();
  try {
    return decimal::parse(text);
  } catch (const std::invalid_argument&) {
    // Python also writes 1E+2, and more digits than the catalogue carries.
    char* end = nullptr;
    const double number = std::strtod(text.c_str(), &end);
    if (end == text.c_str() || *end != '\0' || !std::isfinite(number))
      throw std::invalid_argument{"not a number of Tryton: '" + text + "'"};
    return decimal::nearest(number);
  }
}

int days_of(const json& value, int otherwise) {
  if (value.is_null())
    return otherwise;
  if (!is_class(value, "timedelta"))
    throw std::invalid_argument{"not a duration of Tryton: " + value.dump()};
  return static_cast<int>(std::ceil(value.at("seconds").get<double>() / 86'400));
}

std::string plus_days(std::string_view iso, int count) {
  return date_text(parse_date(iso) + std::chrono::days{count});
}

std::string instant_text(std::int64_t seconds) {
  const std::chrono::sys_seconds at{std::chrono::seconds{seconds}};
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const auto in_day = static_cast<int>((at - day).count());
  return date_text(day) +
         print("T%02d:%02d:%02dZ", in_day / 3600, in_day / 60 % 60, in_day % 60);
}

std::string minus_seconds(std::string_view rfc3339, std::int64_t seconds) {
  return instant_text(unix_seconds(rfc3339) - seconds);
}

// -- answers
// ------------------------------------------------------------------------------

answer classify(const http_reply& reply, access how) {
  const bool wrote = how == access::write;
  switch (reply.what) {
  case http_reply::fate::not_sent:
    return {outcome::transient, {}, reply.error, {}};
  case http_reply::fate::lost:
    return {wrote ? outcome::unknown : outcome::transient, {}, reply.error, {}};
  case http_reply::fate::too_large:
    return {wrote ? outcome::unknown : outcome::refused, {}, reply.error, {}};
  case http_reply::fate::answered:
    break;
  }
  if (reply.status != 200)
    return classify_status(reply, how);
  auto body = json::parse(reply.body, nullptr, false);
  if (!body.is_object())
    return {wrote ? outcome::unknown : outcome::refused,
            {},
            "the answer is not Tryton's JSON-RPC",
            {}};
  if (body.contains("error"))
    return classify_error(body.at("error"), how);
  if (!body.contains("result"))
    return {wrote ? outcome::unknown : outcome::refused,
            {},
            "the answer has neither result nor error",
            {}};
  return {outcome::ok, std::move(body["result"]), {}, {}};
}

} // namespace crossdock::tryton
