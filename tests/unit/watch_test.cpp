// The API's watch over a real socket: order, gaplessness, slow and dead clients, ends.
#include "api/api.hpp"

#include "unit/ledger_fixture.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <optional>
#include <thread>

using namespace crossdock;
using namespace crossdock::ledger;
using namespace crossdock::ledger::testing;
using namespace std::chrono_literals;

namespace {

/// A client that talks the protocol by hand.
class peer {
public:
  explicit peer(const std::filesystem::path& socket)
      : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un a{};
    a.sun_family = AF_UNIX;
    std::strncpy(a.sun_path, socket.c_str(), sizeof a.sun_path - 1);
    REQUIRE(::connect(fd_, reinterpret_cast<const sockaddr*>(&a), sizeof a) == 0);
  }
  peer(const peer&) = delete;
  peer& operator=(const peer&) = delete;
  ~peer() { ::close(fd_); }

  void say(const std::string& line) {
    const auto text = line + "\n";
    REQUIRE(::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(text.size()));
  }
  /// The next line; nothing if the connection was closed. Fails the test after a while.
  std::optional<json> hear() {
    for (;;) {
      if (const auto end = buffer_.find('\n', at_); end != std::string::npos) {
        auto line = json::parse(buffer_.substr(at_, end - at_));
        at_ = end + 1;
        return line;
      }
      buffer_.erase(0, at_);
      at_ = 0;
      pollfd p{fd_, POLLIN, 0};
      if (::poll(&p, 1, 30'000) <= 0) {
        throw std::runtime_error("no line within 30 s");
      }
      char chunk[65536];
      const auto n = ::recv(fd_, chunk, sizeof chunk, 0);
      if (n <= 0) {
        return std::nullopt;
      }
      buffer_.append(chunk, static_cast<std::size_t>(n));
    }
  }
  json watch(const json& params = json::object()) {
    say(json{{"method", "watch"}, {"params", params}}.dump());
    auto answer = hear();
    REQUIRE(answer);
    return *answer;
  }

private:
  int fd_;
  std::string buffer_;
  std::size_t at_ = 0;
};

/// A ledger and the API on it.
class fixture {
public:
  explicit fixture(api::watch_limits limits = {}) {
    auto o = test_options(dir_.path());
    o.time = time_;
    store_ = open_store(std::move(o));
    api::environment env;
    env.store = store_;
    env.time = time_;
    env.principals = [who = std::make_shared<const std::vector<api::principal>>(std::vector<api::principal>{{"maria", ::getuid(), {}}})] { return who; };
    env.watching = limits;
    auto started = api::server::start(socket(), std::move(env));
    REQUIRE(started);
    server_ = std::move(*started);
  }
  ~fixture() {
    server_->stop();
    store_->close();
  }
  fixture(const fixture&) = delete;
  fixture& operator=(const fixture&) = delete;

