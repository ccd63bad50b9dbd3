/// Run a plugin's component in a test, without a node: virtual time, scripted answers,
/// and every effect recorded to assert on. Header-only, C++17.
///
///   node_with<credit_hold> node{{{"overdue_days", 30}}};
///   node.on_call("erp.receivables.open", {{"oldest", 12}});
///   node.deliver("order.held", {{"order", "SO-1"}, {"customer", "C-7"}});
///   node.expect_proposal("erp.order.release", {{"order", "SO-1"}});
///
/// The same with a built file, in any language, and then also with the rights of its manifest:
///
///   fake_node node{load("plugins/credit-hold.so"), "acme.credit-hold", {{"overdue_days", 30}}};
///
/// What is guaranteed: as in the node, a step's effects happen together or not at all,
/// memory is committed with them, and answers, timers and timeouts arrive as events in
/// the order of virtual time. One thread, apart from post().
#pragma once

#include <algorithm>
#include <mutex>
#include <set>

#include <crossdock/testing_expect.hpp>
#include <crossdock/testing_file.hpp>
#include <crossdock/testing_records.hpp>

namespace crossdock::sdk::testing {

/// The host's side of one instance.
class fake_node {
public:
  using script = std::function<answer(const json& request)>;
  using creator =
      std::function<cdk_status(const cdk_host*, cdk_bytes, cdk_instance**, cdk_error*)>;

  /// A component of a plugin file, with no other rights than its manifest declares: as in the
  /// node, what it may not do is refused, and a capability it did not name does not exist.
  fake_node(const loaded_plugin& plugin, const std::string& component,
            const json& config = json::object())
      : fake_node{plugin.entry->plugin, creator_of(plugin.entry, component), config,
                  plugin.component(component)} {}

  /// A component behind an entry, with all rights.
  fake_node(const cdk_entry* entry, const std::string& component,
            const json& config = json::object())
      : fake_node{entry->plugin, creator_of(entry, component), config} {}

  /// `manifest` is the component's entry in the manifest, or null for all rights.
  fake_node(const cdk_plugin* table, creator create, json config, json manifest = nullptr)
      : table_{table}, create_{std::move(create)}, config_(std::move(config)),
        manifest_(std::move(manifest)) {
    fill_tables();
    make();
  }
  ~fake_node() { drop(); }
  fake_node(const fake_node&) = delete;
  fake_node& operator=(const fake_node&) = delete;

  /// What net/1 connects to: by the name in the manifest, a function that gives a connected
  /// descriptor, which is the component's from then on, or -1 if there is no connection now.
  std::map<std::string, std::function<int()>> endpoints;

  // -- recorded effects, in order
  // ---------------------------------------------------------
  std::vector<sent_event> sent;
  std::vector<made_proposal> proposals;
  std::vector<given_reply> replies;
  std::vector<logged_line> logs; ///< kept even if the step fails
  /// Values that are no JSON are json::binary.
  std::map<std::string, json> memory;
  std::map<std::string, double> metrics; ///< counters summed, gauges latest
  /// What the host did not accept, with the reason and the remedy; kept if the step fails.
  std::vector<std::string> refusals;

  // -- expectations
  // -------------------------------------------------------------------------
  // Each throws expectation_failed that says what was expected and lists what came. Payloads
  // and arguments need to mention only what matters.

  /// Exactly one event was sent on `topic`, and it has these members.
  const sent_event& expect_sent(const std::string& topic,
                                const json& members = json::object()) const {
    return only("one event on " + topic, sent, members,
                [&](const sent_event& e) { return e.topic == topic; },
                [](const sent_event& e) -> const json& { return e.payload; });
  }
  /// Exactly one proposal of `tool` was made, and its arguments have these members.
  const made_proposal& expect_proposal(const std::string& tool,
                                       const json& members = json::object()) const {
    return only("one proposal of " + tool, proposals, members,
                [&](const made_proposal& p) { return p.tool == tool; },
                [](const made_proposal& p) -> const json& { return p.args; });
  }
  /// Exactly one call of `tool` or question of that name waits for its answer.
  const made_request& expect_request(const std::string& name,
                                     const json& members = json::object()) const {
    return only("one open request of " + name, requests_, members,
                [&](const made_request& r) { return r.name == name; },
                [](const made_request& r) -> const json& { return r.payload; });
  }
  /// Nothing was sent, proposed, asked, called or answered, and no timer runs.
  void expect_no_effects() const {
    if (!sent.empty() || !proposals.empty() || !requests_.empty() || !replies.empty() ||
        !timers_.empty())
      throw expectation_failed{"expected: no effects" + came()};
  }
  /// Memory holds `value` under `key`.
  void expect_memory(const std::string& key, const json& value) const {
    const auto found = memory.find(key);
    if (found == memory.end() || found->second != value)
      throw expectation_failed{"expected: memory '" + key + "' is " + value.dump() + came()};
  }
  /// A step succeeded; use it around deliver() and the others.
  void expect_done(cdk_status status) const {
    if (status < 0)
      throw expectation_failed{"expected: the step is done\n  but it said " +
                               std::string{status_name(status)} +
                               (error_.empty() ? "" : ": " + error_)};
  }
  /// Everything that came of the steps so far, as lines for people.
  std::string summary() const {
    std::string out;
    const auto line = [&](const std::string& text) { out += "\n    " + text; };
    for (const auto& e : sent)
      line("sent " + e.topic + " " + e.payload.dump());
    for (const auto& p : proposals)
      line("proposed " + p.tool + " " + p.args.dump());
    for (const auto& r : requests_)
      line("waits for " + r.kind + " " + r.name + " " + r.payload.dump());
    for (const auto& t : timers_)
      line("timer at " + rfc3339(t.due_ns) + " " + t.tag);
    for (const auto& r : replies)
      line("answered " + std::string{status_name(r.status)} + " " + r.payload.dump());
    for (const auto& [key, value] : memory)
      line("remembers " + key + ": " + (value.is_binary() ? "(bytes)" : value.dump()));
    for (const auto& why : refusals)
      line("was refused: " + why);
    if (!error_.empty())
      line("last step failed: " + error_);
    return out;
  }

