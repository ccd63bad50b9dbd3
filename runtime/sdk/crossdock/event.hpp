/// What a handler is given: an event, and the answer to an earlier request. C++17.
#pragma once

#include <crossdock/fact.hpp>

namespace crossdock::sdk {

/// Names the question or call that a later step will answer. Goes into saved JSON and
/// comes out of it: `{"token", s.defer()}`, `saved["token"].get<reply_token>()`.
struct reply_token {
  std::uint64_t value = 0;
};
inline void to_json(json& j, const reply_token& t) {
  j = t.value;
}
inline void from_json(const json& j, reply_token& t) {
  t.value = j.get<std::uint64_t>();
}

/// One event, valid until the handler returns. Texts are views into the host's memory.
class event {
public:
  explicit event(const cdk_event& raw) : raw_{raw} {}
  event(const event&) = delete;
  event& operator=(const event&) = delete;

  // -- the envelope ---------------------------------------------------------------------
  std::uint32_t kind() const { return raw_.kind; }
  std::string topic() const { return std::string{detail::view(raw_.topic)}; }
  std::string key() const { return std::string{detail::view(raw_.key)}; }
  std::string id() const { return std::string{detail::view(raw_.id)}; }
  std::string case_id() const { return std::string{detail::view(raw_.case_id)}; }
  std::string source() const { return std::string{detail::view(raw_.source)}; }
  std::string tenant() const { return std::string{detail::view(raw_.tenant)}; }
  std::string site() const { return std::string{detail::view(raw_.site)}; }
  std::string idempotency_key() const {
    return std::string{detail::view(raw_.idempotency_key)};
  }
  std::uint64_t seq() const { return raw_.seq; }
  std::uint32_t attempt() const { return raw_.attempt; }
  bool redelivered() const { return (raw_.flags & CDK_F_REDELIVERY) != 0; }
  /// The host's recorded wall clock in nanoseconds since 1970: an agent's only clock.
  std::int64_t now() const { return raw_.now_ns; }
  /// now() as RFC 3339.
  std::string now_text() const { return rfc3339(raw_.now_ns); }
  std::int64_t deadline() const { return raw_.deadline_ns; }
  /// The id that ask(), call(), timer() or propose() returned, on their answers.
  std::uint64_t request_id() const { return raw_.token; }

  // -- results and decisions
  // --------------------------------------------------------------
  /// A status or tool outcome (abi.h) of a result; of a decision CDK_OK if it was
  /// executed.
  cdk_status status() const { return raw_.status; }
  bool ok() const { return raw_.status == CDK_OK; }
  /// The outcome in words.
  std::string status_text() const { return status_name(raw_.status); }
  /// The arguments of the tool call that this answers, empty otherwise.
  json args() const {
    const auto& t = tag();
    return t.is_object() && t.contains("args") ? t.at("args") : json::object();
  }

  // -- the payload
  // ------------------------------------------------------------------------
  /// The payload, parsed at first use; null if there is none. Throws reject if it is not
  /// JSON.
  const json& payload() const {
    if (!payload_) {
      const auto text = detail::view(raw_.payload);
      if (text.empty()) {
        payload_ = nullptr;
      } else {
        payload_ = json::parse(text.begin(), text.end(), nullptr, false);
        if (payload_->is_discarded()) {
          payload_.reset();
          throw reject{"the payload of " + topic() + " is not JSON"};
        }
      }
    }
    return *payload_;
  }
  /// A member of the payload, null if it is absent.
  const json& operator[](std::string_view member) const {
    static const json absent;
    const auto& p = payload();
    if (!p.is_object())
      return absent;
    const auto it = p.find(std::string{member});
    return it == p.end() ? absent : *it;
  }
  bool has(std::string_view member) const { return !(*this)[member].is_null(); }
  /// A text member. Throws reject that names the member if it is absent or no text.
  std::string text(std::string_view member) const {
    const auto& value = (*this)[member];
    if (!value.is_string())
      throw reject{topic() + " has no text member '" + std::string{member} + "'"};
    return value.get<std::string>();
  }
  std::string text(std::string_view member, std::string_view otherwise) const {
    return has(member) ? text(member) : std::string{otherwise};
  }
  /// A quantity or amount member (decimal text). Throws reject that names the member.
  decimal number(std::string_view member) const {
    try {
      return decimal::parse(text(member));
    } catch (const std::invalid_argument& e) {
      throw reject{topic() + "." + std::string{member} + ": " + e.what()};
    }
  }

  // -- facts
  // --------------------------------------------------------------------------------
  /// The fact at a JSON Pointer of the payload. system and as_of are those of the
  /// payload, record is that of the innermost object around it; on the answer of a tool
  /// call it also knows how to be read again. Throws reject if nothing is there.
  fact at(const std::string& pointer, std::string name, std::string unit = {}) const {
    fact f;
    const json::json_pointer where{pointer};
    const auto& root = payload();
    if (!root.contains(where))
      throw reject{topic() + " has nothing at " + pointer};
    f.name = std::move(name);
    f.value = root.at(where);
    f.unit = std::move(unit);
    f.field = where.empty() ? "" : where.back();
    f.system = root.value("system", "");
    f.as_of = root.value("as_of", now_text());
    for (auto around = where; !around.empty();) {
      around = around.parent_pointer();
      const auto& object = root.at(around);
      if (object.is_object() && object.contains("record")) {
        f.record = object.at("record").get<std::string>();
        break;
      }
    }
    if (raw_.kind == CDK_EV_RESULT && tag().is_object() && tag().contains("args"))
      f.read = fact_source{topic(), args(), pointer};
    return f;
  }
  /// The facts that the payload carries itself in `facts` or `evidence`.
  sdk::facts facts() const {
    sdk::facts all;
    for (const char* member : {"facts", "evidence"})
      for (const auto& f : (*this)[member])
        all.push_back(f.get<fact>());
    return all;
  }

  // -- for the SDK
  // ----------------------------------------------------------------------------
  /// The plugin's own bytes as they came back.
  std::string_view tag_bytes() const { return detail::view(raw_.tag); }
  /// The tag as JSON, null if it is none.
  const json& tag() const {
    if (!tag_) {
      const auto text = tag_bytes();
      tag_ = json::parse(text.begin(), text.end(), nullptr, false);
      if (tag_->is_discarded())
        tag_ = nullptr;
    }
    return *tag_;
  }
  const cdk_event& raw() const { return raw_; }

private:
  const cdk_event& raw_;
  mutable std::optional<json> payload_;
  mutable std::optional<json> tag_;
};

} // namespace crossdock::sdk
