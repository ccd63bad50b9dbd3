#include "crossdock/doctor.hpp"

#include "base/clock.hpp"
#include "crossdock/commands.hpp"
#include "crossdock/facts.hpp"
#include "ledger/quick_check.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <sstream>

extern char** environ;

namespace crossdock::cli {
namespace {

namespace fs = std::filesystem;

finding version_finding(const std::string& room, int here, int known) {
  if (here > known) {
    return {
        "ledger", "tables of " + room, health::fail,
        fmt::format("written by a newer crossdock: version {}, this crossdockd knows {}",
                    here, known),
        "start the newer crossdockd, or restore the copy from before it "
        "(ledger.db.before-...)"};
  }
  return {"ledger", "tables of " + room, health::warn,
          fmt::format("version {}, this crossdockd brings them to {} at its next start",
                      here, known),
          "nothing to do: a copy from before is kept beside the database; see to enough "
          "free space for it"};
}

/// The signing key decides what counts as our history: only the node may read it.
void look_at_key(const fs::path& folder, findings& out) {
  const auto key = folder / "ledger.key";
  out.push_back(judge_mode("ledger", key, 0077, health::fail,
                           "who can read it can sign another history",
                           "chmod 600 " + key.string() +
                               ", and if others could read it, compare the checkpoints "
                               "kept elsewhere"));
  struct stat k {};
  struct stat db {};
  if (::stat(key.c_str(), &k) == 0 && ::stat((folder / "ledger.db").c_str(), &db) == 0 &&
      k.st_uid != db.st_uid) {
    out.push_back(
        {"ledger", key.string(), health::fail,
         fmt::format("belongs to user {}, the database to user {}", k.st_uid, db.st_uid),
         fmt::format("chown both to the user the node runs as: one of them was "
                     "restored or started as another user")});
  }
}

/// What a descriptor gives until it ends or time is over; false: time is over.
bool drain(int fd, std::string& into, std::chrono::steady_clock::time_point end) {
  std::array<char, 4096> chunk{};
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    pollfd p{fd, POLLIN, 0};
    if (left.count() <= 0 || ::poll(&p, 1, static_cast<int>(left.count())) <= 0) {
      return false;
    }
    const auto n = ::read(fd, chunk.data(), chunk.size());
    if (n <= 0) {
      return true;
    }
    into.append(chunk.data(), static_cast<std::size_t>(n));
  }
}

} // namespace

findings look_at_ledger(const fs::path& folder, const json& known) {
  std::error_code ignored;
  if (!fs::exists(folder / "ledger.db", ignored) &&
      !fs::exists(folder / "ledger.key", ignored)) {
    return {good("ledger", "folder",
                 folder.string() + " holds no ledger yet; the first "
                                   "start makes it")};
  }
  findings out;
  look_at_key(folder, out);
  const auto look = ledger::look_at(folder);
  if (!look) {
    const bool forged = look.error().code() == errc::denied;
    out.push_back(
        {"ledger", "database", health::fail, look.error().describe(),
         forged ? "the newest checkpoint is not signed by ledger.pub: find out who "
                  "changed one of them; `crossdock ledger verify` says more"
                : "see docs/reference/ledger.md, \"When it stops\""});
    return out;
  }
  out.push_back(
      good("ledger", "database",
           fmt::format("{} records, {} under a good checkpoint of {}", look->records,
                       look->covered,
                       look->covered == 0 ? "(none yet)" : to_rfc3339(look->signed_at))));
  const auto now = system_clock().now();
  if (look->covered > 0 && look->signed_at > now + std::chrono::minutes(5)) {
    out.push_back(
        {"ledger", "clock", health::fail,
         "the newest checkpoint was signed in the future: " + to_rfc3339(look->signed_at),
         "the clock went back; set it right before the node starts, or its "
         "records stand still until the clock has caught up"});
  }
  for (const auto& [room, version] : look->versions) {
    const auto wanted =
        known.is_object() ? known.value(room, room == "ledger" ? version : 0) : version;
    if (wanted != version) {
      out.push_back(version_finding(room, version, wanted));
    }
  }
  return out;
}

