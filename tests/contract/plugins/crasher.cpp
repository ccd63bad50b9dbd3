// Ends the process that it lives in, as it is told.
#include <crossdock/plugin.hpp>

#include <cstdlib>

using namespace crossdock::sdk;

struct crasher : agent {
  static void declare(handlers<crasher>& h) { h.on("test.event", &crasher::on_event); }

  void on_event(step&, const event& e) {
    const auto how = e.text("how");
    if (how == "abort")
      std::abort();
    if (how == "exit")
      std::_Exit(0);
    while (how == "loop")
      spin_ = spin_ + 1;
  }

private:
  volatile unsigned spin_ = 0;
};
CROSSDOCK_AGENT("test.crasher", crasher)
