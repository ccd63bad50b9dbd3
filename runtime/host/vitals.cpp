#include "host/vitals.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace crossdock::host {
namespace {

// Below these a difference may be chance.
constexpr std::size_t steps_to_compare = 100;
constexpr std::size_t failures_to_tell = 3;
constexpr std::size_t unwanted_to_tell = 4;
constexpr std::size_t confidences_to_compare = 50;
constexpr std::uint64_t refusals_to_tell = 3;
constexpr double shifted = 0.25;
constexpr auto slow = std::chrono::milliseconds(20);

template <class T>
void keep(std::deque<T>& list, T value, std::size_t most) {
  list.push_back(value);
  if (list.size() > most) {
    list.pop_front();
  }
}

} // namespace

void vitals::step(std::chrono::microseconds took, bool failed) {
  took_.emplace_back(took, failed);
  failures_ += failed ? 1 : 0;
  if (took_.size() > steps_max) {
    failures_ -= took_.front().second ? 1 : 0;
    took_.pop_front();
  }
}

void vitals::confidence(double value) {
  if (value >= 0 && value <= 1) {
    keep(confidences_, value, confidences_max);
  }
}

void vitals::decided(bool wanted) {
  keep(wanted_, wanted, decisions_max);
}

double vitals::failed_share() const {
  return took_.empty()
             ? 0
             : static_cast<double>(failures_) / static_cast<double>(took_.size());
}

std::chrono::microseconds vitals::p99() const {
  if (took_.empty()) {
    return std::chrono::microseconds(0);
  }
  std::vector<std::chrono::microseconds> all;
  for (const auto& [took, failed] : took_) {
    all.push_back(took);
  }
  const auto nth = all.begin() + static_cast<std::ptrdiff_t>((all.size() - 1) * 99 / 100);
  std::nth_element(all.begin(), nth, all.end());
  return *nth;
}

std::size_t vitals::unwanted() const {
  return static_cast<std::size_t>(std::count(wanted_.begin(), wanted_.end(), false));
}

std::array<double, 10> vitals::confidence_shares() const {
  std::array<double, 10> out{};
  for (const auto c : confidences_) {
    out[std::min<std::size_t>(9, static_cast<std::size_t>(c * 10))] +=
        1.0 / static_cast<double>(confidences_.size());
  }
  return out;
}

json vitals::to_json() const {
  return {{"steps", steps()},
          {"failed", failures_},
          {"step_us_p99", p99().count()},
          {"proposals_decided", decisions()},
          {"proposals_not_wanted", unwanted()},
          {"refused_calls", refused_}};
}

double stability_index(const std::array<double, 10>& before,
                       const std::array<double, 10>& after) {
  constexpr double least = 0.005;
  double sum = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    const auto b = std::max(before[i], least);
    const auto a = std::max(after[i], least);
    sum += (a - b) * std::log(a / b);
  }
  return sum;
}

std::optional<std::string> worse(const vitals& before, const vitals& since) {
  if (since.failures() >= failures_to_tell &&
      since.failed_share() > std::max(0.02, 2 * before.failed_share())) {
    return fmt::format("{} of {} steps failed ({:.1f} % before)", since.failures(),
                       since.steps(), 100 * before.failed_share());
  }
  if (since.refusals() >= refusals_to_tell && before.refusals() == 0) {
    return fmt::format("{} of its calls were refused, and none before", since.refusals());
  }
  if (since.unwanted() >= unwanted_to_tell) {
    const auto share = [](const vitals& v) {
      return v.decisions() == 0
                 ? 0.0
                 : static_cast<double>(v.unwanted()) / static_cast<double>(v.decisions());
    };
    if (share(since) > 2 * std::max(share(before), 0.1)) {
      return fmt::format("{} of {} decided proposals were not wanted ({:.0f} % before)",
                         since.unwanted(), since.decisions(), 100 * share(before));
    }
  }
  if (since.steps() >= steps_to_compare && before.steps() >= steps_to_compare) {
    const auto was = before.p99();
    const auto is = since.p99();
    if (is > 3 * was && is > slow) {
      return fmt::format(
          "the slowest hundredth of its steps takes {} us or more ({} before)",
          is.count(), was.count());
    }
  }
  if (since.confidences() >= confidences_to_compare &&
      before.confidences() >= confidences_to_compare) {
    const auto moved =
        stability_index(before.confidence_shares(), since.confidence_shares());
    if (moved > shifted) {
      return fmt::format("its confidence is distributed otherwise than before (stability "
                         "index {:.2f}, {} is the limit)",
                         moved, shifted);
    }
  }
  return std::nullopt;
}

} // namespace crossdock::host
