#include "trade/network.hpp"

#include <cstdlib>

namespace crossdock::trade {

namespace {

constexpr std::int64_t ns_per_minute = 60'000'000'000;

/// "16:30" -> 990. The catalogue's pattern has been checked, so only hours beyond 23 are
/// odd; they mean "open until midnight".
int minute_of_day(const std::string& hhmm) {
  const int hours = (hhmm[0] - '0') * 10 + (hhmm[1] - '0');
  const int minutes = (hhmm[3] - '0') * 10 + (hhmm[4] - '0');
  return hours > 23 ? 24 * 60 - 1 : hours * 60 + minutes;
}

site read_site(const json& from) {
  auto week =
      planning::working_calendar::make(from.at("working_days").get<std::vector<int>>());
  site s;
  s.id = from.at("site").get<std::string>();
  if (!week) {
    s.defects.push_back("no working days for site " + s.id +
                        ": taken as Monday to Friday");
    week = planning::working_calendar::make({1, 2, 3, 4, 5});
  }
  s.calendar = *week;
  s.record = from.at("record").get<std::string>();
  s.utc_offset_minutes = from.at("utc_offset_minutes").get<int>();
  s.cutoff_minute = minute_of_day(from.at("cutoff").get<std::string>());
  s.pick_lines_per_hour = from.at("pick_lines_per_hour").get<sdk::decimal>().to_double();
  s.open_pick_lines = from.at("open_pick_lines").get<int>();
  if (s.pick_lines_per_hour <= 0)
    s.defects.push_back("no pick rate for site " + s.id);
  return s;
}

} // namespace

local_time site::at(std::int64_t instant_ns) const {
  const auto minutes =
      sdk::detail::floor_div(instant_ns, ns_per_minute) + utc_offset_minutes;
  const auto day = sdk::detail::floor_div(minutes, 24 * 60);
  return {static_cast<day_number>(day), static_cast<int>(minutes - day * 24 * 60)};
}

day_number site::next_ship_day(local_time now) const {
  if (calendar.works_on(now.day) && now.minute < cutoff_minute)
    return now.day;
  return calendar.next_after(now.day);
}

std::string site::cutoff_on(day_number day) const {
  const std::int64_t minutes =
      std::int64_t{day} * 24 * 60 + cutoff_minute - utc_offset_minutes;
  return sdk::rfc3339(minutes * ns_per_minute);
}

network network::read(const json& answer) {
  network n;
  n.system_ = answer.at("system").get<std::string>();
  n.as_of_ = answer.at("as_of").get<std::string>();
  for (const auto& s : answer.at("sites"))
    n.sites_.push_back(read_site(s));
  for (const auto& l : answer.at("lanes"))
    n.lanes_.push_back({l.at("from").get<std::string>(), l.at("to").get<std::string>(),
                        l.at("record").get<std::string>(),
                        l.at("transit_days").get<int>(), l.at("cost_per_transfer"),
                        l.at("cost_per_unit")});
  return n;
}

const site* network::find(const std::string& id) const {
  for (const auto& s : sites_)
    if (s.id == id)
      return &s;
  return nullptr;
}

const lane* network::find(const std::string& from, const std::string& to) const {
  for (const auto& l : lanes_)
    if (l.from == from && l.to == to)
      return &l;
  return nullptr;
}

day_number arrival_day(day_number ship_day, const lane& way, const site& to) {
  return to.calendar.on_or_after(ship_day + way.transit_days);
}

std::optional<day_number> day_of(const json& text) {
  if (!text.is_string())
    return std::nullopt;
  const auto parsed = planning::parse_date(text.get_ref<const std::string&>());
  return parsed ? std::optional<day_number>{*parsed} : std::nullopt;
}

} // namespace crossdock::trade
