/// Exact decimal numbers, money and quantities. A double is never money.
#pragma once

#include "base/error.hpp"

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace crossdock {

/// A number with six decimals, held as a 64-bit count of millionths: |value| < 9.2e12.
class decimal {
public:
  static constexpr std::int64_t scale = 1'000'000;

  constexpr decimal() = default;
  static constexpr decimal from_micros(std::int64_t m) { return decimal(m); }
  /// Whole units; the caller guarantees |units| < 9.2e12.
  static constexpr decimal from_units(std::int64_t u) { return decimal(u * scale); }

  /// "-12.5". No exponent, no blanks, at most six decimals. Errors: malformed, limit.
  static result<decimal> parse(std::string_view text);
  /// Shortest exact text: "12.5", "-3", "0".
  std::string str() const;

  constexpr std::int64_t micros() const { return micros_; }
  double to_double() const { return static_cast<double>(micros_) / 1e6; }

  /// Errors: limit, if the result does not fit.
  result<decimal> plus(decimal other) const;
  result<decimal> minus(decimal other) const;
  /// Rounds half to even at the sixth decimal.
  result<decimal> times(decimal other) const;

  friend constexpr auto operator<=>(decimal, decimal) = default;

private:
  constexpr explicit decimal(std::int64_t m) : micros_(m) {}
  std::int64_t micros_ = 0;
};

/// An amount in one currency (ISO 4217). Amounts of different currencies do not compare.
struct money {
  decimal amount;
  std::string currency;

  /// "1500.00 EUR".
  static result<money> parse(std::string_view text);
  std::string str() const { return amount.str() + " " + currency; }
  friend bool operator==(const money&, const money&) = default;
};

/// A count or measure with its unit as the system of record names it.
struct quantity {
  decimal value;
  std::string unit;

  std::string str() const { return value.str() + " " + unit; }
  friend bool operator==(const quantity&, const quantity&) = default;
};

} // namespace crossdock