  /// Requests without an answer yet.
  const std::vector<made_request>& outstanding() const { return requests_; }
  const std::vector<set_timer>& timers() const { return timers_; }
  /// Text of the last error of a step or of create; empty after a success.
  const std::string& error() const { return error_; }
  std::uint32_t retry_after_ms() const { return retry_after_ms_; }

  // -- scripts
  // ------------------------------------------------------------------------------
  template <class Script>
  void on_call(const std::string& tool, Script s) {
    set_script("call:" + tool, s);
  }
  template <class Script>
  void on_ask(const std::string& question, Script s) {
    set_script("ask:" + question, s);
  }
  void on_call(const std::string& tool, const json& payload, cdk_status status = CDK_OK) {
    scripts_["call:" + tool] = [=](const json&) { return answer{payload, status}; };
  }
  void on_ask(const std::string& question, const json& payload,
              cdk_status status = CDK_OK) {
    scripts_["ask:" + question] = [=](const json&) { return answer{payload, status}; };
  }
  void on_call(const std::string& tool, json::initializer_list_t members) {
    on_call(tool, json(members));
  }
  void on_ask(const std::string& question, json::initializer_list_t members) {
    on_ask(question, json(members));
  }

  // -- events
  // -------------------------------------------------------------------------------
  cdk_status start() {
    cdk_event e = blank(CDK_EV_START);
    return run(e);
  }
  cdk_status deliver(const std::string& topic, const json& payload,
                     const std::string& key = {}, const std::string& id = {}) {
    declared("consumes", "topic", topic);
    cdk_event e = blank(CDK_EV_MESSAGE);
    const auto text = payload.dump();
    e.topic = detail::str(topic);
    e.key = detail::str(key);
    e.id = detail::str(id);
    e.payload = detail::bytes(text);
    return run(e);
  }
  /// Asks this component. A deferred answer appears in `replies` later.
  answered ask(const std::string& question, const json& payload) {
    declared("answers", "question", question);
    return request_of(CDK_EV_ASK, question, payload, {});
  }
  /// Calls a tool of this connector.
  answered call(const std::string& tool, const json& args,
                const std::string& idempotency_key = {}) {
    declared("offers", "tool", tool);
    return request_of(CDK_EV_CALL, tool, args, idempotency_key);
  }
  answered lookup(const std::string& tool, const json& args,
                  const std::string& idempotency_key) {
    declared("offers", "tool", tool);
    return request_of(CDK_EV_LOOKUP, tool, args, idempotency_key);
  }
  cdk_status configure(const json& config) {
    cdk_event e = blank(CDK_EV_CONFIG);
    const auto text = config.dump();
    e.payload = detail::bytes(text);
    const auto status = run(e);
    if (status >= 0)
      config_ = config;
    return status;
  }
  /// Answers an outstanding request.
  cdk_status respond(std::uint64_t id, const json& payload, cdk_status status = CDK_OK) {
    const auto it = std::find_if(requests_.begin(), requests_.end(),
                                 [&](const made_request& r) { return r.id == id; });
    if (it == requests_.end())
      throw expectation_failed{"expected: an open request " + std::to_string(id) + came()};
    const made_request r = *it;
    requests_.erase(it);
    return result(r, answer{payload, status});
  }
  /// Tells the component what became of a proposal.
  cdk_status decide(const made_proposal& p, cdk_status status,
                    const json& payload = json::object()) {
    cdk_event e = blank(CDK_EV_DECISION);
    const auto text = payload.dump();
    e.token = p.id;
    e.topic = detail::str(p.tool);
    e.status = status;
    e.payload = detail::bytes(text);
    e.tag = detail::bytes(p.tag);
    return run(e);
  }
  /// Confirms everything handed in with post() so far; returns it.
  std::vector<posted_event> confirm_posts() {
    std::vector<posted_event> all;
    {
      const std::lock_guard lock{posts_mutex_};
      all.swap(posts_);
    }
    for (const auto& p : all) {
      cdk_event e = blank(CDK_EV_POSTED);
      e.tag = detail::bytes(p.cookie);
      run(e);
    }
    return all;
  }

