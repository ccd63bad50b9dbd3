#include "kit/fixture.hpp"

#include "kit/child.hpp"
#include "trust/safe_file.hpp"

#include <crossdock/testing.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>

namespace crossdock::kit {
namespace {

namespace fake = crossdock::sdk::testing;
using crossdock::sdk::status_name;

constexpr std::size_t file_bytes_max = 16u << 20;
constexpr const char* format_name = "crossdock.fixture/1";

const std::set<std::string> kinds{"start",    "message", "ask",     "call",    "lookup",
                                  "decision", "config",  "advance", "restart", "swap"};
const std::set<std::string> known_members{"format",  "description", "component",
                                          "config",  "now",         "memory",
                                          "answers", "events",      "expect"};
const std::set<std::string> known_expectations{
    "sent", "proposals", "replies", "requests", "memory", "logs", "refusals", "failures"};

error wrong(const std::string& field, const std::string& why) {
  return error(errc::invalid, why).at("field", field);
}

/// "ok", "denied", ... or a number.
std::optional<cdk_status> status_from(const json& value) {
  if (value.is_number_integer()) {
    return value.get<cdk_status>();
  }
  if (!value.is_string()) {
    return std::nullopt;
  }
  const auto word = value.get<std::string>();
  for (cdk_status s = -100; s <= CDK_TOOL_NOT_FOUND; ++s) {
    if (status_name(s) == word) {
      return s;
    }
  }
  return std::nullopt;
}

/// Every member of `wanted` is in `there`, member by member.
bool matches(const json& wanted, const json& there) {
  return fake::internal::difference(wanted, there).empty();
}

class life {
public:
  life(const fake::loaded_plugin& plugin, const std::string& component,
       const json& fixture)
      : node_(plugin, component, fixture.value("config", json::object())),
        fixture_(fixture) {
    if (fixture.contains("now")) {
      node_.set_now(fixture.at("now").get<std::string>());
    }
    const auto memory = fixture.value("memory", json::object());
    for (const auto& [key, value] : memory.items()) {
      node_.memory[key] = value;
    }
    script();
  }

  void run(whereabouts& at) {
    std::size_t number = 0;
    for (const auto& e : fixture_.at("events")) {
      at.say(fmt::format("in event {}", ++number));
      out_.events.push_back(one(e));
    }
    out_.memory = json::object();
    for (const auto& [key, value] : node_.memory) {
      out_.memory[key] = shown(value);
    }
    expect();
  }

  lived take() { return std::move(out_); }

  /// Microseconds of one event's steps.
  double time(const json& e, std::string& failure) {
    const auto kind = e.at("kind").get<std::string>();
    const auto name = name_in(e);
    const auto payload = e.value("payload", json::object());
    const auto begin = std::chrono::steady_clock::now();
    step(kind, name, payload, e);
    const auto took = std::chrono::steady_clock::now() - begin;
    failure = node_.error();
    return std::chrono::duration<double, std::micro>(took).count();
  }

  /// "message order.line"
  static std::string called(const json& e) {
    const auto name = name_in(e);
    return e.at("kind").get<std::string>() + (name.empty() ? "" : " " + name);
  }

private:
  static std::string name_in(const json& e) {
    const auto kind = e.at("kind").get<std::string>();
    return text_or(e, kind == "message" ? "topic" : kind == "ask" ? "question" : "tool");
  }

  /// Answers to calls and questions, the first that matches.
  void script() {
    std::map<std::string, std::vector<json>> by_name;
    const auto answers = fixture_.value("answers", json::array());
    for (const auto& a : answers) {
      const bool tool = a.contains("tool");
      by_name[(tool ? "t" : "q") + a.at(tool ? "tool" : "question").get<std::string>()]
          .push_back(a);
    }
    for (const auto& [name, all] : by_name) {
      const auto answering = [all = all](const json& payload) -> fake::answer {
        for (const auto& a : all) {
          if (matches(a.value("match", json::object()), payload)) {
            return {a.value("payload", json::object()),
                    a.contains("status") ? *status_from(a.at("status")) : CDK_OK};
          }
        }
        return {{{"message", "the fixture has no answer that matches"}},
                CDK_TOOL_NOT_FOUND};
      };
      if (name.front() == 't') {
        node_.on_call(name.substr(1), answering);
      } else {
        node_.on_ask(name.substr(1), answering);
      }
    }
  }

