#include "postgres_text.hpp"

#include <array>
#include <charconv>
#include <cmath>

namespace crossdock::sql {
namespace {

// ASCII alone, whatever the locale.
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0;
}
bool is_word(char c) {
  return is_letter(c) || (c >= '0' && c <= '9') || c == '$';
}
char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

enum class token { word, parameter, other };

/// Walks over a statement's tokens by the rules of PostgreSQL's manual, 4.1 "Lexical
/// Structure"; quoted text and comments are one `other` each.
class scanner {
public:
  explicit scanner(std::string_view text) : text_{text} {}

  bool next() {
    begin_ = end_;
    if (begin_ >= text_.size())
      return false;
    kind_ = token::other;
    const char c = text_[begin_];
    if (is_letter(c))
      word();
    else if (c == '\'')
      quoted('\'', false);
    else if (c == '"')
      quoted('"', false);
    else if (c == '$')
      dollar();
    else if (text_.substr(begin_, 2) == "--")
      end_ = std::min(text_.find('\n', begin_), text_.size());
    else if (text_.substr(begin_, 2) == "/*")
      comment();
    else if (c == ':')
      colon();
    else if (c >= '0' && c <= '9')
      number();
    else
      ++end_;
    return true;
  }
  token kind() const { return kind_; }
  std::string_view text() const { return text_.substr(begin_, end_ - begin_); }
  bool blank() const {
    const auto t = text();
    return t.substr(0, 2) == "--" || t.substr(0, 2) == "/*" ||
           t.find_first_not_of(" \t\r\n\f;") == std::string_view::npos;
  }

private:
  char at(std::size_t i) const { return i < text_.size() ? text_[i] : '\0'; }

  void word() {
    while (end_ < text_.size() && is_word(text_[end_]))
      ++end_;
    kind_ = token::word;
    // E'it\'s': the one kind of text in which a backslash escapes.
    if (end_ - begin_ == 1 && lower(text_[begin_]) == 'e' && at(end_) == '\'')
      quoted('\'', true);
  }
  void number() {
    while (end_ < text_.size() && (is_word(text_[end_]) || text_[end_] == '.'))
      ++end_;
  }
  void quoted(char quote, bool escapes) {
    kind_ = token::other;
    end_ = text_.find(quote, end_) + 1;
    for (; end_ < text_.size(); ++end_) {
      if (escapes && text_[end_] == '\\')
        ++end_;
      else if (text_[end_] == quote && at(end_ + 1) == quote)
        ++end_;
      else if (text_[end_] == quote)
        break;
    }
    end_ = std::min(end_ + 1, text_.size());
  }
  /// $tag$ ... $tag$, or $1.
  void dollar() {
    auto i = begin_ + 1;
    while (i < text_.size() && is_word(text_[i]) && text_[i] != '$')
      ++i;
    if (at(i) != '$' || (at(begin_ + 1) >= '0' && at(begin_ + 1) <= '9')) {
      end_ = i;
      return;
    }
    const auto tag = text_.substr(begin_, i + 1 - begin_);
    const auto close = text_.find(tag, i + 1);
    end_ = close == std::string_view::npos ? text_.size() : close + tag.size();
  }
  void comment() { // they nest
    int depth = 0;
    do {
      if (text_.substr(end_, 2) == "/*") {
        ++depth;
        end_ += 2;
      } else if (text_.substr(end_, 2) == "*/") {
        --depth;
        end_ += 2;
      } else {
        ++end_;
      }
    } while (depth > 0 && end_ < text_.size());
    end_ = std::min(end_, text_.size());
  }
  void colon() {
    if (at(begin_ + 1) == ':') { // a cast
      end_ = begin_ + 2;
      return;
    }
    ++end_;
    if (!is_letter(at(end_)))
      return;
    while (end_ < text_.size() && is_word(text_[end_]) && text_[end_] != '$')
      ++end_;
    kind_ = token::parameter;
  }

