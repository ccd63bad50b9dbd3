// The same plugin files in processes of their own: what works in the node works there,
// and what fails there can be seen again by whoever made it.
#include "host/connect.hpp"
#include "host/instance.hpp"
#include "integration/host_fixture.hpp"
#include "kit/app.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <sstream>

using namespace crossdock;
using namespace crossdock::host::testing;
using namespace std::chrono_literals;

namespace {

constexpr auto process = host::executor_kind::process;

/// Answers each connection with what it was told, and "!".
class listener {
public:
  listener() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(fd_, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
    REQUIRE(::listen(fd_, 5) == 0);
    socklen_t size = sizeof at;
    REQUIRE(::getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size) == 0);
    port_ = ntohs(at.sin_port);
    thread_ = std::thread([this] {
      for (int peer = 0; (peer = ::accept(fd_, nullptr, nullptr)) >= 0; ::close(peer)) {
        char said[64];
        const auto n = ::read(peer, said, sizeof said - 1);
        if (n > 0) {
          said[n] = '!';
          static_cast<void>(!::write(peer, said, static_cast<std::size_t>(n) + 1));
        }
      }
    });
  }
  ~listener() {
    ::shutdown(fd_, SHUT_RDWR);
    thread_.join();
    ::close(fd_);
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

private:
  int fd_;
  int port_ = 0;
  std::thread thread_;
};

/// The only fact that was sent as test.done.
json only_done(fixture& f) {
  REQUIRE(until([&] { return f.done_count() >= 1; }));
  const std::lock_guard lock(f.mutex);
  REQUIRE(f.done.size() == 1);
  return json::parse(f.done.front());
}

struct told {
  cli::exit_code code;
  std::string out;
};
told kit_says(std::vector<std::string> words) {
  std::ostringstream out;
  std::ostringstream err;
  const auto code = kit::run(std::move(words), {out, err});
  return {code, out.str() + err.str()};
}

} // namespace

TEST_CASE("what a process forgets when it is killed, its memory has", "[sandbox]") {
  fixture f(plugin_list{{"thrower", "test.thrower", process}});
  f.publish("test.event", json::object());
  REQUIRE(until([&] { return f.memory("count") == "1"; }));
  const auto pid = f.status(0)["pid"].get<int>();
  REQUIRE(::kill(pid, SIGKILL) == 0);
  REQUIRE(until([&] {
    const auto s = f.status(0);
    return s["state"] == "running" && s["pid"] != pid;
  }));
  CHECK(f.status(0)["restarts"] == 1);
  f.publish("test.event", json::object());
  CHECK(until([&] { return f.memory("count") == "2"; }));
}

TEST_CASE("a large event and a large effect go through whole", "[sandbox]") {
  fixture f(plugin_list{{"thrower", "test.thrower", process}});
  const std::string large(700'000, 'x');
  f.publish("test.event", {{"text", large}});
  REQUIRE(until([&] { return f.done_count() == 1; }));
  CHECK(json::parse(f.done[0])["text"] == large);
}

TEST_CASE(
    "an event that fails twice in a process leaves a bundle by which it fails again",
    "[sandbox]") {
  fixture f(plugin_list{{"crasher", "test.crasher", process}});
  f.publish("test.event", {{"how", "abort"}});
  REQUIRE(until([&] { return f.dead().size() == 1; }));
  CHECK(f.dead()[0].attempts == 2);
  std::vector<std::filesystem::path> bundles;
  for (const auto& entry : std::filesystem::directory_iterator(f.folder / "repro")) {
    bundles.push_back(entry.path());
  }
  REQUIRE(bundles.size() == 1);
  CHECK((std::filesystem::status(bundles[0]).permissions() &
         std::filesystem::perms(0077)) == std::filesystem::perms::none);
  const auto plugin = (std::filesystem::path(TEST_PLUGINS) / "crasher.so").string();
  const auto again = kit_says({"run", plugin, "--bundle", bundles[0].string(), "--json"});
  INFO(again.out);
  CHECK(again.code == cli::exit_code::warned);
  const auto said = json::parse(again.out);
  CHECK(said["same_file"] == true);
  CHECK(said["seen_again"] == true);
  CHECK(said["failure"].get<std::string>().find("in the event of the bundle") !=
        std::string::npos);

  const auto other = (std::filesystem::path(TEST_PLUGINS) / "thrower.so").string();
  CHECK(kit_says({"run", other, "--bundle", bundles[0].string()})
            .out.find("another file") != std::string::npos);
  std::ofstream(bundles[0]) << "{\"format\": \"crossdock.repro/1\", \"event\": 7}";
  const auto torn = kit_says({"run", plugin, "--bundle", bundles[0].string()});
  CHECK(torn.code == cli::exit_code::bad_input);
  CHECK(torn.out.find("an object is expected here") != std::string::npos);
}

TEST_CASE("a connector is connected to what is granted by name, and to nothing else",
          "[sandbox]") {
  listener peer;
  const auto where = GENERATE(host::executor_kind::thread, host::executor_kind::process);
  INFO(host::to_string(where));
  trust::grant granted;
  granted.endpoints["peer"] = peer.address();
  fixture f(plugin_list{{"dialer", "test.dialer", where, {}, granted}});
  SECTION("granted") {
    f.publish("test.event", {{"endpoint", "peer"}});
    CHECK(only_done(f)["answer"] == "hello!");
  }
  SECTION("asked for, not granted") {
    f.publish("test.event", {{"endpoint", "closed"}});
    CHECK(only_done(f)["error"].get<std::string>().find("closed") != std::string::npos);
  }
  SECTION("what its own thread posts is durable before it is told so") {
    f.publish("test.event", {{"endpoint", ""}});
    REQUIRE(until([&] { return f.done_count() == 2; }));
    const std::lock_guard lock(f.mutex);
    CHECK(json::parse(f.done[0])["by"] == "a thread");
    CHECK(json::parse(f.done[1])["durable"] == "cookie");
  }
}

TEST_CASE("an endpoint is a host and port or the path of a socket", "[sandbox]") {
  for (const auto* good : {"erp:8000", "127.0.0.1:1", "[::1]:65535", "/run/erp.sock"}) {
    INFO(good);
    CHECK(host::check_address(good).ok());
  }
  for (const auto* bad : {"", "erp", "erp:", "erp:0", "erp:70000", "erp:80x", "::1:80",
                          ":80", "run/erp.sock"}) {
    INFO(bad);
    CHECK_FALSE(host::check_address(bad).ok());
  }
  // A port that was free a moment ago refuses.
  std::string nobody;
  {
    const listener gone;
    nobody = gone.address();
  }
  const auto refused = host::connect_to(nobody);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code() == errc::unavailable);
}

TEST_CASE("a missing program to run plugins is named", "[sandbox]") {
  const auto file =
      host::staged_plugin::read(std::filesystem::path(TEST_PLUGINS) / "thrower.so");
  REQUIRE(file.ok());
  const auto words = catalogue::load(TEST_CATALOGUE);
  REQUIRE(words.ok());
  const auto made =
      host::component::from_manifest(*file, "test.thrower", json::object(), **words);
  REQUIRE(made.ok());
  auto what = std::make_shared<host::component>(**made);
  what->executor = process;
  host::surroundings around;
  around.words = *words;
  around.plugin_host = "/nowhere/crossdock-plugin-host";
  const auto r = host::make_instance(what, {}, around);
  REQUIRE_FALSE(r.ok());
  CHECK(r.error().code() == errc::not_found);
  CHECK(r.error().describe().find("/nowhere/crossdock-plugin-host") != std::string::npos);
}
