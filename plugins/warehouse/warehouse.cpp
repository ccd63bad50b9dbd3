/// The WAREHOUSE agent says which options can be picked before the carrier's cut-off that
/// still makes their need date.
///
/// It learns before it speaks: the pick history is backtested when the agent starts and
/// once a day; a question that comes earlier waits in memory.
///
/// Memory: lesson what was learnt; lesson/state when, and what could not be; learning the
/// lesson being read; queue/TOKEN questions that wait.

#include "picking.hpp"

#include <planning/confidence.hpp>

#include <crossdock/plugin.hpp>

using namespace crossdock::sdk;
using namespace crossdock::warehouse;
namespace trade = crossdock::trade;
namespace planning = crossdock::planning;

namespace {

/// Tries before a history that cannot be read now is gone without until the next refresh.
constexpr int learning_attempts = 5;
constexpr std::chrono::seconds learning_pause{3};
/// A lesson that has not ended by then died with its host: it is begun again.
constexpr std::int64_t lesson_ns_max = 120'000'000'000;
/// A question nobody waits for any longer is forgotten.
constexpr std::chrono::minutes question_life{10};

bool passing(cdk_status status) {
  return status == CDK_TOOL_TRANSIENT || status == CDK_TOOL_UNKNOWN ||
         status == CDK_TOOL_CONFLICT || status == CDK_E_DEADLINE || status == CDK_E_RETRY;
}

} // namespace

struct warehouse_agent : agent {
  static void declare(handlers<warehouse_agent>& h) {
    h.started(&warehouse_agent::started);
    h.then("learn", &warehouse_agent::learn_again);
    h.then("learn_sites", &warehouse_agent::learn_sites);
    h.then("learn_picks", &warehouse_agent::learn_picks);
    h.answers("pick.feasibility", &warehouse_agent::asked);
    h.then("sites", &warehouse_agent::sites_read);
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
    s.memory().put("learning", {{"since_ns", s.now()}, {"attempt", attempt}});
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
        end_lesson(s, rfc3339(0), {}, "erp.sites: " + answer.status_text());
      return;
    }
    const auto as_of = answer.text("as_of");
    const auto days = std::int64_t{settings::read(s.config()).history_days};
    s.call("erp.pick_history",
           {{"since", date_of(parse_instant(as_of) - days * 86'400'000'000'000)}},
           std::chrono::seconds{30})
        .then("learn_picks", {{"as_of", as_of}});
  }

  void learn_picks(step& s, const event& answer, const json& saved) {
    const auto as_of = saved.at("as_of").get<std::string>();
    if (answer.ok())
      end_lesson(s, as_of, days_of(answer.payload()), "");
    else if (!tried_again(s, answer))
      end_lesson(s, as_of, {},
                 "erp.pick_history: " + answer.status_text() + "; confidence is capped.");
  }

  void end_lesson(step& s, const std::string& as_of, const std::vector<pick_day>& days,
                  const std::string& trouble) {
    auto memory = s.memory();
    const auto learnt = experience::learn(days, settings::read(s.config()).pick_rate_cv);
    json notes = json::array();
    // A history that could not be read takes nothing away from what was learnt before.
    if (trouble.empty() || !memory.get("lesson"))
      memory.put("lesson", learnt.to_json());
    if (!trouble.empty())
      notes.push_back(trouble);
    else if (learnt.outcomes() < planning::cap_until_outcomes)
      notes.push_back(fmt::format("erp.pick_history has {} usable days of {} needed.",
                                  learnt.outcomes(), planning::cap_until_outcomes));
    for (const auto& n : notes)
      s.warn(n.get<std::string>());
    memory.put("lesson/state",
               {{"as_of", as_of}, {"learnt_ns", s.now()}, {"notes", notes}});
    memory.del("learning");
    json fields{{"outcomes", learnt.outcomes()}};
    if (const auto& q = learnt.calibration().quality()) {
      fields.update({{"brier", q->brier},
                     {"brier_base_rate", *learnt.brier_base()},
                     {"ece", q->ece}});
      s.gauge("warehouse.brier", q->brier);
      s.gauge("warehouse.ece", q->ece);
    }
    s.info("Confidence calibrated on the pick history.", fields);
    if (!memory.get("refresh")) {
      memory.put("refresh", true);
      refresh_tomorrow(s);
    }
    for (const auto& [key, waiting] : memory.scan("queue/")) {
      memory.del(key);
      read_sites(s, waiting);
    }
  }

  // -- a question
  // --------------------------------------------------------------------------

  void asked(step& s, const event& e) {
    const json saved{{"token", s.defer()}, {"question", e.payload()}};
    if (s.memory().get("lesson/state")) {
      read_sites(s, saved);
      return;
    }
    s.memory().put("queue/" + std::to_string(saved.at("token").get<std::uint64_t>()),
                   saved, question_life);
    const auto lesson = s.memory().get("learning");
    if (!lesson || s.now() - lesson->at("since_ns").get<std::int64_t>() > lesson_ns_max)
      learn(s, 1);
  }

  void read_sites(step& s, const json& waiting) {
    // Only what the judgement needs travels with the request.
    json options = json::array();
    for (const auto& o : waiting.at("question").at("options")) {
      json kept;
      for (const char* member :
           {"id", "site_from", "kind", "quantity", "need_date", "ready_date", "pick"})
        if (o.contains(member))
          kept[member] = o.at(member);
      if (o.contains("args") && o.at("args").contains("to"))
        kept["args"] = {{"to", o.at("args").at("to")}};
      options.push_back(kept);
    }
    s.call("erp.sites", json::object(),
           std::chrono::milliseconds{settings::read(s.config()).read_timeout_ms})
        .then("sites",
              {{"token", waiting.at("token")}, {"question", {{"options", options}}}});
  }

  void sites_read(step& s, const event& answer, const json& saved) {
    const auto token = saved.at("token").get<reply_token>();
    if (!answer.ok()) {
      s.reply(token, outcome::refused,
              {{"reason", "erp.sites: " + answer.status_text()}});
      return;
    }
    const auto config = settings::read(s.config());
    const trade::source sites{"erp.sites", json::object(), answer.payload()};
    s.reply(token, outcome::ok,
            answer_feasibility(saved.at("question"), sites, learnt(s), config));
    s.count("warehouse.answers");
    const auto age = parse_instant(sites.as_of()) - parse_instant(learnt(s).as_of);
    // The ERP's days may pass faster than ours.
    if (age > std::int64_t{config.refresh_hours} * 3'600'000'000'000 &&
        !s.memory().get("learning"))
      learn(s, 1);
  }

  /// What was learnt, refitted at most once per lesson: the members are a cache only.
  const lessons& learnt(step& s) {
    const auto state = *s.memory().get("lesson/state");
    const auto version = state.at("learnt_ns").get<std::int64_t>();
    if (!cache_ || cached_version_ != version) {
      cache_ = lessons{experience::from_json(*s.memory().get("lesson")),
                       state.at("notes").get<std::vector<std::string>>(),
                       state.at("as_of").get<std::string>()};
      cached_version_ = version;
    }
    return *cache_;
  }

  std::optional<lessons> cache_;
  std::int64_t cached_version_ = 0;
};

CROSSDOCK_AGENT("warehouse", warehouse_agent)
