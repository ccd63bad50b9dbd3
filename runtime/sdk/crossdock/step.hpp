/// What a handler may ask for: effects, all recorded together when it returns. C++17.
#pragma once

#include <chrono>
#include <cmath>
#include <deque>
#include <functional>
#include <map>

#include <crossdock/event.hpp>

namespace crossdock::sdk {

class step;

enum class level : std::uint32_t {
  debug = CDK_LOG_DEBUG,
  info = CDK_LOG_INFO,
  warning = CDK_LOG_WARNING,
  error = CDK_LOG_ERROR,
};

namespace detail {

/// The host's tables, looked up once when the instance is created.
struct host_tables {
  const cdk_host* host = nullptr;
  const cdk_tool* tool = nullptr;
  const cdk_propose* propose = nullptr;
  const cdk_memory* memory = nullptr;
  const cdk_model* model = nullptr;
  const cdk_search* search = nullptr;
  const cdk_net* net = nullptr;

  explicit host_tables(const cdk_host* h) : host{h} {
    tool = find<cdk_tool>(CDK_CAP_TOOL);
    propose = find<cdk_propose>(CDK_CAP_PROPOSE);
    memory = find<cdk_memory>(CDK_CAP_MEMORY);
    model = find<cdk_model>(CDK_CAP_MODEL);
    search = find<cdk_search>(CDK_CAP_SEARCH);
    net = find<cdk_net>(CDK_CAP_NET);
  }

  void log(level l, std::string_view message, const json& fields) const {
    const auto text = fields.empty() ? std::string{} : fields.dump();
    host->log(host, static_cast<std::uint32_t>(l), str(message), str(text));
  }
  void metric(std::uint32_t kind, std::string_view name, double value,
              const json& labels) const {
    const auto text = labels.empty() ? std::string{} : labels.dump();
    host->metric(host, kind, str(name), value, str(text));
  }

private:
  template <class Table>
  const Table* find(const char* id) const {
    return host->get_extension
               ? static_cast<const Table*>(host->get_extension(host, str(id)))
               : nullptr;
  }
};

template <class Table>
const Table& granted(const Table* table, const char* id) {
  if (!table)
    throw host_error{CDK_E_DENIED, std::string{id} +
                                       " was not granted: name it under "
                                       "capabilities in plugin.toml and in the "
                                       "node's configuration"};
  return *table;
}

inline std::string make_tag(const std::string& then, const json& saved) {
  return json{{"then", then}, {"saved", saved}}.dump();
}

inline std::uint64_t millis(std::chrono::milliseconds d) {
  return d.count() < 0 ? 0 : static_cast<std::uint64_t>(d.count());
}

} // namespace detail

// -- memory -----------------------------------------------------------------------------

/// The component's durable memory. Changes commit with the step; later reads of the same
/// step see them. Values are JSON.
class memory_view {
public:
  memory_view(cdk_step* raw, const cdk_memory& table) : raw_{raw}, table_{table} {}

