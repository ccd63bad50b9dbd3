// The gateway between an approval and a system of record that answers as the test says.
#include "crossdock/abi.h"
#include "effect/effect.hpp"
#include "escalate/escalate.hpp"

#include "unit/ledger_fixture.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/send.hpp>

#include <condition_variable>
#include <deque>
#include <mutex>

using namespace crossdock;
using namespace std::chrono_literals;
using dispatch::delivery;
using dispatch::delivery_kind;
using ledger::testing::open_store;
using ledger::testing::temporary_directory;
using ledger::testing::test_options;

namespace {

struct silent_tap final : tap {
  void command(std::string_view, std::string_view) override {}
  void mishap(std::string_view, const std::string&) override {}
};

struct system_config : caf::actor_system_config {
  system_config() { add_message_types<caf::id_block::crossdock>(); }
};

/// What was handed to somebody, in order.
class mailbox {
public:
  void put(delivery d) {
    const std::lock_guard lock(mutex_);
    all_.push_back(std::move(d));
    came_.notify_all();
  }
  /// Fails the test if nothing comes.
  delivery next() {
    std::unique_lock lock(mutex_);
    REQUIRE(came_.wait_for(lock, 30s, [this] { return !all_.empty(); }));
    auto d = std::move(all_.front());
    all_.pop_front();
    return d;
  }
  std::size_t size() {
    const std::lock_guard lock(mutex_);
    return all_.size();
  }

private:
  std::mutex mutex_;
  std::condition_variable came_;
  std::deque<delivery> all_;
};

class gateway_fixture {
public:
  gateway_fixture() { start(); }
  ~gateway_fixture() { stop(); }

  void start() {
    auto o = test_options(dir_.path());
    o.time = time_;
    for (auto list : {escalate::migrations(), dispatch::exchange::migrations(),
                      effect::migrations()}) {
      o.migrations.insert(o.migrations.end(), list.begin(), list.end());
    }
    store_ = open_store(std::move(o));
    exchange_ = std::make_shared<dispatch::exchange>(
        std::make_shared<id_source>(time_, std::make_shared<seeded_random>(11)),
        "default");
    auto routes = std::make_shared<dispatch::routes>();
    routes->tools["erp.transfer.create"] = "erp";
    routes->tools["erp.stock"] = "erp";
    exchange_->set_routes(routes);
    auto db = store_->reader();
    REQUIRE(db);
    REQUIRE(exchange_->load(**db));
    attach("erp", erp);
    attach("flow", flow);
    system_ = std::make_unique<caf::actor_system>(config_);
    gateway_ = effect::start(
        *system_, {store_, exchange_, time_, std::make_shared<silent_tap>(), {}});
  }

  void stop() {
    caf::anon_send(gateway_, shut_down{});
    gateway_ = nullptr;
    system_.reset();
    store_->close();
    store_.reset();
    exchange_.reset();
  }

  template <class F>
  void work(F f) {
    ledger::unit u;
    u.name = "test";
    u.cls = ledger::record_class::a;
    u.apply = [&](ledger::transaction& tx) -> result<void> {
      auto r = f(tx);
      return r ? result<void>() : result<void>(r.error());
    };
    const auto r = store_->commit(std::move(u));
    INFO((r ? std::string() : r.error().describe()));
    REQUIRE(r);
  }

  /// The same action each time, in an approval of its own.
  proposal transfer(const std::string& id) const {
    proposal p;
    p.id = id;
    p.tenant = "default";
    p.case_id = "case-1";
    p.step = "transfer";
    p.agent = "replenishment";
    p.agent_release = "replenishment 0.1.0";
    p.tool = "erp.transfer.create";
    p.args = {{"item", "SKU-1"}, {"quantity", "7"}};
    p.object_key = "line-1";
    p.summary = "Transfer 7 each of SKU-1";
    p.created_at = time_->now();
    return p;
  }

  /// Judged as allowed and handed to the gateway.
  void allow(const proposal& p) {
    work([&](ledger::transaction& tx) {
      return exchange_->proposed(tx, p.id, "flow", "tag", p.case_id, p.object_key);
    });
    work([&](ledger::transaction& tx) {
      verdict v;
      v.effect = effect_verdict::allow;
      v.rules = {"small"};
      v.reason = "rule \"small\" allows it";
      v.policy_sha256 = std::string(64, 'a');
      return escalate::open(tx, p, v, nullptr);
    });
    caf::anon_send(gateway_, execute{p.id, nullptr});
  }

  /// The connector's answer to what it was handed.
  void answer(const delivery& d, std::int32_t status,
              const json& payload = json::object()) {
    work([&](ledger::transaction& tx) { return exchange_->finish(tx, d.id); });
    work([&](ledger::transaction& tx) {
      return exchange_->reply(tx, "erp", d.token, status, to_text(payload), {});
    });
  }

  /// What the proposer is told next.
  std::string told() {
    const auto d = flow.next();
    work([&](ledger::transaction& tx) { return exchange_->finish(tx, d.id); });
    auto data = parse_json(d.event->data);
    REQUIRE(data);
    return text_or(*data, "outcome");
  }

  escalate::state state_of(const std::string& id) {
    auto db = store_->reader();
    REQUIRE(db);
    auto a = escalate::find(**db, id);
    REQUIRE(a);
    return a->at;
  }

  std::map<std::string, std::string> effects() {
    auto db = store_->reader();
    REQUIRE(db);
    auto rows = effect::list(**db, "", 100);
    REQUIRE(rows);
    std::map<std::string, std::string> out;
    for (const auto& row : *rows) {
      out[row.approval_id] = row.state;
    }
    return out;
  }

