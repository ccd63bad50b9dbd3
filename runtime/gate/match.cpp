#include "gate/rule.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace crossdock::gate {
namespace {

bool contains(const std::vector<std::string>& sorted, std::string_view word) {
  const auto it = std::lower_bound(sorted.begin(), sorted.end(), word);
  return it != sorted.end() && *it == word;
}

/// Collects how the conditions of one rule fare; words are made only when they are
/// wanted.
class tally {
public:
  explicit tally(bool words) : words_(words) {}

  template <class Words>
  void expect(bool ok, Words&& words) {
    if (!ok && ++out_.failed == 1 && words_) {
      out_.first = words();
    }
  }
  template <class Words>
  void broken(Words&& words) {
    if (++out_.broken == 1 && words_) {
      broken_ = words();
    }
  }
  match finish() {
    if (out_.failed == 0) {
      out_.first = std::move(broken_);
    }
    return std::move(out_);
  }

private:
  bool words_;
  match out_;
  std::string broken_;
};

std::string range_text(decimal value, const range& r, const std::string& unit) {
  const auto tail = unit.empty() ? std::string() : " " + unit;
  if (r.low && (value < *r.low || (r.low_open && value == *r.low))) {
    return fmt::format("{} {} {}{}", value.str(), r.low_open ? "<=" : "<", r.low->str(),
                       tail);
  }
  return fmt::format("{} {} {}{}", value.str(), r.high_open ? ">=" : ">", r.high->str(),
                     tail);
}

void try_money(tally& t, const char* what, const money_ranges& ranges,
               const std::optional<money>& value) {
  if (ranges.empty()) {
    return;
  }
  if (!value) {
    t.broken([&] { return fmt::format("the proposal states no {}", what); });
    return;
  }
  const auto it = ranges.find(value->currency);
  t.expect(it != ranges.end(), [&] {
    return fmt::format("{} is in {}, which the rule does not speak of", what,
                       value->currency);
  });
  if (it != ranges.end()) {
    t.expect(it->second.has(value->amount), [&] {
      return fmt::format("{} {}", what,
                         range_text(value->amount, it->second, value->currency));
    });
  }
}

std::optional<decimal> number_of(const json& value) {
  const auto parsed =
      value.is_string()
          ? decimal::parse(value.get_ref<const std::string&>())
          : (value.is_number() ? decimal::parse(value.dump()) : decimal::parse(""));
  return parsed ? std::optional(*parsed) : std::nullopt;
}

void try_value(tally& t, const fact_condition& c, const fact& f) {
  if (!c.unit.empty() && f.unit != c.unit) {
    t.broken([&] {
      return fmt::format("fact {} is in \"{}\", not in \"{}\"", f.name, f.unit, c.unit);
    });
    return;
  }
  if (c.numeric()) {
    const auto value = number_of(f.value);
    if (!value) {
      t.broken([&] {
        return fmt::format("fact {} is no decimal number: {}", f.name, to_text(f.value));
      });
      return;
    }
    t.expect(c.value.has(*value), [&] {
      return fmt::format("fact {} {}", f.name, range_text(*value, c.value, f.unit));
    });
  }
  if (!c.one_of.empty()) {
    if (!f.value.is_string()) {
      t.broken([&] {
        return fmt::format("fact {} is no text: {}", f.name, to_text(f.value));
      });
      return;
    }
    t.expect(contains(c.one_of, f.value.get_ref<const std::string&>()), [&] {
      return fmt::format("fact {} is {}, not one of {}", f.name, to_text(f.value),
                         fmt::join(c.one_of, ", "));
    });
  }
}

/// Every fact of that name must satisfy the condition; none at all is a missing fact.
void try_facts(tally& t, const rule& r, const proposal& p) {
  for (const auto& c : r.facts) {
    bool found = false;
    for (const auto& f : p.facts) {
      if (f.name == c.name) {
        found = true;
        try_value(t, c, f);
      }
    }
    if (!found) {
      t.broken([&] { return fmt::format("fact {} is missing", c.name); });
    }
  }
}

/// Age concerns what the decision rests on: material facts and those the rule names.
void try_age(tally& t, const rule& r, const proposal& p, timestamp now) {
  if (!r.max_age) {
    return;
  }
  for (const auto& f : p.facts) {
    const bool named =
        std::any_of(r.facts.begin(), r.facts.end(),
                    [&](const fact_condition& c) { return c.name == f.name; });
    if (!f.material && !named) {
      continue;
    }
    if (f.as_of > now + limits::clock_skew_max) {
      t.broken([&] {
        return fmt::format("fact {} is of {}, which is in the future", f.name,
                           to_rfc3339(f.as_of));
      });
    } else if (now - f.as_of > *r.max_age) {
      t.broken([&] {
        const auto age = std::chrono::duration_cast<std::chrono::seconds>(now - f.as_of);
        return fmt::format("fact {} is {} s old, older than {} s", f.name, age.count(),
                           r.max_age->count());
      });
    }
  }
}

void try_labels(tally& t, const rule& r, const proposal& p) {
  const auto carries = [&](const std::string& label) {
    return std::find(p.labels.begin(), p.labels.end(), label) != p.labels.end();
  };
  for (const auto& label : r.none_of) {
    t.expect(!carries(label),
             [&] { return fmt::format("it carries the label {}", label); });
  }
  t.expect(
      r.any_of.empty() || std::any_of(r.any_of.begin(), r.any_of.end(), carries), [&] {
        return fmt::format("it carries none of the labels {}", fmt::join(r.any_of, ", "));
      });
}

} // namespace

