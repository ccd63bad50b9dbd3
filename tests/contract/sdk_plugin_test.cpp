#include <crossdock/testing.hpp>

#include <catch2/catch.hpp>

using namespace crossdock::sdk;
using namespace crossdock::sdk::testing;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

struct no_exception {};

/// Does what the event's "do" says, after effects that must vanish with a failure.
struct wild : agent {
  static void declare(handlers<wild>& h) {
    h.on("test.event", &wild::seen);
    h.answers("test.question", &wild::question);
  }
  void seen(step& s, const event& e) {
    s.memory().put("seen", true);
    s.send("test.done", e.payload());
    const auto what = e.text("do");
    if (what == "throw")
      throw std::runtime_error{"on purpose"};
    if (what == "throw something else")
      throw no_exception{};
    if (what == "no memory")
      throw std::bad_alloc{};
    if (what == "retry")
      throw retry_later{"the ERP is asleep", 1500};
    if (what == "reject")
      throw reject{"no such order"};
    if (what == "misuse json") {
      const json object = json::object();
      s.info(object["absent"].dump());
    }
    if (what == "long text")
      throw std::runtime_error{std::string(511 - 20, 'x') + "äääääääääääääääää"};
    if (what == "unknown continuation")
      s.ask("q", json::object()).then("nowhere");
  }
  void question(step&, const event&) {}
};

/// Asks, calls, proposes and remembers: what a real agent is made of.
struct trader : agent {
  static void declare(handlers<trader>& h) {
    h.on("order.held", &trader::held);
    h.then("stock known", &trader::stock_known);
    h.then("decided", &trader::decided);
    h.then("later", &trader::later);
    h.answers("supply.options", &trader::options);
    h.then("options known", &trader::options_known);
  }
  void held(step& s, const event& e) {
    ++held_;
    s.call("erp.stock", {{"item", e["item"]}})
        .then("stock known", {{"order", e["order"]}});
    s.timer(2s, "later", {{"order", e["order"]}});
  }
  void stock_known(step& s, const event& answer, const json& saved) {
    const auto available = answer.at("/sites/0/available", "available at BR-1", "EA")
                               .as_material(decimal{1});
    s.propose("erp.order.release", {{"order", saved["order"]}})
        .score(0.75)
        .because("{} are there; the limit is {}.", available,
                 s.config_fact("limit", "EA"))
        .amount(decimal::parse("12.50"), "EUR")
        .evidence({available})
        .about(saved["order"].get<std::string>())
        .expires(1h)
        .then("decided", saved);
  }
  void decided(step& s, const event& e, const json& saved) {
    s.send("order.released", {{"order", saved["order"]}, {"done", e.ok()}});
  }
  void later(step& s, const event& e, const json& saved) {
    s.send("order.reminder", {{"order", saved["order"]}, {"at", e.now_text()}});
  }
  void options(step& s, const event& e) {
    const auto token = s.defer();
    s.ask("pick.feasibility", e.payload(), 5s).then("options known", {{"token", token}});
  }
  void options_known(step& s, const event& answer, const json& saved) {
    const auto token = saved["token"].get<reply_token>();
    if (answer.ok())
      s.reply(token, outcome::ok, answer.payload());
    else
      s.reply(token, outcome::absent, {{"message", answer.status_text()}});
  }

  json snapshot() override { return {{"held", held_}}; }
  void restore(std::uint32_t, const json& saved) override { held_ = saved["held"]; }
  json probe(std::uint32_t) override { return {{"held", held_}}; }
  void configure(const json& config) override {
    if (config.value("limit", 0) < 0)
      throw bad_config{"'limit' must not be negative"};
  }
  int held_ = 0;
};

/// Finds out only when it starts, or is configured anew, that it cannot work.
struct starter : connector {
  static void declare(handlers<starter>& h) {
    h.started(&starter::look);
    h.configured(&starter::look);
    h.posted(&starter::woken);
    h.call("erp.limit", &starter::tell);
  }
  void configure(const json& config) override { limit_ = config.value("limit", 0); }
  void look(step& s, const event&) {
    s.memory().put("looked", true);
    if (limit_ > 9)
      throw bad_config{"m.toml:3: 'limit' is beyond what the ERP takes: at most 9"};
    wake("look again");
  }
  void woken(step& s, const event& e) { s.memory().put("woken by", e.tag_bytes()); }
  void tell(step& s, const event&) { s.reply(outcome::ok, {{"limit", limit_}}); }
  int limit_ = 0;
};

const json stock_answer = {{"system", "erp"},
                           {"as_of", "2026-01-05T07:59:00Z"},
                           {"sites", {{{"available", "7"}, {"record", "stock/I@BR-1"}}}}};

} // namespace

