#include "host/step.hpp"

#include <algorithm>
#include <cmath>

namespace crossdock::host {
namespace {

/// A day: nothing of an agent's waits longer than that without a durable timer.
constexpr std::uint64_t timeout_ms_max = 24ull * 3600 * 1000;
/// Ten years, so that a delay cannot overflow a timestamp.
constexpr std::uint64_t delay_ms_max = 10ull * 366 * 24 * 3600 * 1000;

std::chrono::milliseconds timeout_of(std::uint64_t ms) {
  return std::chrono::milliseconds(
    static_cast<std::int64_t>(std::min(ms == 0 ? 30'000 : ms, timeout_ms_max)));
}

/// Which of the three it is that withholds `name`.
std::string not_allowed(const component& c, trust::right kind, const std::string& name) {
  const auto what = std::string(" that it ") +
                    trust::right_names[static_cast<std::size_t>(kind)] + " " + name;
  if (c.kept_by_grant.of(kind).contains(name)) {
    return "its grant in the node's configuration does not allow" + what;
  }
  if (c.kept_by_cap.of(kind).contains(name)) {
    return "the cap of the key that signed it does not allow" + what;
  }
  return "the manifest does not declare" + what;
}

/// A sum that a liar's lengths do not wrap around.
std::uint64_t together(std::initializer_list<std::uint64_t> sizes) {
  std::uint64_t sum = 0;
  for (const auto n : sizes) {
    sum = n > UINT64_MAX - sum ? UINT64_MAX : sum + n;
  }
  return sum;
}

} // namespace

step::step(std::shared_ptr<const component> what, std::shared_ptr<const catalogue> words,
           std::uint64_t first_request, std::shared_ptr<random_source> random,
           std::shared_ptr<const memory_view> memory, std::size_t memory_bytes, timestamp now)
  : component_(std::move(what)),
    words_(std::move(words)),
    first_request_(first_request),
    next_request_(first_request),
    random_(std::move(random)),
    memory_(std::move(memory)),
    memory_bytes_(memory_bytes),
    now_us_(now.time_since_epoch().count()) {}

cdk_status step::refuse(cdk_status code, std::string why) {
  if (refusals.size() < 16) {
    refusals.push_back(std::move(why));
  }
  return code;
}

cdk_status step::room_for(std::uint64_t bytes, std::string_view what) {
  if (abandoned) {
    return CDK_E_CANCELLED;
  }
  const auto& l = component_->limits;
  if (effects.size() >= l.effects_max) {
    return refuse(CDK_E_LIMIT, "more than " + std::to_string(l.effects_max) +
                                 " effects in one step");
  }
  if (bytes > l.payload_bytes_max || bytes > l.effect_bytes_max - effect_bytes_) {
    return refuse(CDK_E_LIMIT, std::string(what) + " of " + std::to_string(bytes) +
                                 " bytes is beyond the limit");
  }
  effect_bytes_ += bytes;
  return CDK_OK;
}

result<payload> step::read(cdk_bytes bytes) const {
  auto parsed = parse_json(view(bytes), {.bytes = component_->limits.payload_bytes_max});
  if (!parsed) {
    return std::move(parsed).error();
  }
  return host::payload{std::string(view(bytes)),
                       std::make_shared<const json>(std::move(*parsed))};
}

cdk_status step::send(cdk_str topic, cdk_str id, cdk_str key, cdk_bytes payload) {
  if (const auto s = room_for(together({topic.len, payload.len, id.len, key.len}), "an event"); s != CDK_OK) {
    return s;
  }
  const std::string name(view(topic));
  if (!component_->produces.contains(name)) {
    return refuse(CDK_E_DENIED, not_allowed(*component_, trust::right::produces, name));
  }
  auto body = read(payload);
  if (!body) {
    return refuse(CDK_E_INVALID, "event " + name + ": " + body.error().describe());
  }
  std::string partition(view(key));
  // What a connector posts is judged by intake, which quarantines instead of refusing.
  if (!component_->connector) {
    if (auto valid = words_->check(name, *body->document); !valid) {
      return refuse(CDK_E_INVALID, valid.error().describe());
    }
    if (partition.empty()) {
      partition = apply_key(words_->find(name)->key, *body->document);
    }
  }
  effects.emplace_back(
    send_effect{name, std::string(view(id)), std::move(partition), std::move(*body)});
  return CDK_OK;
}

cdk_status step::ask(cdk_str question, cdk_bytes payload, std::uint64_t timeout_ms,
                     cdk_bytes tag, std::uint64_t* request) {
  if (const auto s = room_for(together({question.len, payload.len, tag.len}), "a question"); s != CDK_OK) {
    return s;
  }
  const std::string name(view(question));
  if (!component_->may_ask.contains(name)) {
    return refuse(CDK_E_DENIED, not_allowed(*component_, trust::right::asks, name));
  }
  auto body = read(payload);
  if (!body) {
    return refuse(CDK_E_INVALID, "question " + name + ": " + body.error().describe());
  }
  if (auto valid = words_->check(name, *body->document); !valid) {
    return refuse(CDK_E_INVALID, valid.error().describe());
  }
  ask_effect e{next_request_++, name, std::move(*body),
               timeout_of(timeout_ms), std::string(view(tag))};
  if (request != nullptr) {
    *request = e.request;
  }
  effects.emplace_back(std::move(e));
  return CDK_OK;
}

cdk_status step::call(cdk_str tool, cdk_bytes args, std::uint64_t timeout_ms, cdk_bytes tag,
                      std::uint64_t* request) {
  if (const auto s = room_for(together({tool.len, args.len, tag.len}), "a call"); s != CDK_OK) {
    return s;
  }
  const std::string name(view(tool));
  if (!component_->may_call.contains(name)) {
    return refuse(CDK_E_DENIED, not_allowed(*component_, trust::right::calls, name));
  }
  const auto* entry = words_->find(name);
  if (entry == nullptr || entry->write) {
    return refuse(CDK_E_DENIED, name + " writes: it is proposed, never called");
  }
  auto body = read(args);
  if (!body) {
    return refuse(CDK_E_INVALID, "call of " + name + ": " + body.error().describe());
  }
  if (auto valid = words_->check(name, *body->document); !valid) {
    return refuse(CDK_E_INVALID, valid.error().describe());
  }
  call_effect e{next_request_++, name, std::move(*body),
                timeout_of(timeout_ms), std::string(view(tag))};
  if (request != nullptr) {
    *request = e.request;
  }
  effects.emplace_back(std::move(e));
  return CDK_OK;
}

cdk_status step::reply(std::uint64_t token, cdk_status code, cdk_bytes payload) {
  if (const auto s = room_for(payload.len, "an answer"); s != CDK_OK) {
    return s;
  }
  auto body = read(payload.len == 0 ? to_abi_bytes("{}") : payload);
  if (!body) {
    return refuse(CDK_E_INVALID, "answer: " + body.error().describe());
  }
  reply_effect e{token, code, std::move(*body), "", {}};
  if (component_->connector) {
    e.system = text_or(*e.payload.document, "system");
    if (auto t = parse_rfc3339(text_or(*e.payload.document, "as_of")); t && !e.system.empty()) {
      e.as_of = *t;
    }
  }
  effects.emplace_back(std::move(e));
  return CDK_OK;
}

cdk_status step::timer(std::uint64_t delay_ms, cdk_bytes tag, std::uint64_t* request) {
  if (const auto s = room_for(tag.len, "a timer"); s != CDK_OK) {
    return s;
  }
  timer_effect e{next_request_++,
                 std::chrono::milliseconds(
                   static_cast<std::int64_t>(std::min(delay_ms, delay_ms_max))),
                 std::string(view(tag))};
  if (request != nullptr) {
    *request = e.request;
  }
  effects.emplace_back(std::move(e));
  return CDK_OK;
}

cdk_status step::cancel(std::uint64_t request) {
  if (const auto s = room_for(0, "a cancellation"); s != CDK_OK) {
    return s;
  }
  effects.emplace_back(cancel_effect{request});
  return CDK_OK;
}

double step::cost() const {
  std::size_t bytes = effect_bytes_;
  for (const auto& [key, value] : changes) {
    bytes += key.size() + (value ? value->bytes.size() : 0);
  }
  return 1 + static_cast<double>(effects.size() + changes.size() + bytes / 1024);
}

cdk_status step::random(void* out, std::uint64_t len) {
  if (abandoned) {
    return CDK_E_CANCELLED;
  }
  if (len > 4096) {
    return refuse(CDK_E_LIMIT, "more than 4096 random bytes at once");
  }
  auto* bytes = static_cast<std::uint8_t*>(out);
  for (std::uint64_t i = 0; i < len; i += 8) {
    const auto word = random_->next();
    for (std::uint64_t j = 0; j < 8 && i + j < len; ++j) {
      bytes[i + j] = static_cast<std::uint8_t>(word >> (8 * j));
    }
  }
  return CDK_OK;
}

cdk_status step::propose(const cdk_proposal* p, std::uint64_t* request) {
  const std::string name(view(p->tool));
  if (!component_->proposes.contains(name)) {
    return refuse(CDK_E_DENIED, not_allowed(*component_, trust::right::proposes, name));
  }
  if (!std::isfinite(p->confidence) || p->confidence < 0 || p->confidence > 1) {
    return refuse(CDK_E_INVALID, "confidence is a number from 0 to 1");
  }
  if (const auto s = room_for(together({p->args.len, p->evidence.len, p->rationale.len, p->rationale_facts.len,
                                         p->tag.len, p->basis.len, p->alternatives.len,
                                         p->expected_value.len, p->if_nothing_is_done.len}),
                              "a proposal");
      s != CDK_OK) {
    return s;
  }
  auto args = read(p->args);
  if (!args) {
    return refuse(CDK_E_INVALID, "proposal of " + name + ": " + args.error().describe());
  }
  if (auto valid = words_->check(name, *args->document); !valid) {
    return refuse(CDK_E_INVALID, valid.error().describe());
  }
  const auto array = [&](cdk_bytes b) {
    auto v = read(b);
    return v && v->document->is_array() ? *v->document : json::array();
  };
  const auto object = [&](cdk_bytes b) {
    auto v = read(b);
    return v && v->document->is_object() ? *v->document : json::object();
  };
  // The host fills the text's braces, so that each number of it is a fact with a source.
  const auto facts = array(p->rationale_facts);
  std::string text;
  std::size_t next = 0;
  const auto pattern = view(p->rationale);
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern.substr(i, 2) == "{}" && next < facts.size()) {
      const auto& value = facts[next].contains("value") ? facts[next]["value"] : facts[next];
      text += value.is_string() ? value.get<std::string>() : to_text(value);
      ++next;
      ++i;
    } else {
      text += pattern[i];
    }
  }
  json body{{"tool", name},
            {"args", *args->document},
            {"confidence_permille", static_cast<int>(std::lround(p->confidence * 1000))},
            {"basis", object(p->basis)},
            {"rationale", json::array({text})},
            {"facts", array(p->evidence)},
            {"alternatives", array(p->alternatives)},
            {"expected_value", object(p->expected_value)},
            {"if_nothing_is_done", std::string(view(p->if_nothing_is_done))},
            {"object_key", std::string(view(p->object_key))},
            {"expires_s", p->expires_s}};
  if (p->amount.len > 0) {
    body["amount"] = {{"amount", std::string(view(p->amount))},
                      {"currency", std::string(view(p->currency))}};
  }
  propose_effect e{next_request_++, std::move(body), std::string(view(p->tag))};
  if (request != nullptr) {
    *request = e.request;
  }
  effects.emplace_back(std::move(e));
  return CDK_OK;
}

// -- memory: reads see the changes of this step ----------------------------------------------

cdk_status step::memory_get(cdk_str key, cdk_bytes* out) {
  if (abandoned) {
    return CDK_E_CANCELLED;
  }
  const std::string name(view(key));
  if (const auto it = changes.find(name); it != changes.end()) {
    if (!it->second) {
      return CDK_E_ABSENT;
    }
    *out = to_abi_bytes(it->second->bytes);
    return CDK_OK;
  }
  const auto it = memory_->find(name);
  if (it == memory_->end() || !lives(it->second)) {
    return CDK_E_ABSENT;
  }
  *out = to_abi_bytes(it->second.bytes);
  return CDK_OK;
}

cdk_status step::memory_put(cdk_str key, cdk_bytes value, std::uint64_t ttl_s) {
  if (abandoned) {
    return CDK_E_CANCELLED;
  }
  const auto& l = component_->limits;
  if (key.len == 0 || key.len > 512 || value.len > l.memory_value_bytes_max) {
    return refuse(CDK_E_LIMIT, "a memory key has 1 to 512 bytes, a value at most " +
                                 std::to_string(l.memory_value_bytes_max));
  }
  std::size_t bytes = memory_bytes_ + key.len + value.len;
  if (const auto it = memory_->find(std::string(view(key))); it != memory_->end()) {
    bytes -= it->first.size() + it->second.bytes.size();
  }
  if (bytes > l.memory_bytes_max) {
    return refuse(CDK_E_LIMIT, "the component's memory is full (" +
                                 std::to_string(l.memory_bytes_max) + " bytes)");
  }
  memory_bytes_ += key.len + value.len;
  constexpr std::uint64_t ttl_s_max = 10ull * 366 * 24 * 3600;
  const auto life_us = static_cast<std::int64_t>(std::min(ttl_s, ttl_s_max)) * 1'000'000;
  changes[std::string(view(key))] =
    memory_value{std::string(view(value)), ttl_s == 0 ? 0 : now_us_ + life_us};
  return CDK_OK;
}

cdk_status step::memory_del(cdk_str key) {
  if (abandoned) {
    return CDK_E_CANCELLED;
  }
  changes[std::string(view(key))] = std::nullopt;
  return CDK_OK;
}

cdk_status step::memory_scan(cdk_str prefix, void* ctx,
                             std::int32_t (*visit)(void*, cdk_str, cdk_bytes)) {
  if (abandoned) {
    return CDK_E_CANCELLED;
  }
  const std::string start(view(prefix));
  memory_view merged;
  for (auto it = memory_->lower_bound(start);
       it != memory_->end() && it->first.starts_with(start); ++it) {
    if (lives(it->second)) {
      merged.insert(*it);
    }
  }
  for (auto it = changes.lower_bound(start);
       it != changes.end() && it->first.starts_with(start); ++it) {
    if (it->second) {
      merged[it->first] = *it->second;
    } else {
      merged.erase(it->first);
    }
  }
  for (const auto& [key, value] : merged) {
    if (visit(ctx, to_abi(key), to_abi_bytes(value.bytes)) != 0) {
      break;
    }
  }
  return CDK_OK;
}

} // namespace crossdock::host
