/// What a step asked for, as it becomes true.
#pragma once

#include "host/host.hpp"
#include "host/plugin_records.hpp"
#include "host/step.hpp"

#include <optional>
#include <string>
#include <vector>

namespace crossdock::host {

/// What is handed to handle(): a delivery with its row, or something of the moment.
struct job {
  std::uint32_t kind = CDK_EV_MESSAGE;
  std::optional<dispatch::delivery> row;
  std::string tag;
  std::string payload = "{}";
  timestamp not_before{};
};

/// Text that keeps the cdk_event's borrowed pointers alive during one step.
struct event_text {
  std::string payload;
  std::string labels = "[]";
  std::vector<std::string> label_list;
};

/// Effects, memory and the end of the delivery in one unit of work. Errors: conflict (the
/// delivery ended elsewhere: the step is void); of the ledger.
result<void> write_step(ledger::transaction& tx, const environment& env,
                        const component& what, const step& s, const event_text& text,
                        const job& j, plugin_records& records);

} // namespace crossdock::host
