#include "flow/advance.hpp"

#include "flow/outcome.hpp"
#include "flow/proposal_builder.hpp"
#include "flow/rank.hpp"
#include "flow/story.hpp"
#include "flow/undo.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace crossdock::flow {
namespace {

/// An end of a proposal after which the case has not got what it wanted.
bool is_bad_end(std::string_view outcome) {
  const auto what = heard_as(outcome);
  return what && what->rank == 4 && what->status != step_status::executed;
}

target default_target(std::string_view outcome) {
  if (outcome == "executed") {
    return {};
  }
  return {target::kind::close, "", outcome == "none" ? "no_option" : std::string(outcome),
          0};
}

class stepper {
public:
  stepper(const definition& d, const case_state& before, timestamp now)
      : flow_(d), now_(now) {
    out_.state = before;
  }

  result<output> run(const input& in) {
    if (state().started() &&
        (state().flow != flow_.id() || state().version != flow_.version())) {
      return error(errc::version, "the case began with another flow or version")
          .at("case", state().case_id)
          .at("began_with", state().flow + "/" + std::to_string(state().version))
          .at("given", flow_.name());
    }
    auto done = std::visit([&](const auto& i) { return take(i); }, in);
    if (!done) {
      return std::move(done).error();
    }
    if (out_.changed) {
      state().updated_at = now_;
    }
    return std::move(out_);
  }

private:
  case_state& state() { return out_.state; }
  void emit(action a) { out_.actions.push_back(std::move(a)); }

  void say(std::string_view station, std::string text, std::string_view step = {},
           std::uint64_t seq = 0, std::string_view about = {}) {
    tell(state(), now_, station, std::move(text), step, seq, about);
  }

  undoer undo() { return {flow_, state(), now_, out_.actions}; }

  /// Nothing changes, and the caller is told why.
  result<void> ignore(std::string why) {
    out_.changed = false;
    out_.actions.clear();
    emit(note{std::move(why)});
    return {};
  }

  /// Why the case takes no more of anything, if so.
  std::optional<std::string> deaf() {
    if (!state().started()) {
      return "ignored: this case was never opened";
    }
    if (!state().open) {
      return "ignored: the case is closed as " + state().outcome;
    }
    return std::nullopt;
  }

  // -- inputs ---------------------------------------------------------------------

  result<json> read_trigger(const envelope& e, std::uint64_t seq) {
    auto payload = document_of(e);
    if (!payload) {
      return std::move(payload).error();
    }
    if (!(*payload)->is_object()) {
      return error(errc::schema, "the payload of a trigger is an object");
    }
    return json{{"payload", **payload},
                {"topic", e.type},
                {"source", e.source},
                {"id", e.id},
                {"seq", seq},
                {"labels", e.labels}};
  }

  /// The ledger number of the newest trigger this case has heard of.
  std::uint64_t latest_trigger() {
    const auto seq = state().trigger->value("seq", std::uint64_t{0});
    return state().after && state().after->trigger.is_object()
               ? std::max(seq, state().after->trigger.value("seq", std::uint64_t{0}))
               : seq;
  }

  void begin(json trigger) {
    for (const auto& label : trigger.value("labels", json::array())) {
      add_label(label.get<std::string>());
    }
    const auto seq = trigger.value("seq", std::uint64_t{0});
    state().causes.clear();
    add_cause(seq);
    state().steps.clear();
    state().retries.clear();
    state().trigger = std::move(trigger);
    say("trigger",
        fmt::format("{} of {} from {}.", text_or(state().trigger, "topic"), state().key,
                    text_or(state().trigger, "source")),
        {}, seq);
    run_from(0);
  }

