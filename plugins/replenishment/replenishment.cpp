/// The REPLENISHMENT agent answers what could fill a shortage: transfers, substitutes, or
/// waiting, each with a calibrated confidence.
///
/// It learns before it speaks (trade/schooling.hpp): the history of transfers and
/// receipts is backtested when the agent starts and once a day.
///
/// Memory: that of schooling; lesson/transfer and lesson/receipt what was learnt;
/// job/TOKEN questions whose facts are being read.

#include "options.hpp"

#include "trade/schooling.hpp"

#include <planning/confidence.hpp>

#include <crossdock/plugin.hpp>

#include <algorithm>

using namespace crossdock::sdk;
using namespace crossdock::replenishment;
namespace trade = crossdock::trade;
namespace planning = crossdock::planning;

namespace {

/// A question nobody waits for any longer is forgotten.
constexpr std::chrono::minutes job_life{10};

std::optional<trade::source> source_of(const json& have, const char* part) {
  if (!have.contains(part))
    return std::nullopt;
  const auto& h = have.at(part);
  return trade::source{h.at("tool").get<std::string>(), h.at("args"), h.at("answer")};
}

case_facts facts_of(const json& job) {
  case_facts f;
  f.question = job.at("question");
  const auto& have = job.at("have");
  f.line = source_of(have, "line");
  f.item = source_of(have, "item");
  f.stock = source_of(have, "stock");
  f.sites = source_of(have, "sites");
  f.supply = source_of(have, "supply");
  f.refusals = job.at("refusals").get<std::vector<std::string>>();
  for (const auto& [site, known] : job.at("senders").items()) {
    auto& s = f.senders[site];
    if (known.contains("demand"))
      s.demand = known.at("demand").get<demand_summary>();
    if (known.contains("unallocated"))
      s.unallocated = known.at("unallocated").get<double>();
  }
  for (const auto& [item, h] : job.at("substitutes").items())
    f.substitutes.emplace(item, trade::source{h.at("tool").get<std::string>(),
                                              h.at("args"), h.at("answer")});
  return f;
}

} // namespace

struct replenishment_agent : agent {
  static void declare(handlers<replenishment_agent>& h) {
    h.started(&replenishment_agent::started);
    h.then("learn", &replenishment_agent::learn_again);
    h.then("learn_sites", &replenishment_agent::learn_sites);
    h.then("learn_transfers", &replenishment_agent::learn_transfers);
    h.then("learn_receipts", &replenishment_agent::learn_receipts);
    h.answers("supply.options", &replenishment_agent::asked);
    h.then("gathered", &replenishment_agent::gathered);
  }

  // -- learning
  // ----------------------------------------------------------------------------

  static trade::schooling school(step& s) {
    return {s, std::chrono::hours{settings::read(s.config()).refresh_hours}};
  }

  void started(step& s) { school(s).start(); }
  void learn_again(step& s, const event&, const json& saved) { school(s).again(saved); }

  void learn_sites(step& s, const event& answer, const json&) {
    if (!answer.ok()) {
      if (!school(s).tried_again(answer))
        end_lesson(s, {}, {"erp.sites: " + answer.status_text()});
      return;
    }
    auto lesson = s.memory().get("learning", json::object());
    lesson["sites"] = answer.payload();
    s.memory().put("learning", lesson);
    const auto config = settings::read(s.config());
    s.call("erp.transfer_history",
           {{"since", trade::days_before(answer.text("as_of"), config.history_days)},
            {"limit", config.history_rows}},
           std::chrono::seconds{30})
        .then("learn_transfers");
  }

  void learn_transfers(step& s, const event& answer, const json&) {
    const auto lesson = s.memory().get("learning", json::object());
    if (!lesson.contains("sites"))
      return; // a lesson of an activation that has ended; the new one has begun its own
    const auto sites = trade::network::read(lesson.at("sites"));
    const auto today = *planning::parse_date(date_of(parse_instant(sites.as_of())));
    json notes = json::array();
    std::vector<arrival> history;
    if (answer.ok())
      history = transfers_of(answer.payload(), sites);
    else if (school(s).tried_again(answer))
      return;
    else
      notes.push_back("erp.transfer_history: " + answer.status_text() +
                      "; confidence in transfers is capped.");
    const auto learnt = experience::learn(kind::transfer, history, today);
    if (answer.ok() && learnt.outcomes() < planning::cap_until_outcomes)
      notes.push_back(
          fmt::format("erp.transfer_history has {} usable outcomes of {} needed.",
                      learnt.outcomes(), planning::cap_until_outcomes));
    school(s).keep("lesson/transfer", learnt.to_json(), answer.ok());
    tell(s, "transfers", learnt);
    const auto config = settings::read(s.config());
    s.call("erp.receipt_history",
           {{"since", trade::days_before(sites.as_of(), config.history_days)},
            {"limit", config.history_rows}},
           std::chrono::seconds{30})
        .then("learn_receipts",
              {{"notes", notes}, {"as_of", sites.as_of()}, {"today", today}});
  }

