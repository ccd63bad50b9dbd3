#include "host/child/sandboxed_instance.hpp"
#include "host/connect.hpp"
#include "host/instance.hpp"
#include "host/mapped_instance.hpp"
#include "host/staged_plugin.hpp"

namespace crossdock::host {
namespace {

/// For a plugin in the node's own process.
connector_function connections_of(const std::shared_ptr<const component>& what,
                                  const instance_host& host) {
  if (!what->capabilities.contains(CDK_CAP_NET)) {
    return {};
  }
  return [what, log = host.log, denied = host.denied](std::string_view endpoint,
                                                      int& descriptor) -> cdk_status {
    const auto it = what->endpoints.find(std::string(endpoint));
    if (it == what->endpoints.end()) {
      if (denied) {
        denied(ungranted_endpoint(endpoint));
      }
      return CDK_E_DENIED;
    }
    auto connected = connect_to(it->second);
    if (!connected) {
      log(CDK_LOG_WARNING, connected.error().describe(), "");
      return CDK_E_RETRY;
    }
    descriptor = *connected;
    return CDK_OK;
  };
}

} // namespace

result<std::shared_ptr<instance>> make_instance(std::shared_ptr<const component> what,
                                                instance_host host,
                                                const surroundings& around) {
  if (what->executor == executor_kind::process) {
    auto made =
        child::sandboxed_instance::create(std::move(what), std::move(host), around);
    if (!made) {
      return std::move(made).error();
    }
    return std::shared_ptr<instance>(*std::move(made));
  }
  auto image = plugin_image::map(*what->file);
  if (!image) {
    return std::move(image).error();
  }
  auto connect = connections_of(what, host);
  const auto release = what->file->release();
  auto made = mapped_instance::create(std::move(what), *image, std::move(host),
                                      std::move(connect));
  if (!made) {
    return std::move(made).error().at("plugin", release);
  }
  return std::shared_ptr<instance>(*std::move(made));
}

} // namespace crossdock::host
