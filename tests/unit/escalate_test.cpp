#include "escalate/escalate.hpp"

#include "unit/ledger_fixture.hpp"

#include <barrier>
#include <map>
#include <set>
#include <thread>

using namespace crossdock;
using namespace crossdock::escalate;
using ledger::testing::open_store;
using ledger::testing::temporary_directory;
using ledger::testing::test_options;
using std::chrono::hours;
using std::chrono::minutes;

namespace {

/// One person of the desk, half an hour, then the lead; four hours in all.
constexpr std::chrono::seconds never{0};
const gate::chain desk{"desk",
                       {{{"customer-service"}, 1, minutes(15), minutes(30)},
                        {{"team-lead"}, 1, minutes(30), never}},
                       hours(4),
                       false};
const gate::chain two_of_desk{
    "two", {{{"customer-service"}, 2, never, never}}, hours(4), false};
const gate::chain both{"both",
                       {{{"buyer"}, 2, never, never}, {{"controller"}, 1, never, never}},
                       hours(4),
                       true};

verdict says(effect_verdict effect, std::vector<std::string> obligations = {}) {
  verdict v;
  v.effect = effect;
  v.rules = {"r1"};
  v.chain = effect == effect_verdict::ask ? "desk" : "";
  v.obligations = std::move(obligations);
  v.reason = "rule \"r1\" decides";
  v.policy_sha256 = std::string(64, 'a');
  return v;
}

principal person(std::string name,
                 std::vector<std::string> roles = {"customer-service"}) {
  return {std::move(name), std::move(roles), principal_kind::person};
}

/// A store with a clock that stands still, and calls that are units of their own.
class desk_fixture {
public:
  desk_fixture() { start(); }

  void start() {
    store_.reset();
    auto o = test_options(dir_.path());
    o.time = time_;
    o.migrations = migrations();
    store_ = open_store(std::move(o));
  }

  proposal ask_for(const std::string& id, const std::string& object = "line-1") {
    proposal p;
    p.id = id;
    p.tenant = "default";
    p.case_id = "case-1";
    p.step = "transfer";
    p.agent = "replenishment";
    p.agent_release = "replenishment 0.1.0";
    p.tool = "erp.transfer.create";
    p.args = {{"item", "SKU-1"}, {"quantity", "7"}};
    p.object_key = object;
    p.summary = "Transfer 7 each of SKU-1";
    p.if_nothing_is_done = "The line is late by four days.";
    p.created_at = time_->now();
    return p;
  }

  /// Runs `f(tx)` as one unit.
  template <class F>
  auto run(F f) -> decltype(f(std::declval<ledger::transaction&>())) {
    using answer = decltype(f(std::declval<ledger::transaction&>()));
    std::optional<answer> out;
    ledger::unit u;
    u.name = "test";
    u.cls = ledger::record_class::a;
    u.apply = [&](ledger::transaction& tx) -> result<void> {
      out = f(tx);
      return *out ? result<void>() : result<void>(out->error());
    };
    const auto receipt = store_->commit(std::move(u));
    REQUIRE(out.has_value());
    REQUIRE(receipt.ok() == out->ok());
    return *std::move(out);
  }

  opened open_ok(const proposal& p, effect_verdict effect = effect_verdict::ask,
                 const gate::chain& chain = desk, const parties& involved = {}) {
    auto r = run([&](ledger::transaction& tx) {
      return escalate::open(tx, p, says(effect), &chain, involved);
    });
    INFO((r ? std::string() : r.error().describe()));
    REQUIRE(r);
    return *std::move(r);
  }

  result<decided> decide(decision d) {
    return run([&](ledger::transaction& tx) { return escalate::decide(tx, d); });
  }
  result<decided> approve(const std::string& id, principal by,
                          std::string decision_id = "") {
    return decide(vote_of(id, std::move(by), true, std::move(decision_id)));
  }
  result<decided> reject(const std::string& id, principal by) {
    return decide(vote_of(id, std::move(by), false, ""));
  }
  decision vote_of(const std::string& id, principal by, bool yes,
                   std::string decision_id) {
    decision d;
    d.decision_id = decision_id.empty() ? "d-" + std::to_string(++decisions_)
                                        : std::move(decision_id);
    d.approval_id = id;
    d.approve = yes;
    d.by = std::move(by);
    d.reason = "because";
    return d;
  }
  result<approval> consume(const std::string& id, const std::string& digest) {
    return run(
        [&](ledger::transaction& tx) { return escalate::consume(tx, id, digest); });
  }
  result<approval> finish(const std::string& id, const char* outcome) {
    return run([&](ledger::transaction& tx) {
      return escalate::finish(tx, id, outcome, {{"reference", "T-1"}});
    });
  }
  std::vector<due> pass(std::chrono::microseconds by) {
    time_->advance(by);
    auto r = run([&](ledger::transaction& tx) { return tick(tx, tx.now()); });
    REQUIRE(r);
    return *std::move(r);
  }
  approval now(const std::string& id) {
    auto reader = store_->reader();
    REQUIRE(reader);
    auto a = find(**reader, id);
    INFO((a ? std::string() : a.error().describe()));
    REQUIRE(a);
    return *std::move(a);
  }
  std::vector<json> records(std::uint64_t first = 1) {
    auto reader = store_->reader();
    REQUIRE(reader);
    auto found = ledger::read_records(**reader, first, UINT64_MAX, 1'000'000);
    REQUIRE(found);
    std::vector<json> out;
    for (const auto& r : *found) {
      auto header = parse_json(r.header).value();
      if (text_or(header, "kind") == "approval") {
        out.push_back(std::move(header));
      }
    }
    return out;
  }

  ledger::store& store() { return *store_; }
  manual_clock& time() { return *time_; }

private:
  temporary_directory dir_;
  std::shared_ptr<manual_clock> time_ =
      std::make_shared<manual_clock>(parse_rfc3339("2026-11-23T08:00:00Z").value());
  std::unique_ptr<ledger::store> store_;
  int decisions_ = 0;
};

errc code(const result<decided>& r) {
  return r ? errc{} : r.error().code();
}
errc code(const result<approval>& r) {
  return r ? errc{} : r.error().code();
}

} // namespace

// -- the way of one approval
// -------------------------------------------------------------------------

