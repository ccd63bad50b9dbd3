/// The REPLENISHMENT agent answers what could fill a shortage: transfers, substitutes, or
/// waiting, each with a calibrated confidence.
///
/// It learns before it speaks: the history of transfers and receipts is backtested when
/// the agent starts and once a day; a question that comes earlier waits in memory.
///
/// Memory: lesson/transfer and lesson/receipt what was learnt; lesson/state when, and
/// what could not be; learning the lesson being read; queue/TOKEN questions that wait;
/// job/TOKEN questions whose facts are being read.

#include "options.hpp"

#include <planning/confidence.hpp>

#include <crossdock/plugin.hpp>

#include <algorithm>

using namespace crossdock::sdk;
using namespace crossdock::replenishment;
namespace trade = crossdock::trade;
namespace planning = crossdock::planning;

namespace {

/// Tries before a history that cannot be read now is gone without until the next refresh.
constexpr int learning_attempts = 5;
constexpr std::chrono::seconds learning_pause{3};
/// A lesson that has not ended by then died with its host: it is begun again.
constexpr std::int64_t lesson_ns_max = 120'000'000'000;
/// A question nobody waits for any longer is forgotten.
constexpr std::chrono::minutes job_life{10};

bool passing(cdk_status status) {
  return status == CDK_TOOL_TRANSIENT || status == CDK_TOOL_UNKNOWN ||
         status == CDK_TOOL_CONFLICT || status == CDK_E_DEADLINE || status == CDK_E_RETRY;
}

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

std::string days_before(const std::string& instant, int days) {
  return date_of(parse_instant(instant) - std::int64_t{days} * 86'400'000'000'000);
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

  void started(step& s) {
    s.memory().del("learning"); // an unfinished lesson died with the last activation
    learn(s, 1);
  }

  /// A timer: the daily refresh, or another try.
  void learn_again(step& s, const event&, const json& saved) {
    if (saved.value("daily", false))
      refresh_tomorrow(s);
    learn(s, saved.value("attempt", 1));
  }

  void refresh_tomorrow(step& s) {
    s.timer(std::chrono::hours{settings::read(s.config()).refresh_hours}, "learn",
            {{"daily", true}});
  }

  void learn(step& s, int attempt) {
    s.memory().put(
        "learning",
        {{"since_ns", s.now()}, {"attempt", attempt}, {"notes", json::array()}});
    s.call("erp.sites", json::object()).then("learn_sites");
  }

  /// True: another try is under way because the reason passes.
  bool tried_again(step& s, const event& answer) {
    const auto attempt =
        s.memory().get("learning", json{{"attempt", 1}}).value("attempt", 1);
    if (!passing(answer.status()) || attempt >= learning_attempts)
      return false;
    s.timer(learning_pause, "learn", {{"attempt", attempt + 1}});
    return true;
  }

  void learn_sites(step& s, const event& answer, const json&) {
    if (!answer.ok()) {
      if (!tried_again(s, answer))
        end_lesson(s, {}, {"erp.sites: " + answer.status_text()});
      return;
    }
    auto lesson = s.memory().get("learning", json::object());
    lesson["sites"] = answer.payload();
    s.memory().put("learning", lesson);
    const auto config = settings::read(s.config());
    s.call("erp.transfer_history",
           {{"since", days_before(answer.text("as_of"), config.history_days)},
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
    else if (tried_again(s, answer))
      return;
    else
      notes.push_back("erp.transfer_history: " + answer.status_text() +
                      "; confidence in transfers is capped.");
    const auto learnt = experience::learn(kind::transfer, history, today);
    if (answer.ok() && learnt.outcomes() < planning::cap_until_outcomes)
      notes.push_back(
          fmt::format("erp.transfer_history has {} usable outcomes of {} needed.",
                      learnt.outcomes(), planning::cap_until_outcomes));
    keep_lesson(s, "lesson/transfer", learnt, answer.ok());
    tell(s, "transfers", learnt);
    const auto config = settings::read(s.config());
    s.call("erp.receipt_history",
           {{"since", days_before(sites.as_of(), config.history_days)},
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
    else if (tried_again(s, answer))
      return;
    else
      notes.push_back("erp.receipt_history: " + answer.status_text() +
                      "; confidence in receipts is capped.");
    const auto learnt = experience::learn(kind::receipt, history,
                                          saved.at("today").get<planning::day_number>());
    keep_lesson(s, "lesson/receipt", learnt, answer.ok());
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

  /// A history that could not be read takes nothing away from what was learnt before.
  static void keep_lesson(step& s, const char* key, const experience& learnt,
                          bool was_read) {
    if (was_read || !s.memory().get(key))
      s.memory().put(key, learnt.to_json());
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
    // Without a time of the ERP the lesson counts as old: the next question begins
    // another.
    memory.put("lesson/state", {{"as_of", as_of.empty() ? rfc3339(0) : as_of},
                                {"learnt_ns", s.now()},
                                {"notes", notes}});
    memory.del("learning");
    for (const auto& n : notes)
      s.warn(n);
    if (!memory.get("refresh")) {
      memory.put("refresh", true);
      refresh_tomorrow(s);
    }
    for (const auto& [key, waiting] : memory.scan("queue/")) {
      memory.del(key);
      gather(s, waiting.at("token").get<reply_token>(), waiting.at("question"));
    }
  }

  /// What was learnt, refitted at most once per lesson: the members are a cache only.
  const lessons& learnt(step& s) {
    const auto state = *s.memory().get("lesson/state");
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
    if (s.memory().get("lesson/state")) {
      gather(s, token, e.payload());
      return;
    }
    s.memory().put("queue/" + std::to_string(token.value),
                   {{"token", token}, {"question", e.payload()}}, job_life);
    const auto lesson = s.memory().get("learning");
    if (!lesson || s.now() - lesson->at("since_ns").get<std::int64_t>() > lesson_ns_max)
      learn(s, 1);
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
    want(s, job, "supply", "erp.supply",
         {{"item", q.at("item")}, {"site", q.at("site")}});
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
    const auto since = days_before(facts.stock->as_of(), config.demand_days);
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
    relearn_if_old(s, facts, config);
  }

  /// The ERP's days may pass faster than ours: a lesson older than a refresh by its clock
  /// is renewed while questions go on being answered from the present one.
  void relearn_if_old(step& s, const case_facts& facts, const settings& config) {
    if (!facts.stock || s.memory().get("learning"))
      return;
    const auto age =
        parse_instant(facts.stock->as_of()) -
        parse_instant(s.memory().get("lesson/state")->at("as_of").get<std::string>());
    if (age > std::int64_t{config.refresh_hours} * 3'600'000'000'000)
      learn(s, 1);
  }

  std::optional<lessons> cache_;
  std::int64_t cached_version_ = 0;
};

CROSSDOCK_AGENT("replenishment", replenishment_agent)