  std::optional<json> get(std::string_view key) const {
    cdk_bytes out{};
    const auto status = table_.get(raw_, detail::str(key), &out);
    if (status == CDK_E_ABSENT)
      return std::nullopt;
    detail::require(status, "memory get", key);
    return parsed(key, out);
  }
  json get(std::string_view key, const json& otherwise) const {
    auto found = get(key);
    return found ? *std::move(found) : otherwise;
  }
  /// `ttl` zero keeps it until it is deleted.
  void put(std::string_view key, const json& value, std::chrono::seconds ttl = {}) {
    const auto text = value.dump();
    detail::require(
        table_.put(raw_, detail::str(key), detail::bytes(text),
                   ttl.count() < 0 ? 0 : static_cast<std::uint64_t>(ttl.count())),
        "memory put", key);
  }
  /// Deleting what is not there is fine.
  void del(std::string_view key) {
    const auto status = table_.del(raw_, detail::str(key));
    if (status != CDK_E_ABSENT)
      detail::require(status, "memory del", key);
  }
  /// All pairs whose key begins with `prefix`, in byte order of the keys.
  std::vector<std::pair<std::string, json>> scan(std::string_view prefix) const {
    struct context {
      std::vector<std::pair<std::string, std::string>> found;
      bool failed = false;
    } c;
    const auto visit = [](void* ctx, cdk_str key,
                          cdk_bytes value) noexcept -> std::int32_t {
      auto& into = *static_cast<context*>(ctx);
      try {
        into.found.emplace_back(detail::view(key), detail::view(value));
        return 0;
      } catch (...) {
        into.failed = true;
        return 1;
      }
    };
    detail::require(table_.scan(raw_, detail::str(prefix), &c, visit), "memory scan",
                    prefix);
    if (c.failed)
      throw std::bad_alloc{};
    std::vector<std::pair<std::string, json>> out;
    out.reserve(c.found.size());
    for (auto& [key, text] : c.found)
      out.emplace_back(key, parsed(key, detail::bytes(text)));
    return out;
  }

private:
  static json parsed(std::string_view key, cdk_bytes value) {
    const auto text = detail::view(value);
    auto j = json::parse(text.begin(), text.end(), nullptr, false);
    if (j.is_discarded())
      throw std::runtime_error{"memory '" + std::string{key} + "' is not JSON"};
    return j;
  }

  cdk_step* raw_;
  const cdk_memory& table_;
};

// -- proposals
// ----------------------------------------------------------------------------

/// An action proposed to the host. Handed in when the handler returns, so it may be
/// completed in any order until then.
class proposal {
public:
  proposal(std::string tool, json args)
      : tool_{std::move(tool)}, args_(std::move(args)) {}

  /// What the agent's own mathematics says, 0..1, uncalibrated.
  proposal& score(double value) {
    score_ = checked("score", value);
    return *this;
  }
  /// Calibrated, 0..1, and how it came about: {model, n_samples, ...}. Without it the
  /// score stands, with no basis, and the host may calibrate it.
  proposal& confidence(double value, json basis) {
    confidence_ = checked("confidence", value);
    basis_ = std::move(basis);
    return *this;
  }
  /// Why, with one {} for each fact; the host fills them in. Numbers appear only as
  /// facts.
  template <class... Facts>
  proposal& because(std::string text, const Facts&... with) {
    return because_all(std::move(text), sdk::facts{with...});
  }
  proposal& because_all(std::string text, sdk::facts with) {
    std::size_t places = 0;
    for (auto at = text.find("{}"); at != std::string::npos; at = text.find("{}", at + 2))
      ++places;
    if (places != with.size())
      throw std::logic_error{"the rationale for " + tool_ + " has " +
                             std::to_string(places) + " places and " +
                             std::to_string(with.size()) + " facts"};
    rationale_ = std::move(text);
    rationale_facts_ = std::move(with);
    return *this;
  }
  proposal& evidence(sdk::facts all) {
    evidence_ = std::move(all);
    return *this;
  }
  /// At most three other ways, as JSON array.
  proposal& alternatives(json others) {
    alternatives_ = std::move(others);
    return *this;
  }
  /// The value at stake, on which policy decides.
  proposal& amount(decimal value, std::string currency) {
    amount_ = value.text();
    currency_ = std::move(currency);
    return *this;
  }
  /// The same as the catalogue writes money: {"amount", "currency"}.
  proposal& amount(const json& money) {
    return amount(money.at("amount").get<decimal>(),
                  money.at("currency").get<std::string>());
  }
  /// {benefit, cost, currency, horizon}
  proposal& expected_value(json value) {
    expected_value_ = std::move(value);
    return *this;
  }
  /// What happens if nobody decides.
  proposal& otherwise(std::string text) {
    otherwise_ = std::move(text);
    return *this;
  }
  /// What it is about: a newer proposal of this agent and tool for it supersedes this
  /// one.
  proposal& about(std::string object_key) {
    object_key_ = std::move(object_key);
    return *this;
  }
  proposal& expires(std::chrono::seconds after) {
    expires_s_ = after.count() < 0 ? 0 : static_cast<std::uint64_t>(after.count());
    return *this;
  }
  /// The continuation that hears the decision; without it `decided` does.
  proposal& then(std::string name, json saved = nullptr) {
    then_ = std::move(name);
    saved_ = std::move(saved);
    return *this;
  }

private:
  friend class step;

