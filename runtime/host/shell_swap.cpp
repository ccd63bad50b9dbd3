// Another version takes over, or the one before it comes back.
#include "host/replay.hpp"
#include "host/shell.hpp"
#include "host/staged_plugin.hpp"
#include "host/write_step.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace crossdock::host {
namespace {

using steady = std::chrono::steady_clock;
using namespace std::chrono_literals;

/// A version that was taken back may cost this long, catching up included.
constexpr auto way_back_max = 4'000ms;

answer refusal(errc code, std::string why) {
  return {static_cast<std::int32_t>(code), std::move(why)};
}

/// A row is there while another file runs than the configuration names.
result<void> write_if_other(ledger::transaction& tx, const release_row& row) {
  if (row.sha256 == row.previous_sha256) {
    return {}; // other settings of the same file
  }
  return row.sha256 == row.configured ? forget_release(tx, row.component)
                                      : write(tx, row);
}

} // namespace

// -- beside the running version
// ----------------------------------------------------------

caf::result<answer> shell::begin_swap(const std::shared_ptr<const replacement>& order) {
  if (stopping_ || !loaded_) {
    return refusal(errc::unavailable, "the component is not running");
  }
  if (change_) {
    return refusal(errc::busy, "another version is taking over at this moment");
  }
  if (probation_) {
    return refusal(
        errc::conflict,
        component_->file->release() + " is on probation until " +
            to_rfc3339(probation_->until) +
            ": keep it or take it back first (crossdock plugin keep | rollback)");
  }
  change_ = std::make_unique<changeover>();
  change_->order = order;
  change_->by = order->by;
  change_->told = make_response_promise<answer>();
  change_->next.what = order->next;
  const auto& l = order->next->limits;
  create_beside(l.create_hard + l.step_hard, true);
  return change_ ? change_->told : caf::result<answer>(caf::sec::runtime_error);
}

void shell::create_beside(std::chrono::milliseconds most, bool ask_it) {
  auto& c = *change_;
  c.number = ++changes_;
  auto& next = c.next;
  next.runs = make_thread_executor(component_->name);
  next.says = std::make_shared<std::atomic<voice>>(voice::not_yet);
  next.generation = ++generations_;
  const auto created = on_own_turn(
      [this, number = c.number](std::shared_ptr<instance> object, std::string why) {
        is_beside(number, std::move(object), std::move(why));
      });
  const surroundings around{env_.words, std::make_shared<memory_view>(), false,
                            env_.plugin_host};
  next.runs->run([what = next.what, host = callbacks(next.generation, next.says), around,
                  ask_it, created]() mutable {
    auto made = make_instance(what, std::move(host), around);
    if (!made) {
      created(std::shared_ptr<instance>(), made.error().describe());
      return;
    }
    std::string report;
    if (ask_it && (*made)->probe(1, report) < 0) {
      created(std::shared_ptr<instance>(),
              "its probe of configuration and dependencies failed: " +
                  clean_text(report, 500));
      made->reset();
      return;
    }
    created(*made, std::string());
  });
  delayed_send(this, most + 100ms, task{[this, number = c.number] { too_late(number); }});
}

void shell::is_beside(std::uint64_t number, std::shared_ptr<instance> object,
                      std::string why) {
  if (!change_ || change_->number != number) {
    return; // it was called off; its thread lets go of it
  }
  auto& c = *change_;
  if (!object) {
    call_off(error(errc::plugin, why));
    return;
  }
  c.next.object = std::move(object);
  c.at = changeover::phase::draining;
  if (c.order) {
    c.drain_until = steady::now() + c.order->drain;
    delayed_send(this, c.order->drain + 50ms + c.order->pause_max,
                 task{[this, number] { too_late(number); }});
  }
  pump();
}

// -- the switch
// ---------------------------------------------------------------------------

bool shell::switches() {
  if (!change_ || change_->at == changeover::phase::creating) {
    return false;
  }
  if (change_->at == changeover::phase::switching) {
    return true;
  }
  if (!change_->order) {
    catch_up();
    return true;
  }
  if (component_->in_flight == in_flight::carry || !instance_) {
    cut_over();
    return true;
  }
  count_questions();
  return false; // answers go on
}

