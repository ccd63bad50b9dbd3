// Hostile plugins in processes of their own, beside one that works: each harms only
// itself, and what it tried is on record.
#include "integration/host_fixture.hpp"

using namespace crossdock;
using namespace crossdock::host::testing;
using namespace std::chrono_literals;

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

/// An attack of tests/contract/hostile/hostile.c and what an operator finds afterwards: a
/// record of its component with this word and a sentence that has this part.
struct attempt {
  const char* name;
  const char* what;
  const char* part;
};

constexpr const char* no_record = nullptr; ///< it gets a status, and that is all there is

/// Manifests have dashes.
std::string component_of(std::string name) {
  std::replace(name.begin(), name.end(), '_', '-');
  return "hostile." + name;
}

/// Nothing here is to overrun but what is meant to: who misbehaves waits for everybody
/// else.
host::component_limits small(std::chrono::milliseconds step_hard = 25s) {
  host::component_limits l;
  l.step_hard = step_hard;
  l.create_hard = 10s;
  l.memory_bytes_max = 4u << 20;
  l.process_bytes_max = 128u << 20;
  return l;
}

class red_team {
public:
  red_team(const std::vector<attempt>& attempts, host::component_limits l)
      : f_(plugins(attempts, l)) {}

  /// All attack, while the neighbour works.
  void attack() {
    std::filesystem::create_directories(f_.folder / "keys");
    const auto key = (f_.folder / "keys/node.key").string();
    std::ofstream(key) << "secret";
    for (int i = 0; i < 20; ++i) {
      f_.publish("test.event", {{"file", key}, {"neighbour", true}});
    }
  }

  /// `number`: of its shell.
  void found(const attempt& a, std::size_t number) {
    const auto component = component_of(a.name);
    INFO(component);
    if (a.what == no_record) {
      CHECK(until([&] {
        const auto s = f_.status(number);
        return s["steps"].get<int>() > 0 && s["state"] != "creating";
      }));
      return;
    }
    const bool there = until([&] { return recorded(component, a.what, a.part); });
    INFO(all_of(component));
    CHECK(there);
  }

  void neighbour_is_well(std::size_t events = 20) {
    CHECK(until([&] { return f_.memory("count") == std::to_string(events); }));
  }

  fixture f_;

private:
  static plugin_list plugins(const std::vector<attempt>& attempts,
                             host::component_limits l) {
    plugin_list out{{"thrower", "test.thrower"}};
    for (const auto& a : attempts) {
      out.push_back({std::string("../hostile-plugins/hostile-") + a.name,
                     component_of(a.name), host::executor_kind::process, l});
    }
    return out;
  }

  json records() {
    auto all = f_.records("plugin");
    for (auto& r : f_.records("late_answer")) {
      all.push_back(r);
    }
    return all;
  }

  bool recorded(const std::string& component, const std::string& what,
                const std::string& part) {
    for (const auto& r : records()) {
      if (what == text_or(r, "kind") && text_or(r, "src") == component) {
        return true;
      }
      const auto detail = r.value("detail", json::object());
      if (text_or(r, "dst") == component && text_or(detail, "what") == what &&
          text_or(detail, "why").find(part) != std::string::npos) {
        return true;
      }
    }
    return false;
  }

  std::string all_of(const std::string& component) {
    std::string out;
    for (const auto& r : records()) {
      if (text_or(r, "dst") == component || text_or(r, "src") == component) {
        out += r.dump() + "\n";
      }
    }
    return out;
  }
};

void run(const std::vector<attempt>& attempts, host::component_limits l = small()) {
  red_team team(attempts, l);
  team.attack();
  for (std::size_t i = 0; i < attempts.size(); ++i) {
    team.found(attempts[i], i + 1);
  }
  team.neighbour_is_well();
}

} // namespace

TEST_CASE("no file is opened, read or removed", "[red_team]") {
  run({{"read_ledger_key", "denied", "keys/node.key"},
       {"read_passwords", "denied", "openat(\"/etc/passwd\")"},
       {"read_parent_memory", "denied", "/mem\")"},
       {"write_file", "denied", "openat(\"/tmp/hostile-was-here\")"},
       {"list_folder", "denied", "openat(\"/\")"},
       {"remove_file", "denied", "unlink(\"/tmp/hostile-target\")"},
       {"leak_descriptors", "denied", "dup()"},
       {"memory_file", "denied", "memfd_create()"},
       {"close_descriptors", "instance_failed", "its process ended itself with code 0"}});
  CHECK_FALSE(std::filesystem::exists("/tmp/hostile-was-here"));
}

TEST_CASE("no socket is opened or connected", "[red_team]") {
  run({{"open_socket", "denied", "socket(AF_INET)"},
       {"open_local_socket", "denied", "socket(AF_UNIX)"},
       {"open_netlink", "denied", "socket(AF_NETLINK)"},
       {"connect_channel", "denied", "connect()"},
       {"ask_for_endpoint", no_record, ""},
       {"ring", "denied", "io_uring_setup()"}});
}

