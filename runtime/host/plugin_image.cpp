#include "host/plugin_image.hpp"

#include <boost/dll/shared_library.hpp>
#include <dlfcn.h>

namespace crossdock::host {

result<std::shared_ptr<const plugin_image>> plugin_image::map(int descriptor,
                                                              const std::string& name) {
  const auto path = "/proc/self/fd/" + std::to_string(descriptor);
  const auto abi = [](std::uint32_t major, std::uint32_t minor) {
    return std::to_string(major) + "." + std::to_string(minor);
  };
  try {
    const boost::dll::shared_library library(path, boost::dll::load_mode::rtld_now |
                                                       boost::dll::load_mode::rtld_local);
    if (::dlopen(path.c_str(), RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE) == nullptr) {
      return error(errc::plugin, "the loaded plugin cannot be pinned").at("file", name);
    }
    const auto entry = library.get<const cdk_entry*(void)>(CDK_ENTRY_SYMBOL)();
    if (entry == nullptr || entry->magic != CDK_MAGIC) {
      return error(errc::version, "the plugin's entry has no crossdock magic number")
          .at("file", name);
    }
    if (entry->abi_major != CDK_ABI_MAJOR || entry->min_host_minor > CDK_ABI_MINOR) {
      return error(errc::version, "the plugin's entry is for ABI " +
                                      abi(entry->abi_major, entry->min_host_minor) +
                                      " and this host offers " +
                                      abi(CDK_ABI_MAJOR, CDK_ABI_MINOR))
          .at("file", name);
    }
    const auto* table = entry->plugin;
    if (!CDK_HAS(table, create) || !CDK_HAS(table, handle) || !CDK_HAS(table, destroy)) {
      return error(errc::plugin, "the plugin's table lacks create, handle or destroy")
          .at("file", name);
    }
    std::shared_ptr<plugin_image> out(new plugin_image);
    out->table_ = table;
    out->abi_minor_ = entry->abi_minor;
    return std::shared_ptr<const plugin_image>(std::move(out));
  } catch (const std::exception& e) {
    return error(errc::plugin, std::string("the loader refused the plugin: ") + e.what())
        .at("file", name);
  }
}

} // namespace crossdock::host
