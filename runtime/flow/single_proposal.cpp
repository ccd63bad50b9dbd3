#include "flow/single_proposal.hpp"

#include "flow/proposal_parts.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace crossdock::flow {
namespace {

/// Another contents needs another version: open cases keep the one they began with.
constexpr const char* source = R"toml(
[flow]
id = "single-proposal"
version = 1
description = "What an agent proposes on its own: one step, judged and done as any other."
case_key = "{key}"

[flow.trigger]
topic = "crossdock.proposal"

[[step]]
name = "proposal"
kind = "submit"
# Unless the agent says how long its proposal is good for.
expires = "4h"
)toml";

constexpr std::size_t summary_bytes_max = 200;
constexpr std::size_t alternatives_max = 3;
/// An agent may ask for less than the flow lets it, or for more up to this.
constexpr std::chrono::hours expires_max{24 * 30};

error in_field(error e, const char* field) {
  return std::move(e).at("field", field);
}

/// {amount, currency}, or benefit less cost as the plugin contract has it.
std::optional<money> worth_of(const json& v) {
  const auto currency = text_or(v, "currency");
  if (currency.size() != 3) {
    return std::nullopt;
  }
  const auto number = [&](const char* name) { return decimal::parse(text_or(v, name)); };
  if (const auto amount = number("amount")) {
    return money{*amount, currency};
  }
  const auto benefit = number("benefit");
  const auto cost = number("cost");
  if (!benefit) {
    return std::nullopt;
  }
  const auto net = cost ? benefit->minus(*cost) : benefit;
  return net ? std::optional(money{*net, currency}) : std::nullopt;
}

/// The first sentence, or as much of it as fits a line; never half a character.
std::string first_sentence(const std::string& text) {
  auto end = text.find(". ");
  end = end == std::string::npos ? text.size() : end + 1;
  if (end > summary_bytes_max) {
    end = summary_bytes_max;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) {
      --end;
    }
  }
  return text.substr(0, end);
}

std::string summary_of(const proposal& p) {
  if (!p.rationale.empty() && !p.rationale.front().empty()) {
    return first_sentence(p.rationale.front());
  }
  return p.agent + " proposes " + p.tool +
         (p.object_key.empty() ? "" : " for " + p.object_key);
}

/// A proposal that a case works for or will work for next.
struct carried {
  std::string event_id;
  std::string tool;
  std::uint64_t request = 0;
};

std::optional<carried> carried_by(const json& trigger) {
  if (!trigger.is_object() || text_or(trigger, "topic") != proposal_topic) {
    return std::nullopt;
  }
  const auto payload = trigger.value("payload", json::object());
  return carried{text_or(trigger, "id"), text_or(payload, "tool"),
                 payload.value("request", std::uint64_t{0})};
}

struct both {
  std::optional<carried> now;
  std::optional<carried> next;
};

both carried_by(const case_state& s) {
  if (!s.started() || !s.open) {
    return {};
  }
  return {carried_by(s.trigger), s.after ? carried_by(s.after->trigger) : std::nullopt};
}

bool is(const std::optional<carried>& c, const std::string& event_id) {
  return c && c->event_id == event_id;
}

/// Why a case that heard of no decision stopped working for its proposal.
json last_words(const case_state& s) {
  const auto& h = s.history;
  return {{"reason", h.empty() ? "" : text_or(h.back(), "text")}};
}

} // namespace

definition_ptr single_proposal() {
  static const definition_ptr built_in = [] {
    auto d = definition::compile(source, "built in");
    if (!d) {
      // Ours, and a test compiles it: no node was ever built with a wrong one.
      std::fprintf(stderr, "the built-in flow is wrong: %s\n",
                   d.error().describe().c_str());
      std::abort();
    }
    return std::make_shared<const definition>(std::move(*d));
  }();
  return built_in;
}

result<proposal> submitted_proposal(const definition& d, const step& at,
                                    const case_state& state, timestamp now) {
  const auto& rule = std::get<propose_step>(at.what);
  const auto payload = state.trigger->value("payload", json::object());
  // What proposals have in common is read as every proposal is read; what only the case
  // knows is not the agent's to say.
  auto said = payload;
  for (const auto* name : {"expected_value", "facts", "id", "case_id", "flow", "step",
                           "tenant", "labels", "causes", "created_at", "expires_at"}) {
    said.erase(name);
  }
  auto read = proposal::from_json(said);
  if (!read) {
    return std::move(read).error();
  }
  auto expires = rule.expires;
  if (const auto s = payload.value("expires_s", std::uint64_t{0}); s > 0) {
    expires = std::chrono::seconds(std::min<std::uint64_t>(
        s, static_cast<std::uint64_t>(std::chrono::seconds(expires_max).count())));
  }
  auto p = begin_proposal(d, at, state, expires, now);
  p.agent = read->agent;
  p.agent_release = read->agent_release;
  p.tool = read->tool;
  p.args = std::move(read->args);
  p.site = state.site;
  p.amount = read->amount;
  p.confidence_permille = read->confidence_permille;
  p.basis = std::move(read->basis);
  p.rationale = std::move(read->rationale);
  p.alternatives = std::move(read->alternatives);
  if (p.alternatives.size() > alternatives_max) {
    p.alternatives.erase(p.alternatives.begin() + alternatives_max, p.alternatives.end());
  }
  p.expected_value = worth_of(payload.value("expected_value", json::object()));
  p.if_nothing_is_done = std::move(read->if_nothing_is_done);
  p.object_key = std::move(read->object_key);
  p.reversal = read->reversal.empty() ? "none" : read->reversal;
  const auto facts = payload.value("facts", json::array());
  for (const auto& item : facts) {
    auto f = fact::from_json(item);
    if (!f) {
      return in_field(std::move(f).error(), "evidence");
    }
    add_fact(p, std::move(*f));
  }
  if (auto r = order_facts(p); !r) {
    return std::move(r).error();
  }
  p.summary = summary_of(p);
  return p;
}

std::vector<proposal_end> ended_proposals(const case_state& before,
                                          const case_state& after,
                                          const std::string& outcome,
                                          const json& detail) {
  const auto was = carried_by(before);
  const auto still = carried_by(after);
  // A case may open, fail and close in one step; then only its trigger tells of it.
  const auto opened = !before.started() && after.started() && !after.open
                          ? carried_by(after.trigger)
                          : std::nullopt;
  std::vector<proposal_end> out;
  const auto ends = [&](const carried& c, std::string how, json why) {
    if (!is(still.now, c.event_id) && !is(still.next, c.event_id)) {
      out.push_back({c.event_id, c.tool, c.request, std::move(how), std::move(why)});
    }
  };
  const bool replaced = after.run != before.run;
  if (was.now) {
    if (outcome == "withdrawn" && replaced) {
      ends(*was.now, "superseded", {{"reason", "a newer proposal came"}});
    } else if (!outcome.empty()) {
      ends(*was.now, outcome, detail);
    } else {
      ends(*was.now, replaced ? "superseded" : "failed", last_words(after));
    }
  }
  if (was.next && is(carried_by(after.trigger), was.next->event_id)) {
    ends(*was.next, "failed", last_words(after)); // begun, and over in the same step
  } else if (was.next) {
    ends(*was.next, after.open ? "superseded" : "withdrawn",
         {{"reason", after.open ? "a newer proposal came" : "the case was closed"}});
  }
  if (opened) {
    ends(*opened, "failed", last_words(after));
  }
  return out;
}

} // namespace crossdock::flow
