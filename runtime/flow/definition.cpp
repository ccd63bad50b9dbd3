#include "flow/definition.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace crossdock::flow {

result<bool> definition::accepts(const json& payload) const {
  if (!trigger_when_) {
    return true;
  }
  const json data{{"trigger", payload}};
  return trigger_when_->holds(scope{data});
}

result<std::string> definition::trigger_key(const json& payload) const {
  return fill_key(case_key_, payload);
}

result<std::string> definition::settle_key(const json& payload) const {
  return fill_key(settle_key_, payload);
}

bool definition::compensates() const {
  return std::any_of(steps_.begin(), steps_.end(), [](const step& s) {
    const auto* p = std::get_if<propose_step>(&s.what);
    return p != nullptr && p->compensate.has_value();
  });
}

std::optional<std::size_t> definition::index_of(std::string_view step_name) const {
  const auto it = std::find_if(steps_.begin(), steps_.end(),
                               [&](const step& s) { return s.name == step_name; });
  return it == steps_.end()
             ? std::nullopt
             : std::optional(static_cast<std::size_t>(it - steps_.begin()));
}

result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, std::int64_t>, 5> units{
      {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
  std::uint32_t number = 0;
  const auto [end, failed] =
      std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end,
                              static_cast<std::size_t>(text.data() + text.size() - end));
  const auto* found = std::find_if(units.begin(), units.end(),
                                   [&](const auto& u) { return u.first == unit; });
  if (failed != std::errc() || found == units.end() || number == 0) {
    return error(errc::malformed, "\"" + std::string(text.substr(0, 40)) +
                                      "\" is not a time like \"250ms\", \"5s\", \"30m\", "
                                      "\"4h\" or \"2d\"");
  }
  const std::chrono::milliseconds span(std::int64_t{number} * found->second);
  if (span > timeout_max) {
    return error(errc::limit, "\"" + std::string(text) + "\" is longer than 30 days");
  }
  return span;
}

} // namespace crossdock::flow
