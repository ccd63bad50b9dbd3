/// Component `tryton`: a Tryton 6.0 as source of order and purchase lines, reader of
/// stock and master data, and writer of transfers and promises. What is mapped to what is
/// in docs/reference/tryton.md.
#include <crossdock/plugin.hpp>

#include "erp.hpp"

namespace {

using namespace crossdock::sdk;
using crossdock::tryton::changes;
using crossdock::tryton::client;
using crossdock::tryton::erp;
using crossdock::tryton::failure;
using crossdock::tryton::make_http_transport;
using crossdock::tryton::settings;
using milliseconds = std::chrono::milliseconds;

struct tryton : connector {
  static void declare(handlers<tryton>& h) {
    h.started(&tryton::started);
    h.then("poll", &tryton::poll);
    h.call("erp.item", &tryton::read<&erp::item>);
    h.call("erp.stock", &tryton::read<&erp::stock>);
    h.call("erp.supply", &tryton::read<&erp::supply>);
    h.call("erp.open_orders", &tryton::read<&erp::open_orders>);
    h.call("erp.position", &tryton::read<&erp::position>);
    h.call("erp.order_line", &tryton::read<&erp::order_line>);
    h.call("erp.demand", &tryton::read<&erp::demand>);
    h.call("erp.sites", &tryton::read<&erp::sites>);
    h.call("erp.receipt_history", &tryton::read<&erp::receipt_history>);
    h.call("erp.transfer_history", &tryton::read<&erp::transfer_history>);
    h.call("erp.pick_history", &tryton::read<&erp::pick_history>);
    h.call("erp.order_history", &tryton::read<&erp::order_history>);
    h.call("erp.purchase_history", &tryton::read<&erp::purchase_history>);
    h.call("erp.supply_history", &tryton::read<&erp::supply_history>);
    h.call("erp.stock_levels", &tryton::read<&erp::stock_levels>);
    h.call("erp.transfer.create", &tryton::create_transfer);
    h.lookup("erp.transfer.create", &tryton::find_transfer);
    h.call("erp.transfer.cancel", &tryton::read<&erp::transfer_cancel>);
    h.lookup("erp.transfer.cancel", &tryton::find<&erp::find_cancelled>);
    h.call("erp.order.promise", &tryton::read<&erp::order_promise>);
    h.lookup("erp.order.promise", &tryton::find<&erp::find_promise>);
  }

  void configure(const json& config) override {
    auto fresh = settings::read(config);
    auto transport = make_http_transport(fresh.http);
    erp_.reset();
    client_.reset();
    settings_ = std::move(fresh);
    client_.emplace(settings_.login, std::move(transport), settings_.timeout);
    erp_.emplace(settings_, *client_);
  }

  json probe(std::uint32_t level) override {
    return level == 0 ? json::object() : erp_->check();
  }

  // -- polling
  // ----------------------------------------------------------------------------

  /// Timers outlive a restart: the number of this start makes those of earlier ones void.
  void started(step& s) {
    const auto generation = s.memory().get("generation", 0).get<std::int64_t>() + 1;
    s.memory().put("generation", generation);
    s.timer(milliseconds{0}, "poll", {{"generation", generation}, {"failures", 0}});
  }

  /// Events and cursor are of one step: both are kept or neither.
  void poll(step& s, const event& e, const json& saved) {
    if (saved.at("generation") != s.memory().get("generation", 0))
      return;
    auto failures = saved.at("failures").get<int>();
    auto wait = settings_.poll;
    try {
      budget_for(e);
      const bool more_orders = poll_topic(s, "orders", &erp::order_lines);
      const bool more_purchases = poll_topic(s, "purchases", &erp::purchase_lines);
      if (failures > 0)
        s.info("Tryton answers again.", {{"after_failures", failures}});
      failures = 0;
      if (more_orders || more_purchases)
        wait = milliseconds{0};
    } catch (const failure& f) {
      // Double the pause up to a minute: an ERP in trouble is not helped by questions.
      ++failures;
      wait = std::min(milliseconds{60'000}, std::max(settings_.poll, milliseconds{500}) *
                                                (1 << std::min(failures, 6)));
      s.warn("Tryton was not polled.", {{"reason", f.what()},
                                        {"outcome", status_name(status_of(f.result()))},
                                        {"failures", failures},
                                        {"again_in_ms", wait.count()}});
      s.count("tryton.poll_failures");
    }
    s.timer(wait, "poll",
            {{"generation", saved.at("generation")}, {"failures", failures}});
  }

  // -- tools
  // ------------------------------------------------------------------------------

  /// Reads, and the writes that look at the record before they touch it.
  template <json (erp::*Tool)(const json&)>
  void read(step& s, const event& e) {
    answer(s, e, [&] { return ((*erp_).*Tool)(e.payload()); });
  }

  template <json (erp::*Search)(const json&)>
  void find(step& s, const event& e) {
    answer(s, e, [&] { return found(((*erp_).*Search)(e.payload())); });
  }

  void create_transfer(step& s, const event& e) {
    answer(s, e, [&] { return erp_->transfer_create(e.payload(), e.idempotency_key()); });
  }

  void find_transfer(step& s, const event& e) {
    answer(s, e, [&] { return found(erp_->find_transfer(e.idempotency_key())); });
  }

private:
  static cdk_status status_of(outcome o) { return static_cast<cdk_status>(o); }

  /// All calls of one event end before its deadline, with time left to report it.
  void budget_for(const event& e) {
    const auto left = milliseconds{(e.deadline() - e.now()) / 1'000'000};
    if (left > milliseconds{0})
      client_->begin_budget(left - std::min(milliseconds{250}, left / 10));
    else
      client_->end_budget();
  }

  static json found(json result) {
    if (result.is_null())
      throw failure{outcome::not_found, "Tryton shows no such change"};
    return result;
  }

  template <class Work>
  void answer(step& s, const event& e, Work work) {
    budget_for(e);
    try {
      s.reply(work());
    } catch (const failure& f) {
      json why{{"reason", f.what()}, {"system", settings_.system}};
      if (!f.warning().empty())
        why["warning"] = f.warning();
      s.reply(f.result(), why);
    } catch (const std::invalid_argument& bad) {
      s.reply(outcome::refused, {{"reason", bad.what()}, {"system", settings_.system}});
    }
  }

  bool poll_topic(step& s, const char* name, changes (erp::*lines)(const json&)) {
    const auto key = std::string{"cursor/"} + name;
    const auto page = ((*erp_).*lines)(s.memory().get(key, nullptr));
    for (const auto& c : page.found)
      s.send(c.topic, c.payload, {}, c.id);
    s.memory().put(key, page.cursor);
    return page.more;
  }

  settings settings_;
  std::optional<client> client_;
  std::optional<erp> erp_;
};

CROSSDOCK_CONNECTOR("tryton", tryton)

} // namespace
