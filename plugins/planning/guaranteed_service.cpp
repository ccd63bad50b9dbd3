#include "planning/guaranteed_service.hpp"

#include "planning/checks.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace crossdock::planning {
namespace {

constexpr double never = std::numeric_limits<double>::infinity();
constexpr int unlimited = std::numeric_limits<int>::max();
constexpr const char* service_periods_words =
    "must be a whole number of periods from 0 to 2000";

struct stage {
  std::string name;
  const service_stage* what = nullptr;
  std::vector<std::size_t> suppliers;
  std::vector<std::size_t> customers;
  double sd = 0;        ///< Of all demand that reaches it.
  int longest = 0;      ///< Replenishment time if everybody upstream promises the most.
  int outbound_max = 0; ///< What it may promise.
};

/// One stage as a rooted tree sees it: the least cost of its subtree for each time at the
/// connection to its parent, and what else was chosen to get there.
struct table {
  std::vector<double> cost;
  std::vector<int> other; ///< The inbound time for a promise, or the other way round.
  /// Where the least cost is: up to here (promises) or from here on (inbound times).
  std::vector<int> least;

  void find_least(bool up_to) {
    least.resize(cost.size());
    const int n = static_cast<int>(cost.size());
    int best = up_to ? 0 : n - 1;
    for (int k = 0; k < n; ++k) {
      const int at = up_to ? k : n - 1 - k;
      const double c = cost[static_cast<std::size_t>(at)];
      const double b = cost[static_cast<std::size_t>(best)];
      if (up_to ? c < b : c <= b)
        best = at;
      least[static_cast<std::size_t>(at)] = best;
    }
  }
};

class network {
public:
  std::optional<domain_error> build(const std::map<std::string, service_stage>& stages) {
    std::map<std::string, std::size_t> index;
    for (const auto& [name, what] : stages) {
      index[name] = nodes_.size();
      nodes_.push_back({name, &what, {}, {}, 0, 0, 0});
    }
    std::size_t edges = 0;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const auto at = "nodes." + nodes_[i].name + ".";
      const auto& w = *nodes_[i].what;
      checks c;
      const auto time = [&](const char* field, int t) {
        c.that(t >= 0 && t <= service_periods_max, at + field, service_periods_words);
      };
      time("processing_time", w.processing_time);
      time("external_inbound_cst", w.external_inbound_cst);
      time("external_outbound_cst", w.external_outbound_cst.value_or(0));
      c.not_negative(at + "local_holding_cost", w.holding_cost)
          .not_negative(at + "demand_bound_constant", w.demand_bound_constant)
          .not_negative(at + "demand_sd", w.demand_sd);
      if (c.failure())
        return c.failure();
      for (const auto& name : w.successors) {
        const auto found = index.find(name);
        if (found == index.end())
          return domain_error{at + "successors",
                              "names \"" + name + "\", which is no stage"};
        nodes_[i].customers.push_back(found->second);
        nodes_[found->second].suppliers.push_back(i);
        ++edges;
      }
    }
    if (nodes_.empty())
      return domain_error{"nodes", "must have at least one stage"};
    if (edges != nodes_.size() - 1)
      return domain_error{"nodes",
                          "must be one tree: as many connections as stages, less "
                          "one"};
    return order();
  }

  outcome<service_times> solve() {
    const auto root = sequence_.back();
    for (const auto i : sequence_)
      if (i != root)
        tables_[i] = is_supplier_of(i, parent_[i]) ? promise_table(i) : inbound_table(i);
    service_times best{{}, never};
    int inbound_best = 0;
    int promise_best = 0;
    const auto& r = nodes_[root];
    for (int in = r.what->external_inbound_cst; in <= r.longest - time_of(root); ++in)
      for (int out = 0; out <= std::min(r.outbound_max, in + time_of(root)); ++out) {
        const double cost = subtree_cost(root, out, in);
        if (cost < best.cost) {
          best.cost = cost;
          inbound_best = in;
          promise_best = out;
        }
      }
    if (best.cost == never)
      return domain_error{"nodes", "leaves no promise that can be kept"};
    choose(root, promise_best, inbound_best, best);
    return best;
  }

private:
  int time_of(std::size_t i) const { return nodes_[i].what->processing_time; }

