/// Which of two versions is newer, by Semantic Versioning 2.0.0 §11.
#pragma once

#include <compare>
#include <string_view>

namespace crossdock::trust {

/// Build metadata ("+...") does not count. Texts that are no versions compare as texts, below
/// every version.
std::strong_ordering compare_versions(std::string_view a, std::string_view b);

} // namespace crossdock::trust