  result<void> take(const opened& in) {
    if (state().started()) {
      return ignore("ignored: this case is open already");
    }
    auto trigger = read_trigger(in.event, in.seq);
    if (!trigger) {
      return std::move(trigger).error();
    }
    auto key = flow_.trigger_key((*trigger)["payload"]);
    if (!key) {
      return std::move(key).error();
    }
    auto& s = state();
    s.case_id = in.case_id;
    s.tenant = in.event.tenant;
    s.site = in.event.site;
    s.traceparent = in.event.traceparent;
    s.flow = flow_.id();
    s.version = flow_.version();
    s.key = std::move(*key);
    s.open = true;
    s.opened_at = now_;
    s.run = 1;
    if (flow_.deadline().count() > 0) {
      emit(start_timer{"deadline", flow_.deadline()});
    }
    begin(std::move(*trigger));
    return {};
  }

  result<void> take(const triggered_again& in) {
    if (auto why = deaf()) {
      return ignore(std::move(*why));
    }
    auto trigger = read_trigger(in.event, in.seq);
    if (!trigger) {
      return std::move(trigger).error();
    }
    auto key = flow_.trigger_key((*trigger)["payload"]);
    if (!key) {
      return std::move(key).error();
    }
    if (*key != state().key) {
      return ignore("ignored: the trigger is of " + *key + ", the case of " +
                    state().key);
    }
    if (in.seq != 0 && in.seq <= latest_trigger()) {
      return ignore("ignored: the case knows this trigger, or a newer one");
    }
    say("case",
        "A newer trigger came: what is known now supersedes what the case began with.",
        {}, in.seq);
    return stop_for(afterwards{true, "", std::move(*trigger)},
                    "superseded by a newer trigger", in.seq);
  }

  result<void> take(const settled& in) {
    auto payload = parse_json(in.event.data);
    const auto reason = payload ? text_or(*payload, "reason", "no reason given") : "";
    json because{{"kind", "settled"},
                 {"reason", reason},
                 {"payload", payload ? std::move(*payload) : json()}};
    // What a closed case has done may have lost its reason too.
    if (state().started() && !state().open) {
      return undo().begin(std::move(because), in.seq)
                 ? result<void>()
                 : ignore("ignored: nothing that the case has done is undone for that");
    }
    if (auto why = deaf()) {
      return ignore(std::move(*why));
    }
    if (state().after && !state().after->restart) {
      return ignore("ignored: the case is being closed already");
    }
    if (in.seq != 0 && in.seq <= latest_trigger()) {
      return ignore("ignored: a newer trigger came after that");
    }
    say("case", "The reason for the case is gone: " + reason, {}, in.seq);
    return stop_for(afterwards{false, flow_.settle_outcome(), {}, std::move(because)},
                    "settled: " + reason, in.seq);
  }

  result<void> take(const timer_fired& in) {
    if (auto why = deaf()) {
      return ignore(std::move(*why));
    }
    if (in.step != "deadline" || flow_.deadline().count() == 0) {
      return ignore("ignored: the case waits for no such timer");
    }
    if (now_ < state().opened_at + flow_.deadline()) {
      return ignore("ignored: the case's time is not up yet");
    }
    if (state().after && !state().after->restart) {
      return ignore("ignored: the case is being closed already");
    }
    say("case", "The case has been open for as long as the flow lets it.", {}, in.seq);
    return stop_for(
        afterwards{
            false, "deadline", {}, because_of("deadline", "the case's time is up")},
        "the case's time is up", in.seq);
  }

  result<void> take(const compensation_asked& in) {
    auto why = undo().asked(in);
    return why ? ignore(std::move(*why)) : result<void>();
  }

  result<void> take(const resolved& in) {
    auto why = undo().resolve(in);
    return why ? ignore(std::move(*why)) : result<void>();
  }