TEST_CASE("an approval goes from asked to executed, each step on the record",
          "[escalate]") {
  desk_fixture f;
  const auto p = f.ask_for("01A");
  CHECK(f.open_ok(p).now.at == state::pending);
  auto yes = f.approve("01A", person("maria"));
  REQUIRE(yes);
  CHECK(yes->now.at == state::approved);
  CHECK(yes->now.decided_by == "person:maria");
  REQUIRE(f.consume("01A", p.action_digest()));
  REQUIRE(f.finish("01A", "executed"));

  const auto a = f.now("01A");
  CHECK(a.at == state::executed);
  CHECK(a.outcome["reference"] == "T-1");
  CHECK(a.what.to_json() == p.to_json());
  CHECK(a.judged.rules == std::vector<std::string>{"r1"});
  REQUIRE(a.votes.size() == 1);
  CHECK(a.votes[0].person == "maria");

  std::vector<std::string> steps;
  for (const auto& r : f.records()) {
    CHECK(r["class"] == "A");
    CHECK(r["id"] == "01A");
    CHECK(r["detail"]["digest"] == p.action_digest());
    steps.push_back(r["detail"]["from"].get<std::string>() + ">" +
                    r["detail"]["to"].get<std::string>());
  }
  CHECK(steps == std::vector<std::string>{"proposed>pending", "pending>approved",
                                          "approved>consumed", "consumed>executed"});
}

TEST_CASE("what policy allows is carried out without a person, what it denies never",
          "[escalate]") {
  desk_fixture f;
  const auto p = f.ask_for("01A");
  CHECK(f.open_ok(p, effect_verdict::allow).now.at == state::allowed);
  const auto q = f.ask_for("01B", "line-2");
  CHECK(f.open_ok(q, effect_verdict::deny).now.at == state::denied);
  auto reader = f.store().reader();
  REQUIRE(reader);
  CHECK(ready(**reader).value() == std::vector<std::string>{"01A"});
  CHECK(f.consume("01A", p.action_digest()));
  CHECK(code(f.consume("01B", q.action_digest())) == errc::conflict);
  CHECK(code(f.approve("01B", person("maria"))) == errc::conflict);
}

TEST_CASE("an unknown outcome is settled by a look-up or a repeat with the same key",
          "[escalate]") {
  desk_fixture f;
  for (const auto* end : {"reconciled", "executed", "failed", "compensated"}) {
    const auto p = f.ask_for(std::string("01-") + end, end);
    f.open_ok(p, effect_verdict::allow);
    REQUIRE(f.consume(p.id, p.action_digest()));
    REQUIRE(f.finish(p.id, "unknown"));
    CHECK(code(f.finish(p.id, "unknown")) == errc::conflict);
    CHECK(f.finish(p.id, end));
    CHECK(code(f.consume(p.id, p.action_digest())) == errc::conflict);
  }
  CHECK(f.finish("01-executed", "compensated"));
  CHECK(code(f.finish("01-failed", "executed")) == errc::conflict);
  CHECK(code(f.finish("01-failed", "approved")) == errc::invalid);
}

TEST_CASE("a proposal is opened once and needs somebody to ask", "[escalate]") {
  desk_fixture f;
  const auto p = f.ask_for("01A");
  const auto none = f.run([&](ledger::transaction& tx) {
    return escalate::open(tx, p, says(effect_verdict::ask), nullptr);
  });
  REQUIRE_FALSE(none);
  CHECK(none.error().code() == errc::invalid);
  f.open_ok(p);
  const auto again = f.run([&](ledger::transaction& tx) {
    return escalate::open(tx, p, says(effect_verdict::ask), &desk);
  });
  REQUIRE_FALSE(again);
  CHECK(again.error().code() == errc::exists);
}

// -- deciding
// ----------------------------------------------------------------------------------------

TEST_CASE("an approval counts once, however many people press the button", "[escalate]") {
  desk_fixture f;
  const auto p = f.ask_for("01A");
  f.open_ok(p);
  constexpr int people = 64;
  std::vector<std::optional<result<ledger::receipt>>> answers(people);
  std::barrier start(people);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < people; ++i) {
      threads.emplace_back([&, i] {
        const auto d = f.vote_of("01A", person("p" + std::to_string(i)), true,
                                 "race-" + std::to_string(i));
        ledger::unit u;
        u.name = "race";
        u.cls = ledger::record_class::a;
        u.apply = [d](ledger::transaction& tx) -> result<void> {
          auto r = escalate::decide(tx, d);
          return r ? result<void>() : result<void>(r.error());
        };
        start.arrive_and_wait();
        answers[static_cast<std::size_t>(i)] = f.store().commit(std::move(u));
      });
    }
  }
  int accepted = 0;
  int conflicts = 0;
  std::string winner;
  for (int i = 0; i < people; ++i) {
    const auto& a = *answers[static_cast<std::size_t>(i)];
    accepted += a.ok() ? 1 : 0;
    conflicts += !a.ok() && a.error().code() == errc::conflict ? 1 : 0;
    winner = a.ok() ? "p" + std::to_string(i) : winner;
  }
  CHECK(accepted == 1);
  CHECK(conflicts == people - 1);
  for (const auto& a : answers) {
    if (!a->ok()) {
      CHECK(a->error().message() ==
            winner + " approved it at 2026-11-23T08:00:00Z already; it is approved now");
    }
  }
  CHECK(f.now("01A").votes.size() == 1);
  CHECK(f.records().size() == 2);
  CHECK(f.consume("01A", p.action_digest()));
  CHECK(code(f.consume("01A", p.action_digest())) == errc::conflict);
}

TEST_CASE("the same decision again gets the same answer and changes nothing",
          "[escalate]") {
  desk_fixture f;
  const auto p = f.ask_for("01A");
  f.open_ok(p);
  const auto first = f.approve("01A", person("maria"), "click");
  REQUIRE(first);
  REQUIRE(f.consume("01A", p.action_digest()));
  const auto before = f.records().size();
  const auto second = f.approve("01A", person("maria"), "click");
  REQUIRE(second);
  CHECK(second->repeated);
  CHECK(second->now.at == first->now.at);
  CHECK(second->now.to_json() == f.now("01A").to_json().patch(json::diff(
                                     f.now("01A").to_json(), first->now.to_json())));
  CHECK(f.records().size() == before);

  SECTION("but with another body it is refused") {
    CHECK(code(f.approve("01A", person("paul"), "click")) == errc::invalid);
    auto d = f.vote_of("01A", person("maria"), false, "click");
    CHECK(code(f.decide(d)) == errc::invalid);
  }
}

TEST_CASE("a second decision is a conflict that names the first", "[escalate]") {
  desk_fixture f;
  f.open_ok(f.ask_for("01A"));
  REQUIRE(f.reject("01A", person("maria")));
  const auto late = f.approve("01A", person("paul"));
  CHECK(code(late) == errc::conflict);
  CHECK(late.error().message() ==
        "maria rejected it at 2026-11-23T08:00:00Z already; it is rejected now");
}