  std::filesystem::path socket() const { return dir_.path() / "s"; }
  store& ledger() { return *store_; }
  api::server& server() { return *server_; }
  manual_clock& time() { return *time_; }
  void write(std::vector<record> records) {
    REQUIRE(store_->commit(appends(std::move(records))));
  }

private:
  temporary_directory dir_;
  std::shared_ptr<manual_clock> time_ =
      std::make_shared<manual_clock>(timestamp(std::chrono::seconds(1'795'000'000)));
  std::shared_ptr<store> store_;
  std::unique_ptr<api::server> server_;
};

record of(std::string kind, std::string source = "order", std::string target = "flow",
          std::string case_id = "case-1") {
  auto r = message("m", R"({"customer":"secret"})");
  r.kind = std::move(kind);
  r.source = std::move(source);
  r.target = std::move(target);
  r.case_id = std::move(case_id);
  r.detail = {{"type", "order.line"}};
  return r;
}

/// Three threads write `n` records each, all classes mixed.
class load {
public:
  load(store& s, int n) {
    for (int w = 0; w < 3; ++w) {
      threads_.emplace_back([&s, n, w] {
        for (int i = 0; i < n; ++i) {
          s.submit(appends({of(i % 10 == 0 ? "verdict" : "event")},
                           (i + w) % 16 == 0 ? record_class::a : record_class::b));
        }
      });
    }
  }
  void end() {
    for (auto& t : threads_) {
      t.join();
    }
    threads_.clear();
  }
  ~load() { end(); }

private:
  std::vector<std::thread> threads_;
};

/// Reads until record `last`, and checks that nothing is missing or repeated.
void expect_all(peer& p, std::uint64_t first, std::uint64_t last) {
  for (auto next = first; next <= last; ++next) {
    const auto line = p.hear();
    if (!line || line->value("seq", std::uint64_t{0}) != next) {
      throw std::runtime_error("expected record " + std::to_string(next) + ", got " +
                               (line ? line->dump() : "the end"));
    }
  }
}

} // namespace

TEST_CASE("every watcher sees every record in order under load, also one that does not "
          "read for long, and none slows the others",
          "[api]") {
  api::watch_limits small;
  small.queue_records_max = 100; // much less than what is written while nobody reads
  fixture f(small);
  constexpr int each = 7000; // some megabytes: more than a socket holds
  constexpr std::uint64_t total = 3 * each;
  std::vector<std::unique_ptr<peer>> watchers;
  for (int i = 0; i < 4; ++i) {
    watchers.push_back(std::make_unique<peer>(f.socket()));
    CHECK(watchers.back()->watch()["result"] == json{{"watching", true}, {"seq", 0}});
  }
  std::vector<std::thread> readers;
  std::vector<std::string> failures(3);
  load writing(f.ledger(), each);
  for (std::size_t i = 0; i < 3; ++i) {
    readers.emplace_back([&, i] {
      try {
        expect_all(*watchers[i], 1, total);
      } catch (const std::exception& e) {
        failures[i] = e.what();
      }
    });
  }
  writing.end();
  settle(f.ledger());
  // Everything is durable although the fourth has not read a byte.
  CHECK(f.ledger().durable_seq() == total);
  for (auto& r : readers) {
    r.join();
  }
  CHECK(failures == std::vector<std::string>(3));
  CHECK_NOTHROW(expect_all(*watchers[3], 1, total));
  // All of them go on live.
  f.write({of("event")});
  for (auto& w : watchers) {
    CHECK_NOTHROW(expect_all(*w, total + 1, total + 1));
  }
}

TEST_CASE("a watcher that reads nothing at all is dropped", "[api]") {
  api::watch_limits limits;
  limits.stalled_max = 300ms;
  limits.watchers_max = 1;
  fixture f(limits);
  peer dead(f.socket());
  dead.watch();
  load(f.ledger(), 5000).end();
  settle(f.ledger());
  // Its place is free once it was dropped.
  const auto end = std::chrono::steady_clock::now() + 30s;
  bool admitted = false;
  while (!admitted && std::chrono::steady_clock::now() < end) {
    peer other(f.socket());
    const auto answer = other.watch();
    admitted = answer.value("ok", false);
    if (!admitted) {
      REQUIRE(answer["error"]["name"] == "limit");
    }
  }
  CHECK(admitted);
  std::uint64_t read = 0;
  while (dead.hear()) {
    ++read;
  }
  CHECK(read < 15'000);
}

TEST_CASE("a watch that begins in the past goes on into the present without a seam",
          "[api]") {
  fixture f;
  f.write(std::vector<record>(5000, of("event")));
  load writing(f.ledger(), 2000);
  std::vector<std::unique_ptr<peer>> watchers;
  for (const std::uint64_t from : {1u, 4000u, 5001u}) {
    watchers.push_back(std::make_unique<peer>(f.socket()));
    watchers.back()->watch({{"from_seq", from}});
    CHECK_NOTHROW(expect_all(*watchers.back(), from, 6000));
  }
  writing.end();
  settle(f.ledger());
  for (auto& w : watchers) {
    CHECK_NOTHROW(expect_all(*w, 6001, 11'000));
  }
  peer future(f.socket());
  CHECK(future.watch({{"from_seq", 11'003}})["result"]["seq"] == 11'000);
  f.write(std::vector<record>(4, of("event")));
  CHECK_NOTHROW(expect_all(future, 11'003, 11'004));
}

TEST_CASE("a watch begins so many seconds ago", "[api]") {
  fixture f;
  for (int i = 0; i < 10; ++i) {
    f.write({of("event")});
    f.time().advance(60s);
  }
  peer p(f.socket());
  p.watch({{"since_s", 150}});
  CHECK_NOTHROW(expect_all(p, 9, 10)); // 120 s and 60 s ago
}

TEST_CASE("filters hold for what was and for what comes", "[api]") {
  fixture f;
  const auto some = [&] {
    f.write({of("event", "sql", "order"), of("verdict", "gate", "flow"),
             of("event", "order", "flow,audit", "case-2"),
             of("approval", "person:maria", "approvals")});
  };
  some();
  struct wish {
    json params;
    std::vector<int> seqs; ///< of the first four; the same again as 5 to 8
  };
  const std::vector<wish> wishes{{{{"kinds", {"verdict"}}}, {2}},
                                 {{{"kinds", {"verdict", "approval"}}}, {2, 4}},
                                 {{{"component", "flow"}}, {2, 3}},
                                 {{{"component", "order"}}, {1, 3}},
                                 {{{"component", "person:maria"}}, {4}},
                                 {{{"kinds", {"event"}}, {"component", "flow"}}, {3}}};
  std::vector<std::unique_ptr<peer>> watchers;
  for (auto w : wishes) {
    w.params["from_seq"] = 1;
    watchers.push_back(std::make_unique<peer>(f.socket()));
    REQUIRE(watchers.back()->watch(w.params).value("ok", false));
  }
  some();
  for (std::size_t i = 0; i < wishes.size(); ++i) {
    INFO(wishes[i].params.dump());
    for (const int offset : {0, 4}) {
      for (const int seq : wishes[i].seqs) {
        CHECK((*watchers[i]->hear())["seq"] == seq + offset);
      }
    }
  }
}

TEST_CASE("a watcher sees headers and never a body", "[api]") {
  fixture f;
  peer p(f.socket());
  p.watch();
  auto r = of("event");
  r.principal = "maria";
  r.labels = {"personal"};
  r.causes = {7};
  f.write({r});
  CHECK(*p.hear() == json{{"seq", 1},
                          {"time", "2026-11-18T11:06:40Z"},
                          {"kind", "event"},
                          {"class", "B"},
                          {"id", "m"},
                          {"source", "order"},
                          {"target", "flow"},
                          {"case", "case-1"},
                          {"principal", "maria"},
                          {"labels", {"personal"}},
                          {"causes", {7}},
                          {"detail", {{"type", "order.line"}}}});
}

TEST_CASE("the node's stop ends every watch with a reason", "[api]") {
  fixture f;
  peer idle(f.socket());
  peer behind(f.socket());
  idle.watch();
  behind.watch();
  f.write(std::vector<record>(3, of("event")));
  CHECK_NOTHROW(expect_all(idle, 1, 3));
  f.server().stop();
  const auto last = idle.hear();
  REQUIRE(last);
  CHECK(*last == json{{"ended", "the node is stopping"},
                      {"code", 200},
                      {"name", "unavailable"},
                      {"seq", 3}});
  CHECK_FALSE(idle.hear());
  std::optional<json> line;
  while (auto next = behind.hear()) {
    line = next;
  }
  REQUIRE(line);
  CHECK(line->contains("ended"));
}

TEST_CASE("the ledger's end ends a watch", "[api]") {
  fixture f;
  peer p(f.socket());
  p.watch();
  f.ledger().close();
  const auto last = p.hear();
  REQUIRE(last);
  CHECK((*last)["ended"] == "the ledger is closed");
}

TEST_CASE("a watch that makes no sense is refused with the field", "[api]") {
  fixture f;
  peer p(f.socket());
  const auto refused = [&](const json& params) {
    const auto answer = p.watch(params);
    CHECK_FALSE(answer.value("ok", true));
    return text_or(answer["error"]["context"], "field");
  };
  CHECK(refused({{"kinds", "event"}}) == "kinds");
  CHECK(refused({{"kinds", {1}}}) == "kinds");
  CHECK(refused({{"case", 7}}) == "case");
  CHECK(refused({{"component", true}}) == "component");
  CHECK(refused({{"from_seq", -1}}) == "from_seq");
  CHECK(refused({{"from_seq", "1"}}) == "from_seq");
  CHECK(refused({{"from_seq", 1}, {"since_s", 1}}) == "since_s");
  CHECK(refused(json::array()) == "params");
  p.say("[1]");
  CHECK((*p.hear())["error"]["name"] == "malformed");
  // After all that the connection still serves, and then watches.
  CHECK(p.watch().value("ok", false));
}

TEST_CASE("a connection that watches takes no further request", "[api]") {
  fixture f;
  peer p(f.socket());
  p.watch();
  p.say(R"({"method":"whoami"})");
  const auto last = p.hear();
  REQUIRE(last);
  CHECK((*last)["name"] == "invalid");
  CHECK_FALSE(p.hear());
}

TEST_CASE("more watchers than the limit are refused, and a closed one makes room",
          "[api]") {
  api::watch_limits limits;
  limits.watchers_max = 2;
  fixture f(limits);
  peer a(f.socket());
  auto b = std::make_unique<peer>(f.socket());
  CHECK(a.watch().value("ok", false));
  CHECK(b->watch().value("ok", false));
  peer c(f.socket());
  CHECK(c.watch()["error"]["context"]["limit"] == "watchers_max");
  b.reset();
  const auto end = std::chrono::steady_clock::now() + 30s;
  while (!c.watch().value("ok", false)) {
    REQUIRE(std::chrono::steady_clock::now() < end);
  }
}