  bool is_supplier_of(std::size_t i, std::size_t other) const {
    const auto& c = nodes_[i].customers;
    return std::find(c.begin(), c.end(), other) != c.end();
  }

  std::vector<std::size_t> neighbours(std::size_t i) const {
    auto all = nodes_[i].suppliers;
    all.insert(all.end(), nodes_[i].customers.begin(), nodes_[i].customers.end());
    return all;
  }

  /// Leaves first, the root last; sums demand up and times down. Errors: a cycle or
  /// several parts.
  std::optional<domain_error> order() {
    parent_.assign(nodes_.size(), nodes_.size());
    tables_.resize(nodes_.size());
    std::vector<std::size_t> open{0};
    std::vector<bool> seen(nodes_.size(), false);
    seen[0] = true;
    while (!open.empty()) {
      const auto i = open.back();
      open.pop_back();
      sequence_.push_back(i);
      for (const auto other : neighbours(i)) {
        if (other == parent_[i])
          continue;
        if (seen[other])
          return domain_error{"nodes", "must be a tree: there is a cycle at \"" +
                                           nodes_[other].name + "\""};
        seen[other] = true;
        parent_[other] = i;
        open.push_back(other);
      }
    }
    if (sequence_.size() != nodes_.size())
      return domain_error{"nodes", "must be one tree, not several"};
    std::reverse(sequence_.begin(), sequence_.end());

    // A tree has no directed cycle, so following the arrows ends.
    std::vector<std::size_t> waiting(nodes_.size());
    std::vector<std::size_t> ready;
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      if ((waiting[i] = nodes_[i].suppliers.size()) == 0)
        ready.push_back(i);
    for (std::size_t k = 0; k < ready.size(); ++k) {
      auto& n = nodes_[ready[k]];
      int inbound = n.what->external_inbound_cst;
      for (const auto s : n.suppliers)
        inbound = std::max(inbound, nodes_[s].longest);
      n.longest = inbound + n.what->processing_time;
      if (n.longest > service_periods_max)
        return domain_error{"nodes." + n.name + ".processing_time",
                            "makes a path of more than 2000 periods"};
      const auto limit = n.what->external_outbound_cst;
      n.outbound_max =
          std::min(n.longest, limit ? *limit : (n.customers.empty() ? 0 : unlimited));
      for (const auto c : n.customers)
        if (--waiting[c] == 0)
          ready.push_back(c);
    }
    std::reverse(ready.begin(), ready.end());
    for (const auto i : ready) {
      double variance = nodes_[i].what->demand_sd * nodes_[i].what->demand_sd;
      for (const auto c : nodes_[i].customers)
        variance += nodes_[c].sd * nodes_[c].sd;
      nodes_[i].sd = std::sqrt(variance);
    }
    return std::nullopt;
  }

  double own_cost(std::size_t i, int promise, int inbound) const {
    const auto& n = nodes_[i];
    return n.what->holding_cost * n.what->demand_bound_constant * n.sd *
           std::sqrt(static_cast<double>(inbound + time_of(i) - promise));
  }

  /// The best promise of supplier `child` that is no longer than `inbound`.
  int best_promise(std::size_t child, int inbound) const {
    const auto& least = tables_[child].least;
    return least[std::min(least.size() - 1, static_cast<std::size_t>(inbound))];
  }

  /// The best inbound time of customer `child` that is no shorter than `promise`.
  int best_inbound(std::size_t child, int promise) const {
    const auto& least = tables_[child].least;
    const auto from = static_cast<std::size_t>(promise);
    return from < least.size() ? least[from] : -1;
  }

  double subtree_cost(std::size_t i, int promise, int inbound) const {
    double cost = own_cost(i, promise, inbound);
    for (const auto child : neighbours(i)) {
      if (child == parent_[i])
        continue;
      if (is_supplier_of(child, i)) {
        cost +=
            tables_[child].cost[static_cast<std::size_t>(best_promise(child, inbound))];
      } else {
        const int at = best_inbound(child, promise);
        cost += at < 0 ? never : tables_[child].cost[static_cast<std::size_t>(at)];
      }
    }
    return cost;
  }