  // -- odd corners
  /// An event to fill in and give(); nothing is checked, so it may be one that no node sends.
  cdk_event event(std::uint32_t kind) { return blank(kind); }
  cdk_status give(cdk_event& e) { return run(e); }
  /// The host's table, as create() is given it.
  const cdk_host* host() const { return &host_; }
  /// The n-th call of a host function in a step from now on is refused with CDK_E_LIMIT.
  void fail_call(unsigned n) { fail_in_ = n; }
  /// Whether that call has been made.
  bool call_failed() const { return fail_in_ == 0; }

  // -- time
  // ---------------------------------------------------------------------------------
  std::int64_t now() const { return now_ns_; }
  void set_now(std::string_view instant) { now_ns_ = parse_instant(instant); }
  /// Lets time pass: due timers and timeouts arrive in order.
  void advance(std::chrono::nanoseconds by) {
    const auto until = now_ns_ + by.count();
    for (;;) {
      const auto t = std::min_element(timers_.begin(), timers_.end(), earlier<set_timer>);
      const auto r =
          std::min_element(requests_.begin(), requests_.end(), earlier<made_request>);
      const bool timer_first =
          t != timers_.end() && (r == requests_.end() || t->due_ns <= r->due_ns);
      if (timer_first && t->due_ns <= until) {
        const set_timer due = *t;
        timers_.erase(t);
        now_ns_ = std::max(now_ns_, due.due_ns);
        cdk_event e = blank(CDK_EV_TIMER);
        e.token = due.id;
        e.tag = detail::bytes(due.tag);
        if (run(e) < 0)
          retry(due);
      } else if (r != requests_.end() && r->due_ns <= until) {
        const made_request due = *r;
        requests_.erase(r);
        now_ns_ = std::max(now_ns_, due.due_ns);
        result(due, answer{nullptr, CDK_E_DEADLINE});
      } else {
        break;
      }
    }
    now_ns_ = until;
    forget_expired();
  }

  // -- life
  // ---------------------------------------------------------------------------------
  /// As after a crash: the instance is gone, its durable memory, timers and requests are
  /// not.
  void restart() {
    drop();
    make();
  }
  /// As in a hot swap: quiesce, snapshot, a new instance, restore.
  void swap(std::uint32_t state_schema = 1) {
    cdk_error error = blank_error();
    table_->quiesce(instance_, CDK_QUIESCE_SWAP, now_ns_, &error);
    const auto state = snapshot();
    drop();
    make();
    need(restore(state, state_schema), error);
  }
  /// The state of the instance. Throws with the component's reason.
  std::string snapshot() {
    cdk_error error = blank_error();
    std::string state;
    const cdk_writer writer{&state, [](void* ctx, const void* data, std::uint64_t len) {
                              // Short writes are legal, so a test makes them.
                              const auto part = std::min<std::uint64_t>(len, 61);
                              static_cast<std::string*>(ctx)->append(
                                  static_cast<const char*>(data),
                                  static_cast<std::size_t>(part));
                              return static_cast<std::int64_t>(part);
                            }};
    need(table_->snapshot(instance_, &writer, &error), error);
    return state;
  }
  /// What the component says of a state; error() has its reason.
  cdk_status restore(std::string_view rest, std::uint32_t state_schema = 1) {
    cdk_error error = blank_error();
    const cdk_reader reader{&rest, [](void* ctx, void* data, std::uint64_t len) {
                              auto& from = *static_cast<std::string_view*>(ctx);
                              const auto part = std::min<std::uint64_t>(
                                  {len, from.size(), std::uint64_t{53}});
                              std::copy_n(from.begin(), static_cast<std::size_t>(part),
                                          static_cast<char*>(data));
                              from.remove_prefix(static_cast<std::size_t>(part));
                              return static_cast<std::int64_t>(part);
                            }};
    const auto status = table_->restore(instance_, state_schema, &reader, &error);
    error_ = status < 0 ? text_of(error) : "";
    return status;
  }
  /// The next step runs, but its effects are lost and the instance with it: the machine
  /// died before the commit.
  void lose_next_step() { lose_next_ = true; }
  /// Throws with the component's reason if the probe fails.
  json probe(std::uint32_t depth) {
    cdk_error error = blank_error();
    std::string report;
    const cdk_writer writer{&report, [](void* ctx, const void* data, std::uint64_t len) {
                              static_cast<std::string*>(ctx)->append(
                                  static_cast<const char*>(data),
                                  static_cast<std::size_t>(len));
                              return static_cast<std::int64_t>(len);
                            }};
    need(table_->probe(instance_, depth, &writer, &error), error);
    return report.empty() ? json::object() : json::parse(report);
  }

private:
  /// What a step has asked for so far.
  struct buffer {
    std::vector<sent_event> sent;
    std::vector<made_request> requests;
    std::vector<set_timer> timers;
    std::vector<std::uint64_t> cancelled;
    std::vector<given_reply> replies;
    std::vector<made_proposal> proposals;
    std::map<std::string, std::optional<std::string>> memory;
    std::map<std::string, std::int64_t> expiry; ///< of what memory puts for a time
    std::deque<std::string> arena; ///< bytes handed out by memory get
  };

