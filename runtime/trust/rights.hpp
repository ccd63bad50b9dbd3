/// What a component may do: what its manifest asks for, what the operator grants, what the
/// signer's key may hand out at most. Pure set algebra; what is not in the result does not
/// exist for the plugin.
#pragma once

#include "base/error.hpp"
#include "base/json.hpp"

#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace crossdock::trust {

/// The lists of a component in a manifest, by the names that they have there.
enum class right : std::size_t {
  consumes,     ///< topics it is handed
  produces,     ///< topics it sends
  answers,      ///< questions it is handed
  asks,         ///< questions it sends
  calls,        ///< tools it reads with
  proposes,     ///< tools it proposes to write with
  offers,       ///< tools it executes for others
  capabilities, ///< "tool/1", "memory/1", ...
  endpoints     ///< names of addresses that it may be connected to
};
constexpr std::size_t right_kinds = 9;
constexpr std::array<const char*, right_kinds> right_names = {
    "consumes", "produces", "answers", "asks",     "calls",
    "proposes", "offers",   "capabilities", "endpoints"};

/// One set of names per kind.
class rights {
public:
  std::set<std::string>& of(right kind) { return names_[static_cast<std::size_t>(kind)]; }
  const std::set<std::string>& of(right kind) const {
    return names_[static_cast<std::size_t>(kind)];
  }
  /// The same for loops over `right_names`.
  std::set<std::string>& at(std::size_t kind) { return names_[kind]; }
  const std::set<std::string>& at(std::size_t kind) const { return names_[kind]; }

  bool empty() const;
  bool operator==(const rights&) const = default;
  /// Everything here is also in `other`.
  bool within(const rights& other) const;
  /// What is here and not in `other`.
  rights without(const rights& other) const;
  /// {"calls": ["erp.orders.open"], ...}; kinds without names are left out.
  json to_json() const;
  /// Reads what to_json wrote; anything else in it is left out.
  static rights from_json(const json& object);

private:
  std::array<std::set<std::string>, right_kinds> names_;
};

/// What the manifest's entry of one component asks for.
rights asked_by(const json& component);

/// The most that a key's plugins may do. A word is a name, or "erp.orders.*" for every name
/// that begins with "erp.orders.", or "*".
class cap {
public:
  /// Allows nothing.
  cap() = default;
  static cap everything();
  /// Errors: invalid, naming the word, if it is none.
  result<void> allow(std::size_t kind, const std::string& word);
  bool is_everything() const { return everything_; }
  bool allows(std::size_t kind, std::string_view name) const;
  /// Allows what both allow.
  friend cap operator&(const cap& a, const cap& b);

private:
  using words = std::array<std::set<std::string>, right_kinds>;
  bool everything_ = false;
  std::vector<words> all_of_; ///< a name is allowed if each of these allows it
};

/// What the operator hands to one component. A kind that is not mentioned: all the manifest asks
/// for; endpoints are never handed out unless they are mentioned, because each needs an address.
struct grant {
  std::array<std::optional<std::set<std::string>>, right_kinds> names;
  std::map<std::string, std::string> endpoints; ///< name -> "host:port" or "/path/of.socket"

  std::optional<std::set<std::string>>& of(right kind) {
    return names[static_cast<std::size_t>(kind)];
  }
};

struct effective_rights {
  rights held;
  rights kept_by_grant; ///< asked for, but not granted
  rights kept_by_cap;   ///< asked for and granted, but beyond the signer's cap
};

/// manifest ∩ grant ∩ cap. Never wider than any of the three; if one of them grows, so does
/// the result or it stays.
effective_rights effective(const rights& asked, const grant& granted, const cap& highest);

/// What a plugin's manifest asks for, component by component.
std::map<std::string, rights> asked_by_plugin(const json& manifest);
/// What `after` asks for and `before` did not, as sentences; empty: not wider.
std::vector<std::string> wider(const std::map<std::string, rights>& before,
                               const std::map<std::string, rights>& after);

} // namespace crossdock::trust
