#include "node/node.hpp"

#include "node/admission.hpp"

#include "api/api.hpp"
#include "base/catalogue.hpp"
#include "base/ids.hpp"
#include "base/log.hpp"
#include "effect/effect.hpp"
#include "escalate/actor.hpp"
#include "escalate/escalate.hpp"
#include "flow/actor.hpp"
#include "flow/single_proposal.hpp"
#include "gate/actor.hpp"
#include "host/host.hpp"
#include "host/plugin_image.hpp"
#include "intake/intake.hpp"
#include "ledger/upgrade.hpp"
#include "node/log.hpp"
#include "node/components.hpp"
#include "node/reload.hpp"
#include "node/swaps.hpp"
#include "supervise/supervise.hpp"

#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>
#include <spdlog/spdlog.h>

#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <fstream>
#include <future>
#include <mutex>
#include <sstream>
#include <thread>

namespace crossdock::node {
namespace {

constexpr const char* version = "0.1.0";
constexpr std::chrono::milliseconds tick_every{50};

result<std::string> read_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    return error(errc::not_found, "cannot read the file").at("file", file.string());
  }
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// -- what is checked before anything starts -----------------------------------------------------

struct parts {
  std::shared_ptr<const catalogue> words;
  std::optional<gate::policy> policy;
  std::vector<flow::definition_ptr> flows;
  std::vector<std::shared_ptr<const host::component>> components;
  std::shared_ptr<const dispatch::routes> routes;
  std::string catalogue_sha256; ///< of the folder, before it was read
  json standings = json::array(); ///< of the plugin files: on whose word each is here
};

/// Who gets what, from the components' declarations and the flows' triggers.
result<std::shared_ptr<const dispatch::routes>>
make_routes(const catalogue& words, const components_in_force::list& components,
            const std::vector<flow::definition_ptr>& flows) {
  auto out = std::make_shared<dispatch::routes>();
  const auto only_one = [](std::map<std::string, std::string>& table, const std::string& word,
                           const std::string& name, const char* verb) -> result<void> {
    const auto [it, fresh] = table.emplace(word, name);
    if (!fresh) {
      return error(errc::conflict, "both \"" + it->second + "\" and \"" + name + "\" " + verb +
                                     " " + word + ": configure one of them");
    }
    return {};
  };
  for (const auto& c : components) {
    for (const auto& topic : c->consumes) {
      out->topics[topic].push_back(c->name);
    }
    for (const auto& question : c->answers) {
      if (auto r = only_one(out->questions, question, c->name, "answer"); !r) {
        return std::move(r).error();
      }
    }
    for (const auto& tool : c->offers) {
      if (auto r = only_one(out->tools, tool, c->name, "offer"); !r) {
        return std::move(r).error();
      }
    }
  }
  std::set<std::string> wanted;
  for (const auto& f : flows) {
    wanted.insert(f->trigger_topic());
    if (!f->settle_topic().empty()) {
      wanted.insert(f->settle_topic());
    }
  }
  if (!flows.empty()) {
    wanted.insert(flow::command::all.begin(), flow::command::all.end());
  }
  for (const auto& topic : wanted) {
    out->topics[topic].push_back("flow");
  }
  for (const auto* entry : words.entries()) {
    if (entry->kind == entry_kind::topic) {
      out->keys[entry->name] = entry->key;
    }
  }
  return std::shared_ptr<const dispatch::routes>(std::move(out));
}

result<parts> prepare(const config& c, admitting how) {
  parts p;
  if (auto digest = sha256_of_folder(c.catalogue)) {
    p.catalogue_sha256 = *digest;
  }
  auto words = catalogue::load(c.catalogue);
  if (!words) {
    return std::move(words).error();
  }
  p.words = *words;

  auto policy_text = read_file(c.policy);
  if (!policy_text) {
    return std::move(policy_text).error();
  }
  auto policy = gate::policy::compile(*policy_text, c.policy.string());
  if (!policy) {
    return std::move(policy).error();
  }
  p.policy = std::move(*policy);

  for (const auto& file : c.flows) {
    auto text = read_file(file);
    if (!text) {
      return std::move(text).error();
    }
    auto d = flow::definition::compile(*text, file.string());
    if (!d) {
      return std::move(d).error();
    }
    if (d->id() == flow::single_proposal_flow) {
      return error(errc::conflict, "the id single-proposal belongs to the built-in flow of "
                                   "agents' own proposals: give the flow another id")
        .at("file", file.string());
    }
    p.flows.push_back(std::make_shared<const flow::definition>(std::move(*d)));
  }
  p.flows.push_back(flow::single_proposal());

  const auto store = c.data / "plugins";
  std::set<std::string> names;
  for (const auto& wanted : c.plugins) {
    auto in = admit(c, wanted.file, store, how);
    if (!in) {
      return std::move(in).error().at("configured at", wanted.place);
    }
    const auto& file = in->file;
    p.standings.push_back(in->standing.to_json());
    for (const auto& note : in->standing.notes) {
      spdlog::warn("{}: {}", wanted.file.string(), note);
    }
    auto components = wanted.components;
    if (components.empty()) {
      for (const auto& one : file->manifest().value("components", json::array())) {
        components.push_back({text_or(one, "id"), json::object()});
      }
    }
    for (const auto& one : components) {
      auto component = component_of(*in, one, *p.words);
      if (!component) {
        return std::move(component).error().at("configured at", wanted.place);
      }
      // Trouble of the loader is better known now than once all the rest runs.
      if ((*component)->executor != host::executor_kind::process) {
        if (auto image = host::plugin_image::map(*file); !image) {
          return std::move(image).error().at("configured at", wanted.place);
        }
      }
      if (!names.insert(one.id).second) {
        return error(errc::conflict, "the component \"" + one.id + "\" is configured twice")
          .at("configured at", wanted.place);
      }
      p.components.push_back(*component);
    }
  }
  auto routes = make_routes(*p.words, p.components, p.flows);
  if (!routes) {
    return std::move(routes).error().at("file", c.file.string());
  }
  p.routes = *routes;
  return p;
}

/// Of every room that keeps rows.
std::vector<ledger::migration> all_migrations() {
  std::vector<ledger::migration> out;
  for (auto list : {dispatch::exchange::migrations(), intake::desk::migrations(),
                    host::migrations(), escalate::migrations(), effect::migrations(),
                    flow::migrations()}) {
    out.insert(out.end(), list.begin(), list.end());
  }
  return out;
}

// -- small actors of the node -------------------------------------------------------------------

/// Keeps time for everybody: fires due timers and requests, and ticks who keeps deadlines.
class timekeeper final : public host_actor<timekeeper_handle> {
public:
  timekeeper(caf::actor_config& config, std::shared_ptr<tap> t,
             std::shared_ptr<ledger::store> store,
             std::shared_ptr<dispatch::exchange> exchange,
             std::shared_ptr<const crossdock::clock> time, std::function<void()> others)
    : host_actor(config, "timekeeper", std::move(t)),
      store_(std::move(store)),
      exchange_(std::move(exchange)),
      clock_(std::move(time)),
      others_(std::move(others)) {}

