#include "base/json.hpp"

#include <set>
#include <vector>

namespace crossdock {
namespace {

/// Builds the DOM while it counts depth and notices duplicate keys, which nlohmann's own
/// parser would silently let the last one win.
class strict_sax : public nlohmann::detail::json_sax_dom_parser<json> {
  using dom = nlohmann::detail::json_sax_dom_parser<json>;

public:
  strict_sax(json& target, std::size_t depth_max)
      : dom(target, false), depth_max_(depth_max) {}

  bool start_object(std::size_t n) {
    keys_.emplace_back();
    return descend() && dom::start_object(n);
  }
  bool key(std::string& k) {
    if (!keys_.back().insert(k).second) {
      reason_ = "the key \"" + k + "\" occurs twice";
      return false;
    }
    return dom::key(k);
  }
  bool end_object() {
    keys_.pop_back();
    --depth_;
    return dom::end_object();
  }
  bool start_array(std::size_t n) { return descend() && dom::start_array(n); }
  bool end_array() {
    --depth_;
    return dom::end_array();
  }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& e) {
    const std::string_view what = e.what();
    const auto cut = what.find("] ");
    reason_ = cut == std::string_view::npos ? std::string(what)
                                            : std::string(what.substr(cut + 2));
    position_ = position;
    return false;
  }

  bool too_deep() const { return too_deep_; }
  const std::string& reason() const { return reason_; }
  std::size_t position() const { return position_; }

private:
  bool descend() {
    if (++depth_ <= depth_max_) {
      return true;
    }
    too_deep_ = true;
    return false;
  }

  std::size_t depth_max_;
  std::size_t depth_ = 0;
  std::size_t position_ = 0;
  bool too_deep_ = false;
  std::string reason_;
  std::vector<std::set<std::string>> keys_;
};

constexpr std::int64_t integer_max = std::int64_t{1} << 53;

/// Well-formed UTF-8 (Unicode table 3-7): no overlong forms, surrogates or stray bytes.
bool utf8(std::string_view s) {
  for (std::size_t i = 0; i < s.size();) {
    const auto lead = static_cast<unsigned char>(s[i++]);
    if (lead < 0x80) {
      continue;
    }
    const int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (lead < 0xc2 || lead > 0xf4) {
      return false;
    }
    for (int k = 0; k < more; ++k, ++i) {
      const unsigned c = i < s.size() ? static_cast<unsigned char>(s[i]) : 0U;
      const unsigned low = k == 0 && lead == 0xe0   ? 0xa0
                           : k == 0 && lead == 0xf0 ? 0x90
                                                    : 0x80;
      const unsigned high = k == 0 && lead == 0xed   ? 0x9f
                            : k == 0 && lead == 0xf4 ? 0x8f
                                                     : 0xbf;
      if (c < low || c > high) {
        return false;
      }
    }
  }
  return true;
}

void write_string(const std::string& s, std::string& out) {
  static constexpr char hex[] = "0123456789abcdef";
  out += '"';
  for (const char c : s) {
    const auto u = static_cast<unsigned char>(c);
    switch (c) {
    case '"':
      out += "\\\"";
      break;
    case '\\':
      out += "\\\\";
      break;
    case '\b':
      out += "\\b";
      break;
    case '\f':
      out += "\\f";
      break;
    case '\n':
      out += "\\n";
      break;
    case '\r':
      out += "\\r";
      break;
    case '\t':
      out += "\\t";
      break;
    default:
      if (u < 0x20) {
        out += "\\u00";
        out += hex[u >> 4];
        out += hex[u & 15];
      } else {
        out += c;
      }
    }
  }
  out += '"';
}

/// RFC 8785 §3.2.3 sorts by UTF-16 code units. UTF-8 byte order differs from it only
/// where characters above U+FFFF meet U+E000..U+FFFF; keys of ours are ASCII, others are
/// refused.
bool ascii(const std::string& key) {
  for (const char c : key) {
    if (static_cast<unsigned char>(c) > 0x7e) {
      return false;
    }
  }
  return true;
}

result<void> write(const json& v, std::string& out, const std::string& where) {
  switch (v.type()) {
  case json::value_t::null:
    out += "null";
    return {};
  case json::value_t::boolean:
    out += v.get<bool>() ? "true" : "false";
    return {};
  case json::value_t::number_unsigned:
    if (v.get<std::uint64_t>() > static_cast<std::uint64_t>(integer_max)) {
      return error(errc::invalid, "an integer beyond 2^53 has no canonical form")
          .at("pointer", where);
    }
    out += std::to_string(v.get<std::uint64_t>());
    return {};
  case json::value_t::number_integer: {
    const auto i = v.get<std::int64_t>();
    if (i > integer_max || i < -integer_max) {
      return error(errc::invalid, "an integer beyond 2^53 has no canonical form")
          .at("pointer", where);
    }
    out += std::to_string(i);
    return {};
  }
  case json::value_t::string:
    if (!utf8(v.get_ref<const std::string&>())) {
      return error(errc::invalid, "a text that is not UTF-8 has no canonical form")
          .at("pointer", where);
    }
    write_string(v.get_ref<const std::string&>(), out);
    return {};
  case json::value_t::array: {
    out += '[';
    std::size_t i = 0;
    for (const auto& item : v) {
      if (i > 0) {
        out += ',';
      }
      if (auto r = write(item, out, where + "/" + std::to_string(i)); !r) {
        return r;
      }
      ++i;
    }
    out += ']';
    return {};
  }
  case json::value_t::object: {
    out += '{';
    bool first = true;
    for (const auto& [key, item] : v.items()) {
      if (!ascii(key)) {
        return error(errc::invalid, "keys of canonical JSON are ASCII here")
            .at("pointer", where);
      }
      if (!first) {
        out += ',';
      }
      first = false;
      write_string(key, out);
      out += ':';
      if (auto r = write(item, out, where + "/" + key); !r) {
        return r;
      }
    }
    out += '}';
    return {};
  }
  default:
    return error(errc::invalid, "a float has no canonical form: use a decimal string")
        .at("pointer", where.empty() ? "/" : where);
  }
}

} // namespace

