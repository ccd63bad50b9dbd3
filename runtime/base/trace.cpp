#include "base/trace.hpp"

#include <algorithm>

namespace crossdock {
namespace {

// "00-" 32 digits "-" 16 digits "-" 2 digits
constexpr std::size_t trace_at = 3;
constexpr std::size_t trace_digits = 32;
constexpr std::size_t span_at = trace_at + trace_digits + 1;
constexpr std::size_t span_digits = 16;
constexpr std::size_t flags_at = span_at + span_digits + 1;
constexpr std::size_t length = flags_at + 2;

bool is_digit(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

bool is_id(std::string_view digits) noexcept {
  return std::all_of(digits.begin(), digits.end(), is_digit) &&
         digits.find_first_not_of('0') != std::string_view::npos;
}

void write_hex(char* out, std::uint64_t value) noexcept {
  static constexpr char digits[] = "0123456789abcdef";
  for (std::size_t i = span_digits; i-- > 0; value >>= 4) {
    out[i] = digits[value & 15];
  }
}

} // namespace

bool valid_traceparent(std::string_view text) noexcept {
  return text.size() == length && text.starts_with("00-") && text[span_at - 1] == '-' &&
         text[flags_at - 1] == '-' && is_id(text.substr(trace_at, trace_digits)) &&
         is_id(text.substr(span_at, span_digits)) && is_digit(text[flags_at]) &&
         is_digit(text[flags_at + 1]);
}

std::string_view trace_id_of(std::string_view traceparent) noexcept {
  return traceparent.size() == length ? traceparent.substr(trace_at, trace_digits)
                                      : std::string_view{};
}

void trace_source::next(std::string& traceparent) {
  if (!valid_traceparent(traceparent)) {
    // Flag 01: recorded, since everything here is.
    traceparent.assign("00-00000000000000000000000000000000-0000000000000000-01");
    write_hex(traceparent.data() + trace_at, draw());
    write_hex(traceparent.data() + trace_at + trace_digits / 2, draw());
  }
  write_hex(traceparent.data() + span_at, draw());
}

std::uint64_t trace_source::draw() {
  std::uint64_t value = 0;
  while (value == 0) { // an id of zeroes means none
    value = random_.next();
  }
  return value;
}

} // namespace crossdock