  behavior_type make_behavior() override {
    delayed_send(this, tick_every, tick{});
    return {[](task& t) { t.run(); },
            [this](shut_down) { quit(caf::exit_reason::user_shutdown); },
            [this](status_request) {
              return status_report{"{\"fired\":" + std::to_string(fired_) + "}"};
            },
            [this](tick) {
              fire();
              if (++ticks_ % 20 == 0) {
                others_();
              }
              delayed_send(this, tick_every, tick{});
            }};
  }

private:
  void fire() {
    const auto due = exchange_->next_due();
    if (busy_ || !due || *due > clock_->now()) {
      return;
    }
    busy_ = true;
    auto n = std::make_shared<std::size_t>(0);
    ledger::unit u;
    u.name = "timekeeper.fire";
    u.apply = [exchange = exchange_, n](ledger::transaction& tx) -> result<void> {
      auto fired = exchange->fire_due(tx, 200);
      if (!fired) {
        return std::move(fired).error();
      }
      *n = *fired;
      return {};
    };
    u.applied = on_own_turn([this, n](const result<ledger::receipt>& r) {
      busy_ = false;
      fired_ += *n;
      if (!r) {
        spdlog::error("timekeeper: {}", r.error().describe());
      }
    });
    store_->submit(std::move(u));
  }

  std::shared_ptr<ledger::store> store_;
  std::shared_ptr<dispatch::exchange> exchange_;
  std::shared_ptr<const crossdock::clock> clock_;
  std::function<void()> others_;
  bool busy_ = false;
  std::uint64_t fired_ = 0;
  std::uint64_t ticks_ = 0;
};

/// What the tap saw, until the audit actor writes it down.
class node_tap final : public tap {
public:
  struct entry {
    std::string kind;
    std::string actor;
    std::string what;
  };
  void command(std::string_view actor, std::string_view what) override {
    note("command", actor, std::string(what));
  }
  void mishap(std::string_view actor, const std::string& what) override {
    spdlog::error("{}: {}", actor, what);
    note("mishap", actor, what);
  }
  void note(const char* kind, std::string_view actor, std::string what) {
    const std::lock_guard lock(mutex_);
    if (entries_.size() < entries_max) {
      entries_.push_back({kind, std::string(actor), std::move(what)});
    } else {
      ++left_out_;
    }
  }
  std::vector<entry> take(std::uint64_t& left_out) {
    const std::lock_guard lock(mutex_);
    left_out = std::exchange(left_out_, 0);
    return std::exchange(entries_, {});
  }

private:
  static constexpr std::size_t entries_max = 10'000;
  std::mutex mutex_;
  std::vector<entry> entries_;
  std::uint64_t left_out_ = 0;
};

result<void> write_entries(ledger::transaction& tx, const std::vector<node_tap::entry>& entries,
                           std::uint64_t left_out) {
  for (const auto& e : entries) {
    ledger::record r;
    r.kind = e.kind;
    r.source = "host";
    r.target = e.actor;
    r.detail = {{"what", e.what.substr(0, 1000)}};
    if (auto seq = tx.append(r); !seq) {
      return std::move(seq).error();
    }
  }
  if (left_out > 0) {
    ledger::record r;
    r.kind = "mishap";
    r.source = "host";
    r.target = "audit";
    r.detail = {{"what", "records left out: too many at once"}, {"count", left_out}};
    if (auto seq = tx.append(r); !seq) {
      return std::move(seq).error();
    }
  }
  return {};
}

class audit final : public host_actor<audit_handle> {
public:
  audit(caf::actor_config& config, std::shared_ptr<node_tap> t,
        std::shared_ptr<ledger::store> store)
    : host_actor(config, "audit", t), seen_(std::move(t)), store_(std::move(store)) {}