/// Of the running version: when none is open any more, and no answer waits, it ends.
void shell::count_questions() {
  auto& c = *change_;
  if (c.counting) {
    return;
  }
  if (steady::now() > c.drain_until) {
    call_off(error(errc::timeout, "its open questions were not answered within " +
                                      std::to_string(c.order->drain.count()) + " ms"));
    return;
  }
  c.counting = true;
  const bool cancel = component_->in_flight == in_flight::cancel &&
                      !std::exchange(c.cancelled_questions, true);
  auto open = std::make_shared<std::size_t>(0);
  ledger::unit u;
  u.name = "host.in_flight";
  u.apply = [open, cancel, exchange = env_.exchange,
             name = component_->name](ledger::transaction& tx) -> result<void> {
    if (cancel) {
      if (auto r = exchange->cancel_requests_of(tx, name); !r) {
        return std::move(r).error();
      }
    }
    *open = exchange->open_requests_of(tx, name);
    return {};
  };
  // Answers that were handed out until then are in the queue before this runs.
  u.applied =
      after_what_came([this, open, number = c.number](const result<ledger::receipt>& r) {
        if (!change_ || change_->number != number) {
          return;
        }
        const bool answers_wait =
            std::any_of(queue_.begin(), queue_.end(), [](const job& j) {
              return j.row->kind == dispatch::delivery_kind::result;
            });
        if (r && *open == 0 && !answers_wait && !busy_) {
          change_->counting = true; // for good
          cut_over();
          return;
        }
        delayed_send(this, 2ms, task{[this, number] {
                       if (change_ && change_->number == number) {
                         change_->counting = false;
                         pump();
                       }
                     }});
      });
  env_.store->submit(std::move(u));
}

void shell::cut_over() {
  auto& c = *change_;
  c.at = changeover::phase::switching;
  c.pause_began = steady::now();
  busy_ = true;
  delayed_send(this, c.order->pause_max,
               task{[this, number = c.number] { too_late(number); }});
  if (!instance_) { // it failed and waits to be made again: nothing to carry over
    old_is_quiet(c.number, std::nullopt, "");
    return;
  }
  const auto quiet = on_own_turn(
      [this, number = c.number](std::optional<error> why, std::string snapshot) {
        old_is_quiet(number, why, std::move(snapshot));
      });
  const auto deadline = std::chrono::duration_cast<std::chrono::nanoseconds>(
      (env_.time->now() + c.order->pause_max / 2).time_since_epoch());
  executor_->run([object = instance_, deadline, quiet] {
    if (auto r = object->quiesce(CDK_QUIESCE_SWAP, deadline.count()); !r) {
      quiet(std::optional(r.error()), std::string());
      return;
    }
    auto state = object->snapshot();
    if (!state) {
      quiet(std::optional(state.error()), std::string());
      return;
    }
    quiet(std::optional<error>(), *std::move(state));
  });
}

void shell::old_is_quiet(std::uint64_t number, const std::optional<error>& why,
                         std::string snapshot) {
  if (!change_ || change_->number != number) {
    return;
  }
  auto& c = *change_;
  c.old_is_quiet = true;
  if (why) {
    call_off(error(why->code(), "the running version: " + why->message()));
    return;
  }
  c.snapshot = std::move(snapshot);
  auto start = std::make_shared<step>(
      c.next.what, env_.words,
      env_.exchange->new_request_ids(c.next.what->limits.effects_max),
      std::make_shared<seeded_random>(seed_ = env_.random->next()), memory_,
      memory_bytes_, env_.time->now());
  const auto done = on_own_turn([this, number, start](std::optional<error> failure) {
    switch_over(number, start, failure);
  });
  c.next.runs->run([object = c.next.object, state = c.snapshot,
                    schema = component_->state_schema, memory = memory_, start, done,
                    deadline = env_.time->now() + c.next.what->limits.step_hard] {
    if (auto r = object->restore(static_cast<std::uint32_t>(schema), state, *memory);
        !r) {
      done(std::optional(r.error()));
      return;
    }
    std::string report;
    if (object->probe(0, report) < 0) {
      done(std::optional(error(errc::plugin, "it is not alive after restore(): " +
                                                 clean_text(report, 500))));
      return;
    }
    job j;
    j.kind = CDK_EV_START;
    const event_text text{j.payload, "[]", {}};
    object->handle(*start, describe(j, text, start->now(), deadline));
    done(start->status < 0
             ? std::optional(error(errc::plugin, "START: " + why_of(*start)))
             : std::optional<error>());
  });
}