TEST_CASE("a stale version or another digest is a conflict", "[escalate]") {
  desk_fixture f;
  const auto p = f.ask_for("01A");
  f.open_ok(p, effect_verdict::ask, two_of_desk);
  auto d = f.vote_of("01A", person("maria"), true, "");
  d.version = 1;
  d.seen_digest = p.action_digest();
  REQUIRE(f.decide(d));
  auto stale = f.vote_of("01A", person("paul"), true, "");
  stale.version = 1;
  CHECK(code(f.decide(stale)) == errc::conflict);
  stale.version = 2;
  stale.seen_digest = std::string(64, '0');
  CHECK(code(f.decide(stale)) == errc::conflict);
  stale.seen_digest = p.action_digest();
  CHECK(f.decide(stale));
}

TEST_CASE("only a person with a role of the stage decides", "[escalate]") {
  desk_fixture f;
  f.open_ok(f.ask_for("01A"));
  CHECK(code(f.approve("01A", person("gina", {"buyer"}))) == errc::denied);
  CHECK(code(f.approve("01A", person("lea", {"team-lead"}))) == errc::denied);
  CHECK(code(f.reject("01A", person("gina", {"buyer"}))) == errc::denied);
  CHECK(code(f.approve("01A", person(""))) == errc::denied);
  auto model = person("replenishment");
  model.kind = principal_kind::component;
  CHECK(code(f.approve("01A", model)) == errc::denied);
  CHECK(f.now("01A").at == state::pending);
  CHECK(code(f.approve("01Z", person("maria"))) == errc::not_found);
  CHECK(f.approve("01A", person("maria", {"buyer", "customer-service"})));
}

TEST_CASE("nobody approves what they asked for, their agent asked for, or twice",
          "[escalate]") {
  desk_fixture f;
  f.open_ok(f.ask_for("01A"), effect_verdict::ask, two_of_desk, {"rita", "olga"});
  const auto requester = f.approve("01A", person("rita"));
  CHECK(code(requester) == errc::denied);
  CHECK(requester.error().message() == "rita asked for it: another person must approve");
  CHECK(code(f.approve("01A", person("olga"))) == errc::denied);
  const auto one = f.approve("01A", person("maria"));
  REQUIRE(one);
  CHECK(one->now.at == state::pending);
  CHECK(one->now.counted == 1);
  CHECK(code(f.approve("01A", person("maria"))) == errc::denied);
  const auto two = f.approve("01A", person("paul"));
  REQUIRE(two);
  CHECK(two->now.at == state::approved);

  SECTION("but whoever asked may say no") {
    f.open_ok(f.ask_for("01B", "line-2"), effect_verdict::ask, two_of_desk,
              {"rita", "olga"});
    const auto no = f.reject("01B", person("rita"));
    REQUIRE(no);
    CHECK(no->now.at == state::rejected);
  }
}

TEST_CASE("where every stage must agree, one person counts in one stage only",
          "[escalate]") {
  desk_fixture f;
  f.open_ok(f.ask_for("01A"), effect_verdict::ask, both);
  const std::vector<std::string> all{"buyer", "controller"};
  REQUIRE(f.approve("01A", person("anna", all)));
  CHECK(f.approve("01A", person("bert", all))->now.stage == 1);
  CHECK(f.now("01A").counted == 0);
  CHECK(code(f.approve("01A", person("anna", all))) == errc::denied);
  CHECK(code(f.approve("01A", person("carl", {"buyer"}))) == errc::denied);
  CHECK(f.approve("01A", person("cora", all))->now.at == state::approved);
}

TEST_CASE("a refused decision makes a record that a unit of its own can write",
          "[escalate]") {
  desk_fixture f;
  f.open_ok(f.ask_for("01A"));
  const auto d = f.vote_of("01A", person("gina", {"buyer"}), true, "");
  const auto r = f.decide(d);
  REQUIRE_FALSE(r);
  REQUIRE(f.store().commit(ledger::testing::appends({refusal(d, r.error())})));
  const auto last = f.records().back();
  CHECK(last["detail"]["event"] == "refused");
  CHECK(last["detail"]["code"] == "denied");
  CHECK(last["principal"] == "person:gina");
}

// -- time
// -------------------------------------------------------------------------------------------------

TEST_CASE("time reminds, escalates and denies, and never approves", "[escalate]") {
  desk_fixture f;
  const auto p = f.ask_for("01A");
  f.open_ok(p);
  CHECK(f.pass(minutes(14)).empty());
  auto e = f.pass(minutes(1));
  REQUIRE(e.size() == 1);
  CHECK(e[0].happened == due::what::reminded);
  CHECK(e[0].now.version == 1); // what a person saw is still what there is
  CHECK(f.pass(minutes(14)).empty());
  e = f.pass(minutes(1));
  REQUIRE(e.size() == 1);
  CHECK(e[0].happened == due::what::escalated);
  CHECK(e[0].now.stage == 1);
  CHECK(code(f.approve("01A", person("maria"))) == errc::denied);
  e = f.pass(minutes(30));
  REQUIRE(e.size() == 1);
  CHECK(e[0].happened == due::what::reminded);
  CHECK(f.pass(minutes(179)).empty());
  e = f.pass(minutes(1));
  REQUIRE(e.size() == 1);
  CHECK(e[0].happened == due::what::expired);
  CHECK(f.pass(hours(10)).empty());
  CHECK(code(f.approve("01A", person("lea", {"team-lead"}))) == errc::conflict);
  CHECK(code(f.consume("01A", p.action_digest())) == errc::conflict);
}

TEST_CASE("the last stage that does not decide in time denies", "[escalate]") {
  desk_fixture f;
  const gate::chain short_chain{
      "short", {{{"customer-service"}, 1, never, minutes(10)}}, hours(4), false};
  f.open_ok(f.ask_for("01A"), effect_verdict::ask, short_chain);
  const auto e = f.pass(minutes(10));
  REQUIRE(e.size() == 1);
  CHECK(e[0].happened == due::what::expired);
  CHECK(e[0].now.reason == "the last stage did not decide in time");
}

TEST_CASE("an expired permission is not used and not given, also before the tick",
          "[escalate]") {
  desk_fixture f;
  const auto p = f.ask_for("01A");
  f.open_ok(p);
  REQUIRE(f.approve("01A", person("maria")));
  f.open_ok(f.ask_for("01B", "line-2"));
  f.time().advance(hours(4));
  CHECK(code(f.consume("01A", p.action_digest())) == errc::conflict);
  CHECK(code(f.approve("01B", person("maria"))) == errc::conflict);
  CHECK(f.pass(minutes(0)).size() == 2);
}

