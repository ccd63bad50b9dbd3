/// What an operator can tune on the warehouse agent. The defaults stand here and, with
/// their units and reasons, in plugin.toml; a test compares the two.
#pragma once

#include <crossdock/json.hpp>

namespace crossdock::warehouse {

struct settings {
  double feasible_min = 0.5;
  double shift_hours = 8;
  double pick_rate_cv = 0.15;
  double assumed_lines_per_hour = 62;
  int history_days = 365;
  int refresh_hours = 24;
  int read_timeout_ms = 4000;

  static settings read(const sdk::json& config) {
    settings s;
    const auto take = [&](const char* name, auto& into) {
      into = config.value(name, into);
    };
    take("feasible_min", s.feasible_min);
    take("shift_hours", s.shift_hours);
    take("pick_rate_cv", s.pick_rate_cv);
    take("assumed_lines_per_hour", s.assumed_lines_per_hour);
    take("history_days", s.history_days);
    take("refresh_hours", s.refresh_hours);
    take("read_timeout_ms", s.read_timeout_ms);
    return s;
  }
};

} // namespace crossdock::warehouse
