#include "flow/actor.hpp"

#include "base/log.hpp"
#include "crossdock/abi.h"
#include "escalate/escalate.hpp"
#include "flow/single_proposal.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <deque>

namespace crossdock::flow {
namespace {

using dispatch::delivery;
using dispatch::delivery_kind;
using ledger::transaction;

constexpr std::chrono::seconds gate_timeout{10};

using shared_environment = std::shared_ptr<const environment>;

/// How a case tells its flow actor that one delivery is done and how the case stands. A
/// trigger that reached a case which had just closed, or whose case could not open because
/// the rules changed, comes back, to open a new one.
using done_callback =
    std::function<void(std::string case_id, bool open, std::shared_ptr<delivery> back)>;

// -- one case
// -------------------------------------------------------------------------------------

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
    // A tool's outcome other than ok, or an answer that is not what the catalogue promises, is
    // no answer: the flow's own stands in.
    const bool answered = payload && d.status == CDK_OK;
    const auto valid = answered ? env_->words->check_answer(d.topic, **payload) : result<void>();
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
    // Class b, also with a proposal in it: an effect's own unit commits at once and this one
    // with it, and a person sees an approval when it is committed.
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
      std::size_t judged = 0;
      for (const auto& a : o->actions) {
        auto r = std::visit(
            [&](const auto& one) {
              return carry_out(tx, *env, *o, *d, one, *verdicts, judged);
            },
            a);
        if (!r) {
          return r;
        }
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

  /// A case under way is judged again; one that has not begun goes back to the flow actor,
  /// which looks for the flow that wants it now.
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
    auto out = advance(*definition_, *state_,
                       edited{a.what.approval_id, a.what.changes, a.what.by.name,
                              a.what.reason},
                       now);
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
        return error(errc::conflict, "the configuration changed while the edit was judged; "
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
      if (auto known = env->exchange->proposed(tx, changed.what.id, "flow",
                                               tag{changed.step, changed.run}.str(),
                                               a->out->state.case_id, a->out->state.key);
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
      return dropped(tx.append(escalate::refusal(a->what, why)));
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

  // -- actions, inside the unit
  // --------------------------------------------------------------

  static envelope envelope_of(const output& o, const delivery& d, const std::string& type,
                              const json& data) {
    envelope e;
    e.source = "flow";
    e.type = type;
    e.dataschema = type + "/1";
    e.subject = o.state.key;
    e.case_id = o.state.case_id;
    e.tenant = o.state.tenant;
    e.site = o.state.site;
    e.traceparent = o.state.traceparent;
    e.labels = o.state.labels;
    e.causes = {d.seq};
    e.data = to_text(data);
    return e;
  }

  template <class T>
  static result<void> dropped(const result<T>& r) {
    return r ? result<void>() : result<void>(r.error());
  }

  static ledger::record record_of(const output& o, const delivery& d, const char* kind) {
    ledger::record r;
    r.kind = kind;
    r.source = "flow";
    r.target = "case";
    r.case_id = o.state.case_id;
    r.tenant = o.state.tenant;
    r.traceparent = o.state.traceparent;
    r.labels = o.state.labels;
    if (d.seq != 0) {
      r.causes = {d.seq};
    }
    return r;
  }

  static result<void> carry_out(transaction& tx, const environment& env, const output& o,
                                const delivery& d, const ask& a,
                                const std::vector<verdict>&, std::size_t&) {
    return dropped(env.exchange->ask(tx, "flow", env.exchange->new_request_id(),
                                     envelope_of(o, d, a.question, a.payload), a.timeout,
                                     tag{a.step, a.run}.str()));
  }

  static result<void> carry_out(transaction& tx, const environment& env, const output& o,
                                const delivery&, const start_timer& t,
                                const std::vector<verdict>&, std::size_t&) {
    return env.exchange->timer(tx, "flow", env.exchange->new_request_id(), t.delay,
                               t.step, o.state.key, o.state.case_id,
                               o.state.traceparent);
  }

  static result<void> carry_out(transaction& tx, const environment&, const output& o,
                                const delivery& d, const note& n,
                                const std::vector<verdict>&, std::size_t&) {
    auto r = record_of(o, d, "note");
    r.detail = {{"text", n.text.substr(0, 4000)}};
    return dropped(tx.append(r));
  }

  static result<void> carry_out(transaction& tx, const environment&, const output& o,
                                const delivery& d, const close_case& c,
                                const std::vector<verdict>&, std::size_t&) {
    auto r = record_of(o, d, "case");
    r.detail = {{"state", "closed"}, {"outcome", c.outcome}, {"flow", o.state.flow}};
    return dropped(tx.append(r));
  }

  static result<void> carry_out(transaction& tx, const environment& env, const output&,
                                const delivery& d, const withdraw& w,
                                const std::vector<verdict>&, std::size_t&) {
    auto r = escalate::withdraw(tx, w.proposal_id, {{"reason", w.reason}});
    if (!r) {
      // Too late: whatever overtook it is told to the case by whoever did it.
      return r.error().code() == errc::conflict || r.error().code() == errc::not_found
                 ? result<void>()
                 : result<void>(r.error());
    }
    return dropped(env.exchange->tell_outcome(
        tx, w.proposal_id, "withdrawn", {{"reason", w.reason}}, "escalate", {d.seq}));
  }

  /// Written by write_edit(), whose answer a person waits for.
  static result<void> carry_out(transaction&, const environment&, const output&,
                                const delivery&, const revise&,
                                const std::vector<verdict>&, std::size_t&) {
    return error(errc::internal, "an edit does not come as a delivery");
  }

  static result<void> carry_out(transaction& tx, const environment&, const output&,
                                const delivery&, const compensated& c,
                                const std::vector<verdict>&, std::size_t&) {
    return dropped(escalate::finish(tx, c.proposal_id, "compensated", c.detail));
  }

  /// Proposal and verdict as records; gives the verdict's number.
  static result<std::uint64_t> record_judged(transaction& tx, const output& o,
                                             const delivery& d, const proposal& p,
                                             const verdict& v) {
    auto made = record_of(o, d, "proposal");
    made.cls = ledger::record_class::a;
    made.id = p.id;
    made.source = p.agent.empty() ? "flow" : p.agent;
    made.target = "gate";
    made.detail = {{"tool", p.tool},
                   {"digest", p.action_digest()},
                   {"confidence_permille", p.confidence_permille},
                   {"release", p.agent_release},
                   {"summary", p.summary.substr(0, 1000)}};
    made.body = to_text(p.to_json());
    auto made_seq = tx.append(made);
    if (!made_seq) {
      return made_seq;
    }
    auto judged_as = record_of(o, d, "verdict");
    judged_as.cls = ledger::record_class::a;
    judged_as.id = p.id;
    judged_as.source = "gate";
    judged_as.target = "flow";
    judged_as.causes = {*made_seq};
    judged_as.detail = {{"effect", to_string(v.effect)},
                        {"rules", v.rules},
                        {"chain", v.chain},
                        {"policy_sha256", v.policy_sha256},
                        {"reason", v.reason.substr(0, 1000)}};
    judged_as.body = to_text(v.to_json());
    return tx.append(judged_as);
  }

  /// Tells the case how its proposal stands, and whoever goes on with it.
  static result<void> tell_opened(transaction& tx, const environment& env,
                                  const escalate::approval& now, const verdict& v,
                                  std::uint64_t cause) {
    const auto outcome = now.at == escalate::state::allowed   ? "allowed"
                         : now.at == escalate::state::pending ? "asked"
                                                              : "denied";
    auto told = env.exchange->tell_outcome(
      tx, now.id, outcome,
      {{"reason", now.at == escalate::state::denied && !now.reason.empty() ? now.reason
                                                                          : v.reason},
       {"rules", v.rules},
       {"chain", now.at == escalate::state::pending ? now.chain.id : v.chain},
       {"near_miss", v.near_miss},
       {"by", "policy " + v.policy_sha256.substr(0, 12)}},
      "gate", {cause});
    if (!told) {
      return std::move(told).error();
    }
    if (now.at == escalate::state::allowed) {
      // At once: what the effect does outside waits for its own record, which comes after this.
      tx.on_applied([what = std::make_shared<const proposal>(now.what), effect = env.effect] {
        if (auto handle = effect()) {
          caf::anon_send(handle, execute{what->id, what});
        }
      });
    } else if (now.at == escalate::state::pending) {
      tx.on_durable([id = now.id, desk = env.escalation] {
        if (auto handle = desk()) {
          caf::anon_send(handle, await_decision{id});
        }
      });
    }
    return {};
  }

  /// Proposal, verdict and approval are written together: what was judged is what is
  /// kept.
  static result<void> carry_out(transaction& tx, const environment& env, const output& o,
                                const delivery& d, const propose& p,
                                const std::vector<verdict>& verdicts,
                                std::size_t& judged) {
    const auto& v = verdicts[judged++];
    auto verdict_seq = record_judged(tx, o, d, p.what, v);
    if (!verdict_seq) {
      return std::move(verdict_seq).error();
    }
    if (auto r = env.exchange->proposed(tx, p.what.id, "flow", tag{p.step, p.run}.str(),
                                        o.state.case_id, o.state.key,
                                        o.state.traceparent);
        !r) {
      return r;
    }
    const auto in_force = env.rules();
    const auto* chain = in_force->policy.find_chain(v.chain);
    const auto owner = env.owners.find(p.what.agent);
    auto opened = escalate::open(
      tx, p.what, v, chain,
      {p.requester, owner == env.owners.end() ? std::string() : owner->second, {}});
    if (!opened) {
      return std::move(opened).error();
    }
    // A newer proposal for the same object replaces an older one, whose proposer hears of it.
    for (const auto& old : opened->superseded) {
      auto told = env.exchange->tell_outcome(
        tx, old.id, "superseded", {{"reason", old.reason}, {"by", p.what.id}}, "escalate", {});
      if (!told) {
        return std::move(told).error();
      }
    }
    return tell_opened(tx, env, opened->now, v, *verdict_seq);
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

// -- the flow actor
// ---------------------------------------------------------------------------------

class flow_actor final : public host_actor<flow_handle> {
public:
  flow_actor(caf::actor_config& config, environment env)
      : host_actor(config, "flow", env.taps),
        env_(std::make_shared<const environment>(std::move(env))) {}

  behavior_type make_behavior() override {
    // A case that dies is woken again by its next delivery, which is still in its row.
    set_down_handler([this](caf::scheduled_actor*, caf::down_msg& d) { case_ended(d); });
    start_up();
    return {[](task& t) { t.run(); }, [this](shut_down) { stop(); },
            [this](status_request) {
              return status_report{to_text(json{{"live_cases", keys_.size()},
                                                {"awake", awake_.size()},
                                                {"opened", opened_}})};
            },
            [this](deliver& d) { accept(std::move(d.what)); },
            [this](amend& a) -> caf::result<crossdock::answer> {
              if (!loaded_) {
                return crossdock::answer{static_cast<std::int32_t>(errc::unavailable),
                                         "the flow is starting: try again"};
              }
              auto& c = wake(a.case_id, false, nullptr, "");
              return delegate(c.actor, std::move(a));
            }};
  }

  void on_exit() override { env_->exchange->detach("flow"); }

private:
  /// Open cases that have nothing to do stay awake up to this many: to read a case from its row
  /// costs as much as a step. Beyond it the one that has waited longest goes back to its row.
  static constexpr std::size_t idle_max = 1024;

  struct awake_case {
    case_handle actor;
    std::size_t outstanding = 0;
    std::string live_key; ///< "flow key", while open
    std::uint64_t idle_since = 0; ///< number of the rest, 0 while it works
  };

  static std::string live_key(const std::string& flow, const std::string& key) {
    return flow + "\n" + key;
  }

  void start_up() {
    auto waiting = std::make_shared<std::vector<delivery>>();
    auto live = std::make_shared<std::map<std::string, std::string>>();
    const auto self = caf::actor_cast<caf::actor>(this);
    ledger::unit u;
    u.name = "flow.load";
    u.apply = [env = env_, waiting, live, self](transaction& tx) -> result<void> {
      // Whoever ran before on this ledger may have left rows that are not written yet.
      if (auto r = tx.settle(); !r) {
        return r;
      }
      for (const auto& d : env->rules()->definitions) {
        if (auto r = remember(tx, *d); !r) {
          return r;
        }
      }
      // Also of flows that are not in force now: they may be again.
      auto flows =
          tx.db().query("SELECT DISTINCT flow FROM flow_case WHERE status = 'open'");
      if (!flows) {
        return std::move(flows).error();
      }
      for (const auto& f : *flows) {
        auto ids = open_cases(tx.db(), f.text(0));
        if (!ids) {
          return std::move(ids).error();
        }
        for (const auto& id : *ids) {
          auto row = env->rows->load(tx, id);
          if (!row) {
            return std::move(row).error();
          }
          (*live)[live_key(f.text(0), row->state.key)] = id;
        }
      }
      auto found = env->exchange->attach(tx, "flow", [self](delivery d) {
        caf::anon_send(self, deliver{std::move(d)});
      });
      if (!found) {
        return std::move(found).error();
      }
      *waiting = std::move(*found);
      return {};
    };
    u.applied = on_own_turn([this, waiting, live](const result<ledger::receipt>& r) {
      if (!r) {
        spdlog::error("flow: cannot start: {}", r.error().describe());
        quit(caf::make_error(caf::sec::runtime_error, r.error().describe()));
        return;
      }
      keys_ = std::move(*live);
      loaded_ = true;
      for (auto& d : *waiting) {
        accept(std::move(d));
      }
      for (auto& d : std::exchange(early_, {})) {
        accept(std::move(d));
      }
    });
    env_->store->submit(std::move(u));
  }

  void accept(delivery d) {
    if (!loaded_) {
      early_.push_back(std::move(d));
      return;
    }
    const auto& commands = command::all;
    if (d.kind != delivery_kind::message ||
        std::find(commands.begin(), commands.end(), d.topic) != commands.end()) {
      const auto case_id = d.event->case_id;
      hand_to(case_id, false, nullptr, "", std::move(d));
      return;
    }
    // A topic may trigger one flow and settle another; each gets its own delivery only
    // once, so the first flow that wants it takes it.
    const auto document = document_of(*d.event);
    definition_ptr closed; // settled by this topic, without a live case
    std::string closed_key;
    const auto in_force = env_->rules();
    for (const auto& f : in_force->definitions) {
      if (!document) {
        break;
      }
      const auto* payload = document->get();
      if (d.topic == f->trigger_topic()) {
        const auto wanted = f->accepts(*payload);
        const auto key = f->trigger_key(*payload);
        if (!wanted || !key) {
          bury(d, wanted ? key.error() : wanted.error());
          return;
        }
        if (!*wanted) {
          continue;
        }
        const auto live = live_key(f->id(), *key);
        const auto it = keys_.find(live);
        if (it != keys_.end()) {
          const auto case_id = it->second;
          hand_to(case_id, false, f, live, std::move(d));
        } else {
          ++opened_;
          const auto id = env_->ids->next();
          keys_[live] = id;
          hand_to(id, true, f, live, std::move(d));
        }
        return;
      }
      if (d.topic == f->settle_topic()) {
        const auto key = f->settle_key(*payload);
        if (!key) {
          bury(d, key.error());
          return;
        }
        const auto it = keys_.find(live_key(f->id(), *key));
        if (it != keys_.end()) {
          const auto live = it->second;
          settle(std::move(d), f, *key, live);
          return;
        }
        if (closed == nullptr && f->compensates()) {
          closed = f;
          closed_key = *key;
        }
      }
    }
    if (closed != nullptr) {
      settle(std::move(d), closed, closed_key, "");
      return;
    }
    finish_unwanted(std::move(d));
  }

  /// The reason of a case is gone. What closed cases of the key have done may have lost its
  /// reason too: they hear of it first, then the live case, if there is one.
  void settle(delivery d, const definition_ptr& f, const std::string& key,
              const std::string& live) {
    if (!f->compensates()) {
      hand_to(live, false, f, live_key(f->id(), key), std::move(d));
      return;
    }
    auto what = std::make_shared<delivery>(std::move(d));
    ledger::unit u;
    u.name = "flow.settled";
    u.apply = [exchange = env_->exchange, what, flow = f->id(), key,
               live](transaction& tx) -> result<void> {
      auto cases = undoable_cases(tx, flow, key);
      if (!cases) {
        return std::move(cases).error();
      }
      for (const auto& id : *cases) {
        envelope e = *what->event;
        e.id.clear();
        e.time = {};
        e.source = "flow";
        e.type = command::settled;
        e.dataschema = e.type + "/1";
        e.case_id = id;
        e.causes = {what->seq};
        auto seq = exchange->publish(tx, std::move(e), ledger::record_class::b);
        if (!seq) {
          return std::move(seq).error();
        }
      }
      return live.empty() ? exchange->finish(tx, what->id) : result<void>();
    };
    u.applied = on_own_turn([this, what, f, key, live](const result<ledger::receipt>& r) {
      if (!r) {
        spdlog::error("flow: {}: {}", what->topic, r.error().describe());
      }
      if (!live.empty()) {
        hand_to(live, false, f, live_key(f->id(), key), std::move(*what));
      }
    });
    env_->store->submit(std::move(u));
  }

  void hand_to(const std::string& case_id, bool fresh, definition_ptr d,
               const std::string& live, delivery what) {
    auto& c = wake(case_id, fresh, std::move(d), live);
    caf::anon_send(c.actor, deliver{std::move(what)});
  }

  /// The case for one more piece of work.
  awake_case& wake(const std::string& case_id, bool fresh, definition_ptr d,
                   const std::string& live) {
    auto& c = awake_[case_id];
    if (!c.actor) {
      c.actor = system().spawn<case_actor>(
          env_, case_id, fresh, std::move(d),
          done_callback(on_own_turn(
              [this](std::string id, bool open, std::shared_ptr<delivery> back) {
                done_one(id, open);
                if (back) {
                  accept(std::move(*back));
                }
              })));
      monitor(c.actor);
      by_address_[c.actor.address()] = case_id;
      if (live.empty()) {
        for (const auto& [key, id] : keys_) {
          if (id == case_id) {
            c.live_key = key;
          }
        }
      }
    }
    if (!live.empty()) {
      c.live_key = live;
    }
    ++c.outstanding;
    c.idle_since = 0;
    return c;
  }

  void done_one(const std::string& case_id, bool open) {
    const auto it = awake_.find(case_id);
    if (it == awake_.end()) {
      return;
    }
    if (!open && !it->second.live_key.empty()) {
      if (const auto k = keys_.find(it->second.live_key);
          k != keys_.end() && k->second == case_id) {
        keys_.erase(k);
      }
      it->second.live_key.clear();
    }
    if (--it->second.outstanding > 0) {
      return;
    }
    if (!open) {
      passivate(it);
      return;
    }
    it->second.idle_since = ++rests_;
    idle_.emplace_back(rests_, case_id);
    while (idle_.size() > idle_max) {
      const auto [since, id] = std::move(idle_.front());
      idle_.pop_front();
      if (const auto old = awake_.find(id);
          old != awake_.end() && old->second.idle_since == since) {
        passivate(old);
      }
    }
  }

  /// Its row says everything.
  void passivate(std::map<std::string, awake_case>::iterator it) {
    by_address_.erase(it->second.actor.address());
    // Not as a command of the host: that a case rests is nothing anybody asked for.
    send_exit(it->second.actor, caf::exit_reason::user_shutdown);
    awake_.erase(it);
  }

  void case_ended(const caf::down_msg& d) {
    const auto it = by_address_.find(d.source);
    if (it == by_address_.end()) {
      return; // passivated
    }
    taps().mishap("flow", "the actor of case " + it->second +
                              " ended: " + caf::to_string(d.reason));
    awake_.erase(it->second);
    by_address_.erase(it);
    // Its deliveries are in their rows; the restarted flow actor hands them out again.
    quit(caf::make_error(caf::sec::runtime_error, "a case actor ended unexpectedly"));
  }

  void bury(const delivery& d, const error& e) {
    ledger::unit u;
    u.name = "flow.bury";
    u.cls = ledger::record_class::a;
    u.apply = [exchange = env_->exchange, d, e](transaction& tx) {
      return exchange->bury(tx, d, e.code(), e.describe());
    };
    env_->store->submit(std::move(u));
  }

  void finish_unwanted(delivery d) {
    ledger::unit u;
    u.name = "flow.unwanted";
    u.apply = [exchange = env_->exchange, id = d.id](transaction& tx) {
      return exchange->finish(tx, id);
    };
    env_->store->submit(std::move(u));
  }

  void stop() {
    for (const auto& [id, c] : awake_) {
      by_address_.erase(c.actor.address());
      send_exit(c.actor, caf::exit_reason::user_shutdown);
    }
    quit(caf::exit_reason::user_shutdown);
  }

  shared_environment env_;
  std::map<std::string, std::string> keys_; ///< live key -> case id
  std::map<std::string, awake_case> awake_;
  std::map<caf::actor_addr, std::string> by_address_;
  std::deque<std::pair<std::uint64_t, std::string>> idle_; ///< oldest first; may be outdated
  std::uint64_t rests_ = 0;
  std::vector<delivery> early_;
  bool loaded_ = false;
  std::uint64_t opened_ = 0;
};

} // namespace

flow_handle start(caf::actor_system& system, environment env) {
  return system.spawn<flow_actor>(std::move(env));
}

} // namespace crossdock::flow
