/// Edits of a proposal and compensation of a case, input by input; after each the state
/// goes through its text, as a restart would find it.
#include "unit/flow_support.hpp"

#include <iostream>
#include <random>

using namespace flow_test;

namespace {

const definition& shipped() {
  static const definition d = compiled(shipped_flow());
  return d;
}

/// Two writes, one after the other, each with its undoing.
const char* two_writes = R"(
[flow]
id = "two-writes"
version = 1
description = "Reserve, then ship."
case_key = "{line}"
deadline = "1h"
[flow.trigger]
topic = "order.line_short"
[flow.settle]
topic = "order.line_settled"
[flow.stuck]
person = "olga"
[[step]]
name = "look"
kind = "ask"
question = "supply.options"
payload = {}
timeout = "10s"
fallback = "fail"
[[step]]
name = "reserve"
kind = "propose"
tool = "erp.stock.reserve"
args = { line = "$/trigger/line" }
amount = "$/trigger/value_at_stake"
confidence = "0.9"
facts = []
object_key = "{/trigger/line}"
summary = "Reserve for {/trigger/line}"
rationale = ["Because."]
if_nothing_is_done = "Nothing."
reversal = "erp.stock.release"
by = "look"
expires = "1h"
compensate = { args = { reservation = "$/steps/reserve/effect/reference" } }
[[step]]
name = "ship"
kind = "propose"
tool = "erp.shipment.create"
args = { line = "$/trigger/line" }
amount = "$/trigger/value_at_stake"
confidence = "0.9"
facts = []
object_key = "{/trigger/line}"
summary = "Ship {/trigger/line}"
rationale = ["Because."]
if_nothing_is_done = "Nothing."
reversal = "erp.shipment.cancel"
by = "look"
expires = "1h"
[step.compensate]
tool = "erp.shipment.stop"
args = { reference = "$/steps/ship/effect/reference", because = "late" }
summary = "Stop {/steps/ship/effect/record}"
[[step]]
name = "tell"
kind = "propose"
tool = "erp.order.promise"
args = { line = "$/trigger/line" }
amount = "$/trigger/value_at_stake"
confidence = "0.9"
facts = []
object_key = "{/trigger/line}"
summary = "Promise {/trigger/line}"
rationale = ["Because."]
if_nothing_is_done = "Nothing."
reversal = "none"
by = "look"
expires = "1h"
)";

const definition& two() {
  static const definition d = compiled(two_writes);
  return d;
}

json written(const char* reference) {
  return {{"reference", reference},
          {"record", std::string("record/") + reference},
          {"system", "sim"},
          {"as_of", "2026-11-23T08:01:00Z"}};
}

/// Both writes are done; "tell" is at the gate.
output both_written(driven_case& c) {
  c.open();
  c.reply("look", json::object(), "agent");
  c.decide("reserve", "allowed");
  c.decide("reserve", "executed", written("R-1"));
  c.decide("ship", "allowed");
  return c.decide("ship", "executed", written("S-1"));
}

/// The latest undoing that was proposed, and what becomes of it.
struct undoing_of {
  explicit undoing_of(const output& o) {
    const auto found = only<propose>(o);
    REQUIRE(found.size() == 1);
    now = found[0];
  }
  output becomes(driven_case& c, const char* outcome,
                 json detail = json::object()) const {
    return c.give(
        decision{now.step, now.run, outcome, std::move(detail), ++c.seq, now.what.id});
  }
  propose now;
};

std::string told_by(const case_state& s) {
  std::string all;
  for (const auto& line : describe(s)) {
    all += line.station + ": " + line.text + "\n";
  }
  return all;
}

envelope line_is(const char* state) {
  auto e = settle();
  e.data = to_text(
      json{{"line", "L1"}, {"reason", "The line changed."}, {"state", state}});
  return e;
}