  static json shown(const json& value) {
    return value.is_binary() ? json(fmt::format("({} bytes)", value.get_binary().size()))
                             : value;
  }

  happened one(const json& e) {
    happened h;
    const auto kind = e.at("kind").get<std::string>();
    const auto name = name_in(e);
    h.what = called(e);
    const auto payload = e.value("payload", json::object());
    const auto before =
        std::array{node_.sent.size(), node_.proposals.size(), node_.replies.size(),
                   node_.logs.size(), node_.refusals.size()};
    const auto memory = node_.memory;
    std::set<std::uint64_t> waiting, timers;
    for (const auto& r : node_.outstanding()) {
      waiting.insert(r.id);
    }
    for (const auto& t : node_.timers()) {
      timers.insert(t.id);
    }
    try {
      step(kind, name, payload, e);
      h.failure = node_.error();
    } catch (const std::exception& x) {
      h.failure = x.what();
    }
    tell(h, before, memory, waiting, timers);
    return h;
  }

  void step(const std::string& kind, const std::string& name, const json& payload,
            const json& e) {
    if (kind == "start") {
      node_.start();
    } else if (kind == "message") {
      node_.deliver(name, payload, text_or(e, "key"), text_or(e, "id"));
    } else if (kind == "ask") {
      node_.ask(name, payload);
    } else if (kind == "call") {
      node_.call(name, payload, text_or(e, "idempotency_key"));
    } else if (kind == "lookup") {
      node_.lookup(name, payload, text_or(e, "idempotency_key"));
    } else if (kind == "config") {
      node_.configure(payload);
    } else if (kind == "advance") {
      node_.advance(std::chrono::milliseconds(e.at("ms").get<std::int64_t>()));
    } else if (kind == "restart") {
      node_.restart();
    } else if (kind == "swap") {
      node_.swap(e.value("state_schema", 1u));
    } else { // decision: of the newest proposal of that tool
      const auto it = std::find_if(node_.proposals.rbegin(), node_.proposals.rend(),
                                   [&](const auto& p) { return p.tool == name; });
      if (it == node_.proposals.rend()) {
        throw std::runtime_error("there is no proposal of " + name + " to decide");
      }
      const auto made = *it;
      node_.decide(made, e.contains("status") ? *status_from(e.at("status")) : CDK_OK,
                   payload);
    }
  }

  void tell(happened& h, const std::array<std::size_t, 5>& before,
            const std::map<std::string, json>& memory,
            const std::set<std::uint64_t>& waiting,
            const std::set<std::uint64_t>& timers) {
    const auto put = [&](const char* list, std::string line, json object) {
      h.lines.push_back(std::move(line));
      h.effects[list].push_back(std::move(object));
    };
    h.effects = json::object();
    for (auto i = before[0]; i < node_.sent.size(); ++i) {
      const auto& s = node_.sent[i];
      put("sent", "sends " + s.topic + " " + s.payload.dump(),
          {{"topic", s.topic}, {"key", s.key}, {"payload", s.payload}});
    }
    for (auto i = before[1]; i < node_.proposals.size(); ++i) {
      const auto& p = node_.proposals[i];
      put("proposals",
          fmt::format("proposes {} {} (confidence {:.2f}): {}", p.tool, p.args.dump(),
                      p.confidence, p.rationale),
          {{"tool", p.tool},
           {"args", p.args},
           {"confidence", p.confidence},
           {"rationale", p.rationale},
           {"object_key", p.object_key}});
    }
    for (auto i = before[2]; i < node_.replies.size(); ++i) {
      const auto& r = node_.replies[i];
      put("replies",
          "answers " + std::string(status_name(r.status)) + " " + r.payload.dump(),
          {{"status", status_name(r.status)}, {"payload", r.payload}});
    }
    for (const auto& r : node_.outstanding()) {
      if (!waiting.contains(r.id)) {
        put("requests",
            "waits for the answer to " + r.kind + " " + r.name + " " + r.payload.dump(),
            {{"kind", r.kind}, {"name", r.name}, {"payload", r.payload}});
      }
    }
    for (const auto& t : node_.timers()) {
      if (!timers.contains(t.id)) {
        put("timers",
            fmt::format("sets a timer for {} ms from now",
                        (t.due_ns - node_.now()) / 1'000'000),
            {{"in_ms", (t.due_ns - node_.now()) / 1'000'000}});
      }
    }
    for (const auto& [key, value] : node_.memory) {
      const auto it = memory.find(key);
      if (it == memory.end() || it->second != value) {
        put("memory", "remembers " + key + " = " + shown(value).dump(),
            {{"key", key}, {"value", shown(value)}});
      }
    }
    for (const auto& [key, value] : memory) {
      if (!node_.memory.contains(key)) {
        put("memory", "forgets " + key, {{"key", key}, {"value", nullptr}});
      }
    }
    static constexpr const char* levels[] = {"trace", "debug", "info", "warning",
                                             "error"};
    for (auto i = before[3]; i < node_.logs.size(); ++i) {
      const auto& l = node_.logs[i];
      const auto level =
          levels[std::min<std::size_t>(static_cast<std::size_t>(l.severity), 4)];
      put("logs",
          "logs " + std::string(level) + ": " + l.message +
              (l.fields.empty() ? "" : " " + l.fields.dump()),
          {{"level", level}, {"message", l.message}, {"fields", l.fields}});
    }
    for (auto i = before[4]; i < node_.refusals.size(); ++i) {
      put("refusals", "is refused: " + node_.refusals[i], node_.refusals[i]);
    }
    if (!h.failure.empty()) {
      h.lines.push_back("the step failed, nothing of it counts: " + h.failure);
    }
  }

