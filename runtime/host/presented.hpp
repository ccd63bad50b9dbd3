/// What is handed to a plugin, as the plugin sees it.
#pragma once

#include "base/catalogue.hpp"
#include "dispatch/dispatch.hpp"
#include "host/component.hpp"
#include "host/step.hpp"

#include <memory>
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

/// Free text from outside does not reach an agent, nor does its label: what the agent
/// derives rests on typed, schema-checked fields alone.
std::shared_ptr<event_text> text_of(const job& j, const component& what,
                                    const catalogue& words);

/// Borrows from `j` and `text`.
cdk_event describe(const job& j, const event_text& text, timestamp now,
                   timestamp deadline);

} // namespace crossdock::host
