// crossdockd: runs a node from one configuration file.
#include "node/node.hpp"

#include <CLI/CLI.hpp>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>

namespace {

using namespace crossdock;

void set_up_log(const node::config& c) {
  auto log = spdlog::stderr_color_mt("crossdock");
  log->set_level(spdlog::level::from_str(c.log_level));
  if (c.log_json) {
    log->set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%fZ","level":"%l","node":")" + c.name +
                       R"(","message":"%v"})",
                     spdlog::pattern_time_type::utc);
  } else {
    log->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%-7l%$ %v", spdlog::pattern_time_type::utc);
  }
  log->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(log));
}

int say(const error& e) {
  std::cerr << "crossdockd: " << e.describe() << '\n';
  return node::exit_code_of(e);
}

int run(const std::string& file, bool check_only) {
  auto c = node::read_config(file);
  if (!c) {
    return say(c.error());
  }
  set_up_log(*c);
  if (check_only) {
    const auto checked = node::check(*c);
    if (!checked) {
      return say(checked.error());
    }
    std::cout << file << ": everything checks\n";
    return node::exit_ok;
  }
  // Signals are waited for, not handled: blocked before any thread starts, so in all of them.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int s : {SIGINT, SIGTERM, SIGUSR1}) {
    sigaddset(&signals, s);
  }
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  prctl(PR_SET_DUMPABLE, 0); // no core file with customers' data, no ptrace by equals

  // SIGUSR1 to ourselves means: the node cannot go on.
  auto n = node::running_node::start(*c, [](const error&) { ::kill(::getpid(), SIGUSR1); });
  if (!n) {
    return say(n.error());
  }
  spdlog::info("node {} is up; socket {}", c->name, c->socket.string());
  int received = 0;
  sigwait(&signals, &received);
  if (received == SIGUSR1) {
    spdlog::critical("the node cannot go on; what is recorded is safe, restart it once the "
                     "cause is mended");
    std::_Exit(node::exit_ledger);
  }
  spdlog::info("stopping");
  (*n)->stop();
  spdlog::info("stopped");
  return node::exit_ok;
}

} // namespace

int main(int argc, char** argv) {
  CLI::App app{"crossdockd runs a crossdock node.\n\nExit codes: 0 stopped in order, 2 usage, "
               "3 configuration, policy, flow or plugin cannot be used, 4 data directory or "
               "socket in use or not writable, 5 the ledger's files do not add up, 70 the "
               "ledger stopped accepting records"};
  app.set_version_flag("--version", "crossdockd 0.1.0");
  app.require_subcommand(1);
  std::string file;
  bool check_only = false;
  auto* run_command = app.add_subcommand("run", "Run a node until SIGTERM or SIGINT");
  run_command->add_option("config", file, "Configuration file (TOML)")->required();
  run_command->add_flag("--check", check_only, "Check everything and stop before starting");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    const int code = app.exit(e);
    return code == 0 ? 0 : node::exit_usage;
  }
  return run(file, check_only);
}
