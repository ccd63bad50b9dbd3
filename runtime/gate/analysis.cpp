/// Takes a policy apart into regions that fare alike. A rule is a conjunction of
/// conditions on single dimensions, and every dimension falls into finitely many atoms
/// between the values the rules name; so walking the dimensions one after the other, with
/// what is left of each rule as the state, gives a decision diagram that speaks of every
/// proposal.
#include "gate/rule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>

namespace crossdock::gate {
namespace {

using rules_view = std::vector<const rule*>;

enum fate : char { holds = 'h', cannot = 'c', fails = 'f' };

/// A part of a dimension no rule tells apart further.
struct atom {
  std::string words;
  std::string group{}; ///< of the intervals that may be joined: the currency or unit
  range span{};
  bool ordinary = true; ///< names the rules mention, facts at hand and in order
  bool rest = false;    ///< "any other"
  bool untrusted = false;
};

struct dimension {
  std::string name;
  std::vector<atom> atoms;
  std::function<fate(const rule&, std::size_t)> test;
  enum class role { plain, level, labels, amount } as = role::plain;
};

fate passed(bool ok) {
  return ok ? holds : fails;
}

/// One value inside the span.
decimal inside(const range& r) {
  if (r.low && r.high) {
    const auto low = r.low->micros();
    return decimal::from_micros(low + (r.high->micros() - low) / 2);
  }
  if (r.low) {
    return decimal::from_micros(r.low->micros() + decimal::scale);
  }
  return r.high ? decimal::from_micros(r.high->micros() - decimal::scale) : decimal();
}

std::string words_of(const range& r, const std::string& unit) {
  const auto tail = unit.empty() ? std::string() : " " + unit;
  if (r.low && r.high && *r.low == *r.high) {
    return r.low->str() + tail;
  }
  std::string out;
  if (r.low) {
    out = fmt::format("{} {}{}", r.low_open ? "above" : "from", r.low->str(), tail);
  }
  if (r.high) {
    out += fmt::format("{}{} {}{}", out.empty() ? "" : " ",
                       r.high_open ? "below" : "up to", r.high->str(), tail);
  }
  return out.empty() ? "any" + tail : out;
}

/// The group of intervals that have no unit.
constexpr const char* no_unit = " ";

/// The line, cut at every bound: below, at, between, ..., above.
std::vector<atom> cut(const std::vector<range>& ranges, const std::string& group,
                      bool ordinary) {
  std::set<decimal> at;
  for (const auto& r : ranges) {
    for (const auto& bound : {r.low, r.high}) {
      if (bound) {
        at.insert(*bound);
      }
    }
  }
  std::vector<atom> out;
  std::optional<decimal> before;
  const auto add = [&](range r) {
    out.push_back({words_of(r, group), group.empty() ? no_unit : group, r, ordinary});
  };
  for (const auto v : at) {
    // Decimals have six places: two neighbours have nothing between them.
    if (!before || v.micros() - before->micros() > 1) {
      add({before, true, v, true});
    }
    add({v, false, v, false});
    before = v;
  }
  add({before, true, std::nullopt, false});
  return out;
}

template <class Get>
void add_names(std::vector<dimension>& out, const rules_view& rules, const char* name,
               Get get, bool versions = false) {
  std::set<std::string> named;
  for (const auto* r : rules) {
    const name_set& s = get(*r);
    named.insert(s.names.begin(), s.names.end());
    for (const auto& n : s.names) {
      if (const auto slash = n.find('/'); versions && slash != std::string::npos) {
        named.insert(n.substr(0, slash)); // the other versions of that flow
      }
    }
  }
  if (named.empty()) {
    return;
  }
  dimension d;
  d.name = name;
  for (const auto& n : named) {
    d.atoms.push_back({n});
  }
  d.atoms.push_back({"any other", "", {}, false, true});
  d.test = [get, versions, atoms = d.atoms](const rule& r, std::size_t i) {
    const name_set& s = get(r);
    if (atoms[i].rest) {
      return passed(s.any);
    }
    const auto& n = atoms[i].words;
    return passed(s.has(n) || (versions && s.has(n.substr(0, n.find('/')))));
  };
  out.push_back(std::move(d));
}

template <class Get>
void add_money(std::vector<dimension>& out, const rules_view& rules, const char* name,
               Get get, dimension::role as) {
  std::map<std::string, std::vector<range>> by_currency;
  for (const auto* r : rules) {
    for (const auto& [currency, span] : get(*r)) {
      by_currency[currency].push_back(span);
    }
  }
  if (by_currency.empty()) {
    return;
  }
  dimension d;
  d.name = name;
  d.as = as;
  for (const auto& [currency, spans] : by_currency) {
    auto atoms = cut(spans, currency, true);
    for (auto& a : atoms) {
      // Nobody proposes less than nothing on purpose.
      a.ordinary = !a.span.high || *a.span.high >= decimal();
      a.ordinary = a.ordinary && !(a.span.high_open && *a.span.high == decimal());
    }
    d.atoms.insert(d.atoms.end(), atoms.begin(), atoms.end());
  }
  d.atoms.push_back({"in any other currency", "", {}, false, true});
  d.atoms.push_back({"not stated", "", {}, false, false});
  d.test = [get, atoms = d.atoms](const rule& r, std::size_t i) {
    const money_ranges& m = get(r);
    if (m.empty()) {
      return holds;
    }
    if (atoms[i].group.empty()) {
      return atoms[i].rest ? fails : cannot;
    }
    const auto it = m.find(atoms[i].group);
    return passed(it != m.end() && it->second.has(inside(atoms[i].span)));
  };
  out.push_back(std::move(d));
}

void add_levels(std::vector<dimension>& out) {
  dimension d;
  d.name = "autonomy";
  d.as = dimension::role::level;
  for (const auto a :
       {autonomy::shadow, autonomy::recommend, autonomy::approve, autonomy::autonomous}) {
    d.atoms.push_back({std::string(to_string(a))});
  }
  d.test = [](const rule& r, std::size_t i) { return passed(r.levels[i]); };
  out.push_back(std::move(d));
}

void add_confidence(std::vector<dimension>& out, const rules_view& rules) {
  std::set<int> starts{0};
  for (const auto* r : rules) {
    starts.insert(r->confidence_min);
    if (r->confidence_max < 1000) {
      starts.insert(r->confidence_max + 1);
    }
  }
  if (starts.size() == 1) {
    return;
  }
  dimension d;
  d.name = "confidence";
  std::vector<int> from(starts.begin(), starts.end());
  for (std::size_t i = 0; i < from.size(); ++i) {
    const auto thousandth = decimal::scale / 1000;
    atom a;
    a.group = no_unit;
    a.span.low = decimal::from_micros(from[i] * thousandth);
    if (i + 1 < from.size()) {
      a.span.high = decimal::from_micros(from[i + 1] * thousandth);
      a.span.high_open = true;
    }
    d.atoms.push_back(std::move(a));
  }
  d.test = [from](const rule& r, std::size_t i) {
    return passed(from[i] >= r.confidence_min && from[i] <= r.confidence_max);
  };
  out.push_back(std::move(d));
}

fate labels_fate(const rule& r, const std::vector<bool>& carried,
                 const std::vector<std::string>& labels) {
  const auto carries = [&](const std::string& label) {
    const auto it = std::find(labels.begin(), labels.end(), label);
    return it != labels.end() && carried[static_cast<std::size_t>(it - labels.begin())];
  };
  return passed(
      std::none_of(r.none_of.begin(), r.none_of.end(), carries) &&
      (r.any_of.empty() || std::any_of(r.any_of.begin(), r.any_of.end(), carries)));
}

/// One dimension of all combinations: a label is carried or not, whatever the others.
result<void> add_labels(std::vector<dimension>& out, const rules_view& rules) {
  std::set<std::string> named{"untrusted"};
  for (const auto* r : rules) {
    named.insert(r->none_of.begin(), r->none_of.end());
    named.insert(r->any_of.begin(), r->any_of.end());
  }
  const std::vector<std::string> labels(named.begin(), named.end());
  constexpr std::size_t labels_max = 10;
  if (labels.size() > labels_max) {
    return error(errc::limit,
                 fmt::format("the rules for one tool tell more than {} labels "
                             "apart: too many to be analysed",
                             labels_max));
  }
  dimension d;
  d.name = "labels";
  d.as = dimension::role::labels;
  std::vector<std::vector<bool>> carried;
  for (std::size_t mask = 0; mask < (std::size_t{1} << labels.size()); ++mask) {
    std::vector<bool> has(labels.size());
    std::vector<std::string> words;
    bool untrusted = false;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      has[i] = ((mask >> i) & 1) != 0;
      if (has[i]) {
        words.push_back(labels[i]);
        untrusted = untrusted || labels[i] == "untrusted";
      }
    }
    atom a;
    a.words = words.empty() ? "none" : fmt::format("{}", fmt::join(words, " and "));
    a.untrusted = untrusted;
    d.atoms.push_back(std::move(a));
    carried.push_back(std::move(has));
  }
  d.test = [labels, carried](const rule& r, std::size_t i) {
    return labels_fate(r, carried[i], labels);
  };
  out.push_back(std::move(d));
  return {};
}

void add_fact(std::vector<dimension>& out, const std::string& name,
              const std::vector<fact_condition>& conditions) {
  std::set<std::string> units;
  std::set<std::string> texts;
  std::vector<range> ranges;
  bool numbers = false;
  for (const auto& c : conditions) {
    units.insert(c.unit);
    texts.insert(c.one_of.begin(), c.one_of.end());
    if (c.numeric()) {
      numbers = true;
      ranges.push_back(c.value);
    }
  }
  const bool any_unit = units.size() == 1 && units.contains("");
  units.erase("");
  dimension d;
  d.name = "fact " + name;
  std::vector<fact> examples;
  const auto add = [&](atom a, json value, const std::string& unit) {
    fact f;
    f.name = name;
    f.value = std::move(value);
    f.unit = unit;
    d.atoms.push_back(std::move(a));
    examples.push_back(std::move(f));
  };
  const auto in_unit = [&](const std::string& unit, const std::string& shown,
                           bool ordinary) {
    for (auto& a : numbers ? cut(ranges, shown, ordinary) : std::vector<atom>()) {
      auto value = inside(a.span).str();
      if (texts.contains(value)) {
        // Listed as a text, and so an atom by itself: the same number, spelt otherwise.
        value += value.find('.') == std::string::npos ? ".0" : "0";
      }
      if (!texts.empty() && numbers) {
        // "12" is a text that is none of the listed ones; 12 is no text at all.
        auto bare = a;
        bare.group = shown.empty() ? "as a number" : shown + " as a number";
        bare.words = words_of(bare.span, bare.group);
        bare.ordinary = false;
        add(std::move(bare), json::parse(value), unit);
      }
      add(std::move(a), value, unit);
    }
    for (const auto& text : texts) {
      add({text, "", {}, ordinary}, text, unit);
    }
    if (!texts.empty() || !numbers) {
      // A name no rule could have written.
      add({"any other text", "", {}, ordinary && !numbers}, std::string("\x01"), unit);
    }
    add({"neither number nor text", "", {}, false}, json(true), unit);
  };
  if (any_unit) {
    in_unit("", "", true);
  } else {
    for (const auto& unit : units) {
      in_unit(unit, unit, true);
    }
    in_unit("\x01", "of any other unit", false);
  }
  d.atoms.push_back({"missing", "", {}, false});
  d.test = [name, examples](const rule& r, std::size_t i) {
    auto out_of = holds;
    for (const auto& c : r.facts) {
      if (c.name != name) {
        continue;
      }
      if (i >= examples.size()) {
        out_of = out_of == fails ? fails : cannot;
        continue;
      }
      const auto m = try_fact(c, examples[i]);
      out_of = m.failed > 0 ? fails : m.broken > 0 && out_of != fails ? cannot : out_of;
    }
    return out_of;
  };
  out.push_back(std::move(d));
}

void add_facts(std::vector<dimension>& out, const rules_view& rules) {
  std::map<std::string, std::vector<fact_condition>> by_name;
  for (const auto* r : rules) {
    for (const auto& c : r->facts) {
      by_name[c.name].push_back(c);
    }
  }
  for (const auto& [name, conditions] : by_name) {
    add_fact(out, name, conditions);
  }
}

void add_age(std::vector<dimension>& out, const rules_view& rules) {
  std::set<std::chrono::seconds> ages;
  for (const auto* r : rules) {
    if (r->max_age) {
      ages.insert(*r->max_age);
    }
  }
  if (ages.empty()) {
    return;
  }
  dimension d;
  d.name = "age of the facts";
  const std::vector<std::chrono::seconds> most(ages.begin(), ages.end());
  for (std::size_t i = 0; i <= most.size(); ++i) {
    d.atoms.push_back({i == most.size()
                           ? fmt::format("older than {} s", most.back().count())
                           : fmt::format("up to {} s", most[i].count()),
                       "",
                       {},
                       i == 0});
  }
  d.test = [most](const rule& r, std::size_t i) {
    const bool old = r.max_age && (i == most.size() || most[i] > *r.max_age);
    return old ? cannot : holds;
  };
  out.push_back(std::move(d));
}

void add_hours(std::vector<dimension>& out, const rules_view& rules) {
  std::vector<working_hours> windows;
  for (const auto* r : rules) {
    if (r->hours && std::none_of(windows.begin(), windows.end(), [&](const auto& w) {
          return w.text == r->hours->text;
        })) {
      windows.push_back(*r->hours);
    }
  }
  if (windows.empty()) {
    return;
  }
  dimension d;
  d.name = "hours";
  std::set<std::vector<bool>> seen;
  std::vector<timestamp> examples;
  for (int minute = 0; minute < 7 * 24 * 60; ++minute) {
    const auto t = timestamp() + std::chrono::minutes(minute);
    std::vector<bool> within;
    std::vector<std::string> words;
    for (const auto& w : windows) {
      within.push_back(w.has(t));
      words.push_back((within.back() ? "within " : "outside ") + w.text);
    }
    if (seen.insert(within).second) {
      d.atoms.push_back({fmt::format("{}", fmt::join(words, ", "))});
      examples.push_back(t);
    }
  }
  d.test = [examples](const rule& r, std::size_t i) {
    return passed(!r.hours || r.hours->has(examples[i]));
  };
  out.push_back(std::move(d));
}

result<std::vector<dimension>> dimensions_of(const rules_view& rules) {
  std::vector<dimension> out;
  add_levels(out);
  add_names(out, rules, "agent",
            [](const rule& r) -> const name_set& { return r.agent; });
  add_names(
      out, rules, "flow", [](const rule& r) -> const name_set& { return r.flow; }, true);
  add_names(out, rules, "step", [](const rule& r) -> const name_set& { return r.step; });
  add_names(out, rules, "tenant",
            [](const rule& r) -> const name_set& { return r.tenant; });
  add_names(out, rules, "site", [](const rule& r) -> const name_set& { return r.site; });
  add_money(
      out, rules, "amount", [](const rule& r) -> const money_ranges& { return r.amount; },
      dimension::role::amount);
  if (auto added = add_labels(out, rules); !added) {
    return std::move(added).error();
  }
  add_confidence(out, rules);
  add_money(
      out, rules, "expected value",
      [](const rule& r) -> const money_ranges& { return r.expected_value; },
      dimension::role::plain);
  add_facts(out, rules);
  add_age(out, rules);
  add_hours(out, rules);
  return out;
}

/// The rules of one or two policies for one tool.
struct party {
  rules_view rules;
  std::string default_chain;
};

/// What is known on the way through the dimensions; a key of the diagram.
struct state {
  std::string fates; ///< of all parties' rules, in order
  autonomy level = autonomy::shadow;
  bool untrusted = false;
  std::vector<bool> unknown; ///< currency, by party
  auto operator<=>(const state&) const = default;
};

sorted sorted_by(const rules_view& rules, std::string_view fates) {
  sorted out;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (fates[i] == cannot) {
      out.undecidable.push_back(rules[i]);
    } else if (fates[i] == holds) {
      (rules[i]->effect == effect_verdict::deny  ? out.deny
       : rules[i]->effect == effect_verdict::ask ? out.ask
                                                 : out.allow)
          .push_back(rules[i]);
    }
  }
  return out;
}

