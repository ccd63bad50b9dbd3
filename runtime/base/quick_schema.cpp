#include "base/quick_schema.hpp"

#include <boost/regex.hpp>

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <vector>

namespace crossdock {
namespace {

/// Bits of a set of types.
enum type_bit : unsigned {
  null_type = 1,
  boolean_type = 2,
  integer_type = 4,
  number_type = 8,
  string_type = 16,
  array_type = 32,
  object_type = 64,
  any_type = 127
};

constexpr std::size_t nothing = std::numeric_limits<std::size_t>::max();
/// References may go round in circles; values do not go deeper than the parser lets them.
constexpr int depth_max = 96;

unsigned type_of(const json& v) {
  switch (v.type()) {
  case json::value_t::null: return null_type;
  case json::value_t::boolean: return boolean_type;
  case json::value_t::number_integer:
  case json::value_t::number_unsigned: return integer_type | number_type;
  case json::value_t::number_float: return number_type;
  case json::value_t::string: return string_type;
  case json::value_t::array: return array_type;
  case json::value_t::object: return object_type;
  default: return 0;
  }
}

std::optional<unsigned> type_named(const json& name) {
  static const std::map<std::string, unsigned> names{
    {"null", null_type},     {"boolean", boolean_type}, {"integer", integer_type},
    {"number", number_type}, {"string", string_type},   {"array", array_type},
    {"object", object_type}};
  const auto it = name.is_string() ? names.find(name.get<std::string>()) : names.end();
  return it == names.end() ? std::nullopt : std::optional(it->second);
}

std::size_t code_points(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
    text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

/// ECMA 262 and Perl mean the same by these: no classes by letter, no look-around, no groups
/// with a name.
bool plain_pattern(std::string_view p) {
  for (std::size_t i = 0; i < p.size(); ++i) {
    if (p[i] == '\\' && (i + 1 == p.size() || std::string_view(".+-/^$()[]{}|*?").find(p[i + 1]) ==
                                                std::string_view::npos)) {
      return false;
    }
    if (static_cast<unsigned char>(p[i]) > 0x7e || p.substr(i, 2) == "(?" ||
        p.substr(i, 2) == "[:") {
      return false;
    }
    i += p[i] == '\\' ? 1 : 0;
  }
  return true;
}

} // namespace

struct quick_schema::node {
  unsigned types = any_type;
  std::vector<json> one_of; ///< enum or const
  std::vector<std::string> required;
  std::map<std::string, std::size_t, std::less<>> properties;
  bool others_allowed = true;
  std::size_t others = nothing; ///< schema of additional properties
  std::size_t items = nothing;
  std::size_t count_min = 0;
  std::size_t count_max = nothing;
  std::size_t length_min = 0;
  std::size_t length_max = nothing;
  double minimum = -std::numeric_limits<double>::infinity();
  double maximum = std::numeric_limits<double>::infinity();
  std::optional<boost::regex> pattern;
};

struct quick_schema::nodes {
  std::vector<node> all; ///< the first is the schema itself

  bool accepts(std::size_t at, const json& v, int depth) const;
  bool accepts_text(const node& n, const std::string& text) const;
  bool accepts_object(const node& n, const json& v, int depth) const;
};

class quick_schema::compiler {
public:
  compiler(nodes& into, const json& definitions) : nodes_(into), definitions_(definitions) {}

  /// The node's index; nothing if the schema uses a keyword that is not of this part.
  std::optional<std::size_t> compile(const json& schema) {
    if (schema.is_boolean() && schema.get<bool>()) {
      nodes_.all.emplace_back();
      return nodes_.all.size() - 1;
    }
    if (!schema.is_object()) {
      return std::nullopt;
    }
    if (const auto it = schema.find("$ref"); it != schema.end()) {
      return it->is_string() ? reference(it->get<std::string>()) : std::nullopt;
    }
    nodes_.all.emplace_back();
    const auto at = nodes_.all.size() - 1;
    return fill(at, schema) ? std::optional(at) : std::nullopt;
  }

private:
  std::optional<std::size_t> reference(const std::string& to) {
    constexpr std::string_view prefix = "#/definitions/";
    if (!to.starts_with(prefix)) {
      return std::nullopt;
    }
    const auto name = to.substr(prefix.size());
    if (const auto it = known_.find(name); it != known_.end()) {
      return it->second;
    }
    const auto it = definitions_.find(name);
    if (it == definitions_.end() || !it->is_object() || it->contains("$ref")) {
      return std::nullopt;
    }
    nodes_.all.emplace_back();
    const auto at = nodes_.all.size() - 1;
    known_.emplace(name, at); // before its own references are followed
    return fill(at, *it) ? std::optional(at) : std::nullopt;
  }

  bool fill(std::size_t at, const json& schema) {
    static const std::set<std::string> ignored{"description", "title",    "$schema", "$id",
                                               "$comment",    "examples", "default", "definitions"};
    node n;
    for (auto it = schema.begin(); it != schema.end(); ++it) {
      if (!ignored.contains(it.key()) && !keyword(n, it.key(), it.value())) {
        return false;
      }
    }
    nodes_.all[at] = std::move(n);
    return true;
  }

