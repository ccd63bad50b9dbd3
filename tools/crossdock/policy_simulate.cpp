#include "crossdock/commands.hpp"
#include "crossdock/facts.hpp"
#include "crossdock/ledger_place.hpp"
#include "crossdock/policy_file.hpp"
#include "crossdock/progress_bar.hpp"
#include "ledger/ledger.hpp"

#include <fmt/format.h>

#include <map>
#include <unordered_map>

namespace crossdock::cli {
namespace {

constexpr std::size_t chunk = 2000;

std::string amount_text(const money& m) {
  return money_text({{"amount", m.amount.str()}, {"currency", m.currency}});
}

std::string words_of(effect_verdict effect, const std::string& chain) {
  return std::string(to_string(effect)) + (chain.empty() ? "" : " " + chain);
}

/// What was proposed and how it was judged.
struct recorded {
  std::uint64_t seq = 0; ///< of the verdict
  std::string at;        ///< when it was judged
  std::string case_id;
  proposal what;
  verdict judged;
};

/// Sums by currency, "1500.00 EUR, 80.00 USD".
class sums {
public:
  void add(const std::optional<money>& m) {
    if (!m) {
      return;
    }
    auto& sum = by_currency_[m->currency];
    if (const auto more = sum.plus(m->amount)) {
      sum = *more;
    } else {
      overflow_ = true;
    }
  }
  json as_json() const {
    json out = json::object();
    for (const auto& [currency, amount] : by_currency_) {
      out[currency] = overflow_ ? json() : json(amount.str());
    }
    return out;
  }
  std::string words() const {
    std::string out;
    for (const auto& [currency, amount] : by_currency_) {
      out += (out.empty() ? "" : ", ") +
             (overflow_ ? "too much " + currency : amount_text({amount, currency}));
    }
    return out;
  }

private:
  std::map<std::string, decimal> by_currency_;
  bool overflow_ = false;
};

struct tally {
  std::size_t count = 0;
  sums value;
};

class simulation {
public:
  simulation(session& s, const gate::policy& policy, const policy_simulate_words& w,
             timestamp since)
      : s_(s), policy_(policy), w_(w), since_(since) {}

  /// Reads one pass through the records; proposals come before their verdicts.
  result<void> run(ledger::connection& db) {
    progress_bar bar(s_.around());
    const auto newest = db.query("SELECT coalesce(max(seq), 0) FROM record");
    if (!newest) {
      return newest.error();
    }
    const auto total = newest->empty() ? 0 : newest->front().number(0);
    std::uint64_t after = 0;
    for (;;) {
      const auto records =
          ledger::read_records_of(db, {"proposal", "verdict"}, after, chunk);
      if (!records) {
        return records.error();
      }
      for (const auto& r : *records) {
        if (auto taken = take(r); !taken) {
          return std::move(taken).error().at("record", std::to_string(r.seq));
        }
        after = r.seq;
      }
      if (records->size() < chunk) {
        return {};
      }
      bar(after, total);
    }
  }

  ending tell() {
    json moves = json::array();
    for (const auto& [way, t] : changed_) {
      moves.push_back({{"before", way.first},
                       {"after", way.second},
                       {"count", t.count},
                       {"value", t.value.as_json()}});
    }
    if (s_.told_program({{"policy", policy_.name()},
                         {"sha256", policy_.sha256()},
                         {"since", to_rfc3339(since_)},
                         {"decisions", decisions_},
                         {"changed", changed_count_},
                         {"changed_value", changed_value_.as_json()},
                         {"not_replayable", not_replayable_},
                         {"moves", moves},
                         {"decided_otherwise", listed_}})) {
      return exit_code::ok;
    }
    auto& paper = s_.paper();
    paper.line(fmt::format("{} decisions since {} judged again by policy {} ({})",
                           decisions_, instant_text(to_rfc3339(since_)), policy_.name(),
                           policy_.sha256().substr(0, 16)));
    if (not_replayable_ > 0) {
      paper.paragraph(
          fmt::format("{} could not be judged again: their bodies are gone, or "
                      "they do not say when they were judged",
                      not_replayable_),
          0, 0, colour::warning);
    }
    if (changed_count_ == 0) {
      paper.paragraph(decisions_ == 0 ? "There is nothing to compare."
                                      : "Every one would be decided as it was.",
                      0, 0, decisions_ == 0 ? colour::warning : colour::good);
      return exit_code::ok;
    }
    paper.paragraph(fmt::format("{} would be decided otherwise{}", changed_count_,
                                changed_value_.words().empty()
                                    ? ""
                                    : ", worth " + changed_value_.words()),
                    0, 0, colour::warning);
    table t({{"was"}, {"would be"}, {"decisions", true}, {"value", true}});
    for (const auto& [way, sum] : changed_) {
      t.row({way.first, way.second, std::to_string(sum.count), sum.value.words()});
    }
    t.print(paper);
    paper.heading("The newest of them");
    table rows({{"record", true, true},
                {"case", false, true},
                {"tool"},
                {"amount", true},
                {"was"},
                {"would be"},
                {"by"}});
    for (const auto& c : listed_) {
      rows.row({shown(c, "record"), shown(c, "case"), shown(c, "tool"),
                shown(c, "amount"), shown(c, "before"), shown(c, "after"),
                joined(c["rules"])});
    }
    rows.print(paper);
    return exit_code::ok;
  }

private:
  result<void> take(const ledger::stored_record& r) {
    const auto header = parse_json(r.header, json_limits{});
    if (!header) {
      return header.error();
    }
    const auto id = shown(*header, "id");
    if (shown(*header, "kind") == "proposal") {
      bodies_[id] = r.body;
      return {};
    }
    const auto waiting = bodies_.find(id);
    const auto body =
        waiting == bodies_.end() ? std::string() : std::move(waiting->second);
    if (waiting != bodies_.end()) {
      bodies_.erase(waiting);
    }
    // Not as texts: a whole second is written without a fraction.
    const auto time = parse_rfc3339(shown(*header, "time"));
    if (!time) {
      return time.error();
    }
    if (*time < since_) {
      return {};
    }
    auto both = read(r, *header, body);
    if (!both) {
      ++not_replayable_;
      return {};
    }
    judge_again(*both);
    return {};
  }