bool name_set::has(std::string_view name) const {
  return any || contains(names, name);
}

bool name_set::covers(const name_set& other) const {
  return any || (!other.any && std::includes(names.begin(), names.end(),
                                             other.names.begin(), other.names.end()));
}

bool name_set::meets(const name_set& other) const {
  return any || other.any ||
         std::any_of(names.begin(), names.end(),
                     [&](const std::string& n) { return other.has(n); });
}

bool range::has(decimal value) const {
  return (!low || (low_open ? value > *low : value >= *low)) &&
         (!high || (high_open ? value < *high : value <= *high));
}

bool range::covers(const range& other) const {
  const bool below =
      !low || (other.low && (*other.low > *low ||
                             (*other.low == *low && (!low_open || other.low_open))));
  const bool above =
      !high || (other.high && (*other.high < *high || (*other.high == *high &&
                                                       (!high_open || other.high_open))));
  return below && above;
}

bool range::meets(const range& other) const {
  const auto apart = [](const range& a, const range& b) {
    return a.high && b.low &&
           (*a.high < *b.low || (*a.high == *b.low && (a.high_open || b.low_open)));
  };
  return !apart(*this, other) && !apart(other, *this);
}

bool range::empty() const {
  return low && high && (*low > *high || (*low == *high && (low_open || high_open)));
}

bool working_hours::has(timestamp t) const {
  using namespace std::chrono;
  const auto local = t + minutes(offset);
  const auto day = floor<std::chrono::days>(local);
  const auto minute = duration_cast<minutes>(local - day).count();
  return days[weekday(day).c_encoding()] && minute >= from && minute < to;
}

std::string permille_text(int permille) {
  auto text = fmt::format("{}.{:03}", permille / 1000, permille % 1000);
  if (text.back() == '0') {
    text.pop_back();
  }
  return text;
}

match try_fact(const fact_condition& c, const fact& f) {
  tally t(false);
  try_value(t, c, f);
  return t.finish();
}

match try_rule(const rule& r, const proposal& p, const judge_context& context,
               bool words) {
  tally t(words);
  const auto member = [&](const name_set& set, const char* what,
                          const std::string& value) {
    t.expect(set.has(value), [&] {
      return fmt::format("{} \"{}\" is not one of {}", what, value,
                         fmt::join(set.names, ", "));
    });
  };
  member(r.agent, "agent", p.agent);
  member(r.tool, "tool", p.tool);
  member(r.step, "step", p.step);
  // "backorder-prevention" in a rule means every version of that flow.
  t.expect(r.flow.has(p.flow) || r.flow.has(p.flow.substr(0, p.flow.find('/'))), [&] {
    return fmt::format("flow \"{}\" is not one of {}", p.flow,
                       fmt::join(r.flow.names, ", "));
  });
  member(r.tenant, "tenant", p.tenant);
  member(r.site, "site", p.site);
  t.expect(r.levels[static_cast<std::size_t>(context.level)],
           [&] { return fmt::format("autonomy is {}", to_string(context.level)); });
  try_money(t, "amount", r.amount, p.amount);
  t.expect(p.confidence_permille >= r.confidence_min, [&] {
    return fmt::format("confidence {} < {}", permille_text(p.confidence_permille),
                       permille_text(r.confidence_min));
  });
  t.expect(p.confidence_permille <= r.confidence_max, [&] {
    return fmt::format("confidence {} > {}", permille_text(p.confidence_permille),
                       permille_text(r.confidence_max));
  });
  try_labels(t, r, p);
  try_money(t, "expected value", r.expected_value, p.expected_value);
  try_facts(t, r, p);
  try_age(t, r, p, context.now);
  t.expect(!r.hours || r.hours->has(context.now), [&] {
    return fmt::format("{} is outside {}", to_rfc3339(context.now), r.hours->text);
  });
  return t.finish();
}

} // namespace crossdock::gate
