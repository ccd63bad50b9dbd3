#include "node.hpp"

#include "base/digest.hpp"

#include <sqlite3.h>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <thread>

extern char** environ;

namespace crossdock::bench {
namespace fs = std::filesystem;
using steady = std::chrono::steady_clock;

namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

struct database {
  sqlite3* handle = nullptr;
  explicit database(const fs::path& file) {
    if (sqlite3_open(file.c_str(), &handle) != SQLITE_OK) {
      throw std::runtime_error("cannot open " + file.string());
    }
    sqlite3_busy_timeout(handle, 5000);
  }
  ~database() { sqlite3_close(handle); }
  database(const database&) = delete;
  database& operator=(const database&) = delete;
};

} // namespace

line_socket::line_socket(const fs::path& path)
  : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const auto error = errno;
    ::close(fd_);
    errno = error;
    fail("connect " + path.string());
  }
}
line_socket::~line_socket() {
  if (fd_ >= 0) {
    ::close(fd_);
  }
}
line_socket::line_socket(line_socket&& other) noexcept
  : fd_(std::exchange(other.fd_, -1)),
    buffer_(std::move(other.buffer_)),
    begin_(other.begin_) {}

void line_socket::send(const std::string& lines) const {
  for (std::size_t done = 0; done < lines.size();) {
    const auto n = ::send(fd_, lines.data() + done, lines.size() - done, MSG_NOSIGNAL);
    if (n <= 0) {
      fail("send");
    }
    done += static_cast<std::size_t>(n);
  }
}

std::string line_socket::line() {
  for (;;) {
    if (const auto end = buffer_.find('\n', begin_); end != std::string::npos) {
      auto out = buffer_.substr(begin_, end - begin_);
      begin_ = end + 1;
      return out;
    }
    buffer_.erase(0, begin_);
    begin_ = 0;
    char chunk[65536];
    const auto n = ::read(fd_, chunk, sizeof chunk);
    if (n <= 0) {
      throw std::runtime_error("the node closed the connection");
    }
    buffer_.append(chunk, static_cast<std::size_t>(n));
  }
}

