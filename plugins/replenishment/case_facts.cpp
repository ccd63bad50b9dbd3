#include "options.hpp"

#include <algorithm>

namespace crossdock::replenishment {

using trade::quantity_of;

// -- demand
// --------------------------------------------------------------------------------

demand_summary demand_summary::of(const json& answer, day_number since,
                                  day_number today) {
  std::vector<planning::demand_on_day> lines;
  for (const auto& d : answer.at("days"))
    if (const auto day = trade::day_of(d.at("date")))
      lines.push_back({*day, std::max(0.0, quantity_of(d.at("quantity")))});
  demand_summary s;
  s.system = answer.at("system").get<std::string>();
  s.record = answer.at("record").get<std::string>();
  s.as_of = answer.at("as_of").get<std::string>();
  const auto last = std::max(since, today - 1);
  if (const auto stats = planning::daily_statistics(lines, since, last)) {
    s.mean = stats->mean;
    s.variance = stats->variance;
    s.days = stats->days;
    s.demand_days = stats->demand_days;
  }
  if (const auto series = planning::daily_series(lines, since, last))
    if (const auto shape = planning::demand_class_sbc(*series))
      s.shape = shape->demand;
  return s;
}

void to_json(json& j, const demand_summary& d) {
  j = {{"mean", d.mean},
       {"variance", d.variance},
       {"days", d.days},
       {"demand_days", d.demand_days},
       {"shape", static_cast<int>(d.shape)},
       {"system", d.system},
       {"record", d.record},
       {"as_of", d.as_of}};
}

void from_json(const json& j, demand_summary& d) {
  d.mean = j.at("mean").get<double>();
  d.variance = j.at("variance").get<double>();
  d.days = j.at("days").get<int>();
  d.demand_days = j.at("demand_days").get<int>();
  d.shape = static_cast<planning::demand_class>(j.at("shape").get<int>());
  d.system = j.at("system").get<std::string>();
  d.record = j.at("record").get<std::string>();
  d.as_of = j.at("as_of").get<std::string>();
}

// -- whom to look at
// -----------------------------------------------------------------------

std::vector<std::string> possible_senders(const case_facts& facts, int most) {
  if (!facts.stock || !facts.sites)
    return {};
  const auto net = trade::network::read(facts.sites->answer);
  const auto site = facts.question.at("site").get<std::string>();
  std::vector<std::pair<double, std::string>> found;
  for (const auto& s : facts.stock->answer.at("sites")) {
    const auto from = s.at("site").get<std::string>();
    const double available = quantity_of(s.at("available"));
    if (from != site && available > 0 && net.find(from, site))
      found.emplace_back(-available, from);
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> out;
  for (const auto& [key, from] : found)
    if (std::ssize(out) < most)
      out.push_back(from);
  return out;
}

std::vector<std::string> approved_substitutes(const case_facts& facts, int most) {
  std::vector<std::string> out;
  if (facts.item)
    for (const auto& s : facts.item->answer.at("substitutes"))
      if (s.at("approved").get<bool>() && std::ssize(out) < most)
        out.push_back(s.at("item").get<std::string>());
  return out;
}

day_number today_at(const case_facts& facts, const std::string& site) {
  const auto& from = facts.stock ? *facts.stock : *facts.sites;
  const auto now = sdk::parse_instant(from.as_of());
  const auto net = trade::network::read(facts.sites->answer);
  const auto* at = net.find(site);
  return at ? at->at(now).day : *planning::parse_date(sdk::date_of(now));
}

} // namespace crossdock::replenishment
