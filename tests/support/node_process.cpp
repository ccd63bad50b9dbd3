#include "support/node_process.hpp"

#include "base/digest.hpp"

#include <sqlite3.h>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

extern char** environ;

namespace crossdock::test {

namespace fs = std::filesystem;

std::string crossdockd_program() { return TEST_CROSSDOCKD; }
std::string crossdock_program() { return TEST_CROSSDOCK; }
std::string sim_program() { return TEST_SIM; }
fs::path plugin_folder() { return TEST_PLUGIN_FOLDER; }
fs::path test_plugin_folder() { return TEST_TEST_PLUGIN_FOLDER; }
fs::path source_folder() { return TEST_SOURCE_FOLDER; }

// -- processes ----------------------------------------------------------------------------------

child::child(const std::vector<std::string>& command, const fs::path& log) {
  std::vector<char*> arguments;
  for (const auto& word : command) {
    arguments.push_back(const_cast<char*>(word.c_str()));
  }
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  const std::string out = log.empty() ? "/dev/null" : log.string();
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, out.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  const int failed =
    posix_spawn(&pid_, arguments[0], &files, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  if (failed != 0) {
    pid_ = -1;
    throw std::runtime_error("cannot start " + command[0] + ": " + std::strerror(failed));
  }
}

child::child(child&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}

child& child::operator=(child&& other) noexcept {
  std::swap(pid_, other.pid_);
  return *this;
}

child::~child() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
}

void child::signal(int number) const {
  if (pid_ > 0) {
    ::kill(pid_, number);
  }
}

std::optional<int> child::wait(std::chrono::milliseconds limit) {
  std::optional<int> code;
  until(
    [&] {
      int status = 0;
      if (pid_ > 0 && ::waitpid(pid_, &status, WNOHANG) == pid_) {
        code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        pid_ = -1;
      }
      return code.has_value() || pid_ <= 0;
    },
    limit);
  return code;
}

finished run(const std::vector<std::string>& command) {
  const scratch place;
  const auto log = place.path() / "out";
  child c(command, log);
  finished f;
  f.code = c.wait(std::chrono::minutes(3)).value_or(-1);
  std::ifstream in(log);
  std::ostringstream text;
  text << in.rdbuf();
  f.text = text.str();
  return f;
}

scratch::scratch() {
  std::string name = (fs::temp_directory_path() / "crossdock-test-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) {
    throw std::runtime_error("cannot make a temporary folder");
  }
  path_ = name;
}

scratch::~scratch() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

bool until(const std::function<bool()>& f, std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!f()) {
    if (std::chrono::steady_clock::now() > end) {
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

// -- the node -----------------------------------------------------------------------------------

node_process::node_process(const setup& s) {
  const auto made = run({sim_program(), "create", "--db", erp_file().string(), "--size", s.size,
                         "--seed", std::to_string(s.seed)});
  if (made.code != 0) {
    throw std::runtime_error("no distributor: " + made.text);
  }
  std::ofstream lock(folder() / "plugins.lock");
  std::vector<fs::path> files{plugin_folder() / "sql.so"};
  if (s.agents) {
    for (const auto* name : {"order.so", "replenishment.so", "warehouse.so"}) {
      files.push_back(plugin_folder() / name);
    }
  }
  for (const auto& name : s.test_plugins) {
    files.push_back(test_plugin_folder() / (name + ".so"));
  }
  for (const auto& file : files) {
    const auto digest = sha256_of_file(file);
    if (!digest) {
      throw std::runtime_error(digest.error().describe());
    }
    lock << "[[file]]\nname = \"" << file.filename().string() << "\"\nsha256 = \""
         << to_hex(*digest) << "\"\n";
  }
  lock.close();
  const auto root = source_folder().string();
  const auto demo_policy = root + "/config/policies/demo.toml";
  if (!s.policy.empty()) {
    std::ofstream(folder() / "policy.toml") << s.policy;
  }
  std::ofstream config(config_file());
  config << "[node]\nname = \"test\"\ndata = \"data\"\nsocket = \"s\"\ncatalogue = \"" << root
         << "/config/catalogue\"\n\n[plugins]\nlock = \"plugins.lock\"\n\n"
         << "[[plugin]]\nfile = \"" << files[0].string() << "\"\n[[plugin.component]]\n"
         << "id = \"sql\"\n[plugin.component.config]\nmapping = \"" << root
         << "/config/connectors/sim.toml\"\ndatabase = \"./erp.db\"\nsystem = \"sim-erp\"\n"
         << "start = \"open\"\ninterval_ms = " << s.interval_ms << "\n\n";
  for (std::size_t i = 1; i < files.size(); ++i) {
    const auto agent = files[i].stem().string();
    const bool own_process = s.sandboxed && s.agents && i <= 3;
    config << "[[plugin]]\nfile = \"" << files[i].string() << "\"\n\n";
    if (agent == "order" || own_process) {
      config << "[[plugin.component]]\nid = \"" << agent << "\"\n"
             << (own_process ? "executor = \"process\"\n" : "");
    }
    if (agent == "order") { // as the demo has it, so that transfers are worth it
      config << "[plugin.component.config]\n"
             << "late_line_cost = { amount = \"15\", currency = \"USD\" }\n\n";
    }
  }
  config << "[policy]\nfile = \"" << (s.policy.empty() ? demo_policy : "policy.toml")
         << "\"\n\n"
         << "[[autonomy]]\nagent = \"replenishment\"\ntool = \"erp.transfer.create\"\n"
         << "level = \"autonomous\"\n\n[[autonomy]]\nlevel = \""
         << (s.policy.empty() ? "approve" : "autonomous") << "\"\n\n"
         << "[[flow]]\nfile = \"" << root << "/config/flows/backorder-prevention.toml\"\n\n"
         << "[[principal]]\nname = \"maria\"\nuid = \"self\"\n"
         << "roles = [\"customer-service\", \"operator\"]\n\n"
         << "[[principal]]\nname = \"tom\"\nuid = \"self\"\nroles = [\"team-lead\"]\n";
}

void node_process::start() {
  process_ = child({crossdockd_program(), "run", config_file().string()}, folder() / "log");
  const bool up = until(
    [&] {
      try {
        return call("whoami").value("ok", false);
      } catch (const std::exception&) {
        return false;
      }
    },
    std::chrono::seconds(60));
  if (!up) {
    const auto text = log();
    throw std::runtime_error("the node does not answer; its log ends: " +
                             text.substr(text.size() > 2000 ? text.size() - 2000 : 0));
  }
}

void node_process::kill9() {
  process_.signal(SIGKILL);
  process_.wait(std::chrono::seconds(10));
}

int node_process::stop() {
  process_.signal(SIGTERM);
  return process_.wait(std::chrono::seconds(60)).value_or(-1);
}

json node_process::call(const std::string& method, const json& params,
                        const std::string& as) const {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct closer {
    int fd;
    ~closer() { ::close(fd); }
  } const close_it{fd};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, (folder() / "s").c_str(), sizeof address.sun_path - 1);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error(std::string("connect: ") + std::strerror(errno));
  }
  json request{{"method", method}, {"params", params}};
  if (!as.empty()) {
    request["as"] = as;
  }
  const auto line = request.dump() + "\n";
  if (::send(fd, line.data(), line.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(line.size())) {
    throw std::runtime_error("send failed");
  }
  std::string text;
  char buffer[65536];
  while (text.empty() || text.back() != '\n') {
    const auto n = ::read(fd, buffer, sizeof buffer);
    if (n <= 0) {
      throw std::runtime_error("the node closed the connection");
    }
    text.append(buffer, static_cast<std::size_t>(n));
  }
  return json::parse(text);
}

json node_process::ask(const std::string& method, const json& params) const {
  const auto answer = call(method, params);
  if (!answer.value("ok", false)) {
    throw std::runtime_error(method + ": " + answer.dump());
  }
  return answer["result"];
}

bool node_process::settled() const {
  const auto s = ask("node.status");
  return s.value("exchange_waiting", -1) == 0 && s["effect"].value("checking", -1) == 0;
}

std::vector<std::vector<std::string>> node_process::erp(const std::string& sql) const {
  sqlite3* db = nullptr;
  std::vector<std::vector<std::string>> rows;
  if (sqlite3_open_v2(erp_file().c_str(), &db, SQLITE_OPEN_READWRITE, nullptr) != SQLITE_OK) {
    sqlite3_close(db);
    throw std::runtime_error("cannot open the distributor's database");
  }
  sqlite3_busy_timeout(db, 5000);
  const auto take = [](void* out, int n, char** values, char**) {
    std::vector<std::string> row;
    for (int i = 0; i < n; ++i) {
      row.emplace_back(values[i] == nullptr ? "" : values[i]);
    }
    static_cast<std::vector<std::vector<std::string>>*>(out)->push_back(std::move(row));
    return 0;
  };
  char* message = nullptr;
  const int code = sqlite3_exec(db, sql.c_str(), take, &rows, &message);
  const std::string why = message == nullptr ? "" : message;
  sqlite3_free(message);
  sqlite3_close(db);
  if (code != SQLITE_OK) {
    throw std::runtime_error(sql + ": " + why);
  }
  return rows;
}

child node_process::play(int seconds, bool resume) const {
  std::vector<std::string> command{sim_program(), "play", "--db", erp_file().string(),
                                   "--seconds", std::to_string(seconds)};
  if (resume) {
    command.emplace_back("--resume");
  }
  return child(command, folder() / "play.log");
}

std::string node_process::log() const {
  std::ifstream in(folder() / "log");
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

} // namespace crossdock::test