  double checked(const char* what, double value) const {
    if (!std::isfinite(value) || value < 0 || value > 1)
      throw std::invalid_argument{"the " + std::string{what} + " of " + tool_ +
                                  " is not between 0 and 1: " + std::to_string(value)};
    return value;
  }

  std::string tool_;
  json args_;
  double score_ = 0;
  std::optional<double> confidence_;
  json basis_ = json::object();
  std::string rationale_;
  sdk::facts rationale_facts_, evidence_;
  json alternatives_ = json::array();
  std::string amount_, currency_;
  json expected_value_;
  std::string otherwise_, object_key_;
  std::uint64_t expires_s_ = 0;
  std::string then_;
  json saved_;
};

// -- requests
// -------------------------------------------------------------------------------

/// A question or call that is made by naming who continues with the answer.
class [[nodiscard]] request {
public:
  /// Makes the request; `name` (declared with handlers::then) is called with the answer
  /// and `saved`, also after a swap or restart. Returns the id for step::cancel.
  std::uint64_t then(const std::string& name, const json& saved = nullptr) {
    return make_(name, saved);
  }

private:
  friend class step;
  using maker = std::function<std::uint64_t(const std::string&, const json&)>;
  explicit request(maker make) : make_{std::move(make)} {}
  maker make_;
};

// -- the step
// ---------------------------------------------------------------------------------

/// One step: everything asked for here happens together when the handler returns, or not
/// at all when it throws. Dies with the handler; must not be kept or used from another
/// thread. What the host refuses is a host_error.
class step {
public:
  using duration = std::chrono::milliseconds;
  using knows_continuation = std::function<bool(const std::string&)>;

  step(cdk_step* raw, const detail::host_tables& tables, const event& e,
       const json& config, std::string component, knows_continuation knows)
      : raw_{raw}, tables_{tables}, event_{e}, config_{config},
        component_{std::move(component)}, knows_{std::move(knows)} {}
  step(const step&) = delete;
  step& operator=(const step&) = delete;

