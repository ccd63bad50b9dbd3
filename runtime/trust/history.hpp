/// Which files of each plugin were staged or admitted here before: what keeps an old version and
/// a wider manifest from coming back unnoticed.
#pragma once

#include "base/clock.hpp"
#include "trust/rights.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace crossdock::trust {

/// One line of the store's journal.
struct staging {
  timestamp at{};
  std::string by;   ///< "uid 1000 (maria)", "node"
  std::string what; ///< "staged", "admitted"
  std::string id;
  std::string version;
  std::string sha256;
  std::map<std::string, rights> asks; ///< by component
  std::string standing;               ///< why it was let in: "signed by acme (0073D9CC84145968)"
  std::string downgrade_reason;       ///< of a person who allowed an older version; else empty
  std::string wider_accepted_by;      ///< the person who accepted that it asks for more

  json to_json() const;
  /// Errors: malformed.
  static result<staging> from_json(const json& object);
};

class history {
public:
  void add(staging s);

  /// The highest version of `id` ever added; empty: none.
  std::string highest(const std::string& id) const;
  /// Whether the file is at least as new as every one before it, or a person allowed exactly it
  /// since the highest was last added. What was never heard of passes.
  bool new_enough(const std::string& id, const std::string& version,
                  const std::string& sha256) const;
  /// What `asks` has beyond the file that was added last; a plugin that was never heard of, or
  /// a file that was added already, has nothing.
  std::vector<std::string> wider_than_before(const std::string& id, const std::string& sha256,
                                             const std::map<std::string, rights>& asks) const;
  bool knows(const std::string& sha256) const { return files_.contains(sha256); }
  /// Lines in their order.
  const std::vector<staging>& lines() const { return lines_; }

private:
  struct plugin {
    std::string highest;
    std::set<std::string> allowed_older; ///< SHA-256; forgotten when the highest comes back
    std::map<std::string, rights> asks;
  };
  std::map<std::string, plugin> plugins_;
  std::set<std::string> files_;
  std::vector<staging> lines_;
};

} // namespace crossdock::trust
