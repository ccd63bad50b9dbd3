#include "flow/case_actor.hpp"

#include "base/log.hpp"
#include "crossdock/abi.h"
#include "escalate/escalate.hpp"
#include "flow/carry_out.hpp"
#include "flow/single_proposal.hpp"

#include <spdlog/spdlog.h>

#include <deque>

namespace crossdock::flow {
namespace {

using dispatch::delivery;
using dispatch::delivery_kind;
using ledger::transaction;

constexpr std::chrono::seconds gate_timeout{10};

class case_actor final : public host_actor<case_handle> {
public:
  case_actor(caf::actor_config& config, shared_environment env, std::string case_id,
             bool fresh, definition_ptr d, done_callback tell_done)
      : host_actor(config, "case:" + case_id, env->taps), env_(std::move(env)),
        case_id_(std::move(case_id)), fresh_(fresh), definition_(std::move(d)),
        done_(std::move(tell_done)) {}

  behavior_type make_behavior() override {
    if (fresh_) {
      ready_ = true;
    } else {
      wake();
    }
    return {[](task& t) { t.run(); },
            [this](shut_down) { quit(caf::exit_reason::user_shutdown); },
            [this](status_request) {
              return status_report{
                  to_text(json{{"case", case_id_}, {"queued", queue_.size()}})};
            },
            [this](deliver& d) {
              queue_.push_back({std::move(d.what), nullptr});
              next();
            },
            [this](amend& a) -> caf::result<crossdock::answer> {
              auto edit = std::make_shared<amendment>();
              edit->what = request_of(a);
              edit->promise = make_response_promise<crossdock::answer>();
              queue_.push_back({{}, edit});
              next();
              return edit->promise;
            }};
  }

private:
  /// An edit on its way: what was asked, and what it became so far.
  struct amendment {
    escalate::edit_request what;
    caf::typed_response_promise<crossdock::answer> promise;
    std::shared_ptr<output> out;
    verdict judged;
    json answer;
  };
  struct work {
    delivery what;
    std::shared_ptr<amendment> edit; ///< instead of a delivery
  };

  static escalate::edit_request request_of(const amend& a) {
    escalate::edit_request e;
    e.decision_id = a.decision_id;
    e.approval_id = a.approval_id;
    e.by = {a.principal, a.roles, escalate::principal_kind::person};
    e.reason = a.reason;
    e.seen_digest = a.seen_digest;
    if (auto changes = parse_json(a.changes)) {
      e.changes = std::move(*changes);
    }
    return e;
  }

  logging::fields about() const {
    return {.component = "flow", .case_id = case_id_, .traceparent = state_->traceparent};
  }

  /// Reads the row, as it is applied, and the definition the case began with.
  void wake() {
    auto found = std::make_shared<stored_case>();
    auto with = std::make_shared<definition_ptr>(definition_);
    ledger::unit u;
    u.name = "flow.wake";
    u.apply = [env = env_, found, with, id = case_id_](transaction& tx) -> result<void> {
      auto row = env->rows->load(tx, id);
      if (!row) {
        return std::move(row).error();
      }
      *found = std::move(*row);
      const auto& s = found->state;
      const auto began_with = [&s](const definition_ptr& d) {
        return d && d->id() == s.flow && d->version() == s.version;
      };
      for (const auto& d : env->rules()->definitions) {
        if (began_with(d)) {
          *with = d;
        }
      }
      if (!began_with(*with)) {
        auto d = find_definition(tx.db(), s.flow, s.version);
        if (!d) {
          return std::move(d).error();
        }
        *with = *d;
      }
      return {};
    };
    u.applied = on_own_turn([this, found, with](const result<ledger::receipt>& r) {
      if (!r) {
        fail("the case cannot be read: " + r.error().describe());
        return;
      }
      state_ = case_rows::state_ptr(found, &found->state);
      rev_ = found->rev;
      definition_ = *with;
      ready_ = true;
      next();
    });
    env_->store->submit(std::move(u));
  }