  bool keyword(node& n, const std::string& name, const json& v) {
    if (name == "type") {
      return types(n, v);
    }
    if (name == "enum" && v.is_array()) {
      n.one_of.assign(v.begin(), v.end());
      return !n.one_of.empty();
    }
    if (name == "const") {
      n.one_of = {v};
      return true;
    }
    if (name == "required" && v.is_array()) {
      for (const auto& member : v) {
        n.required.push_back(member.get<std::string>());
      }
      return true;
    }
    if (name == "properties" && v.is_object()) {
      for (auto it = v.begin(); it != v.end(); ++it) {
        const auto child = compile(it.value());
        if (!child) {
          return false;
        }
        n.properties.emplace(it.key(), *child);
      }
      return true;
    }
    if (name == "additionalProperties") {
      if (v.is_boolean()) {
        n.others_allowed = v.get<bool>();
        return true;
      }
      return child(n.others, v);
    }
    if (name == "items" && v.is_object()) {
      return child(n.items, v);
    }
    if (name == "pattern" && v.is_string()) {
      return pattern(n, v.get<std::string>());
    }
    return bound(n, name, v);
  }

  static bool types(node& n, const json& v) {
    n.types = 0;
    for (const auto& name : v.is_array() ? v : json::array({v})) {
      const auto bit = type_named(name);
      if (!bit) {
        return false;
      }
      n.types |= *bit;
    }
    return true;
  }

  bool child(std::size_t& where, const json& schema) {
    const auto at = compile(schema);
    where = at.value_or(nothing);
    return at.has_value();
  }

  static bool pattern(node& n, const std::string& text) {
    if (!plain_pattern(text)) {
      return false;
    }
    try {
      n.pattern = boost::regex(text, boost::regex::perl | boost::regex::optimize);
    } catch (const boost::regex_error&) {
      return false;
    }
    return true;
  }

  static bool bound(node& n, const std::string& name, const json& v) {
    if (name == "minimum" || name == "maximum") {
      if (!v.is_number()) {
        return false;
      }
      (name == "minimum" ? n.minimum : n.maximum) = v.get<double>();
      return true;
    }
    const std::map<std::string, std::size_t*> counts{{"minItems", &n.count_min},
                                                     {"maxItems", &n.count_max},
                                                     {"minLength", &n.length_min},
                                                     {"maxLength", &n.length_max}};
    const auto it = counts.find(name);
    if (it == counts.end() || !v.is_number_unsigned()) {
      return false;
    }
    *it->second = v.get<std::size_t>();
    return true;
  }

  nodes& nodes_;
  const json& definitions_;
  std::map<std::string, std::size_t> known_;
};

bool quick_schema::nodes::accepts_text(const node& n, const std::string& text) const {
  // As many bytes as allowed characters are never too many characters.
  if (text.size() > n.length_max && code_points(text) > n.length_max) {
    return false;
  }
  if (n.length_min > 0 && code_points(text) < n.length_min) {
    return false;
  }
  if (!n.pattern) {
    return true;
  }
  // Line ends and characters of several bytes are where the two dialects part.
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x7f;
  });
  try {
    return plain && boost::regex_search(text, *n.pattern, boost::match_single_line);
  } catch (const std::runtime_error&) {
    return false; // too costly for this text
  }
}

bool quick_schema::nodes::accepts_object(const node& n, const json& v, int depth) const {
  for (const auto& name : n.required) {
    if (!v.contains(name)) {
      return false;
    }
  }
  if (n.properties.empty() && n.others == nothing && n.others_allowed) {
    return true;
  }
  for (auto it = v.begin(); it != v.end(); ++it) {
    const auto known = n.properties.find(it.key());
    if (known == n.properties.end() && !n.others_allowed) {
      return false;
    }
    const auto schema = known == n.properties.end() ? n.others : known->second;
    if (schema != nothing && !accepts(schema, it.value(), depth + 1)) {
      return false;
    }
  }
  return true;
}

bool quick_schema::nodes::accepts(std::size_t at, const json& v, int depth) const {
  const auto& n = all[at];
  const auto type = type_of(v);
  if (depth > depth_max || (type & n.types) == 0) {
    return false;
  }
  if (!n.one_of.empty() && std::find(n.one_of.begin(), n.one_of.end(), v) == n.one_of.end()) {
    return false;
  }
  if (type == string_type) {
    return accepts_text(n, v.get_ref<const std::string&>());
  }
  if ((type & number_type) != 0) {
    const auto number = v.get<double>();
    return number >= n.minimum && number <= n.maximum;
  }
  if (type == array_type) {
    return v.size() >= n.count_min && v.size() <= n.count_max &&
           (n.items == nothing || std::all_of(v.begin(), v.end(), [&](const json& item) {
              return accepts(n.items, item, depth + 1);
            }));
  }
  return type != object_type || accepts_object(n, v, depth);
}

quick_schema::quick_schema(std::unique_ptr<nodes> all) : nodes_(std::move(all)) {}
quick_schema::~quick_schema() = default;
quick_schema::quick_schema(quick_schema&&) noexcept = default;
quick_schema& quick_schema::operator=(quick_schema&&) noexcept = default;

std::optional<quick_schema> quick_schema::compile(const json& schema, const json& definitions) {
  auto all = std::make_unique<nodes>();
  const auto root = compiler(*all, definitions).compile(schema);
  if (!root) {
    return std::nullopt;
  }
  if (*root != 0) {
    return std::nullopt; // a schema that is nothing but a reference
  }
  return quick_schema(std::move(all));
}

bool quick_schema::accepts(const json& value) const { return nodes_->accepts(0, value, 0); }

} // namespace crossdock
