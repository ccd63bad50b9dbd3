/// The built-in flow of agents' own proposals, input by input: what is proposed, and that
/// each proposal ends once.
#include "flow/single_proposal.hpp"

#include "unit/flow_support.hpp"

#include <map>
#include <random>

using namespace flow_test;

namespace {

envelope own_proposal(const std::string& id, json more = json::object()) {
  json body{
      {"tool", "erp.order.promise"},
      {"args", {{"line", "L1"}, {"date", "2026-12-01"}}},
      {"confidence_permille", 870},
      {"basis", {{"model", "test"}}},
      {"rationale", {"The date 2026-11-25 cannot be kept. Nothing else helps."}},
      {"facts", {a_fact("lead time", 9), a_fact("promised date", "2026-11-25", true)}},
      {"alternatives", {1, 2, 3, 4}},
      {"expected_value", {{"benefit", "40"}, {"cost", "15.50"}, {"currency", "EUR"}}},
      {"if_nothing_is_done", "The customer waits."},
      {"object_key", "L1"},
      {"expires_s", 600},
      {"amount", {{"amount", "87.50"}, {"currency", "EUR"}}},
      {"agent", "credit"},
      {"agent_release", "acme.credit 1.0.0"},
      {"reversal", "erp.order.promise"},
      {"request", 77},
      {"key", "credit/erp.order.promise/L1"}};
  body.update(more);
  envelope e;
  e.id = id;
  e.source = "credit";
  e.type = proposal_topic;
  e.tenant = "acme";
  e.site = "B1";
  e.labels = {"untrusted"};
  e.data = to_text(body);
  return e;
}

/// Drives a case and keeps what each proposal's agent is told.
class told_case {
public:
  output open(const envelope& e) {
    return heard("", json(), [&] { return c.open(e); });
  }
  output again(const envelope& e) {
    return heard("", json(), [&] { return c.give(triggered_again{e, ++c.seq}); });
  }
  output decide(const char* outcome, json detail = json::object()) {
    return heard(outcome, detail, [&] { return c.decide("proposal", outcome, detail); });
  }

  driven_case c{*single_proposal()};
  std::vector<proposal_end> ends;

private:
  template <class F>
  output heard(const std::string& outcome, const json& detail, F f) {
    const auto before = c.state;
    auto out = f();
    if (out.changed) {
      for (auto& e : ended_proposals(before, c.state, outcome, detail)) {
        ends.push_back(std::move(e));
      }
    }
    return out;
  }
};

std::vector<std::string> as_text(const std::vector<proposal_end>& ends) {
  std::vector<std::string> out;
  for (const auto& e : ends) {
    out.push_back(e.event_id + " " + e.outcome);
  }
  return out;
}

using texts = std::vector<std::string>;

} // namespace

TEST_CASE("what an agent proposes is what is judged, with what only the case knows",
          "[flow]") {
  told_case c;
  const auto forged = json{{"tenant", "other"},
                           {"labels", json::array()},
                           {"case_id", "X"},
                           {"flow", "backorder-prevention/1"}};
  const auto out = c.open(own_proposal("e1", forged));
  const auto made = only<propose>(out);
  REQUIRE(made.size() == 1);
  const auto& p = made[0].what;
  CHECK(p.tool == "erp.order.promise");
  CHECK(p.args["line"] == "L1");
  CHECK(p.agent == "credit");
  CHECK(p.agent_release == "acme.credit 1.0.0");
  CHECK(p.amount == money{*decimal::parse("87.5"), "EUR"});
  CHECK(p.expected_value == money{*decimal::parse("24.5"), "EUR"});
  CHECK(p.confidence_permille == 870);
  CHECK(p.summary == "The date 2026-11-25 cannot be kept.");
  CHECK(p.alternatives.size() == 3);
  REQUIRE(p.facts.size() == 2);
  CHECK(p.facts[0].name == "promised date"); // what decides comes first
  CHECK(p.object_key == "L1");
  CHECK(p.reversal == "erp.order.promise");
  CHECK(p.expires_at - p.created_at == std::chrono::minutes(10));
  CHECK(p.flow == "single-proposal/1");
  CHECK(p.step == "proposal");
  CHECK(p.tenant == "acme");
  CHECK(p.site == "B1");
  CHECK(p.case_id == "CASE1");
  CHECK(p.labels == texts{"untrusted"});
  CHECK(p.causes == std::vector<std::uint64_t>{1});
  CHECK(c.ends.empty());
}

