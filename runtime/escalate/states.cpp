#include "escalate/escalate.hpp"

#include <algorithm>

namespace crossdock::escalate {
namespace {

constexpr std::array<std::string_view, 16> names{
    "proposed", "denied",    "allowed",    "pending",    "approved",    "consumed",
    "executed", "failed",    "unknown",    "reconciled", "compensated", "rejected",
    "expired",  "withdrawn", "superseded", "revoked"};

using set = std::uint32_t;

template <class... States>
constexpr set any(States... s) {
  return ((set{1} << static_cast<unsigned>(s)) | ... | set{0});
}

constexpr set followers(state from) {
  switch (from) {
  case state::proposed:
    return any(state::denied, state::allowed, state::pending);
  case state::pending:
    return any(state::pending, state::approved, state::rejected, state::expired,
               state::withdrawn, state::superseded);
  case state::allowed:
  case state::approved:
    return any(state::consumed, state::revoked, state::expired, state::superseded);
  case state::consumed:
    return any(state::executed, state::failed, state::unknown);
  // A doubt ends by finding the effect (reconciled), by finding it absent and repeating
  // it with the same key (executed, failed), or by undoing it.
  case state::unknown:
    return any(state::reconciled, state::executed, state::failed, state::compensated);
  case state::executed:
  case state::reconciled:
    return any(state::compensated);
  default:
    return 0;
  }
}

} // namespace

std::string_view to_string(state s) noexcept {
  return names[static_cast<std::size_t>(s)];
}

result<state> state_from(std::string_view text) {
  const auto it = std::find(names.begin(), names.end(), text);
  if (it == names.end()) {
    return error(errc::invalid, "\"" + std::string(text.substr(0, 32)) +
                                    "\" is no state of an approval");
  }
  return static_cast<state>(it - names.begin());
}

bool may_follow(state from, state to) noexcept {
  return (followers(from) & any(to)) != 0;
}
bool terminal(state s) noexcept {
  return followers(s) == 0;
}

} // namespace crossdock::escalate
