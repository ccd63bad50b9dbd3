#include "crossdock/doctor.hpp"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <sqlite3.h>

#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/magic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>

namespace crossdock::cli {
namespace {

namespace fs = std::filesystem;
using std::chrono::microseconds;

std::string bytes_text(std::uint64_t n) {
  return n >= (1ull << 30)
             ? fmt::format("{:.1f} GiB", static_cast<double>(n) / (1ull << 30))
             : fmt::format("{:.1f} MiB", static_cast<double>(n) / (1ull << 20));
}

std::string first_line(const char* file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

struct file_system {
  const char* name;
  const char* problem; ///< null: a local disk
};

/// Numbers of statfs(2); those that linux/magic.h lacks are written out.
file_system file_system_of(std::uint64_t magic) {
  constexpr std::uint64_t cifs = 0xff534d42;
  constexpr std::uint64_t fuse = 0x65735546;
  constexpr std::uint64_t xfs = 0x58465342;
  constexpr const char* network =
      "is a network file system: SQLite's locks and a sync that really reaches the disk "
      "are not assured there";
  constexpr const char* memory = "lives in memory: everything is gone after a restart";
  static const std::map<std::uint64_t, file_system> known{
      {EXT4_SUPER_MAGIC, {"ext4", nullptr}},
      {xfs, {"xfs", nullptr}},
      {BTRFS_SUPER_MAGIC, {"btrfs", nullptr}},
      {OVERLAYFS_SUPER_MAGIC,
       {"overlayfs", "is a container's own layer: everything is gone with the container; "
                     "mount a volume"}},
      {NFS_SUPER_MAGIC, {"nfs", network}},
      {SMB_SUPER_MAGIC, {"smb", network}},
      {SMB2_SUPER_MAGIC, {"smb", network}},
      {cifs, {"cifs", network}},
      {V9FS_MAGIC, {"9p", network}},
      {CEPH_SUPER_MAGIC, {"ceph", network}},
      {fuse,
       {"fuse", "is served by another program: whether a sync reaches the disk is "
                "up to that program"}},
      {TMPFS_MAGIC, {"tmpfs", memory}},
      {RAMFS_MAGIC, {"ramfs", memory}}};
  const auto it = known.find(magic);
  return it == known.end() ? file_system{nullptr, nullptr} : it->second;
}

int landlock_abi() {
  const auto abi =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return static_cast<int>(abi);
}

finding look_at_seccomp() {
  const auto actions = first_line("/proc/sys/kernel/seccomp/actions_avail");
  return actions.find("user_notif") != std::string::npos
             ? good("machine", "seccomp", "there: " + actions)
             : finding{"machine", "seccomp", health::warn,
                       "the kernel does not offer seccomp filters whose calls a parent answers",
                       "run on Linux 5.9 or newer with CONFIG_SECCOMP_FILTER, as Debian's are; "
                       "no plugin can run in a process of its own here"};
}

finding look_at_clock() {
  timex t{};
  const int state = ::adjtimex(&t);
  const auto now = std::chrono::system_clock::now();
  // A machine without a battery for its clock starts in 1970 or at its image's date.
  constexpr std::chrono::sys_days sane{std::chrono::year(2024) / 1 / 1};
  if (now < sane) {
    return {"machine", "clock", health::fail, "the clock is years behind",
            "set the clock and let a time service keep it (timedatectl set-ntp true)"};
  }
  if (state < 0 || (t.status & STA_UNSYNC) != 0) {
    return {"machine", "clock", health::warn,
            "the kernel does not know the clock to be synchronised",
            "let a time service keep it (timedatectl set-ntp true); in a container its "
            "host does"};
  }
  return good("machine", "clock",
              fmt::format("synchronised, at most {} ms off", t.maxerror / 1000));
}

std::string limit_text(rlim_t n) {
  return n == RLIM_INFINITY ? "unlimited" : std::to_string(n);
}

struct stat status_of(const fs::path& file, bool& there) {
  struct stat s {};
  there = ::stat(file.c_str(), &s) == 0;
  return s;
}

/// The folder itself, or the nearest one above that is there.
fs::path nearest_folder(fs::path folder) {
  folder = fs::absolute(folder).lexically_normal();
  std::error_code ignored;
  while (!fs::is_directory(folder, ignored) && folder.has_relative_path()) {
    folder = folder.parent_path();
  }
  return folder;
}

/// What a sync costs where the ledger lies.
finding measure_sync(const fs::path& folder) {
  const auto file = folder / fmt::format(".crossdock-doctor.{}", ::getpid());
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) {
    const int why = errno;
    return {"data", "sync", health::warn,
            fmt::format("not measured: cannot write in {}: {}", folder.string(),
                        std::strerror(why)),
            "run `crossdock doctor` as the user the node runs as"};
  }
  ::unlink(file.c_str()); // gone with the descriptor, whatever happens
  const std::string page(4096, 'x');
  std::vector<microseconds> times;
  constexpr int rounds = 20;
  int failed = 0;
  for (int i = 0; i < rounds && failed == 0; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    if (::write(fd, page.data(), page.size()) != static_cast<ssize_t>(page.size()) ||
        ::fdatasync(fd) != 0) {
      failed = errno;
    }
    times.push_back(std::chrono::duration_cast<microseconds>(
        std::chrono::steady_clock::now() - begin));
  }
  ::close(fd);
  if (failed != 0) {
    return {"data", "sync", health::fail,
            fmt::format("a write with sync failed: {}", std::strerror(failed)),
            "look at the disk (dmesg, df); the node stops at the first failed commit"};
  }
  return judge_sync(std::move(times));
}

} // namespace

std::string_view to_string(health h) noexcept {
  return h == health::ok ? "ok" : h == health::warn ? "warn" : "fail";
}

health worst_of(const findings& list) {
  health out = health::ok;
  for (const auto& f : list) {
    out = std::max(out, f.how);
  }
  return out;
}

// -- judging
// ----------------------------------------------------------------------------------

finding judge_space(std::uint64_t free_bytes, std::uint64_t all_bytes) {
  const auto text =
      fmt::format("{} free of {}", bytes_text(free_bytes), bytes_text(all_bytes));
  if (free_bytes >= doctor_limits::free_bytes_warn) {
    return good("data", "free space", text);
  }
  const bool bad = free_bytes < doctor_limits::free_bytes_fail;
  return {"data", "free space", bad ? health::fail : health::warn, text,
          bad ? "free space now: the node stops at the first commit that does not fit"
              : "free some space before the disk is full; a busy node writes about "
                "1 GiB a day"};
}

finding judge_inodes(std::uint64_t free, std::uint64_t all) {
  if (all == 0) {
    return good("data", "free inodes", "this file system has no fixed number of them");
  }
  const auto text = fmt::format("{} free of {}", free, all);
  if (free >= doctor_limits::free_inodes_warn) {
    return good("data", "free inodes", text);
  }
  return {
      "data", "free inodes",
      free < doctor_limits::free_inodes_fail ? health::fail : health::warn, text,
      "remove small files nobody needs: without inodes no file can be created, however "
      "much space is free"};
}

finding judge_file_system(std::uint64_t magic, const std::string& place) {
  const auto f = file_system_of(magic);
  if (f.name == nullptr) {
    return good("data", "file system", fmt::format("type {:#x}", magic));
  }
  if (f.problem == nullptr) {
    return good("data", "file system", f.name);
  }
  return {"data", "file system", health::warn,
          fmt::format("{} lies on {}, which {}", place, f.name, f.problem),
          "put the data folder on a local disk (node.data)"};
}

finding judge_retired(const json& mapped) {
  constexpr std::int64_t files_budget = 64;
  constexpr std::int64_t bytes_budget = 64 << 20;
  const auto files = mapped.value("files", std::int64_t{0});
  const auto bytes = mapped.value("mapped_bytes", std::int64_t{0});
  const auto text = fmt::format("{} plugin files that nothing runs any more are still mapped; all "
                                "mapped ones have {} MiB",
                                files, bytes >> 20);
  if (files > files_budget || (files > 0 && bytes > bytes_budget)) {
    return {"node", "retired plugins", health::warn, text,
            "restart the node when it suits: replaced versions stay in its memory until then"};
  }
  return good("node", "retired plugins", text);
}

finding judge_sync(std::vector<microseconds> times) {
  std::sort(times.begin(), times.end());
  const auto median = times.empty() ? microseconds(0) : times[times.size() / 2];
  const auto slowest = times.empty() ? microseconds(0) : times.back();
  const auto ms = [](microseconds t) { return static_cast<double>(t.count()) / 1000; };
  const auto text =
      fmt::format("median {:.2f} ms, slowest {:.2f} ms of {} writes of 4 KiB", ms(median),
                  ms(slowest), times.size());
  if (median < doctor_limits::sync_warn) {
    return good("data", "sync", text);
  }
  return {
      "data", "sync", median >= doctor_limits::sync_fail ? health::fail : health::warn,
      text,
      "every decision waits for a sync: use a faster disk, or find who else writes to "
      "it (iostat)"};
}

finding judge_open_files(std::uint64_t soft) {
  const auto text =
      "at most " +
      (soft == RLIM_INFINITY ? std::string("unlimited") : std::to_string(soft)) +
      " open files";
  return soft >= doctor_limits::open_files_warn
             ? good("machine", "ulimit -n", text)
             : finding{"machine", "ulimit -n", health::warn, text,
                       "raise it to 1024 or more (ulimit -n, or LimitNOFILE= of the "
                       "service)"};
}

finding judge_landlock(int abi) {
  return abi >= 1
             ? good("machine", "Landlock", fmt::format("ABI {}", abi))
             : finding{"machine", "Landlock", health::warn,
                       "the kernel does not offer Landlock",
                       "run on Linux 5.13 or newer with landlock among the security "
                       "modules (lsm=); files stay closed to plugins in processes of their own "
                       "by the node's answers alone here"};
}

finding judge_mode(const std::string& area, const fs::path& file, unsigned forbidden,
                   health how, const std::string& why, const std::string& remedy) {
  bool there = false;
  const auto s = status_of(file, there);
  const auto name = file.string();
  if (!there) {
    return {area, name, health::fail, std::strerror(errno), "put the file back"};
  }
  const auto mode = static_cast<unsigned>(s.st_mode) & 07777u;
  const auto text = fmt::format("mode {:04o}, owner {}", mode, s.st_uid);
  return (mode & forbidden) == 0 ? good(area, name, text)
                                 : finding{area, name, how, text + ": " + why, remedy};
}

// -- looking
// ----------------------------------------------------------------------------------

findings look_at_machine() {
  findings out;
  utsname name{};
  ::uname(&name);
  out.push_back(
      good("machine", "kernel", fmt::format("{} {}", name.sysname, name.release)));
  out.push_back(good("machine", "SQLite", sqlite3_libversion()));
  out.push_back(good("machine", "OpenSSL", OpenSSL_version(OPENSSL_VERSION)));
  out.push_back(judge_landlock(landlock_abi()));
  out.push_back(look_at_seccomp());
  out.push_back(look_at_clock());
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  out.push_back(judge_open_files(files.rlim_cur));
  rlimit locked{};
  ::getrlimit(RLIMIT_MEMLOCK, &locked);
  out.push_back(good("machine", "ulimit -l",
                     limit_text(locked.rlim_cur) + " bytes; the node locks no memory"));
  return out;
}

findings look_at_programs(const fs::path& daemon) {
  if (daemon.empty()) {
    return {{"machine", "crossdockd", health::warn,
             "not found beside this program nor in $PATH",
             "install it; connectors and pending migrations were not checked"}};
  }
  const auto told = run_program({daemon.string(), "--version"}, std::chrono::seconds(10));
  if (told.code != 0) {
    const auto why = told.err.empty() ? fmt::format("exit code {}", told.code) : told.err;
    return {{"machine", "crossdockd", health::fail,
             daemon.string() + " does not start: " + why,
             "install the library it names (tools/lib/install says which packages)"}};
  }
  const std::string wanted = "crossdockd " CROSSDOCK_VERSION;
  auto version = told.out;
  version.erase(version.find_last_not_of(" \n") + 1);
  if (version != wanted) {
    return {
        {"machine", "crossdockd", health::warn,
         daemon.string() + " is " + version + ", this is crossdock " CROSSDOCK_VERSION,
         "install both of the same release"}};
  }
  findings out{good("machine", "crossdockd", version + ", " + daemon.string())};
  const auto folder = daemon.parent_path();
  std::error_code failure;
  for (const auto& runner : {folder / "crossdock-plugin-host",
                             folder / "../libexec/crossdock/crossdock-plugin-host"}) {
    if (fs::exists(runner, failure)) {
      out.push_back(good("machine", "crossdock-plugin-host", runner.lexically_normal().string()));
      return out;
    }
  }
  out.push_back({"machine", "crossdock-plugin-host", health::warn,
                 "neither beside crossdockd nor in ../libexec/crossdock",
                 "install it, or say where it is with [plugins] host: no plugin runs in a process of "
                 "its own without it"});
  return out;
}

findings look_at_configuration(const node::checked& c, const fs::path& file) {
  findings out;
  for (const auto& p : c.problems) {
    out.push_back({"configuration", "check", health::fail, p,
                   "mend it; see `crossdock "
                   "config check`"});
  }
  for (const auto& w : c.warnings) {
    out.push_back({"configuration", "check", health::warn, w, "see whether it is meant"});
  }
  for (const auto& s : c.seen) {
    out.push_back(good("configuration", "check", s));
  }
  if (!c.source) {
    return out;
  }
  const auto guard = [&](const fs::path& one) {
    out.push_back(judge_mode("configuration", one, 0022, health::fail,
                             "others than its owner may write it and so decide what runs",
                             "chmod go-w " + one.string()));
  };
  guard(file);
  guard(c.source->policy);
  for (const auto& flow : c.source->flows) {
    guard(flow);
  }
  for (const auto& plugin : c.source->plugins) {
    guard(plugin.file);
  }
  return out;
}

findings look_at_data(const fs::path& data) {
  findings out;
  std::error_code ignored;
  const auto place = nearest_folder(data);
  if (!fs::is_directory(data, ignored)) {
    out.push_back(
        ::access(place.c_str(), W_OK) == 0
            ? good("data", "folder",
                   data.string() + " is not there yet; the first start makes it")
            : finding{"data", "folder", health::fail,
                      data.string() + " is not there and you may not make it in " +
                          place.string(),
                      "make the folder and give it to the node's user"});
  } else {
    out.push_back(judge_mode("data", data, 0022, health::fail,
                             "others than its owner may write in it",
                             "chmod go-w " + data.string()));
    auto read = judge_mode("data", data, 0004, health::warn,
                           "everybody may read what is recorded: it is not encrypted",
                           "chmod o-rwx " + data.string());
    if (read.how != health::ok) {
      out.push_back(std::move(read));
    }
  }
  struct statvfs space {};
  if (::statvfs(place.c_str(), &space) == 0) {
    out.push_back(judge_space(std::uint64_t{space.f_bavail} * space.f_frsize,
                              std::uint64_t{space.f_blocks} * space.f_frsize));
    out.push_back(judge_inodes(space.f_favail, space.f_files));
  }
  struct statfs type {};
  if (::statfs(place.c_str(), &type) == 0) {
    out.push_back(
        judge_file_system(static_cast<std::uint32_t>(type.f_type), data.string()));
  }
  out.push_back(measure_sync(place));
  return out;
}

findings look_at_connectors(const json& answer) {
  findings out;
  for (const auto& c : answer) {
    const auto name = text_or(c, "component");
    if (c.value("ok", false)) {
      out.push_back(
          good("connector", name,
               fmt::format("reaches its system ({} ms): {}", c.value("took_ms", 0),
                           to_text(c.value("report", json())))));
    } else {
      out.push_back(
          {"connector", name, health::fail,
           "cannot work: " + text_or(c, "error", "no reason given"),
           "see that the system of record runs, that address and credentials of "
           "the component's configuration are right, and that this machine may "
           "reach it"});
    }
  }
  return out;
}

} // namespace crossdock::cli
