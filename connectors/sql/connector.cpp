/// The `sql` connector: any ERP that is read and written through SQL. One instance is one
/// database under one mapping.
#include <algorithm>

#include <crossdock/plugin.hpp>

#include "erp.hpp"
#include "wakes.hpp"

namespace crossdock::sql {

using namespace sdk;

class sql_connector : public connector {
public:
  static void declare(handlers<sql_connector>& h) {
    h.started(&sql_connector::started);
    h.configured(&sql_connector::started_anew);
    h.then("poll", &sql_connector::poll);
    h.posted(&sql_connector::woken);
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
    options.connect = connection_of(config, text("database"));
    options.connect.read_only = config.value("read_only", false);
    options.rows_max = config.value("rows_max", std::size_t{5000});
    options.operation = patience();
    auto map = mapping::load(text("mapping"));
    for (const auto& [topic, feed] : map.feeds)
      check_channel(feed.notify, options.connect.driver);
    connect_ = options.connect;
    auto fresh = std::make_unique<erp>(std::move(map), std::move(options));
    interval_ = std::chrono::milliseconds{config.value("interval_ms", 500)};
    quiet_ = std::chrono::milliseconds{config.value("notify_interval_ms", 30'000)};
    page_ = std::min(config.value("page", 100), events_per_step());
    start_ = config.value("start", "open");
    erp_ = std::move(fresh);
  }

  void quiesce(std::uint32_t, std::int64_t) override { wakes_.reset(); }
  void resume() override { listen(); }

  json probe(std::uint32_t depth) override {
    if (depth == 0)
      return {{"alive", true}};
    const auto found = erp_->check(start_);
    refuse(found.wrong);
    if (!found.unavailable.empty())
      throw bad_config{found.unavailable};
    return {{"database", erp_->database_name()},
            {"mapping", erp_->map().file},
            {"feeds", erp_->map().feeds.size()},
            {"tools", erp_->map().reads.size() + erp_->map().writes.size()}};
  }

private:
  static connect_options connection_of(const json& config, const std::string& database) {
    connect_options o;
    o.driver = config.value("driver", "sqlite") == "postgresql" ? product::postgresql
                                                                : product::sqlite;
    o.database = database;
    o.password = config.value("password", "");
    o.password_file = config.value("password_file", "");
    o.busy_ms = config.value("busy_ms", o.busy_ms);
    o.connect_ms = config.value("connect_ms", o.connect_ms);
    o.statement_ms = config.value("statement_ms", o.statement_ms);
    o.idle_in_transaction_ms =
        config.value("idle_in_transaction_ms", o.idle_in_transaction_ms);
    o.search_path = config.value("search_path", o.search_path);
    o.application = config.value("application_name", o.application);
    try {
      validate(o);
    } catch (const database_error& e) {
      throw bad_config{e.what()};
    }
    return o;
  }

  static void check_channel(const statement_text& channel, product driver) {
    constexpr std::size_t name_max = 63; // NAMEDATALEN - 1
    if (channel.sql.empty())
      return;
    if (!can_listen(driver))
      throw bad_config{channel.place + ": SQLite does not notify: remove it, or set "
                                       "driver = \"postgresql\""};
    if (channel.sql.size() > name_max)
      throw bad_config{channel.place + ": a channel's name has at most 63 bytes"};
  }

  static void refuse(const std::vector<std::string>& wrong) {
    if (wrong.empty())
      return;
    const auto more = wrong.size() - 1;
    throw bad_config{wrong.front() +
                     (more > 0 ? " (and " + std::to_string(more) + " more)" : "")};
  }

  const cdk_limits* limits() const {
    const auto* host = tables().host;
    return static_cast<const cdk_limits*>(
        host->get_extension(host, sdk::detail::str(CDK_CAP_LIMITS)));
  }

  /// Nine tenths of what the host allows a step: an end that is ours is an answer, one
  /// that is the host's costs the thread.
  std::chrono::milliseconds patience() const {
    constexpr std::uint64_t otherwise = 10'000, most = 600'000;
    const auto* l = limits();
    const auto step_ms = CDK_HAS(l, step_ms_hard) ? l->step_ms_hard : otherwise;
    return std::chrono::milliseconds{
        static_cast<std::int64_t>(std::min(step_ms, most) * 9 / 10)};
  }

  /// What fits into one step beside the cursor and the next timer.
  int events_per_step() const {
    const auto* l = limits();
    constexpr std::uint64_t beside = 8, most = 1000;
    if (!CDK_HAS(l, effects_per_step_max))
      return most;
    const auto all = std::max(l->effects_per_step_max, beside + 1);
    return static_cast<int>(std::min(all - beside, most));
  }

  // -- polling
  // --------------------------------------------------------------------------------

  void started(step& s, const event&) {
    // What will not pass refuses the start; what may pass is waited for by the polls.
    const auto found = erp_->check(start_);
    for (const auto& sentence : found.wrong)
      s.error(sentence);
    refuse(found.wrong);
    if (!found.unavailable.empty())
      s.log(level::warning, found.unavailable);
    // Timers outlive an activation: those of an earlier one carry an older number and
    // stop.
    auto memory = s.memory();
    const auto generation = memory.get("generation", 0).get<std::int64_t>() + 1;
    memory.put("generation", generation);
    for (const auto& [topic, feed] : erp_->map().feeds)
      s.timer(std::chrono::milliseconds{0}, "poll",
              {{"topic", topic}, {"generation", generation}});
    listen();
  }
  void started_anew(step& s, const event& e) { started(s, e); }

  /// One page of one feed: its events and its cursor commit together.
  void poll(step& s, const event&, const json& saved) {
    if (saved.at("generation") != s.memory().get("generation", 0))
      return;
    const auto topic = saved.at("topic").get<std::string>();
    if (erp_->map().feeds.count(topic) == 0)
      return;
    const auto again = try_advance(s, topic);
    const bool told = !erp_->map().feeds.at(topic).notify.sql.empty();
    s.timer(again.value_or(told ? quiet_ : interval_), "poll", saved);
  }

  /// The database said that a feed's tables changed. No timer and no record comes of it.
  void woken(step& s, const event& e) {
    const std::string topic{e.tag_bytes()};
    std::optional<std::chrono::milliseconds> again;
    // Whatever happens, the next notice must wake it again.
    const struct at_end {
      std::unique_ptr<wakes>& w;
      const std::string& t;
      std::optional<std::chrono::milliseconds>& a;
      ~at_end() {
        if (w)
          w->polled(t, a);
      }
    } tell{wakes_, topic, again};
    if (erp_->map().feeds.count(topic) != 0)
      again = try_advance(s, topic);
    s.count("sql_wakes", 1, {{"topic", topic}});
  }

  /// One page. When to come back sooner than usual: there is more, or it failed.
  std::optional<std::chrono::milliseconds> try_advance(step& s,
                                                       const std::string& topic) {
    try {
      const bool more = advance(s, topic);
      failures_.erase(topic);
      if (more)
        return std::chrono::milliseconds{0};
      return std::nullopt;
    } catch (const database_error& e) {
      // The feed goes on: trouble in the ERP is no reason to stop looking at it.
      const int times = ++failures_[topic];
      const auto next = backoff(times);
      s.log(times == 1 ? level::warning : level::debug,
            "a poll failed and is tried again",
            {{"topic", topic}, {"reason", e.what()}, {"in_ms", next.count()}});
      s.count("sql_poll_failures", 1, {{"topic", topic}});
      return next;
    }
  }

  void listen() {
    wakes_.reset();
    wake_options o;
    o.connect = connect_;
    for (const auto& [topic, feed] : erp_->map().feeds)
      if (!feed.notify.sql.empty())
        o.topics[feed.notify.sql].insert(topic);
    if (o.topics.empty())
      return;
    o.wake = [this](const std::string& topic) { return wake(topic); };
    o.say = [this, lost = 0](bool heard, const std::string& why) mutable {
      if (heard && why.empty()) {
        log(level::info, "listening for the database's notices of changes");
        lost = 0;
      } else {
        log(lost++ == 0 ? level::warning : level::debug,
            "notices of changes are not heard, polling goes on", {{"reason", why}});
      }
    };
    wakes_ = std::make_unique<wakes>(std::move(o));
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
  connect_options connect_;
  std::chrono::milliseconds interval_{500};
  std::chrono::milliseconds quiet_{30'000}; // of a feed that is woken
  int page_ = 100;
  std::string start_ = "open";
  std::map<std::string, int> failures_; // in a row, per feed; for the backoff alone
  std::unique_ptr<wakes> wakes_;        // last: its thread uses the others
};

CROSSDOCK_CONNECTOR("sql", sql_connector)

} // namespace crossdock::sql
