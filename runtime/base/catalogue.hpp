/// The vocabulary of a deployment: every topic, question and tool with its JSON Schemas, read
/// from a folder of files (config/catalogue).
#pragma once

#include "base/json.hpp"

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace crossdock {

enum class entry_kind { topic, question, tool };

struct catalogue_entry {
  entry_kind kind = entry_kind::topic;
  std::string name;
  int version = 1;
  std::string description;
  std::string key;                    ///< topics: partition key template "{item}@{site}"
  std::vector<std::string> untrusted; ///< topics: JSON Pointers of free text from outside
  bool write = false;                 ///< tools
  std::string reversal = "none";      ///< write tools: the tool that undoes it
};

/// The partition key of a payload by a topic's template; absent members become empty.
std::string apply_key(const std::string& key_template, const json& payload);

/// Immutable; safe from any thread.
class catalogue {
public:
  /// Reads every *.json of the folder. Errors name file and field.
  static result<std::shared_ptr<const catalogue>> load(const std::filesystem::path& folder);
  /// Reads what excerpt() wrote. Errors: as of load().
  static result<std::shared_ptr<const catalogue>> from_excerpt(const json& excerpt);
  ~catalogue();

  const catalogue_entry* find(std::string_view name) const;
  /// Checks a payload (of a topic), a question or a tool's arguments. Errors: not_found (no such
  /// entry), schema (names the JSON Pointer and what is expected).
  result<void> check(std::string_view name, const json& payload) const;
  /// Checks the answer to a question or tool.
  result<void> check_answer(std::string_view name, const json& answer) const;
  std::vector<const catalogue_entry*> entries() const;
  /// The sources of some entries, for a process that must check what these names carry by the same
  /// rules. Names that are not here are left out.
  json excerpt(const std::set<std::string>& names) const;

private:
  struct compiled;
  catalogue();
  /// Compiles one entry; `place` is for messages.
  result<void> add(json document, const std::string& place);
  json definitions_ = json::object();
  std::map<std::string, std::unique_ptr<compiled>, std::less<>> entries_;
};

} // namespace crossdock
