#include "contract/sql_postgres_server.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include <fcntl.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libpq-fe.h>

extern char** environ;

namespace sql_fixture {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

constexpr const char* owner = "owner";

pid_t spawn(const std::vector<std::string>& command, const std::string& log) {
  std::vector<char*> arguments;
  for (const auto& word : command)
    arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                   0600);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  pid_t pid = -1;
  const int failed =
      posix_spawnp(&pid, arguments[0], &files, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  if (failed != 0)
    throw std::runtime_error{"cannot start " + command[0] + ": " + std::strerror(failed)};
  return pid;
}

int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof a;
  const bool bound = ::bind(fd, reinterpret_cast<sockaddr*>(&a), sizeof a) == 0 &&
                     ::getsockname(fd, reinterpret_cast<sockaddr*>(&a), &size) == 0;
  ::close(fd);
  if (!bound)
    throw std::runtime_error{"no free port"};
  return ntohs(a.sin_port);
}

bool exited(pid_t pid, std::chrono::milliseconds limit) {
  for (const auto end = clock::now() + limit; clock::now() < end;
       std::this_thread::sleep_for(5ms))
    if (::waitpid(pid, nullptr, WNOHANG) == pid)
      return true;
  return false;
}

struct process {
  char state = 'X'; // gone
  pid_t parent = 0;
};

process process_of(const fs::path& folder) {
  std::ifstream in{folder / "stat"};
  std::string text;
  std::getline(in, text);
  process out;
  const auto name_end = text.rfind(')'); // pid (name) state parent ...
  if (name_end != std::string::npos)
    std::istringstream{text.substr(name_end + 1)} >> out.state >> out.parent;
  return out;
}

std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> out;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator{"/proc", ignored})
    if (process_of(entry.path()).parent == parent)
      out.push_back(static_cast<pid_t>(std::stol(entry.path().filename().string())));
  return out;
}

bool runs(pid_t pid) {
  const auto state = process_of("/proc/" + std::to_string(pid)).state;
  return state != 'X' && state != 'Z';
}

std::string text_of(const fs::path& path) {
  std::ifstream in{path};
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

} // namespace

// -- a connection
// ---------------------------------------------------------------------------

postgres_database::postgres_database(const std::string& url)
    : connection_{PQconnectdb(url.c_str())} {
  if (PQstatus(connection_) != CONNECTION_OK) {
    const std::string why = PQerrorMessage(connection_);
    PQfinish(connection_);
    throw std::runtime_error{why};
  }
  PQsetNoticeProcessor(
      connection_, [](void*, const char*) {}, nullptr);
}
postgres_database::~postgres_database() {
  PQfinish(connection_);
}

void postgres_database::run(const std::string& sql) {
  one(sql);
}

std::string postgres_database::one(const std::string& sql) {
  auto* r = PQexec(connection_, sql.c_str());
  const auto status = PQresultStatus(r);
  std::string out;
  if (const int n = PQntuples(r); status == PGRES_TUPLES_OK && n > 0)
    out = PQgetvalue(r, n - 1, 0);
  PQclear(r);
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
    throw std::runtime_error{sql + ": " + PQerrorMessage(connection_)};
  return out;
}

// -- the server
// -----------------------------------------------------------------------------

std::optional<std::string> postgres_server::programs() {
  std::error_code ignored;
  std::optional<std::string> newest;
  for (const auto& version : fs::directory_iterator{"/usr/lib/postgresql", ignored})
    if (fs::exists(version.path() / "bin" / "initdb"))
      newest = std::max(newest.value_or(""), (version.path() / "bin").string());
  return newest;
}

