/// The WAREHOUSE agent says which options can be picked before the carrier's cut-off that
/// still makes their need date.
///
/// It learns before it speaks (trade/schooling.hpp): the pick history is backtested when
/// the agent starts and once a day.
///
/// Memory: that of schooling; lesson what was learnt.

#include "picking.hpp"

#include "trade/schooling.hpp"

#include <planning/confidence.hpp>

#include <crossdock/plugin.hpp>

using namespace crossdock::sdk;
using namespace crossdock::warehouse;
namespace trade = crossdock::trade;
namespace planning = crossdock::planning;

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

  static trade::schooling school(step& s) {
    return {s, std::chrono::hours{settings::read(s.config()).refresh_hours}};
  }

  void started(step& s) { school(s).start(); }
  void learn_again(step& s, const event&, const json& saved) { school(s).again(saved); }

  void learn_sites(step& s, const event& answer, const json&) {
    if (!answer.ok()) {
      if (!school(s).tried_again(answer))
        end_lesson(s, "", {}, "erp.sites: " + answer.status_text());
      return;
    }
    const auto as_of = answer.text("as_of");
    const auto days = settings::read(s.config()).history_days;
    s.call("erp.pick_history", {{"since", trade::days_before(as_of, days)}},
           std::chrono::seconds{30})
        .then("learn_picks", {{"as_of", as_of}});
  }

  void learn_picks(step& s, const event& answer, const json& saved) {
    const auto as_of = saved.at("as_of").get<std::string>();
    if (answer.ok())
      end_lesson(s, as_of, days_of(answer.payload()), "");
    else if (!school(s).tried_again(answer))
      end_lesson(s, as_of, {},
                 "erp.pick_history: " + answer.status_text() + "; confidence is capped.");
  }

  void end_lesson(step& s, const std::string& as_of, const std::vector<pick_day>& days,
                  const std::string& trouble) {
    const auto learnt = experience::learn(days, settings::read(s.config()).pick_rate_cv);
    std::vector<std::string> notes;
    if (!trouble.empty())
      notes.push_back(trouble);
    else if (learnt.outcomes() < planning::cap_until_outcomes)
      notes.push_back(fmt::format("erp.pick_history has {} usable days of {} needed.",
                                  learnt.outcomes(), planning::cap_until_outcomes));
    school(s).keep("lesson", learnt.to_json(), trouble.empty());
    school(s).end(as_of, notes);
    json fields{{"outcomes", learnt.outcomes()}};
    if (const auto& q = learnt.calibration().quality()) {
      fields.update({{"brier", q->brier},
                     {"brier_base_rate", *learnt.brier_base()},
                     {"ece", q->ece}});
      s.gauge("warehouse.brier", q->brier);
      s.gauge("warehouse.ece", q->ece);
    }
    s.info("Confidence calibrated on the pick history.", fields);
    for (const auto& q : school(s).waiting())
      read_sites(s, q);
  }

  // -- a question
  // --------------------------------------------------------------------------

  void asked(step& s, const event& e) {
    const auto token = s.defer();
    if (school(s).done())
      read_sites(s, {{"token", token}, {"question", e.payload()}});
    else
      school(s).wait(token, e.payload());
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
    school(s).renew_if_old(sites.as_of());
  }

  /// What was learnt, refitted at most once per lesson: the members are a cache only.
  const lessons& learnt(step& s) {
    const auto state = school(s).state();
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
