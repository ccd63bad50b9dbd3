/// An agent that is busy for {"busy_ms": n} of real time before it sends test.done: what
/// a deadline is for.
#include <thread>

#include <crossdock/plugin.hpp>

using namespace crossdock::sdk;

struct sleeper : agent {
  static void declare(handlers<sleeper>& h) { h.on("test.event", &sleeper::seen); }

  void seen(step& s, const event& e) {
    const auto busy = std::chrono::milliseconds{e["busy_ms"].get<int>()};
    for (const auto until = std::chrono::steady_clock::now() + busy;
         std::chrono::steady_clock::now() < until;)
      std::this_thread::yield();
    s.send("test.done", e.payload());
  }
};
CROSSDOCK_AGENT("test.sleeper", sleeper)
