/// What the history in the system of record teaches about arriving in time, and how far
/// the resulting scores can be believed: delays by lane or supplier, a backtest that
/// never looks ahead, and the calibration fitted on it. No I/O; the agent keeps it in its
/// memory.
#pragma once

#include <planning/calibration.hpp>
#include <planning/lead_time.hpp>

#include <crossdock/json.hpp>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace crossdock::replenishment {

using planning::day_number;
using sdk::json;

/// Something that was to arrive, and when it did. `peer` is the lane or the supplier.
struct arrival {
  std::string peer;
  day_number decided = 0;             ///< The day it was ordered.
  day_number promised = 0;            ///< The day it should have arrived.
  day_number by = 0;                  ///< Of a transfer: the day it was due.
  std::optional<day_number> received; ///< Empty: still open.
};

/// Transfers are asked about, in turn, for the day before their due date to three days
/// after it, receipts for three days before to three days after the promise, so that the
/// calibration knows scores of all sizes and not only those at the promise.
enum class kind { transfer, receipt };

/// One prediction: a raw score and what carries it.
struct prediction {
  double score = 0;        ///< P(arrived by the day asked for), before calibration.
  std::size_t samples = 0; ///< Past arrivals behind it: its own and a few of its peers'.
};

/// How good the calibrated predictions were on outcomes they had not seen.
struct skill {
  std::size_t n = 0;     ///< Predictions judged.
  double brier = 0;      ///< Of the calibrated score.
  double brier_base = 0; ///< Of always saying the hit rate so far.
  double ece = 0;        ///< Expected calibration error, ten bins.
  double hit_rate = 0;   ///< Share of all outcomes that were in time.
};

/// Delays learnt and calibration fitted. Immutable; text form in to_json()/from_json().
class experience {
public:
  /// Backtests and learns from `history` as known at the start of `as_of`. Empty history
  /// is fine: nothing can then be scored. The backtest renews its curves once a week of
  /// history from what was ordered before, with later receipts still open.
  static experience learn(kind what, std::vector<arrival> history, day_number as_of);

  /// P(arrives by `by`) of something promised for `promised` and not here at the start of
  /// `today`. Nothing if neither `peer` nor its group ever was so late, or without
  /// history.
  std::optional<prediction> predict(const std::string& peer, day_number promised,
                                    day_number by, day_number today) const;

  const planning::calibrator& calibration() const { return calibrator_; }
  const std::optional<skill>& measured() const { return skill_; }
  std::size_t outcomes() const { return outcomes_.size(); }
  /// Variance of the delay of all arrivals in days^2; 0 below two of them.
  double delay_variance() const { return variance_; }

  json to_json() const;
  /// The inverse; refits the calibration. Throws on JSON that is none of ours.
  static experience from_json(const json& saved);

private:
  void fit();

  std::map<std::string, planning::survival_curve> own_;
  planning::survival_curve group_;
  double variance_ = 0;
  std::vector<planning::scored_outcome> outcomes_; ///< Oldest first.
  planning::calibrator calibrator_;
  std::optional<skill> skill_;
};

/// Outcomes kept: the newest. Enough for ten bins of a hundred, small enough for
/// memory/1.
constexpr std::size_t outcomes_max = 1000;
/// Lanes or suppliers with curves of their own, those with most arrivals first.
constexpr std::size_t peers_max = 150;

} // namespace crossdock::replenishment
