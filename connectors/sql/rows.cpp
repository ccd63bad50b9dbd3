#include <crossdock/fact.hpp>

#include "erp.hpp"

namespace crossdock::sql {
namespace {

json as_json(const value& v) {
  if (const auto* whole = std::get_if<std::int64_t>(&v))
    return *whole;
  if (const auto* real = std::get_if<double>(&v))
    return *real;
  if (const auto* text = std::get_if<std::string>(&v))
    return *text;
  if (const auto* truth = std::get_if<bool>(&v))
    return *truth;
  return nullptr;
}

json converted(const value& v, std::string_view suffix, const std::string& column) {
  const auto wrong = [&](const char* what) {
    return database_error{trouble::schema, "column '" + column + "' is not " + what};
  };
  if (suffix == "boolean") {
    if (const auto* truth = std::get_if<bool>(&v))
      return *truth;
    const auto* flag = std::get_if<std::int64_t>(&v);
    if (!flag || (*flag != 0 && *flag != 1))
      throw wrong("0 or 1");
    return *flag == 1;
  }
  if (suffix == "json") {
    const auto* text = std::get_if<std::string>(&v);
    auto parsed =
        text ? json::parse(*text, nullptr, false) : json(json::value_t::discarded);
    if (parsed.is_discarded())
      throw wrong("JSON");
    return parsed;
  }
  if (suffix == "decimal") {
    try {
      if (const auto* whole = std::get_if<std::int64_t>(&v))
        return sdk::decimal{*whole}.text();
      if (const auto* real = std::get_if<double>(&v))
        return sdk::decimal::nearest(*real).text();
      return sdk::decimal::parse(std::get<std::string>(v)).text();
    } catch (const std::exception&) {
      throw wrong("a decimal number");
    }
  }
  return as_json(v);
}

} // namespace

json row_to_json(const std::vector<std::string>& columns, const std::vector<value>& row) {
  json out = json::object();
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (std::holds_alternative<std::nullptr_t>(row[i]))
      continue;
    const std::string_view column = columns[i];
    const auto colon = column.rfind(':');
    auto name = column.substr(0, colon);
    const auto suffix =
        colon == std::string_view::npos ? std::string_view{} : column.substr(colon + 1);
    json* into = &out;
    for (auto dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.')) {
      into = &(*into)[std::string{name.substr(0, dot)}];
      name.remove_prefix(dot + 1);
    }
    (*into)[std::string{name}] = converted(row[i], suffix, columns[i]);
  }
  return out;
}

std::string fill(const std::string& text, const json& from) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto open = text.find('{', at);
    const auto close = open == std::string::npos ? open : text.find('}', open);
    if (close == std::string::npos)
      return out + text.substr(at);
    const auto name = text.substr(open + 1, close - open - 1);
    out += text.substr(at, open - at);
    if (from.is_object() && from.contains(name)) {
      const auto& member = from.at(name);
      out += member.is_string() ? member.get<std::string>() : member.dump();
    } else {
      out += text.substr(open, close - open + 1);
    }
    at = close + 1;
  }
  return out;
}

} // namespace crossdock::sql