TEST_CASE("no process or thread is started, looked at or ended", "[red_team]") {
  run({{"fork_once", "denied", "clone(a process)"},
       {"fork_bomb", "denied", "clone(a process)"},
       {"execute", "denied", "execve(\"/bin/sh\")"},
       {"start_thread", "denied", "clone(a thread)"},
       {"trace_parent", "denied", "ptrace()"},
       {"kill_parent", "denied", "kill(signal 9)"},
       {"peek_at_parent", "denied", "process_vm_readv()"},
       {"leave_namespace", "denied", "unshare()"},
       {"become_root", "denied", "setuid()"}});
}

TEST_CASE("no limit is lifted and no code is made", "[red_team]") {
  run({{"raise_limits", "denied", "prlimit64()"},
       {"raise_priority", "denied", "setpriority()"},
       {"survive_parent", "denied", "prctl()"},
       {"make_code", "denied", "mmap(memory that can be executed)"}});
}

TEST_CASE("a process that does not come back is killed at its deadline", "[red_team]") {
  run({{"loop", "instance_failed", "did not return within"},
       {"sleep_long", "instance_failed", "did not return within"},
       {"stop_itself", "instance_failed", "did not return within"}},
      small(sanitized ? 2000ms : 400ms));
}

TEST_CASE("a process that ends itself loses its own step alone", "[red_team]") {
  const auto dead = [](const char* how) {
    return sanitized ? "its process ended" : how; // the sanitizer's report ends it first
  };
  std::vector<attempt> all{{"overflow", "instance_failed", dead("ended by SIGSEGV")},
                           {"crash", "instance_failed", dead("ended by SIGSEGV")},
                           {"abort_itself", "instance_failed", dead("ended by SIGABRT")},
                           {"end_itself", "instance_failed", "ended itself with code 0"}};
  if (!sanitized) { // there is no limit of address space beside ASan's shadow
    all.push_back({"bomb_memory", "instance_failed", "its process"});
  }
  run(all);
}

TEST_CASE("forged, torn and endless messages end the process that sends them",
          "[red_team]") {
  run({{"forge_step", "instance_failed", "does not declare that it produces test.secret"},
       {"answer_ahead", "instance_failed", "an answer to no event"},
       {"write_garbage", "instance_failed", "broke the conversation"},
       {"write_garbage_beside", "instance_failed", "its process"},
       {"oversized_frame", "instance_failed", "larger than a step's limits"},
       {"send_descriptor", "instance_failed", "broke the conversation"}});
}

TEST_CASE("what is not granted is refused, whoever it is said to come from",
          "[red_team]") {
  run({{"send_undeclared", "refused", "does not declare that it produces test.secret"},
       {"call_undeclared", no_record, ""},
       {"propose_undeclared", no_record, ""},
       {"ask_undeclared", "refused", "finance.bank_account"},
       {"forge_sender", "refused", "no member \"source\""},
       {"forge_labels", "refused", "no member \"labels\""},
       {"reply_unasked", "late_answer", ""},
       {"use_old_step", no_record, ""}});
}

TEST_CASE("lies about sizes, floods and scribbles stay within the plugin", "[red_team]") {
  run({{"lie_about_size", "refused", "is beyond the limit"},
       {"lie_about_name", "refused", "is beyond the limit"},
       {"send_huge", "refused", "is beyond the limit"},
       {"send_deep", "refused", "deep"},
       {"send_no_text", "refused", "UTF-8"},
       {"flood_effects", "refused", "more than 1024 effects"},
       {"flood_timers", "refused", "more than 1024 effects"},
       {"flood_memory", "refused", "memory is full"},
       {"flood_log", "refused", "more log lines and metrics"},
       {"flood_metrics", "refused", "more log lines and metrics"},
       {"print_much", "denied", "to print more than 64 KiB"},
       {"scribble", "refused", "it wrote into its event"},
       {"tamper_host", no_record, ""}});
}

