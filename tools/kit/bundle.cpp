#include "kit/bundle.hpp"

#include "base/clock.hpp"
#include "kit/child.hpp"
#include "trust/safe_file.hpp"

#include <crossdock/testing.hpp>

#include <algorithm>
#include <deque>

namespace crossdock::kit {
namespace {

namespace fake = crossdock::sdk::testing;

constexpr std::size_t file_bytes_max = 64u << 20;
constexpr const char* format_name = "crossdock.repro/1";

/// Text, or {"hex": "..."} for what is none.
result<std::string> bytes_in(const json& value) {
  if (value.is_string()) {
    return value.get<std::string>();
  }
  const auto hex = value.is_object() ? text_or(value, "hex", "?") : std::string("?");
  std::string out;
  const auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    if (digit(hex[i]) < 0 || digit(hex[i + 1]) < 0) {
      break;
    }
    out += static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1]));
  }
  if (out.size() * 2 != hex.size()) {
    return error(errc::invalid, "a text or {\"hex\": \"...\"} is expected here");
  }
  return out;
}

const std::initializer_list<const char*> texts{
    "id",     "topic",           "schema",  "key",          "case_id",
    "source", "tenant",          "site",    "content_type", "traceparent",
    "labels", "idempotency_key", "payload", "tag"};

result<void> check_form(const json& b) {
  const auto wrong = [](const std::string& field, const char* why) {
    return error(errc::invalid, why).at("field", field);
  };
  if (!b.is_object() || text_or(b, "format") != format_name) {
    return wrong(
        "format",
        "this is no repro bundle: \"format\": \"crossdock.repro/1\" is expected here");
  }
  for (const auto* object : {"plugin", "config", "memory", "event", "limits"}) {
    if (!b.contains(object) || !b.at(object).is_object()) {
      return wrong(object, "an object is expected here");
    }
  }
  const auto& e = b.at("event");
  for (const auto* number :
       {"kind", "attempt", "now_ns", "token", "status", "seq", "flags"}) {
    if (!e.contains(number) || !e.at(number).is_number_integer()) {
      return wrong(std::string("event.") + number, "a number is expected here");
    }
  }
  for (const auto* text : texts) {
    if (!e.contains(text) || !bytes_in(e.at(text))) {
      return wrong(std::string("event.") + text,
                   "a text or {\"hex\": \"...\"} is expected here");
    }
  }
  for (const auto& [key, entry] : b.at("memory").items()) {
    if (!entry.is_object() || !entry.contains("value") || !bytes_in(entry.at("value"))) {
      return wrong("memory." + key, "{\"value\": ...} is expected here");
    }
  }
  return {};
}

} // namespace

result<json> read_bundle(const std::filesystem::path& file) {
  auto text = trust::read_whole_file(file, file_bytes_max, true);
  if (!text) {
    return std::move(text).error();
  }
  auto b = parse_json(*text, {.bytes = file_bytes_max});
  if (!b) {
    return std::move(b).error().at("file", file.string());
  }
  if (auto r = check_form(*b); !r) {
    return std::move(r).error().at("file", file.string());
  }
  return b;
}

unsigned patience(const json& bundle) {
  const auto ms = bundle.at("limits").value("step_ms_hard", std::int64_t{5000});
  return static_cast<unsigned>(std::clamp<std::int64_t>((ms + 1999) / 1000, 2, 3601));
}

result<json> relive(const std::string& plugin, const json& bundle, whereabouts& at) {
  try {
    const auto loaded = fake::load(plugin);
    fake::fake_node node(loaded, text_or(bundle, "component"), bundle.at("config"));
    for (const auto& [key, entry] : bundle.at("memory").items()) {
      const auto bytes = *bytes_in(entry.at("value"));
      auto parsed = json::parse(bytes, nullptr, false);
      node.memory[key] =
          parsed.is_discarded() ? json::binary({bytes.begin(), bytes.end()}) : parsed;
    }
    const auto& told = bundle.at("event");
    const auto now_ns = told.at("now_ns").get<std::int64_t>();
    node.set_now(to_rfc3339(timestamp(std::chrono::microseconds(now_ns / 1000))));
    const auto kind = told.at("kind").get<std::uint32_t>();
    if (kind != CDK_EV_START) {
      at.say("at its start");
      node.start();
    }
    at.say("in the event of the bundle");
    std::deque<std::string> kept;
    const auto text = [&](const char* name) -> const std::string& {
      return kept.emplace_back(*bytes_in(told.at(name)));
    };
    const auto str = [&](const char* name) {
      const auto& t = text(name);
      return cdk_str{t.data(), t.size()};
    };
    auto e = node.event(kind);
    e.flags = told.at("flags").get<std::uint32_t>();
    e.attempt = told.at("attempt").get<std::uint32_t>();
    e.seq = told.at("seq").get<std::uint64_t>();
    e.token = told.at("token").get<std::uint64_t>();
    e.status = told.at("status").get<cdk_status>();
    e.id = str("id");
    e.topic = str("topic");
    e.schema = str("schema");
    e.key = str("key");
    e.case_id = str("case_id");
    e.source = str("source");
    e.tenant = str("tenant");
    e.site = str("site");
    e.content_type = str("content_type");
    e.traceparent = str("traceparent");
    e.labels = str("labels");
    e.idempotency_key = str("idempotency_key");
    const auto& payload = text("payload");
    e.payload = {reinterpret_cast<const std::uint8_t*>(payload.data()), payload.size()};
    const auto& tag = text("tag");
    e.tag = {reinterpret_cast<const std::uint8_t*>(tag.data()), tag.size()};
    const auto status = node.give(e);
    json sent = json::array();
    for (const auto& s : node.sent) {
      sent.push_back({{"topic", s.topic}, {"key", s.key}, {"payload", s.payload}});
    }
    std::string failure = node.error();
    if (failure.empty() && status < 0) {
      failure = "status " + std::string(crossdock::sdk::status_name(status));
    }
    return json{{"failure", failure}, {"refusals", node.refusals}, {"sent", sent}};
  } catch (const std::exception& e) {
    return error(errc::plugin, e.what()).at("plugin", plugin);
  }
}

} // namespace crossdock::kit