  /// Unlike other inputs that come late, an edit is refused: a person waits for the
  /// answer.
  result<void> take(const edited& in) {
    auto& made = state().proposed;
    if (!state().open || !made || !made->live() || made->withdrawing ||
        text_or(made->proposal, "id") != in.proposal_id) {
      return error(errc::conflict, "the case asks for this action no longer")
          .at("approval", in.proposal_id);
    }
    if (made->in_flight()) {
      return error(errc::conflict, "it is decided already and may be done at any moment")
          .at("approval", in.proposal_id);
    }
    const auto before = proposal::from_json(made->proposal);
    auto after = edit_proposal(flow_, state(), in.changes, in.by, in.reason, now_);
    if (!before || !after) {
      return !before ? before.error() : after.error();
    }
    auto difference = difference_of(*before, *after);
    made->proposal = after->to_json();
    made->status = step_status::proposed;
    made->detail = json();
    ++made->edits;
    say("person", after->rationale.front(), made->step, 0, in.proposal_id);
    say("proposal", "Proposed instead: " + after->summary, made->step, 0, after->id);
    emit(revise{made->step, made->run, in.proposal_id, std::move(*after),
                std::move(difference)});
    return {};
  }

  result<void> take(const answer& in) {
    if (auto why = deaf()) {
      return ignore(std::move(*why));
    }
    const auto index = flow_.index_of(in.step);
    const auto it = state().steps.find(in.step);
    if (!index || !std::holds_alternative<ask_step>(flow_.steps()[*index].what)) {
      return ignore("ignored: the flow has no question \"" + in.step + "\"");
    }
    if (in.run != state().run) {
      return ignore(
          fmt::format("ignored: the answer to {} is of run {}, the case is in run {}",
                      in.step, in.run, state().run));
    }
    if (it == state().steps.end() || it->second.status != step_status::waiting) {
      return ignore("ignored: " + in.step + " waits for no answer");
    }
    add_cause(in.seq);
    for (const auto& label : in.labels) {
      add_label(label);
    }
    it->second.seq = in.seq;
    if (in.status >= 0 && in.payload.is_object()) {
      it->second.status = step_status::answered;
      it->second.answer = in.payload;
      it->second.by = in.source;
      it->second.release = in.release;
      say("answer", answer_text(in), in.step, in.seq);
    } else if (!fall_back(flow_.steps()[*index], it->second, in)) {
      return {};
    }
    join(*index);
    return {};
  }

  static std::string answer_text(const answer& in) {
    const auto summary = text_or(in.payload, "summary");
    if (!summary.empty()) {
      return fmt::format("{} answered: {}", in.source, summary);
    }
    if (const auto* options = find_pointer(in.payload, "/options");
        options != nullptr && options->is_array()) {
      return fmt::format("{} answered with {} option{}.", in.source, options->size(),
                         options->size() == 1 ? "" : "s");
    }
    return in.source + " answered.";
  }

  /// False if the case is closed now.
  bool fall_back(const step& at, step_state& s, const answer& in) {
    const auto& rule = std::get<ask_step>(at.what);
    const std::string why = in.status == -6 ? "No answer in time"
                            : in.status < 0
                                ? fmt::format("No answer (status {})", in.status)
                                : std::string("An answer that is no object");
    if (!rule.fallback) {
      s.status = step_status::failed;
      say("answer", why + ", and the flow cannot go on without it.", at.name, in.seq);
      finish("failed", because_of("failed", "nobody answered " + rule.question));
      return false;
    }
    const case_view data(state());
    auto filled = fill(*rule.fallback, scope{data});
    if (!filled) {
      s.status = step_status::failed;
      fail(at.name, filled.error());
      return false;
    }
    s.status = step_status::fallback;
    s.answer = std::move(*filled);
    s.by = "flow";
    say("answer", why + ": the flow goes on with its own answer.", at.name, in.seq);
    return true;
  }

