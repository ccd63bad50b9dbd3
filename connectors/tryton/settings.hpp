/// The connector's configuration, and what Tryton does not know about a site.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "client.hpp"

namespace crossdock::tryton {

/// Tryton has no calendar, cut-off or pick rate of a warehouse: they come from here, and
/// every answer that uses them says so in its `record`.
struct site_settings {
  int utc_offset_minutes = 0;
  std::vector<int> working_days{1, 2, 3, 4, 5}; ///< ISO: Monday is 1
  std::string cutoff = "16:00";
  std::string pick_lines_per_hour = "30";
  int pick_hours_per_day = 8;
};

/// Tryton knows how long a lane takes (stock.location.lead_time), not what it costs.
struct lane_settings {
  int transit_days = 1; ///< where Tryton has no lead time for the lane
  std::string cost_per_transfer = "25";
  std::string cost_per_unit = "0.20";
};

struct settings {
  std::string system = "tryton";
  credentials login;
  http_limits http;
  std::chrono::milliseconds timeout{15'000};
  std::chrono::milliseconds poll{2'000};
  int overlap_s = 30; ///< the longest transaction whose changes a poll must still find
  std::size_t batch = 100;
  site_settings site_defaults;
  std::map<std::string, site_settings> sites;
  lane_settings lane_defaults;
  std::map<std::pair<std::string, std::string>, lane_settings> lanes;
  std::map<std::string, std::string> packs;
  /// item -> (substitute, approved)
  std::map<std::string, std::vector<std::pair<std::string, bool>>> substitutes;

  const site_settings& site(const std::string& code) const;
  const lane_settings& lane(const std::string& from, const std::string& to) const;

  /// Reads the configuration and the password file. Throws sdk::bad_config that names the
  /// member and the remedy.
  static settings read(const json& config);
};

} // namespace crossdock::tryton
