#include "crossdock/facts.hpp"

#include "base/decimal.hpp"

#include <fmt/format.h>

namespace crossdock::cli {
namespace {

std::string plain(const json& v) {
  if (v.is_null()) {
    return "";
  }
  return v.is_string() ? v.get<std::string>() : to_text(v);
}

} // namespace

std::string shown(const json& object, const char* name) {
  if (!object.is_object()) {
    return "";
  }
  const auto it = object.find(name);
  return it == object.end() ? std::string() : plain(*it);
}

std::string joined(const json& list) {
  if (!list.is_array()) {
    return plain(list);
  }
  std::string out;
  for (const auto& item : list) {
    out += (out.empty() ? "" : ", ") + plain(item);
  }
  return out;
}

std::string money_text(const json& money) {
  const auto amount = shown(money, "amount");
  const auto parsed = decimal::parse(amount);
  if (!parsed) {
    return amount;
  }
  constexpr std::int64_t cent = decimal::scale / 100;
  const auto micros = parsed->micros();
  auto cents = micros / cent;
  const auto rest = micros % cent;
  const auto twice = (rest < 0 ? -rest : rest) * 2;
  if (twice > cent || (twice == cent && cents % 2 != 0)) {
    cents += micros < 0 ? -1 : 1;
  }
  const auto whole = cents < 0 ? -cents : cents;
  return fmt::format("{}{}.{:02} {}", cents < 0 ? "-" : "", whole / 100, whole % 100,
                     shown(money, "currency"));
}

std::string permille_text(const json& permille) {
  if (!permille.is_number_integer()) {
    return "";
  }
  const auto p = permille.get<std::int64_t>();
  return fmt::format("{}.{} %", p / 10, p % 10);
}

std::string percent_text(const std::string& share) {
  const auto parsed = decimal::parse(share);
  if (!parsed) {
    return share;
  }
  const auto micros = parsed->micros();
  constexpr auto percent = decimal::scale / 100;
  if (micros > 0 && micros < percent / 2) {
    return "under 1 %";
  }
  if (micros < decimal::scale && micros > decimal::scale - percent / 2) {
    return "over 99 %";
  }
  return fmt::format("{} %", (micros + percent / 2) / percent);
}

std::string instant_text(std::string_view rfc3339) {
  if (rfc3339.size() < 20 || rfc3339[10] != 'T') {
    return std::string(rfc3339);
  }
  // Seconds are what people compare; the exact instant is in --json.
  const auto zone =
      rfc3339.back() == 'Z' ? std::string() : " " + std::string(rfc3339.substr(19));
  return std::string(rfc3339.substr(0, 10)) + " " + std::string(rfc3339.substr(11, 8)) +
         zone;
}

std::string time_text(std::string_view rfc3339) {
  return rfc3339.size() < 20 || rfc3339[10] != 'T' ? std::string(rfc3339)
                                                   : std::string(rfc3339.substr(11, 8));
}

std::string args_text(const json& args) {
  if (!args.is_object()) {
    return plain(args);
  }
  std::string out;
  for (const auto& [name, value] : args.items()) {
    const auto money = value.is_object() && value.contains("amount");
    out += (out.empty() ? "" : ", ") + name + " " +
           (money ? money_text(value) : plain(value));
  }
  return out;
}

std::string fact_text(const json& fact) {
  auto out = shown(fact, "name") + " = " + shown(fact, "value");
  if (const auto unit = shown(fact, "unit"); !unit.empty()) {
    out += " " + unit;
  }
  out += ": " + shown(fact, "system") + ", " + shown(fact, "record");
  if (const auto field = shown(fact, "field"); !field.empty()) {
    out += ", " + field;
  }
  out += ", as of " + instant_text(shown(fact, "as_of"));
  if (fact.is_object() && fact.value("material", json(false)) == json(true)) {
    const auto tolerance = shown(fact, "tolerance");
    out += tolerance.empty() || tolerance == "0"
               ? " (read again before the effect; may not move)"
               : " (read again before the effect; may move by " + tolerance + ")";
  }
  return out;
}

void fact_printer::print(const json& facts, std::size_t indent) {
  if (!facts.is_array()) {
    return;
  }
  std::set<std::string> again;
  for (const auto& fact : facts) {
    auto text = fact_text(fact);
    if (printed_.insert(text).second) {
      const auto at = instant_text(shown(fact, "as_of"));
      const auto day = at.substr(0, 11);
      if (const auto said = text.find("as of " + at);
          day == day_ && said != std::string::npos) {
        text.erase(said + 6, day.size()); // the time alone
      }
      day_ = day;
      screen_.paragraph("· " + text, indent, 2, colour::faint);
    } else {
      again.insert(std::move(text));
    }
  }
  if (!again.empty()) {
    screen_.paragraph(fmt::format("· and {} of the facts above", again.size()), indent, 2,
                      colour::faint);
  }
}

} // namespace crossdock::cli
