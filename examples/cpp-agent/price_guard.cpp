// An agent in C++: when an order line is sold for a price that is not the list's, it proposes to
// put the new price on the list. Reading is a call whose answer comes in a later step; writing
// is a proposal, which policy and people judge.
#include <crossdock/plugin.hpp>

using namespace crossdock::sdk;

struct price_guard : agent {
  static void declare(handlers<price_guard>& h) {
    h.on("order.line", &price_guard::sold);
    h.then("compare", &price_guard::compare); // a name of its own: it survives a swap
    h.then("decided", &price_guard::decided);
  }

  void configure(const json& config) override {
    tolerance_percent_ = config.at("tolerance_percent").get<int>();
  }

  void sold(step& s, const event& e) {
    s.call("example.price", {{"item", e.text("item")}})
        .then("compare", {{"item", e.text("item")}, {"sold", e["unit_price"]}, {"line", e.text("line")}});
  }

  void compare(step& s, const event& answer, const json& saved) {
    if (answer.status() == CDK_TOOL_NOT_FOUND)
      return propose(s, saved, {}, "No price of this item is on the list.");
    if (!answer.ok()) // the connector is away: this line is not worth waiting for
      return s.warn("the price list cannot be read", {{"outcome", answer.status_text()}});

    // The fact knows its system, record and time, and how to read it again before the effect.
    const auto list = answer.at("/price/amount", "list price").as_material();
    const auto sold = saved["sold"]["amount"].get<decimal>();
    const auto allowed = list.as_decimal() * decimal{tolerance_percent_} / decimal{100};
    const auto off = sold < list.as_decimal() ? list.as_decimal() - sold : sold - list.as_decimal();
    if (saved["sold"]["currency"] == answer["price"]["currency"] && off <= allowed)
      return;
    propose(s, saved, {list}, "The list says {}, and that is not what it is sold for.");
  }

  void decided(step& s, const event& decision, const json& saved) {
    // Kept, so that a person's no is not asked for again with the next order line.
    s.memory().put("asked/" + saved["item"].get<std::string>(),
                   {{"price", saved["sold"]}, {"done", decision.ok()}});
  }

private:
  static void propose(step& s, const json& saved, const facts& with, const std::string& why) {
    const auto item = saved["item"].get<std::string>();
    if (s.memory().get("asked/" + item, json::object()).value("price", json{}) == saved["sold"])
      return;
    s.propose("example.price.append", {{"item", item}, {"price", saved["sold"]}})
        .confidence(0.8, {{"model", "a price that was really paid"}})
        .because_all(why, with)
        .evidence(with)
        .amount(saved["sold"])
        .about(item)
        .otherwise("The list goes on naming a price that nobody pays.")
        .then("decided", saved);
  }

  int tolerance_percent_ = 0;
};
CROSSDOCK_AGENT("example.price-guard", price_guard)
