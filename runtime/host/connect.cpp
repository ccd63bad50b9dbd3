#include "host/connect.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace crossdock::host {
namespace {

constexpr int connect_ms = 5000;

struct parts {
  std::string host;
  std::string port;
};

result<parts> split(const std::string& address) {
  const auto colon = address.rfind(':');
  parts p;
  if (colon != std::string::npos) {
    p.host = address.substr(0, colon);
    p.port = address.substr(colon + 1);
  }
  if (p.host.size() > 2 && p.host.front() == '[' && p.host.back() == ']') {
    p.host = p.host.substr(1, p.host.size() - 2);
  } else if (p.host.find(':') != std::string::npos) {
    p.host.clear();
  }
  const bool number = !p.port.empty() && p.port.size() <= 5 &&
                      p.port.find_first_not_of("0123456789") == std::string::npos &&
                      std::stoi(p.port) >= 1 && std::stoi(p.port) <= 65535;
  if (p.host.empty() || !number) {
    return error(errc::invalid,
                 "an endpoint's address is \"host:port\", \"[address]:port\" or the "
                 "path of a socket, not \"" +
                     address + "\"");
  }
  return p;
}

result<int> try_one(int family, const sockaddr* to, socklen_t size,
                    const std::string& address) {
  const int fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const auto failed = [&](errc code, const std::string& why) {
    if (fd >= 0) {
      ::close(fd);
    }
    return error(code, "no connection to the endpoint: " + why).at("address", address);
  };
  if (fd < 0) {
    return failed(errc::unavailable, std::strerror(errno));
  }
  if (::connect(fd, to, size) != 0 && errno != EINPROGRESS) {
    return failed(errc::unavailable, std::strerror(errno));
  }
  pollfd p{fd, POLLOUT, 0};
  int n = 0;
  while ((n = ::poll(&p, 1, connect_ms)) < 0 && errno == EINTR) {
  }
  if (n == 0) {
    return failed(errc::timeout, "no answer within 5 s");
  }
  int why = 0;
  socklen_t length = sizeof why;
  ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &length);
  if (n < 0 || why != 0) {
    return failed(errc::unavailable, std::strerror(n < 0 ? errno : why));
  }
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) & ~O_NONBLOCK);
  if (family != AF_UNIX) {
    const int one = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  }
  return fd;
}

} // namespace

std::string ungranted_endpoint(std::string_view name) {
  return "a connection to the endpoint \"" + std::string(name.substr(0, 100)) + "\"";
}

result<void> check_address(const std::string& address) {
  if (address.starts_with('/')) {
    return address.size() < sizeof(sockaddr_un::sun_path)
               ? result<void>()
               : error(errc::invalid,
                       "the path of the endpoint's socket is longer than 107 bytes");
  }
  auto p = split(address);
  return p ? result<void>() : std::move(p).error();
}

result<int> connect_to(const std::string& address) {
  if (auto r = check_address(address); !r) {
    return std::move(r).error();
  }
  if (address.starts_with('/')) {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    std::memcpy(to.sun_path, address.data(), address.size());
    return try_one(AF_UNIX, reinterpret_cast<const sockaddr*>(&to), sizeof to, address);
  }
  const auto p = split(address);
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int r = ::getaddrinfo(p->host.c_str(), p->port.c_str(), &wanted, &found);
      r != 0) {
    return error(errc::unavailable,
                 std::string("no connection to the endpoint: ") + ::gai_strerror(r))
        .at("address", address);
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> all(found, &::freeaddrinfo);
  result<int> last = error(errc::unavailable, "the endpoint's name has no address")
                         .at("address", address);
  for (const auto* one = found; one != nullptr; one = one->ai_next) {
    last = try_one(one->ai_family, one->ai_addr, one->ai_addrlen, address);
    if (last) {
      break;
    }
  }
  return last;
}

} // namespace crossdock::host
