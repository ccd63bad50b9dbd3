/// Which plugin files of a configuration may be loaded. Nothing of a file runs before it
/// was admitted, and the bytes that were judged are the ones that are mapped.
#pragma once

#include "host/component.hpp"
#include "host/staged_plugin.hpp"
#include "node/config.hpp"
#include "trust/judge.hpp"

#include <filesystem>
#include <memory>

namespace crossdock::node {

/// A file that may be loaded, on whose word, and with which highest rights.
struct admitted {
  std::shared_ptr<const host::staged_plugin> file;
  trust::verdict standing;
};

enum class admitting {
  look,    ///< nothing is written: a check of the configuration
  remember ///< the file is kept in the store; with a trust file, its version is
           ///< remembered there
};

/// Reads, checks and judges `file`. `store` is the folder of plugin files (DATA/plugins).
/// Errors: as of host::staged_plugin::read(); denied, with every reason; of the store.
result<admitted> admit(const config& c, const std::filesystem::path& file,
                       const std::filesystem::path& store, admitting how);

/// A component of an admitted file as it is configured: its rights, and where its code runs.
/// Errors: as of host::component::from_manifest(); denied (the configuration wants it in the
/// node, where it may not run).
result<std::shared_ptr<const host::component>>
component_of(const admitted& in, const component_config& wanted, const catalogue& words);

} // namespace crossdock::node