output edit(driven_case& c, json changes, const char* by = "maria") {
  return c.give(edited{text_or(c.state.proposed->proposal, "id"), std::move(changes), by,
                       "the customer takes more"});
}

error refused_edit(driven_case& c, const json& changes, const std::string& id) {
  const auto out =
      advance(c.flow, c.state, edited{id, changes, "maria", "because"}, at(c.seconds));
  REQUIRE_FALSE(out);
  return out.error();
}

} // namespace

// -- edits
// ------------------------------------------------------------------------------------

TEST_CASE(
    "an edit makes another action, worth what it has become, and the story tells who, "
    "what and why",
    "[flow][edit]") {
  driven_case c(shipped());
  c.open();
  const auto before = only<propose>(c.to_proposal()).at(0).what;
  c.decide("transfer", "asked", {{"chain", "desk"}});
  auto out = edit(c, {{"quantity", "12"}});
  REQUIRE(out.actions.size() == 1);
  const auto r = std::get<revise>(out.actions[0]);
  CHECK(r.replaces == before.id);
  CHECK(r.what.id != before.id);
  CHECK(r.what.args["quantity"] == "12");
  CHECK(r.what.amount == money{*decimal::parse("150"), "EUR"}); // 12 x 12.50
  CHECK(r.what.summary == "Transfer 12 ea of 010 from B2 to B1 for order O1");
  CHECK(r.what.action_digest() != before.action_digest());
  CHECK(r.what.idempotency_key() != before.idempotency_key());
  CHECK(r.what.object_key == before.object_key);
  CHECK(r.what.expires_at == before.expires_at);
  CHECK(r.what.facts.size() == before.facts.size()); // read again as before
  CHECK(r.what.basis["quality_flags"].back() ==
        "confidence and expected value are of the action before it was edited");
  CHECK(r.difference ==
        json{{{"field", "quantity"}, {"was", "7"}, {"is", "12"}},
             {{"field", "amount"}, {"was", "87.5 EUR"}, {"is", "150 EUR"}}});
  CHECK(told_by(c.state).find("person: maria changed quantity from 7 to 12, amount from "
                              "87.5 EUR to 150 EUR: the customer takes more") !=
        std::string::npos);
  CHECK(c.state.proposed->live());

  SECTION("news of the old action comes late, news of the new one counts") {
    out = c.give(decision{"transfer", c.state.run, "expired", {}, ++c.seq, before.id});
    CHECK_FALSE(out.changed);
    out = c.give(
        decision{"transfer", c.state.run, "executed", written("T"), ++c.seq, r.what.id});
    CHECK(c.state.outcome == "done");
    CHECK(c.state.effects.at(0).done["args"]["quantity"] == "12");
  }
  SECTION("a settlement takes back the new one") {
    out = c.give(settled{settle(), ++c.seq});
    REQUIRE(only<withdraw>(out).size() == 1);
    CHECK(only<withdraw>(out)[0].proposal_id == r.what.id);
  }
  SECTION("an edit of the edit is a third action") {
    out = edit(c, {{"quantity", "9"}}, "paul");
    const auto again = std::get<revise>(out.actions.at(0));
    CHECK(again.replaces == r.what.id);
    CHECK(again.what.id != r.what.id);
    CHECK(again.what.amount == money{*decimal::parse("112.5"), "EUR"});
  }
}

