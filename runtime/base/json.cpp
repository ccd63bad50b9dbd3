#include "base/json.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
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
    begins_.push_back(keys_.size());
    return descend() && dom::start_object(n);
  }
  bool key(std::string& k) {
    keys_.push_back(k);
    return dom::key(k);
  }
  bool end_object() {
    const auto begin = keys_.begin() + static_cast<std::ptrdiff_t>(begins_.back());
    std::sort(begin, keys_.end());
    if (const auto twice = std::adjacent_find(begin, keys_.end()); twice != keys_.end()) {
      reason_ = "the key \"" + *twice + "\" occurs twice";
      return false;
    }
    keys_.erase(begin, keys_.end());
    begins_.pop_back();
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
  std::vector<std::string> keys_;    ///< of the open objects, the innermost last
  std::vector<std::size_t> begins_; ///< where each open object's keys begin
};

constexpr std::int64_t integer_max = std::int64_t{1} << 53;

/// Well-formed UTF-8 (Unicode table 3-7): no overlong forms, surrogates or stray bytes.
bool utf8(std::string_view s) {
  for (std::size_t i = 0; i < s.size();) {
    // Eight ASCII bytes at a time.
    std::uint64_t eight = 0;
    while (i + sizeof eight <= s.size() &&
           (std::memcpy(&eight, s.data() + i, sizeof eight),
            (eight & 0x8080808080808080ull) == 0)) {
      i += sizeof eight;
    }
    if (i == s.size()) {
      break;
    }
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

/// Whole stretches without anything to escape are copied at once: that is nearly all text.
void write_string(std::string_view s, std::string& out) {
  static constexpr char hex[] = "0123456789abcdef";
  out += '"';
  std::size_t copied = 0;
  for (std::size_t i = 0; i < s.size(); ++i) {
    const auto u = static_cast<unsigned char>(s[i]);
    if (u >= 0x20 && u != '"' && u != '\\') {
      continue;
    }
    out.append(s, copied, i - copied);
    copied = i + 1;
    out += '\\';
    switch (s[i]) {
    case '"':
    case '\\':
      out += s[i];
      break;
    case '\b':
      out += 'b';
      break;
    case '\f':
      out += 'f';
      break;
    case '\n':
      out += 'n';
      break;
    case '\r':
      out += 'r';
      break;
    case '\t':
      out += 't';
      break;
    default:
      out += "u00";
      out += hex[u >> 4];
      out += hex[u & 15];
    }
  }
  out.append(s, copied);
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

/// Why `v` has no canonical form and where, if so. The path is made only when it is needed.
struct refusal {
  const char* why = nullptr;
  std::string where;

  explicit operator bool() const { return why != nullptr; }
  refusal below(std::string_view key) && {
    where = "/" + std::string(key) + where;
    return std::move(*this);
  }
};

refusal write(const json& v, std::string& out);

refusal write_integer(std::uint64_t magnitude, bool negative, std::string& out) {
  if (magnitude > static_cast<std::uint64_t>(integer_max)) {
    return {"an integer beyond 2^53 has no canonical form", ""};
  }
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, magnitude).ptr;
  if (negative) {
    out += '-';
  }
  out.append(digits, end);
  return {};
}

refusal write_array(const json& v, std::string& out) {
  out += '[';
  for (std::size_t i = 0; i < v.size(); ++i) {
    if (i > 0) {
      out += ',';
    }
    if (auto r = write(v[i], out)) {
      return std::move(r).below(std::to_string(i));
    }
  }
  out += ']';
  return {};
}

refusal write_object(const json& v, std::string& out) {
  out += '{';
  bool first = true;
  for (auto it = v.begin(); it != v.end(); ++it) {
    if (!ascii(it.key())) {
      return {"keys of canonical JSON are ASCII here", ""};
    }
    if (!first) {
      out += ',';
    }
    first = false;
    write_string(it.key(), out);
    out += ':';
    if (auto r = write(*it, out)) {
      return std::move(r).below(it.key());
    }
  }
  out += '}';
  return {};
}

refusal write(const json& v, std::string& out) {
  switch (v.type()) {
  case json::value_t::null:
    out += "null";
    return {};
  case json::value_t::boolean:
    out += v.get<bool>() ? "true" : "false";
    return {};
  case json::value_t::number_unsigned:
    return write_integer(v.get<std::uint64_t>(), false, out);
  case json::value_t::number_integer: {
    const auto i = v.get<std::int64_t>();
    return write_integer(i < 0 ? 0 - static_cast<std::uint64_t>(i)
                               : static_cast<std::uint64_t>(i),
                         i < 0, out);
  }
  case json::value_t::string:
    if (!append_canonical_text(v.get_ref<const std::string&>(), out)) {
      return {"a text that is not UTF-8 has no canonical form", ""};
    }
    return {};
  case json::value_t::array:
    return write_array(v, out);
  case json::value_t::object:
    return write_object(v, out);
  default:
    return {"a float has no canonical form: use a decimal string", ""};
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

bool append_canonical_text(std::string_view text, std::string& out) {
  if (!utf8(text)) {
    return false;
  }
  write_string(text, out);
  return true;
}

result<void> append_canonical(const json& value, std::string& out) {
  if (auto r = write(value, out)) {
    return error(errc::invalid, r.why).at("pointer", r.where.empty() ? "/" : r.where);
  }
  return {};
}

result<std::string> canonical_json(const json& value) {
  std::string out;
  if (auto r = append_canonical(value, out); !r) {
    return std::move(r).error();
  }
  return out;
}

std::string clean_text(std::string_view text, std::size_t bytes_max) {
  // A replacement is three bytes long: cut again, without cutting one in two.
  auto out = json::parse(to_text(json(std::string(text.substr(0, bytes_max))))).get<std::string>();
  if (out.size() > bytes_max) {
    auto end = bytes_max;
    while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xc0) == 0x80) {
      --end;
    }
    out.resize(end);
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
