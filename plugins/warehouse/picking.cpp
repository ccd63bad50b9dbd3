#include "picking.hpp"

#include "trade/believable.hpp"

#include <planning/distributions.hpp>

#include <algorithm>
#include <cmath>

namespace crossdock::warehouse {

namespace {

using trade::rounded;

/// The n-th place in the queue, 0..1: multiples of the golden ratio fill the interval
/// evenly (Kronecker sequence), so no chance is involved and no place is preferred.
double place_in_queue(std::size_t n) {
  constexpr double golden = 0.6180339887498949;
  const double x = (static_cast<double>(n) + 0.5) * golden;
  return x - std::floor(x);
}

/// Spread of on-time lines against capacity on days with more work than capacity.
double spread_of(const std::vector<double>& ratios, double prior) {
  if (ratios.size() < saturated_days_min)
    return prior;
  double mean = 0, square = 0;
  for (const double r : ratios)
    mean += r / static_cast<double>(ratios.size());
  for (const double r : ratios)
    square += (r - mean) * (r - mean) / static_cast<double>(ratios.size() - 1);
  return mean > 0 ? std::clamp(std::sqrt(square) / mean, 0.01, 1.0) : prior;
}

} // namespace

std::vector<pick_day> days_of(const json& answer) {
  std::vector<pick_day> out;
  for (const auto& d : answer.at("days")) {
    const auto day = trade::day_of(d.at("date"));
    const double due = d.at("lines_due").get<double>();
    const double capacity = d.at("capacity_lines").get<double>();
    if (day && due > 0 && capacity > 0)
      out.push_back({d.at("site").get<std::string>(), *day, due,
                     std::clamp(d.at("lines_on_time").get<double>(), 0.0, due),
                     capacity});
  }
  return out;
}

double raw_probability(double open, double lines, double hours, double rate, double cv) {
  const double work = std::max(0.0, open) + std::max(0.0, lines);
  const double capacity = rate * std::max(0.0, hours);
  if (work <= 0)
    return 1;
  if (capacity <= 0)
    return 0;
  const auto spare = planning::normal_loss(work, capacity, cv * capacity);
  return spare ? std::clamp((capacity - spare->loss) / work, 0.0, 1.0) : 0;
}

// -- learning
// ------------------------------------------------------------------------------

experience experience::learn(std::vector<pick_day> history, double prior_cv) {
  std::stable_sort(history.begin(), history.end(),
                   [](const pick_day& a, const pick_day& b) { return a.day < b.day; });
  experience e;
  std::vector<double> ratios, todays;
  day_number today = 0;
  double cv = prior_cv;
  for (std::size_t i = 0; i < history.size(); ++i) {
    const auto& d = history[i];
    if (d.day != today) { // what other sites did today is known tomorrow
      today = d.day;
      ratios.insert(ratios.end(), todays.begin(), todays.end());
      todays.clear();
      cv = spread_of(ratios, prior_cv);
    }
    e.outcomes_.push_back({raw_probability(d.due, 0, 1, d.capacity, cv),
                           place_in_queue(i) < d.on_time / d.due});
    if (d.due >= d.capacity)
      todays.push_back(d.on_time / d.capacity);
    auto& load = e.loads_[d.site];
    load.lines = (load.lines * static_cast<double>(load.days) + d.due) /
                 static_cast<double>(load.days + 1);
    ++load.days;
  }
  ratios.insert(ratios.end(), todays.begin(), todays.end());
  e.cv_ = spread_of(ratios, prior_cv);
  if (e.outcomes_.size() > outcomes_max)
    e.outcomes_.erase(e.outcomes_.begin(), e.outcomes_.end() - outcomes_max);
  e.fit();
  return e;
}

void experience::fit() {
  // Isotonic at every size: ten bins would lend a rare low score the overall hit rate.
  if (auto fitted =
          planning::calibrator::fit(planning::calibration_model::isotonic, outcomes_))
    calibrator_ = *std::move(fitted);
  brier_base_ = planning::base_rate_brier(outcomes_);
}

std::size_t experience::days_at(const std::string& site) const {
  const auto found = loads_.find(site);
  return found == loads_.end() ? 0 : found->second.days;
}

double experience::lines_per_day_at(const std::string& site) const {
  const auto found = loads_.find(site);
  return found == loads_.end() ? 0 : found->second.lines;
}

json experience::to_json() const {
  json loads = json::object(), outcomes = json::array();
  for (const auto& [site, l] : loads_)
    loads[site] = {{"days", l.days}, {"lines", l.lines}};
  for (const auto& o : outcomes_)
    outcomes.push_back({rounded(o.score), o.success ? 1 : 0});
  return {{"cv", cv_}, {"loads", loads}, {"outcomes", outcomes}};
}

experience experience::from_json(const json& saved) {
  experience e;
  e.cv_ = saved.at("cv").get<double>();
  for (const auto& [site, l] : saved.at("loads").items())
    e.loads_[site] = {l.at("days").get<std::size_t>(), l.at("lines").get<double>()};
  for (const auto& o : saved.at("outcomes"))
    e.outcomes_.push_back({o.at(0).get<double>(), o.at(1).get<int>() == 1});
  e.fit();
  return e;
}

// -- one option
// ----------------------------------------------------------------------------

namespace {

class judge {
public:
  judge(const trade::source& sites, const lessons& learnt, const settings& config)
      : sites_{sites}, net_{trade::network::read(sites.answer)}, learnt_{learnt},
        c_{config}, now_{sdk::parse_instant(sites.as_of())} {}