TEST_CASE("what a handler throws becomes a status, and its effects do not exist",
          "[sdk]") {
  node_with<wild> node;
  const auto after = [&](const char* what) {
    const auto status = node.deliver("test.event", {{"do", what}});
    CHECK(node.sent.empty());
    CHECK(node.memory.empty());
    return status;
  };
  CHECK(after("throw") == CDK_E_EXCEPTION);
  CHECK(node.error() == "std::runtime_error: on purpose");
  CHECK(after("throw something else") == CDK_E_EXCEPTION);
  CHECK_THAT(node.error(), Contains("no_exception"));
  CHECK(after("no memory") == CDK_E_RETRY);
  CHECK(after("retry") == CDK_E_RETRY);
  CHECK(node.error() == "the ERP is asleep");
  CHECK(node.retry_after_ms() == 1500);
  CHECK(after("reject") == CDK_E_REJECT);
  CHECK(after("misuse json") == CDK_E_EXCEPTION);
  CHECK(after("unknown continuation") == CDK_E_EXCEPTION);
  CHECK_THAT(node.error(), Contains("no continuation 'nowhere'"));
}

TEST_CASE("an error text that is cut stays valid UTF-8", "[sdk]") {
  node_with<wild> node;
  node.deliver("test.event", {{"do", "long text"}});
  CHECK(node.error().size() <= 512);
  CHECK_NOTHROW(json(node.error()).dump());
}

TEST_CASE("a step that succeeds commits its effects together", "[sdk]") {
  node_with<wild> node;
  CHECK(node.deliver("test.event", {{"do", "nothing"}}) == CDK_OK);
  CHECK(node.sent.size() == 1);
  CHECK(node.memory.at("seen") == true);
}

TEST_CASE("a topic that nobody declared is skipped", "[sdk]") {
  node_with<wild> node;
  CHECK(node.deliver("other.topic", json::object()) == CDK_SKIPPED);
}

TEST_CASE("a payload that is not what the handler needs is rejected by name", "[sdk]") {
  node_with<wild> node;
  CHECK(node.deliver("test.event", json::object()) == CDK_E_REJECT);
  CHECK_THAT(node.error(), Contains("no text member 'do'"));
}

TEST_CASE("a question that is neither answered nor deferred is an error", "[sdk]") {
  node_with<wild> node;
  const auto got = node.ask("test.question", json::object());
  CHECK(got.step == CDK_E_EXCEPTION);
  CHECK_THAT(got.error, Contains("neither answered"));
}

TEST_CASE("an answer comes to the continuation with what was saved", "[sdk]") {
  node_with<trader> node{{{"limit", 5}}};
  node.on_call("erp.stock", stock_answer);
  REQUIRE(node.deliver("order.held", {{"order", "SO-1"}, {"item", "I"}}) == CDK_OK);
  REQUIRE(node.proposals.size() == 1);
  const auto& p = node.proposals[0];
  CHECK(p.tool == "erp.order.release");
  CHECK(p.args == json{{"order", "SO-1"}});
  CHECK(p.score == 0.75);
  CHECK(p.amount == "12.5");
  CHECK(p.object_key == "SO-1");
  CHECK(p.expires_s == 3600);
  const auto& first = p.rationale_facts.at(0);
  CHECK(first["system"] == "erp");
  CHECK(first["record"] == "stock/I@BR-1");
  CHECK(first["as_of"] == "2026-01-05T07:59:00Z");
  CHECK(first["material"] == true);
  CHECK(first["tolerance"] == "1");
  CHECK(first["read"] == json{{"tool", "erp.stock"},
                              {"args", {{"item", "I"}}},
                              {"pointer", "/sites/0/available"}});
  CHECK(node.decide(p, CDK_OK) == CDK_OK);
  CHECK(node.sent.back().topic == "order.released");
  CHECK(node.sent.back().payload == json{{"order", "SO-1"}, {"done", true}});
}

TEST_CASE("continuations survive a swap and a restart", "[sdk]") {
  node_with<trader> node{{{"limit", 5}}};
  node.deliver("order.held", {{"order", "SO-1"}, {"item", "I"}});
  REQUIRE(node.outstanding().size() == 1);
  const auto id = node.outstanding()[0].id;
  SECTION("swap carries the cache") {
    node.swap();
    CHECK(node.probe(0)["held"] == 1);
  }
  SECTION("restart loses the cache") {
    node.restart();
    CHECK(node.probe(0)["held"] == 0);
  }
  CHECK(node.respond(id, stock_answer) == CDK_OK);
  CHECK(node.proposals.size() == 1);
  node.advance(2s);
  CHECK(node.sent.back().payload ==
        json{{"order", "SO-1"}, {"at", "2026-01-05T08:00:02Z"}});
}