  void fail(const std::string& why) {
    const logging::scope lines(about());
    spdlog::error("{}: {}", label(), why);
    quit(caf::make_error(caf::sec::runtime_error, why));
  }

  result<input> input_of(const delivery& d) const {
    const auto& e = *d.event;
    switch (d.kind) {
    case delivery_kind::message:
      if (d.topic == command::compensate || d.topic == command::resolve) {
        auto said = parse_json(e.data);
        if (!said) {
          return std::move(said).error();
        }
        auto by = text_or(*said, "by");
        auto reason = text_or(*said, "reason");
        return d.topic == command::resolve
                   ? input(resolved{std::move(by), std::move(reason), d.seq})
                   : input(compensation_asked{std::move(by), std::move(reason), d.seq});
      }
      if (d.topic == command::settled) {
        return input(settled{e, d.seq});
      }
      if (d.topic == definition_->settle_topic() &&
          d.topic != definition_->trigger_topic()) {
        return input(settled{e, d.seq});
      }
      if (!state_->started()) {
        return input(opened{case_id_, e, d.seq});
      }
      return input(triggered_again{e, d.seq});
    case delivery_kind::timer:
      return input(timer_fired{d.tag, d.seq});
    default:
      break;
    }
    auto t = tag::parse(d.tag);
    if (!t) {
      return std::move(t).error();
    }
    auto payload = document_of(e, {.bytes = 8u << 20});
    if (d.kind == delivery_kind::decision) {
      if (!payload) {
        return std::move(payload).error();
      }
      return input(decision{t->step, t->run, text_or(**payload, "outcome"),
                            (*payload)->value("detail", json::object()), d.seq,
                            text_or(**payload, "proposal")});
    }
    answer a;
    a.step = t->step;
    a.run = t->run;
    // A tool's outcome other than ok, or an answer that is not what the catalogue
    // promises, is no answer: the flow's own stands in.
    const bool answered = payload && d.status == CDK_OK;
    const auto valid =
        answered ? env_->words->check_answer(d.topic, **payload) : result<void>();
    a.status = answered && valid ? CDK_OK : d.status < 0 ? d.status : CDK_E_INVALID;
    if (!valid) {
      const logging::scope lines(about());
      spdlog::warn("{}: {} answered {}: {}", label(), e.source, d.topic,
                   valid.error().describe());
    }
    a.payload = payload ? shared_json(*payload) : shared_json(json::object());
    a.source = e.source;
    a.release = env_->release_of(e.source);
    a.labels = e.labels;
    a.seq = d.seq;
    return input(std::move(a));
  }

  void next() {
    if (outdated_) {
      give_back();
      return;
    }
    if (!ready_ || busy_ || queue_.empty()) {
      return;
    }
    busy_ = true;
    under_ = env_->rules();
    auto one = std::move(queue_.front());
    queue_.pop_front();
    if (one.edit) {
      amend_it(one.edit);
      return;
    }
    auto d = std::make_shared<delivery>(std::move(one.what));
    if (state_->started() && !state_->open && d->kind == delivery_kind::message &&
        d->topic == definition_->trigger_topic()) {
      busy_ = false;
      done_(case_id_, false, d);
      next();
      return;
    }
    auto in = input_of(*d);
    auto out = in ? advance(*definition_, *state_, *in, env_->time->now())
                  : result<output>(in.error());
    if (!out) {
      bury(d, out.error());
      return;
    }
    auto o = std::make_shared<output>(std::move(*out));
    judge_proposals(d, o, std::make_shared<std::vector<verdict>>(), 0);
  }

  /// Asks the gate about each proposal of the step, one after the other; then writes it
  /// all.
  void judge_proposals(const std::shared_ptr<delivery>& d,
                       const std::shared_ptr<output>& o,
                       const std::shared_ptr<std::vector<verdict>>& verdicts,
                       std::size_t from) {
    for (std::size_t i = from; i < o->actions.size(); ++i) {
      const auto* p = std::get_if<propose>(&o->actions[i]);
      if (p == nullptr) {
        continue;
      }
      ask_gate(p->what, [this, d, o, verdicts, i](verdict v) {
        verdicts->push_back(std::move(v));
        judge_proposals(d, o, verdicts, i + 1);
      });
      return;
    }
    write(d, o, verdicts);
  }

