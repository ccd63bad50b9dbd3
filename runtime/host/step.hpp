/// One call of handle(): the event as the plugin sees it, and what the plugin asked for.
#pragma once

#include "base/catalogue.hpp"
#include "base/clock.hpp"
#include "crossdock/abi.h"
#include "host/component.hpp"

#include <atomic>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace crossdock::host {

// -- what a plugin may ask for in a step
// -----------------------------------------------------

/// JSON as the plugin gave it, and as it was parsed when it was checked.
struct payload {
  std::string text;
  std::shared_ptr<const json> document;
};

struct send_effect {
  std::string topic;
  std::string id;
  std::string key;
  host::payload payload;
};
struct ask_effect {
  std::uint64_t request = 0;
  std::string question;
  host::payload payload;
  std::chrono::milliseconds timeout{0};
  std::string tag;
};
struct call_effect {
  std::uint64_t request = 0;
  std::string tool;
  host::payload args;
  std::chrono::milliseconds timeout{0};
  std::string tag;
};
struct reply_effect {
  std::uint64_t token = 0;
  std::int32_t status = 0;
  host::payload payload;
  /// Of a connector's answer: which system speaks, and what time it is there.
  std::string system;
  std::optional<timestamp> as_of;
};
struct timer_effect {
  std::uint64_t request = 0;
  std::chrono::milliseconds delay{0};
  std::string tag;
};
struct cancel_effect {
  std::uint64_t request = 0;
};
struct propose_effect {
  std::uint64_t request = 0;
  json proposal;
  std::string tag;
};
using effect = std::variant<send_effect, ask_effect, call_effect, reply_effect,
                            timer_effect, cancel_effect, propose_effect>;

struct memory_value {
  std::string bytes;
  std::int64_t expires_us = 0; ///< microseconds since the epoch; 0: never
};
using memory_view = std::map<std::string, memory_value>;
/// A change of memory; no value: deleted.
using memory_changes = std::map<std::string, std::optional<memory_value>>;

/// Lives for one handle(). The functions of the host's table write into it.
class step {
public:
  /// Its requests are numbered from `first_request`; limits.effects_max numbers are its
  /// own.
  step(std::shared_ptr<const component> what, std::shared_ptr<const catalogue> words,
       std::uint64_t first_request, std::shared_ptr<random_source> random,
       std::shared_ptr<const memory_view> memory, std::size_t memory_bytes,
       timestamp now);
  virtual ~step() = default;
  step(const step&) = delete;
  step& operator=(const step&) = delete;

  // -- called by the plugin, through the host's table; in a process of its own each call
  // is
  //    checked there, told, and checked again here
  //    ------------------------------------------
  virtual cdk_status send(cdk_str topic, cdk_str id, cdk_str key, cdk_bytes payload);
  virtual cdk_status ask(cdk_str question, cdk_bytes payload, std::uint64_t timeout_ms,
                         cdk_bytes tag, std::uint64_t* request);
  virtual cdk_status call(cdk_str tool, cdk_bytes args, std::uint64_t timeout_ms,
                          cdk_bytes tag, std::uint64_t* request);
  virtual cdk_status reply(std::uint64_t token, cdk_status status, cdk_bytes payload);
  virtual cdk_status timer(std::uint64_t delay_ms, cdk_bytes tag, std::uint64_t* request);
  virtual cdk_status cancel(std::uint64_t request);
  cdk_status random(void* out, std::uint64_t len);
  virtual cdk_status propose(const cdk_proposal* p, std::uint64_t* request);
  cdk_status memory_get(cdk_str key, cdk_bytes* out);
  virtual cdk_status memory_put(cdk_str key, cdk_bytes value, std::uint64_t ttl_s);
  virtual cdk_status memory_del(cdk_str key);
  cdk_status memory_scan(cdk_str prefix, void* ctx,
                         std::int32_t (*visit)(void*, cdk_str, cdk_bytes));

  // -- read by the shell, after handle() returned
  // ----------------------------------------------
  std::vector<effect> effects;
  memory_changes changes;
  std::vector<std::string> refusals; ///< what the host did not accept, for the log
  cdk_status status = CDK_OK;
  std::string message;
  std::uint32_t retry_after_ms = 0;
  /// Set when the shell gives the step up: every host function answers CANCELLED from
  /// then on.
  std::atomic<bool> abandoned{false};

  std::uint64_t first_request() const { return first_request_; }
  /// For the random numbers of a plugin that runs elsewhere.
  std::uint64_t seed() { return random_->next(); }
  timestamp now() const { return timestamp(std::chrono::microseconds(now_us_)); }
  const memory_view& memory() const { return *memory_; }
  /// What recording it costs: one for the step, for each effect and change, and for each
  /// KiB of them.
  double cost() const;

private:
  cdk_status refuse(cdk_status code, std::string why);
  cdk_status room_for(std::uint64_t bytes, std::string_view what);
  result<payload> read(cdk_bytes bytes) const;
  bool lives(const memory_value& v) const {
    return v.expires_us == 0 || v.expires_us > now_us_;
  }

  std::shared_ptr<const component> component_;
  std::shared_ptr<const catalogue> words_;
  std::uint64_t first_request_;
  std::uint64_t next_request_;
  std::shared_ptr<random_source> random_;
  std::shared_ptr<const memory_view> memory_;
  std::size_t memory_bytes_;
  std::int64_t now_us_;
  std::size_t effect_bytes_ = 0;
};

/// Why a step failed, in its own words if it had any.
inline std::string why_of(const step& s) {
  return s.message.empty() ? "status " + std::to_string(s.status) : s.message;
}

inline std::string_view view(cdk_str s) {
  return s.ptr == nullptr ? std::string_view{} : std::string_view(s.ptr, s.len);
}
inline std::string_view view(cdk_bytes b) {
  return b.ptr == nullptr ? std::string_view{}
                          : std::string_view(reinterpret_cast<const char*>(b.ptr), b.len);
}
inline cdk_str to_abi(std::string_view s) {
  return {s.data(), s.size()};
}
inline cdk_bytes to_abi_bytes(std::string_view s) {
  return {reinterpret_cast<const std::uint8_t*>(s.data()), s.size()};
}

} // namespace crossdock::host

/// The opaque handle a plugin holds: the host's step.
struct cdk_step {
  crossdock::host::step* self;
};
