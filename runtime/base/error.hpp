/// Errors as values. A failed operation says what went wrong (a stable code), to a person (a
/// sentence with the remedy where there is one) and where (file, line, field, id).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace crossdock {

/// Stable numbers: they appear in JSON answers and in the ledger, and are never reused.
/// 1xx is the caller's mistake, 2xx the world's, 3xx ours.
enum class errc : std::int32_t {
  invalid = 100,     ///< an argument or a configuration value makes no sense
  malformed = 101,   ///< text that cannot be parsed
  schema = 102,      ///< well-formed, but not what the schema says
  not_found = 103,   ///< no such thing
  conflict = 104,    ///< somebody else was first, or the thing has moved on
  denied = 105,      ///< not allowed
  limit = 106,       ///< too large, too many, too deep, too fast
  version = 107,     ///< made by a version that cannot be read here
  exists = 108,      ///< there already
  unavailable = 200, ///< not reachable now
  timeout = 201,     ///< no answer in time
  io = 202,          ///< a read, write or sync failed
  disk_full = 203,   ///< no space left
  corrupt = 204,     ///< stored data does not add up
  busy = 205,        ///< in use by somebody else
  cancelled = 206,   ///< stopped before it was done
  plugin = 207,      ///< a plugin failed
  internal = 300     ///< a promise of ours does not hold
};

/// The code's name as it is written in JSON, for instance "not_found".
std::string_view to_string(errc code) noexcept;

class error {
public:
  error(errc code, std::string message) : code_(code), message_(std::move(message)) {}

  /// Adds where it happened; returns itself so that it chains: error(...).at("file", f).
  error&& at(std::string_view name, std::string value) &&;
  error& at(std::string_view name, std::string value) &;

  errc code() const noexcept { return code_; }
  const std::string& message() const noexcept { return message_; }
  const std::vector<std::pair<std::string, std::string>>& context() const noexcept {
    return context_;
  }
  /// "message (file: x.toml, line: 3)".
  std::string describe() const;

private:
  errc code_;
  std::string message_;
  std::vector<std::pair<std::string, std::string>> context_;
};

/// Either a value or an error. Ask before you take: value() on an error terminates.
template <class T>
class [[nodiscard]] result {
public:
  result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  result(crossdock::error e) : state_(std::in_place_index<1>, std::move(e)) {}

  bool ok() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return ok(); }

  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const crossdock::error& error() const& { return std::get<1>(state_); }
  crossdock::error&& error() && { return std::get<1>(std::move(state_)); }

private:
  std::variant<T, crossdock::error> state_;
};

template <>
class [[nodiscard]] result<void> {
public:
  result() = default;
  result(crossdock::error e) : error_(std::move(e)) {}

  bool ok() const noexcept { return !error_.has_value(); }
  explicit operator bool() const noexcept { return ok(); }
  const crossdock::error& error() const& { return *error_; }
  crossdock::error&& error() && { return *std::move(error_); }

private:
  std::optional<crossdock::error> error_;
};

} // namespace crossdock
