/// What an operator can tune on the order agent. The defaults stand here and, with their
/// units and reasons, in plugin.toml; a test compares the two.
#pragma once

#include "trade/reading.hpp"

#include <optional>

namespace crossdock::order {

struct settings {
  double lost_sale_probability = 0.35;
  double late_penalty_share = 0.0;
  std::optional<sdk::json> late_line_cost; ///< Money.
  double assumed_margin_share = 0.25;
  int date_band_working_days = 2;
  double quantity_band_share = 0.10;
  int recovery_days = 2;
  int overdue_receipt_days = 5;
  int master_data_hours = 24;

  static settings read(const sdk::json& config) {
    settings s;
    trade::take(config, "lost_sale_probability", s.lost_sale_probability);
    trade::take(config, "late_penalty_share", s.late_penalty_share);
    if (config.contains("late_line_cost"))
      s.late_line_cost = config.at("late_line_cost");
    trade::take(config, "assumed_margin_share", s.assumed_margin_share);
    trade::take(config, "date_band_working_days", s.date_band_working_days);
    trade::take(config, "quantity_band_share", s.quantity_band_share);
    trade::take(config, "recovery_days", s.recovery_days);
    trade::take(config, "overdue_receipt_days", s.overdue_receipt_days);
    trade::take(config, "master_data_hours", s.master_data_hours);
    return s;
  }
};

} // namespace crossdock::order