TEST_CASE(
    "what may not be edited, or cannot be given a worth, is refused with the reason",
    "[flow][edit]") {
  driven_case c(shipped());
  c.open();
  const auto p = only<propose>(c.to_proposal()).at(0).what;
  const auto stored = c.stored;
  auto e = refused_edit(c, {{"item", "011"}}, p.id);
  CHECK(e.code() == errc::denied);
  CHECK(e.message() == "\"item\" may not be edited here, only: need_date, quantity");
  CHECK(refused_edit(c, {{"quantity", "7"}}, p.id).code() == errc::invalid);
  CHECK(refused_edit(c, {{"quantity", "many"}}, p.id).code() == errc::schema);
  CHECK(refused_edit(c, {{"quantity", "1000000000000"}}, p.id).code() == errc::limit);
  CHECK(refused_edit(c, {{"quantity", "8"}}, "another").code() == errc::conflict);
  CHECK(c.stored == stored);

  SECTION("once it is approved") {
    c.decide("transfer", "approved");
    CHECK(refused_edit(c, {{"quantity", "8"}}, p.id).code() == errc::conflict);
  }
  SECTION("once it is being taken back") {
    c.give(triggered_again{trigger("9"), ++c.seq});
    CHECK(refused_edit(c, {{"quantity", "8"}}, p.id).code() == errc::conflict);
  }
  SECTION("once it has ended") {
    c.decide("transfer", "rejected");
    CHECK(refused_edit(c, {{"quantity", "8"}}, p.id).code() == errc::conflict);
  }
  SECTION("in a step that says nothing of edits") {
    driven_case d(two());
    d.open();
    const auto out = d.reply("look", json::object(), "agent");
    e = refused_edit(d, {{"line", "L2"}}, only<propose>(out).at(0).what.id);
    CHECK(e.code() == errc::denied);
    CHECK(e.message().find("[edit]") != std::string::npos);
  }
}

// -- compensation
// -----------------------------------------------------------------------------

TEST_CASE("when a later step ends badly, what was done is undone, the latest first",
          "[flow][undo]") {
  const auto end =
      GENERATE("denied", "rejected", "expired", "failed", "superseded", "withdrawn");
  driven_case c(two());
  both_written(c);
  CHECK(c.state.undoable());
  auto out = c.decide("tell", end);
  CHECK(c.state.outcome == end);
  CHECK_FALSE(c.state.open);
  CHECK(only<close_case>(out).size() == 1);
  CHECK(c.state.phase() == "compensating");
  const undoing_of ship(out);
  CHECK(ship.now.step == "ship.undo");
  CHECK(ship.now.what.step == "ship.undo");
  CHECK(ship.now.what.tool == "erp.shipment.stop");
  CHECK(ship.now.what.args == json{{"reference", "S-1"}, {"because", "late"}});
  CHECK(ship.now.what.summary == "Stop record/S-1");
  CHECK(ship.now.what.amount == money{*decimal::parse("87.5"), "EUR"});
  CHECK(ship.now.what.agent == "agent");
  CHECK(ship.now.what.reversal == "none");
  CHECK(ship.now.requester.empty());

  CHECK(ship.becomes(c, "asked").actions.empty());
  CHECK(ship.becomes(c, "approved").actions.empty());
  out = ship.becomes(c, "executed", written("S-1"));
  REQUIRE(only<compensated>(out).size() == 1);
  CHECK(only<compensated>(out)[0].proposal_id == c.state.effects[1].id());
  CHECK(only<compensated>(out)[0].detail["reference"] == "S-1");
  CHECK(only<compensated>(out)[0].detail["compensated_by"] == ship.now.what.id);
  const undoing_of reserve(out);
  CHECK(reserve.now.what.tool == "erp.stock.release"); // the step's reversal
  CHECK(reserve.now.what.args == json{{"reservation", "R-1"}});
  CHECK(reserve.now.what.idempotency_key() != ship.now.what.idempotency_key());

  CHECK_FALSE(ship.becomes(c, "executed", written("S-1")).changed); // told twice
  out = reserve.becomes(c, "executed", written("R-1"));
  CHECK(only<compensated>(out)[0].proposal_id == c.state.effects[0].id());
  CHECK(only<propose>(out).empty());
  CHECK(c.state.phase() == "compensated");
  CHECK_FALSE(c.state.undoable());
  CHECK_FALSE(c.give(settled{settle(), ++c.seq}).changed); // there is nothing left
}

