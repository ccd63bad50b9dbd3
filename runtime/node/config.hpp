/// The node's configuration file, read whole and checked before anything starts.
#pragma once

#include "base/error.hpp"
#include "base/json.hpp"
#include "gate/autonomy.hpp"
#include "host/isolation.hpp"
#include "trust/judge.hpp"

#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace crossdock::node {

struct component_config {
  std::string id;
  json config = json::object();
  std::string owner = {}; ///< the principal who answers for it; empty: nobody is named
  trust::grant grant = {};  ///< what it may do of what its manifest asks for
  /// Where its code runs, if the operator says so.
  std::optional<host::executor_kind> executor = {};
  std::size_t process_bytes_max = 512u << 20; ///< if it has a process of its own
  /// Steps, effects and KiB of them a second; not said: 500 in a process of its own, no limit in the node.
  std::optional<std::size_t> effects_per_s = {};
};

struct plugin_config {
  std::filesystem::path file;
  std::vector<component_config> components; ///< empty: all of the file, without configuration
  std::string place;                        ///< "node.toml:12", for messages
};

/// A person (or service) as the local socket knows it: by the peer's user id.
struct principal_config {
  std::string name;
  std::uint32_t uid = 0;
  std::vector<std::string> roles;
};

struct config {
  std::filesystem::path file;
  std::string name;
  std::string tenant = "default";
  std::filesystem::path data;
  std::filesystem::path socket;
  std::filesystem::path catalogue;
  std::string log_level = "info";
  bool log_json = false;
  std::size_t threads = 0; ///< of the scheduler; 0: one per core
  std::set<std::string> allowed; ///< SHA-256 of plugin files
  /// Whose signatures count; null: the list alone decides.
  std::shared_ptr<const trust::trust_file> trusted;
  std::vector<plugin_config> plugins;
  std::filesystem::path plugin_host; ///< runs plugins in processes; empty: beside this program
  std::filesystem::path policy;
  gate::autonomy_table autonomy;
  std::vector<std::filesystem::path> flows;
  std::vector<principal_config> principals;
  json document = json::object(); ///< the file as it was written, for comparing
  std::string sha256;             ///< of the file's bytes
};

/// Reads the file. Relative paths are relative to it. Errors: not_found, malformed, invalid;
/// each names file, line and field. An unknown key is an error.
result<config> read_config(const std::filesystem::path& file);

/// The list as the trust room wants it. It names exact files, and these the operator allows in
/// the node's own process.
trust::hash_list listed(const config& c);

/// Reads a list of allowed plugin files as `crossdock plugin lock` writes it.
result<std::set<std::string>> read_lock(const std::filesystem::path& file);

} // namespace crossdock::node
