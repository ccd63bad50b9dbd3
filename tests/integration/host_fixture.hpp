/// Real plugin files in real shells on a real ledger.
#pragma once

#include <catch2/catch.hpp>

#include "base/digest.hpp"
#include "base/ids.hpp"
#include "host/host.hpp"
#include "host/staged_plugin.hpp"
#include "host/step.hpp"

#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>

#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

namespace crossdock::host::testing {

using namespace std::chrono_literals;

struct silent_tap final : tap {
  void command(std::string_view, std::string_view) override {}
  void mishap(std::string_view, const std::string&) override {}
};

struct system_config : caf::actor_system_config {
  system_config() { add_message_types<caf::id_block::crossdock>(); }
};

inline bool until(const std::function<bool()>& f) {
  const auto end = std::chrono::steady_clock::now() + 60s;
  while (!f()) {
    if (std::chrono::steady_clock::now() > end) {
      return false;
    }
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

/// File, component, and where it runs.
struct plugin_line {
  std::string file;
  std::string component;
  executor_kind executor = executor_kind::scheduled;
  component_limits limits = {};
  trust::grant grant = {};
  json config = json::object();
};
using plugin_list = std::vector<plugin_line>;

/// Shells of test plugins, and a mailbox for what they send as test.done.
struct fixture {
  std::filesystem::path folder;
  std::shared_ptr<const crossdock::clock> time =
      std::make_shared<crossdock::system_clock>();
  std::shared_ptr<random_source> random = std::make_shared<seeded_random>(3);
  std::shared_ptr<const catalogue> words;
  host::environment env;
  system_config config;
  std::unique_ptr<caf::actor_system> system;
  std::vector<shell_handle> shells;
  std::mutex mutex;
  std::vector<std::string> done;

  explicit fixture(const plugin_list& plugins) {
    std::string name =
        (std::filesystem::temp_directory_path() / "crossdock-XXXXXX").string();
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
    for (const auto& line : plugins) {
      const auto& component = line.component;
      const auto c = component_of(line);
      for (const auto& topic : c->consumes) {
        routes->topics[topic].push_back(component);
      }
      for (const auto& question : c->answers) {
        routes->questions[question] = component;
      }
      components.push_back(c);
    }
    env.plugin_host = PLUGIN_HOST;
    env.repro = folder / "repro";
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

  std::shared_ptr<const host::component> component_of(const plugin_line& line) {
    const auto path = std::filesystem::path(TEST_PLUGINS) / (line.file + ".so");
    auto plugin = host::staged_plugin::read(path);
    if (!plugin) {
      FAIL(plugin.error().describe());
    }
    auto made = host::component::from_manifest(*plugin, line.component, line.config, *words,
                                               line.grant);
    if (!made) {
      FAIL(made.error().describe());
    }
    auto placed = std::make_shared<host::component>(**made);
    placed->limits = line.limits;
    if (line.executor != executor_kind::scheduled) {
      placed->executor = line.executor;
    }
    return placed;
  }

  /// In order, and waits until they are gone.
  void stop_shells() {
    for (auto& s : shells) {
      caf::anon_send(s, shut_down{});
    }
    shells.clear();
    system.reset();
    ledger::unit last; // what they recorded is there
    last.name = "test";
    last.cls = ledger::record_class::a;
    last.apply = [](ledger::transaction&) -> result<void> { return {}; };
    static_cast<void>(env.store->commit(std::move(last)));
  }

  ~fixture() {
    if (system) {
      stop_shells();
    }
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
      e.subject = text_or(payload, "key");
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

  /// Headers of all records of a kind.
  json records(const std::string& kind) {
    auto db = env.store->reader();
    REQUIRE(db.ok());
    auto rows =
        (*db)->query("SELECT header FROM record WHERE kind = ? ORDER BY seq", {kind});
    REQUIRE(rows.ok());
    json out = json::array();
    for (const auto& r : *rows) {
      out.push_back(json::parse(r.text(0)));
    }
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

} // namespace crossdock::host::testing