  template <class Due>
  static bool earlier(const Due& a, const Due& b) {
    return a.due_ns != b.due_ns ? a.due_ns < b.due_ns : a.id < b.id;
  }
  static cdk_error blank_error() {
    cdk_error e{};
    e.struct_size = sizeof e;
    return e;
  }
  static json parsed(cdk_bytes b) {
    const auto text = detail::view(b);
    return text.empty() ? json{} : json::parse(text.begin(), text.end());
  }
  /// What is no JSON is kept as bytes.
  static json parsed_or_bytes(std::string_view text) {
    auto j = json::parse(text.begin(), text.end(), nullptr, false);
    return j.is_discarded() ? json::binary({text.begin(), text.end()}) : j;
  }
  static std::string stored(const json& value) {
    if (!value.is_binary())
      return value.dump();
    return {value.get_binary().begin(), value.get_binary().end()};
  }
  static creator creator_of(const cdk_entry* entry, const std::string& component) {
    return [entry, component](const cdk_host* h, cdk_bytes c, cdk_instance** out,
                              cdk_error* e) {
      return entry->plugin->create(h, detail::str(component), c, out, e);
    };
  }

  std::string came() const {
    const auto all = summary();
    return "\n  but it came to:" + (all.empty() ? std::string{" nothing"} : all);
  }
  template <class Record, class Wanted, class Payload>
  const Record& only(const std::string& what, const std::vector<Record>& all,
                     const json& members, Wanted wanted, Payload payload) const {
    const auto count = std::count_if(all.begin(), all.end(), wanted);
    if (count != 1)
      throw expectation_failed{"expected: " + what + ", there are " +
                               std::to_string(count) + came()};
    const auto& found = *std::find_if(all.begin(), all.end(), wanted);
    if (const auto why = internal::difference(members, payload(found)); !why.empty())
      throw expectation_failed{"expected: " + what + " with " + members.dump() + "\n  but " +
                               why + came()};
    return found;
  }

  // -- the manifest's rights
  /// Whether the manifest names `word` in `list`, whose entries are words or objects.
  bool may(const char* list, const char* member, std::string_view word) const {
    if (manifest_.is_null())
      return true;
    for (const auto& entry : manifest_.at(list))
      if ((entry.is_object() ? entry.at(member) : entry) == word)
        return true;
    return false;
  }
  /// For what a test sends in: a node would never deliver it.
  void declared(const char* list, const char* member, const std::string& word) const {
    if (!may(list, member, word))
      throw std::logic_error{"a node would not deliver '" + word + "': " +
                             manifest_.at("id").get<std::string>() +
                             " does not name it under " + list + " in plugin.toml"};
  }
  cdk_status refuse(cdk_status status, std::string why) {
    refusals.push_back(std::move(why));
    return status;
  }
  cdk_status check(const char* list, const char* member, std::string_view word) {
    if (may(list, member, word))
      return CDK_OK;
    return refuse(CDK_E_DENIED, "'" + std::string{word} + "' is not under " + list +
                                    " of " + manifest_.at("id").get<std::string>() +
                                    " in plugin.toml");
  }
  static std::size_t effects_of(const buffer& b) {
    return b.sent.size() + b.requests.size() + b.timers.size() + b.replies.size() +
           b.proposals.size() + b.cancelled.size();
  }
  cdk_status room_for(const buffer& b, std::uint64_t bytes) {
    if (effects_of(b) >= limits_.effects_per_step_max)
      return refuse(CDK_E_LIMIT, "more than " + std::to_string(limits_.effects_per_step_max) +
                                     " effects in one step");
    if (bytes > limits_.payload_bytes_max)
      return refuse(CDK_E_LIMIT, "a payload of " + std::to_string(bytes) +
                                     " bytes; at most " +
                                     std::to_string(limits_.payload_bytes_max));
    return CDK_OK;
  }
  void forget_expired() {
    for (auto it = expiry_.begin(); it != expiry_.end();) {
      if (it->second > now_ns_) {
        ++it;
        continue;
      }
      memory.erase(it->first);
      it = expiry_.erase(it);
    }
  }
  static std::string text_of(const cdk_error& e) {
    return {e.message, std::min<std::size_t>(e.message_len, sizeof e.message)};
  }
  static void need(cdk_status status, const cdk_error& e) {
    if (status < 0)
      throw std::runtime_error{e.message_len == 0 ? status_name(status) : text_of(e)};
  }
  template <class Script>
  void set_script(const std::string& name, Script s) {
    if constexpr (std::is_invocable_r_v<answer, Script, const json&>)
      scripts_[name] = std::move(s);
    else if constexpr (std::is_invocable_r_v<json, Script, const json&>)
      scripts_[name] = [s](const json& request) { return answer{s(request), CDK_OK}; };
    else
      scripts_[name] = [fixed = json(s)](const json&) { return answer{fixed, CDK_OK}; };
  }

