/// What becomes of a component, for the ledger: records of kind "plugin".
#pragma once

#include "host/component.hpp"
#include "host/sightings.hpp"
#include "ledger/ledger.hpp"

#include <memory>
#include <string>
#include <vector>

namespace crossdock::host {

/// Thread-safe, but for of(), which is pure.
class plugin_records {
public:
  plugin_records(std::shared_ptr<ledger::store> store,
                 std::shared_ptr<const component> about)
      : store_(std::move(store)), about_(std::move(about)) {}

  /// instance_failed, gave_up: each time.
  void write(const char* what, const std::string& why);
  /// refused, denied: what a plugin asked for and did not get, in the ledger and the log;
  /// the first, tenth, hundredth, ... time of each sentence, lest a plugin in a loop fill
  /// both.
  void write_often(const char* what, const std::string& why,
                   const std::vector<std::uint64_t>& causes = {});
  /// The same within a unit of work.
  result<void> write_often(ledger::transaction& tx, const char* what,
                           const std::string& why,
                           const std::vector<std::uint64_t>& causes);

private:
  ledger::record of(const char* what, const std::string& why, std::uint64_t times,
                    const std::vector<std::uint64_t>& causes) const;
  void submit(ledger::record r);

  std::shared_ptr<ledger::store> store_;
  std::shared_ptr<const component> about_;
  sightings seen_;
};

} // namespace crossdock::host
