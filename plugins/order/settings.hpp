/// What an operator can tune on the order agent. The defaults stand here and, with their
/// units and reasons, in plugin.toml; a test compares the two.
#pragma once

#include <crossdock/json.hpp>

namespace crossdock::order {

struct settings {
  double lost_sale_probability = 0.35;
  double late_penalty_share = 0.0;
  double assumed_margin_share = 0.25;
  int date_band_working_days = 2;
  double quantity_band_share = 0.10;
  int recovery_days = 2;
  int overdue_receipt_days = 5;
  int master_data_hours = 24;

  static settings read(const sdk::json& config) {
    settings s;
    const auto take = [&](const char* name, auto& into) {
      into = config.value(name, into);
    };
    take("lost_sale_probability", s.lost_sale_probability);
    take("late_penalty_share", s.late_penalty_share);
    take("assumed_margin_share", s.assumed_margin_share);
    take("date_band_working_days", s.date_band_working_days);
    take("quantity_band_share", s.quantity_band_share);
    take("recovery_days", s.recovery_days);
    take("overdue_receipt_days", s.overdue_receipt_days);
    take("master_data_hours", s.master_data_hours);
    return s;
  }
};

} // namespace crossdock::order
