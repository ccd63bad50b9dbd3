#include "host/child/packets.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>

namespace crossdock::host::child {
namespace {

/// Far below the 208 KiB that a socket takes by default, so that several fit.
constexpr std::size_t packet_max = 48u << 10;

int wait_ms(std::optional<steady::time_point> until) {
  if (!until) {
    return -1;
  }
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(*until - steady::now()).count();
  return left <= 0 ? 0 : static_cast<int>(std::min<std::int64_t>(left, 1 << 30));
}

ssize_t send_packet(int descriptor, char more, std::string_view bytes, int passed,
                    int flags) {
  iovec parts[2] = {{&more, 1}, {const_cast<char*>(bytes.data()), bytes.size()}};
  msghdr m{};
  m.msg_iov = parts;
  m.msg_iovlen = 2;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  if (passed >= 0) {
    m.msg_control = control;
    m.msg_controllen = sizeof control;
    auto* c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(c), &passed, sizeof passed);
  }
  return ::sendmsg(descriptor, &m, flags | MSG_NOSIGNAL);
}

} // namespace

channel::outcome channel::wait(short events, std::optional<steady::time_point> until,
                               short& happened) const {
  for (;;) {
    pollfd p{descriptor_, events, 0};
    const int n = ::poll(&p, 1, wait_ms(until));
    if (n > 0) {
      happened = p.revents;
      return outcome::done;
    }
    if (n == 0) {
      return outcome::late;
    }
    if (errno != EINTR) {
      return outcome::closed;
    }
  }
}

/// Reads one packet that is there.
channel::outcome channel::take(int* passed) {
  char more = 0;
  const auto before = part_.size();
  part_.resize(before + packet_max);
  iovec parts[2] = {{&more, 1}, {part_.data() + before, packet_max}};
  msghdr m{};
  m.msg_iov = parts;
  m.msg_iovlen = 2;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  if (passed != nullptr) {
    m.msg_control = control;
    m.msg_controllen = sizeof control;
  }
  const auto n = ::recvmsg(descriptor_, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (n <= 0) {
    part_.resize(before);
    const bool nothing = n < 0 && (errno == EAGAIN || errno == EINTR);
    return nothing ? outcome::late : outcome::closed;
  }
  part_.resize(before + static_cast<std::size_t>(n) - 1);
  if (passed != nullptr) {
    if (const auto* c = CMSG_FIRSTHDR(&m); c != nullptr && c->cmsg_level == SOL_SOCKET &&
                                           c->cmsg_type == SCM_RIGHTS &&
                                           c->cmsg_len == CMSG_LEN(sizeof(int))) {
      if (passed_ >= 0) {
        ::close(passed_);
      }
      std::memcpy(&passed_, CMSG_DATA(c), sizeof passed_);
    }
  }
  if ((m.msg_flags & MSG_TRUNC) != 0 || part_.size() > largest_ || (more & ~1) != 0) {
    return outcome::too_large;
  }
  if (more == 0) {
    const auto size = static_cast<std::uint64_t>(part_.size());
    whole_.append(reinterpret_cast<const char*>(&size), sizeof size);
    whole_ += part_;
    part_.clear();
  }
  return outcome::done;
}

channel::outcome channel::send(std::string_view message,
                               std::optional<steady::time_point> until, int passed) {
  for (bool first = true; first || !message.empty(); first = false) {
    const auto piece = message.substr(0, packet_max);
    const char more = piece.size() < message.size() ? 1 : 0;
    while (send_packet(descriptor_, more, piece, passed, MSG_DONTWAIT) < 0) {
      if (errno == EINTR) {
        continue;
      }
      if (errno != EAGAIN && errno != ENOBUFS) {
        return outcome::closed;
      }
      short happened = 0;
      // What it sends while it does not read is bounded, or there would be no end.
      const bool listen = whole_.size() - read_ < largest_;
      if (const auto o =
              wait(static_cast<short>(POLLOUT | (listen ? POLLIN : 0)), until, happened);
          o != outcome::done) {
        return o;
      }
      if ((happened & POLLIN) != 0) {
        if (const auto o = take(nullptr); o != outcome::done && o != outcome::late) {
          return o;
        }
      } else if ((happened & POLLOUT) == 0) {
        return outcome::closed;
      }
    }
    passed = -1;
    message.remove_prefix(piece.size());
  }
  return outcome::done;
}

bool channel::offer(std::string_view message) {
  return message.size() <= packet_max &&
         send_packet(descriptor_, 0, message, -1, MSG_DONTWAIT) >= 0;
}

channel::outcome channel::receive(std::string& message,
                                  std::optional<steady::time_point> until) {
  int none = -2;
  return receive(message, none, until);
}

channel::outcome channel::receive(std::string& message, int& passed,
                                  std::optional<steady::time_point> until) {
  const bool accepts = passed != -2;
  while (read_ == whole_.size()) {
    whole_.clear();
    read_ = 0;
    auto o = take(accepts ? &passed : nullptr);
    if (o == outcome::late) { // nothing there yet
      short happened = 0;
      if (o = wait(POLLIN, until, happened); o != outcome::done) {
        return o;
      }
      o = take(accepts ? &passed : nullptr);
    }
    if (o != outcome::done && o != outcome::late) {
      return o;
    }
  }
  std::uint64_t size = 0;
  std::memcpy(&size, whole_.data() + read_, sizeof size);
  message.assign(whole_, read_ + sizeof size, size);
  read_ += sizeof size + size;
  if (accepts) {
    passed = passed_;
    passed_ = -1;
  }
  return outcome::done;
}

} // namespace crossdock::host::child