result<json> parse_json(std::string_view text, const json_limits& limits) {
  if (text.size() > limits.bytes) {
    return error(errc::limit, "JSON of " + std::to_string(text.size()) +
                                  " bytes is larger than the limit of " +
                                  std::to_string(limits.bytes));
  }
  json root;
  strict_sax sax(root, limits.depth);
  if (json::sax_parse(text.begin(), text.end(), &sax)) {
    return root;
  }
  if (sax.too_deep()) {
    return error(errc::limit, "JSON is nested deeper than " +
                                  std::to_string(limits.depth) + " levels");
  }
  return error(errc::malformed, "not valid JSON: " + sax.reason())
      .at("byte", std::to_string(sax.position()));
}

result<std::string> canonical_json(const json& value) {
  std::string out;
  if (auto r = write(value, out, ""); !r) {
    return std::move(r).error();
  }
  return out;
}

std::string to_text(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

const json* find_pointer(const json& value, std::string_view pointer) {
  const json* at = &value;
  while (!pointer.empty()) {
    if (pointer.front() != '/') {
      return nullptr;
    }
    pointer.remove_prefix(1);
    const auto end = pointer.find('/');
    std::string token(pointer.substr(0, end));
    pointer = end == std::string_view::npos ? std::string_view{} : pointer.substr(end);
    for (std::size_t i = 0; (i = token.find('~', i)) != std::string::npos; ++i) {
      if (i + 1 < token.size() && (token[i + 1] == '0' || token[i + 1] == '1')) {
        token.replace(i, 2, token[i + 1] == '0' ? "~" : "/");
      }
    }
    if (at->is_object()) {
      const auto it = at->find(token);
      if (it == at->end()) {
        return nullptr;
      }
      at = &*it;
    } else if (at->is_array()) {
      if (token.empty() || token.size() > 9 ||
          token.find_first_not_of("0123456789") != std::string::npos ||
          (token.size() > 1 && token.front() == '0')) {
        return nullptr;
      }
      const std::size_t index = std::stoul(token);
      if (index >= at->size()) {
        return nullptr;
      }
      at = &(*at)[index];
    } else {
      return nullptr;
    }
  }
  return at;
}

std::string text_or(const json& object, const char* name, std::string_view otherwise) {
  if (object.is_object()) {
    const auto it = object.find(name);
    if (it != object.end() && it->is_string()) {
      return it->get<std::string>();
    }
  }
  return std::string(otherwise);
}

} // namespace crossdock
