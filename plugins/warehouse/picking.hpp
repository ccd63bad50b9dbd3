/// Whether an option can be picked before the last cut-off that still makes its need
/// date, and how far that can be believed. From facts to the answer of
/// `pick.feasibility`; no I/O.
#pragma once

#include "settings.hpp"

#include "trade/evidence.hpp"
#include "trade/network.hpp"

#include <planning/calibration.hpp>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace crossdock::warehouse {

using planning::day_number;
using sdk::json;

/// One working day of one site, as it ended.
struct pick_day {
  std::string site;
  day_number day = 0;
  double due = 0;      ///< Lines due by the cut-off.
  double on_time = 0;  ///< Of those, picked by it.
  double capacity = 0; ///< Lines that could have been picked.
};

/// The days in an answer of `erp.pick_history` that can be learnt from.
std::vector<pick_day> days_of(const json& answer);

/// What the pick history teaches. Immutable; text form in to_json()/from_json().
///
/// The backtest takes one line of each day, its place in the day's queue from a fixed
/// low-discrepancy sequence, so that a day counts as one outcome and the hit rate is that
/// of lines. The day is scored with the spread of capacity known before it.
class experience {
public:
  /// `prior_cv`: spread of a day's capacity (standard deviation / mean) until
  /// `saturated_days_min` days with more work than capacity have been seen.
  static experience learn(std::vector<pick_day> history, double prior_cv);

  const planning::calibrator& calibration() const { return calibrator_; }
  std::size_t outcomes() const { return outcomes_.size(); }
  double capacity_cv() const { return cv_; }
  /// Days known of a site, and the lines that fall due there on an average day.
  std::size_t days_at(const std::string& site) const;
  double lines_per_day_at(const std::string& site) const;
  /// Mean squared error of always saying the hit rate so far, on the calibration's own
  /// predictions; nothing before there are any.
  std::optional<double> brier_base() const { return brier_base_; }

  json to_json() const;
  static experience from_json(const json& saved);

private:
  struct load {
    std::size_t days = 0;
    double lines = 0;
  };
  void fit();

  double cv_ = 0;
  std::map<std::string, load> loads_;
  std::vector<planning::scored_outcome> outcomes_; ///< Oldest first.
  planning::calibrator calibrator_;
  std::optional<double> brier_base_;
};

/// Days with more work than capacity before their spread replaces the configured one.
constexpr std::size_t saturated_days_min = 10;
/// Outcomes kept: the newest.
constexpr std::size_t outcomes_max = 1000;

/// P(one of `open` + `lines` lines, none preferred, is picked within `hours`) at `rate`
/// lines per hour: the expected share E[min(capacity, work)] / work for a normal capacity
/// whose standard deviation is `cv` of its mean. Raw: to be calibrated. cv > 0.
double raw_probability(double open, double lines, double hours, double rate, double cv);

/// What is learnt, and what could not be.
struct lessons {
  experience picks;
  std::vector<std::string> notes;
  std::string as_of;
};

/// The answer of `pick.feasibility`. `sites` is the answer of `erp.sites`, read just now.
json answer_feasibility(const json& question, const trade::source& sites,
                        const lessons& learnt, const settings& config);

} // namespace crossdock::warehouse
