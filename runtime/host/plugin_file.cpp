#include "host/plugin_file.hpp"

#include "sdk/manifest/check.hpp"

#include <boost/dll/shared_library.hpp>
#include <dlfcn.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <fstream>

namespace crossdock::host {
namespace {

namespace fs = std::filesystem;

/// Copies into store/sha256/<hash>/<name>, read-only. A path is never reused for other bytes:
/// the loader would hand out the old code for it.
result<fs::path> stage(const fs::path& file, const std::string& hash, const fs::path& store) {
  const auto folder = store / "sha256" / hash;
  const auto target = folder / file.filename();
  std::error_code failure;
  fs::create_directories(folder, failure);
  if (failure) {
    return error(errc::io, "cannot create the plugin store: " + failure.message())
      .at("folder", folder.string());
  }
  if (!fs::exists(target)) {
    const auto partial = folder / (".incoming." + std::to_string(::getpid()));
    fs::copy_file(file, partial, fs::copy_options::overwrite_existing, failure);
    if (!failure) {
      fs::permissions(partial, fs::perms::owner_read | fs::perms::group_read |
                                 fs::perms::others_read, failure);
    }
    if (!failure) {
      fs::rename(partial, target, failure);
    }
    if (failure) {
      return error(errc::io, "cannot copy the plugin into the store: " + failure.message())
        .at("file", target.string());
    }
  }
  // The copy is what gets mapped, so the copy is what must have the hash.
  auto digest = sha256_of_file(target);
  if (!digest) {
    return std::move(digest).error();
  }
  if (to_hex(*digest) != hash) {
    return error(errc::corrupt, "the stored copy of the plugin does not have its hash: remove "
                                "this file and start again")
      .at("file", target.string());
  }
  return target;
}

} // namespace

result<std::shared_ptr<const plugin_file>>
plugin_file::load(const fs::path& file, const std::set<std::string>& allowed,
                  const fs::path& store) {
  auto digest = sha256_of_file(file);
  if (!digest) {
    return std::move(digest).error();
  }
  const auto hash = to_hex(*digest);
  if (!allowed.contains(hash)) {
    return error(errc::denied,
                 "the plugin's SHA-256 " + hash +
                   " is not in the list of allowed files; if you trust this file, write the "
                   "list anew with `crossdock plugin lock`")
      .at("file", file.string());
  }
  auto staged = stage(file, hash, store);
  if (!staged) {
    return std::move(staged).error();
  }

  if (const auto findings = crossdock::manifest::check_plugin(staged->string());
      !findings.empty()) {
    return error(errc::plugin, "the file is not a loadable plugin: " + findings.front())
      .at("file", file.string());
  }
  auto parsed = crossdock::manifest::from_plugin(staged->string());
  if (const auto* problems = std::get_if<crossdock::manifest::problems>(&parsed)) {
    return error(errc::schema, "the plugin's manifest cannot be used: " +
                                 (problems->empty() ? "unreadable" : problems->front().text()))
      .at("file", file.string());
  }
  std::shared_ptr<plugin_file> out(new plugin_file);
  out->sha256_ = hash;
  out->manifest_ = std::get<json>(parsed);

  const auto abi = out->manifest_.value("abi", json::object());
  const auto major = abi.value("major", 0u);
  const auto min_host = abi.value("min_host_minor", 0u);
  if (major != CDK_ABI_MAJOR || min_host > CDK_ABI_MINOR) {
    return error(errc::version,
                 fmt::format("the plugin needs plugin ABI {}.{} and this host offers {}.{}: "
                             "install a build of the plugin for ABI {}",
                             major, min_host, CDK_ABI_MAJOR, CDK_ABI_MINOR, CDK_ABI_MAJOR))
      .at("file", file.string());
  }

  try {
    boost::dll::shared_library library(*staged, boost::dll::load_mode::rtld_now |
                                                  boost::dll::load_mode::rtld_local);
    // Never unmapped: destructors of what ran in it may point into it for ever.
    if (::dlopen(staged->c_str(), RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE) == nullptr) {
      return error(errc::plugin, "the loaded plugin cannot be pinned").at("file", file.string());
    }
    const auto entry = library.get<const cdk_entry*(void)>(CDK_ENTRY_SYMBOL)();
    if (entry == nullptr || entry->magic != CDK_MAGIC) {
      return error(errc::version, "the plugin's entry has no crossdock magic number")
        .at("file", file.string());
    }
    if (entry->abi_major != CDK_ABI_MAJOR || entry->min_host_minor > CDK_ABI_MINOR) {
      return error(errc::version,
                   fmt::format("the plugin's entry is for ABI {}.{} and this host offers {}.{}",
                               entry->abi_major, entry->min_host_minor, CDK_ABI_MAJOR,
                               CDK_ABI_MINOR))
        .at("file", file.string());
    }
    const auto* table = entry->plugin;
    if (!CDK_HAS(table, create) || !CDK_HAS(table, handle) || !CDK_HAS(table, destroy)) {
      return error(errc::plugin, "the plugin's table lacks create, handle or destroy")
        .at("file", file.string());
    }
    out->table_ = table;
    out->abi_minor_ = entry->abi_minor;
  } catch (const std::exception& e) {
    return error(errc::plugin, std::string("the loader refused the plugin: ") + e.what())
      .at("file", file.string());
  }
  return std::shared_ptr<const plugin_file>(std::move(out));
}

std::string plugin_file::release() const {
  return id() + " " + version() + " sha256:" + sha256_.substr(0, 16);
}

const json* plugin_file::component(std::string_view name) const {
  if (const auto it = manifest_.find("components"); it != manifest_.end()) {
    for (const auto& c : *it) {
      if (text_or(c, "id") == name) {
        return &c;
      }
    }
  }
  return nullptr;
}

} // namespace crossdock::host