  static std::optional<recorded> read(const ledger::stored_record& r, const json& header,
                                      const std::string& proposed) {
    const auto what = parse_json(proposed, json_limits{});
    const auto judged = parse_json(r.body, json_limits{});
    if (!what || !judged) {
      return std::nullopt;
    }
    auto p = proposal::from_json(*what);
    auto v = verdict::from_json(*judged);
    if (!p || !v || v->judged_at == timestamp()) {
      return std::nullopt;
    }
    return recorded{r.seq, shown(header, "time"), shown(header, "case"), *std::move(p),
                    *std::move(v)};
  }

  void judge_again(const recorded& r) {
    gate::judge_context context;
    context.now = r.judged.judged_at;
    const auto* level = find_pointer(r.judged.facts, "/autonomy/value");
    const auto word = !w_.autonomy.empty()                     ? w_.autonomy
                      : level != nullptr && level->is_string() ? level->get<std::string>()
                                                               : std::string();
    const auto known = gate::autonomy_from(word);
    if (!known) {
      ++not_replayable_;
      return;
    }
    context.level = *known;
    ++decisions_;
    const auto now = policy_.decide(r.what, context);
    const auto before = words_of(r.judged.effect, r.judged.chain);
    const auto after = words_of(now.effect, now.chain);
    if (before == after) {
      return;
    }
    ++changed_count_;
    changed_value_.add(r.what.amount);
    auto& t = changed_[{before, after}];
    ++t.count;
    t.value.add(r.what.amount);
    listed_.insert(listed_.begin(),
                   json{{"record", r.seq},
                        {"at", r.at},
                        {"case", r.case_id},
                        {"proposal", r.what.id},
                        {"agent", r.what.agent},
                        {"tool", r.what.tool},
                        {"amount", r.what.amount ? amount_text(*r.what.amount) : ""},
                        {"before", before},
                        {"after", after},
                        {"rules", now.rules},
                        {"reason", policy_.judge(r.what, context).reason}});
    if (listed_.size() > static_cast<std::size_t>(w_.limit)) {
      listed_.erase(listed_.end() - 1);
    }
  }

  session& s_;
  const gate::policy& policy_;
  const policy_simulate_words& w_;
  timestamp since_;
  std::unordered_map<std::string, std::string> bodies_; ///< proposals not judged yet
  std::size_t decisions_ = 0;
  std::size_t not_replayable_ = 0;
  std::size_t changed_count_ = 0;
  sums changed_value_;
  std::map<std::pair<std::string, std::string>, tally> changed_;
  json listed_ = json::array(); ///< newest first
};

/// "30d" before now, or an instant as it is.
result<timestamp> since_when(const std::string& words) {
  if (const auto instant = parse_rfc3339(words)) {
    return *instant;
  }
  const auto back = gate::parse_duration(words);
  if (!back) {
    return error(errc::invalid,
                 "--since is a time back like 12h or 30d, or an instant like "
                 "2026-01-31T00:00:00Z")
        .at("since", words);
  }
  return system_clock().now() - *back;
}

} // namespace

ending policy_simulate(session& s, const policy_simulate_words& w) {
  const auto policy = read_policy(w.policy);
  if (!policy) {
    return policy.error();
  }
  const auto since = since_when(w.since);
  if (!since) {
    return since.error();
  }
  const auto place = find_ledger(s, w.ledger);
  if (!place) {
    return place.error();
  }
  auto db = ledger::open_reader(place->directory / "ledger.db");
  if (!db) {
    return std::move(db).error();
  }
  simulation again(s, *policy, w, *since);
  if (auto ran = again.run(**db); !ran) {
    return std::move(ran).error();
  }
  return again.tell();
}

} // namespace crossdock::cli
