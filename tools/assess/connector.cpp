#include "assess/connector.hpp"

#include "flow/definition.hpp"
#include "host/instance.hpp"
#include "node/admission.hpp"
#include "sdk/manifest/check.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <thread>

#include <fmt/format.h>

namespace crossdock::assess {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

/// An answer that is not to be had now is asked for again: a year is read in hundreds of
/// pages, and one busy moment of the ERP should not lose them.
constexpr int attempts_max = 4;
constexpr milliseconds pause_first{250};
/// A page may take longer than what a live decision would wait for.
constexpr milliseconds call_time{60'000};

/// The manifest of a plugin file, read without running an instruction of it.
result<json> manifest_of(const node::plugin_config& p) {
  std::error_code failure;
  if (!fs::is_regular_file(p.file, failure)) {
    return error(errc::not_found, "there is no such plugin file; build or install it")
        .at("file", p.file.string())
        .at("configured at", p.place);
  }
  auto parsed = manifest::from_plugin(p.file.string());
  if (const auto* m = std::get_if<json>(&parsed)) {
    return *m;
  }
  const auto& problems = std::get<manifest::problems>(parsed);
  return error(errc::schema,
               "the plugin's manifest cannot be used: " +
                   (problems.empty() ? "unreadable" : problems.front().text()))
      .at("file", p.file.string())
      .at("configured at", p.place);
}

/// The manifest entries of the configured components of a plugin.
std::vector<std::pair<json, json>> components_of(const node::plugin_config& p,
                                                 const json& manifest) {
  std::vector<std::pair<json, json>> out; // entry, configuration
  for (const auto& entry : manifest.value("components", json::array())) {
    if (p.components.empty()) {
      out.emplace_back(entry, json::object());
    }
    for (const auto& one : p.components) {
      if (one.id == text_or(entry, "id")) {
        out.emplace_back(entry, one.config);
      }
    }
  }
  return out;
}

bool offers_history(const json& entry) {
  const auto offers = entry.value("offers", json::array());
  return text_or(entry, "kind") == "connector" &&
         std::any_of(offers.begin(), offers.end(), [](const json& o) {
           const auto tool = text_or(o, "tool");
           return tool == tools::orders || tool == tools::purchases ||
                  tool == tools::transfers;
         });
}

struct candidate {
  const node::plugin_config* plugin = nullptr;
  std::string component;
  json config;
  json schema; ///< of its configuration
};

result<candidate> choose(const node::config& config, const std::string& wanted) {
  std::vector<candidate> found;
  for (const auto& p : config.plugins) {
    auto manifest = manifest_of(p);
    if (!manifest) {
      return std::move(manifest).error();
    }
    for (auto& [entry, settings] : components_of(p, *manifest)) {
      const auto id = text_or(entry, "id");
      if (offers_history(entry) && (wanted.empty() || wanted == id)) {
        found.push_back(
            {&p, id, std::move(settings), entry.value("config", json::object())});
      }
    }
  }
  if (found.empty()) {
    return error(errc::not_found,
                 wanted.empty()
                     ? "no connector of this configuration offers a history to assess "
                       "(erp.order_history, erp.purchase_history or erp.transfer_history)"
                     : "no connector of this name offers a history to assess")
        .at("file", config.file.string())
        .at("field", wanted.empty() ? "plugin" : "plugin.component.id = " + wanted);
  }
  if (found.size() > 1) {
    std::string names;
    for (const auto& c : found) {
      names += (names.empty() ? "" : ", ") + c.component;
    }
    return error(errc::invalid, "several connectors offer a history: choose one of " +
                                    names + " with --connector")
        .at("file", config.file.string());
  }
  return std::move(found.front());
}

/// A connector that can promise not to write is asked to.
json read_only(json config, const json& schema) {
  if (schema.value("properties", json::object()).contains("read_only")) {
    config["read_only"] = true;
  }
  return config;
}

std::string said(const json& answer) {
  const auto message = text_or(answer, "message");
  return message.empty() ? text_or(answer, "reason", "no reason given") : message;
}

} // namespace

struct connector::parts {
  std::shared_ptr<const catalogue> words;
  std::shared_ptr<const host::component> component;
  std::shared_ptr<clock> time = std::make_shared<system_clock>();
  std::shared_ptr<random_source> random = std::make_shared<system_random>();
  std::shared_ptr<const host::memory_view> memory = std::make_shared<host::memory_view>();
  std::shared_ptr<host::instance> instance;
  std::uint64_t token = 0;

