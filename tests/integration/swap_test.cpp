// Another version of an agent takes over while it works.
#include "integration/swap_fixture.hpp"

#include "host/rehearsal.hpp"
#include "host/swap_plan.hpp"

#include <iostream>

using namespace crossdock;
using namespace crossdock::host::testing;
using namespace std::chrono_literals;

TEST_CASE(
    "versions take over from each other in the middle of work, and nothing is lost, "
    "repeated or reordered",
    "[swap]") {
  const auto where = GENERATE(host::executor_kind::scheduled, host::executor_kind::thread,
                              host::executor_kind::process);
  swap_fixture f("one", where);
  stream events(f, 20);
  const char* next = "two";
  for (int i = 0; i < 10; ++i) {
    const auto told = f.swap(next);
    CHECK(told["what"] == "switched");
    CHECK(told["pause_us"].get<int>() > 0);
    events.wait_for_some();
    f.end_probation(true);
    next = std::string_view(next) == "two" ? "one" : "two";
  }
  const auto sent = events.stop();
  REQUIRE(until([&] { return f.done_count() >= sent; }));
  check_order(f, sent);
  // The cache in its members came along each time.
  int seen = 0;
  for (const auto& d : f.all_done()) {
    CHECK(d["seen"] == ++seen);
  }
  CHECK(f.memory("count") == std::to_string(sent));
  CHECK(f.dead().empty());
  CHECK(f.status(0)["swaps"] == 10);
}

TEST_CASE("a version that cannot take over changes nothing", "[swap]") {
  const auto where =
      GENERATE(host::executor_kind::scheduled, host::executor_kind::process);
  swap_fixture f("one", where);
  f.send("a", 1);
  REQUIRE(until([&] { return f.done_count() == 1; }));
  for (const auto& [version, why] :
       {std::pair{"refuses_state", "reads no such state"},
        std::pair{"hangs_in_restore", "did not return"},
        std::pair{"fails_at_start", "told to fail at the start"}}) {
    INFO(version);
    const auto before = f.status(0)["sha256"];
    const auto refused = f.refused(version);
    CHECK_THAT(refused, Catch::Contains(why));
    CHECK_THAT(refused, Catch::Contains("nothing was changed"));
    CHECK(f.status(0)["sha256"] == before);
    CHECK(f.status(0)["state"] == "running");
  }
  f.send("a", 2);
  REQUIRE(until([&] { return f.done_count() == 2; }));
  CHECK(f.all_done()[1]["seen"] == 2); // not even its cache was lost
  const auto told = f.records("plugin");
  CHECK(std::count_if(told.begin(), told.end(), [](const json& r) {
          return text_or(r["detail"], "what") == "swap_called_off";
        }) == 3);
}

TEST_CASE(
    "a version that fails is taken back, and its event is handled by the one before",
    "[swap]") {
  const auto where =
      GENERATE(host::executor_kind::scheduled, host::executor_kind::process);
  const auto* version = GENERATE("fails", "hangs");
  host::component_limits quick;
  quick.step_hard = 300ms;
  swap_fixture f("one", where, quick);
  for (int n = 1; n <= 5; ++n) {
    f.send("a", n);
  }
  REQUIRE(until([&] { return f.done_count() == 5; }));
  const auto began = std::chrono::steady_clock::now();
  f.swap(version);
  for (int n = 6; n <= 10; ++n) {
    f.send("a", n);
  }
  REQUIRE(until([&] { return f.done_count() >= 10; }));
  CHECK(std::chrono::steady_clock::now() - began < 30s);
  check_order(f, 10);
  CHECK(f.all_done().back()["seen"] == 10); // the cache as it was at the swap, and since
  CHECK(f.dead().empty());
  const auto s = f.status(0);
  CHECK(s["version"] == "1.0.0");
  CHECK(s["swaps_back"] == 1);
  const auto body = f.last_swap();
  CHECK(body["gap"].empty());
  CHECK_THAT(body["why"].get<std::string>(), Catch::Contains("failed"));
}

