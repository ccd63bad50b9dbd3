/// What an operator can tune on the replenishment agent. The defaults stand here and,
/// with their units and reasons, in plugin.toml; a test compares the two.
#pragma once

#include "trade/reading.hpp"

namespace crossdock::replenishment {

struct settings {
  double service_level = 0.95;
  double promise_service = 0.9;
  double lost_sale_probability = 0.35;
  double assumed_margin_share = 0.25;
  int assumed_lead_time_days = 14;
  int demand_days = 365;
  int history_days = 365;
  int history_rows = 5000;
  int refresh_hours = 24;
  double fact_tau_hours = 24;
  int senders_max = 6;
  int substitutes_max = 3;
  int substitutes_accepted = 0;
  int substitutes_refused = 0;
  int read_timeout_ms = 4000;

  static settings read(const sdk::json& config) {
    settings s;
    trade::take(config, "service_level", s.service_level);
    trade::take(config, "promise_service", s.promise_service);
    trade::take(config, "lost_sale_probability", s.lost_sale_probability);
    trade::take(config, "assumed_margin_share", s.assumed_margin_share);
    trade::take(config, "assumed_lead_time_days", s.assumed_lead_time_days);
    trade::take(config, "demand_days", s.demand_days);
    trade::take(config, "history_days", s.history_days);
    trade::take(config, "history_rows", s.history_rows);
    trade::take(config, "refresh_hours", s.refresh_hours);
    trade::take(config, "fact_tau_hours", s.fact_tau_hours);
    trade::take(config, "senders_max", s.senders_max);
    trade::take(config, "substitutes_max", s.substitutes_max);
    trade::take(config, "substitutes_accepted", s.substitutes_accepted);
    trade::take(config, "substitutes_refused", s.substitutes_refused);
    trade::take(config, "read_timeout_ms", s.read_timeout_ms);
    return s;
  }
};

} // namespace crossdock::replenishment