  cdk_event blank(std::uint32_t kind) {
    cdk_event e{};
    e.struct_size = sizeof e;
    e.kind = kind;
    e.attempt = 1;
    e.seq = kind == CDK_EV_START || kind == CDK_EV_CONFIG ? 0 : ++seq_;
    e.now_ns = now_ns_;
    e.deadline_ns = now_ns_ + 5'000'000'000;
    e.case_id = detail::str("case-1");
    e.tenant = detail::str("test");
    e.content_type = detail::str("application/json");
    return e;
  }

  /// One step and then every answer that is scripted, until nothing is left.
  cdk_status run(cdk_event& e) {
    const auto status = one_step(e);
    drain();
    return status;
  }
  cdk_status one_step(cdk_event& e) {
    forget_expired();
    buffer_ = std::make_unique<buffer>();
    const auto refused_before = refusals.size();
    cdk_error error = blank_error();
    const auto status =
        table_->handle(instance_, reinterpret_cast<cdk_step*>(this), &e, &error);
    const auto effects = std::move(buffer_);
    error_ = status < 0 ? text_of(error) : "";
    for (auto i = refused_before; status < 0 && i < refusals.size(); ++i)
      error_ += (error_.empty() ? "" : "; ") + refusals[i];
    retry_after_ms_ = status < 0 ? error.retry_after_ms : 0;
    if (lose_next_) {
      lose_next_ = false;
      restart();
      return CDK_E_FATAL;
    }
    if (status >= 0)
      commit(*effects);
    return status;
  }
  void commit(buffer& b) {
    const auto append = [](auto& to, auto& from) {
      std::move(from.begin(), from.end(), std::back_inserter(to));
    };
    append(sent, b.sent);
    append(requests_, b.requests);
    append(timers_, b.timers);
    append(replies, b.replies);
    append(proposals, b.proposals);
    for (const auto id : b.cancelled) {
      const auto is = [id](const auto& x) { return x.id == id; };
      requests_.erase(std::remove_if(requests_.begin(), requests_.end(), is),
                      requests_.end());
      timers_.erase(std::remove_if(timers_.begin(), timers_.end(), is), timers_.end());
    }
    for (const auto& [key, value] : b.memory) {
      expiry_.erase(key);
      if (value)
        memory[key] = parsed_or_bytes(*value);
      else
        memory.erase(key);
    }
    for (const auto& [key, when] : b.expiry)
      expiry_[key] = when;
  }
  void drain() {
    for (int round = 0; round < 10'000; ++round) {
      const auto it =
          std::find_if(requests_.begin(), requests_.end(), [&](const auto& r) {
            return scripts_.count(r.kind + ":" + r.name) != 0;
          });
      if (it == requests_.end())
        return;
      const made_request r = *it;
      requests_.erase(it);
      const auto scripted = scripts_[r.kind + ":" + r.name](r.payload);
      auto e = result_event(r, scripted);
      const auto text = scripted.payload.is_null() ? "" : scripted.payload.dump();
      e.payload = detail::bytes(text);
      one_step(e);
    }
    throw std::runtime_error{"the component asks without end"};
  }
  cdk_event result_event(const made_request& r, const answer& a) {
    auto e = blank(CDK_EV_RESULT);
    e.token = r.id;
    e.topic = detail::str(r.name);
    e.status = a.status;
    e.tag = detail::bytes(r.tag);
    return e;
  }
  cdk_status result(const made_request& r, const answer& a) {
    auto e = result_event(r, a);
    const auto text = a.payload.is_null() ? "" : a.payload.dump();
    e.payload = detail::bytes(text);
    return run(e);
  }
  /// A failed timer step comes again, as in the node, after the backoff it asked for.
  void retry(set_timer t) {
    t.due_ns = now_ns_ + 1'000'000 * std::int64_t{std::max(retry_after_ms_, 100u)};
    timers_.push_back(std::move(t));
  }
  answered request_of(std::uint32_t kind, const std::string& name, const json& payload,
                      const std::string& idempotency_key) {
    auto e = blank(kind);
    const auto text = payload.dump();
    e.topic = detail::str(name);
    e.payload = detail::bytes(text);
    e.idempotency_key = detail::str(idempotency_key);
    e.token = ++ids_;
    const auto token = e.token;
    answered out;
    out.step = one_step(e);
    out.error = error_;
    drain();
    for (const auto& r : replies)
      if (r.token == token)
        out.reply = r;
    return out;
  }

