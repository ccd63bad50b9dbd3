/// What every function of the planning library answers with when an input can be wrong.
///
/// The library promises: no I/O, no clock, no global state, no exception for a bad input
/// (only for memory that cannot be had). Quantities, money and durations are `double`
/// here, because everything is a probability or a statistic; the exact decimals stay with
/// the caller, who rounds only when an action is written down.
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace crossdock::planning {

/// An input outside the domain of validity: which one, and what would have been valid.
/// Always the caller's data, never a defect of the library.
struct domain_error {
  std::string field;
  std::string message;
};

/// Either a value or the reason why there is none.
template <class T>
class [[nodiscard]] outcome {
public:
  outcome(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  outcome(domain_error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return ok(); }

  /// The value. Asking for it without `ok()` is the caller's defect and throws
  /// std::bad_variant_access, so that it can never be mistaken for a number.
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  const T* operator->() const { return &value(); }
  T value_or(T fallback) const { return ok() ? value() : std::move(fallback); }

  /// The reason; only when not `ok()`.
  const domain_error& error() const { return std::get<1>(state_); }

private:
  std::variant<T, domain_error> state_;
};

} // namespace crossdock::planning