  json of(const json& option) const {
    if (option.at("kind") == "wait")
      return {{"id", option.at("id")},
              {"feasible", true},
              {"probability", 1.0},
              {"summary", "Nothing is picked: the goods come to the site themselves."},
              {"evidence", json::array()}};
    const auto site = option.at("site_from").get<std::string>();
    const auto* from = net_.find(site);
    const auto need = trade::day_of(option.at("need_date"));
    if (!from || !need)
      return impossible(option,
                        "Site " + site + " is not known to the warehouse system.");
    const auto here = from->at(now_);
    const auto first = from->next_ship_day(here);
    const auto last = last_cutoff(option, *from, first, *need);
    if (!last)
      return impossible(option, "The next cut-off at " + site + " is on " +
                                    planning::format_date(first) + ": too late for " +
                                    planning::format_date(*need) + ".");
    return judged(option, *from, here, *last);
  }

private:
  json impossible(const json& option, const std::string& why) const {
    return {{"id", option.at("id")},     {"feasible", false},
            {"probability", 0.0},        {"summary", trade::clipped(why)},
            {"evidence", json::array()}, {"quality_flags", json::array()}};
  }

  /// The last working day on which it can leave and still make the need date. A transfer
  /// that does not say where it goes is held to the slack of its own ready date.
  std::optional<day_number> last_cutoff(const json& option, const trade::site& from,
                                        day_number first, day_number need) const {
    const auto args = option.value("args", json::object());
    const auto to = args.value("to", "");
    const auto* way = net_.find(from.id, to);
    const auto* receiver = net_.find(to);
    const auto ready = trade::day_of(option.value("ready_date", json{}));
    const bool travels = option.at("kind") == "transfer";
    const auto in_time = [&](day_number leaves) {
      if (!travels)
        return leaves <= need;
      if (way && receiver)
        return trade::arrival_day(leaves, *way, *receiver) <= need;
      return leaves <= first + (ready ? need - *ready : 0);
    };
    if (!in_time(first))
      return std::nullopt;
    auto last = first;
    for (auto next = from.calendar.next_after(first); in_time(next) && next <= need;
         next = from.calendar.next_after(next))
      last = next;
    return last;
  }

  /// Working hours from now to the cut-off of `last`: what is left of today, at most a
  /// shift a day.
  double hours_until(const trade::site& from, trade::local_time here,
                     day_number last) const {
    double hours = 0;
    for (auto day = here.day; day <= last; ++day) {
      if (!from.calendar.works_on(day))
        continue;
      const double left =
          day == here.day ? (from.cutoff_minute - here.minute) / 60.0 : c_.shift_hours;
      hours += std::clamp(left, 0.0, c_.shift_hours);
    }
    return hours;
  }

