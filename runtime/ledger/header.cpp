#include "ledger/header.hpp"

namespace crossdock::ledger {
namespace {

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

void put(json& header, const char* name, const std::string& text) {
  if (!text.empty()) {
    header.emplace(name, text);
  }
}

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
  json header = {{"v", 1},          {"seq", s.seq},
                 {"log", s.origin}, {"time", to_rfc3339(s.time)},
                 {"kind", r.kind},  {"class", std::string(1, static_cast<char>(r.cls))}};
  put(header, "id", r.id);
  put(header, "src", r.source);
  put(header, "dst", r.target);
  if (s.channel_seq != 0) {
    header.emplace("chan_seq", s.channel_seq);
  }
  put(header, "tenant", r.tenant);
  put(header, "case", r.case_id);
  put(header, "principal", r.principal);
  put(header, "schema", r.schema);
  put(header, "trace", r.traceparent);
  if (!r.labels.empty()) {
    header.emplace("labels", r.labels);
  }
  if (!r.causes.empty()) {
    header.emplace("causes", r.causes);
  }
  if (!r.body.empty()) {
    header.emplace("body", json{{"h", to_hex(sha256_of(r.body))}, {"n", r.body.size()}});
  }
  if (!r.detail.is_null() && !(r.detail.is_object() && r.detail.empty())) {
    header.emplace("detail", r.detail);
  }
  auto text = canonical_json(header);
  if (!text) {
    return std::move(text).error().at("kind", r.kind).at("id", r.id);
  }
  if (text->size() > header_bytes_max) {
    return refuse(errc::limit, "the header has " + std::to_string(text->size()) +
                                   " bytes; at most " + std::to_string(header_bytes_max) +
                                   " are allowed: large content belongs into the body");
  }
  return text;
}

} // namespace crossdock::ledger
