#include "flow/expression.hpp"

#include "flow/source_file.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <compare>

namespace crossdock::flow {

const json* scope::find(std::string_view pointer) const {
  return view_ != nullptr ? view_->find(pointer) : find_pointer(*data_, pointer);
}

namespace {

error bad(std::string message, std::string pointer = "") {
  return error(errc::invalid, std::move(message)).at("pointer", std::move(pointer));
}

/// Puts `prefix` before the pointer an inner check has named.
error within(const std::string& prefix, const error& inner) {
  std::string pointer = prefix;
  for (const auto& [name, value] : inner.context()) {
    if (name == "pointer") {
      pointer += value;
    }
  }
  return bad(inner.message(), std::move(pointer));
}

result<void> check_pointer(std::string_view pointer, const known_names& known) {
  if (pointer.empty() || pointer.front() != '/') {
    return bad("a path into the case begins with /trigger, /case or /steps");
  }
  const auto end = pointer.find('/', 1);
  const auto root = pointer.substr(1, end == std::string_view::npos ? end : end - 1);
  if (root == "trigger" || root == "case" || known.roots.contains(std::string(root))) {
    return {};
  }
  if (root != "steps" || end == std::string_view::npos) {
    return bad("\"" + std::string(pointer) +
               "\" leads nowhere: a path begins with /trigger, /case or /steps/NAME");
  }
  auto name = pointer.substr(end + 1);
  name = name.substr(0, name.find('/'));
  if (!known.steps.contains(std::string(name))) {
    return bad("\"" + std::string(pointer) + "\" speaks of the step \"" +
               std::string(name) + "\", which does not come earlier");
  }
  return {};
}

bool is_reference(std::string_view text) {
  return text.size() > 1 && text.front() == '$';
}

result<void> check_reference(std::string_view text, const known_names& known) {
  if (text.starts_with("$$")) {
    return {};
  }
  if (text.starts_with("$item")) {
    if (!known.item) {
      return bad("$item has a meaning only inside each");
    }
    if (text.size() > 5 && text[5] != '/') {
      return bad("after $item comes a /pointer");
    }
    return {};
  }
  text.remove_prefix(text.starts_with("$?") ? 2 : 1);
  return check_pointer(text, known);
}

/// Null if there is nothing. `text` has been checked.
const json* look_up(std::string_view text, const scope& s) {
  if (text.starts_with("$item")) {
    return s.item() == nullptr ? nullptr : find_pointer(*s.item(), text.substr(5));
  }
  return s.find(text.substr(text.starts_with("$?") ? 2 : 1));
}

result<std::optional<json>> fill_some(const json& source, const scope& s);

result<std::optional<json>> fill_each(const json& source, const scope& s) {
  auto list = fill_some(source.at("each"), s);
  if (!list) {
    return list;
  }
  if (!*list || !(*list)->is_array()) {
    return error(errc::schema, "each needs a list")
        .at("path", to_text(source.at("each")));
  }
  std::optional<condition> where;
  if (source.contains("where")) {
    // Its references were checked when the flow was compiled.
    auto c = condition::compile(source["where"], nullptr);
    if (!c) {
      return error(errc::internal, c.error().message());
    }
    where = std::move(*c);
  }
  json out = json::array();
  for (const auto& item : **list) {
    const auto inner = s.with(item);
    if (where) {
      auto take = where->holds(inner);
      if (!take) {
        return std::move(take).error();
      }
      if (!*take) {
        continue;
      }
    }
    auto given = fill_some(source.at("give"), inner);
    if (!given) {
      return given;
    }
    if (*given) {
      out.push_back(std::move(**given));
    }
  }
  return std::optional<json>(std::move(out));
}

result<std::optional<json>> fill_some(const json& source, const scope& s) {
  if (source.is_string()) {
    const auto& text = source.get_ref<const std::string&>();
    if (!is_reference(text)) {
      return std::optional<json>(source);
    }
    if (text.starts_with("$$")) {
      return std::optional<json>(text.substr(1));
    }
    if (const json* found = look_up(text, s)) {
      return std::optional<json>(*found);
    }
    if (text.starts_with("$?")) {
      return std::optional<json>{};
    }
    return error(errc::not_found, "the case has nothing at this path").at("path", text);
  }
  if (source.is_object()) {
    if (source.contains("each")) {
      return fill_each(source, s);
    }
    json out = json::object();
    for (const auto& [key, value] : source.items()) {
      auto filled = fill_some(value, s);
      if (!filled) {
        return filled;
      }
      if (*filled) {
        out[key] = std::move(**filled);
      }
    }
    return std::optional<json>(std::move(out));
  }
  if (source.is_array()) {
    json out = json::array();
    for (const auto& value : source) {
      auto filled = fill_some(value, s);
      if (!filled) {
        return filled;
      }
      if (*filled) {
        out.push_back(std::move(**filled));
      }
    }
    return std::optional<json>(std::move(out));
  }
  return std::optional<json>(source);
}

/// A value in a sentence.
std::string spoken(const json& value) {
  if (value.is_string()) {
    return value.get<std::string>();
  }
  if (const auto m = money_of(value)) {
    return m->str();
  }
  return to_text(value);
}

/// Calls text(piece) and hole(name) in turn; both give result<void>.
template <class Text, class Hole>
result<void> parse_text(std::string_view source, Text text, Hole hole) {
  while (!source.empty()) {
    const auto brace = source.find_first_of("{}");
    if (auto r = text(source.substr(0, brace)); !r) {
      return r;
    }
    if (brace == std::string_view::npos) {
      return {};
    }
    const char c = source[brace];
    source.remove_prefix(brace + 1);
    if (!source.empty() && source.front() == c) {
      if (auto r = text(std::string_view(&c, 1)); !r) {
        return r;
      }
      source.remove_prefix(1);
      continue;
    }
    const auto end = source.find('}');
    if (c == '}' || end == std::string_view::npos || end == 0) {
      return bad("a placeholder is {/path} or {fact}; a brace itself is written twice");
    }
    if (auto r = hole(source.substr(0, end)); !r) {
      return r;
    }
    source.remove_prefix(end + 1);
  }
  return {};
}

/// Days and instants as one order; nothing if the text is neither.
std::optional<timestamp> time_of(const json& value) {
  if (!value.is_string()) {
    return std::nullopt;
  }
  const auto& text = value.get_ref<const std::string&>();
  auto t = parse_rfc3339(text.size() == 10 ? text + "T00:00:00Z" : text);
  return t ? std::optional(*t) : std::nullopt;
}

using order = std::optional<std::strong_ordering>;

order compare(const json& a, const json& b, condition::type as, bool ordering) {
  const auto decimals = [&]() -> order {
    const auto x = decimal_of(a);
    const auto y = decimal_of(b);
    return x && y ? order(*x <=> *y) : order();
  };
  const auto times = [&]() -> order {
    const auto x = time_of(a);
    const auto y = time_of(b);
    return x && y ? order(*x <=> *y) : order();
  };
  switch (as) {
  case condition::type::decimal:
    return decimals();
  case condition::type::date:
    return times();
  case condition::type::text:
    if (a.is_string() && b.is_string()) {
      return a.get_ref<const std::string&>().compare(b.get_ref<const std::string&>()) <=>
             0;
    }
    return std::nullopt;
  case condition::type::natural:
    break;
  }
  if (ordering || a.is_number() || b.is_number()) {
    if (const auto d = decimals()) {
      return d;
    }
  }
  if (ordering) {
    return times();
  }
  return a == b ? order(std::strong_ordering::equal) : order();
}

constexpr std::array<std::pair<std::string_view, condition::op>, 9> op_names{
    {{"=", condition::op::eq},
     {"!=", condition::op::ne},
     {"<", condition::op::lt},
     {"<=", condition::op::le},
     {">", condition::op::gt},
     {">=", condition::op::ge},
     {"in", condition::op::in},
     {"exists", condition::op::exists},
     {"empty", condition::op::empty}}};

constexpr std::array<std::pair<std::string_view, condition::type>, 3> type_names{
    {{"decimal", condition::type::decimal},
     {"date", condition::type::date},
     {"text", condition::type::text}}};

bool is_empty(const json* v) {
  return v == nullptr || v->is_null() || (v->is_structured() && v->empty()) ||
         (v->is_string() && v->get_ref<const std::string&>().empty());
}

} // namespace

std::optional<decimal> decimal_of(const json& value) {
  if (value.is_string()) {
    auto d = decimal::parse(value.get_ref<const std::string&>());
    return d ? std::optional(*d) : std::nullopt;
  }
  constexpr std::int64_t units_max = 9'000'000'000'000;
  if (value.is_number_integer()) {
    if (value.is_number_unsigned() &&
        value.get<std::uint64_t>() > static_cast<std::uint64_t>(units_max)) {
      return std::nullopt;
    }
    const auto i = value.get<std::int64_t>();
    return i > units_max || i < -units_max ? std::nullopt
                                           : std::optional(decimal::from_units(i));
  }
  if (value.is_number_float()) {
    const double d = value.get<double>();
    if (std::isfinite(d) && std::abs(d) < static_cast<double>(units_max)) {
      return decimal::from_micros(std::llround(d * static_cast<double>(decimal::scale)));
    }
  }
  return std::nullopt;
}

std::optional<money> money_of(const json& value) {
  if (!value.is_object() || !value.contains("amount")) {
    return std::nullopt;
  }
  const auto amount = decimal_of(value["amount"]);
  auto currency = text_or(value, "currency");
  if (!amount || currency.size() != 3) {
    return std::nullopt;
  }
  return money{*amount, std::move(currency)};
}

json money_json(const money& m) {
  return {{"amount", m.amount.str()}, {"currency", m.currency}};
}

result<void> check_template(const json& source, const known_names& known) {
  if (source.is_string()) {
    const auto& text = source.get_ref<const std::string&>();
    return is_reference(text) ? check_reference(text, known) : result<void>();
  }
  if (source.is_object() && source.contains("each")) {
    for (const auto& [key, value] : source.items()) {
      if (key != "each" && key != "give" && key != "where") {
        return bad("beside each there is only give and where", "/" + pointer_token(key));
      }
    }
    if (!source.contains("give")) {
      return bad("each needs give: what is made of an element");
    }
    if (auto r = check_template(source["each"], known); !r) {
      return within("/each", r.error());
    }
    known_names inner = known;
    inner.item = true;
    if (auto r = check_template(source["give"], inner); !r) {
      return within("/give", r.error());
    }
    if (source.contains("where")) {
      if (auto c = condition::compile(source["where"], &inner); !c) {
        return within("/where", c.error());
      }
    }
    return {};
  }
  if (source.is_structured()) {
    for (const auto& [key, value] : source.items()) {
      if (auto r = check_template(value, known); !r) {
        return within("/" + pointer_token(key), r.error());
      }
    }
  }
  return {};
}

result<json> fill(const json& source, const scope& s) {
  auto filled = fill_some(source, s);
  if (!filled) {
    return std::move(filled).error();
  }
  return *filled ? std::move(**filled) : json();
}

result<void> check_text(std::string_view source, const known_names* known) {
  return parse_text(
      source, [](std::string_view) { return result<void>(); },
      [&](std::string_view hole) {
        return hole.front() == '/' && known ? check_pointer(hole, *known)
                                            : result<void>();
      });
}

result<std::string> fill_text(std::string_view source, const scope& s,
                              std::span<const fact> facts) {
  std::string out;
  const auto fill_hole = [&](std::string_view hole) -> result<void> {
    if (hole.front() == '/') {
      if (const json* found = s.find(hole); found && !found->is_null()) {
        out += spoken(*found);
        return {};
      }
    } else {
      const auto it = std::find_if(facts.begin(), facts.end(),
                                   [&](const fact& f) { return f.name == hole; });
      if (it != facts.end()) {
        out += spoken(it->value) + (it->unit.empty() ? "" : " " + it->unit);
        return {};
      }
    }
    return error(errc::not_found,
                 "there is nothing to put in the place of this placeholder")
        .at("placeholder", std::string(hole));
  };
  auto r = parse_text(
      source,
      [&](std::string_view text) {
        out += text;
        return result<void>();
      },
      fill_hole);
  if (!r) {
    return std::move(r).error();
  }
  return out;
}

result<std::string> fill_key(std::string_view source, const json& payload) {
  std::string out;
  auto r = parse_text(
      source,
      [&](std::string_view text) {
        out += text;
        return result<void>();
      },
      [&](std::string_view hole) -> result<void> {
        const json* found = find_pointer(
            payload, hole.front() == '/' ? std::string(hole) : "/" + pointer_token(hole));
        if (found == nullptr || found->is_null() || found->is_structured() ||
            found->is_number_float()) {
          return error(errc::schema,
                       "the payload has no such text for the key of its case")
              .at("field", std::string(hole));
        }
        out += spoken(*found);
        return {};
      });
  if (!r) {
    return std::move(r).error();
  }
  return out;
}

result<condition> condition::compile(const json& source, const known_names* known) {
  if (!source.is_object()) {
    return bad(
        "a condition is a table {path, op, value}, {all = [...]} or {any = [...]}");
  }
  condition c;
  for (const char* name : {"all", "any"}) {
    if (!source.contains(name)) {
      continue;
    }
    if (source.size() != 1) {
      return bad(std::string("beside ") + name + " there is nothing else");
    }
    if (!source[name].is_array() || source[name].empty()) {
      return bad("a list of conditions, not empty", std::string("/") + name);
    }
    c.what = name == std::string_view("all") ? op::all : op::any;
    for (std::size_t i = 0; i < source[name].size(); ++i) {
      auto part = compile(source[name][i], known);
      if (!part) {
        return within(std::string("/") + name + "/" + std::to_string(i), part.error());
      }
      c.parts.push_back(std::move(*part));
    }
    return c;
  }
  for (const auto& [key, value] : source.items()) {
    if (key != "path" && key != "op" && key != "value" && key != "type") {
      return bad("unknown key: a condition has path, op, value and type",
                 "/" + pointer_token(key));
    }
  }
  c.path = text_or(source, "path");
  if (!is_reference(c.path) || c.path.starts_with("$$")) {
    return bad("path is a text like \"$/trigger/short\"", "/path");
  }
  if (known != nullptr) {
    if (auto r = check_reference(c.path, *known); !r) {
      return within("/path", r.error());
    }
  }
  const auto name = text_or(source, "op");
  const auto* found = std::find_if(op_names.begin(), op_names.end(),
                                   [&](const auto& n) { return n.first == name; });
  if (found == op_names.end()) {
    return bad("op is one of = != < <= > >= in exists empty", "/op");
  }
  c.what = found->second;
  const bool alone = c.what == op::exists || c.what == op::empty;
  if (alone == source.contains("value")) {
    return bad(alone ? "exists and empty take no value"
                     : "a value to compare with is missing",
               alone ? "/value" : "");
  }
  if (!alone) {
    c.value = source["value"];
    if (known != nullptr) {
      if (auto r = check_template(c.value, *known); !r) {
        return within("/value", r.error());
      }
    }
  }
  if (c.what == op::in && !c.value.is_array() &&
      !(c.value.is_string() && is_reference(c.value.get_ref<const std::string&>()))) {
    return bad("in needs a list", "/value");
  }
  if (source.contains("type")) {
    const auto type_name = text_or(source, "type");
    const auto* t = std::find_if(type_names.begin(), type_names.end(),
                                 [&](const auto& n) { return n.first == type_name; });
    if (t == type_names.end()) {
      return bad("type is decimal, date or text", "/type");
    }
    c.as = t->second;
  }
  return c;
}

result<bool> condition::holds(const scope& s) const {
  if (what == op::all || what == op::any) {
    for (const auto& part : parts) {
      auto r = part.holds(s);
      if (!r || *r == (what == op::any)) {
        return r;
      }
    }
    return what == op::all;
  }
  const json* found = look_up(path, s);
  if (what == op::exists) {
    return found != nullptr && !found->is_null();
  }
  if (what == op::empty) {
    return is_empty(found);
  }
  auto other = fill_some(value, s);
  if (!other) {
    return std::move(other).error();
  }
  if (found == nullptr || found->is_null() || !*other || (*other)->is_null()) {
    return what == op::ne;
  }
  if (what == op::in) {
    return (*other)->is_array() &&
           std::any_of((*other)->begin(), (*other)->end(), [&](const json& v) {
             const auto o = compare(*found, v, as, false);
             return o && *o == 0;
           });
  }
  const bool ordering = what != op::eq && what != op::ne;
  const auto o = compare(*found, **other, as, ordering);
  if (!o && ordering) {
    return error(errc::schema, "two values that have no order are compared")
        .at("path", path)
        .at("value", to_text(*found))
        .at("with", to_text(**other));
  }
  switch (what) {
  case op::eq:
    return o && *o == 0;
  case op::ne:
    return !o || *o != 0;
  case op::lt:
    return *o < 0;
  case op::le:
    return *o <= 0;
  case op::gt:
    return *o > 0;
  default:
    return *o >= 0;
  }
}

} // namespace crossdock::flow
