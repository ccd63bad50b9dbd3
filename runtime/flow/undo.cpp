#include "flow/undo.hpp"

#include "flow/outcome.hpp"
#include "flow/proposal_builder.hpp"
#include "flow/story.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace crossdock::flow {
namespace {

error not_now(const case_state& state, std::string why) {
  return error(errc::conflict, std::move(why)).at("case", state.case_id);
}

bool in_doubt(const done_effect& e) {
  return !e.resolved && e.undone == step_status::unknown;
}

/// "Rejected by tom: too late."
std::string end_text(std::string_view outcome, const json& detail) {
  auto text = tell_decision(outcome, detail).text;
  return text.ends_with('.') ? text : text + ".";
}

} // namespace

result<void> may_compensate(const case_state& state) {
  if (state.open) {
    return not_now(state,
                   "the case is open: what it has done is undone when it has ended; "
                   "reject what it proposes first");
  }
  if (state.undo && state.undo->at == undoing::phase::running) {
    return not_now(state, "the case is being compensated already");
  }
  if (state.undo && state.undo->at == undoing::phase::stuck) {
    return in_doubt(state.effects[state.undo->index])
               ? not_now(state,
                         "whether the last try was carried out is still being looked "
                         "up: a second one could do it twice")
               : result<void>();
  }
  const bool something =
      std::any_of(state.effects.begin(), state.effects.end(),
                  [](const done_effect& e) { return !e.tool.empty() && !e.settled(); });
  return something ? result<void>()
                   : not_now(state, "the case has done nothing that can still be undone");
}

result<void> may_resolve(const case_state& state) {
  if (state.undo && state.undo->at == undoing::phase::stuck) {
    return {};
  }
  return not_now(state,
                 "only a case that is stuck is resolved; this one is " + state.phase());
}

bool undoer::begin(json because, std::uint64_t seq) {
  if (state_.undo && state_.undo->at != undoing::phase::done) {
    return false;
  }
  std::vector<bool> take;
  for (const auto& e : state_.effects) {
    take.push_back(e.declared && !e.settled() && wanted(e, because));
  }
  if (std::find(take.begin(), take.end(), true) == take.end()) {
    return false; // and nothing has changed
  }
  for (std::size_t i = 0; i < take.size(); ++i) {
    state_.effects[i].wanted = take[i];
  }
  start(std::move(because), "", seq);
  return true;
}

bool undoer::wanted(const done_effect& e, const json& because) {
  const auto index = flow_.index_of(e.step);
  const auto* rule =
      index ? std::get_if<propose_step>(&flow_.steps()[*index].what) : nullptr;
  if (rule == nullptr || !rule->compensate || !rule->compensate->when) {
    return true;
  }
  json data = state_.data();
  data["steps"][e.step]["effect"] = e.effect;
  data["because"] = because;
  const auto holds = rule->compensate->when->holds(scope{data});
  if (!holds) {
    // Gate and people decide about a proposal too many; nobody about one that is missing.
    say("undo",
        "Its condition cannot be told, so it is proposed: " + holds.error().describe(),
        e.step, 0);
    return true;
  }
  return *holds;
}

void undoer::start(json because, std::string requester, std::uint64_t seq) {
  undoing u;
  u.because = std::move(because);
  u.requester = std::move(requester);
  const auto reason = text_or(u.because, "reason");
  say("undo",
      fmt::format("What the case has done is to be undone, the latest first{}",
                  reason.empty() ? "." : ": " + reason),
      {}, seq);
  state_.undo = std::move(u);
  next(seq);
}

void undoer::next(std::uint64_t seq) {
  for (auto i = state_.effects.size(); i-- > 0;) {
    if (state_.effects[i].wanted && !state_.effects[i].settled()) {
      return propose_at(i, seq);
    }
  }
  state_.undo->at = undoing::phase::done;
  say("undo", "Nothing is left to be undone.", {}, seq);
}

