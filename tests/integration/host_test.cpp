// Real plugin files in real shells on a real ledger.
#include "integration/host_fixture.hpp"

using namespace crossdock;
using namespace crossdock::host::testing;
using namespace std::chrono_literals;

TEST_CASE("an event whose step throws twice is a dead letter and leaves no effect",
          "[host]") {
  const auto where =
      GENERATE(host::executor_kind::scheduled, host::executor_kind::process);
  fixture f(plugin_list{{"thrower", "test.thrower", where}});
  f.publish("test.event", {{"throw", true}});
  REQUIRE(until([&] { return f.dead().size() == 1; }));
  CHECK(f.dead()[0].receiver == "test.thrower");
  CHECK(f.dead()[0].attempts == 2);
  CHECK_THAT(f.dead()[0].reason, Catch::Contains("told to throw"));
  CHECK(f.done_count() == 0);
  CHECK(f.memory("count").empty());

  // The component goes on: the next event is handled by a fresh instance.
  f.publish("test.event", {{"throw", false}});
  REQUIRE(until([&] { return f.done_count() == 1; }));
  REQUIRE(until([&] { return f.memory("count") == "1"; }));
  const auto s = f.status(0);
  CHECK(s["state"] == "running");
  CHECK(s["restarts"] == 2);
}

TEST_CASE("memory and effects of steps that succeed are there, in order, once",
          "[host]") {
  const auto where =
      GENERATE(host::executor_kind::scheduled, host::executor_kind::process);
  fixture f(plugin_list{{"thrower", "test.thrower", where}});
  for (int i = 0; i < 50; ++i) {
    f.publish("test.event", {{"n", i}});
  }
  REQUIRE(until([&] { return f.done_count() == 50; }));
  for (int i = 0; i < 50; ++i) {
    CHECK(json::parse(f.done[static_cast<std::size_t>(i)])["n"] == i);
  }
  REQUIRE(until([&] { return f.memory("count") == "50"; }));
}

TEST_CASE("a step beyond its soft limit is done, and told", "[host]") {
  const auto where =
      GENERATE(host::executor_kind::scheduled, host::executor_kind::process);
  host::component_limits patient;
  patient.step_soft = 50ms;
  fixture f(plugin_list{{"sleeper", "test.sleeper", where, patient}});
  f.publish("test.event", {{"busy_ms", 0}});
  f.publish("test.event", {{"busy_ms", 120}});
  REQUIRE(until([&] { return f.done_count() == 2; }));
  CHECK(f.status(0)["slow_steps"] == 1);
  CHECK(f.dead().empty());
}

TEST_CASE("one agent asks another and continues with its answer", "[host]") {
  const auto where =
      GENERATE(host::executor_kind::scheduled, host::executor_kind::process);
  fixture f(plugin_list{{"echo", "test.echo", where}, {"echo", "test.asker", where}});
  f.publish("test.ask", {{"hello", "world"}});
  REQUIRE(until([&] { return f.done_count() == 1; }));
  const auto answer = json::parse(f.done[0]);
  CHECK(answer["answer"]["hello"] == "world");
  CHECK(answer["asked"]["hello"] == "world");
}