TEST_CASE("the earliest of proposal, rule and chain is when it expires", "[escalate]") {
  desk_fixture f;
  const auto start = f.time().now();
  auto p = f.ask_for("01A");
  CHECK(f.open_ok(p).now.expires_at == start + hours(4));
  p = f.ask_for("01B", "line-2");
  p.expires_at = start + hours(1);
  CHECK(f.open_ok(p).now.expires_at == start + hours(1));
  p = f.ask_for("01C", "line-3");
  p.expires_at = start + hours(1);
  const auto r = f.run([&](ledger::transaction& tx) {
    return escalate::open(tx, p, says(effect_verdict::allow, {"expires=600s"}), nullptr);
  });
  REQUIRE(r);
  CHECK(r->now.expires_at == start + minutes(10));
  p = f.ask_for("01D", "line-4");
  CHECK(f.open_ok(p, effect_verdict::allow).now.expires_at ==
        start + escalate::limits::allowed_for);
  p = f.ask_for("01E", "line-5");
  p.expires_at = start;
  CHECK(f.open_ok(p).now.at == state::denied);
}

TEST_CASE("a clock that is set back revives nothing", "[escalate]") {
  desk_fixture f;
  const auto p = f.ask_for("01A");
  f.open_ok(p);
  REQUIRE(f.approve("01A", person("maria")));
  f.open_ok(f.ask_for("01B", "line-2"));
  // Somebody looks at the time after the expiry; then the machine starts with a wrong
  // clock.
  const auto late = f.run([&](ledger::transaction& tx) {
    return escalate::open(tx, f.ask_for("01C", "line-3"), says(effect_verdict::deny),
                          nullptr);
  });
  REQUIRE(late);
  f.time().advance(hours(5));
  REQUIRE(f.run([&](ledger::transaction& tx) {
    return escalate::open(tx, f.ask_for("01D", "line-4"), says(effect_verdict::deny),
                          nullptr);
  }));
  f.time().advance(-hours(5));
  f.start();
  CHECK(code(f.consume("01A", p.action_digest())) == errc::conflict);
  CHECK(code(f.approve("01B", person("maria"))) == errc::conflict);
  CHECK(f.pass(minutes(0)).size() == 2);
}

TEST_CASE("a pending decision survives a restart with its deadlines", "[escalate]") {
  desk_fixture f;
  const auto p = f.ask_for("01A");
  f.open_ok(p);
  const auto before = f.now("01A").to_json();
  f.start();
  CHECK(f.now("01A").to_json() == before);
  auto reader = f.store().reader();
  REQUIRE(reader);
  CHECK(next_deadline(**reader).value() == f.time().now() + minutes(15));
  CHECK(f.approve("01A", person("maria")));
  CHECK(f.consume("01A", p.action_digest()));
  auto later = f.store().reader();
  REQUIRE(later);
  CHECK_FALSE(next_deadline(**later).value().has_value());
}

TEST_CASE("a node that was down gives the next stage its time", "[escalate]") {
  desk_fixture f;
  f.open_ok(f.ask_for("01A"));
  const auto e = f.pass(hours(3));
  REQUIRE(e.size() == 1);
  CHECK(e[0].happened == due::what::escalated);
  CHECK(e[0].now.remind_at == f.time().now() + minutes(30));
}

// -- one object, one live approval
// ------------------------------------------------------------------------------

TEST_CASE("a newer proposal on the same object supersedes the older one", "[escalate]") {
  desk_fixture f;
  const auto p = f.ask_for("01A");
  f.open_ok(p);
  REQUIRE(f.approve("01A", person("maria")));
  const auto second = f.open_ok(f.ask_for("01B"));
  REQUIRE(second.superseded.size() == 1);
  CHECK(second.superseded[0].id == "01A");
  CHECK(f.now("01A").at == state::superseded);
  CHECK(code(f.consume("01A", p.action_digest())) == errc::conflict);

  SECTION("but not one on another object, by another tool, of another tenant or denied") {
    CHECK(f.open_ok(f.ask_for("01C", "line-2")).superseded.empty());
    auto other = f.ask_for("01D");
    other.tool = "erp.order.promise";
    CHECK(f.open_ok(other).superseded.empty());
    other = f.ask_for("01E");
    other.tenant = "acme";
    CHECK(f.open_ok(other).superseded.empty());
    CHECK(f.open_ok(f.ask_for("01F"), effect_verdict::deny).superseded.empty());
    CHECK(f.open_ok(f.ask_for("01G", "")).superseded.empty());
    CHECK(f.open_ok(f.ask_for("01H", "")).superseded.empty());
  }
}

TEST_CASE("nothing new begins on an object whose effect is under way or in doubt",
          "[escalate]") {
  desk_fixture f;
  const auto p = f.ask_for("01A");
  f.open_ok(p, effect_verdict::allow);
  REQUIRE(f.consume("01A", p.action_digest()));
  CHECK(f.open_ok(f.ask_for("01B"), effect_verdict::allow).now.at == state::denied);
  REQUIRE(f.finish("01A", "unknown"));
  const auto second = f.open_ok(f.ask_for("01C"));
  CHECK(second.now.at == state::denied);
  CHECK(second.now.reason ==
        "an earlier erp.transfer.create on line-1 is still under way or in "
        "doubt (approval 01A)");
  REQUIRE(f.finish("01A", "reconciled"));
  CHECK(f.open_ok(f.ask_for("01D")).now.at == state::pending);
}

TEST_CASE("withdrawn, revoked and superseded permissions are never used", "[escalate]") {
  desk_fixture f;
  const auto a = f.ask_for("01A", "a");
  const auto b = f.ask_for("01B", "b");
  const auto c = f.ask_for("01C", "c");
  f.open_ok(a);
  f.open_ok(b, effect_verdict::allow);
  f.open_ok(c, effect_verdict::allow);
  CHECK(f.run([](ledger::transaction& tx) {
    return withdraw(tx, "01A", {{"reason", "gone"}});
  }));
  CHECK(f.run([](ledger::transaction& tx) {
    return revoke(tx, "01B", person("olga"), {{"reason", "stop"}});
  }));
  CHECK(f.run(
      [](ledger::transaction& tx) { return supersede(tx, "01C", json::object()); }));
  CHECK(code(f.approve("01A", person("maria"))) == errc::conflict);
  for (const auto& p : {a, b, c}) {
    CHECK(code(f.consume(p.id, p.action_digest())) == errc::conflict);
  }
  CHECK(f.now("01B").decided_by == "person:olga");
  CHECK(f.now("01A").reason == "gone");
  CHECK(code(f.run([](ledger::transaction& tx) {
          return withdraw(tx, "01B", json::object());
        })) == errc::conflict);
}

