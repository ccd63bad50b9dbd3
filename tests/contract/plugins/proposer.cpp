/// An agent that proposes on its own, outside any flow: an order line whose quantity is
/// 9000 and more asks for a new promised date, and what lies above 9000 is the amount at
/// stake. What became of it is written into memory, so that a test can count it.
#include <crossdock/plugin.hpp>

using namespace crossdock::sdk;

struct proposer : agent {
  static void declare(handlers<proposer>& h) {
    h.on("order.line", &proposer::line);
    h.then("read", &proposer::read);
    h.then("decided", &proposer::decided);
  }

  void line(step& s, const event& e) {
    const auto quantity = e.number("quantity");
    auto memory = s.memory();
    const auto seen = "seen/" + e.text("line");
    // A promise that was kept changes the line as well, but not what was wished.
    if (quantity < decimal{9000} || memory.get(seen, "") == quantity.text())
      return;
    memory.put(seen, quantity.text());
    s.call("erp.order_line", {{"line", e.text("line")}})
        .then("read", {{"line", e.text("line")}, {"quantity", quantity.text()}});
  }

  void read(step& s, const event& answer, const json& saved) {
    const auto promised =
        answer.at("/promised_date", "promised date").as_material(decimal{0});
    const auto about = saved["line"].get<std::string>();
    const auto wish =
        decimal::parse(saved["quantity"].get<std::string>()) - decimal{9000};
    s.propose("erp.order.promise",
              {{"line", about}, {"date", "2031-01-15"}, {"previous", promised.as_text()}})
        .confidence(0.9, {{"model", "test"}})
        .because("The promise of {} cannot be kept. It is of no use.", promised)
        .evidence({promised})
        .amount(wish, "USD")
        .otherwise("The customer waits in vain.")
        .about(about)
        .then("decided", saved);
  }

  void decided(step& s, const event& e, const json& saved) {
    auto memory = s.memory();
    const auto key = "heard/" + saved["line"].get<std::string>() + "/" +
                     saved["quantity"].get<std::string>();
    auto heard = memory.get(key, json::array());
    heard.push_back({{"outcome", e.text("outcome")},
                     {"ok", e.ok()},
                     {"tool", e.topic()},
                     {"case", e.case_id()},
                     {"detail", e["detail"]}});
    memory.put(key, heard);
    // Once more, in a step that belongs to a case.
    if (saved["quantity"] == "9077")
      s.propose("erp.order.promise", {{"line", saved["line"]}, {"date", "2031-02-02"}})
          .confidence(0.9, {{"model", "test"}})
          .because("A second thought.")
          .amount(decimal{50}, "USD")
          .about(saved["line"].get<std::string>() + "/again")
          .then("decided", {{"line", saved["line"]}, {"quantity", "again"}});
  }
};
CROSSDOCK_AGENT("test.proposer", proposer)