TEST_CASE("each end of a proposal closes its case and is told once", "[flow]") {
  const auto* how = GENERATE("executed", "denied", "rejected", "expired", "failed",
                             "superseded", "withdrawn");
  told_case c;
  c.open(own_proposal("e1"));
  c.decide("asked");
  if (std::string(how) == "executed") {
    c.decide("approved");
    c.decide("unknown");
  }
  CHECK(c.ends.empty());
  c.decide(how, {{"reason", "because"}});
  CHECK_FALSE(c.c.state.open);
  CHECK(as_text(c.ends) == texts{std::string("e1 ") + how});
  CHECK(c.ends[0].detail["reason"] == "because");
  CHECK(c.ends[0].request == 77);
  CHECK(c.ends[0].tool == "erp.order.promise");
  c.decide(how);
  CHECK(c.ends.size() == 1);
}

TEST_CASE("a newer proposal takes the older one back first, and then is judged",
          "[flow]") {
  told_case c;
  c.open(own_proposal("e1"));
  c.decide("asked");
  auto out = c.again(own_proposal("e2"));
  CHECK(only<withdraw>(out).size() == 1);
  CHECK(only<propose>(out).empty());
  CHECK(c.ends.empty());
  // A third one comes before the first is back: the second was never judged.
  c.again(own_proposal("e3"));
  CHECK(as_text(c.ends) == texts{"e2 superseded"});
  out = c.decide("withdrawn");
  CHECK(as_text(c.ends) == texts{"e2 superseded", "e1 superseded"});
  REQUIRE(only<propose>(out).size() == 1);
  c.decide("denied");
  CHECK(as_text(c.ends) == texts{"e2 superseded", "e1 superseded", "e3 denied"});
  CHECK_FALSE(c.c.state.open);
}

TEST_CASE("a newer proposal waits for an effect under way, and is judged after it",
          "[flow]") {
  told_case c;
  c.open(own_proposal("e1"));
  c.decide("allowed");
  auto out = c.again(own_proposal("e2"));
  CHECK(out.actions.empty());
  out = c.decide("executed");
  CHECK(as_text(c.ends) == texts{"e1 executed"});
  CHECK(only<propose>(out).size() == 1);
  c.decide("rejected");
  CHECK(as_text(c.ends) == texts{"e1 executed", "e2 rejected"});
}

TEST_CASE("a proposal that cannot be read ends as failed, and says why", "[flow]") {
  const auto wrong = GENERATE(json{{"amount", {{"amount", "much"}, {"currency", "EUR"}}}},
                              json{{"facts", {{{"name", "no source"}}}}});
  told_case c;
  const auto out = c.open(own_proposal("e1", wrong));
  CHECK(only<propose>(out).empty());
  CHECK(only<close_case>(out).size() == 1);
  REQUIRE(as_text(c.ends) == texts{"e1 failed"});
  CHECK_FALSE(text_or(c.ends[0].detail, "reason").empty());
  // The same when it takes the place of an older one.
  told_case second;
  second.open(own_proposal("e1"));
  second.again(own_proposal("e2", wrong));
  second.decide("withdrawn");
  CHECK(as_text(second.ends) == texts{"e1 superseded", "e2 failed"});
}

TEST_CASE(
    "whatever happens in whatever order, no proposal ends twice, and all of a closed "
    "case have ended",
    "[flow]") {
  const char* given = std::getenv("CROSSDOCK_SEED");
  const auto seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  INFO("repeat with CROSSDOCK_SEED=" << seed);
  std::mt19937_64 random(seed);
  const char* outcomes[] = {"asked",    "allowed",    "approved", "unknown",
                            "executed", "denied",     "rejected", "expired",
                            "failed",   "superseded", "withdrawn"};
  for (int run = 0; run < 300; ++run) {
    told_case c;
    int proposed = 1;
    c.open(own_proposal("e1"));
    for (int i = 0; i < 30 && c.c.state.open; ++i) {
      if (random() % 4 == 0) {
        c.again(own_proposal("e" + std::to_string(++proposed)));
      } else {
        c.decide(outcomes[random() % std::size(outcomes)]);
      }
    }
    std::map<std::string, int> told;
    for (const auto& e : c.ends) {
      ++told[e.event_id];
    }
    for (const auto& [id, times] : told) {
      REQUIRE(times == 1);
    }
    if (!c.c.state.open) {
      REQUIRE(told.size() == static_cast<std::size_t>(proposed));
    }
  }
}

TEST_CASE("only a flow of agents' own proposals may submit", "[flow]") {
  const auto text = std::string(R"(
[flow]
id = "x"
version = 1
description = "x"
case_key = "{key}"
[flow.trigger]
topic = "order.line_short"
[[step]]
name = "proposal"
kind = "submit"
expires = "4h"
)");
  const auto d = definition::compile(text, "x.toml");
  REQUIRE_FALSE(d);
  CHECK(d.error().describe().find("crossdock.proposal") != std::string::npos);
}