  result<void> take(const decision& in) {
    if (in.step.find('.') != std::string::npos) {
      auto why = undo().decided(in);
      return why ? ignore(std::move(*why)) : result<void>();
    }
    if (auto why = deaf()) {
      return ignore(std::move(*why));
    }
    auto& made = state().proposed;
    if (!made || made->step != in.step || made->run != in.run) {
      return ignore(fmt::format("ignored: the case made no proposal {} in run {} last",
                                in.step, in.run));
    }
    const auto id = text_or(made->proposal, "id");
    if (!in.proposal_id.empty() && in.proposal_id != id) {
      return ignore("ignored: it is of the action before a person changed it");
    }
    const auto what = heard_as(in.outcome);
    if (!what) {
      return ignore("ignored: \"" + in.outcome + "\" is no outcome of a proposal");
    }
    if (!made->live() || what->rank <= rank_of(made->status)) {
      return ignore(fmt::format("ignored: {} is {} already, so {} comes late", in.step,
                                to_string(made->status), in.outcome));
    }
    made->status = what->status;
    made->detail = in.detail;
    if (const auto it = state().steps.find(in.step); it != state().steps.end()) {
      it->second.status = what->status;
      it->second.seq = in.seq;
    }
    auto words = tell_decision(in.outcome, in.detail);
    say(words.station, std::move(words.text), in.step, in.seq, id);
    if (what->status == step_status::executed) {
      remember_effect(in);
    }
    if (!made->live()) {
      ended(in.step, what->status);
    }
    return {};
  }

  /// Fixes how the effect is undone.
  void remember_effect(const decision& in) {
    if (const auto it = state().steps.find(in.step); it != state().steps.end()) {
      it->second.effect = in.detail;
    }
    auto e = effect_of(flow_, state(), in.detail);
    if (!e) {
      say("case", "How it would be undone cannot be told: " + e.error().describe(),
          in.step);
      e = effect_without_undo(state(), in.detail);
    }
    state().effects.push_back(std::move(*e));
  }

  // -- the end of a proposal ------------------------------------------------------

  /// The live proposal has come to its end.
  void ended(const std::string& name, step_status how) {
    auto after = std::move(state().after);
    state().after.reset();
    const auto index = flow_.index_of(name);
    // An agent's newer proposal is another wish, not newer facts for the old one: it is
    // judged although the old one was done.
    const auto* rule =
        index ? std::get_if<propose_step>(&flow_.steps()[*index].what) : nullptr;
    if (after && (how != step_status::executed || (rule != nullptr && rule->submitted))) {
      return go_on(std::move(*after));
    }
    if (after) {
      say("case", after->restart
                      ? "The newer trigger changes nothing: the effect was done already."
                      : "It was too late to stop: the effect was done already.");
    }
    if (!index) {
      return finish("failed"); // cannot be: the version is checked
    }
    if (after && !after->restart) {
      // The case ends here, and what has just been done lost its reason before it was.
      const auto where = target_of(flow_.steps()[*index], "executed");
      return finish(where.what == target::kind::close ? where.outcome : after->outcome,
                    std::move(after->because));
    }
    route(*index, to_string(how));
  }

  /// Restarts or closes, at once or as soon as the live proposal has ended.
  result<void> stop_for(afterwards after, const std::string& reason, std::uint64_t seq) {
    auto& made = state().proposed;
    if (!made || !made->live()) {
      go_on(std::move(after));
      return {};
    }
    state().after = std::move(after);
    if (made->in_flight()) {
      say("case",
          "It is decided and may be done at any moment: the case waits for the outcome.",
          made->step, seq);
    } else if (!made->withdrawing) {
      made->withdrawing = true;
      say("proposal", "Taken back: " + reason, made->step, seq);
      emit(withdraw{made->step, made->run, text_or(made->proposal, "id"), reason});
    }
    return {};
  }

  void go_on(afterwards after) {
    if (!after.restart) {
      return finish(after.outcome, std::move(after.because));
    }
    ++state().run;
    begin(std::move(after.trigger));
  }

  static target target_of(const step& at, std::string_view outcome) {
    const auto it = at.on.find(outcome);
    return it == at.on.end() ? default_target(outcome) : it->second;
  }

