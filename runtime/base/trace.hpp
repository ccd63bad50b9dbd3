/// W3C trace context (https://www.w3.org/TR/trace-context/): which envelopes belong to
/// one story, from the event that began it to what was written because of it.
#pragma once

#include "base/clock.hpp"

#include <string>
#include <string_view>

namespace crossdock {

/// Version 00, all digits lower-case hexadecimal, neither id all zero.
bool valid_traceparent(std::string_view text) noexcept;
/// The 32 digits of its trace id; empty if it is none.
std::string_view trace_id_of(std::string_view traceparent) noexcept;

/// Makes the `traceparent` of each hop. The ids are unique, not secret. Not for two
/// threads at once.
class trace_source {
public:
  explicit trace_source(std::uint64_t seed) : random_(seed) {}
  /// The next hop of what `traceparent` names: same trace, new span. What is not valid
  /// becomes the beginning of a new trace.
  void next(std::string& traceparent);

private:
  std::uint64_t draw();
  seeded_random random_;
};

} // namespace crossdock
