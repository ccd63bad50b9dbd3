#include "api/api.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

namespace crossdock::api {
namespace {

constexpr std::size_t line_bytes_max = 1u << 20;
constexpr std::size_t connections_max = 256;

class descriptor {
public:
  explicit descriptor(int fd = -1) : fd_(fd) {}
  ~descriptor() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }
  descriptor(descriptor&& o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
  descriptor& operator=(descriptor&& o) noexcept {
    std::swap(fd_, o.fd_);
    return *this;
  }
  int get() const { return fd_; }

private:
  int fd_;
};

sockaddr_un address_of(const std::filesystem::path& socket) {
  sockaddr_un a{};
  a.sun_family = AF_UNIX;
  std::strncpy(a.sun_path, socket.c_str(), sizeof a.sun_path - 1);
  return a;
}

bool somebody_listens(const std::filesystem::path& socket) {
  const descriptor s(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto a = address_of(socket);
  return ::connect(s.get(), reinterpret_cast<const sockaddr*>(&a), sizeof a) == 0;
}

json error_json(const error& e) {
  json context = json::object();
  for (const auto& [name, value] : e.context()) {
    context[name] = value;
  }
  return {{"ok", false},
          {"error",
           {{"code", static_cast<int>(e.code())},
            {"name", to_string(e.code())},
            {"message", e.message()},
            {"context", std::move(context)}}}};
}

class unix_server final : public server {
public:
  unix_server(std::filesystem::path socket, descriptor listener, environment env)
    : socket_(std::move(socket)), listener_(std::move(listener)), env_(std::move(env)),
      watches_(env_.store, env_.time, env_.watching) {
    thread_ = std::thread([this] { accept_all(); });
  }
  ~unix_server() override { stop(); }

  void stop() override {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) {
        return;
      }
      stopping_ = true;
      watches_.stop("the node is stopping");
      ::shutdown(listener_.get(), SHUT_RDWR);
      for (const int fd : open_) {
        ::shutdown(fd, SHUT_RD); // what is under way may still be answered
      }
    }
    thread_.join();
    std::unique_lock lock(mutex_);
    idle_.wait_for(lock, std::chrono::seconds(10), [this] { return open_.empty(); });
    std::error_code ignored;
    std::filesystem::remove(socket_, ignored);
  }

private:
  void accept_all() {
    for (;;) {
      const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
      const std::lock_guard lock(mutex_);
      if (stopping_) {
        if (fd >= 0) {
          ::close(fd);
        }
        return;
      }
      if (fd < 0) {
        if (errno == EINTR || errno == ECONNABORTED || errno == EMFILE || errno == ENFILE) {
          continue;
        }
        return;
      }
      if (open_.size() >= connections_max) {
        const auto text =
          to_text(error_json(error(errc::limit, "too many connections; try again"))) + "\n";
        static_cast<void>(::send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
        ::close(fd);
        continue;
      }
      open_.insert(fd);
      std::thread([this, fd] { serve(fd); }).detach();
    }
  }

  void serve(int fd) {
    converse(fd);
    const std::lock_guard lock(mutex_);
    ::close(fd);
    open_.erase(fd);
    idle_.notify_all();
  }

  void converse(int fd) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
      return;
    }
    std::string buffer;
    char chunk[16384];
    for (;;) {
      const auto end = buffer.find('\n');
      if (end == std::string::npos) {
        if (buffer.size() > line_bytes_max) {
          write(fd, error_json(error(errc::limit, "a request has at most 1 MiB")));
          return;
        }
        const auto n = ::read(fd, chunk, sizeof chunk);
        if (n <= 0) {
          return;
        }
        buffer.append(chunk, static_cast<std::size_t>(n));
        continue;
      }
      const auto answer = respond(fd, peer.uid, std::string_view(buffer).substr(0, end));
      buffer.erase(0, end + 1);
      if (!answer || !write(fd, *answer)) {
        return;
      }
    }
  }

  /// Nothing if the connection was a watch, which is over.
  std::optional<json> respond(int fd, std::uint32_t uid, std::string_view line) {
    auto request = parse_json(line, {.bytes = line_bytes_max});
    if (!request) {
      return error_json(request.error());
    }
    if (!request->is_object()) {
      return error_json(error(errc::malformed, "a request is a JSON object"));
    }
    auto who = principal_of(uid, text_or(*request, "as"));
    if (!who) {
      return error_json(who.error());
    }
    const auto method = text_or(*request, "method");
    const auto params = request->value("params", json::object());
    if (method == "watch") {
      auto watched = watch(fd, params);
      return watched ? std::nullopt : std::optional(error_json(watched.error()));
    }
    auto result = call(env_, *who, method, params);
    if (!result) {
      return error_json(result.error());
    }
    return json{{"ok", true}, {"result", std::move(*result)}};
  }

  /// Every principal may: what is shown are headers, which `ledger.show` gives to all of them.
  result<void> watch(int fd, const json& params) {
    auto wanted = watch_request::from_json(params);
    if (!wanted) {
      return std::move(wanted).error();
    }
    if (auto& id = wanted->wanted.case_id; !id.empty()) {
      auto db = env_.store->reader();
      auto full = db ? resolve(**db, "flow_case", "case_id", id, "case")
                     : result<std::string>(std::move(db).error());
      if (!full) {
        return std::move(full).error();
      }
      id = *full;
    }
    return watches_.serve(fd, *wanted);
  }

  /// One user id may stand for several principals (a shared terminal): then `as` chooses among
  /// them, and only among them.
  result<principal> principal_of(std::uint32_t uid, const std::string& as) const {
    const auto principals = env_.principals();
    const principal* found = nullptr;
    for (const auto& p : *principals) {
      if (p.uid == uid && (as.empty() || p.name == as)) {
        found = &p;
        break;
      }
    }
    if (found == nullptr) {
      return error(errc::denied, as.empty()
                                   ? "the user id " + std::to_string(uid) +
                                       " is no principal of this node: add it to the node's "
                                       "configuration"
                                   : "the user id " + std::to_string(uid) +
                                       " may not act as \"" + as + "\"");
    }
    return *found;
  }

  static bool write(int fd, const json& answer) {
    const auto text = to_text(answer) + "\n";
    std::size_t done = 0;
    while (done < text.size()) {
      const auto n = ::send(fd, text.data() + done, text.size() - done, MSG_NOSIGNAL);
      if (n <= 0) {
        return false;
      }
      done += static_cast<std::size_t>(n);
    }
    return true;
  }

  std::filesystem::path socket_;
  descriptor listener_;
  environment env_;
  watch_desk watches_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable idle_;
  std::set<int> open_;
  bool stopping_ = false;
};

} // namespace

result<std::unique_ptr<server>> server::start(std::filesystem::path socket, environment env) {
  std::error_code ignored;
  if (std::filesystem::exists(socket, ignored)) {
    if (somebody_listens(socket)) {
      return error(errc::busy, "another node listens on this socket: stop it, or set another "
                               "node.socket")
        .at("socket", socket.string());
    }
    std::filesystem::remove(socket, ignored);
  }
  descriptor listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto address = address_of(socket);
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::chmod(socket.c_str(), 0660) != 0 || ::listen(listener.get(), 128) != 0) {
    return error(errc::io, std::string("cannot listen on the local socket: ") +
                             std::strerror(errno))
      .at("socket", socket.string());
  }
  return std::unique_ptr<server>(
    new unix_server(std::move(socket), std::move(listener), std::move(env)));
}

} // namespace crossdock::api