TEST_CASE("the digest that is consumed is the digest that was judged", "[escalate]") {
  desk_fixture f;
  auto p = f.ask_for("01A");
  f.open_ok(p, effect_verdict::allow);
  p.args["quantity"] = "70";
  CHECK(code(f.consume("01A", p.action_digest())) == errc::conflict);
}

// -- edits
// ----------------------------------------------------------------------------------------

namespace {

proposal changed(const proposal& p, const std::string& id, const std::string& quantity) {
  auto out = p;
  out.id = id;
  out.args["quantity"] = quantity;
  out.amount = money{decimal::parse(quantity).value(), "USD"};
  return out;
}

edit_request edit_of(const std::string& id, principal by,
                     const std::string& decision_id) {
  edit_request e;
  e.decision_id = decision_id;
  e.approval_id = id;
  e.by = std::move(by);
  e.reason = "the customer takes more";
  e.changes = {{"quantity", "12"}};
  e.difference = {{{"field", "quantity"}, {"was", "7"}, {"is", "12"}}};
  return e;
}

result<edit_result> edit_it(desk_fixture& f, const edit_request& e, const proposal& p,
                            effect_verdict effect = effect_verdict::ask,
                            const gate::chain* chain = &desk) {
  return f.run([&](ledger::transaction& tx) {
    return escalate::edit(tx, e, p, says(effect), chain);
  });
}

errc code(const result<edit_result>& r) {
  return r ? errc{} : r.error().code();
}

gate::chain with_editor(gate::chain c, const char* most) {
  c.editor_may_approve.roles = {"customer-service"};
  c.editor_may_approve.most["USD"] = decimal::parse(most).value();
  return c;
}

} // namespace

TEST_CASE("an edit takes the place of what it changed, and is asked anew of everybody",
          "[escalate][edit]") {
  desk_fixture f;
  auto p = f.ask_for("01A");
  p.expires_at = f.time().now() + hours(1);
  f.open_ok(p, effect_verdict::ask, two_of_desk, {"rita", "olga"});
  REQUIRE(f.approve("01A", person("paul")));
  f.time().advance(minutes(10));
  auto q = changed(p, "01B", "12");
  q.expires_at = f.time().now() + hours(9);
  const auto e = edit_of("01A", person("maria"), "e1");
  auto made = edit_it(f, e, q, effect_verdict::ask, &two_of_desk);
  REQUIRE(made);
  CHECK(made->before.at == state::superseded);
  CHECK(made->now.at == state::pending);

  const auto old = f.now("01A");
  CHECK(old.at == state::superseded);
  CHECK(old.decided_by == "person:maria");
  CHECK(old.edited.to == "01B");
  const auto now = f.now("01B");
  CHECK(now.digest == q.action_digest());
  CHECK(now.votes.empty()); // paul agreed to another action
  CHECK(now.counted == 0);
  CHECK(now.edited.from == "01A");
  CHECK(now.edited.by == "maria");
  CHECK(now.edited.difference == e.difference);
  CHECK(now.involved.requester == "rita");
  CHECK(now.involved.agent_owner == "olga");
  CHECK(now.involved.editors == std::vector<std::string>{"maria"});
  CHECK(now.expires_at == old.expires_at); // an edit gains no time
  CHECK(now.to_json()["edit"]["by"] == "maria");
  CHECK(old.to_json()["edited_to"] == "01B");

  const auto late = f.approve("01A", person("paul"));
  CHECK(code(late) == errc::conflict);
  CHECK(late.error().message() == "person:maria edited it at 2026-11-23T08:10:00Z: the "
                                  "changed action is approval 01B");
  CHECK(code(f.consume("01A", p.action_digest())) == errc::conflict);

  SECTION("another person must approve, and so must whoever edits next") {
    const auto self = f.approve("01B", person("maria"));
    CHECK(code(self) == errc::denied);
    CHECK(self.error().message() == "maria has edited it: another person must approve");
    REQUIRE(edit_it(f, edit_of("01B", person("anna"), "e2"), changed(q, "01C", "9"),
                    effect_verdict::ask, &two_of_desk));
    CHECK(code(f.approve("01C", person("maria"))) == errc::denied); // hers is in it still
    CHECK(code(f.approve("01C", person("anna"))) == errc::denied);
    CHECK(code(f.approve("01C", person("rita"))) == errc::denied);
    CHECK(f.approve("01C", person("paul")));
    CHECK(f.approve("01C", person("bert"))->now.at == state::approved);
    // Whoever edited may still say no.
    REQUIRE(code(f.reject("01C", person("maria"))) == errc::conflict);
  }
  SECTION("the records tell both sides") {
    const auto all = f.records();
    const auto& superseded = all[all.size() - 2];
    CHECK(superseded["id"] == "01A");
    CHECK(superseded["detail"]["event"] == "edited");
    CHECK(superseded["detail"]["by_id"] == "01B");
    CHECK(superseded["principal"] == "person:maria");
    CHECK(all.back()["id"] == "01B");
    CHECK(all.back()["detail"]["edited_from"] == "01A");
    CHECK(all.back()["detail"]["edited_by"] == "person:maria");
  }
}

TEST_CASE(
    "the editor may approve where the chain says so: with that role, up to that amount",
    "[escalate][edit]") {
  desk_fixture f;
  const auto trusting = with_editor(desk, "12");
  f.open_ok(f.ask_for("01A"), effect_verdict::ask, trusting);
  const auto p = f.ask_for("01A");
  REQUIRE(edit_it(f, edit_of("01A", person("maria"), "e1"), changed(p, "01B", "12"),
                  effect_verdict::ask, &trusting));
  SECTION("within it") {
    CHECK(f.approve("01B", person("maria"))->now.at == state::approved);
  }
  SECTION("not above it") {
    REQUIRE(edit_it(f, edit_of("01B", person("maria"), "e2"), changed(p, "01C", "12.01"),
                    effect_verdict::ask, &trusting));
    CHECK(code(f.approve("01C", person("maria"))) == errc::denied);
    CHECK(f.approve("01C", person("paul")));
  }
  SECTION("not in another currency, nor without an amount") {
    auto q = changed(p, "01C", "11");
    q.amount = money{*decimal::parse("1"), "EUR"};
    REQUIRE(edit_it(f, edit_of("01B", person("maria"), "e2"), q, effect_verdict::ask,
                    &trusting));
    CHECK(code(f.approve("01C", person("maria"))) == errc::denied);
    q = changed(p, "01D", "10");
    q.amount.reset();
    REQUIRE(edit_it(f, edit_of("01C", person("maria"), "e3"), q, effect_verdict::ask,
                    &trusting));
    CHECK(code(f.approve("01D", person("maria"))) == errc::denied);
  }
}

