/// Reads that may fail, and settings that may be left out.
#pragma once

#include <crossdock/event.hpp>

namespace crossdock::trade {

/// Whether a read that failed so may succeed a little later.
inline bool passing(cdk_status status) {
  return status == CDK_TOOL_TRANSIENT || status == CDK_TOOL_UNKNOWN ||
         status == CDK_TOOL_CONFLICT || status == CDK_E_DEADLINE || status == CDK_E_RETRY;
}

/// Takes what the configuration says of `name`; leaves `into` alone if it is silent.
template <class T>
void take(const sdk::json& config, const char* name, T& into) {
  into = config.value(name, into);
}

/// The date `days` before an instant, both in UTC.
inline std::string days_before(const std::string& instant, int days) {
  return sdk::date_of(sdk::parse_instant(instant) -
                      std::int64_t{days} * 86'400'000'000'000);
}

} // namespace crossdock::trade
