/// What an action is worth, which of several comes first, and how scarce stock is shared.
/// Money in one currency of the caller's choice, as double: it is weighted
/// with probabilities here and never posted anywhere.
#pragma once

#include "planning/outcome.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace crossdock::planning {

// -- one option -------------------------------------------------------------------------
/// EV = P(loss | no action) * loss - P(loss | action) * loss - cost, in money; negative
/// when acting costs more than it saves. Valid: probabilities in 0..1, loss >= 0 and
/// cost >= 0.
outcome<double> expected_value(double p_loss_without, double p_loss_with, double loss,
                               double cost);

/// Something that could be done about one case.
struct option {
  std::string id;
  double p_loss_without = 0; ///< P(loss | no action).
  double p_loss_with = 0;    ///< P(loss | this action).
  double loss = 0;           ///< Money lost if it happens.
  double cost = 0;           ///< Money the action costs.
  double human_minutes = 0;  ///< Work it asks of a person, minutes.
  /// After this the action is no longer possible; any unit of time as long as all options
  /// share it (e.g. epoch minutes).
  std::int64_t point_of_no_return = 0;
};

// -- ranking ----------------------------------------------------------------------------
enum class rank_by {
  value,           ///< Alternatives of one case: the one that is worth most.
  value_per_minute ///< Cases competing for a person's time; below a minute counts as one.
};

struct ranked_option {
  option what;
  double expected_value;
  double key; ///< What it was ranked by: money, or money per minute.
};

struct ranking {
  std::vector<ranked_option> worth_doing; ///< Best first.
  std::vector<ranked_option> suppressed;  ///< Expected value below the floor, best first.
};

/// Ranks options; those with EV < `floor` (money) are suppressed as noise. Ties: the
/// earlier point of no return, then the id, so that the order never depends on the
/// input's. Errors: as expected_value(), with the option's id in the field; human_minutes
/// < 0.
outcome<ranking> rank_options(const std::vector<option>& options, double floor,
                              rank_by by);

// -- transfer between sites -------------------------------------------------------------
struct transfer_judgement {
  double gain; ///< (p_receiver - p_sender) * margin * quantity, money; may be negative.
  double cost; ///< As given.
  bool worth;  ///< gain > cost.
};

/// Is moving `quantity` units worth it? `p_receiver`: probability that they sell where
/// they would go, `p_sender`: where they are. Valid: probabilities in 0..1, margin per
/// unit >= 0, quantity > 0, cost >= 0.
outcome<transfer_judgement> judge_transfer(double p_receiver, double p_sender,
                                           double unit_margin, double quantity,
                                           double cost);

// -- sharing ----------------------------------------------------------------------------
struct fractile_allocation {
  double k;                       ///< Common safety factor of the sites that get any.
  std::vector<double> allocation; ///< Units per site, >= 0, adding up to `available`.
};

/// Equal-fractile rationing (Eppen & Schrage 1981): a_i = mean_i + k sd_i - position_i
/// with k = (available + sum position - sum mean) / sum sd. A site that would get less
/// than 0 gets nothing and the rest is shared again. Valid: equally many (at least one)
/// sites, available >= 0, ltd_mean >= 0, ltd_sd > 0.
outcome<fractile_allocation>
allocate_equal_fractile(double available, const std::vector<double>& ltd_mean,
                        const std::vector<double>& ltd_sd,
                        const std::vector<double>& inventory_position);

/// sum of weight * value over the criteria, which are already normalised to 0..1 (1 is
/// most urgent). The weights are the user's and are shown beside the score; they are not
/// rescaled. Errors: weights >= 0; both maps must name the same criteria.
outcome<double> order_priority_score(const std::map<std::string, double>& weights,
                                     const std::map<std::string, double>& normalised);

/// Critical ratio of an order: time until it is due over the time it still needs, any
/// unit both share; below 1 it is behind schedule, below 0 overdue. Valid:
/// lead_time_remaining > 0.
outcome<double> critical_ratio(double days_until_due, double lead_time_remaining);

} // namespace crossdock::planning