void shell::switch_over(std::uint64_t number, const std::shared_ptr<step>& start,
                        const std::optional<error>& why) {
  if (!change_ || change_->number != number) {
    return;
  }
  if (why) {
    call_off(*why);
    return;
  }
  auto& c = *change_;
  const auto& order = *c.order;
  const auto now = env_.time->now();
  const auto before = component_;
  const auto state_schema = component_->state_schema;
  probation_ = probation{before,     order.configured,      order.by,
                         c.snapshot, state_schema,          step_number_,
                         now,        now + order.probation, std::exchange(vitals_, {})};
  const release_row row{component_->name,
                        order.configured,
                        order.next->file->file().string(),
                        order.next->file->sha256_hex(),
                        before->file->file().string(),
                        before->file->sha256_hex(),
                        true,
                        order.by,
                        now,
                        probation_->until,
                        step_number_,
                        state_schema,
                        c.snapshot};
  auto told = c.told;
  json detail{{"probation_until", to_rfc3339(probation_->until)},
              {"snapshot_bytes", c.snapshot.size()}};
  if (!order.detail.empty()) {
    detail["rehearsal"] = order.detail;
  }
  const auto pause_began = c.pause_began;
  take_place();
  last_pause_ =
      std::chrono::duration_cast<std::chrono::microseconds>(steady::now() - pause_began);
  detail["pause_us"] = last_pause_.count();
  ++swaps_;
  auto r = swap_record("switched", *component_, detail);
  r.detail["before"] = before->file->release();
  ledger::unit u;
  u.name = "host.swap";
  u.cls = ledger::record_class::a;
  u.apply = [r = std::move(r), row, start, env = env_, what = component_,
             records = records_,
             line = next_line(*start, 0)](ledger::transaction& tx) -> result<void> {
    // Other settings of the same file are those of the configuration: nothing to
    // remember.
    if (row.sha256 != row.previous_sha256) {
      if (auto written = write(tx, row); !written) {
        return written;
      }
    }
    if (auto seq = tx.append(r); !seq) {
      return std::move(seq).error();
    }
    job j;
    j.kind = CDK_EV_START;
    if (auto done = write_step(tx, env, *what, *start, {}, j, line, *records); !done) {
      return done;
    }
    if (env.replaced) {
      tx.on_applied([env, what] { env.replaced(what); });
    }
    return {};
  };
  u.durable = on_own_turn([this, told, detail, before = before->file->release()](
                              const result<ledger::receipt>& done) mutable {
    if (!done) {
      told.deliver(refusal(done.error().code(), done.error().describe()));
      return;
    }
    detail["before"] = before;
    detail["seq"] = done->first_seq;
    told.deliver(told_of("switched", std::move(detail)));
  });
  // Units are applied in the order they are handed in: steps of the new version come
  // after this one, so nothing has to wait for the disk.
  env_.store->submit(std::move(u));
  remember(start->changes);
  spdlog::info("{}: {} took over from {} in {} us; on probation until {}", label(),
               component_->file->release(), probation_->before->file->release(),
               last_pause_.count(), to_rfc3339(probation_->until));
  next();
}