  behavior_type make_behavior() override {
    return {[](task& t) { t.run(); },
            [this](shut_down) {
              write();
              quit(caf::exit_reason::user_shutdown);
            },
            [this](status_request) {
              return status_report{"{\"messages\":" + std::to_string(seen_->messages()) + "}"};
            },
            [this](tick) { write(); }};
  }

private:
  void write() {
    std::uint64_t left_out = 0;
    auto entries = seen_->take(left_out);
    if (entries.empty() && left_out == 0) {
      return;
    }
    ledger::unit u;
    u.name = "audit.write";
    u.apply = [entries = std::move(entries), left_out](ledger::transaction& tx) {
      return write_entries(tx, entries, left_out);
    };
    store_->submit(std::move(u));
  }

  std::shared_ptr<node_tap> seen_;
  std::shared_ptr<ledger::store> store_;
};

// -- the node -------------------------------------------------------------------------------------

/// Handles of actors that may be restarted; whoever sends asks here first.
template <class Handle>
class current {
public:
  void set(Handle h) {
    const std::lock_guard lock(mutex_);
    handle_ = std::move(h);
  }
  Handle get() const {
    const std::lock_guard lock(mutex_);
    return handle_;
  }

private:
  mutable std::mutex mutex_;
  Handle handle_;
};

/// How the first activation of each component went.
class activations {
public:
  void note(const std::string& component, const std::optional<error>& refused) {
    {
      const std::lock_guard lock(mutex_);
      outcomes_.emplace(component, refused);
    }
    changed_.notify_all();
  }

  /// Errors: plugin, if a component says that its configuration can not work. One that is slow
  /// to start (a system of record that does not answer) is not waited for without end.
  result<void> wait(const std::vector<std::shared_ptr<const host::component>>& all) {
    constexpr std::chrono::seconds limit{10};
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, limit, [&] { return outcomes_.size() >= all.size(); });
    for (const auto& c : all) {
      const auto it = outcomes_.find(c->name);
      if (it == outcomes_.end()) {
        spdlog::warn("{} has not started within {} s; the node goes on without it", c->name,
                     limit.count());
      } else if (it->second) {
        return error(errc::plugin, "the component \"" + c->name + "\" cannot start: " +
                                     it->second->message())
          .at("plugin", c->file->release());
      }
    }
    return {};
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::optional<error>> outcomes_;
};

struct handles {
  current<gate_handle> gate;
  current<effect_handle> effect;
  current<escalation_desk_handle> escalation;
  current<flow_handle> flow;
  current<audit_handle> audit;
  std::mutex mutex;
  std::map<std::string, shell_handle> shells;

  /// Actors hold this object, which holds them: at the end one side lets go.
  void clear() {
    gate.set({});
    effect.set({});
    escalation.set({});
    flow.set({});
    audit.set({});
    const std::lock_guard lock(mutex);
    shells.clear();
  }
};

struct system_config : caf::actor_system_config {
  explicit system_config(std::size_t threads) {
    add_message_types<caf::id_block::crossdock>();
    // CAF's own default is at least four: on two cores they only wake one another.
    set("scheduler.max-threads",
        threads > 0 ? threads : std::max<std::size_t>(1, std::thread::hardware_concurrency()));
    set("scheduler.max-throughput", std::size_t{100});
    // Work stealing polls with sleeps of up to 10 ms when there is little to do, which every hop
    // of a decision would pay; sharing wakes a worker at once.
    set("scheduler.policy", caf::atom("sharing"));
  }
};

class node final : public running_node {
public:
  node(config c, parts p, std::function<void(const error&)> halted)
    : config_(std::move(c)),
      parts_(std::move(p)),
      halted_(std::move(halted)),
      rules_(std::make_shared<rules_in_force>(
        make_rules(config_, *parts_.policy, parts_.flows))),
      time_(std::make_shared<system_clock>()),
      random_(std::make_shared<system_random>()),
      ids_(std::make_shared<id_source>(time_, random_)),
      components_(std::make_shared<components_in_force>(parts_.components)),
      taps_(std::make_shared<node_tap>()),
      clocks_(std::make_shared<system_clocks>()),
      handles_(std::make_shared<handles>()),
      activations_(std::make_shared<activations>()) {}

  ~node() override { stop(); }

  result<void> start() {
    started_ = time_->now();
    if (auto r = open_ledger(); !r) {
      return r;
    }
    exchange_ = std::make_shared<dispatch::exchange>(ids_, config_.tenant);
    if (auto r = restore_releases(); !r) {
      return r;
    }
    exchange_->set_routes(parts_.routes);
    {
      auto db = store_->reader();
      if (!db) {
        return std::move(db).error();
      }
      if (auto r = exchange_->load(**db); !r) {
        return r;
      }
    }
    if (auto r = record_start(); !r) {
      return r;
    }
    make_reloader();
    make_swaps();
    system_config_ = std::make_unique<system_config>(config_.threads);
    system_ = std::make_unique<caf::actor_system>(*system_config_);
    system_->await_actors_before_shutdown(false);
    root_ = supervise::start(*system_, tree(), taps_, time_, random_, watcher());
    if (auto r = activations_->wait(components_->now()); !r) {
      return r;
    }

    api::environment env;
    env.store = store_;
    env.exchange = exchange_;
    env.principals = [rules = rules_] { return part(rules->now(), &rules::principals); };
    env.reload = [this](const api::principal& who, bool dry_run) {
      return reload("person:" + who.name, dry_run);
    };
    env.status = [this] { return status(); };
    env.plugins = [this] { return plugins(); };
    env.swap = [this](const api::principal& who, const std::string& what, const json& wanted) {
      const auto by = "person:" + who.name;
      return what == "keep"       ? swaps_->keep(by, wanted)
             : what == "rollback" ? swaps_->back(by, wanted)
                                  : swaps_->swap(by, wanted);
    };
    env.decide_on = [this](decide d) { return decide_on(std::move(d)); };
    env.amend = [this](crossdock::amend a) { return amend(std::move(a)); };
    auto server = api::server::start(config_.socket, std::move(env));
    if (!server) {
      return std::move(server).error();
    }
    server_ = std::move(*server);
    return {};
  }