  static json because_of(std::string_view kind, std::string_view reason) {
    return {{"kind", kind}, {"reason", reason}};
  }

  void route(std::size_t index, std::string_view outcome) {
    const auto& at = flow_.steps()[index];
    const target where = target_of(at, outcome);
    json because;
    if (is_bad_end(outcome)) {
      because = because_of(outcome, at.name + " ended as " + std::string(outcome));
    }
    switch (where.what) {
    case target::kind::next:
      return run_from(index + 1);
    case target::kind::go:
      return run_from(*flow_.index_of(where.step));
    case target::kind::close:
      return finish(where.outcome, std::move(because));
    case target::kind::retry:
      break;
    }
    auto& used = state().retries[at.name + "/" + std::string(outcome)];
    if (used >= where.at_most) {
      say("case",
          fmt::format("Tried again {} time{} already.", used, used == 1 ? "" : "s"),
          at.name);
      return finish(where.outcome, std::move(because));
    }
    ++used;
    retry(*flow_.index_of(where.step), where, used);
  }

  void retry(std::size_t from, const target& where, int used) {
    ++state().run;
    for (std::size_t i = from; i < flow_.steps().size(); ++i) {
      state().steps.erase(flow_.steps()[i].name);
    }
    say("case",
        fmt::format("Starts again from {} ({} of {}).", where.step, used, where.at_most),
        where.step);
    run_from(from);
  }

  // -- going through the steps ----------------------------------------------------

  void run_from(std::size_t index) {
    while (index < flow_.steps().size()) {
      const auto& at = flow_.steps()[index];
      const case_view data(state());
      if (at.when) {
        auto holds = at.when->holds(scope{data});
        if (!holds) {
          return fail(at.name, holds.error());
        }
        if (!*holds) {
          state().steps[at.name] = step_state::with(step_status::skipped);
          ++index;
          if (group_of(index) != group_of(index - 1) && waiting(index - 1)) {
            return;
          }
          continue;
        }
      }
      if (const auto* a = std::get_if<ask_step>(&at.what)) {
        if (!start_ask(at, *a, data)) {
          return;
        }
        ++index;
        if (a->group.empty() || group_of(index) != a->group) {
          return; // the answers bring the case on
        }
        continue;
      }
      if (std::holds_alternative<propose_step>(at.what)) {
        return start_proposal(at);
      }
      if (const auto* c = std::get_if<close_step>(&at.what)) {
        state().steps[at.name] = step_state::with(step_status::done);
        return finish(c->outcome,
                      c->compensate ? because_of("closed", c->outcome) : json());
      }
      if (!rank(at, index, data)) {
        return;
      }
      ++index;
    }
    finish("done");
  }

  std::string group_of(std::size_t index) const {
    const auto* a = index < flow_.steps().size()
                        ? std::get_if<ask_step>(&flow_.steps()[index].what)
                        : nullptr;
    return a ? a->group : "";
  }

  /// Is any step of the group of `index` still waiting?
  bool waiting(std::size_t index) {
    const auto group = group_of(index);
    return std::any_of(flow_.steps().begin(), flow_.steps().end(), [&](const step& s) {
      const auto* a = std::get_if<ask_step>(&s.what);
      const auto it = state().steps.find(s.name);
      return a && a->group == group && !group.empty() && it != state().steps.end() &&
             it->second.status == step_status::waiting;
    });
  }

  /// An ask has its answer: goes on once everything asked with it has one too.
  void join(std::size_t index) {
    if (waiting(index)) {
      return;
    }
    const auto group = group_of(index);
    ++index;
    while (!group.empty() && group_of(index) == group) {
      ++index;
    }
    run_from(index);
  }

  bool start_ask(const step& at, const ask_step& rule, const case_view& data) {
    auto payload = fill(rule.payload, scope{data});
    if (!payload) {
      fail(at.name, payload.error());
      return false;
    }
    state().steps[at.name] = step_state{};
    say("question",
        fmt::format("Asked {}; an answer is due by {}.", rule.question,
                    to_rfc3339(now_ + rule.timeout).substr(11, 8)),
        at.name);
    emit(ask{at.name, state().run, rule.question, std::move(*payload), rule.timeout});
    return true;
  }

