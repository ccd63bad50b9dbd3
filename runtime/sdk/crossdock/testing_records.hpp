/// What a fake node keeps of a component's effects, for a test to assert on. C++17.
#pragma once

#include <crossdock/plugin.hpp>

namespace crossdock::sdk::testing {

struct sent_event {
  std::string topic, id, key;
  json payload;
};
/// An ask, call, completion or search.
struct made_request {
  std::uint64_t id = 0;
  std::string kind; ///< "ask", "call", "complete", "search"
  std::string name; ///< question or tool
  json payload;
  std::string tag;
  std::int64_t due_ns = 0;
};
struct set_timer {
  std::uint64_t id = 0;
  std::int64_t due_ns = 0;
  std::string tag;
};
struct given_reply {
  std::uint64_t token = 0;
  cdk_status status = CDK_OK;
  json payload;
};
struct made_proposal {
  std::uint64_t id = 0;
  std::string tool;
  json args;
  double score = 0, confidence = 0;
  json basis;
  std::string rationale; ///< with {} still in it
  json rationale_facts, evidence, alternatives;
  std::string amount, currency;
  json expected_value;
  std::string otherwise, object_key;
  std::uint64_t expires_s = 0;
  std::string tag;
};
struct logged_line {
  level severity = level::info;
  std::string message;
  json fields;
};
struct posted_event {
  json event;
  std::string cookie;
};
/// What became of a call, lookup or question. `reply` is empty when the step failed or
/// deferred.
struct answered {
  cdk_status step = CDK_OK;
  std::string error;
  std::optional<given_reply> reply;

  /// The outcome. Throws if there is none.
  cdk_status status() const { return need().status; }
  const json& payload() const { return need().payload; }

private:
  const given_reply& need() const {
    if (!reply)
      throw std::runtime_error{"no reply; the step said " +
                               std::string{status_name(step)} +
                               (error.empty() ? "" : ": " + error)};
    return *reply;
  }
};
/// A scripted answer.
struct answer {
  json payload;
  cdk_status status = CDK_OK;
};

} // namespace crossdock::sdk::testing