void undoer::propose_at(std::size_t index, std::uint64_t seq) {
  auto& u = *state_.undo;
  auto& e = state_.effects[index];
  u.at = undoing::phase::running;
  u.index = index;
  u.why.clear();
  u.stuck_who.clear();
  if (e.tool.empty()) {
    e.undone = step_status::failed;
    return stuck("how \"" + text_or(e.done, "summary") +
                     "\" is undone could not be told when it was done.",
                 seq);
  }
  ++e.tries;
  e.attempt = ++state_.undo_attempts;
  e.undone = step_status::proposed;
  auto p = undo_proposal(flow_, state_, e, u.because, now_);
  e.undo_id = p.id;
  if (seq != 0) {
    p.causes.push_back(seq);
  }
  say("undo", "Proposed: " + p.summary, e.step, seq, p.id);
  actions_.push_back(propose{e.undo_step(), e.attempt, std::move(p), u.requester});
}

void undoer::stuck(const std::string& why, std::uint64_t seq) {
  auto& u = *state_.undo;
  u.at = undoing::phase::stuck;
  u.why = why;
  u.stuck_who = flow_.stuck() ? flow_.stuck()->who() : "an operator";
  say("undo", fmt::format("Stuck: {} This waits for {}.", why, u.stuck_who), {}, seq);
}

std::optional<std::string> undoer::decided(const decision& in) {
  const auto it = std::find_if(
      state_.effects.begin(), state_.effects.end(), [&](const done_effect& e) {
        return e.undone && e.attempt == in.run && e.undo_step() == in.step;
      });
  if (it == state_.effects.end() || !state_.undo) {
    return fmt::format("ignored: the case undoes nothing as {} {}", in.step, in.run);
  }
  const auto what = heard_as(in.outcome);
  if (!what) {
    return "ignored: \"" + in.outcome + "\" is no outcome of a proposal";
  }
  if (what->rank <= rank_of(*it->undone)) {
    return fmt::format("ignored: {} is {} already, so {} comes late", in.step,
                       to_string(*it->undone), in.outcome);
  }
  it->undone = what->status;
  auto words = tell_decision(in.outcome, in.detail);
  say(words.station, "Undoing it: " + words.text, it->step, in.seq, it->undo_id);
  if (what->status == step_status::executed) {
    json detail = it->effect.is_object() ? it->effect : json::object();
    detail["compensated_by"] = it->undo_id;
    detail["undo"] = in.detail;
    detail["reason"] = "undone by approval " + it->undo_id;
    actions_.push_back(compensated{it->id(), std::move(detail)});
    say("undo", "Undone: " + text_or(it->done, "summary"), it->step, in.seq);
  }
  // Of an effect that a person took care of meanwhile, the news is told and no more.
  if (it->resolved) {
    return {};
  }
  if (what->status == step_status::executed) {
    next(in.seq);
  } else if (what->status == step_status::unknown || what->rank == 4) {
    stuck(end_text(in.outcome, in.detail), in.seq);
  }
  return {};
}

std::optional<std::string> undoer::asked(const compensation_asked& in) {
  if (auto may = may_compensate(state_); !may) {
    return "ignored: " + may.error().message();
  }
  if (state_.undo && state_.undo->at == undoing::phase::stuck) {
    say("person", fmt::format("{} asked to try again: {}", in.by, in.reason), {}, in.seq);
    state_.undo->requester = in.by;
    propose_at(state_.undo->index, in.seq);
    return {};
  }
  for (auto& e : state_.effects) {
    e.wanted = !e.tool.empty() && !e.settled();
  }
  say("person", fmt::format("{} asked for compensation: {}", in.by, in.reason), {},
      in.seq);
  start({{"kind", "person"}, {"reason", in.by + " asked for it: " + in.reason}}, in.by,
        in.seq);
  return {};
}

std::optional<std::string> undoer::resolve(const resolved& in) {
  if (auto may = may_resolve(state_); !may) {
    return "ignored: " + may.error().message();
  }
  auto& e = state_.effects[state_.undo->index];
  e.resolved = true;
  say("person", fmt::format("{} took care of it: {}", in.by, in.reason), e.step, in.seq);
  next(in.seq);
  return {};
}

void undoer::say(std::string_view station, std::string text, std::string_view step,
                 std::uint64_t seq, std::string_view about) {
  tell(state_, now_, station, std::move(text), step, seq, about);
}

} // namespace crossdock::flow