  /// False if the case went elsewhere.
  bool rank(const step& at, std::size_t index, const case_view& data) {
    auto ranked = rank_options(std::get<rank_step>(at.what), scope{data});
    if (!ranked) {
      fail(at.name, ranked.error());
      return false;
    }
    const bool none = !ranked->contains("chosen");
    for (const auto& r : (*ranked)["ranked"]) {
      say("ranking",
          fmt::format("{}: {}", text_or(r, "summary", text_or(r, "id")),
                      text_or(r, "arithmetic")),
          at.name);
    }
    for (const auto& d : (*ranked)["dropped"]) {
      say("ranking",
          fmt::format("Not considered: {} ({})", text_or(d, "summary", text_or(d, "id")),
                      text_or(d, "reason")),
          at.name);
    }
    if (none) {
      say("ranking", "Nothing can be chosen: " + text_or(*ranked, "none_because") + ".",
          at.name);
    }
    auto& s = state().steps[at.name] = step_state::with(step_status::done);
    s.ranking = std::move(*ranked);
    if (none) {
      route(index, "none");
    }
    return !none;
  }

  void start_proposal(const step& at) {
    auto built = build_proposal(flow_, at, state(), now_);
    if (!built) {
      return fail(at.name, built.error());
    }
    state().steps[at.name] = step_state::with(step_status::proposed);
    made_proposal made;
    made.step = at.name;
    made.run = state().run;
    made.proposal = built->to_json();
    state().proposed = std::move(made);
    say("proposal", "Proposed: " + built->summary, at.name, 0, built->id);
    emit(propose{at.name, state().run, std::move(*built)});
  }

  void fail(const std::string& name, const error& why) {
    say("case", fmt::format("The step {} cannot be done: {}", name, why.describe()),
        name);
    emit(note{fmt::format("step {} failed: {}", name, why.describe())});
    finish("failed", because_of("failed", "the step " + name + " cannot be done"));
  }

  /// `because` if what the case has done is to be undone now.
  void finish(std::string outcome, json because = {}) {
    say("case", "Closed as " + outcome + ".");
    state().open = false;
    state().closed_at = now_;
    state().outcome = outcome;
    emit(close_case{std::move(outcome)});
    if (!because.is_null()) {
      undo().begin(std::move(because), 0);
    }
  }

  void add_label(const std::string& label) {
    auto& labels = state().labels;
    const auto it = std::lower_bound(labels.begin(), labels.end(), label);
    if (it == labels.end() || *it != label) {
      labels.insert(it, label);
    }
  }

  void add_cause(std::uint64_t seq) {
    auto& causes = state().causes;
    if (seq != 0 && std::find(causes.begin(), causes.end(), seq) == causes.end()) {
      causes.push_back(seq);
    }
  }

  const definition& flow_;
  timestamp now_;
  output out_;
};

} // namespace

std::string tag::str() const {
  return step + " " + std::to_string(run);
}

result<tag> tag::parse(std::string_view text) {
  const auto space = text.find(' ');
  tag out;
  if (space != std::string_view::npos && space > 0) {
    out.step = text.substr(0, space);
    const auto number = text.substr(space + 1);
    const auto [end, failed] =
        std::from_chars(number.data(), number.data() + number.size(), out.run);
    if (failed == std::errc() && end == number.data() + number.size()) {
      return out;
    }
  }
  return error(errc::malformed, "a tag of the flow is \"step run\"")
      .at("tag", std::string(text.substr(0, 64)));
}

result<output> advance(const definition& d, const case_state& before, const input& in,
                       timestamp now) {
  return stepper(d, before, now).run(in);
}

} // namespace crossdock::flow