TEST_CASE(
    "what is not granted, or beyond the cap, is denied and says which of them it was",
    "[host]") {
  auto words = catalogue::load(TEST_CATALOGUE);
  REQUIRE(words.ok());
  auto file =
      host::staged_plugin::read(std::filesystem::path(TEST_PLUGINS) / "thrower.so");
  REQUIRE(file.ok());
  const auto denied = [&](const trust::grant& granted, const trust::cap& highest) {
    auto c = host::component::from_manifest(*file, "test.thrower", json::object(),
                                            **words, granted, highest);
    REQUIRE(c.ok());
    host::step s(*c, *words, 1, nullptr, std::make_shared<host::memory_view>(), 0, {});
    CHECK(s.send(host::to_abi("test.done"), {}, {}, host::to_abi_bytes("{}")) ==
          CDK_E_DENIED);
    REQUIRE(s.refusals.size() == 1);
    CHECK(s.effects.empty());
    return s.refusals.front();
  };
  trust::grant nothing_sent;
  nothing_sent.of(trust::right::produces).emplace();
  CHECK_THAT(denied(nothing_sent, trust::cap::everything()),
             Catch::Contains("its grant") && Catch::Contains("produces test.done"));
  CHECK_THAT(denied({}, trust::cap()), Catch::Contains("the cap of the key"));

  trust::grant mistaken;
  mistaken.of(trust::right::produces).emplace(std::set<std::string>{"test.dome"});
  const auto wrong = host::component::from_manifest(*file, "test.thrower", json::object(),
                                                    **words, mistaken);
  REQUIRE_FALSE(wrong.ok());
  CHECK_THAT(wrong.error().describe(), Catch::Contains("test.dome"));
}

TEST_CASE("files without manifest, with another ABI or more exports are refused",
          "[host]") {
  for (const auto* file : {"no_manifest.so", "bad_abi.so", "extra_export.so"}) {
    const auto path = std::filesystem::path(TEST_PLUGINS) / file;
    const auto r = host::staged_plugin::read(path);
    INFO(file);
    REQUIRE_FALSE(r.ok());
    CHECK_THAT(r.error().describe(), Catch::Contains(file));
  }
}

// -- supervision
// ----------------------------------------------------------------------------------

namespace {

using worker_handle = actor_interface<tells<tick>>;

struct counts {
  std::atomic<int> started{0};
  std::mutex mutex;
  std::vector<std::string> order;
  std::vector<worker_handle> alive;
  void note(const std::string& what) {
    const std::lock_guard lock(mutex);
    order.push_back(what);
  }
  std::vector<std::string> seen() {
    const std::lock_guard lock(mutex);
    return order;
  }
};

/// Throws at a tick; ends as if its work were done at a shut_down.
class worker final : public host_actor<worker_handle> {
public:
  worker(caf::actor_config& c, const std::string& name, std::shared_ptr<counts> n)
      : host_actor(c, name, std::make_shared<silent_tap>()), counts_(std::move(n)) {}
  behavior_type make_behavior() override {
    return {[](task& t) { t.run(); },
            [this](shut_down) {
              counts_->note("stop " + label());
              quit(caf::exit_reason::user_shutdown);
            },
            [](status_request) { return status_report{"{}"}; },
            [](tick) { throw std::runtime_error("told to"); }};
  }

private:
  std::shared_ptr<counts> counts_;
};

supervise::child_spec child(const std::string& name, supervise::restart when,
                            const std::shared_ptr<counts>& n,
                            std::map<std::string, worker_handle>& handles,
                            std::mutex& mutex) {
  return {name,
          [name, n, &handles, &mutex](caf::actor_system& s) {
            auto h = s.spawn<worker>(name, n);
            n->note("start " + name);
            const std::lock_guard lock(mutex);
            handles[name] = caf::actor_cast<worker_handle>(h);
            return caf::actor_cast<caf::actor>(h);
          },
          when};
}

/// Waits as long as the backoff allows the first time, and not at all from then on.
struct first_long final : random_source {
  std::uint64_t next() override { return calls++ == 0 ? 59'999 : 0; }
  int calls = 0;
};

constexpr auto permanent = supervise::restart::permanent;
constexpr auto transient = supervise::restart::transient;
constexpr auto temporary = supervise::restart::temporary;

struct tree {
  std::shared_ptr<counts> n = std::make_shared<counts>();
  std::mutex mutex;
  std::map<std::string, worker_handle> handles;
  std::vector<supervise::event> events;
  system_config config;
  // After what its actors use: it ends first, and waits for them.
  caf::actor_system system{config};
  supervise::supervisor_handle root;