  /// Every list of `expect` must be met in order, entry for entry; entries name what
  /// matters.
  void expect() {
    const auto wanted = fixture_.value("expect", json::object());
    for (const auto& [list, entries] : wanted.items()) {
      if (list == "memory") {
        for (const auto& [key, value] : entries.items()) {
          ++out_.expectations;
          const auto there = out_.memory.value(key, json());
          if (value.is_null() ? out_.memory.contains(key) : !matches(value, there)) {
            out_.unmet.push_back(fmt::format("memory {}: expected {}, there is {}", key,
                                             value.dump(), there.dump()));
          }
        }
        continue;
      }
      json came = json::array();
      for (const auto& h : out_.events) {
        if (list == "failures") {
          if (!h.failure.empty()) {
            came.push_back(h.failure);
          }
          continue;
        }
        const auto some = h.effects.value(list, json::array());
        came.insert(came.end(), some.begin(), some.end());
      }
      ++out_.expectations;
      if (came.size() != entries.size()) {
        out_.unmet.push_back(fmt::format("{}: expected {}, there are {}: {}", list,
                                         entries.size(), came.size(), came.dump()));
        continue;
      }
      for (std::size_t i = 0; i < entries.size(); ++i) {
        // Sentences need to mention only a part, objects only some members.
        const bool met = entries[i].is_string() && came[i].is_string()
                             ? came[i].get<std::string>().find(
                                   entries[i].get<std::string>()) != std::string::npos
                             : matches(entries[i], came[i]);
        if (!met) {
          out_.unmet.push_back(fmt::format("{}.{}: expected {}, there is {}", list, i,
                                           entries[i].dump(), came[i].dump()));
        }
      }
    }
    if (!wanted.contains("failures")) {
      for (std::size_t i = 0; i < out_.events.size(); ++i) {
        if (!out_.events[i].failure.empty() && !wanted.empty()) {
          out_.unmet.push_back(fmt::format("event {} ({}) failed: {}", i + 1,
                                           out_.events[i].what, out_.events[i].failure));
        }
      }
    }
  }