TEST_CASE("a deferred question is answered by a later step", "[sdk]") {
  node_with<trader> node;
  SECTION("with the answer") {
    node.on_ask("pick.feasibility", {{"options", json::array()}});
    const auto got = node.ask("supply.options", {{"line", "L"}});
    CHECK(got.step == CDK_PENDING);
    CHECK(got.status() == CDK_OK);
    CHECK(got.payload() == json{{"options", json::array()}});
  }
  SECTION("with the deadline") {
    node.ask("supply.options", {{"line", "L"}});
    CHECK(node.replies.empty());
    node.advance(5s);
    REQUIRE(node.replies.size() == 1);
    CHECK(node.replies[0].status == CDK_E_ABSENT);
    CHECK(node.replies[0].payload["message"] == "deadline passed");
  }
}

TEST_CASE("a lost step leaves nothing behind", "[sdk]") {
  node_with<trader> node;
  node.lose_next_step();
  node.deliver("order.held", {{"order", "SO-1"}, {"item", "I"}});
  CHECK(node.outstanding().empty());
  CHECK(node.timers().empty());
}

TEST_CASE("a refused configuration leaves the old one in force", "[sdk]") {
  node_with<trader> node{{{"limit", 5}}};
  CHECK(node.configure({{"limit", -1}}) == CDK_E_INVALID);
  node.on_call("erp.stock", stock_answer);
  node.deliver("order.held", {{"order", "SO-1"}, {"item", "I"}});
  CHECK(node.proposals.at(0).rationale_facts.at(1)["value"] == 5);
  CHECK_THROWS_WITH((node_with<trader>{{{"limit", -1}}}),
                    Contains("must not be negative"));
}

TEST_CASE("a start that cannot work says so, and nothing of it happens", "[sdk]") {
  node_with<starter> node{{{"limit", 10}}};
  CHECK(node.start() == CDK_E_INVALID); // for good, unlike every other failure
  CHECK(node.error() == "m.toml:3: 'limit' is beyond what the ERP takes: at most 9");
  CHECK(node.memory.empty());
}

TEST_CASE("a configuration that is refused late is not in force either", "[sdk]") {
  node_with<starter> node{{{"limit", 5}}};
  REQUIRE(node.start() == CDK_OK);
  CHECK(node.configure({{"limit", 10}}) == CDK_E_INVALID);
  CHECK(node.call("erp.limit", json::object()).payload()["limit"] == 5);
}

TEST_CASE("a connector wakes itself without an event", "[sdk]") {
  node_with<starter> node;
  REQUIRE(node.start() == CDK_OK);
  const auto posts = node.confirm_posts();
  REQUIRE(posts.size() == 1);
  CHECK(posts[0].event.is_null());
  CHECK(node.memory["woken by"] == "look again");
}

TEST_CASE("decimals are exact and refuse what they cannot hold", "[sdk]") {
  const auto d = [](const char* text) { return decimal::parse(text); };
  CHECK((d("0.1") + d("0.2")) == d("0.3"));
  CHECK(d("-12.500000").text() == "-12.5");
  CHECK(d("3").text(2) == "3.00");
  CHECK((d("2.5") * 3).text() == "7.5");
  CHECK((d("1.10") * d("1.1")).text() == "1.21");
  CHECK((d("1") / d("3")).text() == "0.333333");
  CHECK((d("0.000001") * d("0.5")).text() == "0");
  CHECK((d("0.000003") * d("0.5")).text() == "0.000002");
  CHECK(d("-0.5").floor() == -1);
  CHECK(d("0.5").ceil() == 1);
  CHECK(decimal::nearest(2.5, 0).text() == "2");
  CHECK(decimal::nearest(19.99, 2).text() == "19.99");
  CHECK(d("999999999999.999999").text() == "999999999999.999999");
  for (const char* bad :
       {"", "-", "1.", ".5", "01", "1e3", "1.1234567", "1234567890123", "+1"})
    CHECK_THROWS_AS(decimal::parse(bad), std::invalid_argument);
  CHECK_THROWS_AS(d("999999999999") * 100, std::overflow_error);
  CHECK_THROWS_AS(d("1") / d("0"), std::domain_error);
}

TEST_CASE("instants are read and written as RFC 3339", "[sdk]") {
  CHECK(rfc3339(parse_instant("2026-03-02T10:15:00.25+02:00")) ==
        "2026-03-02T08:15:00.25Z");
  CHECK(rfc3339(parse_instant("1969-12-31")) == "1969-12-31T00:00:00Z");
  CHECK(rfc3339(parse_instant("2024-02-29T23:59:59Z") + 1'000'000'000) ==
        "2024-03-01T00:00:00Z");
  CHECK(date_of(parse_instant("2026-01-05T23:30:00Z"), 60) == "2026-01-06");
  for (const char* bad : {"", "2026-13-01", "2026-01-05T08:00", "2026-01-05 08:00:00Z"})
    CHECK_THROWS_AS(parse_instant(bad), std::invalid_argument);
}
