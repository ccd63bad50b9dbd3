/// A plugin's object and the host's table it talks to.
#pragma once

#include "host/step.hpp"

#include <functional>
#include <memory>
#include <string>

namespace crossdock::host {

/// What an instance may do outside a step, from any thread.
struct instance_host {
  std::function<void(std::uint32_t level, std::string_view message, std::string_view fields)> log;
  std::function<void(std::uint32_t kind, std::string_view name, double value)> metric;
  /// Event JSON and cookie; see cdk_host.post.
  std::function<cdk_status(std::string event, std::string cookie)> post;
};

class instance {
public:
  /// Creates it, on the calling thread. Errors: plugin, with the plugin's own words.
  static result<std::shared_ptr<instance>> create(std::shared_ptr<const component> what,
                                                  instance_host host);
  ~instance();
  instance(const instance&) = delete;
  instance& operator=(const instance&) = delete;

  /// Runs one event. Fills s.status and s.message.
  void handle(step& s, const cdk_event& event);
  void quiesce(std::uint32_t reason, std::int64_t deadline_ns);
  /// Answers as JSON text; status of the probe.
  cdk_status probe(std::uint32_t level, std::string& report);
  /// The instance will never be destroyed: its thread hangs in it.
  void leak() { leaked_ = true; }

private:
  instance() = default;
  struct tables;
  std::shared_ptr<const component> component_;
  std::unique_ptr<tables> tables_;
  const cdk_plugin* plugin_ = nullptr; ///< of an image that stays mapped
  cdk_instance* object_ = nullptr;
  bool leaked_ = false;
};

} // namespace crossdock::host