TEST_CASE("a case that ends well, or has done nothing, undoes nothing", "[flow][undo]") {
  driven_case c(two());
  both_written(c);
  c.decide("tell", "executed", written("P-1"));
  CHECK(c.state.outcome == "done");
  CHECK(c.state.phase() == "closed");
  driven_case d(two());
  d.open();
  d.reply("look", json::object(), "agent");
  const auto out = d.decide("reserve", "denied");
  CHECK(only<propose>(out).empty());
  CHECK(d.state.phase() == "closed");
}

TEST_CASE(
    "the deadline and a settlement undo what was done, also when they came while the "
    "effect was under way",
    "[flow][undo]") {
  driven_case c(two());
  both_written(c);
  SECTION("deadline") {
    c.decide("tell", "asked");
    c.seconds = 3600;
    auto out = c.give(timer_fired{"deadline", ++c.seq});
    CHECK(only<withdraw>(out).size() == 1);
    out = c.decide("tell", "withdrawn");
    CHECK(undoing_of(out).now.step == "ship.undo");
    CHECK(c.state.outcome == "deadline");
  }
  SECTION("settled while the last one was being done") {
    c.decide("tell", "allowed");
    c.give(settled{settle(), ++c.seq});
    const auto out = c.decide("tell", "executed", written("P-1"));
    CHECK(c.state.outcome == "settled");
    // What says nothing of its undoing stays.
    CHECK(undoing_of(out).now.step == "ship.undo");
  }
  SECTION("settled long after the end") {
    c.decide("tell", "executed", written("P-1"));
    const auto out = c.give(settled{settle(), ++c.seq});
    CHECK(undoing_of(out).now.step == "ship.undo");
    CHECK(c.state.outcome == "done");
    CHECK(c.state.phase() == "compensating");
  }
}

TEST_CASE(
    "an undoing that is denied, rejected, expired or fails makes the case stuck, and a "
    "person tries again or settles it",
    "[flow][undo]") {
  const auto end = GENERATE("denied", "rejected", "expired", "failed", "superseded");
  driven_case c(two());
  both_written(c);
  const undoing_of ship(c.decide("tell", "rejected"));
  auto out = ship.becomes(c, end, {{"reason", "it has been picked"}});
  CHECK(out.actions.empty());
  CHECK(c.state.phase() == "stuck");
  CHECK(c.state.undo->stuck_who == "olga");
  CHECK(told_by(c.state).find("it has been picked. This waits for olga.") !=
        std::string::npos);
  CHECK_FALSE(c.give(settled{settle(), ++c.seq}).changed); // a person has it in hand

  SECTION("try again: a new proposal with a key of its own, in that person's name") {
    out = c.give(compensation_asked{"olga", "the picker put it back", ++c.seq});
    const undoing_of again(out);
    CHECK(again.now.step == "ship.undo");
    CHECK(again.now.run != ship.now.run);
    CHECK(again.now.requester == "olga");
    CHECK(again.now.what.idempotency_key() != ship.now.what.idempotency_key());
    CHECK_FALSE(ship.becomes(c, "executed").changed); // of the try before
    out = again.becomes(c, "executed", written("S-1"));
    CHECK(undoing_of(out).now.step == "reserve.undo");
  }
  SECTION("settle it: the rest is undone, and the case says that a person did one") {
    out = c.give(resolved{"olga", "sent back by phone", ++c.seq});
    CHECK(only<compensated>(out).empty());
    const undoing_of reserve(out);
    CHECK(reserve.now.step == "reserve.undo");
    reserve.becomes(c, "executed", written("R-1"));
    CHECK(c.state.phase() == "resolved");
    CHECK(told_by(c.state).find("olga took care of it: sent back by phone") !=
          std::string::npos);
    CHECK_FALSE(c.give(resolved{"olga", "again", ++c.seq}).changed);
  }
}

