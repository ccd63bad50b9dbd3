#include "host/repro.hpp"

#include "host/staged_plugin.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace crossdock::host {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t bundles_max = 32;

/// Text as it is; other bytes as {"hex": "..."}.
json bytes_of(std::string_view b) {
  // Strictly: what dump() would throw about is no UTF-8.
  try {
    const json text(b);
    static_cast<void>(text.dump());
    return text;
  } catch (const json::type_error&) {
    // not text
  }
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const auto c : b) {
    out += digits[static_cast<unsigned char>(c) >> 4];
    out += digits[static_cast<unsigned char>(c) & 15];
  }
  return {{"hex", out}};
}

/// The configuration with every member that the manifest calls secret replaced.
json without_secrets(const component& what) {
  auto config = parse_json(what.config).ok() ? *parse_json(what.config) : json::object();
  const auto* entry = what.file->component(what.name);
  for (const auto& pointer :
       entry == nullptr ? json::array() : entry->value("secrets", json::array())) {
    const json::json_pointer at(pointer.get<std::string>());
    if (config.contains(at)) {
      config[at] = "<secret>";
    }
  }
  return config;
}

json event_of(const cdk_event& e) {
  return {{"kind", e.kind},
          {"flags", e.flags},
          {"attempt", e.attempt},
          {"seq", e.seq},
          {"now_ns", e.now_ns},
          {"deadline_ns", e.deadline_ns},
          {"token", e.token},
          {"status", e.status},
          {"id", bytes_of(view(e.id))},
          {"topic", bytes_of(view(e.topic))},
          {"schema", bytes_of(view(e.schema))},
          {"key", bytes_of(view(e.key))},
          {"case_id", bytes_of(view(e.case_id))},
          {"source", bytes_of(view(e.source))},
          {"tenant", bytes_of(view(e.tenant))},
          {"site", bytes_of(view(e.site))},
          {"content_type", bytes_of(view(e.content_type))},
          {"traceparent", bytes_of(view(e.traceparent))},
          {"labels", bytes_of(view(e.labels))},
          {"idempotency_key", bytes_of(view(e.idempotency_key))},
          {"payload", bytes_of(view(e.payload))},
          {"tag", bytes_of(view(e.tag))}};
}

void drop_old(const fs::path& folder, const std::string& prefix) {
  std::error_code failure;
  std::vector<std::pair<fs::file_time_type, fs::path>> all;
  for (const auto& entry : fs::directory_iterator(folder, failure)) {
    // "acme-" begins "acme-pricing-7.json" as well, which is another component's.
    const auto name = entry.path().filename().string();
    if (name.starts_with(prefix) && name.ends_with(".json") &&
        name.find_first_not_of("0123456789", prefix.size()) == name.size() - 5) {
      all.emplace_back(entry.last_write_time(failure), entry.path());
    }
  }
  std::sort(all.begin(), all.end());
  for (std::size_t i = 0; i + bundles_max < all.size(); ++i) {
    fs::remove(all[i].second, failure);
  }
}

} // namespace

result<fs::path> write_repro(const fs::path& folder, const failed_step& failed) {
  json memory = json::object();
  for (const auto& [key, value] : failed.memory) {
    memory[key] = {{"value", bytes_of(value.bytes)}, {"expires_us", value.expires_us}};
  }
  const auto& l = failed.what.limits;
  const json bundle{
      {"format", "crossdock.repro/1"},
      {"plugin",
       {{"id", failed.what.file->id()},
        {"version", failed.what.file->version()},
        {"sha256", failed.what.file->sha256_hex()}}},
      {"component", failed.what.name},
      {"executor", to_string(failed.what.executor)},
      {"failure", failed.failure},
      {"config", without_secrets(failed.what)},
      {"limits",
       {{"step_ms_hard", l.step_hard.count()}, {"process_bytes", l.process_bytes_max}}},
      {"memory", memory},
      {"event", event_of(failed.event)}};
  std::error_code failure;
  fs::create_directories(folder, failure);
  const auto prefix = failed.what.name + "-";
  const auto path = folder / (prefix + std::to_string(failed.event.seq) + ".json");
  const auto text = bundle.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
  const auto wrong = [&] {
    return error(errc::io, std::string("the repro bundle cannot be written: ") +
                               std::strerror(errno))
        .at("file", path.string());
  };
  const int fd =
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) {
    return wrong();
  }
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto n = ::write(fd, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n <= 0) {
      auto e = wrong();
      ::close(fd);
      ::unlink(path.c_str());
      return e;
    }
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  ::close(fd);
  drop_old(folder, prefix);
  return path;
}

} // namespace crossdock::host
