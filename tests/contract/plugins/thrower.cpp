/// An agent that fails when told to: {"throw": true}. Otherwise it counts the event in
/// memory and sends it on as test.done.
#include <crossdock/plugin.hpp>

using namespace crossdock::sdk;

struct thrower : agent {
  static void declare(handlers<thrower>& h) { h.on("test.event", &thrower::seen); }

  void seen(step& s, const event& e) {
    // Effects first, so that a failure has something to drop.
    auto memory = s.memory();
    memory.put("count", memory.get("count", 0).get<int>() + 1);
    s.send("test.done", e.payload());
    if (e["throw"] == true)
      throw std::runtime_error{"told to throw"};
  }
};
CROSSDOCK_AGENT("test.thrower", thrower)
