/// What a step asked for, as it becomes true.
#pragma once

#include "host/host.hpp"
#include "host/journal.hpp"
#include "host/plugin_records.hpp"
#include "host/presented.hpp"
#include "host/step.hpp"

namespace crossdock::host {

/// Effects, memory and the end of the delivery in one unit of work. Errors: conflict (the
/// delivery ended elsewhere: the step is void); of the ledger.
result<void> write_step(ledger::transaction& tx, const environment& env,
                        const component& what, const step& s, const event_text& text,
                        const job& j, const journal_line& line, plugin_records& records);

/// Changes of a component's memory.
result<void> write_memory(ledger::transaction& tx, const std::string& component,
                          const memory_changes& changes);

} // namespace crossdock::host
