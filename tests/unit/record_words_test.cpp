// What people read of a record that `crossdock watch` shows.
#include "crossdock/record_words.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace crossdock;
using namespace crossdock::cli;

namespace {

json record(const char* kind, const char* from, const char* to, json detail) {
  return {{"seq", 7},
          {"time", "2026-11-23T08:15:00Z"},
          {"kind", kind},
          {"class", "B"},
          {"source", from},
          {"target", to},
          {"id", "01JDA000000000000000000001"},
          {"case", "01JDA0000000000000000000C1"},
          {"detail", std::move(detail)}};
}

record_line told(const json& r) {
  record_words words;
  return words.of(r);
}

} // namespace

TEST_CASE("what matters to people is told in their words", "[cli]") {
  const auto proposal =
      told(record("proposal", "replenishment", "gate",
                  {{"summary", "Transfer 7 pcs of P-1"}, {"confidence_permille", 873}}));
  CHECK(proposal.who == "replenishment → gate");
  CHECK(proposal.what == "proposes: Transfer 7 pcs of P-1 (87.3 % sure)");
  CHECK(told(record("verdict", "gate", "flow",
                    {{"effect", "ask"},
                     {"chain", "team-lead"},
                     {"rules", {"transfer-large"}},
                     {"reason", "rule \"transfer-large\" asks: it is worth a lot"}}))
            .what ==
        "a person must decide (team-lead): it is worth a lot [transfer-large]");
  CHECK(told(record("verdict", "gate", "flow", {{"effect", "deny"}})).paint ==
        colour::bad);
  const auto waits =
      told(record("approval", "escalate", "approvals",
                  {{"event", "opened"}, {"to", "pending"}, {"chain", "team-lead"}}));
  CHECK(waits.who == "escalate → team-lead");
  CHECK(waits.what == "please decide: crossdock approval show 01JDA0000000");
  const auto yes = told(record("approval", "person:maria", "approvals",
                               {{"event", "approved"}, {"to", "approved"}}));
  CHECK(yes.who == "maria");
  CHECK(yes.what == "approves");
  CHECK(
      told(record("effect", "effect", "erp.transfer.create",
                  {{"state", "executed"}, {"record", "transfer/88"}, {"system", "sim"}}))
          .what == "written: erp transfer create, transfer/88 in sim");
  CHECK(told(record("case", "flow", "case",
                    {{"state", "closed"}, {"outcome", "no_option"}}))
            .what == "case closed: no option");
  for (const auto* kind : {"proposal", "verdict", "effect", "case", "dead_letter"}) {
    CHECK_FALSE(told(record(kind, "a", "b", json::object())).chatter);
  }
}

TEST_CASE("the ERP's own changes are chatter, what agents make of them is not", "[cli]") {
  auto change = record("event", "sql", "order",
                       {{"type", "order.line"}, {"subject", "SKU-1@BR-1"}});
  change["class"] = "A";
  CHECK(told(change).chatter);
  CHECK(told(change).what == "the ERP has a change: order line for SKU-1 at BR-1");
  const auto report = told(record("event", "order", "flow",
                                  {{"type", "order.line_short"}, {"subject", "SO-1/2"}}));
  CHECK_FALSE(report.chatter);
  CHECK(report.what == "reports: order line short for SO-1/2");
}

TEST_CASE("a reading and its answer are chatter, a question and its answer are not",
          "[cli]") {
  record_words words;
  CHECK(words
            .of(record("call", "order", "sql",
                       {{"request", 4}, {"key", ""}, {"type", "erp.stock"}}))
            .chatter);
  CHECK_FALSE(words
                  .of(record("question", "flow", "replenishment",
                             {{"request", 5}, {"type", "supply.options"}}))
                  .chatter);
  const auto read =
      words.of(record("answer", "sql", "order",
                      {{"request", 4}, {"status", 0}, {"type", "erp.stock.answer"}}));
  CHECK(read.chatter);
  const auto answer = words.of(
      record("answer", "replenishment", "flow",
             {{"request", 5}, {"status", 0}, {"type", "supply.options.answer"}}));
  CHECK_FALSE(answer.chatter);
  CHECK(answer.what == "answers: supply options");
  const auto late = words.of(
      record("answer", "replenishment", "flow",
             {{"request", 6}, {"status", -6}, {"type", "supply.options.answer"}}));
  CHECK(late.what == "gave no answer in time: supply options");
  CHECK(late.paint == colour::warning);
}

TEST_CASE("what an agent hears of its own proposal is shown, what the flow hears is not",
          "[cli]") {
  CHECK(told(record("decision", "gate", "flow", {{"outcome", "asked"}})).chatter);
  const auto own = told(record("decision", "flow", "credit", {{"outcome", "denied"}}));
  CHECK_FALSE(own.chatter);
  CHECK(own.what == "hears what became of its proposal: denied");
}

TEST_CASE("a version that takes over, stays or is taken back is told loudly", "[cli]") {
  const auto said = [](const char* what) {
    const auto line = told(record("swap", "person:maria", "order",
                                  {{"what", what}, {"release", "order 2"}, {"before", "order 1"}}));
    CHECK(line.who == "maria → order");
    CHECK_FALSE(line.chatter);
    return line.what;
  };
  CHECK(said("switched") == "order 2 took over from order 1");
  CHECK(said("kept") == "order 2 stays");
  CHECK(said("rolled_back") == "taken back to order 2");
}

TEST_CASE("a kind that this version does not know is shown as it is", "[cli]") {
  const auto r =
      told(record("moon_phase", "sky", "earth", {{"phase", "full"}, {"list", {1, 2}}}));
  CHECK_FALSE(r.chatter);
  CHECK(r.what == "moon phase, phase full");
  CHECK(std::count(known_kinds().begin(), known_kinds().end(), "moon_phase") == 0);
  CHECK(std::count(known_kinds().begin(), known_kinds().end(), "call") == 1);
}
