// Real plugin files in real shells on a real ledger.
#include <catch2/catch.hpp>

#include "base/digest.hpp"
#include "base/ids.hpp"
#include "host/host.hpp"

#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>

#include <filesystem>
#include <mutex>
#include <thread>

using namespace crossdock;
using namespace std::chrono_literals;

namespace {

struct silent_tap final : tap {
  void command(std::string_view, std::string_view) override {}
  void mishap(std::string_view, const std::string&) override {}
};

struct system_config : caf::actor_system_config {
  system_config() { add_message_types<caf::id_block::crossdock>(); }
};

bool until(const std::function<bool()>& f) {
  const auto end = std::chrono::steady_clock::now() + 30s;
  while (!f()) {
    if (std::chrono::steady_clock::now() > end) {
      return false;
    }
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

using plugin_list = std::vector<std::pair<std::string, std::string>>;

/// Shells of test plugins, and a mailbox for what they send as test.done.
struct fixture {
  std::filesystem::path folder;
  std::shared_ptr<const crossdock::clock> time = std::make_shared<crossdock::system_clock>();
  std::shared_ptr<random_source> random = std::make_shared<seeded_random>(3);
  std::shared_ptr<const catalogue> words;
  host::environment env;
  system_config config;
  std::unique_ptr<caf::actor_system> system;
  std::vector<shell_handle> shells;
  std::mutex mutex;
  std::vector<std::string> done;

  explicit fixture(const plugin_list& plugins) {
    std::string name = (std::filesystem::temp_directory_path() / "crossdock-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    folder = name;
    auto loaded = catalogue::load(TEST_CATALOGUE);
    REQUIRE(loaded.ok());
    words = *loaded;
    ledger::options o;
    o.directory = folder / "ledger";
    std::filesystem::create_directories(o.directory);
    o.time = time;
    o.random = random;
    for (auto list : {dispatch::exchange::migrations(), intake::desk::migrations(),
                      host::migrations()}) {
      o.migrations.insert(o.migrations.end(), list.begin(), list.end());
    }
    auto store = ledger::store::open(std::move(o));
    REQUIRE(store.ok());
    env.store = std::move(*store);
    env.exchange = std::make_shared<dispatch::exchange>(
      std::make_shared<id_source>(time, random), "default");
    env.intake = std::make_shared<const intake::desk>(words, env.exchange);
    env.words = words;
    env.time = time;
    env.random = random;
    env.taps = std::make_shared<silent_tap>();
    env.clocks = std::make_shared<system_clocks>();
    {
      auto db = env.store->reader();
      REQUIRE(db.ok());
      REQUIRE(env.exchange->load(**db).ok());
    }
    system = std::make_unique<caf::actor_system>(config);
    auto routes = std::make_shared<dispatch::routes>();
    routes->topics["test.done"] = {"test"};
    std::vector<std::shared_ptr<const host::component>> components;
    for (const auto& [file, component] : plugins) {
      const auto path = std::filesystem::path(TEST_PLUGINS) / (file + ".so");
      auto digest = sha256_of_file(path);
      REQUIRE(digest.ok());
      auto plugin = host::plugin_file::load(path, {to_hex(*digest)}, folder / "plugins");
      if (!plugin) {
        FAIL(plugin.error().describe());
      }
      auto c = host::component::from_manifest(*plugin, component, json::object(), *words);
      if (!c) {
        FAIL(c.error().describe());
      }
      for (const auto& topic : (*c)->consumes) {
        routes->topics[topic].push_back(component);
      }
      for (const auto& question : (*c)->answers) {
        routes->questions[question] = component;
      }
      components.push_back(*c);
    }
    env.exchange->set_routes(routes);
    work([this](ledger::transaction& tx) -> result<void> {
      auto r = env.exchange->attach(tx, "test", [this](dispatch::delivery d) {
        const std::lock_guard lock(mutex);
        done.push_back(d.event->data);
      });
      return r ? result<void>() : result<void>(r.error());
    });
    for (const auto& c : components) {
      shells.push_back(host::start_shell(*system, env, c));
    }
  }

  ~fixture() {
    for (auto& s : shells) {
      caf::anon_send(s, shut_down{});
    }
    shells.clear();
    system.reset();
    env.store->close();
    env = {};
    std::filesystem::remove_all(folder);
  }

  template <class F>
  void work(F f) {
    ledger::unit u;
    u.name = "test";
    u.cls = ledger::record_class::a;
    u.apply = [f](ledger::transaction& tx) -> result<void> { return f(tx); };
    const auto r = env.store->commit(std::move(u));
    if (!r) {
      FAIL(r.error().describe());
    }
  }

  void publish(const std::string& topic, const json& payload) {
    work([&](ledger::transaction& tx) -> result<void> {
      envelope e;
      e.source = "test";
      e.type = topic;
      e.data = payload.dump();
      auto r = env.exchange->publish(tx, std::move(e), ledger::record_class::a);
      return r ? result<void>() : result<void>(r.error());
    });
  }

  std::size_t done_count() {
    const std::lock_guard lock(mutex);
    return done.size();
  }

  std::vector<dispatch::dead_letter> dead() {
    auto db = env.store->reader();
    REQUIRE(db.ok());
    return *dispatch::exchange::dead_letters(**db, 10);
  }

  json status(std::size_t shell) {
    caf::scoped_actor self(*system);
    json out;
    self->request(shells[shell], 5s, status_request{})
      .receive([&](const status_report& r) { out = json::parse(r.text); },
               [&](const caf::error& e) { FAIL(caf::to_string(e)); });
    return out;
  }

  std::string memory(const std::string& key) {
    auto db = env.store->reader();
    REQUIRE(db.ok());
    auto rows = (*db)->query("SELECT value FROM memory WHERE key = ?", {key});
    REQUIRE(rows.ok());
    return rows->empty() ? "" : rows->front().text(0);
  }
};

} // namespace

TEST_CASE("an event whose step throws twice is a dead letter and leaves no effect", "[host]") {
  fixture f(plugin_list{{"thrower", "test.thrower"}});
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

TEST_CASE("memory and effects of steps that succeed are there, in order, once", "[host]") {
  fixture f(plugin_list{{"thrower", "test.thrower"}});
  for (int i = 0; i < 50; ++i) {
    f.publish("test.event", {{"n", i}});
  }
  REQUIRE(until([&] { return f.done_count() == 50; }));
  for (int i = 0; i < 50; ++i) {
    CHECK(json::parse(f.done[static_cast<std::size_t>(i)])["n"] == i);
  }
  REQUIRE(until([&] { return f.memory("count") == "50"; }));
}

TEST_CASE("one agent asks another and continues with its answer", "[host]") {
  fixture f(plugin_list{{"echo", "test.echo"}, {"echo", "test.asker"}});
  f.publish("test.ask", {{"hello", "world"}});
  REQUIRE(until([&] { return f.done_count() == 1; }));
  const auto answer = json::parse(f.done[0]);
  CHECK(answer["answer"]["hello"] == "world");
  CHECK(answer["asked"]["hello"] == "world");
}

TEST_CASE("a file whose hash is not listed is not loaded", "[host]") {
  const auto file = std::filesystem::path(TEST_PLUGINS) / "echo.so";
  const auto r = host::plugin_file::load(file, {std::string(64, '0')}, "/nonexistent");
  REQUIRE_FALSE(r.ok());
  CHECK(r.error().code() == errc::denied);
}

TEST_CASE("files without manifest, with another ABI or more exports are refused", "[host]") {
  std::string name = (std::filesystem::temp_directory_path() / "crossdock-XXXXXX").string();
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  for (const auto* file : {"no_manifest.so", "bad_abi.so", "extra_export.so"}) {
    const auto path = std::filesystem::path(TEST_PLUGINS) / file;
    const auto digest = sha256_of_file(path);
    REQUIRE(digest.ok());
    const auto r = host::plugin_file::load(path, {to_hex(*digest)}, name);
    INFO(file);
    REQUIRE_FALSE(r.ok());
    CHECK_THAT(r.error().describe(), Catch::Contains(file));
  }
  std::filesystem::remove_all(name);
}

// -- supervision ----------------------------------------------------------------------------------

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

/// Throws when it is told to.
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

supervise::child_spec child(const std::string& name, const std::shared_ptr<counts>& n,
                            std::map<std::string, worker_handle>& handles, std::mutex& mutex) {
  return {name, [name, n, &handles, &mutex](caf::actor_system& s) {
            auto h = s.spawn<worker>(name, n);
            n->note("start " + name);
            const std::lock_guard lock(mutex);
            handles[name] = caf::actor_cast<worker_handle>(h);
            return caf::actor_cast<caf::actor>(h);
          }};
}

struct tree {
  std::shared_ptr<counts> n = std::make_shared<counts>();
  std::mutex mutex;
  std::map<std::string, worker_handle> handles;
  std::vector<supervise::event> events;
  system_config config;
  // After what its actors use: it ends first, and waits for them.
  caf::actor_system system{config};
  supervise::supervisor_handle root;

  explicit tree(supervise::strategy how, supervise::restart_policy::limits l = {}) {
    supervise::supervisor_spec spec{"root", how, l, {}};
    for (const auto* name : {"a", "b", "c"}) {
      spec.children.push_back(child(name, n, handles, mutex));
    }
    root = supervise::start(system, spec, std::make_shared<silent_tap>(),
                            std::make_shared<crossdock::system_clock>(),
                            std::make_shared<seeded_random>(1),
                            [this](const supervise::event& e) {
                              const std::lock_guard lock(mutex);
                              events.push_back(e);
                            });
    REQUIRE(until([this] { return n->seen().size() == 3; }));
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
  bool happened(const std::string& what) {
    const std::lock_guard lock(mutex);
    return std::any_of(events.begin(), events.end(),
                       [&](const auto& e) { return e.what == what; });
  }
};

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
                                                "stop a", "start a", "start b", "start c"});
}

TEST_CASE("a child that fails too often makes its supervisor give up", "[supervise]") {
  tree t(supervise::strategy::one_for_one, {2, 60s, 1ms, 2ms});
  for (int i = 0; i < 3; ++i) {
    t.fail("a");
    REQUIRE(until([&] {
      return t.n->seen().size() >= static_cast<std::size_t>(4 + i) || t.happened("gave up");
    }));
  }
  REQUIRE(until([&] { return t.happened("gave up"); }));
}

TEST_CASE("restarts wait longer each time, never beyond the maximum, and end at the limit",
          "[supervise]") {
  supervise::restart_policy policy({5, 10s, 20ms, 100ms}, std::make_shared<seeded_random>(9));
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