  void learn_receipts(step& s, const event& answer, const json& saved) {
    auto notes = saved.at("notes").get<std::vector<std::string>>();
    std::vector<arrival> history;
    if (answer.ok())
      history = receipts_of(answer.payload());
    else if (school(s).tried_again(answer))
      return;
    else
      notes.push_back("erp.receipt_history: " + answer.status_text() +
                      "; confidence in receipts is capped.");
    const auto learnt = experience::learn(kind::receipt, history,
                                          saved.at("today").get<planning::day_number>());
    school(s).keep("lesson/receipt", learnt.to_json(), answer.ok());
    tell(s, "receipts", learnt);
    end_lesson(s, saved.at("as_of").get<std::string>(), notes);
  }

  /// What was promised and what came, with the plan as it was on the day: transfers leave
  /// at the sender's next cut-off and take the lane's transit days.
  static std::vector<arrival> transfers_of(const json& answer,
                                           const trade::network& sites) {
    std::vector<arrival> out;
    for (const auto& t : answer.at("transfers")) {
      const auto from = t.at("from").get<std::string>(),
                 to = t.at("to").get<std::string>();
      const auto *sender = sites.find(from), *receiver = sites.find(to);
      const auto* way = sites.find(from, to);
      const auto due = trade::day_of(t.at("due_date"));
      const auto received = trade::day_of(t.at("received_date"));
      if (!sender || !receiver || !way || !due || !received)
        continue;
      const auto created =
          sender->at(parse_instant(t.at("created_at").get<std::string>()));
      const auto planned =
          trade::arrival_day(sender->next_ship_day(created), *way, *receiver);
      out.push_back({from + ">" + to, created.day, planned, *due, *received});
    }
    return out;
  }

  static std::vector<arrival> receipts_of(const json& answer) {
    std::vector<arrival> out;
    for (const auto& r : answer.at("receipts")) {
      const auto ordered = trade::day_of(r.at("ordered_date"));
      const auto promised = trade::day_of(r.at("promised_date"));
      if (!ordered || !promised)
        continue;
      out.push_back({r.at("supplier").get<std::string>(), *ordered, *promised, *promised,
                     r.contains("received_date") ? trade::day_of(r.at("received_date"))
                                                 : std::nullopt});
    }
    return out;
  }

  void tell(step& s, const char* what, const experience& learnt) {
    json fields{{"outcomes", learnt.outcomes()}};
    if (const auto& m = learnt.measured()) {
      fields.update({{"brier", m->brier},
                     {"brier_base_rate", m->brier_base},
                     {"ece", m->ece},
                     {"hit_rate", m->hit_rate}});
      s.gauge("replenishment.brier", m->brier, {{"of", what}});
      s.gauge("replenishment.ece", m->ece, {{"of", what}});
    }
    s.info(std::string{"Confidence calibrated on the history of "} + what + ".", fields);
  }

  void end_lesson(step& s, const std::string& as_of,
                  const std::vector<std::string>& notes) {
    auto memory = s.memory();
    const auto empty = experience::learn(kind::receipt, {}, 0).to_json();
    for (const char* lesson : {"lesson/transfer", "lesson/receipt"})
      if (!memory.get(lesson))
        memory.put(lesson, empty);
    school(s).end(as_of, notes);
    for (const auto& q : school(s).waiting())
      gather(s, q.at("token").get<reply_token>(), q.at("question"));
  }

  /// What was learnt, refitted at most once per lesson: the members are a cache only.
  const lessons& learnt(step& s) {
    const auto state = school(s).state();
    const auto version = state.at("learnt_ns").get<std::int64_t>();
    if (!cache_ || cached_version_ != version) {
      cache_ = lessons{experience::from_json(*s.memory().get("lesson/transfer")),
                       experience::from_json(*s.memory().get("lesson/receipt")),
                       state.at("notes").get<std::vector<std::string>>(),
                       state.at("as_of").get<std::string>()};
      cached_version_ = version;
    }
    return *cache_;
  }

  // -- a question
  // --------------------------------------------------------------------------

  void asked(step& s, const event& e) {
    const auto token = s.defer();
    if (school(s).done())
      gather(s, token, e.payload());
    else
      school(s).wait(token, e.payload());
  }

