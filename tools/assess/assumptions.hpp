/// What an hour, a lost sale and an expedited parcel are taken to cost: said, not
/// measured.
#pragma once

#include "base/decimal.hpp"
#include "base/error.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace crossdock::assess {

struct assumption {
  std::string key;
  decimal value;
  std::string unit;     ///< "minutes", "share", "money", "money an hour"
  std::string says;     ///< what is assumed, in a sentence
  bool changed = false; ///< by the caller
};

class assumptions {
public:
  /// The defaults, documented in docs/reference/assess.md.
  assumptions();

  /// KEY=VALUE, or the path of a TOML file with `key = value` lines. Errors: invalid (no
  /// such key, or not a number that makes sense), malformed, not_found; each names the
  /// key or file, line and field.
  result<void> read(std::string_view text);

  decimal operator[](std::string_view key) const;
  const std::vector<assumption>& all() const { return all_; }

private:
  result<void> set(std::string_view key, std::string_view value);
  result<void> read_file(const std::filesystem::path& file);

  std::vector<assumption> all_;
};

} // namespace crossdock::assess
