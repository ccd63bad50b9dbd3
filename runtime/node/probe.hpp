/// Asks each configured connector whether it can work, without a node: for
/// `crossdock doctor`.
#pragma once

#include "base/json.hpp"
#include "node/config.hpp"

namespace crossdock::node {

/// Creates each connector apart from the node's data and calls its probe, level 1
/// (configuration and dependencies): it may connect to its system, it changes nothing.
/// Gives [{component, plugin, ok, took_ms, report | error}]; a file that cannot be loaded
/// is an entry with an error.
json probe_connectors(const config& c);

} // namespace crossdock::node
