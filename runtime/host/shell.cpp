#include "host/shell.hpp"

#include "base/ids.hpp"
#include "host/replay.hpp"
#include "host/repro.hpp"
#include "host/staged_plugin.hpp"
#include "host/write_step.hpp"

#include <spdlog/spdlog.h>

namespace crossdock::host {

std::vector<ledger::migration> migrations() {
  return {{"host", 1, R"sql(
CREATE TABLE memory(
  component TEXT NOT NULL,
  key TEXT NOT NULL,
  value BLOB NOT NULL,
  expires INTEGER NOT NULL,
  PRIMARY KEY(component, key)
) STRICT, WITHOUT ROWID;
)sql"},
          {"host", 2, R"sql(
-- The last steps, for rehearsals and rollbacks: what was handed over, what was asked, and what
-- the changes of memory replaced. The event itself is the record `seq` (0: a timer has none).
CREATE TABLE step_journal(
  component TEXT NOT NULL,
  n INTEGER NOT NULL,
  at INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  seed INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  topic TEXT NOT NULL,
  token INTEGER NOT NULL,
  status INTEGER NOT NULL,
  tag BLOB NOT NULL,
  idempotency_key TEXT NOT NULL,
  key TEXT NOT NULL,
  case_id TEXT NOT NULL,
  asks BLOB NOT NULL,
  before BLOB NOT NULL,
  PRIMARY KEY(component, n)
) STRICT, WITHOUT ROWID;
-- Components that run another file than the configuration names.
CREATE TABLE release(
  component TEXT PRIMARY KEY,
  configured TEXT NOT NULL,
  file TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  previous_file TEXT NOT NULL,
  previous_sha256 TEXT NOT NULL,
  state TEXT NOT NULL,
  by TEXT NOT NULL,
  since INTEGER NOT NULL,
  until INTEGER NOT NULL,
  after_step INTEGER NOT NULL,
  state_schema INTEGER NOT NULL,
  snapshot BLOB NOT NULL
) STRICT, WITHOUT ROWID;
)sql"}};
}

using dispatch::delivery;
using dispatch::delivery_kind;

namespace {

/// Failures of one event before it becomes a dead letter: the second time is enough.
constexpr std::uint32_t failures_max = 2;
/// A plugin that asks for another try gets this many; then the event is a dead letter
/// too.
constexpr std::uint32_t retries_max = 12;

} // namespace

shell::shell(caf::actor_config& config, environment env,
             std::shared_ptr<const component> what)
    : host_actor(config, "shell:" + what->name, env.taps), env_(std::move(env)),
      component_(std::move(what)),
      records_(std::make_shared<plugin_records>(env_.store, component_)),
      allowance_(std::make_shared<allowance>(
          static_cast<double>(component_->limits.effects_per_s),
          static_cast<double>(component_->limits.effects_max),
          std::chrono::steady_clock::now())),
      memory_(std::make_shared<memory_view>()),
      failures_(supervise::restart_policy::limits{}, env_.random) {}

shell::behavior_type shell::make_behavior() {
  make_executor();
  load();
  return {[](task& t) { t.run(); },
          [this](shut_down) { stop(); },
          [this](status_request) { return report(); },
          [this](deliver& d) { accept(std::move(d.what)); },
          [this](replace& r) { return begin_swap(r.what); },
          [this](end_probation& e) { return end_probation_by(e); },
          [this](tick) {
            watch_probation();
            pump();
          }};
}

void shell::on_exit() {
  env_.exchange->detach(component_->name);
  if (change_) {
    retire(std::move(change_->next.runs), std::move(change_->next.object));
    change_.reset();
  }
  instance_.reset();
  executor_.reset();
  // Threads of earlier versions run their last lines; one that hangs is not waited for.
  std::unique_lock lock(endings_->mutex);
  endings_->changed.wait_for(lock, std::chrono::seconds(2),
                             [this] { return endings_->under_way == 0; });
}

// -- starting ------------------------------------------------------------

void shell::make_executor() {
  // What runs in a process of its own is waited for on a thread, which that process dies
  // with. So is a version on probation: if it hangs, its thread can be left behind.
  const bool scheduled = component_->executor == executor_kind::scheduled && !probation_;
  executor_ =
      scheduled ? make_scheduled_executor() : make_thread_executor(component_->name);
  watched_ = !scheduled && component_->executor != executor_kind::process;
}

void shell::load() {
  auto memory = std::make_shared<memory_view>();
  auto waiting = std::make_shared<std::vector<delivery>>();
  auto steps = std::make_shared<std::int64_t>(0);
  auto window = std::make_shared<journal_window>();
  auto released = std::make_shared<std::optional<release_row>>();
  ledger::unit u;
  u.name = "host.load";
  u.apply = [memory, waiting, steps, window, released, sink = sink_of<deliver>(),
             exchange = env_.exchange,
             name = component_->name](ledger::transaction& tx) -> result<void> {
    auto rows = tx.db().query(
        "SELECT key, value, expires FROM memory WHERE component = ?", {name});
    if (!rows) {
      return std::move(rows).error();
    }
    for (const auto& r : *rows) {
      (*memory)[r.text(0)] = {r.text(1), r.integer(2)};
    }
    auto found = exchange->attach(tx, name, sink);
    if (!found) {
      return std::move(found).error();
    }
    *waiting = std::move(*found);
    auto there = window_of(tx.db(), name);
    if (!there) {
      return std::move(there).error();
    }
    *window = *std::move(there);
    auto last = last_step(tx.db(), name);
    if (!last) {
      return std::move(last).error();
    }
    *steps = *last;
    auto row = release_row_of(tx.db(), name);
    if (!row) {
      return std::move(row).error();
    }
    *released = *std::move(row);
    return {};
  };
  u.applied = on_own_turn([this, memory, waiting, steps, window,
                           released](const result<ledger::receipt>& r) {
    if (!r) {
      const logging::scope about({.component = component_->name});
      spdlog::error("{}: cannot start: {}", label(), r.error().describe());
      quit(caf::make_error(caf::sec::runtime_error, r.error().describe()));
      return;
    }
    memory_ = memory;
    step_number_ = *steps;
    window_ = std::move(*window);
    if (const auto& row = *released; row && row->on_probation) {
      if (const auto it = env_.previous.find(component_->name);
          it != env_.previous.end()) {
        probation_ = probation{it->second,    row->configured,   row->by,
                               row->snapshot, row->state_schema, row->after_step,
                               row->since,    row->until,        {}};
        make_executor();
      }
    }
    for (const auto& [key, value] : *memory_) {
      memory_bytes_ += key.size() + value.bytes.size();
    }
    for (auto& d : *waiting) {
      last_known_ = std::max(last_known_, d.id);
      admit_again(std::move(d));
    }
    loaded_ = true;
    // Deliveries that came after the sink was set, before this turn.
    auto early = std::move(early_);
    for (auto& d : early) {
      accept(std::move(d));
    }
    if (probation_ && env_.take_back.contains(component_->name)) {
      busy_ = false;
      roll_back("the node ended without being told to while it was on probation", "host");
      return;
    }
    create_instance();
  });
  env_.store->submit(std::move(u));
}

void shell::admit_again(delivery d) {
  if (d.kind == delivery_kind::call && !d.idempotency_key.empty()) {
    from_rows_.insert(d.id);
    answer_unknown(std::move(d), "the node stopped before the outcome was known");
    return;
  }
  from_rows_.insert(d.id);
  queue_.push_back({static_cast<std::uint32_t>(d.kind), std::move(d), "", "", {}});
}

void shell::answer_unknown(delivery d, std::string why) {
  ledger::unit u;
  u.name = "host.unknown";
  u.cls = ledger::record_class::a;
  u.apply = [d = std::move(d), why = std::move(why),
             exchange = env_.exchange](ledger::transaction& tx) -> result<void> {
    if (auto r = exchange->finish(tx, d.id); !r) {
      return r;
    }
    auto seq = exchange->reply(tx, d.receiver, d.token, CDK_TOOL_UNKNOWN,
                               to_text(json{{"error", why}}), {d.seq});
    if (!seq && seq.error().code() != errc::not_found) {
      return std::move(seq).error();
    }
    return {};
  };
  env_.store->submit(std::move(u));
}

instance_host shell::callbacks(std::uint64_t generation, const voice_flag& says) {
  const auto name = component_->name;
  instance_host h;
  h.log = [name, count = log_count_](std::uint32_t level, std::string_view message,
                                     std::string_view fields) {
    // A plugin in a loop must not fill the disk with its log.
    if (count->fetch_add(1) > 10'000) {
      return;
    }
    const auto severity = level >= CDK_LOG_ERROR     ? spdlog::level::err
                          : level == CDK_LOG_WARNING ? spdlog::level::warn
                          : level == CDK_LOG_INFO    ? spdlog::level::info
                                                     : spdlog::level::debug;
    const logging::scope about({.component = name, .more = fields.substr(0, 2000)});
    spdlog::log(severity, "{}", message.substr(0, 2000));
  };
  h.metric = [](std::uint32_t, std::string_view, double) {};
  h.post = [env = env_, component = component_, records = records_, says,
            allowed = allowance_, self = caf::actor_cast<caf::actor>(this)](
               std::string event, std::string cookie) -> cdk_status {
    if (*says == voice::told_to_stop) {
      records->write_often("refused", "post(): it was told to stop");
      return CDK_E_CANCELLED;
    }
    if (*says == voice::not_yet) {
      return CDK_E_LIMIT; // later, when it is in force
    }
    if (!allowed->try_take(1 + static_cast<double>(event.size() / 1024),
                           std::chrono::steady_clock::now())) {
      records->write_often("refused", too_much(*component));
      return CDK_E_LIMIT;
    }
    return post(env, component, *records, self, std::move(event), std::move(cookie));
  };
  h.denied = [records = records_](const std::string& what) {
    records->write_often("denied", what);
  };
  h.ended = on_own_turn([this, generation](const std::string& how) {
    if (generation == generation_ && instance_ && !stopping_) {
      ended(how);
    }
  });
  return h;
}

cdk_status shell::post(const environment& env,
                       const std::shared_ptr<const component>& what,
                       plugin_records& records, const caf::actor& self, std::string text,
                       std::string cookie) {
  const auto tell = [self, cookie = std::move(cookie)] {
    delivery d;
    d.kind = static_cast<delivery_kind>(CDK_EV_POSTED);
    d.tag = cookie;
    caf::anon_send(self, deliver{std::move(d)});
  };
  if (text.empty()) { // a wake-up: nothing to make durable
    tell();
    return CDK_OK;
  }
  const auto refuse = [&](cdk_status status, const std::string& why) {
    records.write_often("refused", "post(): " + why);
    return status;
  };
  if (!what->connector) {
    // What an agent says has the labels of its cause, and these are known in a step
    // alone.
    return refuse(CDK_E_DENIED, "an agent sends within a step, never by itself");
  }
  auto parsed = parse_json(text, {.bytes = what->limits.payload_bytes_max});
  if (!parsed || !parsed->is_object()) {
    return refuse(CDK_E_INVALID, parsed ? "no JSON object" : parsed.error().describe());
  }
  static const std::set<std::string> members{"topic", "id", "key", "payload",
                                             "traceparent"};
  for (const auto& [name, value] : parsed->items()) {
    if (!members.contains(name)) {
      return refuse(CDK_E_INVALID,
                    "an event has no member \"" + name +
                        "\": who sent it, for whom and with which labels is the "
                        "node's to say");
    }
  }
  const auto topic = text_or(*parsed, "topic");
  if (!what->produces.contains(topic)) {
    return refuse(CDK_E_DENIED, "it may not send " + topic);
  }
  envelope e;
  e.id = text_or(*parsed, "id");
  e.source = what->name;
  e.type = topic;
  e.subject = text_or(*parsed, "key");
  e.traceparent = text_or(*parsed, "traceparent");
  auto payload = parsed->find("payload");
  e.document = std::make_shared<const json>(
      payload == parsed->end() ? json::object() : std::move(*payload));
  e.data = to_text(*e.document);
  ledger::unit u;
  u.name = "host.post"; // the source is told with the group's commit, at most 2 ms later
  u.apply = [e = std::move(e),
             intake = env.intake](ledger::transaction& tx) -> result<void> {
    auto admitted = intake->admit(tx, e);
    return admitted ? result<void>() : std::move(admitted).error();
  };
  u.durable = [tell](const result<ledger::receipt>& r) {
    if (r) {
      tell();
    }
  };
  env.store->submit(std::move(u));
  return CDK_OK;
}

void shell::create_instance() {
  if (stopping_) {
    return;
  }
  state_ = "creating";
  const auto started =
      on_own_turn([this](std::shared_ptr<instance> object, std::string why) {
        if (!object) {
          tell_started(error(errc::plugin, why));
          instance_failed(why);
          return;
        }
        instance_ = std::move(object);
        state_ = "running";
        job start;
        start.kind = CDK_EV_START;
        moment_.push_front(std::move(start));
        busy_ = false;
        pump();
      });
  busy_ = true;
  generation_ = ++generations_;
  const surroundings around{env_.words, std::make_shared<memory_view>(*memory_),
                            restarts_ > 0, env_.plugin_host};
  executor_->run([what = component_, host = callbacks(generation_, says_), around,
                  started]() mutable {
    auto created = make_instance(what, std::move(host), around);
    if (created) {
      started(*created, std::string());
    } else {
      started(std::shared_ptr<instance>(), created.error().describe());
    }
  });
}

void shell::ended(const std::string& how) {
  if (running_) {
    return; // the step says so itself
  }
  if (busy_) {
    ended_ = how; // its last step is being recorded
    return;
  }
  instance_failed(how);
}

void shell::next() {
  busy_ = false;
  if (!ended_.empty() && instance_) {
    instance_failed(std::exchange(ended_, std::string()));
    return;
  }
  pump();
}

void shell::instance_failed(const std::string& why) {
  last_error_ = why;
  const logging::scope about({.component = component_->name});
  ++restarts_;
  generation_ = ++generations_;
  ended_.clear();
  // Where it ran: what has a process of its own may take a moment to end.
  executor_->run(
      [object = std::exchange(instance_, nullptr)]() mutable { object.reset(); });
  if (probation_ && !change_) {
    records_->write("instance_failed", why);
    busy_ = false;
    roll_back("its instance failed: " + why, "host");
    return;
  }
  if (change_ && change_->at == changeover::phase::switching) {
    return; // what takes over is created already
  }
  if (change_ && !change_->order) {
    busy_ = false; // the version before is on its way
    pump();
    return;
  }
  busy_ = true;
  const auto wait = failures_.failed(env_.time->now());
  records_->write(wait ? "instance_failed" : "gave_up", why);
  if (!wait) {
    state_ = "failed";
    spdlog::error("{}: failed too often and stands still: {}", label(), why);
    return;
  }
  state_ = "restarting";
  spdlog::warn("{}: instance recreated in {} ms: {}", label(), wait->count(), why);
  delayed_send(this, *wait, task{[this] { create_instance(); }});
}

void shell::tell_started(const std::optional<error>& refused) {
  if (!told_started_ && env_.started) {
    env_.started(component_->name, refused);
  }
  told_started_ = true;
}

// -- the queue ------------------------------------------------------------

void shell::accept(delivery d) {
  if (!loaded_) {
    early_.push_back(std::move(d));
    return;
  }
  if (from_rows_.erase(d.id) > 0) {
    return; // read from its row already
  }
  const bool write = d.kind == delivery_kind::call && !d.idempotency_key.empty();
  if (d.id == 0) {
    job j;
    j.kind = static_cast<std::uint32_t>(d.kind);
    j.tag = std::move(d.tag);
    moment_.push_back(std::move(j));
  } else if (!write && (parked_ || queue_.size() >= component_->limits.queue_max)) {
    // Bounded: it stays in its row and is read from there when the queue has drained.
    // Writes are few and come once they are durable, out of the row order: they never
    // park.
    parked_ = true;
    arrived_while_reading_ = reading_;
  } else {
    if (!write) {
      last_known_ = std::max(last_known_, d.id);
    }
    queue_.push_back({static_cast<std::uint32_t>(d.kind), std::move(d), "", "", {}});
  }
  pump();
}

void shell::unpark() {
  if (!parked_ || reading_ || queue_.size() * 2 > component_->limits.queue_max) {
    return;
  }
  reading_ = true;
  auto more = std::make_shared<std::vector<delivery>>();
  const auto room = component_->limits.queue_max - queue_.size();
  ledger::unit u;
  u.name = "host.unpark";
  u.apply = [more, room, exchange = env_.exchange, name = component_->name,
             after = last_known_](ledger::transaction& tx) -> result<void> {
    if (auto r = tx.settle(); !r) {
      return r;
    }
    auto found = exchange->unfinished(tx.db(), name, after, room);
    if (!found) {
      return std::move(found).error();
    }
    *more = std::move(*found);
    return {};
  };
  u.applied = on_own_turn([this, more, room](const result<ledger::receipt>& r) {
    reading_ = false;
    if (!r) {
      return;
    }
    // Whatever was handed out while this was read is in its row and beyond `last_known_`:
    // the queue stays parked until a read comes back short.
    parked_ = more->size() >= room || arrived_while_reading_;
    arrived_while_reading_ = false;
    for (auto& d : *more) {
      last_known_ = std::max(last_known_, d.id);
      if (d.kind == delivery_kind::call && !d.idempotency_key.empty()) {
        continue; // handed out by itself
      }
      from_rows_.insert(d.id);
      queue_.push_back({static_cast<std::uint32_t>(d.kind), std::move(d), "", "", {}});
    }
    pump();
  });
  env_.store->submit(std::move(u));
}

void shell::pump() {
  unpark();
  if (busy_ || stopping_ || switches()) {
    return;
  }
  if (!instance_ || waits_for_allowance()) {
    return;
  }
  if (watched_ && !probation_ && component_->executor == executor_kind::scheduled) {
    executor_->finish([] {}); // it has proved itself: back to the scheduler's thread
    make_executor();
  }
  if (!moment_.empty()) {
    auto j = std::move(moment_.front());
    moment_.pop_front();
    run(std::move(j));
    return;
  }
  const auto chosen = choose();
  if (chosen != queue_.end()) {
    auto j = std::move(*chosen);
    queue_.erase(chosen);
    run(std::move(j));
  }
}

bool shell::waits_for_allowance() {
  const auto wait = allowance_->owed(std::chrono::steady_clock::now());
  if (wait.count() == 0) {
    return false;
  }
  if (!waiting_) {
    waiting_ = true;
    ++throttled_;
    delayed_send(this, wait, task{[this] {
                   waiting_ = false;
                   pump();
                 }});
  }
  return true;
}

std::string shell::too_much(const component& what) {
  return "more than " + std::to_string(what.limits.effects_per_s) +
         " steps, effects and KiB of them a second: what is for it waits";
}

std::deque<job>::iterator shell::choose() {
  constexpr std::size_t look_ahead_max = 1024; // bounds the cost of one choice
  const auto now = env_.time->now();
  std::set<std::string_view> earlier;
  auto oldest = queue_.end();
  std::size_t seen = 0;
  const bool answers_alone = change_ && change_->at == changeover::phase::draining;
  for (auto it = queue_.begin(); it != queue_.end() && seen < look_ahead_max;
       ++it, ++seen) {
    const std::string_view key = it->row->event->subject;
    const bool first_of_key = earlier.insert(key).second;
    if (!first_of_key || it->not_before > now) {
      continue;
    }
    if (answers_alone && it->row->kind != delivery_kind::result) {
      continue;
    }
    if (!it->row->event->case_id.empty()) {
      return it;
    }
    if (oldest == queue_.end()) {
      oldest = it;
    }
  }
  return oldest;
}

// -- one step ------------------------------------------------------------

void shell::run(job j) {
  busy_ = true;
  current_ = std::make_shared<job>(std::move(j));
  const auto job_now = current_;
  const auto now = env_.time->now();
  const auto deadline = now + component_->limits.step_hard;
  if (job_now->row && job_now->row->kind == delivery_kind::result) {
    if (const auto it = tags_.find(job_now->row->token); it != tags_.end()) {
      job_now->row->tag = it->second; // as the version that came back knows it
      tags_.erase(it);
    }
  }
  auto text = text_of(*job_now, *component_, *env_.words);
  seed_ = env_.random->next();
  auto s = std::make_shared<step>(
      component_, env_.words,
      env_.exchange->new_request_ids(component_->limits.effects_max),
      std::make_shared<seeded_random>(seed_), memory_, memory_bytes_, now);
  running_ = s;
  began_ = std::chrono::steady_clock::now();
  const auto finished = on_own_turn([this, s, text, job_now] {
    if (running_ == s) {
      running_.reset();
      done(s, text, job_now);
    }
  });
  executor_->run([this_name = component_->name, object = instance_, s, text, job_now, now,
                  deadline, finished]() mutable {
    const auto event = describe(*job_now, *text, now, deadline);
    {
      // Whatever is logged meanwhile, by the plugin or for it, is about this.
      const logging::scope about(subject_of(this_name, job_now->row));
      object->handle(*s, event);
    }
    finished();
  });
  if (watched_) {
    delayed_send(this, component_->limits.step_hard + std::chrono::milliseconds(50),
                 task{[this, weak = std::weak_ptr<step>(s)] { overrun(weak.lock()); }});
  }
}

void shell::overrun(const std::shared_ptr<step>& s) {
  if (!s || running_ != s) {
    return;
  }
  running_.reset();
  s->abandoned = true;
  instance_->leak();
  executor_->abandon();
  ++abandoned_;
  make_executor();
  const auto j = current_;
  failed(*j, errc::timeout,
         "handle() did not return within " +
             std::to_string(component_->limits.step_hard.count()) + " ms");
  instance_failed("a step overran its deadline; its thread was abandoned");
}

logging::fields shell::subject_of(const std::string& component,
                                  const std::optional<delivery>& row) {
  return row && row->event ? logging::fields{.component = component,
                                             .case_id = row->event->case_id,
                                             .traceparent = row->event->traceparent}
                           : logging::fields{.component = component};
}

void shell::done(const std::shared_ptr<step>& s, const std::shared_ptr<event_text>& text,
                 const std::shared_ptr<job>& j) {
  ++steps_;
  const logging::scope about(subject_of(component_->name, j->row));
  take_note(*s, *j);
  for (const auto& why : s->refusals) {
    last_error_ = why;
    records_->write_often(
        "refused", why, j->row ? std::vector{j->row->seq} : std::vector<std::uint64_t>{});
  }
  if (s->status < 0 && j->row && j->row->attempt >= failures_max &&
      s->status != CDK_E_RETRY) {
    keep_repro(*s, *text, *j);
  }
  if (s->status == CDK_SKIPPED && j->row && j->row->kind != delivery_kind::message &&
      j->row->token != 0 && s->effects.empty()) {
    // Nobody handles this question or call here: whoever asked hears of it now.
    s->effects.emplace_back(
        reply_effect{j->row->token,
                     CDK_E_ABSENT,
                     {R"({"error":"the component has no handler"})", nullptr},
                     "",
                     {}});
  }
  if (allowance_->take(s->cost(), std::chrono::steady_clock::now())) {
    records_->write_often("refused", too_much(*component_));
  }
  if (s->status == CDK_OK || s->status == CDK_PENDING || s->status == CDK_SKIPPED) {
    commit(s, text, j);
    return;
  }
  if (!j->row) {
    if (j->kind == CDK_EV_START) {
      // INVALID says that the configuration can not work; anything else may pass.
      tell_started(s->status == CDK_E_INVALID
                       ? std::optional(error(errc::plugin, s->message))
                       : std::nullopt);
      instance_failed("START failed: " + s->message);
      return;
    }
    last_error_ = s->message;
    if (s->status == CDK_E_FATAL || s->status == CDK_E_DEADLINE) {
      instance_failed(s->message);
      return;
    }
    next();
    return;
  }
  switch (s->status) {
  case CDK_E_RETRY:
    retry(*j, s->message, s->retry_after_ms);
    break;
  case CDK_E_FATAL:
  case CDK_E_EXCEPTION:
  case CDK_E_DEADLINE:
    failed(*j, errc::plugin, s->message);
    instance_failed(s->message);
    return;
  default:
    bury(*j, errc::plugin, s->message);
    break;
  }
  next();
}

void shell::keep_repro(const step& s, const event_text& text, const job& j) const {
  if (env_.repro.empty() || component_->executor != executor_kind::process) {
    return;
  }
  const auto event = describe(j, text, s.now(), s.now() + component_->limits.step_hard);
  const auto kept = write_repro(env_.repro, {*component_, event, s.memory(), s.message});
  if (kept) {
    spdlog::warn("{}: repro bundle: {}", label(), kept->string());
  } else {
    spdlog::error("{}: {}", label(), kept.error().describe());
  }
}

void shell::commit(const std::shared_ptr<step>& s,
                   const std::shared_ptr<event_text>& text,
                   const std::shared_ptr<job>& j) {
  if (j->kind == CDK_EV_START) {
    tell_started(std::nullopt);
  }
  if (!j->row && s->effects.empty() && s->changes.empty()) {
    next();
    return;
  }
  ledger::unit u;
  u.name = "host.step";
  u.apply = [env = env_, component = component_, records = records_, s, text, j,
             line = next_line(*s, j->row ? j->row->tag.size() : 0)](
                ledger::transaction& tx) -> result<void> {
    return write_step(tx, env, *component, *s, *text, *j, line, *records);
  };
  u.applied = on_own_turn([this, s, j](const result<ledger::receipt>& r) {
    if (!r && r.error().code() == errc::unavailable) {
      quit(caf::make_error(caf::sec::runtime_error, r.error().describe()));
      return;
    }
    if (!r && r.error().code() != errc::conflict) {
      last_error_ = r.error().describe();
      const logging::scope about(subject_of(component_->name, j->row));
      spdlog::error("{}: a step could not be recorded: {}", label(), last_error_);
      if (j->row) {
        failed(*j, r.error().code(), last_error_);
      }
    } else if (r) {
      remember(s->changes);
    }
    // conflict: the delivery ended elsewhere (its request timed out); the step is void.
    next();
  });
  env_.store->submit(std::move(u));
}

void shell::take_note(const step& s, const job& j) {
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::steady_clock::now() - began_);
  vitals_.step(took, s.status < 0 && s.status != CDK_E_RETRY);
  if (took > component_->limits.step_soft) {
    ++slow_steps_;
    const auto why = "a step took more than " +
                     std::to_string(component_->limits.step_soft.count()) + " ms";
    if (const auto times = slow_seen_.note(why); times > 0) {
      spdlog::warn("{}: {} ({} ms for {}; {} times)", label(), why, took.count() / 1000,
                   j.row ? j.row->topic : "what has no topic", times);
    }
  }
  for (std::size_t i = 0; i < s.refusals.size(); ++i) {
    vitals_.refused();
  }
  for (const auto& e : s.effects) {
    const json* said = nullptr;
    if (const auto* propose = std::get_if<propose_effect>(&e)) {
      said = &propose->proposal;
    } else if (const auto* reply = std::get_if<reply_effect>(&e);
               reply && reply->payload.document) {
      said = reply->payload.document.get();
    }
    if (said != nullptr && said->is_object()) {
      if (const auto it = said->find("confidence");
          it != said->end() && it->is_number()) {
        vitals_.confidence(it->get<double>());
      } else if (const auto per_mille = said->find("confidence_permille");
                 per_mille != said->end() && per_mille->is_number()) {
        vitals_.confidence(per_mille->get<double>() / 1000);
      }
    }
  }
  if (j.row && j.row->kind == delivery_kind::decision) {
    vitals_.decided(j.row->status == CDK_OK);
  }
}

journal_line shell::next_line(const step& s, std::size_t tag_bytes) {
  auto line = line_of(++step_number_, seed_, s);
  window_.add(line, tag_bytes);
  return line;
}

void shell::remember(const memory_changes& changes) {
  if (changes.empty()) {
    return;
  }
  // Nobody reads the map now: the step that had it is over.
  memory_bytes_ = static_cast<std::size_t>(static_cast<std::ptrdiff_t>(memory_bytes_) +
                                           apply_changes(*memory_, changes));
  if (instance_) {
    instance_->remembered();
  }
}

// -- failures ------------------------------------------------------------

void shell::retry(job j, const std::string& why, std::uint32_t after_ms) {
  last_error_ = why;
  if (j.row->kind == delivery_kind::call && !j.row->idempotency_key.empty()) {
    answer_unknown(*j.row, "the connector wants to try again: " + why);
    return;
  }
  if (j.row->attempt >= retries_max) {
    bury(j, errc::plugin,
         "gave up after " + std::to_string(j.row->attempt) + " attempts: " + why);
    return;
  }
  const auto backoff =
      std::min<std::int64_t>(100ll << std::min(j.row->attempt, 9u), 30'000);
  const auto wait = std::chrono::milliseconds(after_ms > 0 ? after_ms : backoff);
  note_attempt(j);
  ++j.row->attempt;
  j.not_before = env_.time->now() + wait;
  queue_.push_front(std::move(j));
  delayed_send(this, wait + std::chrono::milliseconds(1), tick{});
}

void shell::failed(job j, errc code, const std::string& why) {
  ++failed_steps_;
  last_error_ = why;
  if (!j.row) {
    return;
  }
  if (j.row->kind == delivery_kind::call && !j.row->idempotency_key.empty()) {
    answer_unknown(*j.row, "the connector failed during the write: " + why);
    return;
  }
  if (j.row->attempt >= failures_max) {
    bury(j, code, why.empty() ? "the step failed twice" : why);
    return;
  }
  note_attempt(j);
  ++j.row->attempt;
  queue_.push_front(std::move(j));
}

void shell::note_attempt(const job& j) {
  ledger::unit u;
  u.name = "host.attempt";
  u.apply = [id = j.row->id, attempt = j.row->attempt, exchange = env_.exchange](
                ledger::transaction& tx) { return exchange->attempt(tx, id, attempt); };
  env_.store->submit(std::move(u));
}

void shell::bury(const job& j, errc code, const std::string& why) {
  ++dead_;
  last_error_ = why;
  const logging::scope about(subject_of(component_->name, j.row));
  spdlog::warn("{}: dead letter {}: {}", label(), j.row->topic, why);
  ledger::unit u;
  u.name = "host.bury";
  u.cls = ledger::record_class::a;
  u.apply = [d = *j.row, code, why, exchange = env_.exchange](ledger::transaction& tx) {
    return exchange->bury(tx, d, code, why);
  };
  env_.store->submit(std::move(u));
}

// -- stopping ------------------------------------------------------------

void shell::stop() {
  if (stopping_) {
    return;
  }
  stopping_ = true;
  state_ = "stopping";
  env_.exchange->detach(component_->name);
  if (!instance_) {
    quit(caf::exit_reason::user_shutdown);
    return;
  }
  const auto deadline = std::chrono::duration_cast<std::chrono::nanoseconds>(
      (env_.time->now() + std::chrono::seconds(3)).time_since_epoch());
  const auto stopped = on_own_turn([this] { quit(caf::exit_reason::user_shutdown); });
  executor_->run([object = instance_, deadline, stopped, says = says_]() mutable {
    *says = voice::told_to_stop;
    static_cast<void>(object->quiesce(CDK_QUIESCE_STOP, deadline.count()));
    stopped();
  });
}

status_report shell::report() const {
  json out{{"component", component_->name},
           {"plugin", component_->file->id()},
           {"version", component_->file->version()},
           {"sha256", component_->file->sha256_hex()},
           {"kind", component_->connector ? "connector" : "agent"},
           {"executor", to_string(component_->executor)},
           {"state", state_},
           {"queued", queue_.size() + moment_.size()},
           {"parked", parked_},
           {"steps", steps_},
           {"failed_steps", failed_steps_},
           {"dead_letters", dead_},
           {"restarts", restarts_},
           {"throttled", throttled_},
           {"slow_steps", slow_steps_},
           {"abandoned_threads", abandoned_},
           {"memory_bytes", memory_bytes_},
           {"last_error", last_error_},
           {"swaps", swaps_},
           {"swaps_back", swaps_back_},
           {"last_pause_us", last_pause_.count()}};
  if (probation_) {
    out["probation"] = {{"until", to_rfc3339(probation_->until)},
                        {"before", probation_->before->file->release()},
                        {"by", probation_->by},
                        {"since_then", vitals_.to_json()},
                        {"until_then", probation_->was.to_json()}};
  }
  if (change_) {
    out["changing_to"] = change_->next.what->file->release();
  }
  if (instance_) {
    out.update(instance_->place());
  }
  return {to_text(out)};
}

shell_handle start_shell(caf::actor_system& system, const environment& env,
                         std::shared_ptr<const component> what) {
  return system.spawn<shell>(env, std::move(what));
}

} // namespace crossdock::host
