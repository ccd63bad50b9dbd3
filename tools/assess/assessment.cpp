#include "assess/assessment.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace crossdock::assess {
namespace {

using std::chrono::days;

constexpr std::size_t examples_max = 5;

day monday_of(day d) {
  return d - (std::chrono::weekday(d) - std::chrono::Monday);
}

spread spread_of(const std::vector<occurrence>& found) {
  spread s;
  s.counts.assign(spread_limits.size() + 1, 0);
  std::vector<double> all;
  all.reserve(found.size());
  for (const auto& o : found) {
    all.push_back(o.days);
    const auto at = std::find_if(spread_limits.begin(), spread_limits.end(),
                                 [&](int limit) { return o.days <= limit; });
    ++s.counts[static_cast<std::size_t>(at - spread_limits.begin())];
  }
  if (all.empty()) {
    return s;
  }
  std::sort(all.begin(), all.end());
  // Nearest rank: an observed value, not one between two.
  const auto rank = [&](double share) {
    const auto n =
        static_cast<std::size_t>(std::ceil(share * static_cast<double>(all.size())));
    return all[std::max<std::size_t>(n, 1) - 1];
  };
  s.median = rank(0.5);
  s.p90 = rank(0.9);
  s.longest = all.back();
  return s;
}

decimal times(decimal a, decimal b) {
  auto r = a.times(b);
  return r ? *r : decimal();
}

decimal plus(decimal a, decimal b) {
  auto r = a.plus(b);
  return r ? *r : decimal();
}

decimal units(std::size_t n) {
  return decimal::from_units(static_cast<std::int64_t>(n));
}

std::string percent(decimal share) {
  return fmt::format("{:g} %", share.to_double() * 100);
}

class pricing {
public:
  pricing(const assumptions& a, const std::string& currency)
      : a_(a), currency_(currency) {}

  void price(kind_summary& k, const std::vector<occurrence>& found) {
    if (k.count > k.also_short) {
      work(k, k.count - k.also_short);
    }
    if (k.what == kind::short_line) {
      expedite(k);
    }
    if (k.what == kind::short_line || k.what == kind::late_line) {
      lost_margin(k, found);
    }
    for (const auto& p : k.parts) {
      k.cost = plus(k.cost, p.amount);
    }
  }

private:
  void work(kind_summary& k, std::size_t n) {
    const auto key = std::string("minutes_") + words_of(k.what).id;
    const auto minutes = a_[key];
    const auto rate = a_["hourly_rate"];
    // Per piece first, to the cent: what is multiplied is what is shown.
    const auto each = decimal::from_micros(times(minutes, rate).micros() / 60);
    k.parts.push_back(
        {"work",
         fmt::format("{} × {} min × {} {} an hour{}", grouped(n), minutes.str(),
                     grouped(rate), currency_,
                     k.also_short > 0 ? fmt::format(" ({} more were short and "
                                                    "are priced there)",
                                                    grouped(k.also_short))
                                      : ""),
         times(units(n), each)});
  }

  void expedite(kind_summary& k) {
    const auto share = a_["expedite_share"];
    const auto each = a_["expedite_cost"];
    if (k.late > 0) {
      k.parts.push_back(
          {"expediting",
           fmt::format("{} that left late or are past their date × {} × {} {}",
                       grouped(k.late), percent(share), grouped(each), currency_),
           times(times(units(k.late), share), each)});
    }
  }

  void lost_margin(kind_summary& k, const std::vector<occurrence>& found) {
    decimal margin;
    std::size_t n = 0;
    for (const auto& o : found) {
      if (k.what == kind::short_line ? o.late : !o.also_short) {
        margin = plus(margin, o.margin);
        ++n;
      }
    }
    const auto lost = a_["lost_sale_probability"];
    if (n > 0) {
      k.parts.push_back(
          {"lost margin",
           fmt::format("{} {} margin on what {} in {} late lines × {} lost",
                       grouped(margin), currency_,
                       k.what == kind::short_line ? "was short" : "left late", grouped(n),
                       percent(lost)),
           times(margin, lost)});
    }
  }

