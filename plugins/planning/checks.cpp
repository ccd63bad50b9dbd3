#include "planning/checks.hpp"

#include <algorithm>
#include <cmath>

namespace crossdock::planning {

checks& checks::that(bool holds, std::string_view field, std::string_view message) {
  if (!holds && !failure_)
    failure_ = domain_error{std::string(field), std::string(message)};
  return *this;
}

checks& checks::finite(std::string_view field, double x) {
  return that(std::isfinite(x), field, "must be a finite number");
}

checks& checks::positive(std::string_view field, double x) {
  return that(std::isfinite(x) && x > 0, field, "must be greater than 0");
}

checks& checks::not_negative(std::string_view field, double x) {
  return that(std::isfinite(x) && x >= 0, field, "must not be negative");
}

checks& checks::probability(std::string_view field, double x) {
  return that(x >= 0 && x <= 1, field, "must lie between 0 and 1");
}

checks& checks::inside_unit(std::string_view field, double x) {
  return that(x > 0 && x < 1, field, "must lie strictly between 0 and 1");
}

checks& checks::all_finite(std::string_view field, const std::vector<double>& xs) {
  return that(
      std::all_of(xs.begin(), xs.end(), [](double x) { return std::isfinite(x); }), field,
      "must hold finite numbers only");
}

checks& checks::all_not_negative(std::string_view field, const std::vector<double>& xs) {
  return that(std::all_of(xs.begin(), xs.end(),
                          [](double x) { return std::isfinite(x) && x >= 0; }),
              field, "must hold no negative number");
}

checks& checks::all_positive(std::string_view field, const std::vector<double>& xs) {
  return that(std::all_of(xs.begin(), xs.end(),
                          [](double x) { return std::isfinite(x) && x > 0; }),
              field, "must hold numbers greater than 0");
}

checks& checks::series(std::string_view field, const std::vector<double>& xs,
                       std::size_t least) {
  return that(xs.size() >= least, field,
              "must have at least " + std::to_string(least) +
                  (least == 1 ? " value" : " values"))
      .that(xs.size() <= series_max, field,
            "must have at most " + std::to_string(series_max) + " values")
      .all_finite(field, xs);
}

checks& checks::same_length(std::string_view field, std::size_t length,
                            std::size_t expected) {
  return that(length == expected, field,
              "must have " + std::to_string(expected) + " entries, has " +
                  std::to_string(length));
}

} // namespace crossdock::planning
