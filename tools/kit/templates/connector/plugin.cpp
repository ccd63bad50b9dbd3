// Gives the rate of a lane. Where the table is now, a real connector asks its system of record; it
// runs on a thread of its own if plugin.toml says executor = "thread", and may wait there.
#include <crossdock/plugin.hpp>

using namespace crossdock::sdk;

struct @IDENTIFIER@ : connector {
  static void declare(handlers<@IDENTIFIER@>& h) { h.call("@ID@.rate", &@IDENTIFIER@::rate); }

  void configure(const json& config) override { rates_ = config.at("rates"); }

  void rate(step& s, const event& e) {
    const auto lane = e.text("lane");
    if (!rates_.contains(lane))
      return s.reply(outcome::not_found, {{"message", "no rate is known for " + lane}});
    // Every answer says where it is from and as of when: decisions rest on it.
    s.reply({{"system", "@NAME@"},
             {"as_of", e.now_text()},
             {"lane", lane},
             {"rate", rates_[lane]},
             {"record", "rates/" + lane}});
  }

private:
  json rates_;
};
CROSSDOCK_CONNECTOR("@ID@", @IDENTIFIER@)