conclusion conclude(const party& p, std::size_t index, std::string_view fates,
                    const state& at) {
  return gate::conclude(sorted_by(p.rules, fates),
                        {at.level, !p.rules.empty(), at.unknown[index], at.untrusted},
                        p.default_chain);
}

/// The decision diagram of one tool. Nodes are shared; an edge carries all atoms that
/// lead to the same place.
class diagram {
public:
  /// Names the end of a way: ways with the same name are one.
  using ending = std::function<std::string(const state&)>;

  diagram(std::vector<party> parties, std::vector<dimension> dimensions,
          bool ordinary_only, ending end)
      : parties_(std::move(parties)), dimensions_(std::move(dimensions)),
        ordinary_only_(ordinary_only), end_(std::move(end)), memo_(dimensions_.size()) {
    for (const auto& p : parties_) {
      all_.insert(all_.end(), p.rules.begin(), p.rules.end());
    }
  }

  result<void> build() {
    state start;
    start.fates.assign(all_.size(), holds);
    start.unknown.assign(parties_.size(), false);
    root_ = walk(0, start);
    if (exhausted_) {
      return error(
          errc::limit,
          fmt::format("the rules for one tool fall apart into more than {} pieces: "
                      "too entangled to be analysed",
                      limits::analysis_nodes_max));
    }
    return {};
  }

