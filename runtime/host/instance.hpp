/// A plugin's object, wherever its code runs.
#pragma once

#include "host/step.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace crossdock::host {

/// What an instance may do outside a step, and what is noticed about it. Called from any
/// thread.
struct instance_host {
  std::function<void(std::uint32_t level, std::string_view message,
                     std::string_view fields)>
      log;
  std::function<void(std::uint32_t kind, std::string_view name, double value)> metric;
  /// Event JSON and cookie; see cdk_host.post.
  std::function<cdk_status(std::string event, std::string cookie)> post;
  /// Something was tried that no plugin has a right to, and was denied:
  /// "socket(AF_INET)". Told each time. May be empty.
  std::function<void(const std::string& what)> denied = {};
  /// Its process ended while it was not working on anything. May be empty.
  std::function<void(const std::string& how)> ended = {};
};

class instance {
public:
  virtual ~instance() = default;
  instance(const instance&) = delete;
  instance& operator=(const instance&) = delete;

  /// Runs one event. Fills s.status and s.message. On one thread at a time.
  virtual void handle(step& s, const cdk_event& event) = 0;
  /// The changes of the last step are part of the component's memory now.
  virtual void remembered() {}
  /// Errors: plugin (it does not, in its own words); timeout (its process was killed).
  virtual result<void> quiesce(std::uint32_t reason, std::int64_t deadline_ns) = 0;
  /// Back to active, after quiesce(). Errors: plugin.
  virtual result<void> resume() = 0;
  /// Its cache as bytes of its own; empty: none. Errors: plugin, limit (16 MiB), timeout.
  virtual result<std::string> snapshot() = 0;
  /// Before the first handle(): takes the component's memory as it is now and, unless
  /// `state` is empty, a snapshot of this or another version under `state_schema`. Errors:
  /// version (it cannot read that), plugin, timeout.
  virtual result<void> restore(std::uint32_t state_schema, std::string_view state,
                               const memory_view& memory) = 0;
  /// Answers as JSON text; status of the probe.
  virtual cdk_status probe(std::uint32_t level, std::string& report) = 0;
  /// The instance will never be destroyed: its thread hangs in it.
  virtual void leak() {}
  /// {} or {"pid": n, "sandbox": {...}} for status.
  virtual json place() const { return json::object(); }

protected:
  instance() = default;
};

constexpr std::size_t snapshot_bytes_max = 16u << 20;

/// What creating an instance needs besides its component.
struct surroundings {
  std::shared_ptr<const catalogue> words;
  /// As it is now; an instance in a process of its own gets a copy of it.
  std::shared_ptr<const memory_view> memory = std::make_shared<const memory_view>();
  /// One before it failed: a process of its own gets only what time nobody else wants.
  bool failed_before = false;
  /// The program that runs plugins; empty: `crossdock-plugin-host` beside this program,
  /// or in ../libexec/crossdock.
  std::filesystem::path plugin_host = {};
};

/// Creates it where the component's executor says, on the calling thread, which must live
/// as long as an instance in a process of its own. Errors: plugin, with the plugin's own
/// words; not_found (no program to run plugins); io (no process); timeout.
result<std::shared_ptr<instance>> make_instance(std::shared_ptr<const component> what,
                                                instance_host host,
                                                const surroundings& around);

} // namespace crossdock::host
