/// Plots as inline SVG: no script, no style sheet of its own, every text escaped.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace crossdock::assess {

/// For text and attribute values of HTML and SVG. What XML cannot hold becomes "?".
std::string escaped(std::string_view text);

struct column {
  std::string label; ///< under the column; empty: none
  std::size_t count = 0;
  std::string says; ///< shown when it is pointed at
};

/// Columns from a common base with a scale of round numbers. `numbers`: each column
/// carries its count (for few columns). `title` is for those who cannot see it.
std::string column_plot(const std::vector<column>& columns, std::string_view title,
                        bool numbers);

/// A bar that fills `share` (0 to 1) of its width, for a row of a table.
std::string bar(double share);

/// The smallest of 1, 2, 5, 10, 20, 50, ... that is at least `n`.
std::size_t round_up(std::size_t n);

} // namespace crossdock::assess
