#include "node/probe.hpp"

#include "host/instance.hpp"
#include "node/admission.hpp"

#include <spdlog/spdlog.h>

#include <chrono>

namespace crossdock::node {
namespace {

host::instance_host quiet_host() {
  host::instance_host h;
  h.log = [](std::uint32_t, std::string_view message, std::string_view) {
    spdlog::debug("{}", message);
  };
  h.metric = [](std::uint32_t, std::string_view, double) {};
  h.post = [](std::string, std::string) -> cdk_status { return CDK_E_CANCELLED; };
  return h;
}

json probed(const std::shared_ptr<const host::component>& what, const host::surroundings& around) {
  json out{{"component", what->name}, {"plugin", what->file->release()}, {"ok", false}};
  const auto begin = std::chrono::steady_clock::now();
  auto object = host::make_instance(what, quiet_host(), around);
  if (!object) {
    out["error"] = object.error().describe();
    return out;
  }
  std::string report;
  const auto status = (*object)->probe(1, report);
  out["took_ms"] = std::chrono::duration_cast<std::chrono::milliseconds>(
                       std::chrono::steady_clock::now() - begin)
                       .count();
  out["ok"] = status >= 0;
  if (status < 0) {
    out["error"] = report.empty() ? "status " + std::to_string(status) : report;
  } else {
    const auto parsed = parse_json(report.empty() ? "{}" : report);
    out["report"] = parsed ? *parsed : json(report);
  }
  return out;
}

bool is_connector(const json& manifest, const std::string& id) {
  for (const auto& c : manifest.value("components", json::array())) {
    if (text_or(c, "id") == id) {
      return text_or(c, "kind") == "connector";
    }
  }
  return false;
}

void probe_file(const config& c, const plugin_config& wanted,
                const std::shared_ptr<const catalogue>& words, json& out) {
  const auto failed = [&](const error& e) {
    out.push_back({{"component", wanted.file.filename().string()},
                   {"plugin", ""},
                   {"ok", false},
                   {"error", e.describe()}});
  };
  auto in = admit(c, wanted.file, c.data / "plugins", admitting::look);
  if (!in) {
    failed(in.error());
    return;
  }
  const auto& file = in->file;
  auto components = wanted.components;
  if (components.empty()) {
    for (const auto& one : file->manifest().value("components", json::array())) {
      components.push_back({text_or(one, "id"), json::object()});
    }
  }
  for (const auto& one : components) {
    if (!is_connector(file->manifest(), one.id)) {
      continue;
    }
    auto what = component_of(*in, one, *words);
    if (what) {
      host::surroundings around;
      around.words = words;
      around.plugin_host = c.plugin_host;
      out.push_back(probed(*what, around));
    } else {
      failed(what.error());
    }
  }
}

} // namespace

json probe_connectors(const config& c) {
  json out = json::array();
  const auto words = catalogue::load(c.catalogue);
  for (const auto& wanted : c.plugins) {
    if (words) {
      probe_file(c, wanted, *words, out);
    }
  }
  return out;
}

} // namespace crossdock::node