TEST_CASE(
    "what the policy allows outright is decided by the editor only if the editor may",
    "[escalate][edit]") {
  desk_fixture f;
  const auto p = f.ask_for("01A");
  SECTION("who may: it is allowed, in the editor's name") {
    f.open_ok(p, effect_verdict::ask, with_editor(desk, "50"));
    const auto made = edit_it(f, edit_of("01A", person("maria"), "e1"),
                              changed(p, "01B", "12"), effect_verdict::allow, nullptr);
    REQUIRE(made);
    CHECK(made->now.at == state::allowed);
    CHECK(made->now.decided_by == "person:maria");
  }
  SECTION("who may not: another person of the chain that was asked") {
    f.open_ok(p, effect_verdict::ask, desk);
    const auto made = edit_it(f, edit_of("01A", person("maria"), "e1"),
                              changed(p, "01B", "12"), effect_verdict::allow, nullptr);
    REQUIRE(made);
    CHECK(made->now.at == state::pending);
    CHECK(made->now.chain.id == "desk");
    CHECK(code(f.approve("01B", person("maria"))) == errc::denied);
    CHECK(f.approve("01B", person("paul"))->now.at == state::approved);
  }
  SECTION("who answers for the agent may not, whatever the chain says") {
    f.open_ok(p, effect_verdict::ask, with_editor(desk, "50"), {"", "maria"});
    const auto made = edit_it(f, edit_of("01A", person("maria"), "e1"),
                              changed(p, "01B", "12"), effect_verdict::allow, nullptr);
    REQUIRE(made);
    CHECK(made->now.at == state::pending);
  }
}

TEST_CASE("an edit that is refused leaves the pending approval as it was",
          "[escalate][edit]") {
  desk_fixture f;
  const auto p = f.ask_for("01A");
  f.open_ok(p);
  const auto q = changed(p, "01B", "12");
  const auto before = f.now("01A").to_json();
  const auto maria = person("maria");
  CHECK(code(edit_it(f, edit_of("01A", maria, "e1"), q, effect_verdict::deny)) ==
        errc::denied);
  CHECK(code(edit_it(f, edit_of("01A", person("gina", {"buyer"}), "e1"), q)) ==
        errc::denied);
  auto component = maria;
  component.kind = principal_kind::component;
  CHECK(code(edit_it(f, edit_of("01A", component, "e1"), q)) == errc::denied);
  auto e = edit_of("01A", maria, "e1");
  e.reason = " ";
  CHECK(code(edit_it(f, e, q)) == errc::invalid);
  e = edit_of("01A", maria, "e1");
  e.seen_digest = std::string(64, '0');
  CHECK(code(edit_it(f, e, q)) == errc::conflict);
  CHECK(code(edit_it(f, edit_of("01A", maria, "e1"), changed(p, "01B", "7"))) ==
        errc{}); // only the amount: another action all the same
  CHECK(f.now("01A").at == state::superseded);
  CHECK(before["state"] == "pending");

  f.open_ok(f.ask_for("02A", "line-2"));
  auto other = changed(f.ask_for("02A", "line-2"), "02B", "12");
  other.object_key = "line-3";
  CHECK(code(edit_it(f, edit_of("02A", maria, "e2"), other)) == errc::invalid);
  other = f.ask_for("02A", "line-2");
  other.id = "02B";
  CHECK(code(edit_it(f, edit_of("02A", maria, "e2"), other)) == errc::invalid);
  CHECK(f.now("02A").at == state::pending);

  const auto r = edit_it(f, edit_of("02A", person("gina", {"buyer"}), "e3"), other);
  REQUIRE_FALSE(r);
  REQUIRE(f.store().commit(ledger::testing::appends(
      {refusal(edit_of("02A", person("gina", {"buyer"}), "e3"), r.error())})));
  CHECK(f.records().back()["detail"]["event"] == "edit_refused");
}

TEST_CASE("the same edit again gets the same answer and changes nothing",
          "[escalate][edit]") {
  desk_fixture f;
  const auto p = f.ask_for("01A");
  f.open_ok(p);
  const auto e = edit_of("01A", person("maria"), "e1");
  REQUIRE(edit_it(f, e, changed(p, "01B", "12")));
  const auto before = f.records().size();
  const auto again = edit_it(f, e, changed(p, "01Z", "12"));
  REQUIRE(again);
  CHECK(again->repeated);
  CHECK(again->now.id == "01B");
  CHECK(f.records().size() == before);
  auto other = e;
  other.changes = {{"quantity", "13"}};
  CHECK(code(edit_it(f, other, changed(p, "01C", "13"))) == errc::invalid);
  // An id is used once, for a decision or an edit.
  CHECK(code(f.approve("01B", person("paul"), "e1")) == errc::invalid);
  REQUIRE(f.approve("01B", person("paul"), "d1"));
  CHECK(code(edit_it(f, edit_of("01B", person("maria"), "d1"),
                     changed(p, "01D", "14"))) == errc::invalid);
}

