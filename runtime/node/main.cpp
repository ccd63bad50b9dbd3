// crossdockd: runs a node from one configuration file.
#include "node/log.hpp"
#include "node/node.hpp"
#include "node/probe.hpp"
#include "node/service_manager.hpp"

#include <CLI/CLI.hpp>
#include <spdlog/spdlog.h>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>

namespace {

using namespace crossdock;

int say(const error& e) {
  std::cerr << "crossdockd: " << e.describe() << '\n';
  return node::exit_code_of(e);
}

/// Whoever can send us a signal is the administrator of this machine or runs as we do, and
/// could as well stop us and start us on the changed file. The record names them.
std::string asked_by(node::running_node& n, const siginfo_t& from) {
  const auto uid = static_cast<std::uint32_t>(from.si_uid);
  const auto known = n.operator_of(uid);
  return known ? "person:" + *known : "signal:uid " + std::to_string(uid);
}

/// Until a signal says to end; gives that signal.
int serve(node::running_node& n, const sigset_t& signals,
          const node::service_manager& manager) {
  using std::chrono::duration_cast;
  using std::chrono::milliseconds;
  const auto watchdog = manager.watchdog();
  // Half of what is allowed, so that one late answer is no failure.
  const auto every = watchdog ? duration_cast<milliseconds>(*watchdog / 2) : milliseconds(0);
  for (;;) {
    siginfo_t from{};
    const timespec wait{every.count() / 1000, every.count() % 1000 * 1'000'000};
    const int received =
      watchdog ? sigtimedwait(&signals, &from, &wait) : sigwaitinfo(&signals, &from);
    if (received == SIGHUP) {
      manager.reloading();
      const auto done = n.reload(asked_by(n, from), false);
      manager.ready(done ? "serving; the configuration was reloaded"
                         : "serving with the old configuration: " + done.error().describe());
    } else if (received > 0) {
      return received;
    } else if (watchdog && n.responds(every)) {
      manager.alive();
    }
  }
}

int run(const std::string& file, bool check_only) {
  auto c = node::read_config(file);
  if (!c) {
    return say(c.error());
  }
  node::set_up_log(*c);
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
  for (const int s : {SIGINT, SIGTERM, SIGUSR1, SIGHUP}) {
    sigaddset(&signals, s);
  }
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  umask(0027); // what is recorded is not for everybody on this machine
  prctl(PR_SET_DUMPABLE, 0); // no core file with customers' data, no ptrace by equals

  // SIGUSR1 to ourselves means: the node cannot go on.
  auto n = node::running_node::start(*c, [](const error&) { ::kill(::getpid(), SIGUSR1); });
  if (!n) {
    return say(n.error());
  }
  spdlog::info("node {} is up; socket {}", c->name, c->socket.string());
  const auto manager = node::service_manager::from_environment();
  manager.ready("serving " + c->socket.string());
  const int received = serve(**n, signals, manager);
  if (received == SIGUSR1) {
    spdlog::critical("the node cannot go on; what is recorded is safe, restart it once the "
                     "cause is mended");
    std::_Exit(node::exit_ledger);
  }
  spdlog::info("stopping");
  manager.stopping();
  (*n)->stop();
  spdlog::info("stopped");
  return node::exit_ok;
}

/// What `crossdock doctor` asks of us: connectors run in this program alone.
int probe(const std::string& file) {
  auto c = node::read_config(file);
  if (!c) {
    return say(c.error());
  }
  node::set_up_log(*c);
  std::cout << to_text(node::probe_connectors(*c)) << '\n';
  return node::exit_ok;
}

} // namespace

int main(int argc, char** argv) {
  CLI::App app{"crossdockd runs a crossdock node.\n\nExit codes: 0 stopped in order, 2 usage, "
               "3 configuration, policy, flow or plugin cannot be used, 4 data directory or "
               "socket in use or not writable, 5 the ledger's files do not add up, 70 the "
               "ledger stopped accepting records.\nSignals: SIGTERM and SIGINT stop it in order, "
               "SIGHUP reads the configuration again"};
  app.set_version_flag("--version", "crossdockd 0.1.0");
  app.require_subcommand(1);
  std::string file;
  bool check_only = false;
  auto* run_command = app.add_subcommand("run", "Run a node until SIGTERM or SIGINT");
  run_command->add_option("config", file, "Configuration file (TOML)")->required();
  run_command->add_flag("--check", check_only, "Check everything and stop before starting");
  auto* probe_command = app.add_subcommand(
    "probe", "Ask each connector whether it can work and print the answers as JSON");
  probe_command->add_option("config", file, "Configuration file (TOML)")->required();
  auto* schema_command =
    app.add_subcommand("schema", "Print the versions of the tables it knows as JSON");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    const int code = app.exit(e);
    return code == 0 ? 0 : node::exit_usage;
  }
  if (schema_command->parsed()) {
    std::cout << to_text(node::known_schema()) << '\n';
    return node::exit_ok;
  }
  if (probe_command->parsed()) {
    return probe(file);
  }
  return run(file, check_only);
}