TEST_CASE("an undoing in doubt makes the case stuck until it is known", "[flow][undo]") {
  driven_case c(two());
  both_written(c);
  const undoing_of ship(c.decide("tell", "rejected"));
  ship.becomes(c, "allowed");
  ship.becomes(c, "unknown", {{"reason", "no answer"}});
  CHECK(c.state.phase() == "stuck");
  // A second try could do it twice.
  CHECK_FALSE(may_compensate(c.state));
  CHECK_FALSE(c.give(compensation_asked{"olga", "now", ++c.seq}).changed);
  SECTION("reconciled: it goes on by itself") {
    const auto out = ship.becomes(c, "executed", written("S-1"));
    CHECK(only<compensated>(out).size() == 1);
    CHECK(undoing_of(out).now.step == "reserve.undo");
    CHECK(c.state.phase() == "compensating");
  }
  SECTION("a person settles it first, and the late news changes the books alone") {
    const undoing_of reserve(c.give(resolved{"olga", "I looked", ++c.seq}));
    const auto out = ship.becomes(c, "executed", written("S-1"));
    CHECK(only<compensated>(out).size() == 1);
    CHECK(only<propose>(out).empty());
    CHECK(c.state.phase() == "compensating");
    reserve.becomes(c, "executed", written("R-1"));
    CHECK(c.state.phase() == "resolved");
  }
}

TEST_CASE("a person may ask for compensation of a case that has ended", "[flow][undo]") {
  driven_case c(shipped());
  c.open();
  CHECK_FALSE(may_compensate(c.state));
  c.to_proposal();
  c.decide("transfer", "executed", written("cd-1"));
  CHECK(c.state.outcome == "done");
  REQUIRE(may_compensate(c.state));
  CHECK_FALSE(may_resolve(c.state));
  const undoing_of undo(c.give(compensation_asked{"maria", "ordered twice", ++c.seq}));
  CHECK(undo.now.what.tool == "erp.transfer.cancel");
  CHECK(undo.now.what.args == json{{"reference", "cd-1"}});
  CHECK(undo.now.requester == "maria");
  CHECK_FALSE(may_compensate(c.state)); // it is under way
  undo.becomes(c, "executed", written("cd-1"));
  CHECK(c.state.phase() == "compensated");
  CHECK_FALSE(may_compensate(c.state));
}

TEST_CASE(
    "the shipped flow cancels a transfer for a cancelled line, and keeps it for one "
    "that it covers",
    "[flow][undo]") {
  driven_case c(shipped());
  c.open();
  c.to_proposal();
  c.decide("transfer", "executed", written("cd-1"));
  CHECK_FALSE(c.give(settled{line_is("open"), ++c.seq}).changed);
  CHECK_FALSE(c.give(settled{line_is("shipped"), ++c.seq}).changed);
  CHECK(c.state.undoable());
  const undoing_of undo(c.give(settled{line_is("cancelled"), ++c.seq}));
  CHECK(undo.now.what.summary ==
        "Cancel the transfer record/cd-1 (010 to B1 for order O1)");
  CHECK(undo.now.what.rationale.front() == "Undone because: settled: The line changed.");
}

TEST_CASE("a case written before there was compensation can be undone by hand",
          "[flow][undo]") {
  driven_case c(shipped());
  c.open();
  c.to_proposal();
  c.decide("transfer", "executed", written("cd-1"));
  auto old = *parse_json(c.stored);
  old["schema"] = 1;
  old.erase("effects");
  old.erase("undo_attempts");
  auto state = case_state::from_json(old);
  REQUIRE(state);
  CHECK_FALSE(state->undoable()); // its flow said nothing of it
  REQUIRE(may_compensate(*state));
  const auto out =
      advance(shipped(), *state, compensation_asked{"maria", "twice", 99}, at(50));
  REQUIRE(out);
  CHECK(only<propose>(*out).at(0).what.args == json{{"reference", "cd-1"}});
}