  std::string_view text_;
  std::size_t begin_ = 0, end_ = 0;
  token kind_ = token::other;
};

std::string lowered(std::string_view text) {
  std::string out{text};
  for (auto& c : out)
    c = lower(c);
  return out;
}

template <std::size_t n>
bool one_of(std::string_view word, const std::array<std::string_view, n>& words) {
  for (const auto w : words)
    if (w == word)
      return true;
  return false;
}

bool begins(std::string_view text, std::string_view with) {
  return text.substr(0, with.size()) == with;
}

template <class Number>
bool parsed(std::string_view text, Number& into) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), into);
  return code == std::errc{} && end == text.data() + text.size();
}

/// "2026-03-02 09:30:00.5+00", of a session with DateStyle ISO and TimeZone UTC. Infinity
/// and years that RFC 3339 does not have stay as they are.
std::string moment(std::string_view text, bool zoned) {
  std::string out{text};
  const bool plain = out.size() >= 19 && out[4] == '-' && out[10] == ' ' &&
                     out.find_first_not_of("0123456789-: .+") == std::string::npos;
  if (!plain)
    return out;
  out[10] = 'T';
  if (zoned && out.size() > 22 - 1 && out.compare(out.size() - 3, 3, "+00") == 0)
    out.replace(out.size() - 3, 3, "Z");
  return out;
}

} // namespace

positional with_positions(std::string_view text) {
  positional out;
  for (scanner in{text}; in.next();) {
    if (in.kind() != token::parameter) {
      out.sql += in.text();
      continue;
    }
    out.names.emplace_back(in.text().substr(1));
    out.sql += '$' + std::to_string(out.names.size());
  }
  return out;
}

bool is_empty(std::string_view text) {
  for (scanner in{text}; in.next();)
    if (!in.blank())
      return false;
  return true;
}

bool only_reads(std::string_view text) {
  static constexpr std::array<std::string_view, 5> beginnings = {
      "select", "with", "values", "table", "show"};
  static constexpr std::array<std::string_view, 5> writing = {"insert", "update",
                                                              "delete", "merge", "into"};
  std::string before;
  bool first = true;
  for (scanner in{text}; in.next();) {
    if (in.kind() != token::word)
      continue;
    const auto word = lowered(in.text());
    if (first && !one_of(word, beginnings))
      return false;
    first = false;
    const bool locks = word == "update" && (before == "for" || before == "key");
    if (one_of(word, writing) && !locks)
      return false;
    before = word;
  }
  return !first;
}

trouble trouble_of(std::string_view state) {
  if (state == "23505")
    return trouble::unique;
  if (state == "57014" || state == "55P03" || state == "55006" || state == "25P02")
    return trouble::busy;
  if (begins(state, "40") && state != "40003") // serialisation failure, deadlock
    return trouble::busy;
  if (begins(state, "53")) // no connection, memory or disk left
    return trouble::busy;
  static constexpr std::array<std::string_view, 6> server = {"08", "40", "57",
                                                             "58", "F0", "XX"};
  if (one_of(state.substr(0, 2), server) || state == "25P03")
    return trouble::io;
  static constexpr std::array<std::string_view, 6> mistakes = {"42", "26", "0A",
                                                               "3D", "3F", "21"};
  if (one_of(state.substr(0, 2), mistakes) || state == "25006")
    return trouble::schema;
  return trouble::rule; // what is left is the database's own opinion of the values
}

value postgres_value(std::uint32_t type, std::string_view text) {
  switch (type) { // pg_type.oid of built-in types never changes
  case 16:        // bool
    return text == "t";
  case 20: // int8
  case 21: // int2
  case 23: // int4
  case 26: // oid
    if (std::int64_t whole = 0; parsed(text, whole))
      return whole;
    break;
  case 700: // float4
  case 701: // float8
    if (double real = 0; parsed(text, real) && std::isfinite(real))
      return real;
    break;
  case 1114: // timestamp
    return moment(text, false);
  case 1184: // timestamptz
    return moment(text, true);
  default:
    break;
  }
  return std::string{text};
}

} // namespace crossdock::sql
