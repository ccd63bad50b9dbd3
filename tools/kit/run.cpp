// run, test: a plugin lives through fixtures, each in a child of its own.
#include "base/digest.hpp"
#include "kit/bundle.hpp"
#include "kit/child.hpp"
#include "kit/commands.hpp"
#include "kit/fixture.hpp"
#include "sdk/manifest/check.hpp"
#include "trust/safe_file.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace crossdock::kit {
namespace {

namespace fs = std::filesystem;

struct run_words {
  std::string plugin;
  std::vector<std::string> fixtures;
  std::string bundle;
  std::string folder = "fixtures";
  unsigned seconds = 60;
};

struct bench_words {
  std::string plugin;
  std::string fixture;
  double seconds = 2;
};

json to_json(const lived& l) {
  json events = json::array();
  for (const auto& h : l.events) {
    json one{{"event", h.what}, {"effects", h.effects}, {"lines", h.lines}};
    if (!h.failure.empty()) {
      one["failure"] = h.failure;
    }
    events.push_back(std::move(one));
  }
  return {{"events", events},
          {"memory", l.memory},
          {"expectations", l.expectations},
          {"unmet", l.unmet}};
}

/// What became of one fixture. Errors: the plugin ended the process, hung, or cannot be
/// used.
result<json> in_its_child(const run_words& w, const json& fixture) {
  return in_a_child(w.seconds, [&](whereabouts& at) -> json {
    auto l = live_through(w.plugin, fixture, at);
    return l ? to_json(*l) : json{{"error", {{"message", l.error().describe()}}}};
  });
}

result<void> loadable(const std::string& plugin) {
  if (!fs::exists(plugin)) {
    return error(errc::not_found, "there is no such plugin file; build it first")
        .at("file", plugin);
  }
  if (const auto wrong = manifest::check_plugin(plugin); !wrong.empty()) {
    return error(errc::invalid, "a node would refuse the file: " + wrong.front())
        .at("file", plugin);
  }
  return {};
}

/// Whether a failure of a node is seen again.
ending run_bundle(context& c, const run_words& w) {
  const auto bundle = read_bundle(w.bundle);
  if (!bundle) {
    return bundle.error();
  }
  const auto bytes = trust::read_whole_file(w.plugin, 256u << 20, true);
  if (!bytes) {
    return bytes.error();
  }
  const auto hash = to_hex(sha256_of(*bytes));
  const bool same = hash == text_or(bundle->at("plugin"), "sha256");
  const auto seconds = patience(*bundle);
  const auto lived = in_a_child(seconds, [&](whereabouts& at) -> json {
    auto l = relive(w.plugin, *bundle, at);
    return l ? *l : json{{"error", {{"message", l.error().describe()}}}};
  });
  json out{{"same_file", same},
           {"sha256", hash},
           {"on_the_node", text_or(*bundle, "failure")}};
  if (lived) {
    out.update(*lived);
  } else {
    out["failure"] = lived.error().message();
  }
  const bool again = !text_or(out, "failure").empty();
  out["seen_again"] = again;
  const auto code = again ? cli::exit_code::warned : cli::exit_code::ok;
  if (c.told_program(out)) {
    return code;
  }
  auto& paper = c.paper();
  paper.paragraph("on the node: " + text_or(out, "on_the_node"), 0, 2);
  if (!same) {
    paper.paragraph("this is another file than the node's: there it was " +
                        text_or(bundle->at("plugin"), "version") + " with SHA-256 " +
                        text_or(bundle->at("plugin"), "sha256"),
                    0, 2, cli::colour::warning);
  }
  for (const auto& why : out.value("refusals", json::array())) {
    paper.paragraph("is refused: " + why.get<std::string>(), 0, 2);
  }
  if (again) {
    paper.paragraph("here, the same event: " + text_or(out, "failure"), 0, 2,
                    cli::colour::bad);
  } else {
    paper.line("here, the same event is done: the failure is not seen again");
  }
  return code;
}

ending run_one(context& c, const run_words& w) {
  if (auto r = loadable(w.plugin); !r) {
    return std::move(r).error();
  }
  if (!w.bundle.empty()) {
    return run_bundle(c, w);
  }
  if (w.fixtures.empty()) {
    return error(errc::invalid,
                 "what happens to it? Say --fixture FILE or --bundle FILE");
  }
  const auto fixture = read_fixture(w.fixtures.front());
  if (!fixture) {
    return fixture.error();
  }
  const auto l = in_its_child(w, *fixture);
  if (!l) {
    return l.error();
  }
  const auto code = l->at("unmet").empty() ? cli::exit_code::ok : cli::exit_code::warned;
  if (c.told_program(*l)) {
    return code;
  }
  auto& paper = c.paper();
  std::size_t i = 0;
  for (const auto& h : l->at("events")) {
    paper.line(fmt::format("{}  {}", ++i, text_or(h, "event")));
    for (const auto& line : h.at("lines")) {
      paper.paragraph(line.get<std::string>(), 5, 2,
                      h.contains("failure") ? cli::colour::warning : cli::colour::none);
    }
  }
  if (const auto n = l->at("expectations").get<std::size_t>(); n > 0) {
    paper.line();
    paper.line(l->at("unmet").empty() ? fmt::format("{} expectations, all met", n)
                                      : "what was expected did not come:");
  }
  for (const auto& why : l->at("unmet")) {
    paper.paragraph("! " + why.get<std::string>(), 2, 2, cli::colour::bad);
  }
  return code;
}

ending run_bench(context& c, const bench_words& w) {
  if (auto r = loadable(w.plugin); !r) {
    return std::move(r).error();
  }
  const auto fixture = read_fixture(w.fixture);
  if (!fixture) {
    return fixture.error();
  }
  if (fixture->at("events").empty()) {
    return error(errc::invalid, "the fixture has no event whose step could be timed")
        .at("file", w.fixture);
  }
  const auto limit = static_cast<unsigned>(w.seconds) + 60;
  const auto timed = in_a_child(limit, [&](whereabouts& at) -> json {
    auto t = time_through(w.plugin, *fixture, w.seconds, at);
    return t ? *t : json{{"error", {{"message", t.error().describe()}}}};
  });
  if (!timed) {
    return timed.error();
  }
  if (c.told_program({{"events", *timed}})) {
    return cli::exit_code::ok;
  }
  auto& paper = c.paper();
  paper.line("microseconds of a step, with the fake host's part in it");
  paper.line(fmt::format("{:>10} {:>10} {:>10}  {}", "p50", "p99", "steps", "event"));
  for (const auto& e : *timed) {
    paper.line(fmt::format("{:>10.1f} {:>10.1f} {:>10}  {}", e.at("us_p50").get<double>(),
                           e.at("us_p99").get<double>(), e.at("steps").get<std::size_t>(),
                           text_or(e, "event")));
  }
  return cli::exit_code::ok;
}

ending run_all(context& c, const run_words& w) {
  if (auto r = loadable(w.plugin); !r) {
    return std::move(r).error();
  }
  auto files = w.fixtures;
  if (files.empty()) {
    std::error_code failure;
    for (const auto& entry : fs::directory_iterator(w.folder, failure)) {
      if (entry.path().extension() == ".json") {
        files.push_back(entry.path().string());
      }
    }
    std::sort(files.begin(), files.end());
    if (files.empty()) {
      return error(errc::not_found,
                   "there are no fixtures: name them, or their folder with "
                   "--fixtures")
          .at("folder", w.folder);
    }
  }
  json all = json::array();
  std::size_t failed = 0;
  for (const auto& file : files) {
    json one{{"fixture", file}};
    std::vector<std::string> unmet;
    if (const auto fixture = read_fixture(file); !fixture) {
      unmet.push_back(fixture.error().describe());
    } else if (text_or(*fixture, "format").empty() || !fixture->contains("expect")) {
      unmet.push_back("it expects nothing: say under \"expect\" what must come of it");
    } else if (const auto l = in_its_child(w, *fixture); !l) {
      unmet.push_back(l.error().describe());
    } else {
      unmet = l->at("unmet").get<std::vector<std::string>>();
    }
    failed += unmet.empty() ? 0 : 1;
    one["unmet"] = unmet;
    if (!c.as_json()) {
      c.paper().line((unmet.empty() ? "ok      " : "FAILED  ") + file);
      for (const auto& why : unmet) {
        c.paper().paragraph("! " + why, 8, 2, cli::colour::bad);
      }
    }
    all.push_back(std::move(one));
  }
  if (!c.told_program(
          {{"passed", files.size() - failed}, {"failed", failed}, {"fixtures", all}})) {
    c.paper().line(fmt::format("{} passed, {} failed", files.size() - failed, failed));
  }
  return failed == 0 ? cli::exit_code::ok : cli::exit_code::warned;
}

} // namespace

