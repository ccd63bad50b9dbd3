#include "crossdock/commands.hpp"
#include "node/check.hpp"

#include <fmt/format.h>

namespace crossdock::cli {

ending config_check(session& s, const std::filesystem::path& file) {
  const auto c = node::check_file(file);
  const auto code = c.problems.empty() ? exit_code::ok : exit_code::bad_input;
  if (s.told_program({{"good", c.problems.empty()},
                      {"problems", c.problems},
                      {"warnings", c.warnings},
                      {"checked", c.seen}})) {
    return code;
  }
  for (const auto& p : c.problems) {
    s.around().err << clean(p) << '\n';
  }
  for (const auto& w : c.warnings) {
    s.around().err << "warning: " << clean(w) << '\n';
  }
  for (const auto& what : c.seen) {
    s.paper().line("checked " + what);
  }
  if (c.problems.empty()) {
    s.paper().paragraph(file.string() + ": everything checks", 0, 0, colour::good);
  } else {
    s.around().err << fmt::format(
        "crossdock: {}: {} to mend before a node can start\n", clean(file.string()),
        c.problems.size() == 1 ? "one problem"
                               : fmt::format("{} problems", c.problems.size()));
  }
  return code;
}

} // namespace crossdock::cli
