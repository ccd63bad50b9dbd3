/// The node's log: a line is a sentence and fields, as text for people or as one JSON
/// object for programs. docs/reference/logging.md describes both.
#pragma once

#include "node/config.hpp"

#include <spdlog/formatter.h>

#include <memory>
#include <string>

namespace crossdock::node {

/// "2026-11-25T08:15:00.123Z warning sentence case=01J... trace=4bf9... component=order".
/// Nothing in a sentence can begin a line of its own or steer a terminal.
std::unique_ptr<spdlog::formatter> text_formatter();

/// {"time","level","node","message","case","trace","component","fields"}: each a member
/// of its own, absent if it does not apply, always valid JSON.
std::unique_ptr<spdlog::formatter> json_formatter(std::string node);

/// Makes standard error the node's log, with the format and level that `c` wants.
void set_up_log(const config& c);
void set_log_level(const std::string& level);

} // namespace crossdock::node