  /// Children a, b, c, ... in this order.
  explicit tree(
      supervise::strategy how, supervise::restart_policy::limits l = {},
      std::vector<supervise::restart> kinds = {permanent, permanent, permanent},
      std::shared_ptr<random_source> random = std::make_shared<seeded_random>(1)) {
    supervise::supervisor_spec spec{"root", how, l, {}};
    for (std::size_t i = 0; i < kinds.size(); ++i) {
      spec.children.push_back(
          child(std::string(1, static_cast<char>('a' + i)), kinds[i], n, handles, mutex));
    }
    root = supervise::start(system, spec, std::make_shared<silent_tap>(),
                            std::make_shared<crossdock::system_clock>(),
                            std::move(random), [this](const supervise::event& e) {
                              const std::lock_guard lock(mutex);
                              events.push_back(e);
                            });
    REQUIRE(until([&] { return n->seen().size() == kinds.size(); }));
  }
  ~tree() {
    caf::anon_send(root, shut_down{});
    const std::lock_guard lock(mutex);
    handles.clear();
    root = nullptr;
  }
  void fail(const std::string& name) {
    const std::lock_guard lock(mutex);
    caf::anon_send(handles[name], tick{});
  }
  void end(const std::string& name) {
    const std::lock_guard lock(mutex);
    caf::anon_send(handles[name], shut_down{});
  }
  bool happened(const std::string& what, const std::string& child_name = "") {
    const std::lock_guard lock(mutex);
    return std::any_of(events.begin(), events.end(), [&](const auto& e) {
      return e.what == what && (child_name.empty() || e.child == child_name);
    });
  }
  /// What happened after the start.
  std::vector<std::string> since_start(std::size_t expected) {
    const auto before = events_before;
    REQUIRE(until([&] { return n->seen().size() >= before + expected; }));
    const auto all = n->seen();
    return {all.begin() + static_cast<std::ptrdiff_t>(before), all.end()};
  }
  json status() {
    caf::scoped_actor self(system);
    json out;
    self->request(root, 5s, status_request{})
        .receive([&](const status_report& r) { out = json::parse(r.text); },
                 [&](const caf::error& e) { FAIL(caf::to_string(e)); });
    return out;
  }
  std::vector<int> restarts() {
    std::vector<int> out;
    const auto now = status();
    for (const auto& c : now["children"]) {
      out.push_back(c["restarts"].get<int>());
    }
    return out;
  }
  std::size_t events_before = 3;
};

using words = std::vector<std::string>;

} // namespace

TEST_CASE("one_for_one starts the failed child again and leaves the others alone",
          "[supervise]") {
  tree t(supervise::strategy::one_for_one);
  t.fail("b");
  REQUIRE(until([&] { return t.n->seen().size() == 4; }));
  CHECK(t.n->seen() ==
        std::vector<std::string>{"start a", "start b", "start c", "start b"});
}

TEST_CASE("one_for_all stops the others in reverse order and starts all in order",
          "[supervise]") {
  tree t(supervise::strategy::one_for_all);
  t.fail("b");
  REQUIRE(until([&] { return t.n->seen().size() == 8; }));
  CHECK(t.n->seen() == std::vector<std::string>{"start a", "start b", "start c", "stop c",
                                                "stop a", "start a", "start b",
                                                "start c"});
}

TEST_CASE(
    "rest_for_one restarts what was started after the failed child, and nothing before",
    "[supervise]") {
  tree t(supervise::strategy::rest_for_one);
  t.fail("b");
  CHECK(t.since_start(3) == words{"stop c", "start b", "start c"});
  CHECK(t.restarts() == std::vector<int>{0, 1, 1});
  t.fail("c");
  CHECK(t.since_start(4) == words{"stop c", "start b", "start c", "start c"});
  t.fail("a");
  CHECK(t.since_start(9) == words{"stop c", "start b", "start c", "start c", "stop c",
                                  "stop b", "start a", "start b", "start c"});
  CHECK(t.restarts() == std::vector<int>{1, 2, 3});
}

TEST_CASE("under rest_for_one a failure further to the front widens a restart that waits",
          "[supervise]") {
  // b and c would wait for a minute when a fails.
  tree t(supervise::strategy::rest_for_one, {10, 60s, 60'000ms, 60'000ms},
         {permanent, permanent, permanent}, std::make_shared<first_long>());
  t.fail("b");
  REQUIRE(until([&] { return t.n->seen().back() == "stop c"; }));
  t.fail("a");
  CHECK(t.since_start(4) == words{"stop c", "start a", "start b", "start c"});
  CHECK(t.restarts() == std::vector<int>{1, 1, 1});
}

TEST_CASE("a permanent child is started again however it ended", "[supervise]") {
  tree t(supervise::strategy::one_for_one);
  t.end("b");
  CHECK(t.since_start(2) == words{"stop b", "start b"});
  t.fail("b");
  CHECK(t.since_start(3) == words{"stop b", "start b", "start b"});
}

TEST_CASE("a transient child is started again only if it failed", "[supervise]") {
  tree t(supervise::strategy::one_for_one, {}, {permanent, transient, permanent});
  t.fail("b");
  CHECK(t.since_start(1) == words{"start b"});
  t.end("b");
  REQUIRE(until([&] { return t.happened("ended", "b"); }));
  // What is started after it shows that it was not.
  t.fail("c");
  CHECK(t.since_start(3) == words{"start b", "stop b", "start c"});
  CHECK(t.status()["children"][1]["state"] == "ended");
}

TEST_CASE("a temporary child is never started again", "[supervise]") {
  tree t(supervise::strategy::one_for_one, {}, {permanent, temporary, permanent});
  t.fail("b");
  REQUIRE(until([&] { return t.happened("failed", "b"); }));
  t.fail("c");
  CHECK(t.since_start(1) == words{"start c"});
  CHECK(t.status()["children"][1]["state"] == "failed");
}

TEST_CASE("restarting all, or the rest, brings no child back whose end was final",
          "[supervise]") {
  const auto how =
      GENERATE(supervise::strategy::one_for_all, supervise::strategy::rest_for_one);
  // a fails; b is done; c runs, but is temporary; d runs and is transient.
  tree t(how, {}, {permanent, transient, temporary, transient});
  t.events_before = 4;
  t.end("b");
  REQUIRE(until([&] { return t.happened("ended", "b"); }));
  t.fail("a");
  CHECK(t.since_start(5) == words{"stop b", "stop d", "stop c", "start a", "start d"});
  CHECK(t.restarts() == std::vector<int>{1, 0, 0, 1});
}

TEST_CASE("a child that fails too often makes its supervisor give up", "[supervise]") {
  tree t(supervise::strategy::one_for_one, {2, 60s, 1ms, 2ms});
  for (int i = 0; i < 3; ++i) {
    t.fail("a");
    REQUIRE(until([&] {
      return t.n->seen().size() >= static_cast<std::size_t>(4 + i) ||
             t.happened("gave up");
    }));
  }
  REQUIRE(until([&] { return t.happened("gave up"); }));
}

TEST_CASE(
    "restarts wait longer each time, never beyond the maximum, and end at the limit",
    "[supervise]") {
  supervise::restart_policy policy({5, 10s, 20ms, 100ms},
                                   std::make_shared<seeded_random>(9));
  auto now = *parse_rfc3339("2026-01-01T00:00:00Z");
  for (int i = 0; i < 5; ++i) {
    const auto wait = policy.failed(now);
    REQUIRE(wait.has_value());
    CHECK(*wait <= std::min<std::chrono::milliseconds>(20ms * (1 << i), 100ms));
  }
  CHECK_FALSE(policy.failed(now).has_value());
  // Outside the period the slate is clean.
  CHECK(policy.failed(now + 11s).has_value());
}
