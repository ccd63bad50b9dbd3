#include "host/plugin_records.hpp"

#include "base/log.hpp"
#include "host/staged_plugin.hpp"

#include <spdlog/spdlog.h>

namespace crossdock::host {

ledger::record plugin_records::of(const char* what, const std::string& why,
                                  std::uint64_t times,
                                  const std::vector<std::uint64_t>& causes) const {
  ledger::record r;
  r.kind = "plugin";
  r.source = "host";
  r.target = about_->name;
  r.causes = causes;
  r.detail = {{"what", what},
              {"release", about_->file->release()},
              {"why", clean_text(why, 500)}};
  if (times > 0) {
    r.detail["times"] = times;
  }
  return r;
}

void plugin_records::submit(ledger::record r) {
  ledger::unit u;
  u.name = "host.plugin";
  u.apply = [r = std::move(r)](ledger::transaction& tx) -> result<void> {
    auto seq = tx.append(r);
    return seq ? result<void>() : std::move(seq).error();
  };
  store_->submit(std::move(u));
}

void plugin_records::write(const char* what, const std::string& why) {
  submit(of(what, why, 0, {}));
}

void plugin_records::write_often(const char* what, const std::string& why,
                                 const std::vector<std::uint64_t>& causes) {
  if (const auto times = seen_.note(std::string(what) + why); times > 0) {
    const logging::scope about({.component = about_->name});
    spdlog::warn("{}: {}: {}{}", about_->name, what, clean_text(why, 500),
                 times > 1 ? " (" + std::to_string(times) + " times)" : "");
    submit(of(what, why, times, causes));
  }
}

result<void> plugin_records::write_often(ledger::transaction& tx, const char* what,
                                         const std::string& why,
                                         const std::vector<std::uint64_t>& causes) {
  const auto times = seen_.note(std::string(what) + why);
  if (times == 0) {
    return {};
  }
  auto seq = tx.append(of(what, why, times, causes));
  return seq ? result<void>() : std::move(seq).error();
}

} // namespace crossdock::host
