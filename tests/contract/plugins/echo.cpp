/// Two agents in one file: test.echo answers the question test.echo with what it was
/// asked; test.asker asks it on test.ask and sends the answer as test.done.
#include <crossdock/plugin.hpp>

using namespace crossdock::sdk;

struct echo : agent {
  static void declare(handlers<echo>& h) { h.answers("test.echo", &echo::answer); }

  void answer(step& s, const event& e) { s.reply(e.payload()); }
};
CROSSDOCK_AGENT("test.echo", echo)

struct asker : agent {
  static void declare(handlers<asker>& h) {
    h.on("test.ask", &asker::asked);
    h.then("answered", &asker::answered);
  }

  void asked(step& s, const event& e) {
    s.ask("test.echo", e.payload(), std::chrono::seconds{5})
        .then("answered", {{"asked", e.payload()}});
  }
  void answered(step& s, const event& answer, const json& saved) {
    s.send("test.done", {{"status", answer.status_text()},
                         {"answer", answer.payload()},
                         {"asked", saved.at("asked")}});
  }
};
CROSSDOCK_AGENT("test.asker", asker)