  /// Every way whose end is wanted, as a region.
  void ways(const std::function<bool(const std::string&)>& wanted,
            const std::function<void(const region&, const std::string&)>& each) const {
    region where;
    descend(root_, wanted, where, each);
  }

private:
  struct edge {
    std::vector<std::size_t> atoms;
    int to = 0;
  };
  struct node {
    std::size_t dimension = 0;
    std::vector<edge> edges;
  };

  /// Nodes count from 0; ends from -1 downwards.
  int ended(const state& at) {
    const auto name = end_(at);
    const auto [it, fresh] = end_ids_.emplace(name, -1 - static_cast<int>(ends_.size()));
    if (fresh) {
      ends_.push_back(name);
    }
    return it->second;
  }

  void step(state& at, const dimension& d, std::size_t atom_index) const {
    for (std::size_t i = 0; i < all_.size(); ++i) {
      if (at.fates[i] == fails) {
        continue;
      }
      if (const auto f = d.test(*all_[i], atom_index); f != holds) {
        at.fates[i] = f;
      }
    }
    const auto& a = d.atoms[atom_index];
    if (d.as == dimension::role::level) {
      at.level = static_cast<autonomy>(atom_index);
    } else if (d.as == dimension::role::labels) {
      at.untrusted = a.untrusted;
    } else if (d.as == dimension::role::amount) {
      for (std::size_t p = 0; p < parties_.size(); ++p) {
        const auto& rules = parties_[p].rules;
        const auto speaks = [](const rule* r) { return !r->amount.empty(); };
        const auto knows = [&](const rule* r) { return r->amount.contains(a.group); };
        const bool stated = !a.group.empty() || a.rest;
        at.unknown[p] = stated && std::any_of(rules.begin(), rules.end(), speaks) &&
                        std::none_of(rules.begin(), rules.end(), knows);
      }
    }
  }

