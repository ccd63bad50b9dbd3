// A connector that connects to an endpoint, as it is told, and posts from a thread of its
// own.
#include <array>
#include <thread>

#include <crossdock/plugin.hpp>
#include <unistd.h>

using namespace crossdock::sdk;

struct dialer : connector {
  static void declare(handlers<dialer>& h) {
    h.on("test.event", &dialer::seen);
    h.posted(&dialer::durable);
  }

  void seen(step& s, const event& e) {
    if (e.text("endpoint").empty()) {
      thread_ = std::thread{[this] {
        post({{"topic", "test.done"}, {"id", "own-1"}, {"payload", {{"by", "a thread"}}}},
             "cookie");
      }};
      return;
    }
    try {
      const int fd = connect(e.text("endpoint"));
      const std::string hello = "hello";
      std::array<char, 64> back{};
      const auto n = ::write(fd, hello.data(), hello.size()) < 0
                         ? -1
                         : ::read(fd, back.data(), back.size());
      ::close(fd);
      s.send("test.done",
             {{"answer",
               std::string{back.data(), n < 0 ? 0u : static_cast<std::size_t>(n)}}},
             "", "answer");
    } catch (const host_error& x) {
      s.send("test.done", {{"error", x.what()}}, "", "error");
    }
  }
  void durable(step& s, const event& e) {
    s.send("test.done", {{"durable", std::string{e.tag_bytes()}}}, "", "durable");
  }
  void quiesce(std::uint32_t, std::int64_t) override {
    if (thread_.joinable())
      thread_.join();
  }
  ~dialer() override { quiesce(0, 0); }

private:
  std::thread thread_;
};
CROSSDOCK_CONNECTOR("test.dialer", dialer)
