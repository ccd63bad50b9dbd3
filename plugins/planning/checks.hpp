/// Input checks of the planning library: the first violated one becomes the error.
#pragma once

#include "planning/outcome.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace crossdock::planning {

/// Longest series that is taken.
constexpr std::size_t series_max = 2'000'000;

/// Reads as a sentence at the head of a function:
///   if (auto wrong = checks().positive("sigma", sigma).failure()) return *wrong;
/// NaN and infinity fail every check.
class checks {
public:
  checks& finite(std::string_view field, double x);
  checks& positive(std::string_view field, double x);
  checks& not_negative(std::string_view field, double x);
  /// 0 <= x <= 1.
  checks& probability(std::string_view field, double x);
  /// 0 < x < 1: a target or a smoothing weight that must leave room on both sides.
  checks& inside_unit(std::string_view field, double x);
  checks& all_finite(std::string_view field, const std::vector<double>& xs);
  checks& all_not_negative(std::string_view field, const std::vector<double>& xs);
  checks& all_positive(std::string_view field, const std::vector<double>& xs);
  /// At least `least` finite values, at most series_max.
  checks& series(std::string_view field, const std::vector<double>& xs,
                 std::size_t least = 1);
  checks& same_length(std::string_view field, std::size_t length, std::size_t expected);
  /// Any other rule: `message` says what would have been valid.
  checks& that(bool holds, std::string_view field, std::string_view message);

  const std::optional<domain_error>& failure() const { return failure_; }

private:
  std::optional<domain_error> failure_;
};

} // namespace crossdock::planning
