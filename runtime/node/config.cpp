#include "node/config.hpp"

#include "base/digest.hpp"
#include "base/toml_reader.hpp"
#include "host/connect.hpp"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <optional>
#include <sstream>

namespace crossdock::node {
namespace {

namespace fs = std::filesystem;

result<std::string> read_text(const fs::path& file) {
  std::error_code failure;
  if (!fs::is_regular_file(file, failure)) {
    return error(errc::not_found, "there is no such configuration file")
      .at("file", file.string());
  }
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf(); // an empty file gives nothing, which is no failure
  if (!in.is_open() || in.bad()) {
    return error(errc::io, "the configuration file cannot be read").at("file", file.string());
  }
  return text.str();
}

json to_json(const toml::node& n) {
  if (const auto* t = n.as_table()) {
    json out = json::object();
    for (const auto& [key, item] : *t) {
      out[std::string(key.str())] = to_json(item);
    }
    return out;
  }
  if (const auto* a = n.as_array()) {
    json out = json::array();
    for (const auto& item : *a) {
      out.push_back(to_json(item));
    }
    return out;
  }
  if (n.is_string()) {
    return n.value_or(std::string());
  }
  if (n.is_integer()) {
    return n.value_or(std::int64_t{0});
  }
  if (n.is_boolean()) {
    return n.value_or(false);
  }
  if (n.is_floating_point()) {
    return n.value_or(0.0);
  }
  std::ostringstream text;
  n.visit([&](const auto& v) { text << v; });
  return text.str();
}

/// { erp = "10.0.0.5:8000" }: names of the manifest with their addresses here.
void read_endpoints(toml_reader& grant, const toml::table& kinds,
                    std::map<std::string, std::string>& into) {
  const auto* n = grant.take("endpoints");
  const auto* table = n == nullptr ? nullptr : n->as_table();
  if (table == nullptr) {
    grant.fail(*kinds.get("endpoints"), "endpoints",
               "a table of addresses, such as { erp = \"10.0.0.5:8000\" }, is expected here");
    return;
  }
  for (const auto& [name, value] : *table) {
    const auto address = value.value_or(std::string());
    if (auto r = host::check_address(address); !r) {
      grant.fail(value, "endpoints." + std::string(name.str()), r.error().message());
    }
    into[std::string(name.str())] = address;
  }
}

} // namespace

result<std::set<std::string>> read_lock(const fs::path& file) {
  auto text = read_text(file);
  if (!text) {
    return std::move(text).error();
  }
  auto table = parse_toml(*text, file);
  if (!table) {
    return std::move(table).error();
  }
  std::set<std::string> out;
  std::optional<error> first;
  {
    toml_reader top(*table, file.string(), "", first);
    top.each("file", [&](const toml::table& t, std::string path) {
      toml_reader r(t, file.string(), std::move(path) + ".", first);
      r.text("name");
      const auto hash = r.text("sha256", "", true);
      if (hash.size() == 64 &&
          hash.find_first_not_of("0123456789abcdef") == std::string::npos) {
        out.insert(hash);
      } else if (const auto* n = t.get("sha256")) {
        r.fail(*n, "sha256", "64 lower-case hexadecimal digits are expected here");
      }
    });
  }
  if (first) {
    return *std::move(first);
  }
  return out;
}

trust::hash_list listed(const config& c) {
  trust::hash_list out;
  for (const auto& hash : c.allowed) {
    out[hash].in_process = true;
  }
  return out;
}

result<config> read_config(const fs::path& file) {
  auto bytes = read_text(file);
  if (!bytes) {
    return std::move(bytes).error();
  }
  auto table = parse_toml(*bytes, file);
  if (!table) {
    return std::move(table).error();
  }
  config c;
  c.file = file;
  c.document = to_json(*table);
  c.sha256 = to_hex(sha256_of(*bytes));
  const auto base = fs::absolute(file).parent_path();
  const auto at = [&](const std::string& path) {
    return path.empty() ? fs::path() : (base / path).lexically_normal();
  };
  std::optional<error> first;
  {
    toml_reader top(*table, file.string(), "", first);
    if (const auto* n = top.take("node"); n != nullptr && n->is_table()) {
      toml_reader r(*n->as_table(), file.string(), "node.", first);
      c.name = r.text("name", "node");
      c.tenant = r.text("tenant", "default");
      c.data = at(r.text("data", "", true));
      c.socket = at(r.text("socket"));
      if (c.socket.empty()) {
        c.socket = c.data / "crossdock.sock";
      }
      c.catalogue = at(r.text("catalogue", "", true));
      c.log_level = r.text("log_level", "info");
      static const std::set<std::string> levels{"trace", "debug",    "info", "warning",
                                                "error", "critical", "off"};
      if (const auto* where = n->as_table()->get("log_level");
          where != nullptr && !levels.contains(c.log_level)) {
        r.fail(*where, "log_level",
               "trace, debug, info, warning, error, critical or off is expected here");
      }
      c.log_json = r.flag("log_json", false);
      c.threads = static_cast<std::size_t>(r.integer("threads", 0, 0, 256));
    } else {
      top.missing("node");
    }
    if (const auto* n = top.take("plugins"); n != nullptr && n->is_table()) {
      toml_reader r(*n->as_table(), file.string(), "plugins.", first);
      if (const auto lock = r.text("lock"); !lock.empty()) {
        auto allowed = read_lock(at(lock));
        if (!allowed) {
          return std::move(allowed).error();
        }
        c.allowed.merge(*allowed);
      }
      c.plugin_host = at(r.text("host"));
      for (auto& hash : r.texts("sha256", false)) {
        c.allowed.insert(std::move(hash));
      }
      if (const auto name = r.text("trust"); !name.empty()) {
        auto trusted = trust::trust_file::read(at(name));
        if (!trusted) {
          return std::move(trusted).error();
        }
        c.trusted = std::make_shared<const trust::trust_file>(std::move(*trusted));
      }
    }
    struct owner {
      const toml::node* at;
      std::string field;
      std::string name;
    };
    std::vector<owner> owners;
    top.each("plugin", [&](const toml::table& t, std::string path) {
      toml_reader r(t, file.string(), std::move(path) + ".", first);
      plugin_config p;
      p.file = at(r.text("file", "", true));
      p.place = file.string() + ":" + std::to_string(t.source().begin.line);
      r.each("component", [&](const toml::table& ct, std::string inner) {
        toml_reader cr(ct, file.string(), inner + ".", first);
        component_config one;
        one.id = cr.text("id", "", true);
        one.owner = cr.text("owner");
        if (const auto* n = ct.get("owner")) {
          owners.push_back({n, inner + ".owner", one.owner});
        }
        if (const auto* n = cr.take("config")) {
          if (n->is_table()) {
            one.config = to_json(*n);
            // Paths that components name are relative to this file, as all others are: texts
            // that begin with ./ or ../, and every key that ends in _file.
            for (auto& item : one.config.items()) {
              if (!item.value().is_string()) {
                continue;
              }
              const auto text = item.value().get<std::string>();
              if (item.key().ends_with("_file") || text.starts_with("./") ||
                  text.starts_with("../")) {
                item.value() = at(text).string();
              }
            }
          } else {
            cr.fail(*n, "config", "a table is expected here");
          }
        }
        if (const auto* n = cr.take("grant")) {
          if (const auto* kinds = n->as_table()) {
            toml_reader gr(*kinds, file.string(), inner + ".grant.", first);
            for (std::size_t k = 0; k < trust::right_kinds; ++k) {
              if (kinds->get(trust::right_names[k]) == nullptr) {
                continue;
              }
              if (trust::right(k) == trust::right::endpoints) {
                read_endpoints(gr, *kinds, one.grant.endpoints);
                continue;
              }
              const auto names = gr.texts(trust::right_names[k], false);
              one.grant.names[k].emplace(names.begin(), names.end());
            }
          } else {
            cr.fail(*n, "grant", "a table of lists, such as { calls = [\"erp.stock\"] }, is "
                                 "expected here");
          }
        }
        if (const auto* n = ct.get("executor")) {
          auto kind = host::executor_from(cr.text("executor"));
          if (kind) {
            one.executor = *kind;
          } else {
            cr.fail(*n, "executor", kind.error().message());
          }
        }
        one.process_bytes_max =
          static_cast<std::size_t>(cr.integer("process_memory_mib", 512, 32, 1 << 20)) << 20;
        if (ct.get("effects_per_s") != nullptr) {
          one.effects_per_s = static_cast<std::size_t>(cr.integer("effects_per_s", 0, 0, 1'000'000));
        }
        p.components.push_back(std::move(one));
      });
      c.plugins.push_back(std::move(p));
    });
    if (const auto* n = top.take("policy"); n != nullptr && n->is_table()) {
      toml_reader r(*n->as_table(), file.string(), "policy.", first);
      c.policy = at(r.text("file", "", true));
    } else {
      top.missing("policy");
    }
    top.each("autonomy", [&](const toml::table& t, std::string path) {
      toml_reader r(t, file.string(), std::move(path) + ".", first);
      const auto agent = r.text("agent", "*");
      const auto tool = r.text("tool", "*");
      const auto level = gate::autonomy_from(r.text("level", "", true));
      if (level) {
        c.autonomy[agent + " " + tool] = *level;
      } else if (const auto* where = t.get("level")) {
        r.fail(*where, "level", "shadow, recommend, approve or autonomous is expected here");
      }
    });
    top.each("flow", [&](const toml::table& t, std::string path) {
      toml_reader r(t, file.string(), std::move(path) + ".", first);
      c.flows.push_back(at(r.text("file", "", true)));
    });
    top.each("principal", [&](const toml::table& t, std::string path) {
      toml_reader r(t, file.string(), std::move(path) + ".", first);
      principal_config p;
      p.name = r.text("name", "", true);
      // "self": whoever runs the node; for demos and development.
      if (const auto* n = t.get("uid"); n != nullptr && n->is_string()) {
        r.take("uid");
        if (n->value_or(std::string()) != "self") {
          r.fail(*n, "uid", "a user id or \"self\" is expected here");
        }
        p.uid = ::getuid();
      } else if (n == nullptr) {
        r.missing("uid");
      } else {
        p.uid = static_cast<std::uint32_t>(r.integer("uid", 0, 0, 0xfffffffe));
      }
      p.roles = r.texts("roles", true);
      c.principals.push_back(std::move(p));
    });
    // A name with a slip would let its owner approve what the agent asks for.
    for (const auto& o : owners) {
      if (std::none_of(c.principals.begin(), c.principals.end(),
                       [&](const auto& p) { return p.name == o.name; })) {
        top.fail(*o.at, o.field, "there is no principal \"" + o.name + "\"");
      }
    }
  }
  if (first) {
    return *std::move(first);
  }
  if (c.socket.string().size() > 100) {
    return error(errc::limit, "the path of the local socket is longer than 100 bytes; set "
                              "node.socket to a shorter one")
      .at("file", file.string())
      .at("field", "node.socket");
  }
  return c;
}

} // namespace crossdock::node