void add_running(CLI::App& app, context& c) {
  auto r = std::make_shared<run_words>();
  auto* run = c.command(app, "run",
                        "Let a plugin live through a fixture, or a failed step of a "
                        "node, and say what comes of it",
                        r, run_one);
  run->add_option("plugin", r->plugin,
                  "Plugin file (.so); its code runs, in a child process")
      ->required();
  auto* fixture =
      run->add_option("--fixture", r->fixtures, "What happens to it (JSON)")->expected(1);
  run->add_option("--bundle", r->bundle,
                  "A step that failed on a node, as the node wrote it (JSON)")
      ->excludes(fixture);
  run->add_option("--timeout", r->seconds, "Seconds until it is given up")
      ->capture_default_str();

  auto t = std::make_shared<run_words>();
  auto* test =
      c.command(app, "test", "Run a plugin's fixtures; each must come out as it expects",
                t, run_all);
  test->add_option("plugin", t->plugin,
                   "Plugin file (.so); its code runs, in child processes")
      ->required();
  test->add_option("fixture", t->fixtures, "Fixtures (default: all of --fixtures)");
  test->add_option("--fixtures", t->folder, "Their folder")->capture_default_str();
  test->add_option("--timeout", t->seconds, "Seconds for each")->capture_default_str();

  auto b = std::make_shared<bench_words>();
  auto* bench = c.command(
      app, "bench", "Time a plugin's steps on the events of a fixture", b, run_bench);
  bench
      ->add_option("plugin", b->plugin,
                   "Plugin file (.so); its code runs, in a child process")
      ->required();
  bench->add_option("--fixture", b->fixture, "Whose events are timed (JSON)")->required();
  bench->add_option("--seconds", b->seconds, "How long")
      ->capture_default_str()
      ->check(CLI::Range(0.05, 600.0));
}

} // namespace crossdock::kit