TEST_CASE("the version before absorbs what happened while another one worked", "[swap]") {
  const auto where =
      GENERATE(host::executor_kind::scheduled, host::executor_kind::process);
  const auto* version = GENERATE("otherwise", "migrates");
  swap_fixture f("one", where);
  for (int n = 1; n <= 3; ++n) {
    f.send("a", n);
  }
  REQUIRE(until([&] { return f.done_count() == 3; }));
  f.swap(version);
  for (int n = 4; n <= 8; ++n) {
    f.send("a", n);
  }
  REQUIRE(until([&] { return f.done_count() == 8; }));
  f.settle();
  if (std::string_view(version) == "migrates") {
    CHECK(f.memory("total") == "8");
    CHECK(f.memory("count").empty());
  }
  const auto back = f.end_probation(false);
  CHECK(back["what"] == "rolled_back");
  CHECK(back["absorbed_steps"] == 5);
  CHECK(back["gap"].empty());
  CHECK(f.memory("count") == "8");
  CHECK(f.memory("total").empty());
  f.send("a", 9);
  REQUIRE(until([&] { return f.done_count() == 9; }));
  const auto last = f.all_done().back();
  CHECK(last["before"] == 8);
  CHECK(last["seen"] == 9);
  CHECK(last["version"] == "1.0.0");
}

TEST_CASE(
    "what is in flight waits, is carried over or is cancelled, as the manifest says",
    "[swap]") {
  const auto where =
      GENERATE(host::executor_kind::scheduled, host::executor_kind::process);
  SECTION("carry: the new version gets the answer") {
    swap_fixture f("one", where);
    responder other(f);
    f.publish("test.event", {{"key", "a"}, {"n", 1}, {"ask", true}});
    const auto token = other.next();
    f.swap("two");
    other.reply(token, {{"n", 7}});
    REQUIRE(until([&] { return f.done_count() == 1; }));
    CHECK(f.all_done()[0] == json({{"answer", 7}, {"asked", 1}, {"version", "2.0.0"}}));
  }
  SECTION("wait: the running version gets it, then ends") {
    swap_fixture f("wait", where);
    responder other(f);
    f.publish("test.event", {{"key", "a"}, {"n", 1}, {"ask", true}});
    const auto token = other.next();
    std::thread later([&] {
      std::this_thread::sleep_for(100ms);
      other.reply(token, {{"n", 7}});
    });
    f.swap("two");
    later.join();
    REQUIRE(until([&] { return f.done_count() == 1; }));
    CHECK(f.all_done()[0]["version"] == "1.1.0");
    CHECK(f.status(0)["version"] == "2.0.0");
  }
  SECTION("wait: without an answer in time nothing is changed") {
    swap_fixture f("wait", where);
    responder other(f);
    f.publish("test.event", {{"key", "a"}, {"n", 1}, {"ask", true}});
    const auto token = other.next();
    f.drain = 100ms;
    CHECK_THAT(f.refused("two"), Catch::Contains("open questions"));
    other.reply(token, {{"n", 7}});
    REQUIRE(until([&] { return f.done_count() == 1; }));
    CHECK(f.all_done()[0]["version"] == "1.1.0");
  }
  SECTION("cancel: the running version is told") {
    swap_fixture f("cancel", where);
    responder other(f);
    f.publish("test.event", {{"key", "a"}, {"n", 1}, {"ask", true}});
    other.next();
    f.swap("two");
    REQUIRE(until([&] { return f.done_count() == 1; }));
    CHECK(f.all_done()[0]["version"] == "1.2.0");
    CHECK(f.all_done()[0]["answer"].is_null());
  }
}

TEST_CASE("an answer that another version asked for reaches the one that came back",
          "[swap]") {
  const auto where =
      GENERATE(host::executor_kind::scheduled, host::executor_kind::process);
  swap_fixture f("one", where);
  responder other(f);
  f.swap("two");
  f.publish("test.event", {{"key", "a"}, {"n", 1}, {"ask", true}});
  const auto token = other.next();
  const auto back = f.end_probation(false);
  CHECK(back["absorbed_steps"] == 1);
  CHECK(back["gap"].empty());
  other.reply(token, {{"n", 7}});
  REQUIRE(until([&] { return f.done_count() == 1; }));
  CHECK(f.all_done()[0] == json({{"answer", 7}, {"asked", 1}, {"version", "1.0.0"}}));
}