  void stop() override {
    if (stopped_) {
      return;
    }
    stopped_ = true;
    if (server_) {
      server_->stop();
    }
    if (system_) {
      caf::scoped_actor self(*system_);
      self->monitor(root_);
      caf::anon_send<caf::message_priority::high>(root_, shut_down{});
      bool ended = false;
      self->receive([&](const caf::down_msg&) { ended = true; },
                    caf::after(std::chrono::seconds(30)) >> [] {});
      if (!ended) {
        spdlog::error("the tree did not stop within 30 s; it is killed");
        self->send_exit(root_, caf::exit_reason::kill);
      }
    }
    if (store_) {
      std::uint64_t left_out = 0;
      auto entries = taps_->take(left_out);
      ledger::unit u;
      u.name = "node.stop";
      u.cls = ledger::record_class::a;
      u.apply = [entries = std::move(entries), left_out,
                 name = config_.name](ledger::transaction& tx) -> result<void> {
        if (auto r = write_entries(tx, entries, left_out); !r) {
          return r;
        }
        ledger::record r;
        r.kind = "node";
        r.cls = ledger::record_class::a;
        r.source = "node";
        r.target = name;
        r.detail = {{"what", "stopped"}};
        auto seq = tx.append(r);
        return seq ? result<void>() : std::move(seq).error();
      };
      static_cast<void>(store_->commit(std::move(u)));
      store_->close();
    }
    handles_->clear();
    handles_.reset();
    root_ = nullptr;
    system_.reset();
  }

  result<json> reload(const std::string& by, bool dry_run) override {
    auto r = reloader_->reload(by, dry_run);
    if (!r) {
      spdlog::error("{} asked for {}: {}", by, dry_run ? "a trial reload" : "a reload",
                    r.error().describe());
    } else if (!dry_run && (*r)["changed"].get<bool>()) {
      spdlog::info("the configuration was reloaded by {}: {} fields changed, record {}", by,
                   (*r)["changes"].size(), (*r)["seq"].get<std::uint64_t>());
    }
    return r;
  }

  std::optional<std::string> operator_of(std::uint32_t uid) override {
    const auto in_force = rules_->now();
    for (const auto& p : in_force->principals) {
      if (p.uid == uid && p.has("operator")) {
        return p.name;
      }
    }
    return std::nullopt;
  }

  bool responds(std::chrono::milliseconds patience) override {
    const auto written = std::make_shared<std::promise<void>>();
    auto done = written->get_future();
    ledger::unit u;
    u.name = "node.alive";
    u.applied = [written](const result<ledger::receipt>&) { written->set_value(); };
    store_->submit(std::move(u));
    return done.wait_for(patience) == std::future_status::ready;
  }

private:
  void make_reloader() {
    reload_environment env;
    env.store = store_;
    env.exchange = exchange_;
    env.in_force = rules_;
    for (const auto& [name, sha256] : configured_) {
      env.running_plugins.insert(sha256);
    }
    env.catalogue_sha256 = parts_.catalogue_sha256;
    env.routes = [this](const std::vector<flow::definition_ptr>& flows) {
      return make_routes(*parts_.words, components_->now(), flows);
    };
    env.reconfigure = [this](const std::string& by, const config& fresh,
                             const std::vector<std::string>& components, bool dry_run) {
      return swaps_->reconfigure(by, fresh, components, dry_run);
    };
    env.after = [](const rules& now) { set_log_level(now.source.log_level); };
    reloader_ = std::make_unique<reloader>(std::move(env));
  }

  void make_swaps() {
    swap_environment env;
    env.store = store_;
    env.components = components_;
    env.rules = rules_;
    env.words = parts_.words;
    env.time = time_;
    env.configured = configured_;
    env.configured_file = [this](const std::string& name) {
      for (const auto& c : parts_.components) {
        if (c->name == name) {
          return c->file;
        }
      }
      return std::shared_ptr<const host::staged_plugin>();
    };
    env.shell = [all = handles_](const std::string& name) {
      const std::lock_guard lock(all->mutex);
      const auto it = all->shells.find(name);
      return it == all->shells.end() ? shell_handle() : it->second;
    };
    env.replace = [this](const shell_handle& h, std::shared_ptr<const host::replacement> order) {
      return ask_for(h, "the component", crossdock::replace{std::move(order)});
    };
    env.end_probation = [this](const shell_handle& h, const crossdock::end_probation& how) {
      return ask_for(h, "the component", how);
    };
    swaps_ = std::make_unique<swaps>(std::move(env));
  }