  // -- effects
  // --------------------------------------------------------------------------------
  /// Emits an event on a topic that the manifest says is produced. Without `key` the
  /// topic's declared key applies, without `id` the host numbers it.
  void send(std::string_view topic, const json& payload, std::string_view key = {},
            std::string_view id = {}) {
    const auto text = payload.dump();
    detail::require(tables_.host->send(raw_, detail::str(topic), detail::str(id),
                                       detail::str(key), detail::bytes(text)),
                    "send", topic);
  }
  /// Asks whoever answers `question`: s.ask(...).then("name", saved).
  request ask(std::string question, const json& payload,
              duration timeout = std::chrono::seconds{30}) {
    return request{[this, question = std::move(question), text = payload.dump(),
                    timeout](const std::string& name, const json& saved) {
      const auto tag = continuation(name, saved);
      std::uint64_t id = 0;
      detail::require(tables_.host->ask(raw_, detail::str(question), detail::bytes(text),
                                        detail::millis(timeout), detail::bytes(tag), &id),
                      "ask", question);
      return id;
    }};
  }
  /// Calls a read tool of a connector: s.call(...).then("name", saved). The answer's
  /// status is a tool outcome; its facts know how to be read again.
  request call(std::string tool, const json& args,
               duration timeout = std::chrono::seconds{10}) {
    return request{[this, tool = std::move(tool), args, timeout](const std::string& name,
                                                                 const json& saved) {
      const auto& table = detail::granted(tables_.tool, CDK_CAP_TOOL);
      check(name);
      const auto tag = json{{"then", name}, {"saved", saved}, {"args", args}}.dump();
      const auto text = args.dump();
      std::uint64_t id = 0;
      detail::require(table.call(raw_, detail::str(tool), detail::bytes(text),
                                 detail::millis(timeout), detail::bytes(tag), &id),
                      "call", tool);
      return id;
    }};
  }
  /// Completes a prompt through the model gateway: {prompt, version, input, schema}.
  request complete(const json& prompt, duration timeout = std::chrono::seconds{30}) {
    return request{[this, text = prompt.dump(), timeout](const std::string& name,
                                                         const json& saved) {
      const auto& table = detail::granted(tables_.model, CDK_CAP_MODEL);
      const auto tag = continuation(name, saved);
      std::uint64_t id = 0;
      detail::require(table.complete(raw_, detail::bytes(text), detail::millis(timeout),
                                     detail::bytes(tag), &id),
                      "complete", "prompt");
      return id;
    }};
  }
  /// Searches documents: {index, query, limit}.
  request search(const json& query, duration timeout = std::chrono::seconds{10}) {
    return request{
        [this, text = query.dump(), timeout](const std::string& name, const json& saved) {
          const auto& table = detail::granted(tables_.search, CDK_CAP_SEARCH);
          const auto tag = continuation(name, saved);
          std::uint64_t id = 0;
          detail::require(table.query(raw_, detail::bytes(text), detail::millis(timeout),
                                      detail::bytes(tag), &id),
                          "search", "query");
          return id;
        }};
  }
  /// Proposes an action outside. The host decides, a person may.
  proposal& propose(std::string tool, json args) {
    return proposals_.emplace_back(std::move(tool), std::move(args));
  }
  /// Continues with `name` after `delay`, also after a restart. Returns the id for
  /// cancel().
  std::uint64_t timer(duration delay, const std::string& name,
                      const json& saved = nullptr) {
    const auto tag = continuation(name, saved);
    std::uint64_t id = 0;
    detail::require(
        tables_.host->timer(raw_, detail::millis(delay), detail::bytes(tag), &id),
        "timer", name);
    return id;
  }
  /// Cancels a timer or outstanding request; nothing more arrives for it.
  void cancel(std::uint64_t id) {
    const auto status = tables_.host->cancel(raw_, id);
    if (status != CDK_E_ABSENT)
      detail::require(status, "cancel", std::to_string(id));
  }

  // -- answers
  // --------------------------------------------------------------------------------
  /// Answers the question or call in hand.
  void reply(const json& payload) { reply(current(), outcome::ok, payload); }
  /// Answers the question or call in hand with an outcome other than ok.
  void reply(outcome result, const json& payload) { reply(current(), result, payload); }
  /// Answers a question or call of an earlier step.
  void reply(reply_token token, outcome result, const json& payload) {
    const auto text = payload.dump();
    detail::require(tables_.host->reply(raw_, token.value,
                                        static_cast<cdk_status>(result),
                                        detail::bytes(text)),
                    "reply to", event_.topic());
    if (token.value == event_.raw().token)
      answered_ = true;
  }
  /// Promises to answer the question or call in hand later; keep the token in saved JSON.
  reply_token defer() {
    const auto token = current();
    answered_ = deferred_ = true;
    return token;
  }

  // -- at once
  // ----------------------------------------------------------------------------------
  memory_view memory() const {
    return {raw_, detail::granted(tables_.memory, CDK_CAP_MEMORY)};
  }
  const json& config() const { return config_; }
  /// A setting as a fact, so that a rationale can name it. Throws bad_config if it is
  /// absent.
  fact config_fact(const std::string& member, std::string unit = {}) const {
    if (!config_.is_object() || !config_.contains(member))
      throw bad_config{"config of " + component_ + " has no '" + member + "'"};
    fact f;
    f.name = f.field = member;
    f.value = config_.at(member);
    f.unit = std::move(unit);
    f.system = "crossdock";
    f.record = "config/" + component_;
    f.as_of = event_.now_text();
    return f;
  }
  std::int64_t now() const { return event_.now(); }
  const std::string& component() const { return component_; }
  /// Seeded by the host and recorded: a replay sees the same number.
  std::uint64_t random() {
    std::uint64_t out = 0;
    detail::require(tables_.host->random(raw_, &out, sizeof out), "random", "");
    return out;
  }
  void log(level l, std::string_view message, const json& fields = json::object()) const {
    tables_.log(l, message, fields);
  }
  void debug(std::string_view m, const json& f = json::object()) const {
    log(level::debug, m, f);
  }
  void info(std::string_view m, const json& f = json::object()) const {
    log(level::info, m, f);
  }
  void warn(std::string_view m, const json& f = json::object()) const {
    log(level::warning, m, f);
  }
  void error(std::string_view m, const json& f = json::object()) const {
    log(level::error, m, f);
  }
  /// Adds to a counter.
  void count(std::string_view name, double by = 1, const json& labels = json::object()) {
    tables_.metric(CDK_METRIC_COUNTER, name, by, labels);
  }
  void gauge(std::string_view name, double value, const json& labels = json::object()) {
    tables_.metric(CDK_METRIC_GAUGE, name, value, labels);
  }
  void histogram(std::string_view name, double value,
                 const json& labels = json::object()) {
    tables_.metric(CDK_METRIC_HISTOGRAM, name, value, labels);
  }

