// The doctor on machines and folders that something is wrong with.
#include "crossdock/doctor.hpp"

#include "ledger_fixture.hpp"

#include <catch2/catch.hpp>

#include <linux/magic.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>

using namespace crossdock;
using namespace crossdock::cli;
using Catch::Contains;
using crossdock::ledger::testing::appends;
using crossdock::ledger::testing::message;
using crossdock::ledger::testing::open_store;
using crossdock::ledger::testing::temporary_directory;
using crossdock::ledger::testing::test_options;
namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

/// A whole ledger in a folder; gives the folder.
fs::path make_ledger(const temporary_directory& dir) {
  auto s = open_store(test_options(dir.path()));
  REQUIRE(s->commit(appends({message("m-1")})));
  s.reset();
  return dir.path();
}

void set_mode(const fs::path& file, mode_t mode) {
  REQUIRE(::chmod(file.c_str(), mode) == 0);
}

/// Whatever is not well must say what to do about it.
void each_has_a_remedy(const findings& list) {
  for (const auto& f : list) {
    INFO(f.area << " " << f.what << " " << f.message);
    CHECK((f.how == health::ok) == f.remedy.empty());
  }
}

const finding* about(const findings& list, const std::string& part) {
  const auto it = std::find_if(list.begin(), list.end(), [&](const finding& f) {
    return f.how != health::ok && (f.what + f.message).find(part) != std::string::npos;
  });
  return it == list.end() ? nullptr : &*it;
}

int listener_on(const fs::path& socket) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un a{};
  a.sun_family = AF_UNIX;
  std::strncpy(a.sun_path, socket.c_str(), sizeof a.sun_path - 1);
  REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&a), sizeof a) == 0);
  REQUIRE(::listen(fd, 4) == 0);
  return fd;
}

} // namespace

TEST_CASE("measures are judged on both sides of their limits", "[doctor]") {
  using l = doctor_limits;
  CHECK(judge_space(l::free_bytes_warn, 1ull << 40).how == health::ok);
  CHECK(judge_space(l::free_bytes_warn - 1, 1ull << 40).how == health::warn);
  CHECK(judge_space(l::free_bytes_fail - 1, 1ull << 40).how == health::fail);
  CHECK(judge_inodes(l::free_inodes_warn, 1u << 20).how == health::ok);
  CHECK(judge_inodes(l::free_inodes_warn - 1, 1u << 20).how == health::warn);
  CHECK(judge_inodes(l::free_inodes_fail - 1, 1u << 20).how == health::fail);
  CHECK(judge_inodes(0, 0).how == health::ok);            // btrfs has no fixed number
  CHECK(judge_sync({1ms, 2ms, 900ms}).how == health::ok); // one slow one is no rule
  CHECK(judge_sync({l::sync_warn, l::sync_warn, 1ms}).how == health::warn);
  CHECK(judge_sync({l::sync_fail, l::sync_fail, 1ms}).how == health::fail);
  CHECK(judge_open_files(l::open_files_warn).how == health::ok);
  CHECK(judge_open_files(l::open_files_warn - 1).how == health::warn);
  CHECK(judge_open_files(RLIM_INFINITY).how == health::ok);
  CHECK(judge_landlock(2).how == health::ok);
  CHECK(judge_landlock(-1).how == health::warn);
  each_has_a_remedy({judge_space(0, 1), judge_inodes(0, 1), judge_sync({l::sync_fail}),
                     judge_open_files(1), judge_landlock(0)});
}

TEST_CASE("a data folder in memory or on the network is warned of", "[doctor]") {
  CHECK(judge_file_system(EXT4_SUPER_MAGIC, "/d").how == health::ok);
  for (const auto magic :
       {std::uint64_t{TMPFS_MAGIC}, std::uint64_t{NFS_SUPER_MAGIC},
        std::uint64_t{0xff534d42}, std::uint64_t{OVERLAYFS_SUPER_MAGIC}}) {
    const auto f = judge_file_system(magic, "/d");
    CHECK(f.how == health::warn);
    CHECK_THAT(f.remedy, Contains("node.data"));
  }
}

TEST_CASE("this machine is looked at without harm", "[doctor]") {
  const auto list = look_at_machine();
  CHECK(list.size() >= 7);
  each_has_a_remedy(list);
}

TEST_CASE("a whole ledger is well", "[doctor]") {
  const temporary_directory dir;
  const auto list = look_at_ledger(make_ledger(dir), {{"notes", 1}});
  CHECK(worst_of(list) == health::ok);
  each_has_a_remedy(list);
}

TEST_CASE("a key that others can read is a failure with the command that mends it",
          "[doctor]") {
  const temporary_directory dir;
  const auto folder = make_ledger(dir);
  set_mode(folder / "ledger.key", 0640);
  const auto list = look_at_ledger(folder, {{"notes", 1}});
  const auto* f = about(list, "ledger.key");
  REQUIRE(f != nullptr);
  CHECK(f->how == health::fail);
  CHECK_THAT(f->message, Contains("0640"));
  CHECK_THAT(f->remedy, Contains("chmod 600 " + (folder / "ledger.key").string()));
}

TEST_CASE("a key without its database, and a database that is none", "[doctor]") {
  const temporary_directory dir;
  const auto folder = make_ledger(dir);
  fs::remove(folder / "ledger.db");
  auto list = look_at_ledger(folder, nullptr);
  REQUIRE(about(list, "database") != nullptr);
  each_has_a_remedy(list);
  std::ofstream(folder / "ledger.db") << std::string(8192, 'x');
  list = look_at_ledger(folder, nullptr);
  REQUIRE(about(list, "database") != nullptr);
  CHECK(worst_of(list) == health::fail);
}

