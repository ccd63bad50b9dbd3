#include "supervise/supervise.hpp"

#include "base/json.hpp"

#include <caf/exit_reason.hpp>

#include <algorithm>

namespace crossdock::supervise {

std::optional<std::chrono::milliseconds> restart_policy::failed(timestamp now) {
  failures_.push_back(now);
  while (!failures_.empty() && now - failures_.front() > limits_.period) {
    failures_.pop_front();
  }
  if (failures_.size() > limits_.restarts_max) {
    return std::nullopt;
  }
  const auto exponent = std::min<std::size_t>(failures_.size() - 1, 20);
  const auto ceiling = std::min<std::int64_t>(limits_.backoff_max.count(),
                                              limits_.backoff_min.count() << exponent);
  // Full jitter: anywhere between nothing and the ceiling.
  const auto wait = ceiling <= 0 ? 0
                                 : static_cast<std::int64_t>(
                                     random_->next() % static_cast<std::uint64_t>(ceiling + 1));
  return std::chrono::milliseconds(wait);
}

namespace {

class supervisor final : public host_actor<supervisor_handle> {
public:
  supervisor(caf::actor_config& config, supervisor_spec spec, std::shared_ptr<tap> t,
             std::shared_ptr<const crossdock::clock> time, std::shared_ptr<random_source> random,
             observer watch)
    : host_actor(config, "supervisor:" + spec.name, std::move(t)),
      spec_(std::move(spec)),
      policy_(spec_.limits, std::move(random)),
      clock_(std::move(time)),
      watch_(std::move(watch)),
      children_(spec_.children.size()) {}

  behavior_type make_behavior() override {
    set_down_handler([this](caf::scheduled_actor*, caf::down_msg& d) { down(d); });
    // An exit message to the supervisor is an order to stop its tree, not to vanish.
    set_exit_handler([this](caf::scheduled_actor*, caf::exit_msg& e) {
      if (e.reason) {
        begin_stop(e.reason);
      }
    });
    for (std::size_t i = 0; i < children_.size(); ++i) {
      start_child(i);
    }
    return {[](task& t) { t.run(); },
            [this](shut_down) { begin_stop(caf::exit_reason::user_shutdown); },
            [this](status_request) { return report(); }};
  }

private:
  struct child {
    caf::actor address;
    std::size_t restarts = 0;
    std::string state = "new";
    std::string last_error;
    bool over = false; ///< ended for good: nothing starts it again
  };

  void tell(const std::string& name, const char* what, std::string why = "") {
    if (watch_) {
      watch_({spec_.name, name, what, std::move(why)});
    }
  }

  void start_child(std::size_t i) {
    auto& c = children_[i];
    c.address = spec_.children[i].start(system());
    c.state = "running";
    monitor(c.address);
    tell(spec_.children[i].name, "started");
  }

  void down(caf::down_msg& d) {
    const auto it = std::find_if(children_.begin(), children_.end(), [&](const child& c) {
      return c.address && c.address.address() == d.source;
    });
    if (it == children_.end()) {
      return;
    }
    const auto i = static_cast<std::size_t>(it - children_.begin());
    it->address = nullptr;
    if (stopping_) {
      it->state = "stopped";
      tell(spec_.children[i].name, "stopped");
      stop_next();
      return;
    }
    if (collapsing_ && i >= collapse_from_) {
      it->state = "stopped";
      collapse_next();
      return;
    }
    const bool normal = !d.reason || d.reason == caf::exit_reason::normal ||
                        d.reason == caf::exit_reason::user_shutdown;
    const auto when = spec_.children[i].when;
    if (when == restart::temporary || (when == restart::transient && normal)) {
      it->state = normal ? "ended" : "failed";
      it->over = true;
      tell(spec_.children[i].name, it->state.c_str(), to_string(d.reason));
      return;
    }
    it->state = "failed";
    it->last_error = to_string(d.reason);
    tell(spec_.children[i].name, "failed", to_string(d.reason));
    const auto wait = policy_.failed(clock_->now());
    if (!wait) {
      tell(spec_.children[i].name, "gave up",
           "more than " + std::to_string(spec_.limits.restarts_max) + " restarts within " +
             std::to_string(spec_.limits.period.count()) + " ms");
      begin_stop(caf::make_error(caf::sec::runtime_error, spec_.name + " gave up"));
      return;
    }
    if (spec_.how == strategy::one_for_one) {
      again(*wait, [this, i] {
        ++children_[i].restarts;
        start_child(i);
      });
      return;
    }
    // A child further to the front may fail while those behind another one are being restarted:
    // then more of them are concerned, and the restart that was planned is void.
    const auto first = spec_.how == strategy::one_for_all ? 0 : i;
    const bool under_way = collapsing_ || restart_planned_;
    collapse_from_ = under_way ? std::min(collapse_from_, first) : first;
    ++collapse_;
    collapsing_ = true;
    restart_planned_ = false;
    wait_after_collapse_ = *wait;
    collapse_next();
  }

