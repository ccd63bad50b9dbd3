/// A plugin that is mapped into this process, where its instructions run.
#pragma once

#include "base/error.hpp"
#include "crossdock/abi.h"

#include <memory>
#include <string>

#include <set>
#include <string>

namespace crossdock::host {

class staged_plugin;

/// Mapped for as long as the process lives: destructors of what ran in it may point into
/// it for ever. Immutable.
class plugin_image {
public:
  /// Maps the very bytes of `from`, pins them and asks the entry for its table. The same
  /// bytes are mapped once in a process. Errors: plugin (loader, incomplete table),
  /// version (ABI).
  static result<std::shared_ptr<const plugin_image>> map(const staged_plugin& from);

  /// Maps what `descriptor` names; `name` is for texts. The loader knows an image by its
  /// path, here the descriptor's number: the caller never closes it, lest another file
  /// gets the number and is answered with this code. Errors: as above.
  static result<std::shared_ptr<const plugin_image>> map(int descriptor,
                                                         const std::string& name);

  /// What stays mapped in this process until it ends.
  struct mapped {
    std::size_t files = 0;
    std::size_t bytes = 0; ///< of the files
    std::set<std::string> sha256;
  };
  static mapped all_mapped();

  const cdk_plugin* table() const { return table_; }
  /// The minor version the plugin was built for.
  std::uint32_t abi_minor() const { return abi_minor_; }

private:
  plugin_image() = default;
  const cdk_plugin* table_ = nullptr;
  std::uint32_t abi_minor_ = 0;
};

} // namespace crossdock::host
