#include "node/probe.hpp"

#include "host/instance.hpp"

#include <spdlog/spdlog.h>

#include <unistd.h>

#include <chrono>
#include <cstdlib>

namespace crossdock::node {
namespace {

namespace fs = std::filesystem;

/// The files are loaded from copies here, not from the node's own store: whoever asks may
/// be another user.
class private_folder {
public:
  private_folder() {
    std::string name = (fs::temp_directory_path() / "crossdock-probe-XXXXXX").string();
    path_ = ::mkdtemp(name.data()) == nullptr ? fs::path() : fs::path(name);
  }
  ~private_folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  private_folder(const private_folder&) = delete;
  private_folder& operator=(const private_folder&) = delete;
  const fs::path& path() const { return path_; }

private:
  fs::path path_;
};

host::instance_host quiet_host() {
  host::instance_host h;
  h.log = [](std::uint32_t, std::string_view message, std::string_view) {
    spdlog::debug("{}", message);
  };
  h.metric = [](std::uint32_t, std::string_view, double) {};
  h.post = [](std::string, std::string) -> cdk_status { return CDK_E_CANCELLED; };
  return h;
}

json probed(const std::shared_ptr<const host::component>& what) {
  json out{{"component", what->name}, {"plugin", what->file->release()}, {"ok", false}};
  const auto begin = std::chrono::steady_clock::now();
  auto object = host::instance::create(what, quiet_host());
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

void probe_file(const config& c, const plugin_config& wanted, const catalogue& words,
                const fs::path& store, json& out) {
  const auto failed = [&](const error& e) {
    out.push_back({{"component", wanted.file.filename().string()},
                   {"plugin", ""},
                   {"ok", false},
                   {"error", e.describe()}});
  };
  auto file = host::staged_plugin::load(wanted.file, c.allowed, store);
  if (!file) {
    failed(file.error());
    return;
  }
  auto components = wanted.components;
  if (components.empty()) {
    for (const auto& one : (*file)->manifest().value("components", json::array())) {
      components.push_back({text_or(one, "id"), json::object()});
    }
  }
  for (const auto& one : components) {
    if (!is_connector((*file)->manifest(), one.id)) {
      continue;
    }
    auto what = host::component::from_manifest(*file, one.id, one.config, words);
    if (what) {
      out.push_back(probed(*what));
    } else {
      failed(what.error());
    }
  }
}

} // namespace

json probe_connectors(const config& c) {
  json out = json::array();
  const auto words = catalogue::load(c.catalogue);
  const private_folder store;
  for (const auto& wanted : c.plugins) {
    if (words) {
      probe_file(c, wanted, **words, store.path(), out);
    }
  }
  return out;
}

} // namespace crossdock::node