  int walk(std::size_t depth, const state& at) {
    if (depth == dimensions_.size() ||
        at.fates.find_first_not_of(fails) == std::string::npos) {
      return ended(at);
    }
    if (const auto it = memo_[depth].find(at); it != memo_[depth].end()) {
      return it->second;
    }
    if (exhausted_ || ++visited_ > limits::analysis_nodes_max) {
      exhausted_ = true;
      return 0;
    }
    const auto& d = dimensions_[depth];
    node n{depth, {}};
    for (std::size_t i = 0; i < d.atoms.size(); ++i) {
      if (ordinary_only_ && !d.atoms[i].ordinary) {
        continue;
      }
      auto next = at;
      step(next, d, i);
      const auto to = walk(depth + 1, next);
      const auto same = std::find_if(n.edges.begin(), n.edges.end(),
                                     [&](const edge& e) { return e.to == to; });
      if (same != n.edges.end()) {
        same->atoms.push_back(i);
      } else {
        n.edges.push_back({{i}, to});
      }
    }
    auto id = n.edges.empty() ? ended(at) : n.edges.front().to;
    if (n.edges.size() > 1) {
      const auto key = shape_of(n);
      const auto [it, fresh] = shapes_.emplace(key, static_cast<int>(nodes_.size()));
      if (fresh) {
        nodes_.push_back(std::move(n));
      }
      id = it->second;
    }
    memo_[depth].emplace(at, id);
    return id;
  }