  /// Reads what every answer needs, all at once.
  void gather(step& s, reply_token token, const json& q) {
    json job{{"token", token},
             {"question", q},
             {"open", 0},
             {"second", false},
             {"have", json::object()},
             {"refusals", json::array()},
             {"senders", json::object()},
             {"substitutes", json::object()}};
    const json item{{"item", q.at("item")}};
    want(s, job, "line", "erp.order_line", {{"line", q.at("line")}});
    want(s, job, "item", "erp.item", item);
    want(s, job, "stock", "erp.stock", item);
    want(s, job, "sites", "erp.sites", json::object());
    // Of all sites: what is on its way to a sender decides what it can spare.
    want(s, job, "supply", "erp.supply", item);
    keep(s, job);
    if (job.at("open") == 0)
      finish(s, job);
  }

  /// Asks for one part of a job. A tool that was not granted counts as refused.
  void want(step& s, json& job, const std::string& part, const std::string& tool,
            const json& args) {
    try {
      s.call(tool, args,
             std::chrono::milliseconds{settings::read(s.config()).read_timeout_ms})
          .then("gathered", {{"job", job.at("token")}, {"part", part}});
      job["open"] = job.at("open").get<int>() + 1;
    } catch (const host_error& e) {
      if (e.code() != CDK_E_DENIED && e.code() != CDK_E_ABSENT)
        throw;
      job["refusals"].push_back(tool + ": " + e.what());
    }
  }

  void keep(step& s, const json& job) {
    s.memory().put("job/" + std::to_string(job.at("token").get<std::uint64_t>()), job,
                   job_life);
  }

  void gathered(step& s, const event& answer, const json& saved) {
    const auto key = "job/" + std::to_string(saved.at("job").get<std::uint64_t>());
    auto found = s.memory().get(key);
    if (!found)
      return; // too late: nobody waits any longer
    json& job = *found;
    job["open"] = job.at("open").get<int>() - 1;
    const auto part = saved.at("part").get<std::string>();
    if (answer.ok())
      take(job, part, answer);
    else
      job["refusals"].push_back(answer.topic() + " (" + part +
                                "): " + answer.status_text());
    if (job.at("open") == 0 && !job.at("second").get<bool>())
      gather_more(s, job);
    if (job.at("open") == 0)
      finish(s, job);
    else
      keep(s, job);
  }

  /// Reads what depends on the first answers: demand and promises of each possible
  /// sender, stock of each approved substitute.
  void gather_more(step& s, json& job) {
    job["second"] = true;
    const auto config = settings::read(s.config());
    const auto facts = facts_of(job);
    const auto& item = job.at("question").at("item");
    if (!facts.stock || !facts.sites)
      return;
    const auto since = trade::days_before(facts.stock->as_of(), config.demand_days);
    for (const auto& site : possible_senders(facts, config.senders_max)) {
      job["senders"][site] = json::object();
      want(s, job, "demand/" + site, "erp.demand",
           {{"item", item}, {"site", site}, {"since", since}});
      want(s, job, "orders/" + site, "erp.open_orders", {{"item", item}, {"site", site}});
    }
    for (const auto& other : approved_substitutes(facts, config.substitutes_max))
      want(s, job, "substitute/" + other, "erp.stock",
           {{"item", other}, {"site", job.at("question").at("site")}});
  }

  /// Keeps one answer, reduced to what the options need: a year of demand is two moments.
  static void take(json& job, const std::string& part, const event& answer) {
    const auto slash = part.find('/');
    const auto what = part.substr(0, slash);
    const auto whom = slash == part.npos ? "" : part.substr(slash + 1);
    if (what == "demand") {
      const auto since = trade::day_of(answer.args().at("since")).value_or(0);
      const auto facts = facts_of(job);
      job["senders"][whom]["demand"] =
          demand_summary::of(answer.payload(), since, today_at(facts, whom));
    } else if (what == "orders") {
      double open = 0;
      for (const auto& l : answer["lines"])
        open += std::max(0.0, trade::quantity_of(l.at("quantity")) -
                                  trade::quantity_of(l.at("allocated")));
      job["senders"][whom]["unallocated"] = open;
    } else {
      const json kept{{"tool", answer.topic()},
                      {"args", answer.args()},
                      {"answer", answer.payload()}};
      if (what == "substitute")
        job["substitutes"][whom] = kept;
      else
        job["have"][what] = kept;
    }
  }

  void finish(step& s, const json& job) {
    const auto config = settings::read(s.config());
    const auto facts = facts_of(job);
    const auto answer = answer_options(facts, learnt(s), config);
    s.reply(job.at("token").get<reply_token>(), outcome::ok, answer);
    s.memory().del("job/" + std::to_string(job.at("token").get<std::uint64_t>()));
    s.count("replenishment.answers");
    if (facts.stock)
      school(s).renew_if_old(facts.stock->as_of());
  }

  std::optional<lessons> cache_;
  std::int64_t cached_version_ = 0;
};

CROSSDOCK_AGENT("replenishment", replenishment_agent)
