// What a log line says and what it cannot be made to say; the trace that a case carries.
#include <catch2/catch.hpp>

#include "base/json.hpp"
#include "base/log.hpp"
#include "node/log.hpp"
#include "node/service_manager.hpp"

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <set>
#include <sstream>

using namespace crossdock;

namespace {

/// What `write` logs through a formatter.
template <class F>
std::string logged(std::unique_ptr<spdlog::formatter> format, F write) {
  std::ostringstream out;
  spdlog::logger log("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(out));
  log.set_formatter(std::move(format));
  log.set_level(spdlog::level::debug);
  write(log);
  return out.str();
}

constexpr const char* parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

} // namespace

TEST_CASE("a log line is one JSON object whatever its text holds", "[log]") {
  const std::string evil = "said \"no\"\n{\"level\":\"info\"}\t\x01\xff\\";
  const auto text = logged(node::json_formatter("n\"1"),
                           [&](spdlog::logger& log) { log.warn("{}", evil); });
  REQUIRE(text.find('\n') == text.size() - 1);
  const auto line = json::parse(text);
  CHECK(line["level"] == "warning");
  CHECK(line["node"] == "n\"1");
  CHECK(line["message"].get<std::string>().starts_with("said \"no\"\n{"));
  CHECK(line["message"].get<std::string>().find("\x01\xef\xbf\xbd\\") !=
        std::string::npos);
  CHECK_FALSE(line.contains("case"));
  CHECK_FALSE(line.contains("component"));
}

TEST_CASE("case, trace, component and a plugin's own fields are members", "[log]") {
  const auto text = logged(node::json_formatter("n"), [&](spdlog::logger& log) {
    const logging::scope outer(
        {.component = "order", .case_id = "01JC", .traceparent = parent});
    const logging::scope inner({.more = R"({"tries":3})"});
    log.info("asked again");
  });
  const auto line = json::parse(text);
  CHECK(line["message"] == "asked again");
  CHECK(line["case"] == "01JC");
  CHECK(line["trace"] == "4bf92f3577b34da6a3ce929d0e0e4736");
  CHECK(line["component"] == "order");
  CHECK(line["fields"]["tries"] == 3);
}

TEST_CASE("fields that are no JSON are carried as text", "[log]") {
  const auto text = logged(node::json_formatter("n"), [&](spdlog::logger& log) {
    const logging::scope about({.more = "tries=3\""});
    log.info("x");
  });
  CHECK(json::parse(text)["fields"] == "tries=3\"");
}

TEST_CASE("a scope ends with its block, and other threads know nothing of it", "[log]") {
  { const logging::scope about({.component = "order"}); }
  CHECK(logging::scope::current().component.empty());
}

TEST_CASE("a text line cannot begin another line nor steer a terminal", "[log]") {
  const auto text = logged(node::text_formatter(), [&](spdlog::logger& log) {
    const logging::scope about({.component = "order", .case_id = "a b\"=c"});
    log.error("one\n2026 critical two \x1b[2J");
  });
  CHECK(text.find('\n') == text.size() - 1);
  CHECK_THAT(text, Catch::Contains("error    one\\n2026 critical two \\x1b[2J") &&
                       Catch::Contains(" case=\"a b\\\"=c\"") &&
                       Catch::EndsWith(" component=order\n"));
  CHECK(text.find('\x1b') == std::string::npos);
}

TEST_CASE("a hop keeps the trace and has a span of its own", "[trace]") {
  trace_source source(7);
  std::set<std::string> spans;
  std::string at = parent;
  for (int i = 0; i < 1000; ++i) {
    source.next(at);
    REQUIRE(valid_traceparent(at));
    REQUIRE(trace_id_of(at) == trace_id_of(parent));
    spans.insert(at.substr(36, 16));
  }
  CHECK(spans.size() == 1000);
}

TEST_CASE("what is no traceparent begins a new trace", "[trace]") {
  trace_source source(7);
  std::set<std::string> traces;
  for (const std::string wrong :
       {"", "nonsense", "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}) {
    CHECK_FALSE(valid_traceparent(wrong));
    auto at = wrong;
    source.next(at);
    CHECK(valid_traceparent(at));
    traces.insert(std::string(trace_id_of(at)));
  }
  CHECK(traces.size() == 6);
}

TEST_CASE("the service manager is told what it understands", "[service]") {
  std::string folder = "/tmp/crossdock-notify-XXXXXX";
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  const auto path = folder + "/notify";
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un a{};
  a.sun_family = AF_UNIX;
  path.copy(a.sun_path, sizeof a.sun_path - 1);
  REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&a), sizeof a) == 0);
  const auto heard = [&] {
    char text[512];
    const auto n = ::recv(fd, text, sizeof text, MSG_DONTWAIT);
    return std::string(text, n > 0 ? static_cast<std::size_t>(n) : 0);
  };
  const node::service_manager manager(path, std::chrono::seconds(60));
  manager.ready("two\nlines");
  CHECK(heard() == "READY=1\nSTATUS=two lines");
  manager.reloading();
  CHECK_THAT(heard(), Catch::StartsWith("RELOADING=1\nMONOTONIC_USEC="));
  manager.alive();
  CHECK(heard() == "WATCHDOG=1");
  manager.stopping();
  CHECK_THAT(heard(), Catch::StartsWith("STOPPING=1"));
  const node::service_manager nobody("", std::nullopt);
  nobody.ready("serving"); // no socket: nothing to tell, nothing goes wrong
  CHECK(heard().empty());
  ::close(fd);
  ::unlink(path.c_str());
  ::rmdir(folder.c_str());
}