  /// Fails closed: no gate, no effect; and nothing is asked for that no tool understands.
  void ask_gate(const proposal& p, std::function<void(verdict)> then) {
    const auto denied = [then](std::string why) {
      verdict v;
      v.reason = std::move(why);
      then(std::move(v));
    };
    // Agents' arguments were checked when they answered; those of an undoing come from a
    // template.
    if (p.step.ends_with(".undo")) {
      if (auto fits = env_->words->check(p.tool, p.args); !fits) {
        denied(fits.error().describe());
        return;
      }
    }
    const auto gate = env_->gate();
    if (!gate) {
      denied("the gate did not answer: it is not running");
      return;
    }
    this->request(gate, gate_timeout, judge{std::make_shared<const proposal>(p)})
        .then([then](verdict& v) { then(std::move(v)); },
              [denied](caf::error& e) {
                denied("the gate did not answer: " + caf::to_string(e));
              });
  }

  void write(const std::shared_ptr<delivery>& d, const std::shared_ptr<output>& o,
             const std::shared_ptr<std::vector<verdict>>& verdicts) {
    ledger::unit u;
    u.name = "flow.step";
    // Class b, also with a proposal in it: an effect's own unit commits at once and this
    // one with it, and a person sees an approval when it is committed.
    const auto outdated = std::make_shared<bool>(false);
    u.apply = [env = env_, d, o, verdicts, rev = rev_, under = under_,
               definition = definition_, outdated, ended = proposals_ended_by(*d, *o),
               fresh = !state_->started()](transaction& tx) -> result<void> {
      if (!holds(*env, under, fresh ? definition : nullptr, !verdicts->empty())) {
        *outdated = true;
        return error(errc::cancelled, "the rules changed while this step was judged");
      }
      if (auto r = env->exchange->finish(tx, d->id); !r) {
        return r;
      }
      if (o->changed) {
        // The new state belongs to the output: nobody changes it any more.
        case_rows::state_ptr now(o, &o->state);
        auto saved = fresh ? env->rows->insert(tx, std::move(now))
                           : env->rows->save(tx, std::move(now), rev);
        if (!saved) {
          return saved;
        }
      }
      if (auto r = carry_out(tx, *env, *o, *d, *verdicts); !r) {
        return r;
      }
      return tell_agents(tx, *env, *o, *d, ended);
    };
    u.applied = on_own_turn([this, d, o, outdated](const result<ledger::receipt>& r) {
      if (*outdated) {
        again_under_new_rules(d, o);
        return;
      }
      if (r) {
        if (o->changed) {
          rev_ = state_->started() ? rev_ + 1 : 1;
          state_ = case_rows::state_ptr(o, &o->state);
        }
      } else if (r.error().code() == errc::unavailable) {
        fail(r.error().describe());
        return;
      } else if (r.error().code() != errc::conflict) {
        bury(d, r.error());
        return;
      }
      finished();
    });
    env_->store->submit(std::move(u));
  }

  /// Agents' own proposals that this step brings to an end.
  std::vector<proposal_end> proposals_ended_by(const delivery& d, const output& o) const {
    if (!o.changed || text_or(o.state.trigger, "topic") != proposal_topic) {
      return {};
    }
    json told = json::object();
    if (d.kind == delivery_kind::decision) {
      if (auto payload = parse_json(d.event->data); payload && payload->is_object()) {
        told = std::move(*payload);
      }
    }
    return ended_proposals(*state_, o.state, text_or(told, "outcome"),
                           told.value("detail", json::object()));
  }

