#include "crossdock/client.hpp"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace crossdock::cli {
namespace {

/// An answer is a page of at most 1000 rows, some with a proposal's evidence in them.
constexpr std::size_t answer_bytes_max = 256u << 20;
/// A decision is answered once it is durable; a busy disk may take its time.
constexpr time_t answer_seconds_max = 60;

/// The node's own error, with the node's own code.
error error_from(const json& answer) {
  const auto* e = find_pointer(answer, "/error");
  if (e == nullptr || !e->is_object()) {
    return error(errc::internal,
                 "the node gave an answer without a result and without an "
                 "error: is this the socket of a crossdock node?");
  }
  const auto it = e->find("code");
  auto code = it != e->end() && it->is_number_integer()
                  ? static_cast<errc>(it->get<std::int32_t>())
                  : errc::internal;
  error out(code, text_or(*e, "message", "the node refused without a reason"));
  if (const auto c = e->find("context"); c != e->end() && c->is_object()) {
    for (const auto& [name, value] : c->items()) {
      out.at(name, value.is_string() ? value.get<std::string>() : value.dump());
    }
  }
  return out;
}

} // namespace

result<client> client::connect(const std::filesystem::path& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto path = socket.string();
  if (path.size() >= sizeof address.sun_path) {
    return error(errc::invalid, "the path of a socket has at most 107 bytes")
        .at("socket", path);
  }
  std::memcpy(address.sun_path, path.c_str(), path.size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    return error(errc::io, std::string("cannot make a socket: ") + std::strerror(errno));
  }
  const timeval patience{answer_seconds_max, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const int why = errno;
    ::close(fd);
    if (why == EACCES || why == EPERM) {
      return error(errc::denied,
                   "you may not open the node's socket: ask for membership in "
                   "the group that owns it")
          .at("socket", path);
    }
    return error(errc::unavailable,
                 why == ENOENT
                     ? "no node has its socket here: start one with `crossdockd run "
                       "CONFIG`, or name another socket with --socket"
                     : "no node answers on this socket: start it with `crossdockd "
                       "run CONFIG`, or name another with --socket")
        .at("socket", path);
  }
  return client(fd, path);
}

client::~client() {
  if (fd_ >= 0) {
    ::close(fd_);
  }
}

client::client(client&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), place_(std::move(other.place_)),
      buffer_(std::move(other.buffer_)), taken_(std::exchange(other.taken_, 0)),
      searched_(std::exchange(other.searched_, 0)) {}

client& client::operator=(client&& other) noexcept {
  std::swap(fd_, other.fd_);
  place_.swap(other.place_);
  buffer_.swap(other.buffer_);
  std::swap(taken_, other.taken_);
  std::swap(searched_, other.searched_);
  return *this;
}

error client::broken(const std::string& why) const {
  return error(errc::unavailable, why + "; look at the node's log and try again")
      .at("socket", place_);
}

result<void> client::send(const std::string& method, const json& params,
                          const std::string& as) {
  json request{{"method", method}, {"params", params}};
  if (!as.empty()) {
    request["as"] = as;
  }
  const auto text = to_text(request) + "\n";
  for (std::size_t done = 0; done < text.size();) {
    const auto n = ::send(fd_, text.data() + done, text.size() - done, MSG_NOSIGNAL);
    if (n <= 0) {
      return broken("the node closed the connection");
    }
    done += static_cast<std::size_t>(n);
  }
  return {};
}

result<std::optional<json>> client::take_line() {
  const auto end = buffer_.find('\n', searched_);
  if (end == std::string::npos) {
    searched_ = buffer_.size();
    if (buffer_.size() > answer_bytes_max) {
      return error(errc::limit,
                   "the node's answer is larger than 256 MiB: ask for less with "
                   "--limit");
    }
    return std::optional<json>();
  }
  auto line = parse_json(std::string_view(buffer_).substr(taken_, end - taken_),
                         {.bytes = answer_bytes_max, .depth = 160});
  taken_ = searched_ = end + 1;
  if (taken_ == buffer_.size()) {
    buffer_.clear();
    taken_ = searched_ = 0;
  }
  if (!line) {
    return std::move(line).error().at("socket", place_);
  }
  return std::optional<json>(std::move(*line));
}

/// True if something came; false if nothing is there and `flags` say not to wait.
result<bool> client::read_more(int flags) {
  std::array<char, 65536> chunk{};
  for (;;) {
    const auto n = ::recv(fd_, chunk.data(), chunk.size(), flags);
    if (n > 0) {
      buffer_.erase(0, taken_);
      searched_ -= taken_;
      taken_ = 0;
      buffer_.append(chunk.data(), static_cast<std::size_t>(n));
      return true;
    }
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      return false;
    }
    return broken("the node closed the connection before it answered");
  }
}

result<std::optional<json>> client::heard() {
  for (;;) {
    auto line = take_line();
    if (!line || *line) {
      return line;
    }
    const auto more = read_more(MSG_DONTWAIT);
    if (!more) {
      return more.error();
    }
    if (!*more) {
      return std::optional<json>();
    }
  }
}

result<json> client::answer_in(json line) {
  if (!line.is_object() || line.value("ok", json(false)) != json(true)) {
    return error_from(line);
  }
  return line.value("result", json());
}

result<json> client::ask(const std::string& method, const json& params,
                         const std::string& as) {
  if (auto sent = send(method, params, as); !sent) {
    return std::move(sent).error();
  }
  for (;;) {
    auto line = take_line();
    if (!line) {
      return std::move(line).error();
    }
    if (*line) {
      return answer_in(std::move(**line));
    }
    const auto more = read_more(0);
    if (!more) {
      return more.error();
    }
    if (!*more) {
      return error(errc::timeout,
                   "the node has not answered for a minute; look at its log")
          .at("socket", place_);
    }
  }
}

} // namespace crossdock::cli
