/// The JSON type of the SDK, and the errors that its functions throw. Header-only, C++17.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <crossdock/abi.h>

namespace crossdock::sdk::detail {
/// A wrong use of JSON (reading an absent member of a const object) is an exception in a
/// plugin, never undefined behaviour: the barrier turns it into a failed step.
[[noreturn]] inline void json_misuse(const char* condition) {
  throw std::logic_error{std::string{"JSON used wrongly: "} + condition};
}
} // namespace crossdock::sdk::detail

#ifndef JSON_ASSERT
#define JSON_ASSERT(condition)                                                           \
  ((condition) ? static_cast<void>(0) : ::crossdock::sdk::detail::json_misuse(#condition))
#endif
#include <nlohmann/json.hpp>

namespace crossdock::sdk {

using json = nlohmann::json;

// -- what a handler may throw ----------------------------------------------------------

/// Passing trouble: the step is undone and the event comes again after a backoff.
class retry_later : public std::runtime_error {
public:
  explicit retry_later(const std::string& why, std::uint32_t after_ms = 0)
      : std::runtime_error{why}, after_ms_{after_ms} {}
  std::uint32_t after_ms() const noexcept { return after_ms_; }

private:
  std::uint32_t after_ms_;
};

/// The message is wrong and will not get better: dead letter, with this reason.
class reject : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// The instance cannot go on: it is created anew and gets the event once more.
class fatal : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// The configuration is unusable; text names the member and the remedy.
class bad_config : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// A host function said no.
class host_error : public std::runtime_error {
public:
  host_error(cdk_status code, const std::string& what)
      : std::runtime_error{what}, code_{code} {}
  cdk_status code() const noexcept { return code_; }

private:
  cdk_status code_;
};

/// The name of a status or tool outcome, for texts.
inline const char* status_name(cdk_status status) {
  switch (status) {
  case CDK_OK:
    return "ok";
  case CDK_PENDING:
    return "pending";
  case CDK_SKIPPED:
    return "skipped";
  case CDK_E_RETRY:
    return "retry";
  case CDK_E_REJECT:
    return "reject";
  case CDK_E_FATAL:
    return "fatal";
  case CDK_E_DENIED:
    return "not granted";
  case CDK_E_LIMIT:
    return "limit exceeded";
  case CDK_E_DEADLINE:
    return "deadline passed";
  case CDK_E_CANCELLED:
    return "cancelled";
  case CDK_E_VERSION:
    return "unreadable version";
  case CDK_E_EXCEPTION:
    return "exception";
  case CDK_E_ABSENT:
    return "absent";
  case CDK_E_INVALID:
    return "invalid argument";
  case CDK_TOOL_REFUSED:
    return "refused";
  case CDK_TOOL_NEEDS_PERSON:
    return "needs a person";
  case CDK_TOOL_CONFLICT:
    return "conflict";
  case CDK_TOOL_AUTH:
    return "credentials refused";
  case CDK_TOOL_TRANSIENT:
    return "transient";
  case CDK_TOOL_UNKNOWN:
    return "unknown";
  case CDK_TOOL_NOT_FOUND:
    return "not found";
  default:
    return "unknown status";
  }
}

/// What a tool says of a call: the ABI's outcomes by name, for step::reply.
enum class outcome : cdk_status {
  ok = CDK_TOOL_OK,
  refused = CDK_TOOL_REFUSED,
  needs_person = CDK_TOOL_NEEDS_PERSON,
  conflict = CDK_TOOL_CONFLICT,
  auth = CDK_TOOL_AUTH,
  transient = CDK_TOOL_TRANSIENT,
  unknown = CDK_TOOL_UNKNOWN,
  not_found = CDK_TOOL_NOT_FOUND,
  // For questions that this agent cannot answer:
  absent = CDK_E_ABSENT,
  invalid = CDK_E_INVALID,
};

namespace detail {

inline cdk_str str(std::string_view text) {
  return {text.data(), text.size()};
}
inline cdk_bytes bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view view(cdk_str s) {
  return s.ptr ? std::string_view{s.ptr, static_cast<std::size_t>(s.len)}
               : std::string_view{};
}
inline std::string_view view(cdk_bytes b) {
  return b.ptr ? std::string_view{reinterpret_cast<const char*>(b.ptr),
                                  static_cast<std::size_t>(b.len)}
               : std::string_view{};
}

/// Throws host_error unless the host did it.
inline void require(cdk_status status, std::string_view action, std::string_view object) {
  if (status < 0)
    throw host_error{status, std::string{action} + " " + std::string{object} + ": " +
                                 status_name(status)};
}

} // namespace detail
} // namespace crossdock::sdk
