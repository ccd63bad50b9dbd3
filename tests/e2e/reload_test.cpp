// The configuration changes while decisions run.
#include "operations.hpp"
#include "support/ledger_check.hpp"

#include "base/clock.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <map>
#include <set>

using namespace crossdock;
using namespace crossdock::test;
using namespace std::chrono_literals;
using Catch::Contains;

namespace {

node_process::setup busy() {
  node_process::setup s;
  s.size = "small";
  s.policy = allow_everything;
  return s;
}

/// The node uses a flow file of its own folder, so that the test may change it.
std::filesystem::path own_flow(const node_process& node) {
  const auto shipped = source_folder() / "config" / "flows" / "backorder-prevention.toml";
  const auto own = node.folder() / "flow.toml";
  write(own, read(shipped));
  replace(node.config_file(), shipped.string(), "flow.toml");
  return own;
}

std::string sha_of(const told& r, const char* side) {
  return r.header["detail"][side]["policy_sha256"].get<std::string>();
}

std::int64_t micros(const std::string& time) {
  return parse_rfc3339(time)->time_since_epoch().count();
}

} // namespace

TEST_CASE(
    "no verdict before a reload's record is of the new policy, none after it of the old",
    "[e2e][reload]") {
  node_process node(busy());
  node.start();
  auto day = node.play(15);
  int reloads = 0;
  std::optional<int> ended;
  while (!(ended = day.wait(0ms))) {
    write(node.folder() / "policy.toml",
          std::string(allow_everything) + "# change " + std::to_string(reloads) + "\n");
    const auto answer = node.call("node.reload");
    INFO(answer.dump());
    REQUIRE(answer.value("ok", false));
    ++reloads;
  }
  REQUIRE(ended == 0);
  REQUIRE(until([&] { return node.settled(); }, 120s));
  REQUIRE(node.stop() == 0);

  std::string in_force;
  std::set<std::string> judged_by;
  int verdicts = 0;
  int changes = 0;
  for (const auto& r : all_records(node.ledger_folder())) {
    const auto kind = r.header["kind"].get<std::string>();
    INFO("record " << r.header["seq"]);
    if (kind == "node" && r.header["detail"]["what"] == "started") {
      in_force = r.header["detail"]["policy_sha256"];
    } else if (kind == "config") {
      CHECK(r.header["class"] == "A");
      CHECK(r.header["principal"] == "person:maria");
      CHECK(sha_of(r, "before") == in_force);
      in_force = sha_of(r, "after");
      ++changes;
    } else if (kind == "verdict") {
      CHECK(r.header["detail"]["policy_sha256"] == in_force);
      judged_by.insert(in_force);
      ++verdicts;
    }
  }
  std::cout << reloads << " reloads, " << verdicts << " verdicts under "
            << judged_by.size() << " policies" << std::endl;
  CHECK(changes == reloads);
  // Enough for each to have happened during the other, also on a machine that is busy.
  CHECK(changes > 5);
  CHECK(verdicts > 10);
  CHECK(judged_by.size() > 2);
  const auto verified = crossdock::testing::verify_twice(node.ledger_folder());
  REQUIRE(verified.ok());
  CHECK(verified->good());
}

TEST_CASE("cases begin with the version of a flow that is in force, and keep it",
          "[e2e][reload]") {
  node_process node(busy());
  const auto flow = own_flow(node);
  node.start();
  auto day = node.play(15);
  int version = 2; // the shipped one
  std::optional<int> ended;
  while (!(ended = day.wait(0ms))) {
    replace(flow, "version = " + std::to_string(version) + "\n",
            "version = " + std::to_string(version + 1) + "\n");
    ++version;
    REQUIRE(node.call("node.reload").value("ok", false));
  }
  REQUIRE(ended == 0);
  REQUIRE(until([&] { return node.settled(); }, 120s));
  REQUIRE(node.stop() == 0);

  // From which instant on each version held, by the ledger.
  std::map<std::int64_t, int> since;
  for (const auto& r : all_records(node.ledger_folder())) {
    if (r.header["kind"] == "node" && r.header["detail"]["what"] == "started") {
      since[micros(r.header["time"])] = 2;
    } else if (r.header["kind"] == "config") {
      since[micros(r.header["time"])] =
          r.header["detail"]["after"]["flows"][0]["version"];
    }
  }
  auto db = ledger::open_reader(node.ledger_folder() / "ledger.db");
  REQUIRE(db.ok());
  const auto cases =
      (*db)->query("SELECT case_id, version, opened_at, status FROM flow_case");
  REQUIRE(cases.ok());
  CHECK(cases->size() > 10);
  std::set<std::int64_t> versions;
  for (const auto& c : *cases) {
    INFO(c.text(0) << " version " << c.integer(1) << " opened at " << c.integer(2));
    const auto held = std::prev(since.upper_bound(c.integer(2)));
    CHECK(c.integer(1) == held->second);
    versions.insert(c.integer(1));
  }
  CHECK(versions.size() > 2);
}