TEST_CASE("an edit, approvals, a rejection and the expiry race: exactly one wins",
          "[escalate][edit]") {
  const char* given = std::getenv("CROSSDOCK_SEED");
  const auto first = given != nullptr ? std::strtoull(given, nullptr, 10)
                                      : system_random().next() % 1'000'000;
  const auto rounds = given != nullptr ? 1u : 40u;
  std::map<std::string, int> winners;
  desk_fixture f;
  for (auto seed = first; seed < first + rounds; ++seed) {
    INFO("repeat with CROSSDOCK_SEED=" << seed);
    seeded_random random(seed);
    const auto id = "r" + std::to_string(seed);
    const auto p = f.ask_for(id, "line-" + std::to_string(seed));
    f.open_ok(p);
    const auto moment = f.time().now() + hours(4);
    // Who acts, in which order they are started; the threads do the rest.
    std::vector<std::string> acts{"edit",    "edit",   "approve", "approve",
                                  "approve", "reject", "expire"};
    for (auto i = acts.size(); i-- > 1;) {
      std::swap(acts[i], acts[random.next() % (i + 1)]);
    }
    std::vector<int> won(acts.size(), 0);
    std::barrier start(static_cast<std::ptrdiff_t>(acts.size()));
    {
      std::vector<std::jthread> threads;
      for (std::size_t i = 0; i < acts.size(); ++i) {
        threads.emplace_back([&, i] {
          const auto who = person("p" + std::to_string(i));
          const auto act = id + "-" + std::to_string(i);
          ledger::unit u;
          u.name = "race";
          u.cls = ledger::record_class::a;
          u.apply = [&, i, who, act](ledger::transaction& tx) -> result<void> {
            if (acts[i] == "edit") {
              auto r = escalate::edit(tx, edit_of(id, who, act),
                                      changed(p, act, std::to_string(10 + i)),
                                      says(effect_verdict::ask), &desk);
              won[i] = r ? 1 : 0;
              return r ? result<void>() : result<void>(r.error());
            }
            if (acts[i] == "expire") {
              // A permission that somebody gave before expires as well, which is no race.
              const bool pending = find(tx.db(), id)->at == state::pending;
              auto found = tick(tx, moment);
              for (const auto& d : found ? *found : std::vector<due>{}) {
                won[i] += pending && d.now.id == id && d.happened == due::what::expired;
              }
              return found ? result<void>() : result<void>(found.error());
            }
            decision d;
            d.decision_id = act;
            d.approval_id = id;
            d.approve = acts[i] == "approve";
            d.by = who;
            d.reason = "because";
            auto r = escalate::decide(tx, d);
            won[i] = r ? 1 : 0;
            return r ? result<void>() : result<void>(r.error());
          };
          start.arrive_and_wait();
          static_cast<void>(f.store().commit(std::move(u)));
        });
      }
    }
    int all = 0;
    for (std::size_t i = 0; i < acts.size(); ++i) {
      all += won[i];
      if (won[i] > 0) {
        ++winners[acts[i]];
      }
    }
    CHECK(all == 1);
    CHECK(f.now(id).at != state::pending);
    // At most one action of the two can still be done.
    auto reader = f.store().reader();
    REQUIRE(reader);
    filter live;
    live.case_id = p.case_id;
    live.states = {state::pending, state::allowed, state::approved};
    int alive = 0;
    const auto found = list(**reader, live);
    REQUIRE(found);
    for (const auto& a : *found) {
      alive += a.what.object_key == p.object_key ? 1 : 0;
    }
    CHECK(alive <= 1);
    f.time().advance(hours(10));
    static_cast<void>(f.pass(minutes(0)));
  }
  INFO("winners: edit " << winners["edit"] << ", approve " << winners["approve"]
                        << ", reject " << winners["reject"] << ", expire "
                        << winners["expire"]);
  CHECK((rounds == 1 || winners.size() >= 3));
}

// -- questions
// ------------------------------------------------------------------------------------------------------

TEST_CASE("approvals are listed by state, tenant, case, tool and asked role",
          "[escalate]") {
  desk_fixture f;
  f.open_ok(f.ask_for("01A", "a"));
  f.open_ok(f.ask_for("01B", "b"), effect_verdict::ask, both);
  f.open_ok(f.ask_for("01C", "c"), effect_verdict::allow);
  auto other = f.ask_for("01D", "d");
  other.tenant = "acme";
  other.case_id = "case-2";
  f.open_ok(other);
  const auto ids = [&](auto narrow) {
    filter what;
    narrow(what);
    auto reader = f.store().reader();
    REQUIRE(reader);
    const auto found = list(**reader, what);
    INFO((found ? std::string() : found.error().describe()));
    REQUIRE(found);
    std::string text;
    for (const auto& a : *found) {
      text += a.id.substr(2);
    }
    return text;
  };
  CHECK(ids([](filter&) {}) == "ABCD");
  CHECK(ids([](filter& w) { w.states = {state::pending}; }) == "ABD");
  CHECK(ids([](filter& w) {
          w.states = {state::pending, state::allowed};
          w.tenant = "default";
        }) == "ABC");
  CHECK(ids([](filter& w) { w.case_id = "case-2"; }) == "D");
  CHECK(ids([](filter& w) { w.tool = "nothing"; }).empty());
  CHECK(ids([](filter& w) { w.roles = {"customer-service"}; }) == "AD");
  CHECK(ids([](filter& w) { w.roles = {"buyer", "team-lead"}; }) == "B");
  CHECK(ids([](filter& w) {
          w.after_id = "01A";
          w.limit = 2;
        }) == "BC");
  CHECK(f.now("01B").to_json()["asked"]["roles"] == json{"buyer"});
}

// -- random histories
// ---------------------------------------------------------------------------------------------

namespace {

/// What the records of one approval say; the judge of the property test knows nothing
/// else.
struct history {
  std::string at = "proposed";
  std::set<std::string> editors; ///< of it and of what it was made from
  int consumed = 0;
  std::set<std::string> counted;
  int approvals = 0;
};

const std::set<std::pair<std::string, std::string>> legal{
    {"proposed", "denied"},      {"proposed", "allowed"},      {"proposed", "pending"},
    {"pending", "pending"},      {"pending", "approved"},      {"pending", "rejected"},
    {"pending", "expired"},      {"pending", "withdrawn"},     {"pending", "superseded"},
    {"approved", "consumed"},    {"approved", "expired"},      {"approved", "superseded"},
    {"approved", "revoked"},     {"allowed", "consumed"},      {"allowed", "expired"},
    {"allowed", "superseded"},   {"allowed", "revoked"},       {"consumed", "executed"},
    {"consumed", "failed"},      {"consumed", "unknown"},      {"unknown", "executed"},
    {"unknown", "failed"},       {"unknown", "reconciled"},    {"unknown", "compensated"},
    {"executed", "compensated"}, {"reconciled", "compensated"}};

int quorum_of(const std::string& chain) {
  return chain == "both" ? 3 : chain == "two" ? 2 : 1;
}

void check_record(std::map<std::string, history>& all, const json& header) {
  auto& h = all[header["id"].get<std::string>()];
  if (header["detail"].contains("edited_from")) {
    h.editors = all[header["detail"]["edited_from"].get<std::string>()].editors;
    h.editors.insert(header["detail"]["edited_by"].get<std::string>());
  }
  const auto& d = header["detail"];
  const auto from = d["from"].get<std::string>();
  const auto to = d["to"].get<std::string>();
  const auto event = d["event"].get<std::string>();
  const auto who = header["principal"].get<std::string>();
  CHECK(from == h.at);
  CHECK(legal.contains({from, to}));
  h.at = to;
  h.consumed += to == "consumed" ? 1 : 0;
  CHECK(h.consumed <= 1);
  if (event == "counted" || event == "stage_agreed" || event == "approved") {
    CHECK(who.substr(0, 7) == "person:");
    CHECK(who != "person:rita");
    CHECK(who != "person:olga");
    CHECK_FALSE(h.editors.contains(who));
    CHECK(h.counted.insert(who).second);
  }
  if (event == "escalated" || event == "reminded" || event == "expired") {
    CHECK(who == "escalate");
    CHECK((to == "pending" || to == "expired"));
  }
  if (to == "approved") {
    ++h.approvals;
    CHECK(event == "approved");
    CHECK(static_cast<int>(h.counted.size()) >= quorum_of(d["chain"].get<std::string>()));
  }
  CHECK(h.approvals <= 1);
}

/// One random history on two objects; many operations in one unit, each with its own
/// time.
class random_history {
public:
  random_history(ledger::transaction& tx, desk_fixture& f, std::uint64_t seed,
                 timestamp start)
      : tx_(tx), f_(f), random_(seed), seed_(seed), now_(start) {}