  void make() {
    cdk_error error = blank_error();
    const auto text = config_.is_null() ? std::string{"{}"} : config_.dump();
    const auto status = create_(&host_, detail::bytes(text), &instance_, &error);
    error_ = status < 0 ? text_of(error) : "";
    need(status, error);
    if (!instance_)
      throw std::runtime_error{"create() said it is done but gave no instance"};
  }
  void drop() {
    if (instance_)
      table_->destroy(std::exchange(instance_, nullptr));
  }

  // -- the host's functions
  // -------------------------------------------------------------------
  static fake_node& of(cdk_step* s) { return *reinterpret_cast<fake_node*>(s); }
  static fake_node& of(const cdk_host* h) { return *static_cast<fake_node*>(h->ctx); }
  /// Runs `body` on the open step; a host function throws nothing.
  template <class Body>
  static cdk_status in_step(cdk_step* s, Body body) noexcept {
    try {
      auto& node = of(s);
      if (!node.buffer_)
        return CDK_E_CANCELLED;
      if (node.fail_in_ > 0 && --node.fail_in_ == 0)
        return CDK_E_LIMIT;
      return body(node, *node.buffer_);
    } catch (const json::exception&) {
      return CDK_E_INVALID;
    } catch (...) {
      return CDK_E_LIMIT;
    }
  }
  static std::uint64_t give_id(fake_node& node, std::uint64_t* id) {
    ++node.ids_;
    if (id) // a plugin that does not want to cancel may leave it out
      *id = node.ids_;
    return node.ids_;
  }
  static cdk_status add_request(cdk_step* s, const char* kind, cdk_str name,
                                cdk_bytes body, std::uint64_t timeout_ms, cdk_bytes tag,
                                std::uint64_t* id) noexcept {
    return in_step(s, [&](fake_node& node, buffer& b) {
      cdk_status allowed = node.room_for(b, body.len + tag.len);
      if (allowed == CDK_OK && std::string_view{kind} == "ask")
        allowed = node.check("asks", "question", detail::view(name));
      if (allowed == CDK_OK && std::string_view{kind} == "call")
        allowed = node.check("calls", "tool", detail::view(name));
      if (allowed != CDK_OK)
        return allowed;
      const auto number = give_id(node, id);
      b.requests.push_back(
          {number, kind, std::string{detail::view(name)}, parsed(body),
           std::string{detail::view(tag)},
           node.now_ns_ + static_cast<std::int64_t>(timeout_ms) * 1'000'000});
      return CDK_OK;
    });
  }