void shell::take_place() {
  auto& next = change_->next;
  if (instance_) {
    *says_ = voice::told_to_stop;
    retire(std::move(executor_), std::exchange(instance_, nullptr));
  } else if (executor_) {
    retire(std::move(executor_), nullptr);
  }
  component_ = next.what;
  executor_ = std::move(next.runs);
  watched_ = component_->executor != executor_kind::process;
  instance_ = std::move(next.object);
  says_ = next.says;
  generation_ = next.generation;
  *says_ = voice::active;
  ended_.clear();
  state_ = "running";
  last_error_.clear();
  records_ = std::make_shared<plugin_records>(env_.store, component_);
  allowance_ = std::make_shared<allowance>(
      static_cast<double>(component_->limits.effects_per_s),
      static_cast<double>(component_->limits.effects_max), steady::now());
  change_.reset();
}

void shell::retire(std::unique_ptr<executor> runs, std::shared_ptr<instance> object) {
  if (!runs) {
    return;
  }
  {
    const std::lock_guard lock(endings_->mutex);
    ++endings_->under_way;
  }
  runs->finish([object = std::move(object), all = endings_]() mutable {
    object.reset();
    const std::lock_guard lock(all->mutex);
    --all->under_way;
    all->changed.notify_all();
  });
}

void shell::call_off(const error& why) {
  auto c = std::move(change_);
  const auto release = c->next.what->file->release();
  const bool back = c->order == nullptr;
  retire(std::move(c->next.runs), std::move(c->next.object));
  records_->write(back ? "rollback_failed" : "swap_called_off",
                  release + ": " + why.describe());
  spdlog::error("{}: {} did not take over: {}", label(), release, why.describe());
  if (c->told.pending()) {
    c->told.deliver(refusal(why.code(), "nothing was changed, " +
                                            component_->file->release() +
                                            " goes on: " + why.message()));
  }
  if (back) {
    // The version before cannot run here any more: the one that failed is made again.
    last_error_ = "the version before did not come back: " + why.describe();
    probation_.reset();
    state_ = "running";
    if (!instance_) {
      instance_failed(last_error_);
      return;
    }
  }
  if (c->at != changeover::phase::switching) {
    pump();
    return;
  }
  if (!instance_) {
    busy_ = false;
    create_instance();
    return;
  }
  if (back) { // it was not asked to stop
    next();
    return;
  }
  // The running version was told to stop: back to work.
  const auto resumed = on_own_turn([this](std::optional<error> failure) {
    if (failure) {
      instance_failed("it does not go on after a swap was called off: " +
                      failure->message());
      return;
    }
    next();
  });
  executor_->run([object = instance_, resumed] {
    auto r = object->resume();
    resumed(r ? std::optional<error>() : std::optional(r.error()));
  });
}

void shell::too_late(std::uint64_t number) {
  if (!change_ || change_->number != number) {
    return;
  }
  auto& c = *change_;
  if (c.at == changeover::phase::switching && c.order && !c.old_is_quiet) {
    // The running version hangs in quiesce() or snapshot().
    auto why = error(errc::timeout, "the running version does not stop; it is made anew");
    instance_->leak();
    executor_->abandon();
    ++abandoned_;
    instance_.reset();
    make_executor();
    call_off(why);
    return;
  }
  const auto where = c.at == changeover::phase::creating ? "create() or its probe"
                                                         : "restore() or START";
  if (c.at == changeover::phase::draining && c.order) {
    if (steady::now() > c.drain_until) {
      call_off(error(errc::timeout, "the running version did not come to rest in time"));
    }
    return;
  }
  if (c.next.object) {
    c.next.object->leak();
  }
  c.next.runs->abandon();
  ++abandoned_;
  c.next.runs.reset();
  if (c.next.what->executor != executor_kind::process) {
    static_cast<void>(c.next.object.reset());
  }
  call_off(
      error(errc::timeout, std::string("it did not return from ") + where + " in time"));
}

// -- probation
// ----------------------------------------------------------------------------

void shell::watch_probation() {
  if (!probation_ || change_ || stopping_) {
    return;
  }
  if (const auto why = worse(probation_->was, vitals_)) {
    roll_back(*why, "host");
    return;
  }
  if (env_.time->now() >= probation_->until) {
    keep_version("host");
  }
}

