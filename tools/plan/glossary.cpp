#include "plan/entry.hpp"

namespace crossdock::plan {

std::string explained(const std::string& name) {
  static const std::map<std::string, std::string> words{
      {"actual", "units per period, oldest first"},
      {"alpha", "smoothing weight of the level, 0..1"},
      {"available", "units to share"},
      {"backorders", "units"},
      {"base_stock_level", "units after ordering"},
      {"beta", "smoothing weight of the trend, 0..1"},
      {"cost_per_period", "expected money per period"},
      {"cost_per_year", "money per year, without purchases"},
      {"cycle_service_level", "probability of no stock-out in a cycle, 0..1"},
      {"demand_mean", "units per period"},
      {"demand_rate", "units per year"},
      {"demand_sd", "standard deviation of a period's demand, units"},
      {"fill_rate", "share of units served at once, 0..1"},
      {"fixed_cost", "money per order"},
      {"forecast", "units per period, oldest first"},
      {"gamma", "smoothing weight of the season, 0..1"},
      {"h", "periods to forecast"},
      {"holding_cost", "money per unit and year"},
      {"level0", "level before the first smoothed period, units"},
      {"ltd_mean", "mean demand over the lead time, units"},
      {"ltd_sd", "its standard deviation, units"},
      {"mean", "mean demand, units"},
      {"mu", "mean of the logarithm"},
      {"on_hand", "units"},
      {"on_order", "units"},
      {"p_late", "probability of being late, 0..1"},
      {"period", "periods in a season"},
      {"reorder_point", "units at which to order"},
      {"sd", "standard deviation of the demand, units"},
      {"series", "values by period, oldest first"},
      {"sigma", "standard deviation of the logarithm"},
      {"start_index_1based", "first period that is smoothed"},
      {"stockout_cost", "money per unit short and year"},
      {"trend0", "trend before the first smoothed period, units per period"},
      {"x", "units that are there"},
      {"z", "standard normal deviate"},
  };
  const auto found = words.find(name);
  return found == words.end() ? "" : found->second;
}

} // namespace crossdock::plan