node::node(fs::path folder, const fs::path& build, const fs::path& source, std::size_t threads)
  : folder_(std::move(folder)) {
  fs::create_directories(folder_);
  if (!fs::is_empty(folder_)) {
    throw std::runtime_error(folder_.string() + " is not empty");
  }
  write_files(build, source, threads);
  const std::string program = build / "bin" / "crossdockd";
  const std::string config = folder_ / "node.toml";
  const std::string log = folder_ / "log";
  std::vector<std::string> words{program, "run", config};
  std::vector<char*> arguments;
  for (auto& w : words) {
    arguments.push_back(w.data());
  }
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 1, log.c_str(), O_WRONLY | O_CREAT, 0600);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  const auto began = steady::now();
  const int failed =
    posix_spawn(&pid_, program.c_str(), &files, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  if (failed != 0) {
    pid_ = -1;
    throw std::runtime_error("cannot start " + program + ": " + std::strerror(failed));
  }
  for (;;) {
    try {
      ask("whoami");
      break;
    } catch (const std::exception& e) {
      if (::waitpid(pid_, nullptr, WNOHANG) == pid_ ||
          steady::now() - began > std::chrono::seconds(60)) {
        pid_ = -1;
        std::ifstream in(log);
        throw std::runtime_error("the node does not start: " +
                                 std::string(std::istreambuf_iterator<char>(in), {}));
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  start_to_serving_s_ = std::chrono::duration<double>(steady::now() - began).count();
}

node::~node() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
}

void node::stop() {
  if (pid_ > 0) {
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
}

void node::write_files(const fs::path& build, const fs::path& source,
                       std::size_t threads) const {
  {
    const database erp(folder_ / "erp.db");
    // What a program gets that asks for durability: a write-ahead log, synced at each commit.
    if (sqlite3_exec(erp.handle,
                     "PRAGMA journal_mode=WAL;"
                     "CREATE TABLE transfer(no INTEGER PRIMARY KEY, reference TEXT NOT NULL "
                     "UNIQUE, item TEXT NOT NULL, from_site TEXT NOT NULL, to_site TEXT NOT "
                     "NULL, quantity INTEGER NOT NULL, unit TEXT NOT NULL, order_line TEXT, "
                     "need_date TEXT NOT NULL)",
                     nullptr, nullptr, nullptr) != SQLITE_OK) {
      throw std::runtime_error(std::string("the system of record: ") +
                               sqlite3_errmsg(erp.handle));
    }
  }
  const auto plugins = build / "plugins";
  const auto here = source / "tools/benchmarks/decisions";
  std::ofstream lock(folder_ / "plugins.lock");
  for (const auto* name : {"sql.so", "bench_decisions.so"}) {
    const auto digest = sha256_of_file(plugins / name);
    if (!digest) {
      throw std::runtime_error(digest.error().describe());
    }
    lock << "[[file]]\nname = \"" << name << "\"\nsha256 = \"" << to_hex(*digest) << "\"\n";
  }
  std::ofstream config(folder_ / "node.toml");
  config << "[node]\nname = \"bench\"\ndata = \"data\"\nsocket = \"s\"\nlog_level = \"warning\"\n"
         << "catalogue = " << source / "config/catalogue" << "\nthreads = " << threads
         << "\n\n[plugins]\nlock = \"plugins.lock\"\n\n[[plugin]]\nfile = "
         << plugins / "sql.so" << "\n[[plugin.component]]\nid = \"sql\"\n"
         << "[plugin.component.config]\nmapping = " << here / "mapping.toml"
         << "\ndatabase = " << folder_ / "erp.db" << "\nsystem = \"bench\"\n\n[[plugin]]\nfile = "
         << plugins / "bench_decisions.so" << "\n[[plugin.component]]\nid = \"bench-source\"\n"
         << "[plugin.component.config]\nsocket = " << folder_ / "source" << "\n";
  for (const auto* id : {"bench-order", "bench-supply", "bench-pick"}) {
    config << "[[plugin.component]]\nid = \"" << id << "\"\n";
  }
  config << "\n[policy]\nfile = " << here / "policy.toml"
         << "\n\n[[autonomy]]\nlevel = \"autonomous\"\n\n[[flow]]\nfile = " << here / "flow.toml"
         << "\n\n[[principal]]\nname = \"bench\"\nuid = \"self\"\nroles = [\"operator\"]\n";
  if (!config.flush()) {
    fail("write " + (folder_ / "node.toml").string());
  }
}

json node::ask(const std::string& method, const json& params) const {
  auto socket = api();
  socket.send(json{{"method", method}, {"params", params}}.dump() + "\n");
  auto answer = json::parse(socket.line());
  if (!answer.value("ok", false)) {
    throw std::runtime_error(method + ": " + answer.dump());
  }
  return answer["result"];
}

double node::rss_mb() const {
  std::ifstream in("/proc/" + std::to_string(pid_) + "/statm");
  double total = 0;
  double resident = 0;
  in >> total >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1e6;
}

double node::cpu_s() const {
  std::ifstream in("/proc/" + std::to_string(pid_) + "/stat");
  std::string text((std::istreambuf_iterator<char>(in)), {});
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) {
    fields >> skipped; // proc(5): utime and stime are fields 14 and 15
  }
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

std::unordered_map<std::string, std::string> node::transfers() const {
  const database erp(folder_ / "erp.db");
  std::unordered_map<std::string, std::string> out;
  const auto take = [](void* all, int, char** v, char**) {
    static_cast<std::unordered_map<std::string, std::string>*>(all)->emplace(v[0], v[1]);
    return 0;
  };
  if (sqlite3_exec(erp.handle, "SELECT reference, order_line FROM transfer", take, &out,
                   nullptr) != SQLITE_OK) {
    throw std::runtime_error(std::string("the system of record: ") +
                             sqlite3_errmsg(erp.handle));
  }
  return out;
}

} // namespace crossdock::bench