TEST_CASE("a public key of another ledger is found by the newest signature", "[doctor]") {
  const temporary_directory dir;
  const auto folder = make_ledger(dir);
  const temporary_directory other;
  {
    auto o = test_options(other.path());
    o.random = std::make_shared<seeded_random>(99);
    open_store(o);
  }
  fs::copy_file(other.path() / "ledger.pub", folder / "ledger.pub",
                fs::copy_options::overwrite_existing);
  const auto list = look_at_ledger(folder, {{"notes", 1}});
  const auto* f = about(list, "database");
  REQUIRE(f != nullptr);
  CHECK_THAT(f->remedy, Contains("not signed by ledger.pub"));
}

TEST_CASE("tables of an older and of a newer version are told apart", "[doctor]") {
  const temporary_directory dir;
  const auto folder = make_ledger(dir);
  const auto* pending = about(look_at_ledger(folder, {{"notes", 2}}), "tables of notes");
  REQUIRE(pending != nullptr);
  const auto older = look_at_ledger(folder, {{"notes", 2}});
  CHECK(worst_of(older) == health::warn);
  const auto newer = look_at_ledger(folder, {{"other", 1}});
  CHECK(worst_of(newer) == health::fail);
  CHECK_THAT(about(newer, "tables of notes")->message,
             Contains("version 1") && Contains("knows 0"));
}

TEST_CASE("a socket that was left behind is not taken for a node", "[doctor]") {
  const temporary_directory dir;
  const auto socket = dir.path() / "s";
  CHECK(worst_of(look_at_socket(socket)) == health::ok); // no node was started
  const int fd = listener_on(socket);
  set_mode(socket, 0660);
  CHECK(worst_of(look_at_socket(socket)) == health::ok);
  set_mode(socket, 0666);
  CHECK(about(look_at_socket(socket), "everybody")->how == health::fail);
  set_mode(socket, 0660);
  ::close(fd);
  const auto list = look_at_socket(socket);
  REQUIRE(about(list, "left behind") != nullptr);
  CHECK(worst_of(list) == health::warn);
  each_has_a_remedy(list);
}

TEST_CASE("a file where the socket should be is named", "[doctor]") {
  const temporary_directory dir;
  std::ofstream(dir.path() / "s") << "x";
  CHECK(about(look_at_socket(dir.path() / "s"), "is no socket")->how == health::fail);
}

TEST_CASE("a data folder others may write in or read is told", "[doctor]") {
  const temporary_directory dir;
  const auto data = dir.path() / "data";
  fs::create_directory(data);
  set_mode(data, 0750);
  CHECK(about(look_at_data(data), "others") == nullptr);
  CHECK(about(look_at_data(data), "everybody") == nullptr);
  set_mode(data, 0777);
  const auto list = look_at_data(data);
  CHECK(about(list, "others than its owner")->how == health::fail);
  CHECK(about(list, "everybody may read")->how == health::warn);
  CHECK(fs::is_empty(data)); // what was measured left nothing behind
  CHECK(worst_of(look_at_data(dir.path() / "new" / "data")) != health::fail);
}

TEST_CASE("problems of the configuration and files others may write are failures",
          "[doctor]") {
  const temporary_directory dir;
  const auto file = dir.path() / "node.toml";
  std::ofstream(dir.path() / "policy.toml") << "version = 1\nname = \"p\"\n";
  std::ofstream(dir.path() / "not_listed.so") << "no plugin";
  std::ofstream(file)
      << "[node]\nname = \"n\"\ndata = \"data\"\ncatalogue = \"missing\"\n"
         "[policy]\nfile = \"policy.toml\"\n"
         "[[plugin]]\nfile = \"not_listed.so\"\n";
  set_mode(file, 0666);
  set_mode(dir.path() / "policy.toml", 0644);
  const auto list = look_at_configuration(node::check_file(file), file);
  CHECK(about(list, "missing") != nullptr);
  CHECK(about(list, "is not in the list of allowed files")->how == health::fail);
  CHECK(about(list, "others than its owner may write it")->what == file.string());
  each_has_a_remedy(list);
}

TEST_CASE("a connector that cannot reach its system is a failure in its own words",
          "[doctor]") {
  const auto list = look_at_connectors(json::array(
      {{{"component", "sql"}, {"ok", true}, {"took_ms", 3}, {"report", {{"feeds", 2}}}},
       {{"component", "erp"}, {"ok", false}, {"error", "connection refused"}}}));
  REQUIRE(list.size() == 2);
  CHECK(list[0].how == health::ok);
  CHECK_THAT(list[1].message, Contains("connection refused"));
  CHECK(list[1].how == health::fail);
}

TEST_CASE("a program's output is taken, its absence and its silence are noticed",
          "[doctor]") {
  const auto said = run_program({"/bin/sh", "-c", "echo out; echo err >&2; exit 3"}, 20s);
  CHECK(said.code == 3);
  CHECK(said.out == "out\n");
  CHECK(said.err == "err\n");
  CHECK(run_program({"/nonexistent/crossdockd"}, 5s).code == 127);
  CHECK(run_program({"/bin/sh", "-c", "exec tail -f /dev/null"}, 100ms).code == -1);
  CHECK(worst_of(look_at_programs("/nonexistent/crossdockd")) == health::fail);
  CHECK(worst_of(look_at_programs({})) == health::warn);
}