  timestamp run() {
    for (int i = 0; i < 120; ++i) {
      step(i);
    }
    // Whatever still lives ends here, so that the next history is on its own.
    now_ += hours(1000);
    for (std::size_t n = 1; n > 0;) {
      const auto last = tick(tx_, now_);
      REQUIRE(last);
      n = last->size();
    }
    return now_;
  }

private:
  std::uint64_t below(std::uint64_t n) { return random_.next() % n; }
  /// More often one of the last, which are more often alive.
  const proposal& some() {
    const auto n = asked_.size();
    return asked_[below(3) == 0 ? below(n) : n - 1 - below(std::min<std::size_t>(n, 3))];
  }

  void step(int i) {
    const auto kind = below(20);
    if (asked_.empty() || kind < 2) {
      propose(i);
    } else if (kind < 10) {
      vote(i);
    } else if (kind < 13) {
      use();
    } else if (kind < 14) {
      change(i);
    } else if (kind < 16) {
      static constexpr std::array<const char*, 5> outcomes{
          "executed", "failed", "unknown", "reconciled", "compensated"};
      (void)finish(tx_, some().id, outcomes[below(5)], json::object());
    } else if (kind < 17) {
      const auto id = some().id;
      switch (below(3)) {
      case 0:
        (void)supersede(tx_, id, json::object());
        break;
      case 1:
        (void)withdraw(tx_, id, json::object());
        break;
      default:
        (void)revoke(tx_, id, person("olga"), json::object());
        break;
      }
    } else {
      // Now and then the clock is behind what was seen before.
      const auto at = below(4) == 0 ? now_ - hours(2) : now_ += minutes(below(90));
      CHECK(tick(tx_, at));
    }
  }

  void propose(int i) {
    auto p = f_.ask_for("s" + std::to_string(seed_) + "-" + std::to_string(i),
                        "o" + std::to_string(below(3)));
    p.tenant = "t" + std::to_string(seed_);
    p.args["n"] = i;
    const auto effect = static_cast<effect_verdict>(below(8) == 0 ? 0 : 1 + below(6) / 5);
    const std::array<const gate::chain*, 3> chains{&desk, &two_of_desk, &both};
    CHECK(escalate::open(tx_, p, says(effect), chains[below(3)], {"rita", "olga"}));
    asked_.push_back(std::move(p));
  }

  void vote(int i) {
    static const std::array<const char*, 6> people{"rita", "olga", "anna",
                                                   "bert", "cora", "dora"};
    auto d =
        f_.vote_of(some().id,
                   person(people[below(6)],
                          {"customer-service", "team-lead", "buyer", "controller"}),
                   below(6) != 0, "s" + std::to_string(seed_) + "-" + std::to_string(i));
    d.by.kind = below(10) == 0 ? principal_kind::component : principal_kind::person;
    const auto r = escalate::decide(tx_, d);
    if (r && below(2) == 0) {
      const auto again = escalate::decide(tx_, d);
      CHECK(again);
      CHECK(again->repeated);
      CHECK(again->now.at == r->now.at);
    }
  }

  /// Somebody edits; what comes of it may be voted on, used and edited like the rest.
  void change(int i) {
    static const std::array<const char*, 4> people{"olga", "anna", "bert", "cora"};
    const auto id = "s" + std::to_string(seed_) + "-e" + std::to_string(i);
    auto p = some();
    const auto from = p.id;
    p.id = id;
    p.args["n"] = 1000 + i;
    p.amount = money{decimal::from_units(static_cast<std::int64_t>(below(100))), "USD"};
    const std::string by = people[below(4)];
    auto e = edit_of(from,
                     person(by, {"customer-service", "team-lead", "buyer", "controller"}),
                     "s" + std::to_string(seed_) + "-e" + std::to_string(i));
    const std::array<const gate::chain*, 3> chains{&desk, &two_of_desk, &both};
    const auto effect = static_cast<effect_verdict>(below(3));
    const auto r = escalate::edit(tx_, e, p, says(effect), chains[below(3)]);
    if (r) {
      CHECK(effect != effect_verdict::deny);
      asked_.push_back(std::move(p));
    }
  }

  void use() {
    const auto& p = some();
    const bool right = below(4) != 0;
    const auto r =
        escalate::consume(tx_, p.id, right ? p.action_digest() : std::string(64, '0'));
    if (r) {
      CHECK(right);
      CHECK(now_ < *r->expires_at);
    }
  }

  ledger::transaction& tx_;
  desk_fixture& f_;
  seeded_random random_;
  std::uint64_t seed_;
  timestamp now_;
  std::vector<proposal> asked_;
};

} // namespace

TEST_CASE("no random history breaks an invariant", "[escalate]") {
  const char* given = std::getenv("CROSSDOCK_SEED");
  const auto first = given != nullptr ? std::strtoull(given, nullptr, 10)
                                      : system_random().next() % 1'000'000;
  const auto histories = given != nullptr ? 1u : 300u;
  desk_fixture f;
  auto now = f.time().now();
  std::uint64_t seen = 1;
  int consumed = 0;
  for (auto seed = first; seed < first + histories; ++seed) {
    INFO("repeat with CROSSDOCK_SEED=" << seed);
    const auto end = f.run([&](ledger::transaction& tx) {
      return result<timestamp>(random_history(tx, f, seed, now).run());
    });
    REQUIRE(end);
    now = *end;
    std::map<std::string, history> all;
    for (const auto& header : f.records(seen)) {
      seen = std::max(seen, header["seq"].get<std::uint64_t>() + 1);
      check_record(all, header);
    }
    for (const auto& [id, h] : all) {
      CHECK(to_string(f.now(id).at) == h.at);
      consumed += h.consumed;
    }
  }
  // The histories are worth something only if permissions are really used in them.
  INFO("permissions used: " << consumed);
  CHECK((histories == 1 || consumed > 300));
}
