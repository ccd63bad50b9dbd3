#include "node/service_manager.hpp"

#include <spdlog/spdlog.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace crossdock::node {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

/// A status is one line.
std::string one_line(std::string_view text) {
  std::string out(text);
  for (auto& c : out) {
    c = c == '\n' ? ' ' : c;
  }
  return out;
}

} // namespace

service_manager service_manager::from_environment() {
  std::optional<std::chrono::microseconds> watchdog;
  const auto pid = variable("WATCHDOG_PID");
  const auto every = std::strtoll(variable("WATCHDOG_USEC").c_str(), nullptr, 10);
  if (every > 0 && (pid.empty() || pid == std::to_string(::getpid()))) {
    watchdog = std::chrono::microseconds(every);
  }
  return {variable("NOTIFY_SOCKET"), watchdog};
}

void service_manager::ready(std::string_view status) const {
  tell("READY=1\nSTATUS=" + one_line(status));
}

void service_manager::reloading() const {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  tell("RELOADING=1\nMONOTONIC_USEC=" +
       std::to_string(now.tv_sec * 1'000'000 + now.tv_nsec / 1000));
}

void service_manager::stopping() const {
  tell("STOPPING=1\nSTATUS=stopping");
}

void service_manager::alive() const {
  tell("WATCHDOG=1");
}

void service_manager::tell(const std::string& text) const {
  if (socket_.empty()) {
    return;
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if ((socket_[0] != '/' && socket_[0] != '@') ||
      socket_.size() >= sizeof address.sun_path) {
    spdlog::warn("NOTIFY_SOCKET is no path of a socket; the service manager is not told");
    return;
  }
  std::memcpy(address.sun_path, socket_.data(), socket_.size());
  auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  if (socket_[0] == '@') {
    address.sun_path[0] = '\0'; // abstract
  } else {
    ++size; // the closing zero
  }
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || ::sendto(fd, text.data(), text.size(), MSG_NOSIGNAL,
                         reinterpret_cast<const sockaddr*>(&address), size) < 0) {
    spdlog::warn("the service manager cannot be told \"{}\": {}",
                 text.substr(0, text.find('\n')), std::strerror(errno));
  }
  if (fd >= 0) {
    ::close(fd);
  }
}

} // namespace crossdock::node