  fake::fake_node node_;
  const json& fixture_;
  lived out_;
};

result<void> check_event(const json& e, const std::string& field) {
  if (!e.is_object()) {
    return wrong(field, "an object is expected here");
  }
  const auto kind = text_or(e, "kind");
  if (!kinds.contains(kind)) {
    std::string all;
    for (const auto& k : kinds) {
      all += (all.empty() ? "" : ", ") + k;
    }
    return wrong(field + ".kind", "one of " + all + " is expected here");
  }
  const auto* needs = kind == "message" ? "topic"
                      : kind == "ask"   ? "question"
                      : kind == "call" || kind == "lookup" || kind == "decision"
                          ? "tool"
                          : nullptr;
  if (needs != nullptr && text_or(e, needs).empty()) {
    return wrong(field + "." + needs, "a " + kind + " needs a " + needs);
  }
  if (kind == "advance" && !(e.contains("ms") && e.at("ms").is_number_unsigned())) {
    return wrong(field + ".ms", "how many milliseconds pass is expected here");
  }
  if (e.contains("status") && !status_from(e.at("status"))) {
    return wrong(
        field + ".status",
        "a status is expected here, such as \"ok\", \"not found\" or its number");
  }
  return {};
}

result<void> check_form(const json& f) {
  if (!f.is_object() || text_or(f, "format") != format_name) {
    return wrong("format", std::string("this is no fixture: \"format\": \"") +
                               format_name + "\" is expected here");
  }
  for (const auto& [name, value] : f.items()) {
    if (!known_members.contains(name)) {
      return wrong(name, "a fixture has no such member");
    }
  }
  if (!f.contains("events") || !f.at("events").is_array()) {
    return wrong("events", "a list of events is expected here");
  }
  for (std::size_t i = 0; i < f.at("events").size(); ++i) {
    if (auto r = check_event(f.at("events")[i], "events." + std::to_string(i)); !r) {
      return r;
    }
  }
  const auto answers = f.value("answers", json::array());
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const auto& a = answers[i];
    const auto field = "answers." + std::to_string(i);
    if (!a.is_object() || text_or(a, "tool").empty() == text_or(a, "question").empty()) {
      return wrong(field, "an answer names either a tool or a question");
    }
    if (a.contains("status") && !status_from(a.at("status"))) {
      return wrong(
          field + ".status",
          "a status is expected here, such as \"ok\", \"not found\" or its number");
    }
  }
  const auto expected = f.value("expect", json::object());
  for (const auto& [name, value] : expected.items()) {
    if (!known_expectations.contains(name)) {
      return wrong("expect." + name, "nothing of that name can be expected");
    }
    if (name == "memory" ? !value.is_object() : !value.is_array()) {
      return wrong("expect." + name, name == "memory" ? "an object is expected here"
                                                      : "a list is expected here");
    }
  }
  return {};
}

} // namespace

result<json> read_fixture(const std::filesystem::path& file) {
  auto text = trust::read_whole_file(file, file_bytes_max, true);
  if (!text) {
    return std::move(text).error();
  }
  auto f = parse_json(*text, {.bytes = file_bytes_max});
  if (!f) {
    return std::move(f).error().at("file", file.string());
  }
  if (auto r = check_form(*f); !r) {
    return std::move(r).error().at("file", file.string());
  }
  return f;
}

namespace {

std::string component_of(const fake::loaded_plugin& loaded, const json& fixture) {
  const auto named = text_or(fixture, "component");
  if (!named.empty()) {
    return named;
  }
  const auto& all = loaded.manifest.at("components");
  if (all.size() != 1) {
    throw std::runtime_error("component: the file has several components: which one?");
  }
  return text_or(all.front(), "id");
}

double share(std::vector<double>& samples, double part) {
  const auto at =
      std::min(samples.size() - 1,
               static_cast<std::size_t>(part * static_cast<double>(samples.size())));
  std::nth_element(samples.begin(), samples.begin() + static_cast<std::ptrdiff_t>(at),
                   samples.end());
  return samples[at];
}

} // namespace

result<lived> live_through(const std::string& plugin, const json& fixture,
                           whereabouts& at) {
  try {
    const auto loaded = fake::load(plugin);
    life l(loaded, component_of(loaded, fixture), fixture);
    l.run(at);
    return l.take();
  } catch (const std::exception& e) {
    return error(errc::plugin, e.what());
  }
}

result<json> time_through(const std::string& plugin, const json& fixture, double seconds,
                          whereabouts& at) {
  try {
    const auto loaded = fake::load(plugin);
    const auto component = component_of(loaded, fixture);
    const auto& events = fixture.at("events");
    std::vector<std::vector<double>> samples(events.size());
    const auto end =
        std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    do {
      life l(loaded, component, fixture);
      for (std::size_t i = 0; i < events.size(); ++i) {
        at.say(fmt::format("in event {}", i + 1));
        std::string failure;
        const auto us = l.time(events[i], failure);
        if (!failure.empty()) {
          return error(errc::plugin, fmt::format("event {} failed: {}", i + 1, failure));
        }
        samples[i].push_back(us);
      }
    } while (std::chrono::steady_clock::now() < end);
    json out = json::array();
    for (std::size_t i = 0; i < events.size(); ++i) {
      out.push_back({{"event", life::called(events[i])},
                     {"steps", samples[i].size()},
                     {"us_p50", share(samples[i], 0.5)},
                     {"us_p99", share(samples[i], 0.99)}});
    }
    return out;
  } catch (const std::exception& e) {
    return error(errc::plugin, e.what());
  }
}

} // namespace crossdock::kit
