#include "escalate/actor.hpp"

#include "escalate/escalate.hpp"

#include <spdlog/spdlog.h>

#include <map>

namespace crossdock::escalate {
namespace {

using ledger::transaction;
using shared_environment = std::shared_ptr<const environment>;

/// What the proposer is told about the end of an approval that never became an effect.
result<void> tell(transaction& tx, const environment& env, const approval& a,
                  std::string_view outcome) {
  auto told = env.exchange->tell_outcome(
    tx, a.id, outcome, {{"by", a.decided_by}, {"reason", a.reason}}, "escalate", {});
  return told ? result<void>() : std::move(told).error();
}

// -- one pending decision -------------------------------------------------------------------------

class escalation final : public host_actor<escalation_handle> {
public:
  escalation(caf::actor_config& config, shared_environment env, const std::string& approval_id)
    : host_actor(config, "escalation:" + approval_id, env->taps), env_(std::move(env)) {}

  behavior_type make_behavior() override {
    return {[](task& t) { t.run(); },
            [this](shut_down) { quit(caf::exit_reason::user_shutdown); },
            [this](status_request) { return status_report{"{}"}; },
            [this](const crossdock::decide& d) -> caf::result<answer> { return decide_once(d); }};
  }

private:
  /// The answer is given once the decision is durable, or with the reason why it does not count.
  caf::result<answer> decide_once(const crossdock::decide& d) {
    auto promise = make_response_promise<answer>();
    auto given = std::make_shared<decided>();
    decision one;
    one.decision_id = d.decision_id;
    one.approval_id = d.approval_id;
    one.approve = d.approve;
    one.by = {d.principal, d.roles, principal_kind::person};
    one.reason = d.reason;
    one.seen_digest = d.seen_digest;

    ledger::unit u;
    u.name = "escalate.decide";
    u.cls = ledger::record_class::a;
    u.apply = [env = env_, one, given](transaction& tx) -> result<void> {
      auto r = escalate::decide(tx, one);
      if (!r) {
        return std::move(r).error();
      }
      *given = std::move(*r);
      if (given->repeated) {
        return {};
      }
      if (given->now.at == state::approved) {
        if (auto told = tell(tx, *env, given->now, "approved"); !told) {
          return told;
        }
        tx.on_durable([env, id = given->now.id] {
          if (auto gateway = env->effect()) {
            caf::anon_send(gateway, execute{id, nullptr});
          }
        });
      } else if (given->now.at == state::rejected) {
        return tell(tx, *env, given->now, "rejected");
      }
      return {};
    };
    u.durable = on_own_turn([this, promise, given,
                             one](const result<ledger::receipt>& r) mutable {
      if (r) {
        auto body = given->now.to_json();
        body["repeated"] = given->repeated;
        promise.deliver(answer{0, to_text(body)});
        return;
      }
      refuse(promise, one, r.error());
    });
    env_->store->submit(std::move(u));
    return promise;
  }

  /// A refused decision is on record as well, in a unit of its own.
  void refuse(caf::typed_response_promise<answer> promise, const decision& one,
              const error& why) {
    ledger::unit u;
    u.name = "escalate.refused";
    u.cls = ledger::record_class::a;
    u.apply = [one, why](transaction& tx) -> result<void> {
      auto seq = tx.append(refusal(one, why));
      return seq ? result<void>() : std::move(seq).error();
    };
    u.durable = on_own_turn([promise, why](const result<ledger::receipt>&) mutable {
      promise.deliver(answer{static_cast<std::int32_t>(why.code()), why.describe()});
    });
    env_->store->submit(std::move(u));
  }

  shared_environment env_;
};

// -- the desk -------------------------------------------------------------------------------------

class desk final : public host_actor<escalation_desk_handle> {
public:
  desk(caf::actor_config& config, environment env)
    : host_actor(config, "escalation", env.taps),
      env_(std::make_shared<const environment>(std::move(env))) {}

  behavior_type make_behavior() override {
    set_down_handler([this](caf::scheduled_actor*, caf::down_msg& d) {
      std::erase_if(awake_, [&](const auto& item) {
        return item.second.actor.address() == d.source;
      });
    });
    return {[](task& t) { t.run(); },
            [this](shut_down) { stop(); },
            [this](status_request) {
              return status_report{to_text(json{{"awake", awake_.size()},
                                                {"expired", expired_},
                                                {"escalated", escalated_}})};
            },
            // Its row waits for a decision; an actor is woken when somebody makes one.
            [](const await_decision&) {},
            [this](const crossdock::decide& d) -> caf::result<answer> {
              auto& e = awake_[d.approval_id];
              if (!e.actor) {
                e.actor = system().spawn<escalation>(env_, d.approval_id);
                monitor(e.actor);
              }
              ++e.calls;
              return delegate(e.actor, d);
            },
            [this](crossdock::tick) { look_at_time(); }};
  }

private:
  struct awake_one {
    escalation_handle actor;
    std::uint64_t calls = 0;
    std::uint64_t calls_before = 0; ///< at the tick before
  };

  /// Reminds, escalates, expires; and sends escalations back to their rows that nobody called
  /// between two ticks.
  void look_at_time() {
    for (auto it = awake_.begin(); it != awake_.end();) {
      auto& e = it->second;
      if (e.calls != e.calls_before) {
        e.calls_before = e.calls;
        ++it;
        continue;
      }
      // Mail that is already in its mailbox is answered before it ends.
      caf::anon_send(e.actor, shut_down{});
      it = awake_.erase(it);
    }
    if (busy_) {
      return;
    }
    busy_ = true;
    auto happened = std::make_shared<std::vector<due>>();
    ledger::unit u;
    u.name = "escalate.tick";
    u.apply = [env = env_, happened](transaction& tx) -> result<void> {
      auto found = escalate::tick(tx, tx.now());
      if (!found) {
        return std::move(found).error();
      }
      for (const auto& one : *found) {
        if (one.happened == due::what::expired) {
          if (auto r = tell(tx, *env, one.now, "expired"); !r) {
            return r;
          }
        }
      }
      *happened = std::move(*found);
      return {};
    };
    u.applied = on_own_turn([this, happened](const result<ledger::receipt>& r) {
      busy_ = false;
      if (!r) {
        spdlog::error("escalation: {}", r.error().describe());
        return;
      }
      for (const auto& one : *happened) {
        expired_ += one.happened == due::what::expired ? 1 : 0;
        escalated_ += one.happened == due::what::escalated ? 1 : 0;
      }
    });
    env_->store->submit(std::move(u));
  }

  void stop() {
    for (const auto& [id, e] : awake_) {
      caf::anon_send(e.actor, shut_down{});
    }
    quit(caf::exit_reason::user_shutdown);
  }

  shared_environment env_;
  std::map<std::string, awake_one> awake_;
  bool busy_ = false;
  std::uint64_t expired_ = 0;
  std::uint64_t escalated_ = 0;
};

} // namespace

escalation_desk_handle start_desk(caf::actor_system& system, environment env) {
  return system.spawn<desk>(std::move(env));
}

} // namespace crossdock::escalate
