#include "base/digest.hpp"
#include "kit/commands.hpp"
#include "sdk/manifest/check.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace crossdock::kit {
namespace {

struct inspect_words {
  std::string file;
};

constexpr std::size_t name_width = 14;

std::string joined(const std::vector<std::string>& all, const char* between = ", ") {
  std::string out;
  for (const auto& one : all) {
    out += (out.empty() ? "" : between) + one;
  }
  return out;
}

/// "order.line/1, purchase.line/1" of [{topic, version}], or the plain names of a list.
std::string names(const json& list, const char* field = nullptr) {
  std::vector<std::string> out;
  for (const auto& entry : list) {
    out.push_back(field == nullptr
                      ? entry.get<std::string>()
                      : fmt::format("{}/{}", entry.at(field).get<std::string>(),
                                    entry.at("version").get<int>()));
  }
  return joined(out);
}

std::string milliseconds(const json& value) {
  const auto ms = value.get<std::int64_t>();
  return ms % 1000 == 0 && ms > 0 ? fmt::format("{} s", ms / 1000)
                                  : fmt::format("{} ms", ms);
}

std::string bytes(std::uint64_t n) {
  constexpr std::uint64_t mebi = 1024 * 1024;
  return n % mebi == 0 && n > 0   ? fmt::format("{} MiB", n / mebi)
         : n % 1024 == 0 && n > 0 ? fmt::format("{} KiB", n / 1024)
                                  : fmt::format("{} bytes", n);
}

std::string limits(const json& all) {
  std::vector<std::string> out;
  if (all.contains("step_ms_soft")) {
    out.push_back("a step takes " + milliseconds(all["step_ms_soft"]) +
                  " at most usually");
  }
  if (all.contains("step_ms_hard")) {
    out.push_back("never more than " + milliseconds(all["step_ms_hard"]));
  }
  if (all.contains("effects_per_step")) {
    out.push_back(
        fmt::format("{} effects a step", all["effects_per_step"].get<std::uint64_t>()));
  }
  if (all.contains("memory_bytes")) {
    out.push_back(bytes(all["memory_bytes"].get<std::uint64_t>()) + " of durable memory");
  }
  return out.empty() ? "the host's" : joined(out);
}

std::string capability_in_words(const std::string& id) {
  if (id == "tool/1") {
    return "calling read tools";
  }
  if (id == "propose/1") {
    return "proposing actions";
  }
  if (id == "memory/1") {
    return "durable memory";
  }
  if (id == "model/1") {
    return "a language model";
  }
  if (id == "search/1") {
    return "searching documents";
  }
  if (id == "blob/1") {
    return "large objects";
  }
  if (id == "net/1") {
    return "connections to named endpoints";
  }
  return id == "limits/1" ? "knowing its limits" : id;
}

std::string capabilities(const json& list) {
  std::vector<std::string> out;
  for (const auto& one : list) {
    out.push_back(capability_in_words(one.get<std::string>()));
  }
  return joined(out);
}

/// Names of endpoints, whether the manifest lists them or describes each.
std::string endpoints(const json& component) {
  std::vector<std::string> out;
  const auto it = component.find("endpoints");
  if (it == component.end()) {
    return "";
  }
  for (const auto& [key, value] : it->items()) {
    out.push_back(value.is_string()   ? value.get<std::string>()
                  : value.is_object() ? text_or(value, "name", key)
                                      : key);
  }
  return joined(out);
}

std::string type_of(const json& schema) {
  if (schema.contains("enum")) {
    std::vector<std::string> values;
    for (const auto& v : schema["enum"]) {
      values.push_back(v.is_string() ? v.get<std::string>() : v.dump());
    }
    return joined(values, " | ");
  }
  if (schema.contains("$ref")) {
    const auto ref = text_or(schema, "$ref");
    return ref.substr(ref.rfind('/') + 1);
  }
  const auto type = schema.value("type", json());
  if (type.is_array()) {
    std::vector<std::string> all;
    for (const auto& t : type) {
      all.push_back(t.get<std::string>());
    }
    return joined(all, " | ");
  }
  auto out = type.is_string() ? type.get<std::string>() : std::string("anything");
  if (schema.contains("minimum") || schema.contains("maximum")) {
    out +=
        fmt::format(" {}..{}", schema.contains("minimum") ? schema["minimum"].dump() : "",
                    schema.contains("maximum") ? schema["maximum"].dump() : "");
  }
  return out;
}

/// One row for each member that the operator may set.
void tell_config(cli::screen& paper, const json& component) {
  const auto& schema = component.at("config");
  const auto members = schema.value("properties", json::object());
  if (members.empty()) {
    paper.field("configuration", "none", name_width, 2);
    return;
  }
  const auto required = schema.value("required", json::array());
  const auto& secrets = component.at("secrets");
  const auto has = [](const json& list, const std::string& word) {
    return std::find(list.begin(), list.end(), word) != list.end();
  };
  paper.field("configuration", fmt::format("{} settings", members.size()), name_width, 2);
  cli::table t({{"setting", false, true}, {"type"}, {"left out"}, {"meaning"}});
  for (const auto& [name, member] : members.items()) {
    t.row(
        {name, type_of(member),
         has(required, name)          ? "required"
         : member.contains("default") ? member["default"].dump()
                                      : "",
         (has(secrets, "/" + name) ? "secret. " : "") + text_or(member, "description")});
  }
  t.print(paper, 4);
}

void tell_offers(cli::screen& paper, const json& offers) {
  if (offers.empty()) {
    return;
  }
  paper.field("offers", fmt::format("{} tools", offers.size()), name_width, 2);
  cli::table t(
      {{"tool", false, true}, {"access"}, {"a repeat"}, {"undone by"}, {"at most"}});
  for (const auto& offer : offers) {
    const bool write = offer.at("access") == "write";
    const auto how = text_or(offer, "idempotency");
    t.row({fmt::format("{}/{}", text_or(offer, "tool"), offer.at("version").get<int>()),
           {write ? "write" : "read", write ? cli::colour::strong : cli::colour::none},
           !write            ? ""
           : how == "native" ? "is harmless"
           : how == "lookup" ? "is looked up first"
                             : "would write twice",
           write ? text_or(offer, "reversal") : "",
           milliseconds(offer.at("timeout_ms"))});
  }
  t.print(paper, 4);
}

void tell_component(cli::screen& paper, const json& part) {
  paper.heading(text_or(part, "kind") + " " + text_or(part, "id"));
  if (part.contains("description")) {
    paper.paragraph(text_or(part, "description"), 2);
  }
  const auto field = [&](const char* name, const std::string& value) {
    paper.field(name, value, name_width, 2);
  };
  field("runs in",
        text_or(part, "executor") == "thread"
            ? "a thread of its own, and may wait there; or a process of its own"
            : "the scheduler, with quick steps; or a process of its own");
  field("hears", names(part.at("consumes"), "topic"));
  field("sends", names(part.at("produces"), "topic"));
  field("answers", names(part.at("answers"), "question"));
  field("asks", names(part.at("asks"), "question"));
  field("reads", names(part.at("calls")));
  field("would write", names(part.at("proposes")));
  tell_offers(paper, part.at("offers"));
  field("wants", capabilities(part.at("capabilities")));
  field("endpoints", endpoints(part));
  field("secrets", names(part.at("secrets")));
  field("limits", limits(part.at("limits")));
  const auto& state = part.at("state");
  std::vector<std::string> from;
  for (const auto& version : state.at("restores_from")) {
    from.push_back(version.dump());
  }
  const auto inflight = text_or(part, "inflight");
  field("state", fmt::format("version {}, takes over {}; open requests {} at a swap",
                             state.at("schema").get<int>(),
                             from.empty() ? "no other" : joined(from),
                             inflight == "wait"    ? "are waited for"
                             : inflight == "carry" ? "are carried over"
                                                   : "are cancelled"));
  if (const auto n = part.at("selftest").size(); n > 0) {
    field("self-test", fmt::format("{} vectors", n));
  }
  tell_config(paper, part);
}

/// Reads the file; no instruction of it runs.
ending inspect(context& c, const inspect_words& w) {
  auto digest = sha256_of_file(w.file);
  if (!digest) {
    return std::move(digest).error();
  }
  const auto read = manifest::from_plugin(w.file);
  if (const auto* problems = std::get_if<manifest::problems>(&read)) {
    return error(errc::schema, problems->empty() ? "the manifest is unreadable"
                                                 : problems->front().text())
        .at("file", w.file);
  }
  const auto& m = std::get<json>(read);
  const auto findings = manifest::examine(w.file);
  const auto unusual = manifest::unusual(w.file);
  json breaches = json::array();
  for (const auto& f : findings) {
    breaches.push_back({{"rule", f.rule}, {"text", f.text}});
  }
  if (c.told_program({{"file", w.file},
                      {"sha256", to_hex(*digest)},
                      {"manifest", m},
                      {"findings", breaches},
                      {"unusual", unusual}})) {
    return cli::exit_code::ok;
  }
  auto& paper = c.paper();
  paper.line(text_or(m, "id") + " " + text_or(m, "version") + ", " + text_or(m, "name"));
  paper.paragraph(text_or(m, "description"));
  paper.line();
  paper.field("vendor", text_or(m, "vendor"));
  paper.field("license", text_or(m, "license"));
  paper.field("homepage", text_or(m, "homepage"));
  const auto& abi = m.at("abi");
  paper.field("contract",
              fmt::format("{}.{}, on hosts from {}.{}", abi.at("major").get<int>(),
                          abi.at("minor").get<int>(), abi.at("major").get<int>(),
                          abi.at("min_host_minor").get<int>()));
  paper.field("sha256", to_hex(*digest));
  for (const auto& part : m.at("components")) {
    tell_component(paper, part);
  }
  if (!findings.empty() || !unusual.empty()) {
    paper.heading("unusual");
  }
  for (const auto& f : findings) {
    paper.paragraph("! " + f.rule + ": " + f.text, 2, 2, cli::colour::bad);
  }
  for (const auto& sentence : unusual) {
    paper.paragraph("- " + sentence, 2, 2, cli::colour::warning);
  }
  return cli::exit_code::ok;
}

} // namespace

void add_inspect(CLI::App& app, context& c) {
  auto words = std::make_shared<inspect_words>();
  c.command(app, "inspect", "Say what a plugin file is and asks for; nothing of it runs",
            words, inspect)
      ->add_option("file", words->file, "Plugin file (.so)")
      ->required();
}

} // namespace crossdock::kit
