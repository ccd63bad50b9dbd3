/// What systemd wants to hear of a service of Type=notify (sd_notify(3)). The protocol is
/// one datagram, so no library is needed for it.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace crossdock::node {

class service_manager {
public:
  /// Reads NOTIFY_SOCKET and WATCHDOG_USEC/WATCHDOG_PID; does nothing without them.
  static service_manager from_environment();
  service_manager(std::string socket, std::optional<std::chrono::microseconds> watchdog)
      : socket_(std::move(socket)), watchdog_(watchdog) {}

  /// `status` is what `systemctl status` shows.
  void ready(std::string_view status) const;
  void reloading() const;
  void stopping() const;
  void alive() const;
  /// How often it wants to hear alive() at least; none: never.
  std::optional<std::chrono::microseconds> watchdog() const { return watchdog_; }

private:
  void tell(const std::string& text) const;

  std::string socket_; ///< empty: there is none
  std::optional<std::chrono::microseconds> watchdog_;
};

} // namespace crossdock::node
