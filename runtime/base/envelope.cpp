#include "base/envelope.hpp"

namespace crossdock {

json to_json(const envelope& e) {
  json out{{"specversion", "1.0"},
           {"id", e.id},
           {"source", e.source},
           {"type", e.type},
           {"time", to_rfc3339(e.time)},
           {"datacontenttype", "application/json"}};
  const auto put = [&](const char* name, const std::string& value) {
    if (!value.empty()) {
      out[name] = value;
    }
  };
  put("subject", e.subject);
  put("dataschema", e.dataschema);
  put("tenant", e.tenant);
  put("site", e.site);
  put("caseid", e.case_id);
  put("traceparent", e.traceparent);
  if (!e.labels.empty()) {
    out["labels"] = e.labels;
  }
  if (!e.causes.empty()) {
    out["causes"] = e.causes;
  }
  auto data = json::parse(e.data, nullptr, false);
  out["data"] = data.is_discarded() ? json(e.data) : std::move(data);
  return out;
}

result<std::shared_ptr<const json>> document_of(const envelope& e, const json_limits& limits) {
  if (e.document) {
    return e.document;
  }
  auto parsed = parse_json(e.data, limits);
  if (!parsed) {
    return std::move(parsed).error();
  }
  return std::make_shared<const json>(std::move(*parsed));
}

std::string to_text(const envelope& e) {
  std::string out;
  out.reserve(512 + e.data.size());
  char before = '{';
  const auto key = [&](std::string_view name) {
    (out += before) += '"';
    before = ',';
    out.append(name).append("\":");
  };
  const auto text = [&](std::string_view value) {
    const auto size = out.size();
    if (!append_canonical_text(value, out)) {
      out.resize(size);
      out += to_text(json(value)); // not UTF-8: replaced rather than refused
    }
  };
  const auto put = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) {
      key(name);
      text(value);
    }
  };
  put("caseid", e.case_id);
  if (!e.causes.empty()) {
    key("causes");
    char separator = '[';
    for (const auto cause : e.causes) {
      (out += separator) += std::to_string(cause);
      separator = ',';
    }
    out += ']';
  }
  key("data");
  out += e.data.empty() ? "null" : e.data;
  key("datacontenttype");
  out += "\"application/json\"";
  put("dataschema", e.dataschema);
  put("id", e.id);
  if (!e.labels.empty()) {
    key("labels");
    char separator = '[';
    for (const auto& label : e.labels) {
      out += separator;
      text(label);
      separator = ',';
    }
    out += ']';
  }
  put("site", e.site);
  put("source", e.source);
  key("specversion");
  out += "\"1.0\"";
  put("subject", e.subject);
  put("tenant", e.tenant);
  put("time", to_rfc3339(e.time));
  put("traceparent", e.traceparent);
  put("type", e.type);
  out += '}';
  return out;
}

result<envelope> envelope_from_json(const json& value) {
  envelope e;
  for (const auto& [name, target] :
       {std::pair<const char*, std::string*>{"id", &e.id},
        {"source", &e.source},
        {"type", &e.type}}) {
    *target = text_or(value, name);
    if (target->empty()) {
      return error(errc::schema, "a CloudEvents event needs the attribute").at("field", name);
    }
  }
  const auto time = parse_rfc3339(text_or(value, "time"));
  if (!time) {
    return error(time.error()).at("field", "time");
  }
  e.time = *time;
  e.subject = text_or(value, "subject");
  e.dataschema = text_or(value, "dataschema");
  e.tenant = text_or(value, "tenant");
  e.site = text_or(value, "site");
  e.case_id = text_or(value, "caseid");
  e.traceparent = text_or(value, "traceparent");
  if (const auto* labels = find_pointer(value, "/labels"); labels && labels->is_array()) {
    for (const auto& label : *labels) {
      if (!label.is_string()) {
        return error(errc::schema, "a label is a string").at("field", "labels");
      }
      e.labels.push_back(label.get<std::string>());
    }
  }
  if (const auto* causes = find_pointer(value, "/causes"); causes && causes->is_array()) {
    for (const auto& cause : *causes) {
      if (!cause.is_number_unsigned()) {
        return error(errc::schema, "a cause is a record number").at("field", "causes");
      }
      e.causes.push_back(cause.get<std::uint64_t>());
    }
  }
  const auto* data = find_pointer(value, "/data");
  e.data = data != nullptr ? to_text(*data) : "null";
  return e;
}

} // namespace crossdock