TEST_CASE("a broken file changes nothing while decisions run", "[e2e][reload]") {
  node_process node(busy());
  own_flow(node);
  node.start();
  const auto good = node.ask("node.status")["gate"]["policy_sha256"];
  auto day = node.play(6);
  std::optional<int> ended;
  int round = 0;
  while (!(ended = day.wait(0ms))) {
    switch (round++ % 3) {
    case 0:
      write(node.folder() / "policy.toml", "version = 1\nname = [broken\n");
      break;
    case 1: {
      write(node.folder() / "policy.toml", std::string(allow_everything) + "# fine\n");
      write(node.folder() / "flow.toml", "[flow]\nid = 7\n");
      break;
    }
    default: {
      write(node.folder() / "flow.toml",
            read(source_folder() / "config/flows/backorder-prevention.toml") +
                "# touched\n");
      break;
    }
    }
    const auto answer = node.call("node.reload");
    CHECK_FALSE(answer.value("ok", true));
    CHECK(answer["error"]["name"] == "invalid");
  }
  REQUIRE(ended == 0);
  CHECK(round > 3);
  REQUIRE(until([&] { return node.settled(); }, 120s));
  CHECK(node.ask("node.status")["gate"]["policy_sha256"] == good);
  REQUIRE(node.stop() == 0);
  int verdicts = 0;
  for (const auto& r : all_records(node.ledger_folder())) {
    CHECK(r.header["kind"] != "config");
    if (r.header["kind"] == "verdict") {
      CHECK(r.header["detail"]["policy_sha256"] == good);
      ++verdicts;
    }
  }
  CHECK(verdicts > 0);
}

TEST_CASE("a node does not start on a flow whose text changed under its version",
          "[e2e][reload]") {
  node_process node;
  const auto flow = own_flow(node);
  node.start();
  REQUIRE(node.stop() == 0);
  write(flow, read(flow) + "# another text\n");
  const auto f = run({crossdockd_program(), "run", node.config_file().string()});
  CHECK(f.code == 3);
  CHECK_THAT(f.text, Contains("backorder-prevention/2") && Contains("new version"));
}

TEST_CASE("what the command line tells of a reload", "[e2e][reload]") {
  node_process node(busy());
  node.start();
  const auto reload = [&](std::vector<std::string> more) {
    std::vector<std::string> words{crossdock_program(), "--config",
                                   node.config_file().string(), "node", "reload"};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  };
  const auto same = reload({});
  CHECK(same.code == 0);
  CHECK_THAT(same.text, Contains("nothing changed"));

  replace(node.config_file(), "level = \"autonomous\"", "level = \"recommend\"");
  const auto trial = reload({"--dry-run"});
  CHECK(trial.code == 0);
  CHECK_THAT(trial.text, Contains("autonomy.") && Contains("recommend") &&
                             Contains("nothing was changed"));
  CHECK_THAT(reload({}).text, Contains("In force since record"));

  const auto before = read(node.config_file());
  replace(node.config_file(), "socket = \"s\"", "socket = \"other\"");
  // The command asks the node on its socket, which the file does not name any more.
  const auto refused = node.call("node.reload");
  CHECK(refused["error"]["name"] == "denied");
  CHECK_THAT(refused["error"]["message"].get<std::string>(),
             Contains("node.socket") && Contains("restart"));
  write(node.config_file(), before);
  write(node.folder() / "plugins.lock", read(node.folder() / "plugins.lock") +
                                            "\n[[file]]\nname = \"x.so\"\nsha256 = \"" +
                                            std::string(64, '0') + "\"\n");
  const auto lock = reload({});
  CHECK(lock.code == 4);
  CHECK_THAT(lock.text, Contains("plugins.lock") && Contains("restart"));
}

TEST_CASE("who lost a role may not use it any more, and only an operator reloads",
          "[e2e][reload]") {
  node_process node(busy());
  node.start();
  CHECK(node.call("node.reload", json::object(), "tom")["error"]["name"] == "denied");
  replace(node.config_file(), "\"customer-service\", \"operator\"",
          "\"customer-service\"");
  REQUIRE(node.call("node.reload").value("ok", false));
  CHECK(node.call("node.reload")["error"]["name"] == "denied");
  CHECK(node.ask("whoami")["roles"] == json{"customer-service"});
  replace(node.config_file(), "name = \"tom\"", "name = \"tim\"");
  // Nobody is an operator now; the node's own user can still signal it.
  node.process().signal(SIGHUP);
  REQUIRE(
      until([&] { return node.call("whoami", json::object(), "tim").value("ok", false); },
            30s));
  CHECK_FALSE(node.call("whoami", json::object(), "tom").value("ok", true));
  REQUIRE(node.stop() == 0);
  const auto records = all_records(node.ledger_folder());
  const auto last = std::find_if(records.rbegin(), records.rend(), [](const told& r) {
    return r.header["kind"] == "config";
  });
  REQUIRE(last != records.rend());
  CHECK(last->header["principal"] == "signal:uid " + std::to_string(::getuid()));
}

TEST_CASE("the service manager hears of start, reload and stop", "[e2e][reload]") {
  node_process node(busy());
  const auto path = node.folder() / "notify";
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un a{};
  a.sun_family = AF_UNIX;
  path.string().copy(a.sun_path, sizeof a.sun_path - 1);
  REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&a), sizeof a) == 0);
  std::string heard;
  const auto hears = [&](const std::string& what) {
    return until(
        [&] {
          char text[512];
          const auto n = ::recv(fd, text, sizeof text, MSG_DONTWAIT);
          heard.append(text, n > 0 ? static_cast<std::size_t>(n) : 0);
          return heard.find(what) != std::string::npos;
        },
        30s);
  };
  ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  ::setenv("WATCHDOG_USEC", "400000", 1);
  node.start();
  ::unsetenv("NOTIFY_SOCKET");
  ::unsetenv("WATCHDOG_USEC");
  CHECK(hears("READY=1"));
  CHECK(hears("WATCHDOG=1"));
  heard.clear();
  write(node.folder() / "policy.toml", "broken");
  node.process().signal(SIGHUP);
  CHECK(hears("RELOADING=1"));
  CHECK(hears("serving with the old configuration"));
  heard.clear();
  write(node.folder() / "policy.toml", std::string(allow_everything) + "# new\n");
  node.process().signal(SIGHUP);
  CHECK(hears("the configuration was reloaded"));
  CHECK(node.stop() == 0);
  CHECK(hears("STOPPING=1"));
  ::close(fd);
}