  result<host::reply_effect> once(const std::string& tool, const std::string& args);
};

connector::~connector() = default;

result<std::unique_ptr<connector>> connector::open(const node::config& config,
                                                   std::shared_ptr<const catalogue> words,
                                                   const std::string& component) {
  auto chosen = choose(config, component);
  if (!chosen) {
    return std::move(chosen).error();
  }
  std::unique_ptr<connector> out(new connector);
  out->parts_ = std::make_unique<parts>();
  auto& p = *out->parts_;
  p.words = std::move(words);
  const auto& place = chosen->plugin->place;
  auto in = node::admit(config, chosen->plugin->file, config.data / "plugins",
                        node::admitting::look);
  if (!in) {
    return std::move(in).error().at("configured at", place);
  }
  node::component_config wanted;
  for (const auto& one : chosen->plugin->components) {
    if (one.id == chosen->component) {
      wanted = one;
    }
  }
  wanted.id = chosen->component;
  wanted.config = read_only(chosen->config, chosen->schema);
  auto granted = node::component_of(*in, wanted, *p.words);
  if (!granted) {
    return std::move(granted).error().at("configured at", place);
  }
  p.component = *granted;
  host::instance_host silent;
  silent.log = [](std::uint32_t, std::string_view, std::string_view) {};
  silent.metric = [](std::uint32_t, std::string_view, double) {};
  silent.post = [](std::string, std::string) -> cdk_status { return CDK_E_DENIED; };
  host::surroundings around;
  around.words = p.words;
  around.plugin_host = config.plugin_host;
  auto instance = host::make_instance(p.component, std::move(silent), around);
  if (!instance) {
    return std::move(instance).error().at("configured at", place);
  }
  p.instance = *instance;
  return out;
}

result<host::reply_effect> connector::parts::once(const std::string& tool,
                                                  const std::string& args) {
  const auto now = time->now();
  host::step step(component, words, 1, random, memory, 0, now);
  cdk_event e{};
  e.struct_size = sizeof e;
  e.kind = CDK_EV_CALL;
  e.attempt = 1;
  e.token = ++token;
  const auto ns = [](timestamp t) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(t.time_since_epoch())
        .count();
  };
  e.now_ns = ns(now);
  e.deadline_ns = ns(now + std::max(call_time, component->limits.step_hard));
  e.topic = host::to_abi(tool);
  e.content_type = host::to_abi("application/json");
  e.labels = host::to_abi("[]");
  e.payload = host::to_abi_bytes(args);
  instance->handle(step, e);
  if (step.status < 0) {
    return error(errc::plugin, "the connector failed at " + tool + ": " + step.message)
        .at("plugin", component->file->release());
  }
  for (auto& effect : step.effects) {
    if (auto* reply = std::get_if<host::reply_effect>(&effect);
        reply != nullptr && reply->token == token) {
      return std::move(*reply);
    }
  }
  return error(errc::plugin,
               "the connector gave no answer to " + tool +
                   (step.refusals.empty() ? "" : ": " + step.refusals.front()))
      .at("plugin", component->file->release());
}

result<document> connector::call(const std::string& tool, const json& args) {
  auto& p = *parts_;
  const auto* entry = p.words->find(tool);
  if (entry == nullptr || entry->kind != entry_kind::tool || entry->write) {
    return error(errc::denied,
                 "an assessment only reads, and " + tool + " does not only read");
  }
  if (!p.component->offers.contains(tool)) {
    return error(errc::not_found,
                 "the connector " + p.component->name + " does not offer it");
  }
  if (auto valid = p.words->check(tool, args); !valid) {
    return std::move(valid).error().at("tool", tool);
  }
  const auto text = crossdock::to_text(args);
  auto pause = pause_first;
  for (int attempt = 1;; ++attempt) {
    auto reply = p.once(tool, text);
    if (!reply) {
      return std::move(reply).error();
    }
    const auto& answer = reply->payload.document;
    switch (reply->status) {
    case CDK_TOOL_OK:
      return answer;
    case CDK_TOOL_TRANSIENT:
      if (attempt < attempts_max) {
        std::this_thread::sleep_for(pause);
        pause *= 4;
        continue;
      }
      return error(errc::unavailable,
                   "the system of record does not answer now: " + said(*answer) +
                       "; start it, or try again later")
          .at("tool", tool);
    case CDK_TOOL_AUTH:
      return error(errc::denied,
                   "the system of record refuses the login: " + said(*answer))
          .at("tool", tool);
    case CDK_TOOL_NOT_FOUND:
      return error(errc::not_found, said(*answer)).at("tool", tool);
    default:
      return error(errc::invalid, said(*answer)).at("tool", tool);
    }
  }
}

std::string connector::described() const {
  return parts_->component->name + " of " + parts_->component->file->release();
}

result<addressing> read_addressing(const node::config& config) {
  addressing out;
  for (const auto& file : config.flows) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    if (!in || !(text << in.rdbuf())) {
      return error(errc::not_found, "this flow cannot be read").at("file", file.string());
    }
    auto flow = flow::definition::compile(text.str(), file.string());
    if (!flow) {
      return std::move(flow).error();
    }
    out.flows.push_back({flow->id(), flow->trigger_topic()});
  }
  for (const auto& p : config.plugins) {
    auto manifest = manifest_of(p);
    if (!manifest) {
      return std::move(manifest).error();
    }
    for (const auto& [entry, settings] : components_of(p, *manifest)) {
      addressing::agent agent;
      agent.name = text_or(entry, "id");
      for (const auto& topic : entry.value("consumes", json::array())) {
        agent.hears.insert(topic.is_string() ? topic.get<std::string>()
                                             : text_or(topic, "topic"));
      }
      for (const auto& topic : entry.value("produces", json::array())) {
        agent.says.insert(topic.is_string() ? topic.get<std::string>()
                                            : text_or(topic, "topic"));
      }
      if (text_or(entry, "kind") == "agent") {
        out.agents.push_back(std::move(agent));
      }
    }
  }
  return out;
}

} // namespace crossdock::assess