  const assumptions& a_;
  const std::string& currency_;
};

std::vector<addressed_by> addressed(kind k, const addressing& who) {
  const auto& w = words_of(k);
  std::vector<addressed_by> out;
  for (const auto& f : who.flows) {
    if (f.trigger == w.topic) {
      out.push_back({f.name, fmt::format("started by {}", f.trigger), true});
    }
  }
  if (out.empty() && *w.through != '\0') {
    for (const auto& agent : who.agents) {
      for (const auto& f : who.flows) {
        if (agent.hears.count(w.through) > 0 && agent.says.count(f.trigger) > 0) {
          out.push_back(
              {f.name,
               fmt::format("where it leaves an order short: the agent {} hears {} "
                           "and tells {}",
                           agent.name, w.through, f.trigger),
               false});
        }
      }
    }
  }
  // A late line that was short is that flow's as well; the rest is nobody's.
  if (out.empty() && (k == kind::late_line || k == kind::overdue_line)) {
    for (const auto& f : who.flows) {
      if (f.trigger == words_of(kind::short_line).topic) {
        out.push_back({f.name, "those that were short when they were entered", false});
      }
    }
  }
  return out;
}

kind_summary summarise(kind k, const kind_findings& f, const std::vector<day>& weeks) {
  kind_summary s;
  s.what = k;
  s.judged = f.judged;
  s.count = f.found.size();
  s.out_of = f.out_of;
  s.unjudged = f.unjudged;
  s.weeks.assign(weeks.size(), 0);
  for (const auto& o : f.found) {
    s.open += o.open ? 1 : 0;
    s.late += k == kind::short_line && o.late ? 1 : 0;
    s.also_short += o.also_short ? 1 : 0;
    s.elsewhere += o.elsewhere ? 1 : 0;
    const auto at = (monday_of(o.on) - weeks.front()).count() / 7;
    if (monday_of(o.on) >= weeks.front() &&
        at < static_cast<std::int64_t>(weeks.size())) {
      ++s.weeks[static_cast<std::size_t>(at)];
    }
  }
  if (*words_of(k).duration != '\0') {
    s.lasted = spread_of(f.found);
  }
  s.examples = f.found;
  const auto n = std::min(examples_max, s.examples.size());
  std::partial_sort(s.examples.begin(),
                    s.examples.begin() + static_cast<std::ptrdiff_t>(n), s.examples.end(),
                    [](const occurrence& a, const occurrence& b) {
                      return a.days != b.days ? a.days > b.days : a.record < b.record;
                    });
  s.examples.resize(n);
  return s;
}

const std::vector<std::string> what_no_rule_sees{
    "Mistakes in what was ordered (price, unit, pack, duplicate orders, credit): the "
    "history "
    "holds what was entered, not what was meant.",
    "Demand that never became an order, because the customer was told there was none.",
    "Why a supplier, a carrier or a crew was late: the records say when, not why.",
    "Receipts that will be late and that nobody has announced: they count once they are "
    "past "
    "their date.",
    "How often a promise to a customer was moved: only the present one is kept.",
};

json parts_json(const std::vector<cost_part>& parts) {
  json out = json::array();
  for (const auto& p : parts) {
    out.push_back({{"what", p.what}, {"formula", p.formula}, {"amount", p.amount.str()}});
  }
  return out;
}

json kind_json(const kind_summary& k, const assessment& a) {
  const auto& w = words_of(k.what);
  json out{{"kind", w.id},
           {"title", w.title},
           {"rule", w.rule},
           {"judged", k.judged},
           {"count", k.count},
           {"out_of", k.out_of},
           {"not_judged", k.unjudged},
           {"of", w.out_of},
           {"open", k.open},
           {"cost", {{"amount", k.cost.str()}, {"currency", a.currency}}},
           {"cost_parts", parts_json(k.parts)}};
  if (k.what == kind::short_line) {
    out["late"] = k.late;
    out["another_site_could_help"] = k.elsewhere;
  }
  if (k.what == kind::late_line || k.what == kind::overdue_line) {
    out["also_short"] = k.also_short;
  }
  if (*w.duration != '\0') {
    json columns = json::array();
    for (std::size_t i = 0; i < k.lasted.counts.size(); ++i) {
      columns.push_back({{"days_up_to", i < spread_limits.size() ? json(spread_limits[i])
                                                                 : json(nullptr)},
                         {"count", k.lasted.counts[i]}});
    }
    out["duration"] = {{"what", w.duration},
                       {"median_days", k.lasted.median},
                       {"p90_days", k.lasted.p90},
                       {"longest_days", k.lasted.longest},
                       {"distribution", columns}};
  }
  json weeks = json::array();
  for (std::size_t i = 0; *w.dated != '\0' && i < k.weeks.size(); ++i) {
    weeks.push_back({{"from", to_text(a.week_starts[i])}, {"count", k.weeks[i]}});
  }
  out["weeks"] = {{"by", w.dated}, {"counts", weeks}};
  json flows = json::array();
  for (const auto& f : k.flows) {
    flows.push_back({{"flow", f.flow}, {"how", f.how}, {"directly", f.directly}});
  }
  out["flows"] = flows;
  json examples = json::array();
  for (const auto& o : k.examples) {
    examples.push_back({{"record", o.record}, {"days", o.days}, {"open", o.open}});
  }
  out["longest"] = examples;
  return out;
}

} // namespace

