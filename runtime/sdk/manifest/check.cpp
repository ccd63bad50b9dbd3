#include "sdk/manifest/check.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include "sdk/crossdock/abi.h"
#include "sdk/manifest/imports.hpp"

namespace crossdock::manifest {
namespace {

/// What the host refuses to load, as rules; the rest of rules() is the checker's.
constexpr const char* host_rules[] = {
    "elf.readable", "elf.unique",           "elf.exports",
    "elf.entry",    "elf.text-relocations", "elf.stack",
    "elf.run-path", "elf.binding",          "manifest.valid"};

/// On every Debian 12, whatever else is installed.
constexpr const char* usual_libraries[] = {"libc.so.6",
                                           "libm.so.6",
                                           "libgcc_s.so.1",
                                           "libstdc++.so.6",
                                           "libpthread.so.0",
                                           "librt.so.1",
                                           "libatomic.so.1",
                                           "ld-linux-x86-64.so.2",
                                           "ld-linux-aarch64.so.1"};

/// In Debian 12's archive: a connector may need them, and the operator installs them.
constexpr const char* connector_libraries[] = {
    "libcurl.so.4",         "libcurl-gnutls.so.4", "libpq.so.5",      "libsqlite3.so.0",
    "libssl.so.3",          "libcrypto.so.3",      "libz.so.1",       "libzstd.so.1",
    "libxml2.so.2",         "libodbc.so.2",        "libmariadb.so.3", "libpugixml.so.1",
    "libtomlplusplus.so.3", "libfmt.so.9",         "libnats.so.3.4",  "librdkafka.so.1",
    "libsodium.so.23"};

template <class List>
bool among(const List& list, std::string_view name) {
  return std::find(std::begin(list), std::end(list), name) != std::end(list);
}

bool holds(const nlohmann::json& manifest, std::string_view kind) {
  const auto& all = manifest.at("components");
  return std::any_of(all.begin(), all.end(),
                     [&](const auto& c) { return c.at("kind") == kind; });
}

/// "GLIBC_2.34" -> {"GLIBC", "2.34"}; nothing for private or unnumbered versions.
std::optional<std::pair<std::string, std::string>> numbered(const std::string& version) {
  const auto at = version.rfind('_');
  if (at == std::string::npos || at + 1 >= version.size() ||
      version.find_first_not_of("0123456789.", at + 1) != std::string::npos)
    return std::nullopt;
  return std::pair{version.substr(0, at), version.substr(at + 1)};
}

class examiner {
public:
  examiner(const std::string& path, const demands& d) : path_{path}, demands_{d} {}

  std::vector<finding> run() {
    const auto read = elf_file::read(path_);
    if (const auto* problem = std::get_if<std::string>(&read)) {
      found_.push_back({"elf.readable", *problem});
      return std::move(found_);
    }
    const auto& file = std::get<elf_file>(read);
    symbols(file);
    structure(file);
    const auto parsed = from_plugin(path_);
    if (const auto* wrong = std::get_if<problems>(&parsed))
      for (const auto& p : *wrong)
        found_.push_back({"manifest.valid", p.text()});
    const auto* manifest = std::get_if<nlohmann::json>(&parsed);
    // Without a manifest nobody says what the file is: the stricter rules hold.
    const bool agent = !manifest || holds(*manifest, "agent");
    imports(file, agent);
    libraries(file, agent);
    versions(file);
    return std::move(found_);
  }

private:
  void add(const char* rule, const std::string& what) {
    found_.push_back({rule, path_ + " " + what});
  }

  void symbols(const elf_file& file) {
    bool entry = false;
    for (const auto& symbol : file.symbols()) {
      if (symbol.unique)
        add("elf.unique", "has the unique symbol " + symbol.name +
                              ", which two loaded versions would share: compile with "
                              "-fno-gnu-unique");
      if (!symbol.defined)
        continue;
      if (symbol.name == CDK_ENTRY_SYMBOL)
        entry = true;
      else
        add("elf.exports", "exports " + symbol.name +
                               "; only " CDK_ENTRY_SYMBOL
                               " may be exported: link with the SDK's version script");
    }
    if (!entry)
      add("elf.entry", "does not export " CDK_ENTRY_SYMBOL
                       ": name a component with CROSSDOCK_AGENT or CROSSDOCK_CONNECTOR");
  }

