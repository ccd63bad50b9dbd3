#include "flow/actor.hpp"

#include "flow/case_actor.hpp"
#include "flow/single_proposal.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <deque>

namespace crossdock::flow {
namespace {

using dispatch::delivery;
using dispatch::delivery_kind;
using ledger::transaction;

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
  /// Open cases that have nothing to do stay awake up to this many: to read a case from
  /// its row costs as much as a step. Beyond it the one that has waited longest goes back
  /// to its row.
  static constexpr std::size_t idle_max = 1024;

  struct awake_case {
    case_handle actor;
    std::size_t outstanding = 0;
    std::string live_key;         ///< "flow key", while open
    std::uint64_t idle_since = 0; ///< number of the rest, 0 while it works
  };

  static std::string live_key(const std::string& flow, const std::string& key) {
    return flow + "\n" + key;
  }

  void start_up() {
    auto waiting = std::make_shared<std::vector<delivery>>();
    auto live = std::make_shared<std::map<std::string, std::string>>();
    ledger::unit u;
    u.name = "flow.load";
    u.apply = [env = env_, waiting, live, sink = sink_of<deliver>()](transaction& tx) -> result<void> {
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
      auto found = env->exchange->attach(tx, "flow", sink);
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

  /// The reason of a case is gone. What closed cases of the key have done may have lost
  /// its reason too: they hear of it first, then the live case, if there is one.
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
      c.actor =
          spawn_case(system(), env_, case_id, fresh, std::move(d),
                     done_callback(on_own_turn([this](std::string id, bool open,
                                                      std::shared_ptr<delivery> back) {
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
  std::deque<std::pair<std::uint64_t, std::string>>
      idle_; ///< oldest first; may be outdated
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
