/// The `sql` connector: any ERP that is read and written through SQL. One instance is one
/// database under one mapping.
#include <algorithm>

#include <crossdock/plugin.hpp>

#include "erp.hpp"

namespace crossdock::sql {

using namespace sdk;

class sql_connector : public connector {
public:
  static void declare(handlers<sql_connector>& h) {
    h.started(&sql_connector::started);
    h.configured(&sql_connector::started_anew);
    h.then("poll", &sql_connector::poll);
    h.call("*", &sql_connector::call);
    h.lookup("*", &sql_connector::look_up);
  }

  void configure(const json& config) override {
    const auto text = [&](const char* member) {
      if (!config.contains(member) || !config.at(member).is_string())
        throw bad_config{std::string{"the sql connector needs '"} + member +
                         "' in its configuration"};
      return config.at(member).get<std::string>();
    };
    erp_options options;
    options.system = text("system");
    options.connect.database = text("database");
    options.connect.busy_ms = config.value("busy_ms", 2000);
    options.connect.read_only = config.value("read_only", false);
    options.rows_max = config.value("rows_max", std::size_t{5000});
    auto fresh =
        std::make_unique<erp>(mapping::load(text("mapping")), std::move(options));
    interval_ = std::chrono::milliseconds{config.value("interval_ms", 500)};
    page_ = std::min(config.value("page", 100), events_per_step());
    start_ = config.value("start", "open");
    erp_ = std::move(fresh);
  }

  json probe(std::uint32_t depth) override {
    if (depth == 0)
      return {{"alive", true}};
    const auto wrong = erp_->check();
    if (!wrong.empty())
      throw bad_config{wrong.front() +
                       (wrong.size() > 1
                            ? " (and " + std::to_string(wrong.size() - 1) + " more)"
                            : "")};
    return {{"database", erp_->database_name()},
            {"mapping", erp_->map().file},
            {"feeds", erp_->map().feeds.size()},
            {"tools", erp_->map().reads.size() + erp_->map().writes.size()}};
  }

private:
  /// What fits into one step beside the cursor and the next timer.
  int events_per_step() const {
    const auto* host = tables().host;
    const auto* limits = static_cast<const cdk_limits*>(
        host->get_extension(host, sdk::detail::str(CDK_CAP_LIMITS)));
    constexpr std::uint64_t beside = 8, most = 1000;
    if (!CDK_HAS(limits, effects_per_step_max))
      return most;
    const auto all = std::max(limits->effects_per_step_max, beside + 1);
    return static_cast<int>(std::min(all - beside, most));
  }

  // -- polling
  // --------------------------------------------------------------------------------

  void started(step& s, const event&) {
    for (const auto& sentence : erp_->check())
      s.error(sentence);
    // Timers outlive an activation: those of an earlier one carry an older number and
    // stop.
    auto memory = s.memory();
    const auto generation = memory.get("generation", 0).get<std::int64_t>() + 1;
    memory.put("generation", generation);
    for (const auto& [topic, feed] : erp_->map().feeds)
      s.timer(std::chrono::milliseconds{0}, "poll",
              {{"topic", topic}, {"generation", generation}});
  }
  void started_anew(step& s, const event& e) { started(s, e); }

  /// One page of one feed: its events and its cursor commit together.
  void poll(step& s, const event&, const json& saved) {
    if (saved.at("generation") != s.memory().get("generation", 0))
      return;
    const auto topic = saved.at("topic").get<std::string>();
    if (erp_->map().feeds.count(topic) == 0)
      return;
    auto next = interval_;
    try {
      if (advance(s, topic))
        next = std::chrono::milliseconds{0};
      failures_.erase(topic);
    } catch (const database_error& e) {
      // The feed goes on: trouble in the ERP is no reason to stop looking at it.
      const int times = ++failures_[topic];
      next = backoff(times);
      s.log(times == 1 ? level::warning : level::debug,
            "a poll failed and is tried again",
            {{"topic", topic}, {"reason", e.what()}, {"in_ms", next.count()}});
      s.count("sql_poll_failures", 1, {{"topic", topic}});
    }
    s.timer(next, "poll", saved);
  }

  /// True if there may be more at once.
  bool advance(step& s, const std::string& topic) {
    auto memory = s.memory();
    const auto place = "cursor/" + topic;
    auto cursor = memory.get(place);
    if (!cursor) {
      cursor = erp_->first_cursor(topic, start_);
      memory.put(place, *cursor);
    }
    const auto page = erp_->poll(topic, *cursor, page_);
    bool limited = false;
    for (const auto& row : page) {
      const auto sent = send(s, topic, row);
      if (sent == CDK_E_LIMIT && row.cursor != page.front().cursor) {
        limited = true; // the rest comes with the next step
        break;
      }
      if (sent == CDK_E_LIMIT)
        throw host_error{sent, "one row of " + topic + " is beyond the step's limits"};
      cursor = row.cursor;
    }
    if (!page.empty())
      memory.put(place, *cursor);
    return limited || page.size() == static_cast<std::size_t>(page_);
  }

  /// CDK_OK, or CDK_E_LIMIT. One row that breaks its schema or is not UTF-8 must not hold
  /// up the others for ever: it is reported and passed over.
  cdk_status send(step& s, const std::string& topic, const feed_row& row) {
    std::string reason;
    try {
      s.send(topic, row.payload, {}, row.id);
      return CDK_OK;
    } catch (const host_error& e) {
      if (e.code() == CDK_E_LIMIT)
        return e.code();
      if (e.code() != CDK_E_INVALID)
        throw;
      reason = e.what();
    } catch (const json::exception& e) {
      reason = e.what();
    }
    s.error("a row does not fit its topic and was not sent",
            {{"topic", topic}, {"cursor", row.cursor}, {"reason", reason}});
    s.count("sql_rows_refused", 1, {{"topic", topic}});
    return CDK_OK;
  }

  std::chrono::milliseconds backoff(int times) const {
    const auto longest = std::chrono::milliseconds{30'000};
    const auto doubled = interval_ * (1LL << std::min(times, 10));
    return std::min(std::chrono::milliseconds{doubled}, longest);
  }

  // -- tools
  // ----------------------------------------------------------------------------------

  void call(step& s, const event& e) {
    const auto name = e.topic();
    const auto result = erp_->map().writes.count(name) != 0
                            ? erp_->write(name, e.payload(), e.idempotency_key())
                            : erp_->read(name, e.payload());
    s.reply(result.what, result.payload);
  }

  void look_up(step& s, const event& e) {
    const auto result = erp_->lookup(e.topic(), e.payload(), e.idempotency_key());
    s.reply(result.what, result.payload);
  }

  std::unique_ptr<erp> erp_;
  std::chrono::milliseconds interval_{500};
  int page_ = 100;
  std::string start_ = "open";
  std::map<std::string, int> failures_; // in a row, per feed; for the backoff alone
};

CROSSDOCK_CONNECTOR("sql", sql_connector)

} // namespace crossdock::sql