  /// The others that are concerned end in reverse order, then all of them start in order.
  void collapse_next() {
    for (std::size_t i = children_.size(); i-- > collapse_from_;) {
      if (children_[i].address) {
        children_[i].over = children_[i].over || spec_.children[i].when == restart::temporary;
        ask_to_end(i);
        return;
      }
    }
    collapsing_ = false;
    restart_planned_ = true;
    again(wait_after_collapse_, [this, planned = collapse_] {
      if (planned != collapse_) {
        return;
      }
      restart_planned_ = false;
      for (std::size_t i = collapse_from_; i < children_.size(); ++i) {
        if (!children_[i].over) {
          ++children_[i].restarts;
          start_child(i);
        }
      }
    });
  }

  void begin_stop(caf::error reason) {
    if (stopping_) {
      return;
    }
    stopping_ = true;
    reason_ = std::move(reason);
    stop_next();
  }

  void stop_next() {
    for (std::size_t i = children_.size(); i-- > 0;) {
      if (children_[i].address) {
        ask_to_end(i);
        return;
      }
    }
    quit(reason_);
  }

  /// Asks, and kills what has not ended within its grace.
  void ask_to_end(std::size_t i) {
    const auto address = children_[i].address;
    caf::anon_send<caf::message_priority::high>(address, shut_down{});
    delayed_task(spec_.children[i].grace, [this, i, address] {
      if (children_[i].address == address) {
        tell(spec_.children[i].name, "killed", "it did not end within its grace");
        send_exit(address, caf::exit_reason::kill);
      }
    });
  }

  void again(std::chrono::milliseconds wait, std::function<void()> f) {
    delayed_task(wait, [this, f = std::move(f)] {
      if (!stopping_) {
        f();
      }
    });
  }

  void delayed_task(std::chrono::milliseconds wait, std::function<void()> f) {
    delayed_send(this, wait, task{std::move(f)});
  }

  status_report report() const {
    json children = json::array();
    for (std::size_t i = 0; i < children_.size(); ++i) {
      children.push_back({{"name", spec_.children[i].name},
                          {"state", children_[i].state},
                          {"restarts", children_[i].restarts},
                          {"last_error", children_[i].last_error}});
    }
    return {to_text(json{{"name", spec_.name},
                         {"strategy", spec_.how == strategy::one_for_one   ? "one_for_one"
                                      : spec_.how == strategy::one_for_all ? "one_for_all"
                                                                           : "rest_for_one"},
                         {"children", std::move(children)}})};
  }

  static std::string to_string(const caf::error& e) { return caf::to_string(e); }

  supervisor_spec spec_;
  restart_policy policy_;
  std::shared_ptr<const crossdock::clock> clock_;
  observer watch_;
  std::vector<child> children_;
  bool stopping_ = false;
  bool collapsing_ = false;      ///< children are being stopped for a restart
  bool restart_planned_ = false; ///< they are stopped and start after a wait
  std::size_t collapse_from_ = 0; ///< the first child that is concerned
  std::uint64_t collapse_ = 0;    ///< number of the latest
  std::chrono::milliseconds wait_after_collapse_{0};
  caf::error reason_;
};

} // namespace

supervisor_handle start(caf::actor_system& system, supervisor_spec spec,
                        std::shared_ptr<tap> t, std::shared_ptr<const clock> time,
                        std::shared_ptr<random_source> random, observer watch) {
  return system.spawn<supervisor>(std::move(spec), std::move(t), std::move(time),
                                  std::move(random), std::move(watch));
}

} // namespace crossdock::supervise