  mailbox erp;
  mailbox flow;

private:
  void attach(const std::string& who, mailbox& box) {
    work([&](ledger::transaction& tx) -> result<void> {
      auto waiting =
          exchange_->attach(tx, who, [&box](delivery d) { box.put(std::move(d)); });
      if (!waiting) {
        return std::move(waiting).error();
      }
      for (auto& d : *waiting) {
        box.put(std::move(d));
      }
      return {};
    });
  }

  temporary_directory dir_;
  std::shared_ptr<manual_clock> time_ =
      std::make_shared<manual_clock>(*parse_rfc3339("2026-11-23T08:00:00Z"));
  std::shared_ptr<ledger::store> store_;
  std::shared_ptr<dispatch::exchange> exchange_;
  system_config config_;
  std::unique_ptr<caf::actor_system> system_;
  effect_handle gateway_;
};

} // namespace

TEST_CASE_METHOD(gateway_fixture,
                 "an allowed action is written once, under the key fixed before",
                 "[effect]") {
  const auto p = transfer("p-1");
  allow(p);
  const auto write = erp.next();
  CHECK(write.kind == delivery_kind::call);
  CHECK(write.idempotency_key == p.idempotency_key());
  CHECK(write.event->data == to_text(p.args));
  answer(write, CDK_TOOL_OK, {{"reference", "T-1"}});
  CHECK(told() == "executed");
  CHECK(state_of("p-1") == escalate::state::executed);
  CHECK(effects() == std::map<std::string, std::string>{{"p-1", "executed"}});
  CHECK(erp.size() == 0);
}

TEST_CASE_METHOD(gateway_fixture,
                 "what certainly failed may be done by a later approval under the same key",
                 "[effect]") {
  allow(transfer("p-1"));
  const auto first = erp.next();
  answer(first, CDK_TOOL_REFUSED, {{"reason", "the period is closed"}});
  CHECK(told() == "failed");
  CHECK(state_of("p-1") == escalate::state::failed);

  allow(transfer("p-2"));
  const auto second = erp.next();
  CHECK(second.idempotency_key == first.idempotency_key);
  answer(second, CDK_TOOL_OK, {{"reference", "T-2"}});
  CHECK(told() == "executed");
  // Both stay on the record.
  CHECK(effects() ==
        std::map<std::string, std::string>{{"p-1", "failed"}, {"p-2", "executed"}});
}

TEST_CASE_METHOD(gateway_fixture,
                 "what was done already in a case is not done again, and the proposer hears",
                 "[effect]") {
  allow(transfer("p-1"));
  answer(erp.next(), CDK_TOOL_OK, {{"reference", "T-1"}});
  CHECK(told() == "executed");

  allow(transfer("p-2"));
  CHECK(told() == "superseded");
  CHECK(state_of("p-2") == escalate::state::superseded);
  CHECK(erp.size() == 0);
  CHECK(effects() == std::map<std::string, std::string>{{"p-1", "executed"}});
}

TEST_CASE_METHOD(gateway_fixture,
                 "a lost answer is looked up by the key and never written blindly again",
                 "[effect]") {
  allow(transfer("p-1"));
  const auto write = erp.next();
  answer(write, CDK_TOOL_UNKNOWN);
  CHECK(told() == "unknown");
  const auto lookup = erp.next();
  CHECK(lookup.kind == delivery_kind::lookup);
  CHECK(lookup.idempotency_key == write.idempotency_key);

  SECTION("it is there") {
    answer(lookup, CDK_TOOL_OK, {{"reference", "T-1"}});
    CHECK(told() == "executed");
    CHECK(state_of("p-1") == escalate::state::reconciled);
  }
  SECTION("it is certainly not there: once more, with the same key") {
    answer(lookup, CDK_TOOL_NOT_FOUND);
    const auto again = erp.next();
    CHECK(again.kind == delivery_kind::call);
    CHECK(again.idempotency_key == write.idempotency_key);
    answer(again, CDK_TOOL_OK, {{"reference", "T-1"}});
    CHECK(told() == "executed");
    CHECK(state_of("p-1") == escalate::state::executed);
  }
  SECTION("nobody can say: the node starts again and asks again") {
    stop();
    start();
    const auto asked = erp.next();
    CHECK(asked.kind == delivery_kind::lookup);
    CHECK(asked.idempotency_key == write.idempotency_key);
  }
  CHECK(effects().size() == 1);
}

TEST_CASE_METHOD(gateway_fixture,
                 "a material fact that moved past its tolerance supersedes the approval",
                 "[effect]") {
  auto p = transfer("p-1");
  fact stock;
  stock.name = "on hand at B2";
  stock.value = "40";
  stock.unit = "ea";
  stock.system = "erp";
  stock.record = "stock/7";
  stock.material = true;
  stock.tolerance = *decimal::parse("2");
  stock.read = {
      {"tool", "erp.stock"}, {"args", {{"item", "SKU-1"}}}, {"pointer", "/on_hand"}};
  p.facts = {stock};
  allow(p);
  const auto read = erp.next();
  CHECK(read.topic == "erp.stock");

  SECTION("within the tolerance it is written") {
    answer(read, CDK_TOOL_OK, {{"on_hand", "38"}});
    CHECK(erp.next().topic == "erp.transfer.create");
  }
  SECTION("past it nothing is written, whichever way it moved") {
    answer(read, CDK_TOOL_OK, {{"on_hand", GENERATE("37.5", "42.5")}});
    CHECK(told() == "superseded");
    CHECK(state_of("p-1") == escalate::state::superseded);
    CHECK(erp.size() == 0);
    CHECK(effects().empty());
  }
}