  static std::string shape_of(const node& n) {
    std::string key = std::to_string(n.dimension);
    for (const auto& e : n.edges) {
      key += fmt::format(";{}:{}", e.to, fmt::join(e.atoms, ","));
    }
    return key;
  }

  std::string words(const dimension& d, const std::vector<std::size_t>& chosen) const {
    const bool rest = std::any_of(chosen.begin(), chosen.end(), [&](std::size_t i) {
      return d.atoms[i].rest && d.atoms[i].words == "any other";
    });
    std::vector<std::string> parts;
    if (rest) {
      for (std::size_t i = 0; i < d.atoms.size(); ++i) {
        if (std::find(chosen.begin(), chosen.end(), i) == chosen.end()) {
          parts.push_back(d.atoms[i].words);
        }
      }
      return fmt::format("not {}", fmt::join(parts, ", "));
    }
    for (std::size_t k = 0; k < chosen.size(); ++k) {
      const auto& first = d.atoms[chosen[k]];
      if (first.group.empty()) {
        parts.push_back(first.words);
        continue;
      }
      auto span = first.span;
      while (k + 1 < chosen.size() && chosen[k + 1] == chosen[k] + 1 &&
             d.atoms[chosen[k + 1]].group == first.group) {
        ++k;
        span.high = d.atoms[chosen[k]].span.high;
        span.high_open = d.atoms[chosen[k]].span.high_open;
      }
      parts.push_back(words_of(span, first.group == no_unit ? "" : first.group));
    }
    return fmt::format("{}", fmt::join(parts, " or "));
  }