  table promise_table(std::size_t i) const {
    const auto& n = nodes_[i];
    table t;
    for (int out = 0; out <= n.outbound_max; ++out) {
      t.cost.push_back(never);
      t.other.push_back(0);
      const int from = std::max(n.what->external_inbound_cst, out - time_of(i));
      for (int in = from; in <= n.longest - time_of(i); ++in) {
        const double cost = subtree_cost(i, out, in);
        if (cost < t.cost.back()) {
          t.cost.back() = cost;
          t.other.back() = in;
        }
      }
    }
    t.find_least(true);
    return t;
  }

  table inbound_table(std::size_t i) const {
    const auto& n = nodes_[i];
    table t;
    for (int in = 0; in <= n.longest - time_of(i); ++in) {
      t.cost.push_back(never);
      t.other.push_back(0);
      if (in < n.what->external_inbound_cst)
        continue;
      for (int out = 0; out <= std::min(n.outbound_max, in + time_of(i)); ++out) {
        const double cost = subtree_cost(i, out, in);
        if (cost < t.cost.back()) {
          t.cost.back() = cost;
          t.other.back() = out;
        }
      }
    }
    t.find_least(false);
    return t;
  }

  void choose(std::size_t root, int promise, int inbound, service_times& best) const {
    struct open_stage {
      std::size_t i;
      int promise;
      int inbound;
    };
    std::vector<open_stage> open{{root, promise, inbound}};
    while (!open.empty()) {
      const auto at = open.back();
      open.pop_back();
      best.committed[nodes_[at.i].name] = at.promise;
      for (const auto child : neighbours(at.i)) {
        if (child == parent_[at.i])
          continue;
        if (is_supplier_of(child, at.i)) {
          const int out = best_promise(child, at.inbound);
          open.push_back(
              {child, out, tables_[child].other[static_cast<std::size_t>(out)]});
        } else {
          const int in = best_inbound(child, at.promise);
          open.push_back({child, tables_[child].other[static_cast<std::size_t>(in)], in});
        }
      }
    }
  }

  std::vector<stage> nodes_;
  std::vector<std::size_t> sequence_;
  std::vector<std::size_t> parent_;
  std::vector<table> tables_;
};

} // namespace

outcome<service_times> gsm_tree_cst(const std::map<std::string, service_stage>& stages) {
  network n;
  if (auto wrong = n.build(stages))
    return *wrong;
  return n.solve();
}

outcome<service_times> gsm_serial_cst(const std::vector<double>& holding_costs,
                                      const std::vector<int>& processing_times,
                                      double demand_bound_constant, double demand_sd,
                                      int external_inbound_cst,
                                      int external_outbound_cst) {
  if (auto wrong = checks()
                       .that(!holding_costs.empty(), "local_holding_cost",
                             "must have at least one stage")
                       .all_not_negative("local_holding_cost", holding_costs)
                       .same_length("processing_time", processing_times.size(),
                                    holding_costs.size())
                       .not_negative("demand_bound_constant", demand_bound_constant)
                       .not_negative("demand_sd", demand_sd)
                       .finite("demand_sd", demand_bound_constant * demand_sd)
                       .that(external_inbound_cst >= 0 &&
                                 external_inbound_cst <= service_periods_max,
                             "external_inbound_cst", service_periods_words)
                       .that(external_outbound_cst >= 0 &&
                                 external_outbound_cst <= service_periods_max,
                             "external_outbound_cst", service_periods_words)
                       .failure())
    return *wrong;
  std::map<std::string, service_stage> stages;
  for (std::size_t i = 0; i < holding_costs.size(); ++i) {
    service_stage s;
    s.processing_time = processing_times[i];
    s.holding_cost = holding_costs[i];
    s.demand_bound_constant = demand_bound_constant;
    if (i == 0) {
      s.demand_sd = demand_sd;
      s.external_outbound_cst = external_outbound_cst;
    } else {
      s.successors.push_back(std::to_string(i));
    }
    if (i + 1 == holding_costs.size())
      s.external_inbound_cst = external_inbound_cst;
    stages[std::to_string(i + 1)] = std::move(s);
  }
  auto times = gsm_tree_cst(stages);
  if (!times) // "nodes" is not what the caller knows
    return domain_error{"processing_time", times.error().message};
  return times;
}

} // namespace crossdock::planning
