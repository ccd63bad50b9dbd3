#include "base/ids.hpp"
#include "base/log.hpp"
#include "host/executor.hpp"
#include "host/host.hpp"
#include "host/instance.hpp"
#include "host/allowance.hpp"
#include "host/plugin_records.hpp"
#include "host/repro.hpp"
#include "host/staged_plugin.hpp"
#include "host/write_step.hpp"

#include <spdlog/spdlog.h>

#include <deque>
#include <map>
#include <set>

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
)sql"}};
}

namespace {

using dispatch::delivery;
using dispatch::delivery_kind;

/// Failures of one event before it becomes a dead letter: the second time is enough.
constexpr std::uint32_t failures_max = 2;
/// A plugin that asks for another try gets this many; then the event is a dead letter too.
constexpr std::uint32_t retries_max = 12;

class shell final : public host_actor<shell_handle> {
public:
  shell(caf::actor_config& config, environment env, std::shared_ptr<const component> what)
    : host_actor(config, "shell:" + what->name, env.taps),
      env_(std::move(env)),
      component_(std::move(what)),
      records_(std::make_shared<plugin_records>(env_.store, component_)),
      allowance_(std::make_shared<allowance>(
        static_cast<double>(component_->limits.effects_per_s),
        static_cast<double>(component_->limits.effects_max), std::chrono::steady_clock::now())),
      memory_(std::make_shared<memory_view>()),
      failures_(supervise::restart_policy::limits{}, env_.random) {}

  behavior_type make_behavior() override {
    make_executor();
    load();
    return {[](task& t) { t.run(); },
            [this](shut_down) { stop(); },
            [this](status_request) { return report(); },
            [this](deliver& d) { accept(std::move(d.what)); },
            [this](tick) { pump(); }};
  }

  void on_exit() override {
    env_.exchange->detach(component_->name);
    instance_.reset();
    executor_.reset();
  }

private:
  // -- starting ------------------------------------------------------------------------------

  void make_executor() {
    // What runs in a process of its own is waited for on a thread, which that process dies with.
    executor_ = component_->executor == executor_kind::scheduled
                  ? make_scheduled_executor()
                  : make_thread_executor(component_->name);
  }

  /// Reads memory and what is unfinished in one unit, so that nothing falls between.
  void load() {
    auto memory = std::make_shared<memory_view>();
    auto waiting = std::make_shared<std::vector<delivery>>();
    ledger::unit u;
    u.name = "host.load";
    u.apply = [memory, waiting, sink = sink_of<deliver>(), exchange = env_.exchange,
               name = component_->name](ledger::transaction& tx) -> result<void> {
      auto rows = tx.db().query("SELECT key, value, expires FROM memory WHERE component = ?",
                                {name});
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
      return {};
    };
    u.applied = on_own_turn([this, memory, waiting](const result<ledger::receipt>& r) {
      if (!r) {
        const logging::scope about({.component = component_->name});
        spdlog::error("{}: cannot start: {}", label(), r.error().describe());
        quit(caf::make_error(caf::sec::runtime_error, r.error().describe()));
        return;
      }
      memory_ = memory;
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
      create_instance();
    });
    env_.store->submit(std::move(u));
  }

  /// A delivery found in its row after a start. A write that may have been handed out before is
  /// never handed out again: what became of it is unknown until it is looked up.
  void admit_again(delivery d) {
    if (d.kind == delivery_kind::call && !d.idempotency_key.empty()) {
      from_rows_.insert(d.id);
      answer_unknown(std::move(d), "the node stopped before the outcome was known");
      return;
    }
    from_rows_.insert(d.id);
    queue_.push_back({static_cast<std::uint32_t>(d.kind), std::move(d), "", "", {}});
  }

