/// The operator's trust file: whose signatures count, for what, how long.
/// docs/reference/trust.md explains each field.
#pragma once

#include "base/clock.hpp"
#include "trust/minisign.hpp"
#include "trust/rights.hpp"

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace crossdock::trust {

enum class role { vendor, operator_ };
std::string_view to_string(role r);

/// The least isolation that plugins of a key get.
enum class isolation {
  process,   ///< a child of their own, unless the lock allows exactly this file in process
  in_process ///< the node's own process may be chosen for them
};
std::string_view to_string(isolation i);

struct trusted_key {
  std::string name; ///< for people: "acme"
  public_key key;
  role as = role::vendor;
  std::vector<std::string> id_prefixes; ///< "acme" covers the ids acme and acme.*
  cap highest;
  isolation floor = isolation::process;
  bool first_party = false; ///< runs in the node's process unless configured otherwise
  std::optional<timestamp> not_after;

  bool covers(std::string_view plugin_id) const;
};

struct revocation {
  std::string reason;
  std::string date; ///< as it is written: for people
};

struct trust_file {
  std::string file;   ///< for messages
  std::string sha256; ///< of its bytes
  std::size_t signatures_min = 1;
  std::set<role> roles_required;
  std::vector<trusted_key> keys;
  std::map<key_id, revocation> revoked_keys;
  std::map<std::string, revocation> revoked_files; ///< by SHA-256, hexadecimal

  const trusted_key* find(const key_id& id) const;

  /// Reads and checks the text. Errors: malformed, invalid, each with file, line and field.
  static result<trust_file> parse(const std::string& text, const std::filesystem::path& file);
  /// The same for a file that nobody but its owner (root or this process's user) can have
  /// written. Errors also: denied, not_found, io, limit (1 MiB).
  static result<trust_file> read(const std::filesystem::path& file);
};

} // namespace crossdock::trust
