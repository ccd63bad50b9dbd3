// Warns when a branch has less of an item than is ordered there. A step is short: what has to be
// waited for is a call, and its answer comes to a later step with what was saved.
#include <crossdock/plugin.hpp>

using namespace crossdock::sdk;

struct @IDENTIFIER@ : agent {
  static void declare(handlers<@IDENTIFIER@>& h) {
    h.on("order.line", &@IDENTIFIER@::ordered);
    h.then("stock", &@IDENTIFIER@::stock_known); // a name of its own: it survives a swap
  }

  void configure(const json& config) override { spare_ = config.value("spare", 0); }

  void ordered(step& s, const event& e) {
    s.call("erp.stock", {{"item", e.text("item")}, {"site", e.text("site")}})
        .then("stock", {{"line", e.text("line")}, {"quantity", e["quantity"]}});
  }

  void stock_known(step& s, const event& answer, const json& saved) {
    if (!answer.ok()) // the system of record is away: this line is not worth waiting for
      return s.warn("stock cannot be read", {{"outcome", answer.status_text()}});
    decimal available{0};
    for (const auto& site : answer["sites"])
      available = available + site["available"].get<decimal>();
    if (available >= saved["quantity"].get<decimal>() + decimal{spare_})
      return;
    s.warn("a branch is short", {{"line", saved["line"]}, {"available", available.text()}});
    s.count("short_lines");
    s.memory().put("last_short", {{"line", saved["line"]}});
  }

private:
  int spare_ = 0;
};
CROSSDOCK_AGENT("@ID@", @IDENTIFIER@)