caf::result<answer> shell::end_probation_by(const end_probation& how) {
  if (!probation_) {
    return refusal(errc::conflict,
                   "no version of " + component_->name + " is on probation");
  }
  if (change_) {
    return refusal(errc::busy, "another version is taking over at this moment");
  }
  auto told = make_response_promise<answer>();
  if (how.keep) {
    keep_version(how.by, told);
  } else {
    roll_back(how.why.empty() ? "asked for by " + how.by : how.why, how.by, told);
  }
  return told;
}

void shell::keep_version(const std::string& by,
                         caf::typed_response_promise<answer> told) {
  const auto p = *std::exchange(probation_, std::nullopt);
  release_row row{component_->name,
                  p.configured,
                  component_->file->file().string(),
                  component_->file->sha256_hex(),
                  p.before->file->file().string(),
                  p.before->file->sha256_hex(),
                  false,
                  p.by,
                  p.since,
                  env_.time->now(),
                  p.after_step,
                  p.state_schema,
                  ""};
  auto r = swap_record("kept", *component_, {{"vitals", vitals_.to_json()}});
  r.source = by;
  r.principal = by;
  ledger::unit u;
  u.name = "host.keep";
  u.cls = ledger::record_class::a;
  u.apply = [row, r = std::move(r)](ledger::transaction& tx) -> result<void> {
    if (auto done = write_if_other(tx, row); !done) {
      return done;
    }
    auto seq = tx.append(r);
    return seq ? result<void>() : std::move(seq).error();
  };
  u.durable = on_own_turn([this, told](const result<ledger::receipt>& done) mutable {
    if (told.pending()) {
      told.deliver(done ? told_of("kept", {{"seq", done->first_seq}})
                        : refusal(done.error().code(), done.error().describe()));
    }
  });
  env_.store->submit(std::move(u));
  spdlog::info("{}: {} is permanent", label(), component_->file->release());
}

// -- the way back
// --------------------------------------------------------------------------

void shell::roll_back(const std::string& why, const std::string& by,
                      caf::typed_response_promise<answer> told) {
  spdlog::warn("{}: {} is taken back: {}", label(), component_->file->release(), why);
  change_ = std::make_unique<changeover>();
  change_->why = why;
  change_->by = by;
  change_->told = std::move(told);
  change_->next.what = probation_->before;
  state_ = "rolling_back";
  create_beside(way_back_max, false);
}

/// The version before learns what happened since: its memory and cache as they were, and
/// every step since then once more, with effects suppressed and answers as they came.
void shell::catch_up() {
  auto& c = *change_;
  c.at = changeover::phase::switching;
  c.pause_began = steady::now();
  busy_ = true;
  const auto done =
      on_own_turn([this, number = c.number](std::shared_ptr<caught_up> learnt) {
        switch_back(number, learnt);
      });
  const bool same_schema = c.next.what->state_schema == component_->state_schema ||
                           c.next.what->restores_from.contains(component_->state_schema);
  const lesson missed{c.next.what,
                      c.next.object,
                      env_.store,
                      env_.words,
                      memory_,
                      same_schema,
                      probation_->snapshot,
                      probation_->state_schema,
                      probation_->after_step,
                      step_number_,
                      seed_ = env_.random->next(),
                      env_.exchange->new_request_ids(c.next.what->limits.effects_max),
                      env_.time->now()};
  // What the other version did last must be readable first.
  ledger::unit u;
  u.name = "host.settled";
  u.cls = ledger::record_class::a;
  auto* runs = c.next.runs.get();
  u.durable = on_own_turn(
      [this, runs, number = c.number, missed, done](const result<ledger::receipt>& r) {
        if (!change_ || change_->number != number) {
          return;
        }
        if (!r) {
          call_off(r.error());
          return;
        }
        runs->run([missed, done] { done(learn(missed)); });
      });
  env_.store->submit(std::move(u));
}

