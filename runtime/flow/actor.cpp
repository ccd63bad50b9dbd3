#include "flow/actor.hpp"

#include "base/log.hpp"
#include "crossdock/abi.h"
#include "escalate/escalate.hpp"

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
              queue_.push_back(std::move(d.what));
              next();
            }};
  }

private:
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
                            (*payload)->value("detail", json::object()), d.seq});
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
    a.payload = payload ? **payload : json::object();
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
    auto d = std::make_shared<delivery>(std::move(queue_.front()));
    queue_.pop_front();
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
      const auto gate = env_->gate();
      auto denied = [this, d, o, verdicts, i](std::string why) {
        // Fails closed: no gate, no effect.
        verdict v;
        v.reason = "the gate did not answer: " + std::move(why);
        verdicts->push_back(std::move(v));
        judge_proposals(d, o, verdicts, i + 1);
      };
      if (!gate) {
        denied("it is not running");
        return;
      }
      this->request(gate, gate_timeout, judge{std::make_shared<const proposal>(p->what)})
          .then(
              [this, d, o, verdicts, i](verdict& v) {
                verdicts->push_back(std::move(v));
                judge_proposals(d, o, verdicts, i + 1);
              },
              [denied](caf::error& e) mutable { denied(caf::to_string(e)); });
      return;
    }
    write(d, o, verdicts);
  }

  void write(const std::shared_ptr<delivery>& d, const std::shared_ptr<output>& o,
             const std::shared_ptr<std::vector<verdict>>& verdicts) {
    ledger::unit u;
    u.name = "flow.step";
    // Class b, also with a proposal in it: an effect's own unit commits at once and this one
    // with it, and a person sees an approval when it is committed.
    const auto outdated = std::make_shared<bool>(false);
    u.apply = [env = env_, d, o, verdicts, rev = rev_, under = under_,
               definition = definition_, outdated,
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
      return {};
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
    queue_.push_front(std::move(*d));
    give_back();
  }

  void give_back() {
    for (auto& d : std::exchange(queue_, {})) {
      done_(case_id_, false, std::make_shared<delivery>(std::move(d)));
    }
  }

  void finished() {
    busy_ = false;
    done_(case_id_, !state_->started() || state_->open, nullptr);
    next();
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
    r.causes = {d.seq};
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

  /// Proposal, verdict and approval are written together: what was judged is what is
  /// kept.
  static result<void> carry_out(transaction& tx, const environment& env, const output& o,
                                const delivery& d, const propose& p,
                                const std::vector<verdict>& verdicts,
                                std::size_t& judged) {
    const auto& v = verdicts[judged++];
    auto made = record_of(o, d, "proposal");
    made.cls = ledger::record_class::a;
    made.id = p.what.id;
    made.source = p.what.agent.empty() ? "flow" : p.what.agent;
    made.target = "gate";
    made.detail = {{"tool", p.what.tool},
                   {"digest", p.what.action_digest()},
                   {"confidence_permille", p.what.confidence_permille},
                   {"release", p.what.agent_release},
                   {"summary", p.what.summary.substr(0, 1000)}};
    made.body = to_text(p.what.to_json());
    auto made_seq = tx.append(made);
    if (!made_seq) {
      return std::move(made_seq).error();
    }
    auto judged_as = record_of(o, d, "verdict");
    judged_as.cls = ledger::record_class::a;
    judged_as.id = p.what.id;
    judged_as.source = "gate";
    judged_as.target = "flow";
    judged_as.causes = {*made_seq};
    judged_as.detail = {{"effect", to_string(v.effect)},
                        {"rules", v.rules},
                        {"chain", v.chain},
                        {"policy_sha256", v.policy_sha256},
                        {"reason", v.reason.substr(0, 1000)}};
    judged_as.body = to_text(v.to_json());
    auto verdict_seq = tx.append(judged_as);
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
    auto opened = escalate::open(tx, p.what, v, chain);
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
    const auto& now = opened->now;
    const auto outcome = now.at == escalate::state::allowed   ? "allowed"
                         : now.at == escalate::state::pending ? "asked"
                                                              : "denied";
    auto told = env.exchange->tell_outcome(
      tx, p.what.id, outcome,
      {{"reason", now.at == escalate::state::denied && !now.reason.empty() ? now.reason
                                                                          : v.reason},
       {"rules", v.rules},
       {"chain", v.chain},
       {"near_miss", v.near_miss},
       {"by", "policy " + v.policy_sha256.substr(0, 12)}},
      "gate", {*verdict_seq});
    if (!told) {
      return std::move(told).error();
    }
    if (now.at == escalate::state::allowed) {
      // At once: what the effect does outside waits for its own record, which comes after this.
      tx.on_applied([what = std::make_shared<const proposal>(p.what), effect = env.effect] {
        if (auto handle = effect()) {
          caf::anon_send(handle, execute{what->id, what});
        }
      });
    } else if (now.at == escalate::state::pending) {
      tx.on_durable([id = p.what.id, desk = env.escalation] {
        if (auto handle = desk()) {
          caf::anon_send(handle, await_decision{id});
        }
      });
    }
    return {};
  }

  shared_environment env_;
  std::string case_id_;
  bool fresh_;
  definition_ptr definition_;
  std::shared_ptr<const rules> under_; ///< the rules this step is judged under
  done_callback done_;
  case_rows::state_ptr state_ = std::make_shared<const case_state>();
  std::int64_t rev_ = 0;
  std::deque<delivery> queue_;
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
            [this](deliver& d) { accept(std::move(d.what)); }};
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
    if (d.kind != delivery_kind::message) {
      const auto case_id = d.event->case_id;
      hand_to(case_id, false, nullptr, "", std::move(d));
      return;
    }
    // A topic may trigger one flow and settle another; each gets its own delivery only
    // once, so the first flow that wants it takes it.
    const auto document = document_of(*d.event);
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
        const auto live = live_key(f->id(), *key);
        if (const auto it = keys_.find(live); it != keys_.end()) {
          const auto case_id = it->second;
          hand_to(case_id, false, f, live, std::move(d));
          return;
        }
      }
    }
    finish_unwanted(std::move(d));
  }

  void hand_to(const std::string& case_id, bool fresh, definition_ptr d,
               const std::string& live, delivery what) {
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
    caf::anon_send(c.actor, deliver{std::move(what)});
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
