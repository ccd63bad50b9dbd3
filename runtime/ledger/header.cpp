#include "ledger/header.hpp"

#include <charconv>
#include <utility>

namespace crossdock::ledger {
namespace {

/// Beyond it a number is not exact in JSON (RFC 8785 §3.2.2.3).
constexpr std::uint64_t integer_max = std::uint64_t{1} << 53;

bool deeper_than(const json& v, std::size_t levels) {
  if (!v.is_structured()) {
    return false;
  }
  if (levels == 0) {
    return true;
  }
  for (const auto& item : v) {
    if (deeper_than(item, levels - 1)) {
      return true;
    }
  }
  return false;
}

/// Writes members in the order in which they are given, which must be that of RFC 8785.
class canonical_object {
public:
  explicit canonical_object(std::string& out) : out_(out) { out_ += '{'; }

  /// Left out if empty. False if it is not UTF-8.
  bool text(std::string_view name, std::string_view content) {
    if (content.empty()) {
      return true;
    }
    key(name);
    return append_canonical_text(content, out_);
  }
  void number(std::string_view name, std::uint64_t n) {
    key(name);
    append(n);
  }
  void numbers(std::string_view name, const std::vector<std::uint64_t>& values) {
    if (values.empty()) {
      return;
    }
    key(name);
    char before = '[';
    for (const auto v : values) {
      out_ += before;
      before = ',';
      append(v);
    }
    out_ += ']';
  }
  bool texts(std::string_view name, const std::vector<std::string>& values) {
    if (values.empty()) {
      return true;
    }
    key(name);
    char before = '[';
    for (const auto& v : values) {
      out_ += before;
      before = ',';
      if (!append_canonical_text(v, out_)) {
        return false;
      }
    }
    out_ += ']';
    return true;
  }
  /// For a value that the caller appends.
  std::string& key(std::string_view name) {
    out_ += first_ ? "\"" : ",\"";
    first_ = false;
    out_.append(name).append("\":");
    return out_;
  }
  void end() { out_ += '}'; }

private:
  void append(std::uint64_t n) {
    char digits[20];
    out_.append(digits, std::to_chars(digits, digits + sizeof digits, n).ptr);
  }

  std::string& out_;
  bool first_ = true;
};

} // namespace

result<std::string> make_header(const record& r, const stamp& s) {
  const auto refuse = [&](errc code, std::string message) {
    return error(code, std::move(message)).at("kind", r.kind).at("id", r.id);
  };
  if (r.kind.empty()) {
    return refuse(errc::invalid, "a record needs a kind");
  }
  for (const auto* name : {&r.kind, &r.source, &r.target, &r.case_id}) {
    if (name->find('\0') != std::string::npos) {
      return refuse(errc::invalid, "names in a record contain no NUL");
    }
  }
  if (r.body.size() > body_bytes_max) {
    return refuse(errc::limit, "the body has " + std::to_string(r.body.size()) +
                                   " bytes; a record carries at most " +
                                   std::to_string(body_bytes_max));
  }
  if (deeper_than(r.detail, detail_depth_max)) {
    return refuse(errc::limit, "the detail is nested deeper than " +
                                   std::to_string(detail_depth_max) + " levels");
  }
  std::string text;
  text.reserve(512);
  canonical_object header(text);
  const auto not_utf8 = [&](const char* field) {
    return refuse(errc::invalid, "a text that is not UTF-8 has no canonical form")
        .at("field", field);
  };
  if (!r.body.empty()) {
    canonical_object body(header.key("body"));
    body.text("h", to_hex(sha256_of(r.body)));
    body.number("n", r.body.size());
    body.end();
  }
  if (!header.text("case", r.case_id)) {
    return not_utf8("case");
  }
  for (const auto cause : r.causes) {
    if (cause > integer_max) {
      return refuse(errc::invalid, "an integer beyond 2^53 has no canonical form")
          .at("field", "causes");
    }
  }
  auto causes = r.causes;
  std::erase(causes, 0u); // a timer has no record
  header.numbers("causes", causes);
  if (s.channel_seq != 0) {
    header.number("chan_seq", s.channel_seq);
  }
  header.text("class", std::string_view(reinterpret_cast<const char*>(&r.cls), 1));
  if (!r.detail.is_null() && !(r.detail.is_object() && r.detail.empty())) {
    if (auto written = append_canonical(r.detail, header.key("detail")); !written) {
      return std::move(written).error().at("kind", r.kind).at("id", r.id);
    }
  }
  const std::pair<const char*, std::string_view> before_labels[] = {
      {"dst", r.target}, {"id", r.id}, {"kind", r.kind}};
  for (const auto& [name, text_of] : before_labels) {
    if (!header.text(name, text_of)) {
      return not_utf8(name);
    }
  }
  if (!header.texts("labels", r.labels)) {
    return not_utf8("labels");
  }
  if (!header.text("log", s.origin)) {
    return not_utf8("log");
  }
  if (!header.text("principal", r.principal)) {
    return not_utf8("principal");
  }
  if (!header.text("schema", r.schema)) {
    return not_utf8("schema");
  }
  header.number("seq", s.seq);
  const std::pair<const char*, std::string_view> after_seq[] = {
      {"src", r.source}, {"tenant", r.tenant}};
  for (const auto& [name, text_of] : after_seq) {
    if (!header.text(name, text_of)) {
      return not_utf8(name);
    }
  }
  header.text("time", to_rfc3339(s.time));
  if (!header.text("trace", r.traceparent)) {
    return not_utf8("trace");
  }
  header.number("v", 1);
  header.end();
  if (text.size() > header_bytes_max) {
    return refuse(errc::limit, "the header has " + std::to_string(text.size()) +
                                   " bytes; at most " + std::to_string(header_bytes_max) +
                                   " are allowed: large content belongs into the body");
  }
  return text;
}

} // namespace crossdock::ledger
