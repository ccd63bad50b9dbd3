#include "base/decimal.hpp"

#include <limits>

namespace crossdock {
namespace {

using wide = __int128;

result<decimal> narrow(wide micros) {
  if (micros > std::numeric_limits<std::int64_t>::max() ||
      micros < std::numeric_limits<std::int64_t>::min()) {
    return error(errc::limit, "the number does not fit into a decimal of 9.2e12");
  }
  return decimal::from_micros(static_cast<std::int64_t>(micros));
}

} // namespace

result<decimal> decimal::parse(std::string_view text) {
  const auto bad = [&](const char* why) {
    return error(errc::malformed, "\"" + std::string(text.substr(0, 40)) +
                                    "\" is not a decimal number: " + why);
  };
  std::string_view rest = text;
  const bool negative = !rest.empty() && rest.front() == '-';
  if (negative) {
    rest.remove_prefix(1);
  }
  wide value = 0;
  int whole = 0;
  int decimals = -1;
  for (const char c : rest) {
    if (c == '.') {
      if (decimals >= 0 || whole == 0) {
        return bad("misplaced point");
      }
      decimals = 0;
      continue;
    }
    if (c < '0' || c > '9') {
      return bad("only digits, one point and a leading minus are allowed");
    }
    if (decimals >= 0) {
      if (++decimals > 6) {
        return bad("more than six decimals");
      }
    } else if (++whole > 13) {
      return error(errc::limit, "\"" + std::string(text.substr(0, 40)) + "\" is too large");
    }
    value = value * 10 + (c - '0');
  }
  if (whole == 0 || decimals == 0) {
    return bad("digits are missing");
  }
  for (int i = decimals < 0 ? 0 : decimals; i < 6; ++i) {
    value *= 10;
  }
  return narrow(negative ? -value : value);
}

std::string decimal::str() const {
  const bool negative = micros_ < 0;
  const auto magnitude = negative ? std::uint64_t{0} - static_cast<std::uint64_t>(micros_)
                                  : static_cast<std::uint64_t>(micros_);
  std::string text = std::to_string(magnitude / scale);
  std::string fraction = std::to_string(magnitude % scale);
  fraction.insert(0, 6 - fraction.size(), '0');
  while (!fraction.empty() && fraction.back() == '0') {
    fraction.pop_back();
  }
  if (!fraction.empty()) {
    text += "." + fraction;
  }
  return negative ? "-" + text : text;
}

result<decimal> decimal::plus(decimal other) const {
  return narrow(wide{micros_} + other.micros_);
}

result<decimal> decimal::minus(decimal other) const {
  return narrow(wide{micros_} - other.micros_);
}

result<decimal> decimal::times(decimal other) const {
  const wide product = wide{micros_} * other.micros_;
  wide quotient = product / scale;
  const wide twice = (product % scale) * 2;
  const wide magnitude = twice < 0 ? -twice : twice;
  if (magnitude > scale || (magnitude == scale && quotient % 2 != 0)) {
    quotient += product < 0 ? -1 : 1;
  }
  return narrow(quotient);
}

result<money> money::parse(std::string_view text) {
  const auto space = text.find(' ');
  if (space == std::string_view::npos) {
    return error(errc::malformed, "\"" + std::string(text.substr(0, 40)) +
                                    "\" is not an amount like \"1500.00 EUR\"");
  }
  auto amount = decimal::parse(text.substr(0, space));
  if (!amount) {
    return std::move(amount).error();
  }
  const std::string_view code = text.substr(space + 1);
  if (code.size() != 3 ||
      code.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") != std::string_view::npos) {
    return error(errc::malformed,
                 "\"" + std::string(code.substr(0, 40)) + "\" is not an ISO 4217 currency");
  }
  return money{*amount, std::string(code)};
}

} // namespace crossdock