void shell::switch_back(std::uint64_t number, const std::shared_ptr<caught_up>& learnt) {
  if (!change_ || change_->number != number) {
    return;
  }
  if (learnt->failed && !learnt->memory_known) {
    call_off(*learnt->failed);
    return;
  }
  const auto p = *std::exchange(probation_, std::nullopt);
  const auto after = component_;
  auto told = change_->told;
  const auto pause_began = change_->pause_began;
  memory_changes changes;
  for (const auto& [key, value] : *memory_) {
    if (!learnt->memory.contains(key)) {
      changes.emplace(key, std::nullopt);
    }
  }
  for (const auto& [key, value] : learnt->memory) {
    const auto it = memory_->find(key);
    if (it == memory_->end() || it->second.bytes != value.bytes ||
        it->second.expires_us != value.expires_us) {
      changes.emplace(key, value);
    }
  }
  json detail{{"why", clean_text(change_->why, 500)},
              {"absorbed_steps", learnt->absorbed},
              {"gap", learnt->gap},
              {"since_then", vitals_.to_json()},
              {"until_then", p.was.to_json()}};
  auto by = change_->by;
  take_place();
  watched_ = component_->executor != executor_kind::process;
  vitals_ = p.was;
  ++swaps_back_;
  last_pause_ =
      std::chrono::duration_cast<std::chrono::microseconds>(steady::now() - pause_began);
  detail["pause_us"] = last_pause_.count();
  detail["from"] = after->file->release();
  tags_.merge(learnt->tags);
  auto r = swap_record("rolled_back", *component_, detail);
  r.source = by;
  r.principal = by;
  const release_row row{component_->name,
                        p.configured,
                        component_->file->file().string(),
                        component_->file->sha256_hex(),
                        after->file->file().string(),
                        after->file->sha256_hex(),
                        false,
                        by,
                        env_.time->now(),
                        env_.time->now(),
                        step_number_,
                        p.state_schema,
                        ""};
  // As one step, so that the journal's chain of memory has no hole.
  auto all = std::make_shared<step>(component_, env_.words, 0, env_.random, memory_,
                                    memory_bytes_, env_.time->now());
  all->changes = changes;
  all->effects = learnt->start->effects;
  ledger::unit u;
  u.name = "host.rollback";
  u.cls = ledger::record_class::a;
  u.apply = [r = std::move(r), row, all, env = env_, what = component_,
             records = records_,
             line = next_line(*all, 0)](ledger::transaction& tx) -> result<void> {
    if (auto done = write_if_other(tx, row); !done) {
      return done;
    }
    if (auto seq = tx.append(r); !seq) {
      return std::move(seq).error();
    }
    job j;
    j.kind = CDK_EV_START;
    if (auto done = write_step(tx, env, *what, *all, {}, j, line, *records); !done) {
      return done;
    }
    if (env.replaced) {
      tx.on_applied([env, what] { env.replaced(what); });
    }
    return {};
  };
  u.durable =
      on_own_turn([this, told, detail](const result<ledger::receipt>& done) mutable {
        if (told.pending()) {
          told.deliver(done ? told_of("rolled_back", std::move(detail))
                            : refusal(done.error().code(), done.error().describe()));
        }
      });
  env_.store->submit(std::move(u));
  // Its instance has lived through this already: the host's copy alone catches up.
  memory_bytes_ = static_cast<std::size_t>(static_cast<std::ptrdiff_t>(memory_bytes_) +
                                           apply_changes(*memory_, changes));
  spdlog::warn("{}: back on {}; {} steps absorbed, {} gaps", label(),
               component_->file->release(), learnt->absorbed, learnt->gap.size());
  tell_started(std::nullopt);
  if (learnt->failed) { // its instance is of no use; its memory is
    busy_ = true;
    instance_failed(learnt->failed->message());
    return;
  }
  next();
}

// -- words
// -----------------------------------------------------------------------------------

ledger::record shell::swap_record(const char* what, const component& to,
                                  json detail) const {
  ledger::record r;
  r.kind = "swap";
  r.cls = ledger::record_class::a;
  r.source = probation_ ? probation_->by : "host";
  r.target = component_->name;
  r.principal = r.source;
  r.detail = {{"what", what}, {"release", to.file->release()}};
  r.body = to_text(detail);
  return r;
}

answer shell::told_of(const char* what, json detail) const {
  detail["what"] = what;
  detail["component"] = component_->name;
  detail["release"] = component_->file->release();
  return {0, to_text(detail)};
}

} // namespace crossdock::host
