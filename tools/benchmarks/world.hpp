/// Shells on a ledger of their own, without a flow, a gate or a connector: what
/// benchmarks of the plugin host run on.
#pragma once

#include "base/ids.hpp"
#include "host/host.hpp"
#include "host/staged_plugin.hpp"

#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>

#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace crossdock::bench {

template <class T>
T value_of(result<T> r) {
  if (!r) {
    throw std::runtime_error(r.error().describe());
  }
  return *std::move(r);
}

struct silent_tap final : tap {
  void command(std::string_view, std::string_view) override {}
  void mishap(std::string_view, const std::string&) override {}
};

struct system_config : caf::actor_system_config {
  system_config() { add_message_types<caf::id_block::crossdock>(); }
};

/// A plugin file with one component, the topic it is woken by, and where it runs.
struct placed_plugin {
  std::filesystem::path file;
  std::string topic;
  host::executor_kind where = host::executor_kind::scheduled;
  host::component_limits limits = {};
  json config = json::object();
};

class world {
public:
  /// `came` is told each test.done, on the ledger's writer thread.
  world(const std::vector<placed_plugin>& plugins,
        const std::filesystem::path& catalogue_folder,
        const std::filesystem::path& plugin_host,
        std::function<void(const dispatch::delivery&)> came)
      : came_(std::move(came)) {
    std::string name =
        (std::filesystem::temp_directory_path() / "crossdock-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
      throw std::runtime_error("no temporary folder");
    }
    folder_ = name;
    words_ = value_of(catalogue::load(catalogue_folder));
    ledger::options o;
    o.directory = folder_ / "ledger";
    std::filesystem::create_directories(o.directory);
    o.time = time_;
    o.random = random_;
    for (auto list : {dispatch::exchange::migrations(), intake::desk::migrations(),
                      host::migrations()}) {
      o.migrations.insert(o.migrations.end(), list.begin(), list.end());
    }
    env_.store = value_of(ledger::store::open(std::move(o)));
    env_.exchange = std::make_shared<dispatch::exchange>(
        std::make_shared<id_source>(time_, random_), "default");
    env_.intake = std::make_shared<const intake::desk>(words_, env_.exchange);
    env_.words = words_;
    env_.time = time_;
    env_.random = random_;
    env_.taps = std::make_shared<silent_tap>();
    env_.clocks = std::make_shared<system_clocks>();
    env_.plugin_host = plugin_host;
    if (auto r = env_.exchange->load(*value_of(env_.store->reader())); !r) {
      throw std::runtime_error(r.error().describe());
    }
    system_ = std::make_unique<caf::actor_system>(config_);
    auto routes = std::make_shared<dispatch::routes>();
    routes->topics["test.done"] = {"bench"};
    std::vector<std::shared_ptr<const host::component>> components;
    for (const auto& p : plugins) {
      components.push_back(component_of(p));
      routes->topics[p.topic].push_back(components.back()->name);
    }
    env_.exchange->set_routes(routes);
    ledger::unit u;
    u.name = "bench";
    u.apply = [this](ledger::transaction& tx) -> result<void> {
      auto r = env_.exchange->attach(tx, "bench",
                                     [this](dispatch::delivery d) { receive(d); });
      return r ? result<void>() : result<void>(r.error());
    };
    value_of(env_.store->commit(std::move(u)));
    for (const auto& c : components) {
      shells_.push_back(host::start_shell(*system_, env_, c));
    }
  }

  ~world() {
    for (auto& s : shells_) {
      caf::anon_send(s, shut_down{});
    }
    shells_.clear();
    system_.reset();
    env_.store->close();
    env_ = {};
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  std::shared_ptr<const host::component> component_of(const placed_plugin& p) {
    auto staged = value_of(host::staged_plugin::read(p.file));
    const auto name = text_or(staged->manifest().at("components").at(0), "id");
    auto made = std::make_shared<host::component>(
        *value_of(host::component::from_manifest(staged, name, p.config, *words_)));
    made->executor = p.where;
    made->limits = p.limits;
    return made;
  }

  void publish(const std::string& topic, const json& payload,
               const std::string& key = {}) {
    ledger::unit u;
    u.name = "bench.publish";
    u.apply = [topic, key, text = payload.dump(),
               exchange = env_.exchange](ledger::transaction& tx) -> result<void> {
      envelope e;
      e.source = "bench";
      e.type = topic;
      e.subject = key;
      e.data = text;
      auto r = exchange->publish(tx, std::move(e), ledger::record_class::b);
      return r ? result<void>() : result<void>(r.error());
    };
    env_.store->submit(std::move(u));
  }

  const host::environment& environment() const { return env_; }
  caf::actor_system& system() { return *system_; }
  const shell_handle& shell(std::size_t i) const { return shells_.at(i); }

private:
  void receive(const dispatch::delivery& d) {
    ledger::unit u; // the delivery is done
    u.name = "bench.done";
    u.apply = [id = d.id, exchange = env_.exchange](ledger::transaction& tx) {
      return exchange->finish(tx, id);
    };
    env_.store->submit(std::move(u));
    came_(d);
  }

  std::filesystem::path folder_;
  std::function<void(const dispatch::delivery&)> came_;
  std::shared_ptr<const crossdock::clock> time_ =
      std::make_shared<crossdock::system_clock>();
  std::shared_ptr<random_source> random_ = std::make_shared<system_random>();
  std::shared_ptr<const catalogue> words_;
  host::environment env_;
  system_config config_;
  std::unique_ptr<caf::actor_system> system_;
  std::vector<shell_handle> shells_;
};

} // namespace crossdock::bench
