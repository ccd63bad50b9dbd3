// One trace from the ERP's event to what was written because of it, in records and log
// lines.
#include "operations.hpp"

#include "base/trace.hpp"

#include <map>
#include <set>

using namespace crossdock;
using namespace crossdock::test;
using namespace std::chrono_literals;

TEST_CASE("from trigger to effect a case has one trace, each hop its own span",
          "[e2e][trace]") {
  node_process::setup s;
  s.size = "small";
  s.policy = allow_everything;
  node_process node(s);
  replace(node.config_file(), "socket = \"s\"", "socket = \"s\"\nlog_json = true");
  node.start();
  auto day = node.play(10);
  REQUIRE(day.wait(120s) == 0);
  REQUIRE(until([&] { return node.settled(); }, 120s));

  const std::set<std::string> envelopes{"event",  "question", "call", "lookup",
                                        "answer", "decision", "timer"};
  const auto records = all_records(node.ledger_folder());
  std::map<std::string, std::set<std::string>> traces; // of each case
  std::map<std::string, std::string> of_seq;
  std::set<std::string> executed;
  std::set<std::string> spans;
  std::size_t hops = 0;
  for (const auto& r : records) {
    const auto kind = r.header["kind"].get<std::string>();
    const auto trace = r.header.value("trace", "");
    INFO(r.header.dump());
    of_seq[std::to_string(r.header["seq"].get<std::uint64_t>())] = trace;
    if (envelopes.contains(kind)) {
      REQUIRE(valid_traceparent(trace));
      spans.insert(trace.substr(36, 16));
      ++hops;
    }
    const auto case_id = r.header.value("case", "");
    // What settles a case, or closed it long after, comes with the trace of its own event.
    const bool settles = r.header.contains("detail") &&
                         r.header["detail"].value("type", "") == "case.settled";
    if (!case_id.empty() && !trace.empty() && !settles) {
      traces[case_id].insert(std::string(trace_id_of(trace)));
    }
    if (kind == "effect" && r.header["detail"].value("state", "") == "executed") {
      CHECK(valid_traceparent(trace));
      executed.insert(case_id);
    }
  }
  CHECK(spans.size() == hops);
  REQUIRE(executed.size() > 3);
  std::set<std::string> different;
  for (const auto& id : executed) {
    const auto story = node.ask("case.show", {{"case", id}});
    const auto trace = story["case"]["trace"].get<std::string>();
    INFO(id << " " << trace);
    CHECK(trace.size() == 32);
    // A case that a newer trigger started anew continues that trigger's trace from then
    // on.
    CHECK(traces[id].contains(trace));
    if (story["case"]["run"] == 1) {
      CHECK(traces[id] == std::set<std::string>{trace});
      // Back to the event that came in from the ERP.
      const auto& origin = story["origins"].front()["header"];
      CHECK(trace_id_of(origin.value("trace", "")) == trace);
    }
    different.insert(trace);
  }
  CHECK(different.size() > 1); // each ERP event begins a trace of its own

  CHECK(node.stop() == 0);
  std::istringstream log(node.log());
  std::size_t lines = 0;
  for (std::string line; std::getline(log, line); ++lines) {
    INFO(line);
    const auto parsed = json::parse(line, nullptr, false);
    REQUIRE(parsed.is_object());
    CHECK(parsed["node"] == "test");
    CHECK(parsed.contains("message"));
  }
  CHECK(lines > 2);
}
