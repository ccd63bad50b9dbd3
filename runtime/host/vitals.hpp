/// How a version of a component does: what a swap is judged by afterwards.
#pragma once

#include "base/json.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

namespace crossdock::host {

/// Of the last steps; older ones are forgotten. Not thread-safe.
class vitals {
public:
  void step(std::chrono::microseconds took, bool failed);
  /// How sure it says it is, 0..1.
  void confidence(double value);
  /// What became of what it proposed: done, or not wanted by a person or the policy.
  void decided(bool wanted);
  /// Something it asked for was refused.
  void refused() { ++refused_; }

  std::size_t steps() const { return took_.size(); }
  double failed_share() const;
  std::size_t failures() const { return failures_; }
  /// Of the steps; zero without any.
  std::chrono::microseconds p99() const;
  std::size_t decisions() const { return wanted_.size(); }
  std::size_t unwanted() const;
  std::uint64_t refusals() const { return refused_; }
  std::size_t confidences() const { return confidences_.size(); }
  /// Shares of the ten tenths of 0..1.
  std::array<double, 10> confidence_shares() const;

  json to_json() const;

private:
  static constexpr std::size_t steps_max = 2000;
  static constexpr std::size_t confidences_max = 500;
  static constexpr std::size_t decisions_max = 200;

  std::deque<std::pair<std::chrono::microseconds, bool>> took_;
  std::size_t failures_ = 0; ///< among took_
  std::deque<double> confidences_;
  std::deque<bool> wanted_;
  std::uint64_t refused_ = 0;
};

/// Population stability index of two distributions over the same bins: 0 equal, above
/// 0.25 shifted (Siddiqi, Credit Risk Scorecards, 2006). Empty bins count as 0.5 %.
double stability_index(const std::array<double, 10>& before,
                       const std::array<double, 10>& after);

/// What is worse since another version took over, as a sentence; nothing is. Compares
/// with what was before as far as there was enough of it.
std::optional<std::string> worse(const vitals& before, const vitals& since);

} // namespace crossdock::host
