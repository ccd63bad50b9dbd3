#include "base/decimal.hpp"
#include "crossdock/commands.hpp"
#include "crossdock/facts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

namespace crossdock::cli {
namespace {

constexpr std::int64_t page = 1000;
/// Cases whose trigger is read for the value at stake; more would take the node's time.
constexpr std::size_t cases_read_max = 1000;

/// Sums by currency: amounts of different currencies do not add up.
class purse {
public:
  result<void> add(const json& money) {
    const auto amount = decimal::parse(shown(money, "amount"));
    if (!amount) {
      return {}; // no amount was given
    }
    auto& sum = sums_[shown(money, "currency")];
    auto next = sum.plus(*amount);
    if (!next) {
      return std::move(next).error();
    }
    sum = *next;
    return {};
  }
  json to_json() const {
    json out = json::array();
    for (const auto& [currency, sum] : sums_) {
      out.push_back({{"amount", sum.str()}, {"currency", currency}});
    }
    return out;
  }

private:
  std::map<std::string, decimal> sums_;
};

std::string purse_text(const json& sums) {
  std::string out;
  for (const auto& m : sums) {
    out += (out.empty() ? "" : " + ") + money_text(m);
  }
  return out;
}

struct figures {
  std::uint64_t events_in = 0;
  std::map<std::string, std::uint64_t> events_by_topic;
  std::uint64_t records = 0;
  /// Per proposal: the gate's word and the state it is in now.
  struct fate {
    std::string gate;
    std::string now;
  };
  std::map<std::string, fate> proposals;
};

/// Reads every header once: events that entered, and each approval's transitions.
result<figures> read_ledger(session& s) {
  figures f;
  for (std::uint64_t from = 1;;) {
    auto answer = s.ask("ledger.show", {{"from", from}, {"limit", page}});
    if (!answer) {
      return std::move(answer).error();
    }
    const auto records = answer->value("records", json::array());
    for (const auto& r : records) {
      const auto& h = r.at("header");
      const auto kind = shown(h, "kind");
      const auto detail =
          h.is_object() ? h.value("detail", json::object()) : json::object();
      // What intake accepts is class A; what agents tell each other is class B.
      if (kind == "event" && shown(h, "class") == "A") {
        ++f.events_in;
        ++f.events_by_topic[shown(detail, "type")];
      } else if (kind == "approval" && detail.contains("to")) {
        auto& p = f.proposals[shown(h, "id")];
        if (p.gate.empty()) {
          p.gate = shown(detail, "to");
        }
        p.now = shown(detail, "to");
      }
      from = r.value("seq", from) + 1;
      ++f.records;
    }
    if (records.empty() || from > answer->value("durable_seq", std::uint64_t{0})) {
      return f;
    }
  }
}

struct case_figures {
  std::uint64_t opened = 0;
  std::map<std::string, std::uint64_t> by_outcome;
  purse at_stake;
  std::uint64_t read = 0;
};

result<case_figures> read_cases(session& s) {
  case_figures f;
  std::string after;
  for (;;) {
    json params{{"limit", page}};
    if (!after.empty()) {
      params["after"] = after;
    }
    auto answer = s.ask("case.list", params);
    if (!answer) {
      return std::move(answer).error();
    }
    const auto cases = answer->value("cases", json::array());
    for (const auto& c : cases) {
      ++f.opened;
      const auto open = shown(c, "state") == "open";
      ++f.by_outcome[open ? "still open" : shown(c, "outcome")];
      after = shown(c, "case");
      if (f.read < cases_read_max) {
        ++f.read;
        auto one = s.ask("case.show", {{"case", after}});
        if (!one) {
          return std::move(one).error();
        }
        if (const auto* m = find_pointer(*one, "/trigger/payload/value_at_stake")) {
          if (auto r = f.at_stake.add(*m); !r) {
            return std::move(r).error();
          }
        }
      }
    }
    if (static_cast<std::int64_t>(cases.size()) < page) {
      return f;
    }
  }
}

bool may_decide(const json& approval, const json& roles) {
  const auto* asked = find_pointer(approval, "/asked/roles");
  return asked != nullptr &&
         std::any_of(asked->begin(), asked->end(), [&](const json& role) {
           return std::find(roles.begin(), roles.end(), role) != roles.end();
         });
}

decimal amount_of(const json& line) {
  const auto amount = decimal::parse(shown(line["amount"], "amount"));
  return amount ? *amount : decimal();
}

/// Exactly what the table shows, so that programs and people read the same numbers.
struct decided {
  std::uint64_t by_itself = 0;
  std::uint64_t waiting = 0;
  std::uint64_t approved = 0;
  std::uint64_t denied = 0;
  std::uint64_t other = 0; ///< rejected, expired, superseded, withdrawn, under way
  std::uint64_t written = 0;
};

decided count(const figures& f) {
  decided d;
  for (const auto& [id, p] : f.proposals) {
    const bool written = p.now == "executed" || p.now == "reconciled";
    d.written += written ? 1 : 0;
    if (p.gate == "denied") {
      ++d.denied;
    } else if (p.now == "pending") {
      ++d.waiting;
    } else if (p.gate == "allowed" && written) {
      ++d.by_itself;
    } else if (p.gate == "pending" &&
               (written || p.now == "approved" || p.now == "consumed")) {
      ++d.approved;
    } else {
      ++d.other;
    }
  }
  return d;
}

} // namespace

ending summary(session& s) {
  auto cases = read_cases(s);
  if (!cases) {
    return std::move(cases).error();
  }
  auto read = read_ledger(s);
  if (!read) {
    return std::move(read).error();
  }
  auto pending = s.ask("approval.list", {{"state", "pending"}, {"limit", page}});
  if (!pending) {
    return std::move(pending).error();
  }
  auto who = s.ask("whoami");
  if (!who) {
    return std::move(who).error();
  }
  purse waiting_amount;
  json waiting = json::array();
  for (const auto& a : pending->value("approvals", json::array())) {
    const auto p = a.value("proposal", json::object());
    const auto amount = p.value("amount", json());
    if (auto r = waiting_amount.add(amount); !r) {
      return std::move(r).error();
    }
    waiting.push_back({{"approval", shown(a, "id")},
                       {"case", shown(p, "case_id")},
                       {"summary", shown(p, "summary")},
                       {"amount", amount},
                       {"yours", may_decide(a, who->value("roles", json::array()))}});
  }
  // First what who asks may decide, then by amount: the top is what to look at.
  std::stable_sort(waiting.begin(), waiting.end(), [](const json& a, const json& b) {
    return std::pair(a["yours"] == true, amount_of(a)) >
           std::pair(b["yours"] == true, amount_of(b));
  });
  const auto d = count(*read);
  json out{{"events_in", read->events_in},
           {"events_by_topic", read->events_by_topic},
           {"cases", cases->opened},
           {"cases_by_outcome", cases->by_outcome},
           {"decisions",
            {{"made", read->proposals.size()},
             {"by_itself", d.by_itself},
             {"waiting", d.waiting},
             {"approved_by_a_person", d.approved},
             {"denied_by_policy", d.denied},
             {"other", d.other}}},
           {"effects_written", d.written},
           {"value_at_stake", cases->at_stake.to_json()},
           {"value_waiting", waiting_amount.to_json()},
           {"pending", std::move(waiting)},
           {"records", read->records}};
  if (s.told_program(out)) {
    return exit_code::ok;
  }
  std::string topics;
  for (const auto& [topic, n] : read->events_by_topic) {
    topics += (topics.empty() ? "" : ", ") + topic + " " + std::to_string(n);
  }
  std::string outcomes;
  for (const auto& [outcome, n] : cases->by_outcome) {
    outcomes += (outcomes.empty() ? "" : ", ") + outcome + " " + std::to_string(n);
  }
  const auto n = [](std::uint64_t value) { return std::to_string(value); };
  table t({{""}, {"", true}, {""}});
  t.row({"events in", n(read->events_in), topics});
  t.row({"cases of a short line", n(cases->opened), outcomes});
  t.row({"decisions made", n(read->proposals.size()),
         fmt::format("denied by policy {}, other {}", d.denied, d.other)});
  t.row({"  done by itself",
         {n(d.by_itself), colour::good},
         "allowed by policy, and written"});
  t.row({"  approved by a person", n(d.approved), ""});
  t.row({"  waiting for a person",
         {n(d.waiting), d.waiting > 0 ? colour::warning : colour::none},
         purse_text(out["value_waiting"])});
  t.row({"written to the ERP", n(d.written), ""});
  t.row({"value at stake", "",
         purse_text(out["value_at_stake"]) +
             (cases->read < cases->opened
                  ? fmt::format(" in the newest {} cases", cases->read)
                  : "")});
  t.row({"on the record", n(read->records), "ledger records"});
  t.print(s.paper());
  return exit_code::ok;
}

} // namespace crossdock::cli