  void structure(const elf_file& file) {
    if (file.has_text_relocations())
      add("elf.text-relocations", "has text relocations: compile with -fPIC");
    if (file.has_executable_stack())
      add("elf.stack", "asks for an executable stack: link with -Wl,-z,noexecstack");
    if (file.has_run_path())
      add("elf.run-path",
          "has an RPATH or RUNPATH, so it would load libraries from a folder of the "
          "machine that built it: link without -rpath");
    if (!file.binds_now())
      add("elf.binding", "binds symbols lazily: link with -Wl,-z,now");
  }

  void imports(const elf_file& file, bool agent) {
    // One finding a reason: twenty socket functions are one decision.
    std::map<std::string_view, std::set<std::string>> by_reason;
    for (const auto& symbol : file.symbols()) {
      if (symbol.defined || among(demands_.more_imports, symbol.name))
        continue;
      if (const auto* rule = forbidden_import(symbol.name, agent))
        by_reason[rule->reason].emplace(rule->shown.empty() ? rule->symbol : rule->shown);
    }
    for (const auto& [reason, names] : by_reason) {
      std::string list;
      for (const auto& name : names)
        list += (list.empty() ? "" : ", ") + name;
      add("elf.imports", "imports " + list + ", which " + std::string{reason});
    }
  }

  void libraries(const elf_file& file, bool agent) {
    for (const auto& name : file.needed()) {
      if (among(usual_libraries, name) || among(demands_.more_libraries, name) ||
          (!agent && among(connector_libraries, name)))
        continue;
      add("elf.libraries",
          "needs " + name + ", which a node's machine " +
              (agent ? "does not have for agents" : "may not have") +
              ": link it statically (g++ and clang++: -static-libstdc++ for the C++ "
              "library, LIBRARIES of crossdock_add_plugin for your own)");
    }
  }

  void versions(const elf_file& file) {
    const std::map<std::string, std::string> limits{{"GLIBC", demands_.floor.glibc},
                                                    {"GLIBCXX", demands_.floor.glibcxx},
                                                    {"CXXABI", demands_.floor.cxxabi},
                                                    {"GCC", demands_.floor.gcc}};
    std::map<std::string, std::string> newest;
    for (const auto& v : file.versions())
      if (const auto n = numbered(v.name))
        if (auto& seen = newest[n->first]; seen.empty() || newer_version(n->second, seen))
          seen = n->second;
    for (const auto& [name, limit] : limits)
      if (const auto it = newest.find(name);
          it != newest.end() && newer_version(it->second, limit))
        add("elf.floor", "needs " + name + "_" + it->second + "; the machine has up to " +
                             name + "_" + limit +
                             ": build on that machine's release (Debian 12), or in a "
                             "container of it");
  }