  static result<void> tell_agents(transaction& tx, const environment& env,
                                  const output& o, const delivery& d,
                                  const std::vector<proposal_end>& ended) {
    for (const auto& e : ended) {
      auto told =
          env.exchange->tell_outcome(tx, e.event_id, e.outcome, e.detail, "flow", {d.seq},
                                     {e.request, e.tool, o.state.case_id});
      if (!told) {
        return std::move(told).error();
      }
    }
    return {};
  }

  // -- when the rules change meanwhile
  // ---------------------------------------------------------

  /// Whether a step may be written at this place in the ledger's order: its verdicts are
  /// of the rules in force there, and a case begins with a definition in force there.
  static bool holds(const environment& env, const std::shared_ptr<const rules>& under,
                    const definition_ptr& opens_with, bool judged) {
    if (!judged && !opens_with) {
      return true;
    }
    const auto now = env.rules();
    // The gate looked between `under` and now: the same object means the same rules.
    return now == under &&
           (!opens_with || std::find(now->definitions.begin(), now->definitions.end(),
                                     opens_with) != now->definitions.end());
  }

  /// A case under way is judged again; one that has not begun goes back to the flow
  /// actor, which looks for the flow that wants it now.
  void again_under_new_rules(const std::shared_ptr<delivery>& d,
                             const std::shared_ptr<output>& o) {
    if (state_->started()) {
      under_ = env_->rules();
      judge_proposals(d, o, std::make_shared<std::vector<verdict>>(), 0);
      return;
    }
    outdated_ = true;
    queue_.push_front({std::move(*d), nullptr});
    give_back();
  }

  void give_back() {
    for (auto& one : std::exchange(queue_, {})) {
      if (one.edit) { // of a case that never began: there was nothing to edit
        one.edit->promise.deliver(
            crossdock::answer{static_cast<std::int32_t>(errc::conflict),
                              "the configuration changed; look at the case again"});
        continue;
      }
      done_(case_id_, false, std::make_shared<delivery>(std::move(one.what)));
    }
  }

  void finished() {
    busy_ = false;
    done_(case_id_, !state_->started() || state_->open, nullptr);
    next();
  }

  // -- an edit
  // --------------------------------------------------------------------------------

  /// What can be refused at once is; then the gate judges what the action has become.
  void amend_it(const std::shared_ptr<amendment>& a) {
    auto before = edit_so_far(*a);
    if (!before) {
      refuse(a, before.error());
      return;
    }
    if (!a->answer.is_null()) {
      end_edit(a, {0, to_text(a->answer)});
      return;
    }
    for (const auto& action : a->out->actions) {
      if (const auto* r = std::get_if<revise>(&action)) {
        a->what.difference = r->difference;
        ask_gate(r->what, [this, a, what = *r](verdict v) {
          a->judged = std::move(v);
          write_edit(a, what);
        });
        return;
      }
    }
    refuse(a, error(errc::internal, "the edit led to nothing"));
  }

  result<void> edit_so_far(amendment& a) {
    auto db = env_->store->reader();
    if (!db) {
      return std::move(db).error();
    }
    auto known = escalate::edited_before(**db, a.what);
    if (!known) {
      return std::move(known).error();
    }
    if (*known) {
      a.answer = answer_of(**known);
      return {};
    }
    const auto now = env_->time->now();
    if (auto r = escalate::editable(**db, a.what, now); !r) {
      return std::move(r).error();
    }
    auto out = advance(
        *definition_, *state_,
        edited{a.what.approval_id, a.what.changes, a.what.by.name, a.what.reason}, now);
    if (!out) {
      return std::move(out).error();
    }
    a.out = std::make_shared<output>(std::move(*out));
    for (const auto& action : a.out->actions) {
      if (const auto* r = std::get_if<revise>(&action)) {
        return env_->words->check(r->what.tool, r->what.args);
      }
    }
    return {};
  }

  static json answer_of(const escalate::edit_result& r) {
    auto out = r.now.to_json();
    out["replaces"] = r.before.id;
    out["repeated"] = r.repeated;
    return out;
  }

