/// A plugin file that was checked, copied, mapped and pinned.
#pragma once

#include "base/digest.hpp"
#include "base/json.hpp"
#include "crossdock/abi.h"

#include <filesystem>
#include <memory>
#include <set>
#include <string>

namespace crossdock::host {

class plugin_file {
public:
  /// Checks `file` against `allowed` (hexadecimal SHA-256 digests), copies it into the
  /// content-addressed `store`, reads its manifest, loads and pins it. Errors: not_found,
  /// denied (hash not listed), schema (manifest), version (ABI), plugin (ELF or loader).
  static result<std::shared_ptr<const plugin_file>>
  load(const std::filesystem::path& file, const std::set<std::string>& allowed,
       const std::filesystem::path& store);

  const std::string& sha256_hex() const { return sha256_; }
  const json& manifest() const { return manifest_; }
  std::string id() const { return text_or(manifest_, "id"); }
  std::string version() const { return text_or(manifest_, "version"); }
  /// "crossdock.order 0.1.0 sha256:abcdef012345": what a decision names.
  std::string release() const;
  /// The manifest's entry of one component, or null.
  const json* component(std::string_view name) const;
  const cdk_plugin* table() const { return table_; }
  std::uint32_t abi_minor() const { return abi_minor_; }

private:
  plugin_file() = default;
  std::string sha256_;
  json manifest_;
  const cdk_plugin* table_ = nullptr;
  std::uint32_t abi_minor_ = 0;
};

} // namespace crossdock::host