std::string grouped(std::size_t n) {
  const auto digits = std::to_string(n);
  std::string out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) {
      out += ',';
    }
    out += digits[i];
  }
  return out;
}

std::string grouped(decimal amount) {
  const auto micros = amount.micros();
  const auto cents = (std::abs(micros) + 5'000) / 10'000;
  return fmt::format("{}{}.{:02}", micros < 0 ? "-" : "",
                     grouped(static_cast<std::size_t>(cents / 100)), cents % 100);
}

std::string days_text(double d) {
  return d >= 10 || d == std::floor(d) ? fmt::format("{:.0f} d", d)
                                       : fmt::format("{:.1f} d", d);
}

assessment assess(const history& h, const assumptions& a, const addressing& who) {
  assessment out;
  out.system = h.system;
  out.currency = h.currency;
  out.as_of = h.as_of;
  out.since = h.since;
  out.until = h.until;
  out.assumed = a.all();
  out.notes = h.notes;
  out.unseen = what_no_rule_sees;
  out.rows = h.rows;
  for (auto d = monday_of(h.since); d <= h.until; d += days(7)) {
    out.week_starts.push_back(d);
  }
  auto found = find_exceptions(h, a["margin_share"]);
  out.notes.insert(out.notes.end(), found.notes.begin(), found.notes.end());
  pricing p(a, out.currency);
  for (const auto k : all_kinds) {
    const auto& f = found.kinds[k];
    auto s = summarise(k, f, out.week_starts);
    p.price(s, f.found);
    s.flows = addressed(k, who);
    out.cost = plus(out.cost, s.cost);
    if (std::any_of(s.flows.begin(), s.flows.end(),
                    [](const addressed_by& by) { return by.directly; })) {
      out.addressed = plus(out.addressed, s.cost);
    }
    out.kinds.push_back(std::move(s));
  }
  return out;
}

json to_json(const assessment& a) {
  json kinds = json::array();
  for (const auto& k : a.kinds) {
    kinds.push_back(kind_json(k, a));
  }
  json assumed = json::array();
  for (const auto& one : a.assumed) {
    assumed.push_back({{"key", one.key},
                       {"value", one.value.str()},
                       {"unit", one.unit},
                       {"says", one.says},
                       {"changed", one.changed}});
  }
  const auto money = [&](decimal d) {
    return json{{"amount", d.str()}, {"currency", a.currency}};
  };
  return {{"system", a.system},
          {"read_by", a.read_by},
          {"as_of", to_rfc3339(a.as_of)},
          {"since", to_text(a.since)},
          {"until", to_text(a.until)},
          {"rows", a.rows},
          {"kinds", kinds},
          {"cost", money(a.cost)},
          {"cost_addressed", money(a.addressed)},
          {"assumptions", assumed},
          {"notes", a.notes},
          {"not_seen", a.unseen},
          {"seconds", a.seconds}};
}

} // namespace crossdock::assess