  void descend(int id, const std::function<bool(const std::string&)>& wanted,
               region& where,
               const std::function<void(const region&, const std::string&)>& each) const {
    if (id < 0) {
      const auto& end = ends_[static_cast<std::size_t>(-1 - id)];
      if (wanted(end)) {
        each(where, end);
      }
      return;
    }
    const auto& n = nodes_[static_cast<std::size_t>(id)];
    const auto& d = dimensions_[n.dimension];
    for (const auto& e : n.edges) {
      where.emplace_back(d.name, words(d, e.atoms));
      descend(e.to, wanted, where, each);
      where.pop_back();
    }
  }

  std::vector<party> parties_;
  std::vector<dimension> dimensions_;
  bool ordinary_only_;
  ending end_;
  rules_view all_;
  std::vector<std::map<state, int>> memo_;
  std::map<std::string, int> shapes_;
  std::vector<node> nodes_;
  std::vector<std::string> ends_;
  std::map<std::string, int> end_ids_;
  std::size_t visited_ = 0;
  bool exhausted_ = false;
  int root_ = 0;
};

party party_of(const policy_access::compiled& c, const std::string& tool) {
  party out;
  out.default_chain = c.default_chain;
  for (const auto i : c.rules_for(tool)) {
    out.rules.push_back(&c.rules[i]);
  }
  return out;
}

/// The tools the rules name, and the empty name for every other.
std::set<std::string> tools_of(const policy_access::compiled& c) {
  std::set<std::string> out{""};
  for (const auto& entry : c.by_tool) {
    out.insert(entry.first);
  }
  return out;
}

region with_tool(const std::string& tool, const region& rest) {
  region out{{"tool", tool.empty() ? "any other" : tool}};
  out.insert(out.end(), rest.begin(), rest.end());
  return out;
}

std::string words_of(const conclusion& c) {
  std::string out(to_string(c.effect));
  if (!c.chain.empty()) {
    out += " " + c.chain;
  }
  if (const auto obligations = obligations_of(c); !obligations.empty()) {
    out += fmt::format(" ({})", fmt::join(obligations, ", "));
  }
  return out;
}

/// What each rule turned out to be good for.
struct usefulness {
  std::set<const rule*> decides;
  std::set<const rule*> needed; ///< without it some verdict would be another
};

result<void> use_of_rules(const party& p, const std::vector<dimension>& dimensions,
                          usefulness& out) {
  diagram whole({p}, dimensions, false, [&](const state& at) {
    const auto c = conclude(p, 0, at.fates, at);
    if (c.why != basis::undecidable) {
      out.decides.insert(c.by.begin(), c.by.end());
    }
    const auto now = words_of(c);
    for (std::size_t i = 0; i < p.rules.size(); ++i) {
      if (at.fates[i] == fails || out.needed.contains(p.rules[i])) {
        continue;
      }
      auto without = at.fates;
      without[i] = fails;
      if (words_of(conclude(p, 0, without, at)) != now) {
        out.needed.insert(p.rules[i]);
      }
    }
    return at.fates; // every state is looked at
  });
  return whole.build();
}

