/// Exact decimal numbers for money and quantities. Header-only, C++17.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>

namespace crossdock::sdk {

/// A decimal with six digits after the point, held as a count of millionths.
///
/// Range: ±9 223 372 036 854.775807, which holds every value that the catalogue's
/// `decimal` and `quantity` allow. Nothing is ever rounded silently: what does not fit
/// throws std::overflow_error, text that is not a decimal throws std::invalid_argument.
class decimal {
public:
  static constexpr std::int64_t one = 1'000'000;

  constexpr decimal() = default;

  /// A whole number. Throws std::overflow_error beyond the range.
  explicit decimal(std::int64_t whole) : micros_{checked_mul(whole, one)} {}

  /// From a count of millionths.
  static constexpr decimal from_micros(std::int64_t micros) {
    decimal d;
    d.micros_ = micros;
    return d;
  }

  /// Reads "-12.5": an optional minus, 1–12 digits without leading zeros, and 1–6 more
  /// after a point. This is the catalogue's pattern.
  static decimal parse(std::string_view text) {
    const auto bad = [&] {
      return std::invalid_argument{"not a decimal number: '" + std::string{text} + "'"};
    };
    auto rest = text;
    const bool negative = !rest.empty() && rest.front() == '-';
    if (negative)
      rest.remove_prefix(1);
    const auto point = rest.find('.');
    const auto whole = rest.substr(0, point);
    if (whole.empty() || whole.size() > 12 || (whole.size() > 1 && whole.front() == '0'))
      throw bad();
    std::int64_t micros = 0;
    for (const char c : whole) {
      if (c < '0' || c > '9')
        throw bad();
      micros = micros * 10 + (c - '0');
    }
    std::string_view fraction;
    if (point != std::string_view::npos) {
      fraction = rest.substr(point + 1);
      if (fraction.empty() || fraction.size() > 6)
        throw bad();
    }
    for (std::size_t i = 0; i < 6; ++i) {
      const char c = i < fraction.size() ? fraction[i] : '0';
      if (c < '0' || c > '9')
        throw bad();
      micros = micros * 10 + (c - '0');
    }
    return from_micros(negative ? -micros : micros);
  }

  /// The nearest decimal to `value` with `digits` (0–6) after the point, ties to even.
  static decimal nearest(double value, int digits = 6) {
    std::int64_t unit = one;
    for (int i = 0; i < digits && unit > 1; ++i)
      unit /= 10;
    const double scaled = std::nearbyint(value * static_cast<double>(one / unit));
    if (!std::isfinite(scaled) || std::abs(scaled) >= 9.2e18 / static_cast<double>(unit))
      throw std::overflow_error{"a decimal holds at most 12 digits before the point"};
    return from_micros(static_cast<std::int64_t>(scaled) * unit);
  }

  constexpr std::int64_t micros() const { return micros_; }
  double to_double() const { return static_cast<double>(micros_) / one; }

  /// The whole part, rounded towards negative infinity.
  std::int64_t floor() const { return micros_ / one - (micros_ % one < 0 ? 1 : 0); }
  /// The whole part, rounded towards positive infinity.
  std::int64_t ceil() const { return micros_ / one + (micros_ % one > 0 ? 1 : 0); }

  /// The shortest text with at least `digits_min` (0–6) digits after the point.
  std::string text(int digits_min = 0) const {
    auto magnitude = micros_ < 0 ? 0 - static_cast<std::uint64_t>(micros_)
                                 : static_cast<std::uint64_t>(micros_);
    std::string fraction = std::to_string(magnitude % one + one).substr(1);
    while (fraction.size() > static_cast<std::size_t>(digits_min) &&
           fraction.back() == '0')
      fraction.pop_back();
    std::string out = micros_ < 0 ? "-" : "";
    out += std::to_string(magnitude / one);
    return fraction.empty() ? out : out + "." + fraction;
  }

  decimal& operator+=(decimal other) {
    if (__builtin_add_overflow(micros_, other.micros_, &micros_))
      throw std::overflow_error{"decimal sum out of range"};
    return *this;
  }
  decimal& operator-=(decimal other) {
    if (__builtin_sub_overflow(micros_, other.micros_, &micros_))
      throw std::overflow_error{"decimal difference out of range"};
    return *this;
  }
  decimal& operator*=(std::int64_t factor) {
    micros_ = checked_mul(micros_, factor);
    return *this;
  }
  decimal operator-() const { return decimal{} -= *this; }

  friend decimal operator+(decimal a, decimal b) { return a += b; }
  friend decimal operator-(decimal a, decimal b) { return a -= b; }
  friend decimal operator*(decimal a, std::int64_t b) { return a *= b; }
  friend decimal operator*(std::int64_t a, decimal b) { return b *= a; }

  /// The product, rounded half to even at the sixth digit: quantity × unit price.
  friend decimal operator*(decimal a, decimal b) {
    return from_wide(static_cast<wide>(a.micros_) * b.micros_, one);
  }
  /// The quotient, rounded half to even at the sixth digit. Throws std::domain_error for
  /// zero.
  friend decimal operator/(decimal a, decimal b) {
    if (b.micros_ == 0)
      throw std::domain_error{"division of a decimal by zero"};
    return from_wide(static_cast<wide>(a.micros_) * one, b.micros_);
  }

  friend constexpr bool operator==(decimal a, decimal b) {
    return a.micros_ == b.micros_;
  }
  friend constexpr bool operator!=(decimal a, decimal b) {
    return a.micros_ != b.micros_;
  }
  friend constexpr bool operator<(decimal a, decimal b) { return a.micros_ < b.micros_; }
  friend constexpr bool operator>(decimal a, decimal b) { return a.micros_ > b.micros_; }
  friend constexpr bool operator<=(decimal a, decimal b) {
    return a.micros_ <= b.micros_;
  }
  friend constexpr bool operator>=(decimal a, decimal b) {
    return a.micros_ >= b.micros_;
  }

private:
  __extension__ using wide = __int128;

  static std::int64_t checked_mul(std::int64_t a, std::int64_t b) {
    std::int64_t out = 0;
    if (__builtin_mul_overflow(a, b, &out))
      throw std::overflow_error{"decimal product out of range"};
    return out;
  }

  static decimal from_wide(wide numerator, std::int64_t denominator) {
    if (denominator < 0) {
      numerator = -numerator;
      denominator = -denominator;
    }
    wide quotient = numerator / denominator;
    wide rest = numerator % denominator;
    const bool negative = numerator < 0;
    if (negative)
      rest = -rest;
    const wide twice = rest * 2;
    if (twice > denominator || (twice == denominator && quotient % 2 != 0))
      quotient += negative ? -1 : 1;
    if (quotient > std::numeric_limits<std::int64_t>::max() ||
        quotient < std::numeric_limits<std::int64_t>::min())
      throw std::overflow_error{"decimal result out of range"};
    return from_micros(static_cast<std::int64_t>(quotient));
  }

  std::int64_t micros_ = 0;
};

} // namespace crossdock::sdk
