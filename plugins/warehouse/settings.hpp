/// What an operator can tune on the warehouse agent. The defaults stand here and, with
/// their units and reasons, in plugin.toml; a test compares the two.
#pragma once

#include "trade/reading.hpp"

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
    trade::take(config, "feasible_min", s.feasible_min);
    trade::take(config, "shift_hours", s.shift_hours);
    trade::take(config, "pick_rate_cv", s.pick_rate_cv);
    trade::take(config, "assumed_lines_per_hour", s.assumed_lines_per_hour);
    trade::take(config, "history_days", s.history_days);
    trade::take(config, "refresh_hours", s.refresh_hours);
    trade::take(config, "read_timeout_ms", s.read_timeout_ms);
    return s;
  }
};

} // namespace crossdock::warehouse
