#include "settings.hpp"

#include <fstream>

namespace crossdock::tryton {

namespace {

std::string text(const json& config, const char* member) {
  if (!config.contains(member) || !config.at(member).is_string() ||
      config.at(member).get_ref<const std::string&>().empty())
    throw sdk::bad_config{std::string{"'"} + member +
                          "' is missing: set it in the "
                          "connector's configuration"};
  return config.at(member).get<std::string>();
}

std::string password(const json& config) {
  if (config.contains("password"))
    return text(config, "password");
  const auto path = text(config, "password_file");
  std::ifstream file{path};
  std::string line;
  if (!file || !std::getline(file, line) || line.empty())
    throw sdk::bad_config{"'password_file' " + path +
                          " cannot be read: check the path and that the node's user may "
                          "read it"};
  return line;
}

std::string number(const json& from, const char* member, const std::string& otherwise) {
  const auto value = from.value(member, otherwise);
  try {
    return decimal::parse(value).text();
  } catch (const std::invalid_argument&) {
    throw sdk::bad_config{std::string{"'"} + member +
                          "' is not a decimal number: " + value};
  }
}

site_settings site_of(const json& j, site_settings s) {
  s.utc_offset_minutes = j.value("utc_offset_minutes", s.utc_offset_minutes);
  s.working_days = j.value("working_days", s.working_days);
  s.cutoff = j.value("cutoff", s.cutoff);
  s.pick_lines_per_hour = number(j, "pick_lines_per_hour", s.pick_lines_per_hour);
  s.pick_hours_per_day = j.value("pick_hours_per_day", s.pick_hours_per_day);
  return s;
}

lane_settings lane_of(const json& j, lane_settings l) {
  l.transit_days = j.value("transit_days", l.transit_days);
  l.cost_per_transfer = number(j, "cost_per_transfer", l.cost_per_transfer);
  l.cost_per_unit = number(j, "cost_per_unit", l.cost_per_unit);
  return l;
}

settings read_all(const json& config) {
  settings s;
  s.system = config.value("system", s.system);
  s.login = {text(config, "url"), text(config, "database"), text(config, "user"),
             password(config)};
  if (s.login.url.rfind("http://", 0) != 0 && s.login.url.rfind("https://", 0) != 0)
    throw sdk::bad_config{"'url' must begin with http:// or https://: " + s.login.url};
  s.http.connect_timeout =
      std::chrono::milliseconds{config.value("connect_timeout_ms", 3'000)};
  s.http.response_bytes_max =
      config.value("response_bytes_max", s.http.response_bytes_max);
  s.timeout = std::chrono::milliseconds{config.value("timeout_ms", 15'000)};
  s.poll = std::chrono::milliseconds{config.value("poll_ms", 500)};
  s.overlap_s = config.value("overlap_s", s.overlap_s);
  s.batch = config.value("batch", s.batch);
  const auto none = json::object();
  s.site_defaults = site_of(config.value("site_defaults", none), {});
  const auto sites = config.value("sites", none);
  for (const auto& [code, j] : sites.items())
    s.sites[code] = site_of(j, s.site_defaults);
  s.lane_defaults = lane_of(config.value("lane_defaults", none), {});
  for (const auto& j : config.value("lanes", json::array()))
    s.lanes[{text(j, "from"), text(j, "to")}] = lane_of(j, s.lane_defaults);
  const auto packs = config.value("packs", none);
  for (const auto& [item, pack] : packs.items())
    s.packs[item] = number({{"packs", pack}}, "packs", "1");
  for (const auto& j : config.value("substitutes", json::array()))
    s.substitutes[text(j, "item")].emplace_back(text(j, "substitute"),
                                                j.value("approved", false));
  return s;
}

} // namespace

const site_settings& settings::site(const std::string& code) const {
  const auto found = sites.find(code);
  return found == sites.end() ? site_defaults : found->second;
}

const lane_settings& settings::lane(const std::string& from,
                                    const std::string& to) const {
  const auto found = lanes.find({from, to});
  return found == lanes.end() ? lane_defaults : found->second;
}

settings settings::read(const json& config) {
  try {
    return read_all(config);
  } catch (const json::exception& e) {
    throw sdk::bad_config{
        std::string{"the configuration has a member of the wrong type: "} + e.what()};
  }
}

} // namespace crossdock::tryton