result<void> find_gaps(const std::string& tool, const party& p,
                       const std::vector<dimension>& dimensions, analysis& out) {
  constexpr const char* open = "gap";
  diagram ordinary({p}, dimensions, true, [&](const state& at) -> std::string {
    return at.fates.find_first_not_of(fails) == std::string::npos ? open : "";
  });
  if (auto built = ordinary.build(); !built) {
    return built;
  }
  ordinary.ways([&](const std::string& end) { return end == open; },
                [&](const region& where, const std::string&) {
                  if (out.gaps.size() < limits::regions_max) {
                    out.gaps.push_back(with_tool(tool, where));
                  } else {
                    ++out.gaps_left_out;
                  }
                });
  return {};
}

} // namespace

result<analysis> policy::analyse() const {
  const auto& c = *compiled_;
  analysis out;
  usefulness use;
  for (const auto& tool : tools_of(c)) {
    const auto p = party_of(c, tool);
    if (p.rules.empty()) {
      continue;
    }
    auto dimensions = dimensions_of(p.rules);
    if (!dimensions) {
      return std::move(dimensions).error();
    }
    if (auto used = use_of_rules(p, *dimensions, use); !used) {
      return std::move(used).error();
    }
    if (auto found = find_gaps(tool, p, *dimensions, out); !found) {
      return std::move(found).error();
    }
  }
  for (const auto& r : c.rules) {
    if (!use.decides.contains(&r)) {
      out.findings.push_back({r.id, r.line,
                              "can never decide: wherever it matches, another "
                              "rule prevails"});
    } else if (!use.needed.contains(&r) && r.effect != effect_verdict::deny) {
      // A deny that only repeats the default still binds whoever adds rules later.
      out.findings.push_back({r.id, r.line,
                              "is not needed: without it every verdict would "
                              "be the same"});
    }
  }
  return out;
}

result<comparison> policy::compare(const policy& after) const {
  const auto& old = *compiled_;
  const auto& fresh = *after.compiled_;
  auto tools = tools_of(old);
  tools.merge(tools_of(fresh));
  constexpr char apart = '\n';
  comparison out;
  for (const auto& c : old.chains) {
    const auto* then = fresh.find_chain(c.id);
    if (then == nullptr || then->to_json() != c.to_json()) {
      out.chains.push_back(
          {c.id, c.to_json(), then == nullptr ? json() : then->to_json()});
    }
  }
  for (const auto& c : fresh.chains) {
    if (old.find_chain(c.id) == nullptr) {
      out.chains.push_back({c.id, json(), c.to_json()});
    }
  }
  for (const auto& tool : tools) {
    const std::vector<party> parties{party_of(old, tool), party_of(fresh, tool)};
    rules_view all = parties[0].rules;
    all.insert(all.end(), parties[1].rules.begin(), parties[1].rules.end());
    if (all.empty()) {
      continue;
    }
    auto dimensions = dimensions_of(all);
    if (!dimensions) {
      return std::move(dimensions).error();
    }
    const auto first = parties[0].rules.size();
    diagram both(parties, *std::move(dimensions), false, [&](const state& at) {
      const std::string_view fates = at.fates;
      const auto before = words_of(conclude(parties[0], 0, fates.substr(0, first), at));
      const auto then = words_of(conclude(parties[1], 1, fates.substr(first), at));
      return before == then ? std::string() : before + apart + then;
    });
    if (auto built = both.build(); !built) {
      return std::move(built).error();
    }
    both.ways([](const std::string& end) { return !end.empty(); },
              [&](const region& where, const std::string& end) {
                if (out.differences.size() == limits::regions_max) {
                  ++out.left_out;
                  return;
                }
                const auto middle = end.find(apart);
                out.differences.push_back({with_tool(tool, where), end.substr(0, middle),
                                           end.substr(middle + 1)});
              });
  }
  return out;
}

} // namespace crossdock::gate
