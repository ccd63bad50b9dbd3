#include "host/child/handoff.hpp"

#include "host/child/wire.hpp"

namespace crossdock::host::child {
namespace {

json list_of(const std::set<std::string>& names) {
  return json(std::vector<std::string>(names.begin(), names.end()));
}

void read(const json& from, const char* name, std::set<std::string>& into) {
  for (const auto& item : from.at(name)) {
    into.insert(item.get<std::string>());
  }
}

} // namespace

void pack(packer& to, const memory_view& memory) {
  to.number(static_cast<std::uint64_t>(memory.size()));
  for (const auto& [key, value] : memory) {
    to.text(key).text(value.bytes).number(value.expires_us);
  }
}

std::shared_ptr<memory_view> unpack_memory(unpacker& from) {
  auto memory = std::make_shared<memory_view>();
  for (auto n = from.number<std::uint64_t>(); n > 0 && from.good(); --n) {
    const std::string key(from.text());
    memory_value value{std::string(from.text()), 0};
    value.expires_us = from.number<std::int64_t>();
    memory->emplace(key, std::move(value));
  }
  return memory;
}

std::string pack_hello(const handoff& h) {
  const auto& c = *h.what;
  const auto& l = c.limits;
  std::set<std::string> said;
  for (const auto* names : {&c.produces, &c.may_ask, &c.may_call, &c.proposes}) {
    said.insert(names->begin(), names->end());
  }
  const json about{{"parent", h.parent},
                   {"name", c.name},
                   {"connector", c.connector},
                   {"config", c.config},
                   {"produces", list_of(c.produces)},
                   {"may_ask", list_of(c.may_ask)},
                   {"may_call", list_of(c.may_call)},
                   {"proposes", list_of(c.proposes)},
                   {"capabilities", list_of(c.capabilities)},
                   {"kept_by_grant", c.kept_by_grant.to_json()},
                   {"kept_by_cap", c.kept_by_cap.to_json()},
                   {"words", h.words->excerpt(said)},
                   {"payload_bytes_max", l.payload_bytes_max},
                   {"effects_max", l.effects_max},
                   {"effect_bytes_max", l.effect_bytes_max},
                   {"tag_bytes_max", l.tag_bytes_max},
                   {"memory_bytes_max", l.memory_bytes_max},
                   {"memory_value_bytes_max", l.memory_value_bytes_max},
                   {"step_soft", l.step_soft.count()},
                   {"step_hard", l.step_hard.count()},
                   {"process_bytes_max", l.process_bytes_max}};
  packer p(frame::hello);
  pack(p.text(to_text(about)), *h.memory);
  return p.bytes();
}

result<handoff> unpack_hello(unpacker& from) {
  try {
    const auto about = json::parse(from.text());
    auto c = std::make_shared<component>();
    c->name = about.at("name").get<std::string>();
    c->connector = about.at("connector").get<bool>();
    c->config = about.at("config").get<std::string>();
    c->executor = executor_kind::process;
    read(about, "produces", c->produces);
    read(about, "may_ask", c->may_ask);
    read(about, "may_call", c->may_call);
    read(about, "proposes", c->proposes);
    read(about, "capabilities", c->capabilities);
    c->kept_by_grant = trust::rights::from_json(about.at("kept_by_grant"));
    c->kept_by_cap = trust::rights::from_json(about.at("kept_by_cap"));
    auto& l = c->limits;
    const auto size = [&](const char* name) { return about.at(name).get<std::size_t>(); };
    l.payload_bytes_max = size("payload_bytes_max");
    l.effects_max = size("effects_max");
    l.effect_bytes_max = size("effect_bytes_max");
    l.tag_bytes_max = size("tag_bytes_max");
    l.memory_bytes_max = size("memory_bytes_max");
    l.memory_value_bytes_max = size("memory_value_bytes_max");
    l.step_soft = std::chrono::milliseconds(about.at("step_soft").get<std::int64_t>());
    l.step_hard = std::chrono::milliseconds(about.at("step_hard").get<std::int64_t>());
    l.process_bytes_max = size("process_bytes_max");
    auto words = catalogue::from_excerpt(about.at("words"));
    if (!words) {
      return std::move(words).error();
    }
    auto memory = unpack_memory(from);
    if (!from.good()) {
      return error(errc::malformed, "the node's first message is cut off");
    }
    return handoff{std::move(c), *std::move(words), std::move(memory),
                   about.at("parent").get<int>()};
  } catch (const std::exception& e) {
    return error(errc::malformed, std::string("the node's first message: ") + e.what());
  }
}

} // namespace crossdock::host::child