TEST_CASE("a mistake in edit or compensate is told with file, line and field",
          "[flow][undo]") {
  const std::string good = two_writes;
  const auto wrong = [&](const std::string& from, const std::string& to) {
    auto text = good;
    const auto place = text.find(from);
    REQUIRE(place != std::string::npos);
    text.replace(place, from.size(), to);
    auto d = definition::compile(text, "two.toml");
    REQUIRE_FALSE(d);
    return d.error().describe();
  };
  const std::string clause = "compensate = { args = { reservation = "
                             "\"$/steps/reserve/effect/reference\" } }";
  using Catch::Contains;
  CHECK_THAT(wrong("[flow.stuck]\nperson = \"olga\"\n", ""),
             Contains("[flow.stuck] must name") && Contains("two.toml") &&
                 Contains("compensate"));
  CHECK_THAT(wrong("person = \"olga\"", "person = \"olga\"\nrole = \"desk\""),
             Contains("either a role or a person") && Contains("flow.stuck"));
  CHECK_THAT(wrong(clause, "compensate = { args = { r = \"$/steps/ship/effect\" } }"),
             Contains("\"ship\", which does not come earlier") && Contains("line: "));
  CHECK_THAT(wrong(clause, "compensate = { args = {}, wen = 1 }"),
             Contains("compensate has no \"wen\""));
  CHECK_THAT(wrong("reversal = \"erp.stock.release\"", "reversal = \"none\""),
             Contains("name a tool"));
  CHECK_THAT(wrong(clause, "edit = { args = [\"line\"], summary = \"x\" }"),
             Contains("\"amount\" is missing"));
  CHECK_THAT(
      wrong(clause, "edit = { args = [], amount = \"$/args/worth\", summary = \"x\" }"),
      Contains("names of the arguments"));
  CHECK_THAT(
      wrong("args = { line = \"$/trigger/line\" }", "args = { line = \"$/args/line\" }"),
      Contains("leads nowhere"));
}

TEST_CASE(
    "whatever becomes of the undoings in whatever order, each effect is undone at most "
    "once, one at a time, the latest first",
    "[flow][undo]") {
  const char* given = std::getenv("CROSSDOCK_SEED");
  const auto seed = given ? std::stoull(given) : std::random_device{}();
  std::cout << "seed " << seed << " (repeat with CROSSDOCK_SEED=" << seed << ")\n";
  std::mt19937_64 random(seed);
  const auto below = [&](std::size_t n) {
    return static_cast<std::size_t>(random() % n);
  };
  const char* outcomes[] = {"asked",    "allowed", "unknown", "executed",  "executed",
                            "rejected", "failed",  "expired", "superseded"};
  std::map<std::string, int> ends;
  for (int round = 0; round < 200; ++round) {
    driven_case c(two());
    both_written(c);
    std::vector<propose> proposed = only<propose>(c.decide("tell", "failed"));
    std::map<std::string, int> undone;
    for (int n = 0; n < 25; ++n) {
      output out;
      if (below(5) == 0) {
        out = below(2) == 0 ? c.give(compensation_asked{"olga", "again", ++c.seq})
                            : c.give(resolved{"olga", "done", ++c.seq});
      } else {
        const auto& p = proposed[proposed.size() - 1 -
                                 below(std::min<std::size_t>(2, proposed.size()))];
        out = c.give(decision{p.step, p.run, outcomes[below(9)], written("X"), ++c.seq,
                              p.what.id});
      }
      REQUIRE(only<propose>(out).size() <= 1);
      for (const auto& done : only<compensated>(out)) {
        REQUIRE(++undone[done.proposal_id] == 1);
      }
      for (const auto& p : only<propose>(out)) {
        if (p.step == "reserve.undo") {
          REQUIRE(c.state.effects[1].settled());
        }
        proposed.push_back(p);
      }
    }
    ++ends[c.state.phase()];
  }
  CHECK(ends.size() >= 3); // the inputs really reach different ends
}
