#include "planning/projection.hpp"

#include "planning/checks.hpp"

#include <algorithm>

namespace crossdock::planning {

namespace {

checks check_picture(const stock_picture& picture) {
  checks check;
  check.finite("available", picture.available);
  for (const auto& r : picture.receipts) {
    const std::string field = "receipts[" + r.id + "]";
    check.not_negative(field + ".quantity", r.quantity);
    for (std::size_t i = 0; i < r.arrives_by.size(); ++i) {
      check.probability(field + ".arrives_by", r.arrives_by[i].probability);
      if (i > 0)
        check.that(r.arrives_by[i].day > r.arrives_by[i - 1].day &&
                       r.arrives_by[i].probability >= r.arrives_by[i - 1].probability,
                   field + ".arrives_by", "must rise with rising days");
    }
  }
  for (const auto& d : picture.demands)
    check.not_negative("demands.quantity", d.quantity);
  return check;
}

checks check_horizon(const stock_picture& picture, int horizon_days) {
  return check_picture(picture).that(
      horizon_days >= 1 && horizon_days <= projection_days_max, "horizon_days",
      "must be 1 to " + std::to_string(projection_days_max) + " days");
}

double committed_by(const stock_picture& picture, day_number day) {
  double sum = 0;
  for (const auto& d : picture.demands)
    if (std::max(d.day, picture.today) <= day)
      sum += d.quantity;
  return sum;
}

// Neighbouring pairs become one state at the smaller quantity.
void merge_pairs(std::vector<supply_state>& states) {
  std::vector<supply_state> merged;
  merged.reserve(states.size() / 2 + 1);
  for (std::size_t i = 0; i < states.size(); i += 2) {
    merged.push_back(states[i]);
    if (i + 1 < states.size())
      merged.back().probability += states[i + 1].probability;
  }
  states = std::move(merged);
}

// Adds one receipt: every state splits into "not yet" and "arrived". Both halves keep the
// order of `states`, so merging them keeps the result sorted.
std::vector<supply_state> with_receipt(const std::vector<supply_state>& states,
                                       double quantity, double probability) {
  std::vector<supply_state> without = states;
  std::vector<supply_state> with = states;
  for (auto& s : without)
    s.probability *= 1 - probability;
  for (auto& s : with) {
    s.quantity += quantity;
    s.probability *= probability;
  }
  std::vector<supply_state> split(states.size() * 2);
  std::merge(without.begin(), without.end(), with.begin(), with.end(), split.begin(),
             [](const supply_state& a, const supply_state& b) {
               return a.quantity < b.quantity;
             });
  std::vector<supply_state> joined;
  joined.reserve(split.size());
  for (const auto& s : split) {
    if (!joined.empty() && joined.back().quantity == s.quantity)
      joined.back().probability += s.probability;
    else
      joined.push_back(s);
  }
  return joined;
}

std::vector<supply_state> supply_states(const stock_picture& picture, day_number day) {
  std::vector<supply_state> states{{picture.available - committed_by(picture, day), 1.0}};
  for (const auto& r : picture.receipts) {
    const double p = arrived_by(r, picture.today, day);
    if (p <= 0 || r.quantity == 0)
      continue;
    if (p >= 1) {
      for (auto& s : states)
        s.quantity += r.quantity;
      continue;
    }
    states = with_receipt(states, r.quantity, p);
    if (states.size() > supply_states_max)
      merge_pairs(states);
  }
  return states;
}

double stock_out_of(const std::vector<supply_state>& supply,
                    const demand_distribution& demand) {
  double sum = 0;
  for (const auto& s : supply)
    sum += s.probability * (s.quantity < 0 ? 1.0 : demand.exceeds(s.quantity));
  return std::clamp(sum, 0.0, 1.0);
}

} // namespace

double arrived_by(const receipt& r, day_number today, day_number day) {
  if (r.arrives_by.empty())
    return day >= std::max(r.promised, today) ? 1.0 : 0.0;
  double probability = 0;
  for (const auto& step : r.arrives_by)
    if (step.day <= day)
      probability = step.probability;
  return probability;
}

outcome<projection> project(const stock_picture& picture, int horizon_days) {
  if (auto wrong = check_horizon(picture, horizon_days).failure())
    return *wrong;

  projection result;
  const auto length = static_cast<std::size_t>(horizon_days);
  result.days.reserve(length);
  for (int i = 0; i < horizon_days; ++i)
    result.days.push_back({picture.today + i, 0, 0, 0, 0});

  const auto slot = [&](day_number day) -> projected_day* {
    const auto offset =
        static_cast<std::size_t>(std::max(day, picture.today) - picture.today);
    return offset < length ? &result.days[offset] : nullptr;
  };
  for (const auto& r : picture.receipts)
    if (auto* day = slot(r.promised))
      day->receipts += r.quantity;
  for (const auto& d : picture.demands)
    if (auto* day = slot(d.day))
      day->demand += d.quantity;

  double available = picture.available;
  double demanded = 0;
  for (auto& day : result.days) {
    available += day.receipts - day.demand;
    demanded += day.demand;
    day.available = available;
    day.expected_available = picture.available - demanded;
    for (const auto& r : picture.receipts)
      day.expected_available += r.quantity * arrived_by(r, picture.today, day.day);

    if (!result.first_stock_out && available <= 0)
      result.first_stock_out = day.day;
    if (!result.first_shortage && available < 0)
      result.first_shortage = day.day;
    if (&day == &result.days.front() || available < result.lowest) {
      result.lowest = available;
      result.lowest_on = day.day;
    }
  }
  return result;
}

std::optional<day_number> first_below(const projection& p, double level) {
  for (const auto& day : p.days)
    if (day.available < level)
      return day.day;
  return std::nullopt;
}

double shortage_against(const projection& p, double minimum) {
  return std::max(0.0, minimum - p.lowest);
}

outcome<std::vector<supply_state>> supply_by(const stock_picture& picture,
                                             day_number day) {
  if (auto wrong = check_picture(picture)
                       .that(day >= picture.today, "day", "must not lie before today")
                       .failure())
    return *wrong;
  return supply_states(picture, day);
}

double probability_at_least(const std::vector<supply_state>& supply, double quantity) {
  double sum = 0;
  for (const auto& s : supply)
    if (s.quantity >= quantity)
      sum += s.probability;
  return std::min(1.0, sum);
}

outcome<double> stock_out_probability(const stock_picture& picture, day_number day,
                                      const demand_distribution& demand) {
  const auto supply = supply_by(picture, day);
  if (!supply)
    return supply.error();
  return stock_out_of(*supply, demand);
}

outcome<double> expected_units_short(const stock_picture& picture, day_number day,
                                     const demand_distribution& demand) {
  const auto supply = supply_by(picture, day);
  if (!supply)
    return supply.error();
  double sum = 0;
  for (const auto& s : *supply)
    sum += s.probability * demand.expected_shortage(s.quantity);
  return sum;
}

outcome<std::vector<risk_on_day>> stock_out_risk(const stock_picture& picture,
                                                 int horizon_days, demand_family family,
                                                 double daily_mean,
                                                 double daily_variance) {
  if (auto wrong = check_horizon(picture, horizon_days)
                       .not_negative("daily_mean", daily_mean)
                       .not_negative("daily_variance", daily_variance)
                       .failure())
    return *wrong;
  if (family == demand_family::negative_binomial && daily_variance <= daily_mean)
    family = demand_family::poisson;

  std::vector<risk_on_day> risk;
  for (int i = 0; i < horizon_days; ++i) {
    const day_number day = picture.today + i;
    const int days = i + 1; // today's demand is still to come
    const auto demand =
        demand_distribution::make(family, days * daily_mean, days * daily_variance);
    if (!demand)
      return demand.error();
    risk.push_back({day, stock_out_of(supply_states(picture, day), *demand)});
  }
  return risk;
}

std::optional<day_number> first_at_risk(const std::vector<risk_on_day>& risk,
                                        double threshold) {
  for (const auto& day : risk)
    if (day.stock_out_probability >= threshold)
      return day.day;
  return std::nullopt;
}

outcome<dated_promise> promise_date_at_service(const stock_picture& picture, double qty,
                                               double service_target, int horizon_days) {
  if (auto wrong = check_horizon(picture, horizon_days)
                       .positive("qty", qty)
                       .positive("service_target", service_target)
                       .probability("service_target", service_target)
                       .failure())
    return *wrong;
  // Backwards: the probability of a day is the lowest from there to the horizon. Rounding
  // of sums must not miss a target of exactly 1.
  constexpr double rounding = 1e-12;
  dated_promise result;
  double kept = 1;
  for (int i = horizon_days; i-- > 0;) {
    const day_number day = picture.today + i;
    kept = std::min(kept, probability_at_least(supply_states(picture, day), qty));
    if (kept + rounding >= service_target) {
      result.day = day;
      result.probability_met = kept;
    } else if (!result.day) {
      result.probability_met = std::max(result.probability_met, kept);
    }
  }
  return result;
}

} // namespace crossdock::planning
