#include "experience.hpp"

#include <algorithm>
#include <cmath>

namespace crossdock::replenishment {

namespace {

using planning::scored_outcome;
using planning::survival_curve;

std::vector<planning::delivery> deliveries(const std::vector<const arrival*>& of) {
  std::vector<planning::delivery> out;
  out.reserve(of.size());
  for (const auto* a : of)
    out.push_back({a->promised, a->received});
  return out;
}

/// Delay curves of everything known on one day.
struct curves {
  std::map<std::string, survival_curve> own;
  survival_curve group;

  static curves of(const std::vector<const arrival*>& known, day_number as_of) {
    curves c;
    if (known.empty())
      return c;
    if (auto all = planning::delay_curve(deliveries(known), as_of))
      c.group = *std::move(all);
    std::map<std::string, std::vector<const arrival*>> by_peer;
    for (const auto* a : known)
      by_peer[a->peer].push_back(a);
    for (const auto& [peer, mine] : by_peer)
      if (auto curve = planning::delay_curve(deliveries(mine), as_of))
        c.own.emplace(peer, *std::move(curve));
    return c;
  }
};

std::optional<prediction> predict_with(const std::map<std::string, survival_curve>& own,
                                       const survival_curve& group,
                                       const std::string& peer, day_number promised,
                                       day_number by, day_number today) {
  static const survival_curve none;
  const auto found = own.find(peer);
  const auto& mine = found == own.end() ? none : found->second;
  const auto p = planning::arrival_probability(mine, group, promised, by, today);
  if (!p)
    return std::nullopt;
  // The group weighs as pooling_strength observations, so it counts for as many.
  const auto pooled =
      std::min(group.n_samples, static_cast<std::size_t>(planning::pooling_strength));
  return prediction{std::clamp(p->probability, 0.0, 1.0), mine.n_samples + pooled};
}

json curve_json(const survival_curve& c) {
  json s = json::array();
  for (const double x : c.survival)
    s.push_back(std::round(x * 1e6) / 1e6);
  return {
      {"t", c.time}, {"s", s}, {"r", c.at_risk}, {"n", c.n_samples}, {"e", c.n_events}};
}

survival_curve curve_of(const json& j) {
  survival_curve c;
  c.time = j.at("t").get<std::vector<double>>();
  c.survival = j.at("s").get<std::vector<double>>();
  c.at_risk = j.at("r").get<std::vector<std::size_t>>();
  c.n_samples = j.at("n").get<std::size_t>();
  c.n_events = j.at("e").get<std::size_t>();
  return c;
}

/// Sample variance of received - promised.
double variance_of_delay(const std::vector<arrival>& history) {
  double n = 0, mean = 0, m2 = 0;
  for (const auto& a : history) {
    if (!a.received)
      continue;
    const double x = *a.received - a.promised;
    const double d = x - mean;
    mean += d / ++n;
    m2 += d * (x - mean);
  }
  return n > 1 ? m2 / (n - 1) : 0;
}

/// The day each arrival is asked about in the backtest: in turn one of the days around
/// the day it was due, so that the calibration has seen scores of all sizes. Asked only
/// about the due date, it would know one score, and a need date with a week to spare
/// could never be surer than the usual one. Each arrival is asked about once: one
/// outcome.
void set_questions(kind what, std::vector<arrival>& history) {
  int turn = 0;
  for (auto& a : history)
    if (what == kind::transfer)
      a.by += turn++ % 5 - 1; // on the road for days: a day early to three late
    else
      a.by = a.promised + turn++ % 7 - 3;
}

} // namespace

experience experience::learn(kind what, std::vector<arrival> history, day_number as_of) {
  std::stable_sort(
      history.begin(), history.end(),
      [](const arrival& a, const arrival& b) { return a.decided < b.decided; });
  set_questions(what, history);

  curves now;
  day_number week = 0;
  auto scored = planning::rolling_origin(
      history, [](const arrival& a) { return a.decided; },
      // A case is known of once it is ordered; its receipt only when that lies in the
      // past, which delay_curve() sees to.
      [](const arrival& a) { return a.decided; },
      [&](const arrival& a,
          const std::vector<const arrival*>& known) -> std::optional<double> {
        if (const auto monday = planning::week_start(a.decided); monday != week) {
          week = monday;
          now = curves::of(known, a.decided);
        }
        // Without an outcome by the day asked about there is nothing to learn from.
        if (!a.received && a.by >= as_of)
          return std::nullopt;
        const auto p =
            predict_with(now.own, now.group, a.peer, a.promised, a.by, a.decided);
        return p ? std::optional<double>{p->score} : std::nullopt;
      },
      [](const arrival& a) { return a.received && *a.received <= a.by; });
  if (scored.size() > outcomes_max)
    scored.erase(scored.begin(), scored.end() - outcomes_max);

  experience e;
  std::vector<const arrival*> all;
  for (const auto& a : history)
    all.push_back(&a);
  auto learnt = curves::of(all, as_of);
  e.group_ = std::move(learnt.group);
  std::vector<std::pair<std::size_t, std::string>> by_size;
  for (const auto& [peer, curve] : learnt.own)
    by_size.emplace_back(curve.n_samples, peer);
  std::sort(by_size.rbegin(), by_size.rend());
  for (std::size_t i = 0; i < std::min(peers_max, by_size.size()); ++i)
    e.own_.emplace(by_size[i].second, std::move(learnt.own.at(by_size[i].second)));
  e.variance_ = variance_of_delay(history);
  e.outcomes_ = std::move(scored);
  e.fit();
  return e;
}

std::optional<prediction> experience::predict(const std::string& peer,
                                              day_number promised, day_number by,
                                              day_number today) const {
  return predict_with(own_, group_, peer, promised, by, today);
}

void experience::fit() {
  // Isotonic at every size: ten bins would lend a rare low score the overall hit rate.
  if (auto fitted =
          planning::calibrator::fit(planning::calibration_model::isotonic, outcomes_))
    calibrator_ = *std::move(fitted);
  const auto& quality = calibrator_.quality();
  if (!quality)
    return;
  skill s;
  s.brier = quality->brier;
  s.ece = quality->ece;
  s.n = outcomes_.size() - planning::evaluation_warm_up;
  s.brier_base = planning::base_rate_brier(outcomes_).value_or(0);
  const auto hits = std::count_if(outcomes_.begin(), outcomes_.end(),
                                  [](const auto& o) { return o.success; });
  s.hit_rate = static_cast<double>(hits) / static_cast<double>(outcomes_.size());
  skill_ = s;
}

json experience::to_json() const {
  json own = json::object();
  for (const auto& [peer, curve] : own_)
    own[peer] = curve_json(curve);
  json outcomes = json::array();
  for (const auto& o : outcomes_)
    outcomes.push_back({std::round(o.score * 1e4) / 1e4, o.success ? 1 : 0});
  return {{"own", own},
          {"group", curve_json(group_)},
          {"variance", variance_},
          {"outcomes", outcomes}};
}

experience experience::from_json(const json& saved) {
  experience e;
  for (const auto& [peer, curve] : saved.at("own").items())
    e.own_.emplace(peer, curve_of(curve));
  e.group_ = curve_of(saved.at("group"));
  e.variance_ = saved.at("variance").get<double>();
  for (const auto& o : saved.at("outcomes"))
    e.outcomes_.push_back({o.at(0).get<double>(), o.at(1).get<int>() == 1});
  e.fit();
  return e;
}

} // namespace crossdock::replenishment