findings look_at_socket(const fs::path& socket) {
  findings out;
  struct stat s {};
  if (::lstat(socket.c_str(), &s) != 0) {
    if (errno == EACCES) {
      out.push_back(
          {"node", "socket", health::warn, "you may not look at " + socket.string(),
           "run `crossdock doctor` as the node's user or a member of its group"});
    } else {
      out.push_back(good("node", "socket",
                         "no node runs here: " + socket.string() + " is not there"));
    }
    return out;
  }
  if (!S_ISSOCK(s.st_mode)) {
    out.push_back({"node", "socket", health::fail, socket.string() + " is no socket",
                   "move the file away, or set another node.socket"});
    return out;
  }
  out.push_back(judge_mode("node", socket, 0007, health::fail,
                           "everybody on this machine may talk to the node",
                           "chmod 660 " + socket.string()));
  auto conversation = client::connect(socket);
  if (conversation) {
    out.push_back(good("node", "socket", "a node answers on " + socket.string()));
  } else if (conversation.error().code() == errc::denied) {
    out.push_back({"node", "socket", health::warn, conversation.error().message(),
                   fmt::format("become a member of the group with id {}", s.st_gid)});
  } else {
    out.push_back(
        {"node", "socket", health::warn,
         socket.string() + " was left behind: nobody listens on it",
         "the node was killed or the machine went down; the next start replaces "
         "it"});
  }
  return out;
}