TEST_CASE("who does not become ready, stop or end in time is ended", "[red_team]") {
  std::vector<std::pair<std::string, std::string>> seen;
  const auto begin = std::chrono::steady_clock::now();
  {
    auto slow = small();
    slow.create_hard = 500ms;
    plugin_list plugins{{"thrower", "test.thrower"}};
    for (const auto* name :
         {"hang_in_create", "hang_in_quiesce", "hang_in_destroy", "ask_after_quiesce"}) {
      plugins.push_back({std::string("../hostile-plugins/hostile-") + name,
                         component_of(name), host::executor_kind::process,
                         std::string_view(name) == "hang_in_create" ? slow : small()});
    }
    fixture f(plugins);
    f.publish("test.event", {{"n", 1}});
    CHECK(until([&] { return f.memory("count") == "1"; }));
    CHECK(until([&] {
      const auto s = f.status(1);
      return text_or(s, "last_error").find("was not ready within 500 ms") !=
             std::string::npos;
    }));
    CHECK(until([&] {
      return text_or(f.status(2), "state") == "running" &&
             text_or(f.status(3), "state") == "running" &&
             text_or(f.status(4), "state") == "running";
    }));
    f.stop_shells();
    auto db = f.env.store->reader();
    REQUIRE(db.ok());
    auto rows = (*db)->query("SELECT header FROM record WHERE kind = 'plugin'");
    REQUIRE(rows.ok());
    for (const auto& r : *rows) {
      const auto header = json::parse(r.text(0));
      seen.emplace_back(text_or(header, "dst"), text_or(header["detail"], "why"));
    }
  }
  const auto said = [&](const std::string& who, const std::string& part) {
    return std::any_of(seen.begin(), seen.end(), [&](const auto& s) {
      return s.first == who && s.second.find(part) != std::string::npos;
    });
  };
  CHECK(said("hostile.hang-in-quiesce", "to go on after it was told to stop"));
  CHECK(said("hostile.hang-in-destroy", "to stay when it was told to end"));
  CHECK(said("hostile.ask-after-quiesce", "it was told to stop"));
  CHECK(std::chrono::steady_clock::now() - begin < 60s);
}

TEST_CASE("an answer counts once, and what is added to it is on record", "[red_team]") {
  fixture f(
      plugin_list{{"echo", "test.asker"},
                  {"../hostile-plugins/hostile-answer_twice",
                   component_of("answer_twice"), host::executor_kind::process, small()}});
  f.publish("test.ask", {{"hello", "world"}});
  REQUIRE(until([&] { return f.done_count() >= 1; }));
  REQUIRE(until([&] { return !f.records("late_answer").empty(); }));
  const auto late = f.records("late_answer");
  CHECK(late.size() == 1);
  CHECK(text_or(late[0], "src") == component_of("answer_twice"));
  const std::lock_guard lock(f.mutex);
  REQUIRE(f.done.size() == 1);
  CHECK(json::parse(f.done[0])["answer"]["n"] == 1);
}

TEST_CASE("requests of others are not cancelled, and the attempt is on record",
          "[red_team]") {
  fixture f(plugin_list{{"../hostile-plugins/hostile-cancel_others",
                         component_of("cancel_others"), host::executor_kind::process,
                         small()}});
  // A timer of somebody else's, numbered just before the attacker's step.
  f.work([&](ledger::transaction& tx) {
    return f.env.exchange->timer(tx, "test", f.env.exchange->new_request_ids(1024), 1h,
                                 "mine", "", "");
  });
  f.publish("test.event", json::object());
  CHECK(until([&] {
    const auto all = f.records("plugin");
    return std::any_of(all.begin(), all.end(), [](const json& r) {
      return text_or(r["detail"], "why").find("somebody else's") != std::string::npos;
    });
  }));
  auto db = f.env.store->reader();
  REQUIRE(db.ok());
  auto rows = (*db)->query("SELECT count(*) FROM request WHERE asker = 'test'");
  REQUIRE(rows.ok());
  CHECK(rows->front().integer(0) == 1);
}

TEST_CASE("a status that is none makes a dead letter", "[red_team]") {
  fixture f(plugin_list{{"../hostile-plugins/hostile-exception_status",
                         component_of("exception_status"), host::executor_kind::process,
                         small()}});
  f.publish("test.event", json::object());
  CHECK(until([&] { return f.dead().size() == 1; }));
}

TEST_CASE("who floods waits, and loses nothing", "[red_team]") {
  auto slow = small();
  slow.effects_per_s = 2000;
  fixture f(
      plugin_list{{"../hostile-plugins/hostile-flood_effects",
                   component_of("flood_effects"), host::executor_kind::process, slow},
                  {"../hostile-plugins/hostile-flood_posts", component_of("flood_posts"),
                   host::executor_kind::process, slow}});
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 3; ++i) {
    f.publish("test.event", json::object());
  }
  const auto said = [&](const std::string& component) {
    const auto all = f.records("plugin");
    return std::any_of(all.begin(), all.end(), [&](const json& r) {
      return text_or(r, "dst") == component &&
             text_or(r["detail"], "why").find("more than 2000 steps") !=
                 std::string::npos;
    });
  };
  CHECK(until([&] { return said(component_of("flood_effects")); }));
  CHECK(until([&] { return said(component_of("flood_posts")); }));
  // A flooding step sends 1,024 events and is then refused the one that says so.
  CHECK(until([&] {
    const std::lock_guard lock(f.mutex);
    return std::count_if(f.done.begin(), f.done.end(), [](const std::string& d) {
             return json::parse(d).contains("flood");
           }) == 3 * 1024;
  }));
  // On a machine that is busy enough the flood itself takes as long as it is allowed.
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin;
  CHECK((f.status(0)["throttled"].get<int>() >= 1 || spent.count() > 3 * 1024 / 2000.0));
}
