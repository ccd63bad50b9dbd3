#include <catch2/catch.hpp>

#include "base/ids.hpp"
#include "crossdock/abi.h"
#include "dispatch/dispatch.hpp"
#include "intake/intake.hpp"

#include <filesystem>
#include <mutex>

using namespace crossdock;
using dispatch::delivery;
using dispatch::delivery_kind;

namespace {

/// A ledger in a folder of its own, a clock that stands still, and mailboxes to look into.
struct fixture {
  std::filesystem::path folder;
  std::shared_ptr<manual_clock> time = std::make_shared<manual_clock>(
    *parse_rfc3339("2026-11-23T08:00:00Z"));
  std::shared_ptr<random_source> random = std::make_shared<seeded_random>(7);
  std::shared_ptr<ledger::store> store;
  std::shared_ptr<dispatch::exchange> exchange;
  std::mutex mutex;
  std::map<std::string, std::vector<delivery>> mail;

  fixture() {
    std::string name = (std::filesystem::temp_directory_path() / "crossdock-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    folder = name;
    open();
  }
  ~fixture() {
    store->close();
    store.reset();
    std::filesystem::remove_all(folder);
  }

  void open() {
    ledger::options o;
    o.directory = folder;
    o.time = time;
    o.random = random;
    for (auto list : {dispatch::exchange::migrations(), intake::desk::migrations()}) {
      o.migrations.insert(o.migrations.end(), list.begin(), list.end());
    }
    auto opened = ledger::store::open(std::move(o));
    REQUIRE(opened.ok());
    store = std::move(*opened);
    exchange = std::make_shared<dispatch::exchange>(std::make_shared<id_source>(time, random),
                                                    "default");
    auto routes = std::make_shared<dispatch::routes>();
    routes->topics["order.line_settled"] = {"a", "b"};
    routes->questions["order.impact"] = "order";
    routes->tools["erp.stock"] = "erp";
    exchange->set_routes(routes);
    auto db = store->reader();
    REQUIRE(db.ok());
    REQUIRE(exchange->load(**db).ok());
  }

  void restart() {
    store->close();
    store.reset();
    exchange.reset();
    mail.clear();
    open();
  }

  template <class F>
  result<ledger::receipt> work(F f) {
    ledger::unit u;
    u.name = "test";
    u.cls = ledger::record_class::a;
    u.apply = [f](ledger::transaction& tx) -> result<void> { return f(tx); };
    return store->commit(std::move(u));
  }

  std::vector<delivery> attach(const std::string& who) {
    auto waiting = std::make_shared<std::vector<delivery>>();
    REQUIRE(work([this, who, waiting](ledger::transaction& tx) -> result<void> {
              auto r = exchange->attach(tx, who, [this, who](delivery d) {
                const std::lock_guard lock(mutex);
                mail[who].push_back(std::move(d));
              });
              if (!r) {
                return r.error();
              }
              *waiting = *r;
              return {};
            }).ok());
    return *waiting;
  }

  envelope event(const std::string& type, const std::string& data) const {
    envelope e;
    e.source = "test";
    e.type = type;
    e.data = data;
    e.subject = "key";
    return e;
  }
};

template <class T>
result<void> dropped(const result<T>& r) {
  return r ? result<void>() : result<void>(r.error());
}

} // namespace

TEST_CASE("an event reaches everybody who declared its topic, in order, until it is finished",
          "[dispatch]") {
  fixture f;
  f.attach("a");
  f.attach("b");
  for (int i = 0; i < 3; ++i) {
    REQUIRE(f.work([&](ledger::transaction& tx) {
              return dropped(f.exchange->publish(
                tx, f.event("order.line_settled", "{\"n\":" + std::to_string(i) + "}"),
                ledger::record_class::b));
            }).ok());
  }
  REQUIRE(f.mail["a"].size() == 3);
  REQUIRE(f.mail["b"].size() == 3);
  CHECK(f.mail["a"][2].event->data == "{\"n\":2}");
  REQUIRE(f.work([&](ledger::transaction& tx) {
            return f.exchange->finish(tx, f.mail["a"][0].id);
          }).ok());
  const auto again =
    f.work([&](ledger::transaction& tx) { return f.exchange->finish(tx, f.mail["a"][0].id); });
  CHECK_FALSE(again.ok());

  f.restart();
  const auto waiting = f.attach("a");
  REQUIRE(waiting.size() == 2);
  CHECK(waiting[0].event->data == "{\"n\":1}");
  CHECK(waiting[1].event->data == "{\"n\":2}");
  CHECK(f.attach("b").size() == 3);
}

TEST_CASE("a question is answered once: a second answer and one of somebody else are refused",
          "[dispatch]") {
  fixture f;
  f.attach("order");
  f.attach("flow");
  REQUIRE(f.work([&](ledger::transaction& tx) {
            return dropped(f.exchange->ask(tx, "flow", f.exchange->new_request_id(),
                                           f.event("order.impact", "{\"line\":\"1\"}"),
                                           std::chrono::seconds(5), "tag"));
          }).ok());
  REQUIRE(f.mail["order"].size() == 1);
  const auto token = f.mail["order"][0].token;
  const auto reply = [&](const std::string& who) {
    return f.work([&, who](ledger::transaction& tx) {
      return dropped(f.exchange->reply(tx, who, token, CDK_OK, "{\"x\":1}", {}));
    });
  };
  CHECK_FALSE(reply("warehouse").ok());
  CHECK(reply("order").ok());
  const auto twice = reply("order");
  REQUIRE_FALSE(twice.ok());
  CHECK(twice.error().code() == errc::not_found);
  REQUIRE(f.mail["flow"].size() == 1);
  CHECK(f.mail["flow"][0].tag == "tag");
  CHECK(f.mail["flow"][0].topic == "order.impact");
}

TEST_CASE("who asks and gets no answer is told at the deadline, also after a restart",
          "[dispatch]") {
  fixture f;
  REQUIRE(f.work([&](ledger::transaction& tx) {
            return dropped(f.exchange->ask(tx, "flow", f.exchange->new_request_id(),
                                           f.event("order.impact", "{}"),
                                           std::chrono::seconds(5), "t"));
          }).ok());
  f.restart();
  f.attach("flow");
  const auto fire = [&] {
    std::size_t n = 0;
    REQUIRE(f.work([&](ledger::transaction& tx) -> result<void> {
              auto fired = f.exchange->fire_due(tx, 10);
              if (!fired) {
                return fired.error();
              }
              n = *fired;
              return {};
            }).ok());
    return n;
  };
  CHECK(fire() == 0);
  f.time->advance(std::chrono::seconds(6));
  CHECK(fire() == 1);
  REQUIRE(f.mail["flow"].size() == 1);
  CHECK(f.mail["flow"][0].status == CDK_E_DEADLINE);
  CHECK(fire() == 0);
}

TEST_CASE("a question that nobody answers and a tool that nobody offers come back at once",
          "[dispatch]") {
  fixture f;
  f.attach("flow");
  REQUIRE(f.work([&](ledger::transaction& tx) -> result<void> {
            auto r = f.exchange->ask(tx, "flow", f.exchange->new_request_id(),
                                     f.event("no.such.question", "{}"),
                                     std::chrono::seconds(5), "q");
            if (!r) {
              return r.error();
            }
            return dropped(f.exchange->call(tx, "flow", f.exchange->new_request_id(),
                                            delivery_kind::call, f.event("no.tool", "{}"), "",
                                            std::chrono::seconds(5), "c"));
          }).ok());
  REQUIRE(f.mail["flow"].size() == 2);
  CHECK(f.mail["flow"][0].status == CDK_E_ABSENT);
  CHECK(f.mail["flow"][1].status == CDK_E_ABSENT);
}

TEST_CASE("a buried delivery is a dead letter with its reason and can be replayed once",
          "[dispatch]") {
  fixture f;
  f.attach("a");
  REQUIRE(f.work([&](ledger::transaction& tx) {
            return dropped(f.exchange->publish(tx, f.event("order.line_settled", "{}"),
                                               ledger::record_class::b));
          }).ok());
  REQUIRE(f.work([&](ledger::transaction& tx) {
            return f.exchange->bury(tx, f.mail["a"][0], errc::plugin, "it threw twice");
          }).ok());
  auto db = f.store->reader();
  REQUIRE(db.ok());
  auto letters = dispatch::exchange::dead_letters(**db, 10);
  REQUIRE(letters.ok());
  REQUIRE(letters->size() == 1);
  CHECK(letters->front().reason == "it threw twice");
  const auto id = letters->front().id;
  const auto replay = [&] {
    return f.work([&](ledger::transaction& tx) { return f.exchange->replay(tx, id, "maria"); });
  };
  CHECK(replay().ok());
  CHECK(f.mail["a"].size() == 2);
  CHECK_FALSE(replay().ok());
}

TEST_CASE("intake takes an event once, quarantines another body and refuses a wrong payload",
          "[intake]") {
  fixture f;
  auto words = catalogue::load(TEST_CATALOGUE);
  REQUIRE(words.ok());
  const intake::desk desk(*words, f.exchange);
  f.attach("a");
  const auto admit = [&](const std::string& id, const std::string& data) {
    intake::admission out;
    auto e = f.event("order.line_settled", data);
    e.id = id;
    REQUIRE(f.work([&](ledger::transaction& tx) -> result<void> {
              auto r = desk.admit(tx, e);
              if (!r) {
                return r.error();
              }
              out = *r;
              return {};
            }).ok());
    return out.what;
  };
  const std::string good = R"({"line":"SO-1/1","reason":"stock came"})";
  CHECK(admit("1", good) == intake::outcome::accepted);
  CHECK(admit("1", good) == intake::outcome::repeated);
  CHECK(admit("1", R"({"line":"SO-1/1","reason":"other"})") == intake::outcome::refused);
  CHECK(admit("2", R"({"line":5})") == intake::outcome::refused);
  CHECK(admit("", good) == intake::outcome::refused);
  f.restart();
  const intake::desk after(*words, f.exchange);
  auto e = f.event("order.line_settled", good);
  e.id = "1";
  intake::outcome what{};
  REQUIRE(f.work([&](ledger::transaction& tx) -> result<void> {
            auto r = after.admit(tx, e);
            if (!r) {
              return r.error();
            }
            what = r->what;
            return {};
          }).ok());
  CHECK(what == intake::outcome::repeated);
  auto db = f.store->reader();
  REQUIRE(db.ok());
  CHECK(dispatch::exchange::dead_letters(**db, 10)->size() == 3);
}

TEST_CASE("a timer leaves no record of its own and still survives a restart until it is finished",
          "[dispatch]") {
  fixture f;
  f.attach("a");
  const auto before = f.store->durable_seq();
  REQUIRE(f.work([&](ledger::transaction& tx) {
            return f.exchange->timer(tx, "a", f.exchange->new_request_id(),
                                     std::chrono::seconds(5), "tag", "key", "case-1");
          }).ok());
  f.restart(); // it is not due yet: its request is what survives
  f.attach("a");
  CHECK(f.exchange->next_due() == f.time->now() + std::chrono::seconds(5));
  f.time->advance(std::chrono::seconds(5));
  REQUIRE(f.work([&](ledger::transaction& tx) {
            return dropped(f.exchange->fire_due(tx, 10));
          }).ok());
  REQUIRE(f.mail["a"].size() == 1);
  CHECK_FALSE(f.exchange->next_due());
  CHECK(f.exchange->count().timers == 1);
  f.restart(); // it fired and nobody finished it: its delivery is what survives
  const auto waiting = f.attach("a");
  REQUIRE(waiting.size() == 1);
  CHECK(waiting[0].kind == delivery_kind::timer);
  CHECK(waiting[0].tag == "tag");
  CHECK(waiting[0].event->case_id == "case-1");
  CHECK(waiting[0].event->subject == "key");
  CHECK(f.store->durable_seq() == before);
  REQUIRE(f.work([&](ledger::transaction& tx) {
            return f.exchange->bury(tx, waiting[0], errc::plugin, "it threw twice");
          }).ok());
  REQUIRE(f.work([&](ledger::transaction& tx) {
            return f.exchange->replay(tx, 1, "maria");
          }).ok());
  REQUIRE(f.mail["a"].size() == 1);
  CHECK(f.mail["a"][0].event->case_id == "case-1");
}

TEST_CASE("a unit that fails takes back its deliveries, answers and timers", "[dispatch]") {
  fixture f;
  f.attach("order");
  f.attach("a");
  const auto request = f.exchange->new_request_id();
  REQUIRE(f.work([&](ledger::transaction& tx) {
            return dropped(f.exchange->ask(tx, "a", request, f.event("order.impact", "{}"),
                                           std::chrono::seconds(30), "tag"));
          }).ok());
  REQUIRE(f.mail["order"].size() == 1);
  const auto asked = f.mail["order"][0];
  REQUIRE_FALSE(f.work([&](ledger::transaction& tx) -> result<void> {
                   REQUIRE(f.exchange->finish(tx, asked.id).ok());
                   REQUIRE(f.exchange->reply(tx, "order", request, CDK_OK, "{}", {}).ok());
                   REQUIRE(f.exchange->timer(tx, "a", f.exchange->new_request_id(),
                                             std::chrono::seconds(1), "", "", "").ok());
                   return error(errc::internal, "no");
                 }).ok());
  CHECK(f.mail["a"].empty());
  // Everything is as before: the question is still open, answered once, and no timer waits.
  REQUIRE(f.work([&](ledger::transaction& tx) -> result<void> {
            if (auto r = f.exchange->finish(tx, asked.id); !r) {
              return r;
            }
            return dropped(f.exchange->reply(tx, "order", request, CDK_OK, "{}", {}));
          }).ok());
  CHECK(f.mail["a"].size() == 1);
  CHECK_FALSE(f.exchange->next_due());
  CHECK_FALSE(f.work([&](ledger::transaction& tx) {
                 return f.exchange->finish(tx, asked.id);
               }).ok());
}