postgres_server::postgres_server(const std::string& source)
    : programs_{programs().value()}, user_{::geteuid()}, group_{::getegid()} {
  if (user_ == 0) { // it does not run as root
    const passwd* who = ::getpwnam("postgres");
    if (!who)
      who = ::getpwnam("nobody");
    if (!who)
      throw std::runtime_error{"no unprivileged user to run PostgreSQL as"};
    user_ = who->pw_uid;
    group_ = who->pw_gid;
  }
  folder_ = (fs::temp_directory_path() / "crossdock-pg-XXXXXX").string();
  if (!::mkdtemp(folder_.data()) || ::chown(folder_.c_str(), user_, group_) != 0)
    throw std::runtime_error{"cannot make a folder for PostgreSQL"};
  try {
    std::ofstream{folder_ + "/password"} << password() << '\n';
    auto init = as_user();
    for (const auto& word :
         {programs_ + "/initdb", std::string{"--pgdata"}, folder_ + "/data",
          std::string{"--auth=scram-sha-256"}, "--pwfile=" + folder_ + "/password",
          std::string{"--username="} + owner, std::string{"--encoding=UTF8"},
          std::string{"--locale=C"}, std::string{"--no-sync"},
          std::string{"--no-instructions"}})
      init.push_back(word);
    must(init);
    start();
    postgres_database{owner_url("postgres")}.run("CREATE DATABASE example");
    // The very command that the file names.
    must({programs_ + "/psql", "--quiet", "--set", "ON_ERROR_STOP=1", "--file",
          source + "/config/connectors/postgres-example.sql", owner_url("example")});
    postgres_database{owner_url("example")}.run("ALTER ROLE crossdock PASSWORD '" +
                                                std::string{password()} + "'");
  } catch (...) {
    kill9();
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
    throw;
  }
}

postgres_server::~postgres_server() {
  kill9();
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

std::vector<std::string> postgres_server::as_user() const {
  // Whatever becomes of the test, the server goes with it.
  std::vector<std::string> out = {"setpriv", "--pdeathsig", "KILL"};
  if (::geteuid() == 0) {
    out.push_back("--reuid=" + std::to_string(user_));
    out.push_back("--regid=" + std::to_string(group_));
    out.emplace_back("--clear-groups");
  }
  return out;
}

void postgres_server::must(const std::vector<std::string>& command) const {
  const auto log = folder_ + "/commands";
  const auto pid = spawn(command, log);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    throw std::runtime_error{command[3] + " failed: " + text_of(log)};
}

std::string postgres_server::owner_url(const std::string& database) const {
  return "postgresql://" + std::string{owner} + ":" + password() +
         "@127.0.0.1:" + std::to_string(port_) + "/" + database + "?connect_timeout=5";
}

std::string postgres_server::url(const std::string& database, int port) const {
  return "postgresql://crossdock@127.0.0.1:" + std::to_string(port > 0 ? port : port_) +
         "/" + database;
}

std::string postgres_server::make_database() {
  auto name = "case_" + std::to_string(++databases_);
  postgres_database{owner_url("postgres")}.run("CREATE DATABASE " + name +
                                               " TEMPLATE example");
  return name;
}

void postgres_server::start() {
  const auto log = folder_ + "/log";
  if (port_ == 0)
    port_ = free_port();
  auto command = as_user();
  command.insert(command.end(), {programs_ + "/postgres", "-D", folder_ + "/data"});
  for (const auto* setting :
       {"listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off",
        "full_page_writes=off", "shared_buffers=16MB", "max_connections=40",
        "autovacuum=off", "jit=off", "max_wal_senders=0", "wal_level=minimal"})
    command.insert(command.end(), {"-c", setting});
  command.insert(command.end(), {"-c", "port=" + std::to_string(port_)});
  pid_ = spawn(command, log);
  for (const auto end = clock::now() + 60s; clock::now() < end;
       std::this_thread::sleep_for(10ms)) {
    if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      break;
    }
    if (PQping(owner_url("postgres").c_str()) == PQPING_OK)
      return;
  }
  throw std::runtime_error{"PostgreSQL does not start: " + text_of(log)};
}

void postgres_server::stop() {
  if (pid_ <= 0)
    return;
  ::kill(pid_, SIGINT); // "fast": ends sessions, then itself
  if (!exited(pid_, 30s))
    kill9();
  pid_ = -1;
}

void postgres_server::kill9() {
  if (pid_ <= 0)
    return;
  const auto children = children_of(pid_);
  ::kill(pid_, SIGKILL);
  for (const auto child : children)
    ::kill(child, SIGKILL);
  exited(pid_, 30s);
  // The next start refuses while one of them still holds the shared memory.
  for (const auto end = clock::now() + 10s; clock::now() < end;
       std::this_thread::sleep_for(2ms))
    if (std::none_of(children.begin(), children.end(), runs))
      break;
  pid_ = -1;
}

} // namespace sql_fixture