  // -- for the SDK
  // --------------------------------------------------------------------------------
  /// Hands in the proposals and returns the status of the step.
  cdk_status finish() {
    for (const auto& p : proposals_)
      submit(p);
    proposals_.clear();
    const auto kind = event_.kind();
    const bool wants_answer =
        kind == CDK_EV_ASK || kind == CDK_EV_CALL || kind == CDK_EV_LOOKUP;
    if (wants_answer && !answered_)
      throw std::logic_error{event_.topic() +
                             " was neither answered (reply) nor deferred (defer)"};
    return deferred_ ? CDK_PENDING : CDK_OK;
  }

private:
  reply_token current() const {
    const auto kind = event_.kind();
    if (kind != CDK_EV_ASK && kind != CDK_EV_CALL && kind != CDK_EV_LOOKUP)
      throw std::logic_error{"reply without a token is for questions and calls; answer a "
                             "deferred one with its token"};
    return {event_.raw().token};
  }
  void check(const std::string& name) const {
    if (!knows_(name))
      throw std::logic_error{component_ + " declares no continuation '" + name + "'"};
  }
  std::string continuation(const std::string& name, const json& saved) const {
    check(name);
    return detail::make_tag(name, saved);
  }
  void submit(const proposal& p) {
    const auto& table = detail::granted(tables_.propose, CDK_CAP_PROPOSE);
    const auto args = p.args_.dump();
    const auto basis = p.basis_.dump();
    const auto rationale_facts = json(p.rationale_facts_).dump();
    const auto evidence = json(p.evidence_).dump();
    const auto alternatives = p.alternatives_.dump();
    const auto expected = p.expected_value_.is_null() ? "" : p.expected_value_.dump();
    const auto tag = p.then_.empty() ? std::string{} : continuation(p.then_, p.saved_);
    cdk_proposal raw{};
    raw.struct_size = sizeof raw;
    raw.tool = detail::str(p.tool_);
    raw.args = detail::bytes(args);
    raw.score = p.score_;
    raw.confidence = p.confidence_.value_or(p.score_);
    raw.basis = detail::bytes(basis);
    raw.rationale = detail::str(p.rationale_);
    raw.rationale_facts = detail::bytes(rationale_facts);
    raw.evidence = detail::bytes(evidence);
    raw.alternatives = detail::bytes(alternatives);
    raw.amount = detail::str(p.amount_);
    raw.currency = detail::str(p.currency_);
    raw.expected_value = detail::bytes(expected);
    raw.if_nothing_is_done = detail::str(p.otherwise_);
    raw.object_key = detail::str(p.object_key_);
    raw.expires_s = p.expires_s_;
    raw.tag = detail::bytes(tag);
    std::uint64_t id = 0;
    detail::require(table.propose(raw_, &raw, &id), "propose", p.tool_);
  }

  cdk_step* raw_;
  const detail::host_tables& tables_;
  const event& event_;
  const json& config_;
  std::string component_;
  knows_continuation knows_;
  std::deque<proposal> proposals_;
  bool answered_ = false;
  bool deferred_ = false;
};

} // namespace crossdock::sdk
