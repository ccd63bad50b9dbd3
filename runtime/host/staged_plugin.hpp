/// A plugin file that was read once and checked; no instruction of it has run.
#pragma once

#include "base/digest.hpp"
#include "base/json.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace crossdock::host {

/// The bytes lie in a sealed memory file of their own: hash, signature, ELF checks, the
/// copy in the store and the mapping (plugin_image, or a child process) all see the same
/// ones, whatever becomes of the file they were read from. Immutable.
class staged_plugin {
public:
  /// Opens and reads `file` once, seals and hashes what was read, checks its ELF
  /// structure and its manifest, and compares the ABI numbers. Nothing is written to the
  /// disk. Errors: not_found, io, limit (larger than 256 MiB), plugin (ELF), schema
  /// (manifest), version (ABI); each names the file.
  static result<std::shared_ptr<const staged_plugin>>
  read(const std::filesystem::path& file);

  ~staged_plugin();
  staged_plugin(const staged_plugin&) = delete;
  staged_plugin& operator=(const staged_plugin&) = delete;

  /// Puts a copy into the content-addressed store, as STORE/sha256/HASH/NAME with mode
  /// 0444, synced to the disk. A copy that is there already is compared and left alone.
  /// Returns its path. Errors: io; denied (the copy is no plain file, or others may write
  /// it); corrupt (the copy has other bytes).
  result<std::filesystem::path> keep(const std::filesystem::path& store) const;

  /// What was hashed; valid as long as this object.
  std::string_view bytes() const;
  /// Read-only, sealed against every change, close-on-exec; owned by this object.
  int descriptor() const { return descriptor_; }
  /// Where it was read from, for texts.
  const std::filesystem::path& file() const { return file_; }

  const std::string& sha256_hex() const { return sha256_; }
  const json& manifest() const { return manifest_; }
  std::string id() const { return text_or(manifest_, "id"); }
  std::string version() const { return text_or(manifest_, "version"); }
  /// "crossdock.order 0.1.0 sha256:abcdef0123456789": what a decision names.
  std::string release() const;
  /// The manifest's entry of one component, or null.
  const json* component(std::string_view name) const;

private:
  staged_plugin() = default;
  result<void> fill(int source);
  result<void> check();

  std::filesystem::path file_;
  int descriptor_ = -1;
  const char* mapped_ = nullptr;
  std::size_t size_ = 0;
  std::string sha256_;
  json manifest_;
};

} // namespace crossdock::host