TEST_CASE("a rehearsal tells what another version would have said", "[swap]") {
  const auto where =
      GENERATE(host::executor_kind::scheduled, host::executor_kind::process);
  swap_fixture f("one", where);
  responder other(f);
  for (int n = 1; n <= 10; ++n) {
    f.send("a", n);
  }
  f.publish("test.event", {{"key", "b"}, {"n", 11}, {"ask", true}});
  other.reply(other.next(), {{"n", 5}});
  REQUIRE(until([&] { return f.done_count() == 11; }));
  const auto told_of = [&](const char* version) {
    f.settle();
    auto db = f.env.store->reader();
    REQUIRE(db.ok());
    auto r = host::rehearse(
        **db, {f.running, f.version(version), f.words, {}, 1000, 20s, f.env.plugin_host});
    if (!r) {
      FAIL(r.error().describe());
    }
    return *r;
  };
  const auto same = told_of("two");
  CHECK(same["compared"] == 12); // ten events, one that asks, and its answer
  CHECK(same["same"] == 12);
  const auto differs = told_of("otherwise");
  CHECK(differs["differ"] == 5);
  CHECK(differs["differences"][0]["changes"] ==
        json::array({{{"field", "/n"}, {"now", 1}, {"next", -1}}}));
  const auto fails = told_of("fails");
  CHECK(fails["differ"] == 11);
  CHECK_THAT(fails["differences"][0]["changes"][0]["next"].get<std::string>(),
             Catch::Contains("this version fails"));
  CHECK(f.memory("count") == "11"); // nothing of it was true
  CHECK(f.done_count() == 11);
}

TEST_CASE("what stands in the way of a swap is known before its code runs", "[swap]") {
  swap_fixture f("one", host::executor_kind::scheduled);
  const auto refused = [&](const char* version) {
    const auto p = host::plan_swap(*f.running, *f.version(version), {});
    return p.refused.empty() ? std::string() : p.refused.front();
  };
  CHECK(refused("two").empty());
  CHECK(refused("migrates").empty());
  CHECK_THAT(refused("reads_none"), Catch::Contains("reads 3 only"));
  CHECK_THAT(refused("one"), Catch::Contains("is what runs"));
  const auto older = host::plan_swap(*f.version("two"), *f.version("one"), {});
  REQUIRE(older.notes.size() == 1);
  CHECK_THAT(older.notes[0], Catch::Contains("older"));
}

TEST_CASE("a probation outlives a restart, and so does the way back", "[swap]") {
  swap_fixture f("one", host::executor_kind::scheduled);
  f.send("a", 1);
  f.swap("two");
  f.send("a", 2);
  REQUIRE(until([&] { return f.done_count() == 2; }));
  f.restart("two", "one");
  f.send("a", 3);
  REQUIRE(until([&] { return f.done_count() == 3; }));
  CHECK(f.all_done().back()["version"] == "2.0.0");
  const auto back = f.end_probation(false);
  CHECK(back["absorbed_steps"] == 2);
  f.send("a", 4);
  REQUIRE(until([&] { return f.done_count() == 4; }));
  const auto last = f.all_done().back();
  CHECK(last["version"] == "1.0.0");
  CHECK(last["before"] == 3);
  CHECK(last["seen"] == 4);
}

TEST_CASE("random versions, good and bad, come and go under load", "[swap]") {
  const auto where =
      GENERATE(host::executor_kind::scheduled, host::executor_kind::process);
  const auto seed = std::random_device{}();
  std::cout << "seed " << seed << '\n';
  std::mt19937 random(seed);
  host::component_limits quick;
  quick.step_hard = 300ms;
  swap_fixture f("one", where, quick);
  f.pause_max = 300ms;
  stream events(f, 50);
  constexpr std::array all{
      "two",      "otherwise", "fails", "refuses_state", "fails_at_start",
      "migrates", "two",       "one"};
  int switched = 0;
  for (int i = 0; i < 25; ++i) {
    const auto* version = all[random() % all.size()];
    const auto a = f.try_swap(version);
    if (a.code == 0) {
      ++switched;
      events.wait_for_some();
      // What migrated cannot be kept here: older versions do not read its memory.
      f.try_end_probation(random() % 2 == 0 && std::string_view(version) != "migrates");
    }
    REQUIRE(until([&] {
      const auto s = f.status(0);
      return s["state"] == "running" && !s.contains("probation") &&
             !s.contains("changing_to");
    }));
  }
  const auto sent = events.stop();
  REQUIRE(until([&] { return f.done_count() >= sent; }));
  CHECK(switched > 0);
  std::map<std::string, int> last;
  for (const auto& d : f.all_done()) {
    // One version says -1 for odd numbers: order and number are counted by `before`.
    const auto key = d["key"].get<std::string>();
    CHECK(d["before"].get<int>() + 1 == last[key]++);
  }
  CHECK(f.done_count() == sent);
  CHECK(f.dead().empty());
}