  /// Components that run another file than the configuration names, since a swap.
  result<void> restore_releases() {
    for (const auto& c : parts_.components) {
      configured_[c->name] = c->file->sha256_hex();
    }
    for (const auto& one : parts_.standings) {
      components_->note_standing(text_or(one, "sha256"), one);
    }
    auto was = ::crossdock::node::restore_releases(config_, *store_, *components_, *parts_.words);
    if (!was) {
      return std::move(was).error();
    }
    for (const auto& why : was->warnings) {
      spdlog::warn("{}", why);
      taps_->note("mishap", "swaps", why);
    }
    for (const auto& [name, c] : was->running) {
      spdlog::info("{} runs {}, which took over from what the configuration names", name,
                   c->file->release());
      components_->put(c);
    }
    previous_ = std::move(was->previous);
    take_back_ = std::move(was->take_back);
    auto routes = make_routes(*parts_.words, components_->now(), parts_.flows);
    if (!routes) {
      return std::move(routes).error();
    }
    parts_.routes = *routes;
    return {};
  }

  result<void> open_ledger() {
    ledger::options o;
    o.directory = config_.data / "ledger";
    o.origin = "crossdock/" + config_.name;
    o.time = time_;
    o.random = random_;
    o.migrations = all_migrations();
    o.counters = [this]() -> json {
      const auto c = exchange_ ? exchange_->count() : dispatch::counters{};
      return {{"messages", taps_->messages()}, {"accepted", c.accepted},
              {"delivered", c.delivered},      {"denied", c.denied},
              {"dead", c.dead},                {"timers", c.timers},
              {"in_flight", c.accepted - c.delivered -
                                                               c.denied - c.dead}};
    };
    o.failed = [this](const error& e) {
      spdlog::critical("the ledger stopped: {}", e.describe());
      halted_(e);
    };
    std::error_code failure;
    std::filesystem::create_directories(o.directory, failure);
    if (failure) {
      return error(errc::io, "cannot create the data directory: " + failure.message())
        .at("folder", o.directory.string());
    }
    const auto plan = ledger::plan_upgrade(o.directory, o.migrations);
    if (plan && !plan->copy.empty()) {
      spdlog::info("the ledger's database is of an older version: {}; a copy from before is "
                   "kept as {}",
                   plan->str(), plan->copy.string());
    }
    auto store = ledger::store::open(std::move(o));
    if (!store) {
      return std::move(store).error();
    }
    store_ = std::shared_ptr<ledger::store>(std::move(*store));
    return {};
  }

  /// Which code, policy and flows this run decides with: the first record of each start.
  result<void> record_start() {
    json components = json::array();
    for (const auto& c : components_->now()) {
      json one{{"component", c->name}, {"release", c->file->release()}};
      if (!c->kept_by_grant.empty()) {
        one["not_granted"] = c->kept_by_grant.to_json();
      }
      if (!c->kept_by_cap.empty()) {
        one["beyond_cap"] = c->kept_by_cap.to_json();
      }
      components.push_back(std::move(one));
    }
    json flows = json::array();
    for (const auto& f : parts_.flows) {
      flows.push_back(f->name());
    }
    ledger::unit u;
    u.name = "node.start";
    u.cls = ledger::record_class::a;
    u.apply = [components, flows, standings = parts_.standings, name = config_.name,
               definitions = parts_.flows,
               policy = parts_.policy->sha256(),
               file = config_.sha256](ledger::transaction& tx) -> result<void> {
      // A flow whose text changed under its version ends the start here, with a sentence.
      for (const auto& d : definitions) {
        if (auto kept = flow::remember(tx, *d); !kept) {
          return kept;
        }
      }
      ledger::record r;
      r.kind = "node";
      r.cls = ledger::record_class::a;
      r.source = "node";
      r.target = name;
      r.detail = {{"what", "started"},
                  {"version", version},
                  {"policy_sha256", policy},
                  {"file_sha256", file},
                  {"components", components},
                  {"plugins", standings},
                  {"flows", flows}};
      auto seq = tx.append(r);
      return seq ? result<void>() : std::move(seq).error();
    };
    auto r = store_->commit(std::move(u));
    return r ? result<void>() : std::move(r).error();
  }

  supervise::observer watcher() {
    return [taps = taps_, halted = halted_](const supervise::event& e) {
      const auto text = e.child + " " + e.what + (e.why.empty() ? "" : ": " + e.why);
      const logging::scope about({.component = e.child});
      if (e.what == "gave up") {
        spdlog::critical("supervisor {}: {}", e.supervisor, text);
        if (e.supervisor == "root") {
          halted(error(errc::internal, "the supervisor of the node gave up: " + text));
        }
      } else if (e.what == "failed" || e.what == "killed") {
        spdlog::error("supervisor {}: {}", e.supervisor, text);
      } else {
        spdlog::debug("supervisor {}: {}", e.supervisor, text);
      }
      taps->note("lifecycle", e.supervisor, text);
    };
  }