  const std::string& path_;
  const demands& demands_;
  std::vector<finding> found_;
};

} // namespace

bool newer_version(const std::string& a, const std::string& b) {
  std::istringstream left{a}, right{b};
  for (;;) {
    std::string x, y;
    const bool more_left = static_cast<bool>(std::getline(left, x, '.'));
    const bool more_right = static_cast<bool>(std::getline(right, y, '.'));
    if (!more_left && !more_right)
      return false;
    const auto number = [](const std::string& text) {
      unsigned long out = 0;
      for (const char c : text)
        if (c >= '0' && c <= '9' && out < 100'000'000)
          out = out * 10 + static_cast<unsigned long>(c - '0');
      return out;
    };
    if (number(x) != number(y))
      return number(x) > number(y);
  }
}

const std::vector<rule>& rules() {
  static const std::vector<rule> all{
      {"elf.readable", "the file is a shared library for this kind of processor"},
      {"elf.unique", "no symbol is merged with another version's"},
      {"elf.exports", "nothing but the entry is exported"},
      {"elf.entry", "the entry " CDK_ENTRY_SYMBOL " is exported"},
      {"elf.text-relocations", "the code is never written to when it is loaded"},
      {"elf.stack", "the stack is not executable"},
      {"elf.run-path", "no folder of the build machine is searched for libraries"},
      {"elf.binding", "every symbol is bound before the first instruction"},
      {"elf.imports", "nothing is imported that belongs to the process, and an agent has "
                      "no clock, network, file, thread or randomness of its own"},
      {"elf.libraries", "every needed library is on the node's machine"},
      {"elf.floor", "no library has to be newer than the node's machine has"},
      {"manifest.valid", "the manifest is there and follows its schema"},
  };
  return all;
}

parsed_manifest from_plugin(const std::string& path) {
  const auto read = elf_file::read(path);
  if (const auto* problem = std::get_if<std::string>(&read))
    return problems{{path, 0, 0, "", *problem}};
  const auto text = std::get<elf_file>(read).section(CDK_MANIFEST_SECTION);
  if (!text)
    return problems{{path, 0, 0, "",
                     "has no section " CDK_MANIFEST_SECTION
                     ": build it with crossdock_add_plugin"}};
  return from_json(*text, path);
}

std::vector<finding> examine(const std::string& path, const demands& d) {
  return examiner{path, d}.run();
}

std::vector<std::string> check_plugin(const std::string& path) {
  std::vector<std::string> wrong;
  for (auto& f : examine(path))
    if (among(host_rules, f.rule))
      wrong.push_back(std::move(f.text));
  return wrong;
}

std::vector<std::string> unusual(const std::string& path) {
  const auto read = elf_file::read(path);
  const auto parsed = from_plugin(path);
  const auto* file = std::get_if<elf_file>(&read);
  const auto* manifest = std::get_if<nlohmann::json>(&parsed);
  if (!file || !manifest)
    return {};
  std::vector<std::string> out;
  const auto text = [](const nlohmann::json& value) { return value.get<std::string>(); };
  std::string libraries;
  for (const auto& name : file->needed())
    if (!among(usual_libraries, name))
      libraries += (libraries.empty() ? "" : ", ") + name;
  if (!libraries.empty())
    out.push_back("It needs " + libraries + " on the node's machine.");
  if (holds(*manifest, "agent") && holds(*manifest, "connector"))
    out.push_back("It holds an agent and a connector: they share one image, and the file "
                  "follows the rules of agents.");
  for (const auto& symbol : file->symbols())
    if (!symbol.defined && symbol.name == "abort")
      out.push_back("It can end its own process on an error (abort): run it in a process "
                    "of its own.");
  for (const auto& c : manifest->at("components")) {
    const auto id = text(c.at("id"));
    for (const auto& capability : c.at("capabilities")) {
      if (capability == "net/1")
        out.push_back(id + " connects to systems outside the node.");
      if (capability == "model/1")
        out.push_back(id + " sends what it knows to a language model.");
    }
    for (const auto& offer : c.at("offers")) {
      if (offer.at("access") != "write")
        continue;
      if (offer.at("idempotency") == "none")
        out.push_back(
            id + ": the write " + text(offer.at("tool")) +
            " can neither be repeated safely nor looked up: after a lost answer a "
            "person has to look.");
      if (offer.at("reversal") == "none")
        out.push_back(id + ": the write " + text(offer.at("tool")) +
                      " cannot be undone.");
    }
    if (c.at("config").value("additionalProperties", nlohmann::json(true)) != false)
      out.push_back(id + " accepts configuration that its schema does not describe.");
    for (const auto& secret : c.at("secrets")) {
      const auto pointer = text(secret);
      const auto& schema = c.at("config");
      const auto member = pointer.substr(1, pointer.find('/', 1) - 1);
      if (!schema.contains("properties") || !schema.at("properties").contains(member))
        out.push_back(id + ": the secret " + pointer +
                      " is no member that its configuration schema describes.");
    }
  }
  return out;
}

} // namespace crossdock::manifest