  void answer_unknown(delivery d, std::string why) {
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

  instance_host callbacks() {
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
    h.post = [env = env_, component = component_, records = records_, told = told_to_stop_,
              allowed = allowance_, self = caf::actor_cast<caf::actor>(this)](
               std::string event, std::string cookie) -> cdk_status {
      if (*told) {
        records->write_often("refused", "post(): it was told to stop");
        return CDK_E_CANCELLED;
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
    h.ended = on_own_turn([this, generation = ++generation_](const std::string& how) {
      if (generation == generation_ && instance_ && !stopping_) {
        ended(how);
      }
    });
    return h;
  }

  /// From a connector's own thread: durable first, then the POSTED event says so.
  static cdk_status post(const environment& env, const std::shared_ptr<const component>& what,
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
      // What an agent says has the labels of its cause, and these are known in a step alone.
      return refuse(CDK_E_DENIED, "an agent sends within a step, never by itself");
    }
    auto parsed = parse_json(text, {.bytes = what->limits.payload_bytes_max});
    if (!parsed || !parsed->is_object()) {
      return refuse(CDK_E_INVALID, parsed ? "no JSON object" : parsed.error().describe());
    }
    static const std::set<std::string> members{"topic", "id", "key", "payload", "traceparent"};
    for (const auto& [name, value] : parsed->items()) {
      if (!members.contains(name)) {
        return refuse(CDK_E_INVALID, "an event has no member \"" + name +
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
    u.apply = [e = std::move(e), intake = env.intake](ledger::transaction& tx) -> result<void> {
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

  void create_instance() {
    if (stopping_) {
      return;
    }
    state_ = "creating";
    const auto started = on_own_turn([this](std::shared_ptr<instance> object, std::string why) {
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
    const surroundings around{env_.words, std::make_shared<memory_view>(*memory_), restarts_ > 0,
                              env_.plugin_host};
    executor_->run([what = component_, host = callbacks(), around, started]() mutable {
      auto created = make_instance(what, std::move(host), around);
      if (created) {
        started(*created, std::string());
      } else {
        started(std::shared_ptr<instance>(), created.error().describe());
      }
    });
  }

  /// Its process is gone, between steps or with one of them.
  void ended(const std::string& how) {
    if (running_) {
      return; // the step says so itself
    }
    if (busy_) {
      ended_ = how; // its last step is being recorded
      return;
    }
    instance_failed(how);
  }

  /// A step is over and recorded.
  void next() {
    busy_ = false;
    if (!ended_.empty() && instance_) {
      instance_failed(std::exchange(ended_, std::string()));
      return;
    }
    pump();
  }

  /// Throws the instance away and makes a new one after a backoff, unless that happened too
  /// often: then the component stands still, visibly, and its deliveries stay in their rows.
  void instance_failed(const std::string& why) {
    last_error_ = why;
    const logging::scope about({.component = component_->name});
    ++restarts_;
    ++generation_;
    ended_.clear();
    // Where it ran: what has a process of its own may take a moment to end.
    executor_->run([object = std::exchange(instance_, nullptr)]() mutable { object.reset(); });
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

  /// How the first activation went; later ones are told to nobody.
  void tell_started(const std::optional<error>& refused) {
    if (!told_started_ && env_.started) {
      env_.started(component_->name, refused);
    }
    told_started_ = true;
  }

  // -- the queue -----------------------------------------------------------------------------

  void accept(delivery d) {
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
      // Bounded: it stays in its row and is read from there when the queue has drained. Writes
      // are few and come once they are durable, out of the row order: they never park.
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

  /// Reads parked deliveries back once half of the queue is free, within a unit, so that
  /// deliveries which are applied but not yet committed are seen as well.
  void unpark() {
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

  void pump() {
    unpark();
    if (busy_ || !instance_ || stopping_ || waits_for_allowance()) {
      return;
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

  /// A component that asked for more than its allowance waits with its deliveries: nothing of it is
  /// lost.
  bool waits_for_allowance() {
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

  static std::string too_much(const component& what) {
    return "more than " + std::to_string(what.limits.effects_per_s) +
           " steps, effects and KiB of them a second: what is for it waits";
  }

  /// The next delivery. Each key keeps its order; a retry blocks its key alone. Across keys what
  /// belongs to a case goes first, because somebody waits for it, then the oldest.
  std::deque<job>::iterator choose() {
    constexpr std::size_t look_ahead_max = 1024; // bounds the cost of one choice
    const auto now = env_.time->now();
    std::set<std::string_view> earlier;
    auto oldest = queue_.end();
    std::size_t seen = 0;
    for (auto it = queue_.begin(); it != queue_.end() && seen < look_ahead_max; ++it, ++seen) {
      const std::string_view key = it->row->event->subject;
      const bool first_of_key = earlier.insert(key).second;
      if (!first_of_key || it->not_before > now) {
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

  // -- one step ------------------------------------------------------------------------------

  std::shared_ptr<event_text> text_of(const job& j) const {
    auto text = std::make_shared<event_text>();
    if (!j.row || !j.row->event) {
      text->payload = j.payload;
      return text;
    }
    text->payload = j.row->event->data;
    text->label_list = j.row->event->labels;
    // Free text from outside does not reach an agent, nor does its label: what the agent
    // derives rests on typed, schema-checked fields alone.
    const auto* entry =
      j.row->kind == delivery_kind::message ? env_.words->find(j.row->topic) : nullptr;
    if (entry != nullptr && !entry->untrusted.empty() && !component_->connector) {
      if (const auto document = document_of(*j.row->event)) {
        auto body = **document;
        for (const auto& field : entry->untrusted) {
          if (field.size() > 1) {
            body.erase(field.substr(1));
          }
        }
        text->payload = to_text(body);
        std::erase(text->label_list, "untrusted");
      }
    }
    text->labels = to_text(json(text->label_list));
    return text;
  }

  void run(job j) {
    busy_ = true;
    current_ = std::make_shared<job>(std::move(j));
    const auto job_now = current_;
    const auto now = env_.time->now();
    const auto deadline = now + component_->limits.step_hard;
    auto text = text_of(*job_now);
    auto s = std::make_shared<step>(component_, env_.words,
                                    env_.exchange->new_request_ids(component_->limits.effects_max),
                                    env_.random, memory_, memory_bytes_, now);
    running_ = s;
    started_at_ = now;
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
    if (component_->executor == executor_kind::thread) {
      delayed_send(this, component_->limits.step_hard + std::chrono::milliseconds(50),
                   task{[this, weak = std::weak_ptr<step>(s)] { overrun(weak.lock()); }});
    }
  }

  static cdk_event describe(const job& j, const event_text& text, timestamp now,
                            timestamp deadline) {
    using std::chrono::duration_cast;
    using std::chrono::nanoseconds;
    cdk_event e{};
    e.struct_size = sizeof e;
    e.kind = j.kind;
    e.attempt = j.row ? j.row->attempt : 1;
    e.flags = e.attempt > 1 ? CDK_F_REDELIVERY : 0;
    e.now_ns = duration_cast<nanoseconds>(now.time_since_epoch()).count();
    e.deadline_ns = duration_cast<nanoseconds>(deadline.time_since_epoch()).count();
    e.content_type = to_abi("application/json");
    e.payload = to_abi_bytes(text.payload);
    e.labels = to_abi(text.labels);
    e.tag = to_abi_bytes(j.tag);
    if (j.row) {
      const auto& d = *j.row;
      e.seq = d.seq;
      e.token = d.token;
      e.status = d.status;
      e.topic = to_abi(d.topic);
      e.idempotency_key = to_abi(d.idempotency_key);
      e.tag = to_abi_bytes(d.tag);
      e.id = to_abi(d.event->id);
      e.schema = to_abi(d.event->dataschema);
      e.key = to_abi(d.event->subject);
      e.case_id = to_abi(d.event->case_id);
      e.source = to_abi(d.event->source);
      e.tenant = to_abi(d.event->tenant);
      e.site = to_abi(d.event->site);
      e.traceparent = to_abi(d.event->traceparent);
    }
    return e;
  }

  /// A thread that does not come back: its step never happened, it is left behind with its
  /// instance, and a new instance takes over on a new thread.
  void overrun(const std::shared_ptr<step>& s) {
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

  static logging::fields subject_of(const std::string& component,
                                    const std::optional<delivery>& row) {
    return row && row->event ? logging::fields{.component = component,
                                               .case_id = row->event->case_id,
                                               .traceparent = row->event->traceparent}
                             : logging::fields{.component = component};
  }

  void done(const std::shared_ptr<step>& s, const std::shared_ptr<event_text>& text,
            const std::shared_ptr<job>& j) {
    ++steps_;
    const logging::scope about(subject_of(component_->name, j->row));
    for (const auto& why : s->refusals) {
      last_error_ = why;
      records_->write_often("refused", why,
                            j->row ? std::vector{j->row->seq} : std::vector<std::uint64_t>{});
    }
    if (s->status < 0 && j->row && j->row->attempt >= failures_max && s->status != CDK_E_RETRY) {
      keep_repro(*s, *text, *j);
    }
    if (s->status == CDK_SKIPPED && j->row && j->row->kind != delivery_kind::message &&
        j->row->token != 0 && s->effects.empty()) {
      // Nobody handles this question or call here: whoever asked hears of it now.
      s->effects.emplace_back(
        reply_effect{j->row->token, CDK_E_ABSENT,
                     {R"({"error":"the component has no handler"})", nullptr}, "", {}});
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
        tell_started(s->status == CDK_E_INVALID ? std::optional(error(errc::plugin, s->message))
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
    case CDK_E_RETRY: retry(*j, s->message, s->retry_after_ms); break;
    case CDK_E_FATAL:
    case CDK_E_EXCEPTION:
    case CDK_E_DEADLINE:
      failed(*j, errc::plugin, s->message);
      instance_failed(s->message);
      return;
    default: bury(*j, errc::plugin, s->message); break;
    }
    next();
  }

  /// For the vendor of a plugin in a process of its own: what made the step fail again.
  void keep_repro(const step& s, const event_text& text, const job& j) const {
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

  /// Effects, memory and the end of the delivery, whole or not at all.
  void commit(const std::shared_ptr<step>& s, const std::shared_ptr<event_text>& text,
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
    u.apply = [env = env_, component = component_, records = records_, s, text,
               j](ledger::transaction& tx) -> result<void> {
      return write_step(tx, env, *component, *s, *text, *j, *records);
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

  void remember(const memory_changes& changes) {
    if (changes.empty()) {
      return;
    }
    // Nobody reads the map now: the step that had it is over.
    for (const auto& [key, value] : changes) {
      if (const auto it = memory_->find(key); it != memory_->end()) {
        memory_bytes_ -= key.size() + it->second.bytes.size();
        memory_->erase(it);
      }
      if (value) {
        memory_bytes_ += key.size() + value->bytes.size();
        memory_->emplace(key, *value);
      }
    }
    if (instance_) {
      instance_->remembered();
    }
  }

  // -- failures ------------------------------------------------------------------------------

  void retry(job j, const std::string& why, std::uint32_t after_ms) {
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
    const auto backoff = std::min<std::int64_t>(100ll << std::min(j.row->attempt, 9u), 30'000);
    const auto wait = std::chrono::milliseconds(after_ms > 0 ? after_ms : backoff);
    note_attempt(j);
    ++j.row->attempt;
    j.not_before = env_.time->now() + wait;
    queue_.push_front(std::move(j));
    delayed_send(this, wait + std::chrono::milliseconds(1), tick{});
  }

  /// The event made the instance fail: once more, then it is a dead letter. A write is not
  /// handed out again.
  void failed(job j, errc code, const std::string& why) {
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

  void note_attempt(const job& j) {
    ledger::unit u;
    u.name = "host.attempt";
    u.apply = [id = j.row->id, attempt = j.row->attempt,
               exchange = env_.exchange](ledger::transaction& tx) {
      return exchange->attempt(tx, id, attempt);
    };
    env_.store->submit(std::move(u));
  }

  void bury(const job& j, errc code, const std::string& why) {
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

  // -- stopping ------------------------------------------------------------------------------

  void stop() {
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
    const auto stopped =
      on_own_turn([this] { quit(caf::exit_reason::user_shutdown); });
    executor_->run([object = instance_, deadline, stopped, told = told_to_stop_]() mutable {
      *told = true;
      object->quiesce(CDK_QUIESCE_STOP, deadline.count());
      stopped();
    });
  }

  status_report report() const {
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
                         {"abandoned_threads", abandoned_},
                         {"memory_bytes", memory_bytes_},
                         {"last_error", last_error_}};
    if (instance_) {
      out.update(instance_->place());
    }
    return {to_text(out)};
  }

  environment env_;
  std::shared_ptr<const component> component_;
  std::shared_ptr<plugin_records> records_;
  std::shared_ptr<allowance> allowance_;
  std::unique_ptr<executor> executor_;
  std::shared_ptr<instance> instance_;
  std::shared_ptr<memory_view> memory_;
  std::size_t memory_bytes_ = 0;
  supervise::restart_policy failures_;

  std::deque<job> queue_;  ///< with rows
  std::deque<job> moment_; ///< without: START, POSTED
  std::vector<delivery> early_;
  std::set<std::int64_t> from_rows_; ///< read from rows; a message for one is a repeat
  std::int64_t last_known_ = 0;
  bool loaded_ = false;
  bool busy_ = true;
  bool parked_ = false;
  bool reading_ = false;
  bool arrived_while_reading_ = false;
  bool stopping_ = false;
  bool told_started_ = false;
  std::shared_ptr<step> running_;
  std::shared_ptr<job> current_;
  timestamp started_at_{};

  std::string state_ = "loading";
  std::string last_error_;
  std::uint64_t steps_ = 0;
  std::uint64_t failed_steps_ = 0;
  std::uint64_t dead_ = 0;
  std::uint64_t restarts_ = 0;
  std::uint64_t abandoned_ = 0;
  bool waiting_ = false;
  std::uint64_t throttled_ = 0;
  std::uint64_t generation_ = 0; ///< of instances, so that a late word of an old one is known
  std::string ended_;            ///< how its process ended while a step was being recorded
  std::shared_ptr<std::atomic<bool>> told_to_stop_ = std::make_shared<std::atomic<bool>>(false);
  std::shared_ptr<std::atomic<std::uint64_t>> log_count_ =
    std::make_shared<std::atomic<std::uint64_t>>(0);
};

} // namespace

shell_handle start_shell(caf::actor_system& system, const environment& env,
                         std::shared_ptr<const component> what) {
  return system.spawn<shell>(env, std::move(what));
}

} // namespace crossdock::host