  /// In the core each actor relies on those before it and is started anew with them: a gate that
  /// fails takes along who asked it, a case that fails neither decisions nor effects. Plugins
  /// fail alone. See docs/decisions/0006-the-core-restarts-what-follows.md.
  supervise::supervisor_spec tree() {
    supervise::supervisor_spec core;
    core.name = "core";
    core.how = supervise::strategy::rest_for_one;
    core.children = {
      {"audit",
       [this](caf::actor_system& s) {
         auto h = s.spawn<audit>(taps_, store_);
         handles_->audit.set(caf::actor_cast<audit_handle>(h));
         return caf::actor_cast<caf::actor>(h);
       }},
      {"gate",
       [this](caf::actor_system& s) {
         auto h = gate::start(s, {[rules = rules_] { return part(rules->now(), &rules::judging); },
                                  time_, taps_, clocks_});
         handles_->gate.set(h);
         return caf::actor_cast<caf::actor>(h);
       }},
      {"escalation",
       [this](caf::actor_system& s) {
         auto h = escalate::start_desk(
           s, {store_, exchange_, time_, taps_, [all = handles_] { return all->effect.get(); }});
         handles_->escalation.set(h);
         return caf::actor_cast<caf::actor>(h);
       }},
      {"effect",
       [this](caf::actor_system& s) {
         effect::environment env{store_, exchange_, time_, taps_, {}};
         env.settle = [all = components_](const std::string& tool) {
           for (const auto& c : all->now()) {
             if (const auto it = c->settle.find(tool); it != c->settle.end()) {
               return it->second;
             }
           }
           return std::chrono::milliseconds(0);
         };
         auto h = effect::start(s, std::move(env));
         handles_->effect.set(h);
         return caf::actor_cast<caf::actor>(h);
       }},
      {"flow",
       [this](caf::actor_system& s) {
         auto h = flow::start(s, flow_environment());
         handles_->flow.set(h);
         return caf::actor_cast<caf::actor>(h);
       }}};

    supervise::supervisor_spec plugins;
    plugins.name = "plugins";
    plugins.how = supervise::strategy::one_for_one;
    // Connectors first: agents ask them as soon as they start.
    for (const bool connectors : {true, false}) {
      for (const auto& c : parts_.components) {
        if (c->connector == connectors) {
          plugins.children.push_back({c->name, [this, name = c->name](caf::actor_system& s) {
                                        return start_shell(s, components_->find(name));
                                      }});
        }
      }
    }

    supervise::supervisor_spec root;
    root.name = "root";
    root.how = supervise::strategy::one_for_one;
    root.children = {
      {"core", [this, core](caf::actor_system& s) { return nested(s, core); },
       supervise::restart::permanent, std::chrono::milliseconds(15'000)},
      {"plugins", [this, plugins](caf::actor_system& s) { return nested(s, plugins); },
       supervise::restart::permanent, std::chrono::milliseconds(15'000)},
      {"timekeeper", [this](caf::actor_system& s) {
         auto h = s.spawn<timekeeper>(taps_, store_, exchange_, time_, [this] { tick_all(); });
         return caf::actor_cast<caf::actor>(h);
       }}};
    return root;
  }

  caf::actor nested(caf::actor_system& s, const supervise::supervisor_spec& spec) {
    auto h = supervise::start(s, spec, taps_, time_, random_, watcher());
    const std::lock_guard lock(handles_->mutex);
    supervisors_[spec.name] = h;
    return caf::actor_cast<caf::actor>(h);
  }

  caf::actor start_shell(caf::actor_system& s, const std::shared_ptr<const host::component>& c) {
    host::environment env;
    env.store = store_;
    env.exchange = exchange_;
    env.intake = std::make_shared<const intake::desk>(parts_.words, exchange_);
    env.words = parts_.words;
    env.time = time_;
    env.random = random_;
    env.taps = taps_;
    env.clocks = clocks_;
    env.started = [all = activations_](const std::string& name,
                                       const std::optional<error>& refused) {
      all->note(name, refused);
    };
    env.replaced = [this](const std::shared_ptr<const host::component>& now) { replaced(now); };
    {
      const std::lock_guard lock(handles_->mutex);
      env.previous = previous_;
      env.take_back = take_back_;
    }
    env.plugin_host = config_.plugin_host;
    env.repro = config_.data / "repro";
    auto h = host::start_shell(s, env, c);
    const std::lock_guard lock(handles_->mutex);
    handles_->shells[c->name] = h;
    return caf::actor_cast<caf::actor>(h);
  }

  /// On the writer's thread: what is recorded after this is handed out by the new version's words.
  void replaced(const std::shared_ptr<const host::component>& now) {
    {
      const std::lock_guard lock(handles_->mutex);
      previous_[now->name] = components_->find(now->name);
      take_back_.erase(now->name);
    }
    components_->put(now);
    const auto in_force = rules_->now();
    auto routes =
      make_routes(*parts_.words, components_->now(), in_force->cases.definitions);
    if (!routes) {
      spdlog::error("{}: its words are not routed: {}", now->name, routes.error().describe());
      return;
    }
    exchange_->set_routes(*routes);
  }

  flow::environment flow_environment() {
    flow::environment env{store_,
                          exchange_,
                          time_,
                          ids_,
                          taps_,
                          parts_.words,
                          [rules = rules_] { return part(rules->now(), &rules::cases); },
                          config_.tenant,
                          [all = handles_] { return all->gate.get(); },
                          [all = handles_] { return all->effect.get(); },
                          [all = handles_] { return all->escalation.get(); },
                          {},
                          case_rows_};
    env.release_of = [all = components_](const std::string& name) {
      const auto c = all->find(name);
      return c ? c->file->release() : std::string();
    };
    for (const auto& plugin : config_.plugins) {
      for (const auto& c : plugin.components) {
        if (!c.owner.empty()) {
          env.owners[c.id] = c.owner;
        }
      }
    }
    return env;
  }

  void tick_all() {
    if (auto h = handles_->escalation.get()) {
      caf::anon_send(h, tick{});
    }
    if (auto h = handles_->audit.get()) {
      caf::anon_send(h, tick{});
    }
    const std::lock_guard lock(handles_->mutex);
    for (const auto& [name, shell] : handles_->shells) {
      caf::anon_send(shell, tick{});
    }
  }

  // -- for the API ---------------------------------------------------------------------------

  template <class Handle>
  json ask_status(caf::scoped_actor& self, const Handle& h) {
    json out = json::object();
    if (!h) {
      return {{"state", "not running"}};
    }
    self->request(h, std::chrono::seconds(3), status_request{})
      .receive(
        [&](const status_report& r) {
          if (auto parsed = parse_json(r.text)) {
            out = std::move(*parsed);
          }
        },
        [&](const caf::error& e) { out = {{"state", "no answer: " + caf::to_string(e)}}; });
    return out;
  }

  json component_states() {
    caf::scoped_actor self(*system_);
    std::map<std::string, shell_handle> shells;
    {
      const std::lock_guard lock(handles_->mutex);
      shells = handles_->shells;
    }
    json out = json::array();
    for (const auto& c : components_->now()) {
      auto state = ask_status(self, shells[c->name]);
      state["component"] = c->name;
      const auto standing = components_->standing_of(c->file->sha256_hex());
      if (standing.contains("standing")) {
        state["standing"] = standing.at("standing");
        state["signers"] = standing.at("signers");
      }
      if (!c->kept_by_grant.empty()) {
        state["not_granted"] = c->kept_by_grant.to_json();
      }
      if (!c->kept_by_cap.empty()) {
        state["beyond_cap"] = c->kept_by_cap.to_json();
      }
      out.push_back(std::move(state));
    }
    return out;
  }

  json status() {
    caf::scoped_actor self(*system_);
    json trees = json::array();
    trees.push_back(ask_status(self, root_));
    std::map<std::string, supervise::supervisor_handle> nested;
    {
      const std::lock_guard lock(handles_->mutex);
      nested = supervisors_;
    }
    for (const auto& [name, h] : nested) {
      trees.push_back(ask_status(self, h));
    }
    const auto trees_now = trees;
    auto components = component_states();
    const auto c = exchange_->count();
    json waiting = 0;
    json pending = 0;
    if (auto db = store_->reader()) {
      // Work that somebody inside or a connector still owes; people's decisions and timers (a
      // connector's next poll) are not.
      if (auto rows = (*db)->query("SELECT (SELECT count(*) FROM delivery WHERE kind <> 8) + "
                                   "(SELECT count(*) FROM request WHERE kind <> 8), "
                                   "(SELECT count(*) FROM approval WHERE state = 'pending')")) {
        waiting = rows->front().integer(0);
        pending = rows->front().integer(1);
      }
    }
    const auto now = time_->now();
    return {{"node", config_.name},
            {"tenant", config_.tenant},
            {"version", version},
            {"pid", ::getpid()},
            {"started_at", to_rfc3339(started_)},
            {"uptime_s",
             std::chrono::duration_cast<std::chrono::seconds>(now - started_).count()},
            {"ledger",
             {{"durable_seq", store_->durable_seq()},
              {"applied_seq", store_->applied_seq()},
              {"vkey", store_->public_key()},
              {"directory", (config_.data / "ledger").string()}}},
            {"supervisors", std::move(trees)},
            {"degraded", degraded(trees_now, components)},
            {"retired_plugins", retired_plugins()},
            {"components", std::move(components)},
            {"flow", ask_status(self, handles_->flow.get())},
            {"gate", ask_status(self, handles_->gate.get())},
            {"effect", ask_status(self, handles_->effect.get())},
            {"approvals", {{"pending", pending}}},
            {"dispatch",
             {{"accepted", c.accepted},
              {"delivered", c.delivered},
              {"denied", c.denied},
              {"dead", c.dead}}},
            {"exchange_waiting", waiting}};
  }

  /// What does not work, and what that means; empty: everything does.
  static json degraded(const json& trees, const json& components) {
    json out = json::array();
    for (const auto& c : components) {
      const auto state = text_or(c, "state");
      if (state != "running") {
        out.push_back(text_or(c, "component") + " is " + state + ": what is for it waits" +
                      (text_or(c, "last_error").empty() ? "" : " (" + text_or(c, "last_error") + ")"));
      }
    }
    for (const auto& tree : trees) {
      for (const auto& child : tree.value("children", json::array())) {
        if (text_or(child, "state") != "running") {
          out.push_back(text_or(tree, "name") + "/" + text_or(child, "name") + " is " +
                        text_or(child, "state"));
        }
      }
    }
    return out;
  }

  /// Files of versions that no component runs any more: they stay mapped until the node ends.
  json retired_plugins() {
    auto mapped = host::plugin_image::all_mapped();
    std::size_t in_use = 0;
    std::set<std::string> seen;
    for (const auto& c : components_->now()) {
      if (mapped.sha256.contains(c->file->sha256_hex()) && seen.insert(c->file->sha256_hex()).second) {
        ++in_use;
      }
    }
    return {{"files", mapped.files - in_use}, {"mapped_files", mapped.files}, {"mapped_bytes", mapped.bytes}};
  }

  json plugins() { return {{"plugins", component_states()}}; }

  answer decide_on(decide d) {
    return ask_for_person(handles_->escalation.get(), "escalation", std::move(d));
  }

  answer amend(crossdock::amend a) {
    return ask_for_person(handles_->flow.get(), "the flow", std::move(a));
  }

  template <class Handle, class Message>
  answer ask_for_person(const Handle& h, const std::string& name, Message m) {
    if (!h) {
      return {static_cast<std::int32_t>(errc::unavailable), name + " is not running"};
    }
    // Who decides does so with the rights that hold when the decision is recorded.
    const auto act = reloader_->act();
    const auto in_force = rules_->now();
    const auto who = std::find_if(
      in_force->principals.begin(), in_force->principals.end(),
      [&](const api::principal& p) { return p.name == m.principal; });
    if (who == in_force->principals.end()) {
      return {static_cast<std::int32_t>(errc::denied),
              "\"" + m.principal + "\" is no principal of this node any more"};
    }
    m.roles = who->roles;
    return ask_for(h, name, std::move(m));
  }

  template <class Handle, class Message>
  answer ask_for(const Handle& h, const std::string& name, Message m) {
    if (!h) {
      return {static_cast<std::int32_t>(errc::unavailable), name + " is not running"};
    }
    caf::scoped_actor self(*system_);
    answer out;
    self->request(h, std::chrono::seconds(60), std::move(m))
      .receive([&](answer& a) { out = std::move(a); },
               [&](const caf::error& e) {
                 out = {static_cast<std::int32_t>(errc::unavailable),
                        name + " did not answer: " + caf::to_string(e)};
               });
    return out;
  }

  config config_;
  parts parts_;
  std::function<void(const error&)> halted_;
  std::shared_ptr<rules_in_force> rules_;
  std::unique_ptr<reloader> reloader_;
  std::unique_ptr<swaps> swaps_;
  std::map<std::string, std::string> configured_; ///< component -> SHA-256 of its file
  std::map<std::string, std::shared_ptr<const host::component>> previous_;
  std::set<std::string> take_back_;
  std::shared_ptr<const crossdock::clock> time_;
  std::shared_ptr<random_source> random_;
  std::shared_ptr<id_source> ids_;
  std::shared_ptr<components_in_force> components_;
  std::shared_ptr<node_tap> taps_;
  std::shared_ptr<system_clocks> clocks_;
  std::shared_ptr<handles> handles_;
  std::shared_ptr<activations> activations_;
  std::shared_ptr<ledger::store> store_;
  std::shared_ptr<dispatch::exchange> exchange_;
  std::shared_ptr<flow::case_rows> case_rows_ = std::make_shared<flow::case_rows>();
  std::unique_ptr<system_config> system_config_;
  std::unique_ptr<caf::actor_system> system_;
  supervise::supervisor_handle root_;
  std::map<std::string, supervise::supervisor_handle> supervisors_;
  std::unique_ptr<api::server> server_;
  timestamp started_{};
  bool stopped_ = false;
};

} // namespace

namespace {

/// A plugin file that was not let in is on record even though the node does not start. What goes
/// wrong here is logged: the refusal stands either way.
void record_refusal(const config& c, const error& why) {
  ledger::options o;
  o.directory = c.data / "ledger";
  o.origin = "crossdock/" + c.name;
  o.migrations = all_migrations();
  std::error_code failure;
  std::filesystem::create_directories(o.directory, failure);
  if (auto plan = ledger::plan_upgrade(o.directory, o.migrations);
      !plan || (!plan->steps.empty() && !plan->copy.empty())) {
    spdlog::warn("the refusal is not in the ledger: it has to be upgraded first");
    return;
  }
  auto store = ledger::store::open(std::move(o));
  if (!store) {
    spdlog::warn("the refusal is not in the ledger: {}", store.error().describe());
    return;
  }
  ledger::unit u;
  u.name = "node.refused";
  u.cls = ledger::record_class::a;
  u.apply = [&](ledger::transaction& tx) -> result<void> {
    ledger::record r;
    r.kind = "node";
    r.cls = ledger::record_class::a;
    r.source = "node";
    r.target = c.name;
    r.detail = {{"what", "plugin refused"},
                {"version", version},
                {"file_sha256", c.sha256},
                {"reason", why.describe().substr(0, 4000)}};
    auto seq = tx.append(r);
    return seq ? result<void>() : std::move(seq).error();
  };
  if (auto done = (*store)->commit(std::move(u)); !done) {
    spdlog::warn("the refusal is not in the ledger: {}", done.error().describe());
  }
  (*store)->close();
}

} // namespace

int exit_code_of(const error& e) {
  switch (e.code()) {
  case errc::busy:
  case errc::io:
  case errc::disk_full:
  case errc::unavailable: return exit_unavailable;
  case errc::corrupt: return exit_corrupt;
  default: return exit_config;
  }
}

result<std::unique_ptr<running_node>>
running_node::start(const config& c, std::function<void(const error&)> halted) {
  auto p = prepare(c, admitting::remember);
  if (!p) {
    if (p.error().code() == errc::denied) {
      record_refusal(c, p.error());
    }
    return std::move(p).error();
  }
  auto n = std::make_unique<node>(c, std::move(*p), std::move(halted));
  if (auto r = n->start(); !r) {
    n->stop();
    return std::move(r).error();
  }
  return std::unique_ptr<running_node>(std::move(n));
}

json known_schema() {
  json out = json::object();
  for (const auto& m : all_migrations()) {
    out[m.room] = std::max(out.value(m.room, 0), m.version);
  }
  return out;
}

result<void> check(const config& c) {
  auto p = prepare(c, admitting::look);
  return p ? result<void>() : std::move(p).error();
}

} // namespace crossdock::node