  json judged(const json& option, const trade::site& from, trade::local_time here,
              day_number last) const {
    const double hours = hours_until(from, here, last);
    const int lines = option.value("pick", json::object()).value("lines", 1);
    // Until a later cut-off the days in between bring their own work.
    const int more_days = std::max(0, from.calendar.between(here.day, last));
    const double open =
        from.open_pick_lines + more_days * learnt_.picks.lines_per_day_at(from.id);
    planning::data_facts data;
    double rate = from.pick_lines_per_hour;
    auto flags = from.defects;
    if (rate <= 0) {
      rate = c_.assumed_lines_per_hour;
      data.missing_master_data = true;
    }
    const auto days = learnt_.picks.days_at(from.id);
    // The gate for sample size is for statistics; without any, the cap speaks instead.
    data.samples = days > 0 ? days : SIZE_MAX;
    const double score =
        raw_probability(open, lines, hours, rate, learnt_.picks.capacity_cv());
    const auto sure = trade::believable(learnt_.picks.calibration(), score, data);
    if (!sure)
      return impossible(option, sure.error().field + ": " + sure.error().message);
    for (const auto& q : sure->data.factors)
      if (q.factor < 0.995) // what rounding hides is not worth a word
        flags.push_back(fmt::format("{}: x{:.2f}", q.flag, q.factor));
    if (sure->basis.n_samples < planning::cap_until_outcomes)
      flags.push_back(fmt::format("unproven: {} of {} outcomes known, at most {:.2f}",
                                  sure->basis.n_samples, planning::cap_until_outcomes,
                                  planning::unproven_cap));
    const bool feasible = sure->value >= c_.feasible_min;
    return {
        {"id", option.at("id")},
        {"feasible", feasible},
        {"probability", rounded(sure->value)},
        {"summary", trade::clipped(fmt::format(
                        "{} picks {} lines before it at {:.0f} an hour and has {:.1f} "
                        "working hours until the cut-off of {}: {} sure to be picked.",
                        from.id, std::llround(open), rate, hours,
                        planning::format_date(last), trade::percent(sure->value)))},
        {"evidence", facts_of(from, open, hours)},
        {"cutoff", from.cutoff_on(last)},
        {"ship_date", planning::format_date(last)},
        {"basis", basis(*sure, days)},
        {"quality_flags", flags}};
  }

  sdk::facts facts_of(const trade::site& from, double open, double hours) const {
    sdk::facts all;
    const auto& rows = sites_.answer.at("sites");
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (rows[i].at("site") == from.id) {
        const auto at = "/sites/" + std::to_string(i);
        all.push_back(
            sites_.at(at + "/open_pick_lines", "open pick lines at " + from.id, "lines"));
        all.push_back(
            sites_.at(at + "/pick_lines_per_hour", "pick rate at " + from.id, "lines/h"));
        all.push_back(sites_.at(at + "/cutoff", "cut-off at " + from.id));
      }
    all.push_back(trade::own_fact("lines ahead until the cut-off",
                                  trade::quantity_text(std::round(open)), "lines",
                                  "warehouse/queue of " + from.id, sites_.as_of()));
    all.push_back(trade::own_fact("working hours until the cut-off",
                                  trade::quantity_text(std::round(hours * 10) / 10), "h",
                                  "warehouse/queue of " + from.id, sites_.as_of()));
    return all;
  }

  json basis(const planning::confidence& sure, std::size_t days) const {
    auto b = trade::basis_of(sure);
    b.update({{"days_at_site", days},
              {"capacity_cv", rounded(learnt_.picks.capacity_cv())},
              {"history_as_of", learnt_.as_of}});
    if (sure.basis.brier && learnt_.picks.brier_base()) {
      b["brier"] = rounded(*sure.basis.brier);
      b["brier_base_rate"] = rounded(*learnt_.picks.brier_base());
      b["ece"] = rounded(sure.basis.ece.value_or(0));
      b["n_evaluated"] = sure.basis.n_evaluated;
    }
    if (!learnt_.notes.empty())
      b["notes"] = learnt_.notes;
    return b;
  }

  const trade::source& sites_;
  trade::network net_;
  const lessons& learnt_;
  const settings& c_;
  std::int64_t now_;
};

} // namespace

json answer_feasibility(const json& question, const trade::source& sites,
                        const lessons& learnt, const settings& config) {
  const judge judge_one{sites, learnt, config};
  json out{{"options", json::array()}};
  for (const auto& option : question.at("options"))
    out["options"].push_back(judge_one.of(option));
  return out;
}

} // namespace crossdock::warehouse