  void write_edit(const std::shared_ptr<amendment>& a, const revise& changed) {
    ledger::unit u;
    u.name = "flow.edit";
    u.cls = ledger::record_class::a;
    u.apply = [env = env_, a, changed, rev = rev_,
               under = under_](transaction& tx) -> result<void> {
      if (!holds(*env, under, nullptr, true)) {
        return error(errc::conflict,
                     "the configuration changed while the edit was judged; "
                     "look at it again and decide anew");
      }
      const delivery nothing; // a person's act: its own record is written by escalate
      auto judged = record_judged(tx, *a->out, nothing, changed.what, a->judged);
      if (!judged) {
        return std::move(judged).error();
      }
      auto made = escalate::edit(tx, a->what, changed.what, a->judged,
                                 under->policy.find_chain(a->judged.chain));
      if (!made) {
        return std::move(made).error();
      }
      auto saved = env->rows->save(tx, case_rows::state_ptr(a->out, &a->out->state), rev);
      if (!saved) {
        return saved;
      }
      if (auto known = env->exchange->proposed(
              tx, changed.what.id, "flow", tag{changed.step, changed.run}.str(),
              a->out->state.case_id, a->out->state.key, a->out->state.traceparent);
          !known) {
        return known;
      }
      a->answer = answer_of(*made);
      return tell_opened(tx, *env, made->now, a->judged, *judged);
    };
    u.applied = on_own_turn([this, a](const result<ledger::receipt>& r) {
      if (r) {
        ++rev_;
        state_ = case_rows::state_ptr(a->out, &a->out->state);
      }
    });
    u.durable = on_own_turn([this, a](const result<ledger::receipt>& r) {
      if (!r) {
        refuse(a, r.error());
        return;
      }
      end_edit(a, {0, to_text(a->answer)});
    });
    env_->store->submit(std::move(u));
  }

  /// The pending action stays as it is; that somebody wanted it otherwise is on record.
  void refuse(const std::shared_ptr<amendment>& a, const error& why) {
    ledger::unit u;
    u.name = "flow.edit_refused";
    u.cls = ledger::record_class::a;
    u.apply = [a, why](transaction& tx) -> result<void> {
      auto seq = tx.append(escalate::refusal(a->what, why));
      return seq ? result<void>() : std::move(seq).error();
    };
    u.durable = on_own_turn([this, a, why](const result<ledger::receipt>&) {
      end_edit(a, {static_cast<std::int32_t>(why.code()), why.describe()});
    });
    env_->store->submit(std::move(u));
  }

  void end_edit(const std::shared_ptr<amendment>& a, crossdock::answer with) {
    a->promise.deliver(std::move(with));
    finished();
  }

  void bury(const std::shared_ptr<delivery>& d, const error& e) {
    const logging::scope lines(about());
    spdlog::error("{}: {}: {}", label(), d->topic, e.describe());
    ledger::unit u;
    u.name = "flow.bury";
    u.cls = ledger::record_class::a;
    u.apply = [exchange = env_->exchange, d, e](transaction& tx) {
      return exchange->bury(tx, *d, e.code(), e.describe());
    };
    u.applied = on_own_turn([this](const result<ledger::receipt>&) { finished(); });
    env_->store->submit(std::move(u));
  }

  shared_environment env_;
  std::string case_id_;
  bool fresh_;
  definition_ptr definition_;
  std::shared_ptr<const rules> under_; ///< the rules this step is judged under
  done_callback done_;
  case_rows::state_ptr state_ = std::make_shared<const case_state>();
  std::int64_t rev_ = 0;
  std::deque<work> queue_;
  bool ready_ = false;
  bool busy_ = false;
  bool outdated_ = false; ///< it could not begin: what it is sent goes back
};

} // namespace

case_handle spawn_case(caf::actor_system& system, shared_environment env,
                       std::string case_id, bool fresh, definition_ptr with,
                       done_callback tell_done) {
  return system.spawn<case_actor>(std::move(env), std::move(case_id), fresh,
                                  std::move(with), std::move(tell_done));
}

} // namespace crossdock::flow
