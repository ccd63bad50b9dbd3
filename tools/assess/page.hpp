/// The assessment as one page of HTML that needs nothing else: for a manager to read,
/// print or send.
#pragma once

#include "assess/assessment.hpp"

namespace crossdock::assess {

std::string html_page(const assessment& a);

/// The two sentences that stand above everything, in text without markup.
std::string headline(const assessment& a);

/// "7,371 of 142,424 order lines (5.2 %)".
std::string how_often(const kind_summary& k);

/// Flows by name, or "none yet".
std::string flows_text(const kind_summary& k);

} // namespace crossdock::assess