  void fill_tables() {
    host_.struct_size = sizeof host_;
    host_.abi_major = CDK_ABI_MAJOR;
    host_.abi_minor = CDK_ABI_MINOR;
    host_.ctx = this;
    host_.get_extension = [](const cdk_host* h, cdk_str id) -> const void* {
      const auto name = detail::view(id);
      auto& node = of(h);
      if (name == CDK_CAP_LIMITS)
        return &node.limits_;
      if (!node.may("capabilities", "", name))
        return nullptr;
      if (name == CDK_CAP_TOOL)
        return &node.tool_;
      if (name == CDK_CAP_PROPOSE)
        return &node.propose_;
      if (name == CDK_CAP_MEMORY)
        return &node.memory_;
      if (name == CDK_CAP_MODEL)
        return &node.model_;
      if (name == CDK_CAP_NET)
        return &node.net_;
      return name == CDK_CAP_SEARCH ? &node.search_ : nullptr;
    };
    host_.log = [](const cdk_host* h, std::uint32_t l, cdk_str message, cdk_str fields) {
      auto& node = of(h);
      const std::lock_guard lock{node.posts_mutex_};
      const auto text = detail::view(fields);
      auto f = text.empty() ? json::object() : json::parse(text, nullptr, false);
      if (!f.is_object())
        node.refuse(CDK_E_INVALID, "the fields of a log line are no JSON object");
      node.logs.push_back(
          {static_cast<level>(l), std::string{detail::view(message)}, std::move(f)});
    };
    host_.metric = [](const cdk_host* h, std::uint32_t kind, cdk_str name, double value,
                      cdk_str) {
      auto& node = of(h);
      const std::lock_guard lock{node.posts_mutex_};
      auto& metric = node.metrics[std::string{detail::view(name)}];
      metric = kind == CDK_METRIC_COUNTER ? metric + value : value;
    };
    host_.post = [](const cdk_host* h, cdk_bytes event_json,
                    cdk_bytes cookie) -> cdk_status {
      auto& node = of(h);
      const std::lock_guard lock{node.posts_mutex_};
      const auto text = detail::view(event_json);
      auto event = text.empty() ? json{} : json::parse(text, nullptr, false);
      if (event.is_discarded())
        return node.refuse(CDK_E_INVALID, "a posted event is not JSON");
      if (!event.is_null())
        if (const auto s = node.check("produces", "topic", event.value("topic", ""));
            s != CDK_OK)
          return s;
      node.posts_.push_back({std::move(event), std::string{detail::view(cookie)}});
      return CDK_OK;
    };
    host_.send = [](cdk_step* s, cdk_str topic, cdk_str id, cdk_str key,
                    cdk_bytes payload) {
      return in_step(s, [&](fake_node& node, buffer& b) {
        if (const auto full = node.room_for(b, payload.len); full != CDK_OK)
          return full;
        if (const auto no = node.check("produces", "topic", detail::view(topic));
            no != CDK_OK)
          return no;
        b.sent.push_back({std::string{detail::view(topic)}, std::string{detail::view(id)},
                          std::string{detail::view(key)}, parsed(payload)});
        return CDK_OK;
      });
    };
    host_.ask = [](cdk_step* s, cdk_str question, cdk_bytes payload,
                   std::uint64_t timeout, cdk_bytes tag, std::uint64_t* id) {
      return add_request(s, "ask", question, payload, timeout, tag, id);
    };
    host_.reply = [](cdk_step* s, std::uint64_t token, cdk_status status,
                     cdk_bytes payload) {
      return in_step(s, [&](fake_node& node, buffer& b) {
        const auto same = [token](const given_reply& r) { return r.token == token; };
        if (std::any_of(b.replies.begin(), b.replies.end(), same) ||
            std::any_of(node.replies.begin(), node.replies.end(), same))
          return CDK_E_INVALID;
        b.replies.push_back({token, status, parsed(payload)});
        return CDK_OK;
      });
    };
    host_.timer = [](cdk_step* s, std::uint64_t delay_ms, cdk_bytes tag,
                     std::uint64_t* id) {
      return in_step(s, [&](fake_node& node, buffer& b) {
        if (const auto full = node.room_for(b, tag.len); full != CDK_OK)
          return full;
        b.timers.push_back(
            {give_id(node, id), node.now_ns_ + static_cast<std::int64_t>(delay_ms) * 1'000'000,
             std::string{detail::view(tag)}});
        return CDK_OK;
      });
    };
    host_.cancel = [](cdk_step* s, std::uint64_t id) {
      return in_step(s, [&](fake_node&, buffer& b) {
        b.cancelled.push_back(id);
        return CDK_OK;
      });
    };
    host_.random = [](cdk_step* s, void* out, std::uint64_t len) {
      return in_step(s, [&](fake_node& node, buffer&) {
        auto* to = static_cast<unsigned char*>(out);
        for (std::uint64_t i = 0; i < len; ++i) { // splitmix64, seeded with a constant
          auto z = node.random_ += 0x9e3779b97f4a7c15u;
          z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
          z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
          to[i] = static_cast<unsigned char>(z >> 56);
        }
        return CDK_OK;
      });
    };
    fill_capabilities();
  }

