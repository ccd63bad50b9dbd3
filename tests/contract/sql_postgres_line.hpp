/// A line between the connector and the server that can lose what was said.
#pragma once

#include <atomic>
#include <list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace sql_fixture {

class line {
public:
  explicit line(int server_port)
      : server_port_{server_port}, stop_{::eventfd(0, EFD_CLOEXEC)},
        listening_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    auto address = loopback(0);
    socklen_t size = sizeof address;
    if (::bind(listening_, as_any(address), size) != 0 || ::listen(listening_, 8) != 0 ||
        ::getsockname(listening_, as_any(address), &size) != 0)
      throw std::runtime_error{"the line cannot listen"};
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread{[this] { accept_all(); }};
  }
  ~line() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(stop_, &one, sizeof one);
    acceptor_.join();
    for (auto& t : pumps_)
      t.join();
    ::close(listening_);
    ::close(stop_);
  }
  line(const line&) = delete;
  line& operator=(const line&) = delete;

  int port() const { return port_; }
  /// The server gets the next COMMIT and does it; its answer and the line are lost.
  void lose_the_answer_to_commit() { lose_ = true; }
  /// Nothing comes through any more, and nobody is told.
  void fall_silent() { silent_ = true; }

private:
  static sockaddr_in loopback(int port) {
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    a.sin_port = htons(static_cast<std::uint16_t>(port));
    return a;
  }
  static sockaddr* as_any(sockaddr_in& a) { return reinterpret_cast<sockaddr*>(&a); }

  /// False: stop.
  bool readable(int a, int b, bool& first) const {
    pollfd fds[3] = {{stop_, POLLIN, 0}, {a, POLLIN, 0}, {b, POLLIN, 0}};
    if (::poll(fds, 3, -1) <= 0 || fds[0].revents != 0)
      return false;
    first = fds[1].revents != 0;
    return true;
  }
  void accept_all() {
    for (bool ignored = false; readable(listening_, -1, ignored);) {
      const int client = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
      const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      auto address = loopback(server_port_);
      if (client < 0 || ::connect(server, as_any(address), sizeof address) != 0) {
        ::close(client);
        ::close(server);
        continue;
      }
      pumps_.emplace_back([this, client, server] {
        pump(client, server);
        ::close(client);
        ::close(server);
      });
    }
  }
  void pump(int client, int server) {
    char bytes[65536];
    for (bool from_client = false, losing = false;
         readable(client, server, from_client);) {
      const auto n = ::read(from_client ? client : server, bytes, sizeof bytes);
      if (n <= 0 || (losing && !from_client))
        return;
      if (silent_)
        continue;
      const std::string_view said{bytes, static_cast<std::size_t>(n)};
      if (from_client && said.find("COMMIT") != std::string_view::npos &&
          said.find("BEGIN") == std::string_view::npos)
        losing = lose_.exchange(false);
      if (::send(from_client ? server : client, bytes, said.size(), MSG_NOSIGNAL) != n)
        return;
    }
  }

  int server_port_, stop_, listening_, port_ = 0;
  std::atomic<bool> lose_{false}, silent_{false};
  std::list<std::thread> pumps_; // by the acceptor alone, until it is joined
  std::thread acceptor_;
};

} // namespace sql_fixture
