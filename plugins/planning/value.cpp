#include "planning/value.hpp"

#include "planning/checks.hpp"

#include <algorithm>
#include <tuple>

namespace crossdock::planning {

// -- one option -------------------------------------------------------------------------
outcome<double> expected_value(double p_loss_without, double p_loss_with, double loss,
                               double cost) {
  if (auto wrong = checks()
                       .probability("p_loss_without", p_loss_without)
                       .probability("p_loss_with", p_loss_with)
                       .not_negative("loss", loss)
                       .not_negative("cost", cost)
                       .failure())
    return *wrong;
  return p_loss_without * loss - p_loss_with * loss - cost;
}

// -- ranking ----------------------------------------------------------------------------
outcome<ranking> rank_options(const std::vector<option>& options, double floor,
                              rank_by by) {
  if (auto wrong = checks().finite("floor", floor).failure())
    return *wrong;
  ranking result;
  for (const auto& o : options) {
    const auto value = expected_value(o.p_loss_without, o.p_loss_with, o.loss, o.cost);
    if (!value)
      return domain_error{o.id + "." + value.error().field, value.error().message};
    if (auto wrong =
            checks().not_negative(o.id + ".human_minutes", o.human_minutes).failure())
      return *wrong;
    const double minutes = std::max(1.0, o.human_minutes);
    const double key = by == rank_by::value ? *value : *value / minutes;
    auto& list = *value < floor ? result.suppressed : result.worth_doing;
    list.push_back({o, *value, key});
  }
  const auto before = [](const ranked_option& a, const ranked_option& b) {
    return std::make_tuple(-a.key, a.what.point_of_no_return, std::cref(a.what.id)) <
           std::make_tuple(-b.key, b.what.point_of_no_return, std::cref(b.what.id));
  };
  std::sort(result.worth_doing.begin(), result.worth_doing.end(), before);
  std::sort(result.suppressed.begin(), result.suppressed.end(), before);
  return result;
}

// -- transfer between sites -------------------------------------------------------------
outcome<transfer_judgement> judge_transfer(double p_receiver, double p_sender,
                                           double unit_margin, double quantity,
                                           double cost) {
  if (auto wrong = checks()
                       .probability("p_receiver", p_receiver)
                       .probability("p_sender", p_sender)
                       .not_negative("unit_margin", unit_margin)
                       .positive("quantity", quantity)
                       .not_negative("cost", cost)
                       .failure())
    return *wrong;
  const double gain = (p_receiver - p_sender) * unit_margin * quantity;
  return transfer_judgement{gain, cost, gain > cost};
}

// -- sharing ----------------------------------------------------------------------------
outcome<fractile_allocation>
allocate_equal_fractile(double available, const std::vector<double>& ltd_mean,
                        const std::vector<double>& ltd_sd,
                        const std::vector<double>& inventory_position) {
  checks check;
  check.not_negative("available", available)
      .that(!ltd_mean.empty(), "ltd_mean", "must have at least one site")
      .all_not_negative("ltd_mean", ltd_mean)
      .same_length("ltd_sd", ltd_sd.size(), ltd_mean.size())
      .same_length("inventory_position", inventory_position.size(), ltd_mean.size())
      .all_finite("inventory_position", inventory_position);
  for (const double sd : ltd_sd)
    check.positive("ltd_sd", sd);
  if (check.failure())
    return *check.failure();

  const std::size_t sites = ltd_mean.size();
  std::vector<bool> shares(sites, true);
  fractile_allocation result{0, std::vector<double>(sites, 0.0)};
  // Each round drops at least one site or ends. The last one left gets everything, which
  // is never negative, so somebody always shares.
  for (bool dropped = true; dropped;) {
    double spare = available;
    double spread = 0;
    for (std::size_t i = 0; i < sites; ++i) {
      if (shares[i]) {
        spare += inventory_position[i] - ltd_mean[i];
        spread += ltd_sd[i];
      }
    }
    result.k = spare / spread;
    dropped = false;
    std::size_t sharing = 0;
    for (std::size_t i = 0; i < sites; ++i)
      sharing += shares[i] ? 1 : 0;
    for (std::size_t i = 0; i < sites; ++i) {
      if (!shares[i])
        continue;
      result.allocation[i] = ltd_mean[i] + result.k * ltd_sd[i] - inventory_position[i];
      if (result.allocation[i] < 0) {
        result.allocation[i] = 0;
        if (sharing > 1) { // a sole site is below 0 by rounding only
          shares[i] = false;
          dropped = true;
        }
      }
    }
  }
  return result;
}

outcome<double> order_priority_score(const std::map<std::string, double>& weights,
                                     const std::map<std::string, double>& normalised) {
  for (const auto& [criterion, value] : normalised)
    if (weights.count(criterion) == 0)
      return domain_error{"weights." + criterion, "is missing"};
  double score = 0;
  for (const auto& [criterion, weight] : weights) {
    const auto value = normalised.find(criterion);
    if (value == normalised.end())
      return domain_error{"normalised." + criterion, "is missing"};
    if (auto wrong = checks()
                         .not_negative("weights." + criterion, weight)
                         .probability("normalised." + criterion, value->second)
                         .failure())
      return *wrong;
    score += weight * value->second;
  }
  return score;
}

outcome<double> critical_ratio(double days_until_due, double lead_time_remaining) {
  if (auto wrong = checks()
                       .finite("days_until_due", days_until_due)
                       .positive("lead_time_remaining", lead_time_remaining)
                       .failure())
    return *wrong;
  return days_until_due / lead_time_remaining;
}

} // namespace crossdock::planning
