/// A plugin's object in this process, and the host's table it talks to.
#pragma once

#include "host/instance.hpp"
#include "host/plugin_image.hpp"

namespace crossdock::host {

/// What a plugin's own threads ask for beyond instance_host.
using connector_function =
    std::function<cdk_status(std::string_view endpoint, int& descriptor)>;

class mapped_instance final : public instance {
public:
  /// Creates it, on the calling thread. `connect` may be empty: then there is no net/1.
  /// Errors: plugin, with the plugin's own words.
  static result<std::shared_ptr<mapped_instance>>
  create(std::shared_ptr<const component> what, std::shared_ptr<const plugin_image> image,
         instance_host host, connector_function connect);
  ~mapped_instance() override;

  void handle(step& s, const cdk_event& event) override;
  result<void> quiesce(std::uint32_t reason, std::int64_t deadline_ns) override;
  result<void> resume() override;
  result<std::string> snapshot() override;
  result<void> restore(std::uint32_t state_schema, std::string_view state,
                       const memory_view& memory) override;
  cdk_status probe(std::uint32_t level, std::string& report) override;
  void leak() override { leaked_ = true; }

private:
  mapped_instance() = default;
  struct tables;
  std::shared_ptr<const component> component_;
  std::unique_ptr<tables> tables_;
  const cdk_plugin* plugin_ = nullptr; ///< of an image that stays mapped
  cdk_instance* object_ = nullptr;
  bool leaked_ = false;
};

} // namespace crossdock::host