  void fill_capabilities() {
    tool_.struct_size = sizeof tool_;
    tool_.call = [](cdk_step* s, cdk_str tool, cdk_bytes args, std::uint64_t timeout,
                    cdk_bytes tag, std::uint64_t* id) {
      return add_request(s, "call", tool, args, timeout, tag, id);
    };
    model_.struct_size = sizeof model_;
    model_.complete = [](cdk_step* s, cdk_bytes request, std::uint64_t timeout,
                         cdk_bytes tag, std::uint64_t* id) {
      return add_request(s, "complete", detail::str("model"), request, timeout, tag, id);
    };
    net_.struct_size = sizeof net_;
    net_.connect = [](const cdk_host* h, cdk_str endpoint, std::int32_t* fd) -> cdk_status {
      auto& node = of(h);
      const auto name = std::string{detail::view(endpoint)};
      const auto it = node.endpoints.find(name);
      if (it == node.endpoints.end()) {
        const std::lock_guard lock{node.posts_mutex_};
        return node.refuse(CDK_E_DENIED, "the endpoint '" + name + "' is not granted");
      }
      *fd = it->second();
      return *fd < 0 ? CDK_E_RETRY : CDK_OK;
    };
    search_.struct_size = sizeof search_;
    search_.query = [](cdk_step* s, cdk_bytes request, std::uint64_t timeout,
                       cdk_bytes tag, std::uint64_t* id) {
      return add_request(s, "search", detail::str("search"), request, timeout, tag, id);
    };
    propose_.struct_size = sizeof propose_;
    propose_.propose = [](cdk_step* s, const cdk_proposal* p, std::uint64_t* id) {
      return in_step(s, [&](fake_node& node, buffer& b) {
        const auto text = [](cdk_str t) { return std::string{detail::view(t)}; };
        if (const auto no = node.check("proposes", "tool", detail::view(p->tool));
            no != CDK_OK)
          return no;
        if (const auto full = node.room_for(b, p->args.len); full != CDK_OK)
          return full;
        if (!std::isfinite(p->confidence) || p->confidence < 0 || p->confidence > 1)
          return node.refuse(CDK_E_INVALID, "confidence is a number from 0 to 1");
        b.proposals.push_back(
            {give_id(node, id), text(p->tool), parsed(p->args), p->score, p->confidence,
             parsed(p->basis), text(p->rationale), parsed(p->rationale_facts),
             parsed(p->evidence), parsed(p->alternatives), text(p->amount),
             text(p->currency), parsed(p->expected_value), text(p->if_nothing_is_done),
             text(p->object_key), p->expires_s, std::string{detail::view(p->tag)}});
        return CDK_OK;
      });
    };
    memory_.struct_size = sizeof memory_;
    memory_.get = [](cdk_step* s, cdk_str key, cdk_bytes* out) {
      return in_step(s, [&](fake_node& node, buffer& b) {
        const auto name = std::string{detail::view(key)};
        std::optional<std::string> found;
        if (const auto it = b.memory.find(name); it != b.memory.end())
          found = it->second;
        else if (const auto old = node.memory.find(name); old != node.memory.end())
          found = stored(old->second);
        if (!found)
          return CDK_E_ABSENT;
        *out = detail::bytes(b.arena.emplace_back(*std::move(found)));
        return CDK_OK;
      });
    };
    memory_.put = [](cdk_step* s, cdk_str key, cdk_bytes value, std::uint64_t ttl_s) {
      return in_step(s, [&](fake_node& node, buffer& b) {
        if (key.len == 0 || key.len > 512 || value.len > node.limits_.memory_value_bytes_max)
          return node.refuse(CDK_E_LIMIT,
                             "a memory key has 1 to 512 bytes, a value at most " +
                                 std::to_string(node.limits_.memory_value_bytes_max));
        const auto name = std::string{detail::view(key)};
        b.memory[name] = std::string{detail::view(value)};
        b.expiry.erase(name);
        if (ttl_s != 0)
          b.expiry[name] = node.now_ns_ + static_cast<std::int64_t>(ttl_s) * 1'000'000'000;
        return CDK_OK;
      });
    };
    memory_.del = [](cdk_step* s, cdk_str key) {
      return in_step(s, [&](fake_node&, buffer& b) {
        b.memory[std::string{detail::view(key)}] = std::nullopt;
        b.expiry.erase(std::string{detail::view(key)});
        return CDK_OK;
      });
    };
    memory_.scan = [](cdk_step* s, cdk_str prefix, void* ctx,
                      std::int32_t (*visit)(void*, cdk_str, cdk_bytes)) {
      return in_step(s, [&](fake_node& node, buffer& b) {
        std::map<std::string, std::string> all;
        for (const auto& [key, value] : node.memory)
          all[key] = stored(value);
        for (const auto& [key, value] : b.memory) {
          if (value)
            all[key] = *value;
          else
            all.erase(key);
        }
        const auto wanted = detail::view(prefix);
        for (const auto& [key, value] : all)
          if (key.compare(0, wanted.size(), wanted) == 0 &&
              visit(ctx, detail::str(key), detail::bytes(value)) != 0)
            break;
        return CDK_OK;
      });
    };
  }

  const cdk_plugin* table_;
  creator create_;
  json config_;
  json manifest_; ///< the component's entry, null: all rights
  std::map<std::string, std::int64_t> expiry_;
  /// A node's own figures, so that what fits here fits there.
  cdk_limits limits_{sizeof(cdk_limits), 64,       1u << 20, 1024, 8u << 20, 256u << 10,
                     16u << 20,          1u << 20, 16u << 20, 250, 5000};
  cdk_instance* instance_ = nullptr;
  std::map<std::string, script> scripts_;
  std::unique_ptr<buffer> buffer_;
  std::vector<made_request> requests_;
  std::vector<set_timer> timers_;
  std::mutex posts_mutex_;
  std::vector<posted_event> posts_;
  std::string error_;
  std::uint32_t retry_after_ms_ = 0;
  unsigned fail_in_ = 0; ///< host calls until one is refused; 0: none
  bool lose_next_ = false;
  std::uint64_t ids_ = 0, seq_ = 0, random_ = 1;
  std::int64_t now_ns_ = 1'767'600'000'000'000'000; // 2026-01-05T08:00:00Z, a Monday
  cdk_host host_{};
  cdk_tool tool_{};
  cdk_propose propose_{};
  cdk_memory memory_{};
  cdk_model model_{};
  cdk_search search_{};
  cdk_net net_{};
};

/// A node around one component type of the test's own program.
template <class T>
class node_with : public fake_node {
public:
  explicit node_with(const json& config = json::object(), const std::string& id = "test")
      : fake_node{detail::table(), creator_of(id), config} {}

private:
  static creator creator_of(const std::string& id) {
    return [id](const cdk_host* host, cdk_bytes config, cdk_instance** out,
                cdk_error* error) {
      return detail::guarded(error, [&] {
        // The instance copies the id before create() returns.
        const detail::descriptor d{id.c_str(), &detail::make_component<T>};
        return detail::create(d, host, config, out);
      });
    };
  }
};

} // namespace crossdock::sdk::testing