program_output run_program(const std::vector<std::string>& command,
                           std::chrono::milliseconds patience) {
  program_output done;
  std::array<int, 2> out{};
  std::array<int, 2> err{};
  if (::pipe2(out.data(), O_CLOEXEC) != 0 || ::pipe2(err.data(), O_CLOEXEC) != 0) {
    return done;
  }
  std::vector<char*> words;
  for (const auto& word : command) {
    words.push_back(const_cast<char*>(word.c_str()));
  }
  words.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, out[1], 1);
  posix_spawn_file_actions_adddup2(&files, err[1], 2);
  pid_t pid = -1;
  const int failed =
      ::posix_spawnp(&pid, words[0], &files, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  ::close(out[1]);
  ::close(err[1]);
  if (failed != 0) {
    done.code = 127;
    done.err = std::strerror(failed);
  } else {
    const auto end = std::chrono::steady_clock::now() + patience;
    const bool ended = drain(out[0], done.out, end) && drain(err[0], done.err, end);
    if (!ended) {
      ::kill(pid, SIGKILL);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    done.code = ended && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  ::close(out[0]);
  ::close(err[0]);
  return done;
}

fs::path find_daemon(const std::string& search_path) {
  std::error_code ignored;
  const auto self = fs::read_symlink("/proc/self/exe", ignored);
  std::vector<fs::path> places{self.parent_path()};
  std::istringstream path(search_path);
  for (std::string folder; std::getline(path, folder, ':');) {
    places.emplace_back(folder);
  }
  for (const auto& place : places) {
    const auto file = place / "crossdockd";
    if (::access(file.c_str(), X_OK) == 0 && fs::is_regular_file(file, ignored)) {
      return file;
    }
  }
  return {};
}

namespace {

/// Everything, in the order in which one thing rests on another.
class examination {
public:
  examination(session& s, fs::path file) : s_(s), file_(std::move(file)) {}

  findings run() {
    take(look_at_machine());
    daemon_ = find_daemon(s_.around().environment("PATH"));
    take(look_at_programs(daemon_));
    if (file_.empty()) {
      if (const auto socket = s_.socket()) {
        look_at_node(*socket);
      }
      return std::move(all_);
    }
    const auto checked = node::check_file(file_);
    take(look_at_configuration(checked, file_));
    if (checked.source) {
      take(look_at_data(checked.source->data));
      take(look_at_ledger(checked.source->data / "ledger", known_schema()));
      look_at_node(checked.source->socket);
      probe(checked);
    }
    return std::move(all_);
  }

private:
  void take(findings list) {
    std::move(list.begin(), list.end(), std::back_inserter(all_));
  }

  json known_schema() const {
    if (daemon_.empty()) {
      return nullptr;
    }
    const auto told = run_program({daemon_.string(), "schema"}, std::chrono::seconds(10));
    auto parsed = parse_json(told.out);
    return told.code == 0 && parsed ? std::move(*parsed) : json();
  }

  /// What the running node says of itself, if one runs; why not was said already.
  void look_at_node(const fs::path& socket) {
    take(look_at_socket(socket));
    auto node = client::connect(socket);
    if (!node) {
      return;
    }
    auto status = node->ask("node.status", json::object(), s_.options().as);
    if (!status) {
      all_.push_back({"node", "status", health::warn, status.error().describe(),
                      "see that your user id is a [[principal]] of the configuration"});
      return;
    }
    const auto version = shown(*status, "version");
    all_.push_back(version == CROSSDOCK_VERSION
                       ? good("node", "version",
                              "crossdock " + version + ", pid " + shown(*status, "pid"))
                       : finding{"node", "version", health::warn,
                                 "the node runs crossdock " + version +
                                     ", this is crossdock " CROSSDOCK_VERSION,
                                 "restart the node to run what is installed"});
    all_.push_back(judge_retired(status->value("retired_plugins", json::object())));
    for (const auto& c : status->value("components", json::array())) {
      const auto state = shown(c, "state");
      if (state != "running") {
        all_.push_back({"node", shown(c, "component"), health::fail,
                        "is " + state + ": " + shown(c, "last_error"),
                        "mend what it names; restart the node if it stands still"});
      }
    }
  }

  void probe(const node::checked& c) {
    if (daemon_.empty() || !c.problems.empty()) {
      return; // nothing to ask with, or nothing that could work
    }
    const auto told = run_program({daemon_.string(), "probe", file_.string()},
                                  std::chrono::seconds(60));
    const auto answer = parse_json(told.out);
    if (told.code != 0 || !answer) {
      all_.push_back({"connector", "probe", health::fail,
                      told.code == -1 ? "did not answer within a minute"
                                      : "crossdockd probe failed: " + told.err,
                      "see that the systems of record answer; `crossdockd probe FILE` "
                      "says more"});
      return;
    }
    take(look_at_connectors(*answer));
  }

  session& s_;
  fs::path file_;
  fs::path daemon_;
  findings all_;
};

json to_json(const findings& list) {
  json out = json::array();
  for (const auto& f : list) {
    out.push_back({{"area", f.area},
                   {"what", f.what},
                   {"level", to_string(f.how)},
                   {"message", f.message},
                   {"remedy", f.remedy}});
  }
  return out;
}

} // namespace

ending doctor(session& s, const fs::path& file) {
  const auto list =
      examination(s, file.empty() ? fs::path(s.options().config) : file).run();
  const auto worst = worst_of(list);
  const auto code = worst == health::ok     ? exit_code::ok
                    : worst == health::warn ? exit_code::warned
                                            : exit_code::unhealthy;
  if (s.told_program({{"worst", to_string(worst)}, {"findings", to_json(list)}})) {
    return code;
  }
  auto& paper = s.paper();
  std::string area;
  for (const auto& f : list) {
    if (f.area != area) {
      area = f.area;
      paper.heading(area);
    }
    const auto paint = f.how == health::ok     ? colour::good
                       : f.how == health::warn ? colour::warning
                                               : colour::bad;
    paper.paragraph(fmt::format("{:<4}  {}: {}", to_string(f.how), f.what, f.message), 0,
                    6, paint);
    if (!f.remedy.empty()) {
      paper.paragraph("-> " + f.remedy, 6, 3);
    }
  }
  const auto count = [&](health how) {
    return std::count_if(list.begin(), list.end(),
                         [&](const finding& f) { return f.how == how; });
  };
  paper.line();
  paper.line(fmt::format("{} ok, {} to look at, {} to mend", count(health::ok),
                         count(health::warn), count(health::fail)));
  return code;
}

} // namespace crossdock::cli
