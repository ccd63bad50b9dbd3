// What is checked is what is mapped, whatever becomes of the file meanwhile.
#include <catch2/catch.hpp>

#include "host/isolation.hpp"
#include "host/plugin_image.hpp"
#include "host/staged_plugin.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

using namespace crossdock;
namespace fs = std::filesystem;

namespace {

struct folder {
  fs::path path;
  folder() {
    auto name = (fs::temp_directory_path() / "crossdock-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  folder(const folder&) = delete;
  folder& operator=(const folder&) = delete;
};

fs::path test_plugin(const std::string& name) {
  return fs::path(TEST_PLUGINS) / (name + ".so");
}

std::string bytes_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

void overwrite(const fs::path& file, const std::string& bytes) {
  fs::permissions(file, fs::perms::owner_write, fs::perm_options::add);
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out << bytes;
}

std::shared_ptr<const host::staged_plugin> read(const fs::path& file) {
  auto r = host::staged_plugin::read(file);
  if (!r) {
    FAIL(r.error().describe());
  }
  return *r;
}

/// Which component the mapped code knows: its create() accepts the id and no other.
bool creates(const host::plugin_image& image, const std::string& component) {
  cdk_host table{};
  table.struct_size = sizeof table;
  table.abi_major = CDK_ABI_MAJOR;
  table.get_extension = [](const cdk_host*, cdk_str) -> const void* { return nullptr; };
  table.log = [](const cdk_host*, std::uint32_t, cdk_str, cdk_str) {};
  cdk_error e{};
  e.struct_size = sizeof e;
  cdk_instance* object = nullptr;
  const std::string config = "{}";
  const auto status = image.table()->create(
      &table, {component.data(), component.size()},
      {reinterpret_cast<const std::uint8_t*>(config.data()), config.size()}, &object, &e);
  if (status == CDK_OK && object != nullptr) {
    image.table()->destroy(object);
    return true;
  }
  return false;
}

} // namespace

TEST_CASE("a file replaced after it was checked is not what is mapped", "[plugin_file]") {
  const folder f;
  const auto file = f.path / "partner.so";
  const auto echo = test_plugin("echo");
  fs::copy_file(echo, file);
  const auto staged = read(file);
  const auto hash = staged->sha256_hex();
  auto kept = staged->keep(f.path / "store");
  REQUIRE(kept.ok());

  SECTION("by renaming another over it") {
    for (const auto& victim : {file, *kept}) {
      fs::copy_file(test_plugin("thrower"), f.path / "other");
      fs::rename(f.path / "other", victim);
    }
  }
  SECTION("by writing into it") {
    overwrite(file, bytes_of(test_plugin("thrower")));
    overwrite(*kept, bytes_of(test_plugin("thrower")));
  }
  SECTION("by removing it") {
    fs::remove(file);
    fs::remove(*kept);
  }
  CHECK(staged->bytes() == bytes_of(echo));
  CHECK(to_hex(sha256_of(staged->bytes())) == hash);
  auto image = host::plugin_image::map(*staged);
  REQUIRE(image.ok());
  CHECK(creates(**image, "test.echo"));
  CHECK_FALSE(creates(**image, "test.thrower"));
}

TEST_CASE("the sealed bytes cannot be changed through their descriptor",
          "[plugin_file]") {
  const auto staged = read(test_plugin("echo"));
  const auto name = "/proc/self/fd/" + std::to_string(staged->descriptor());
  const int fd = ::open(name.c_str(), O_RDWR | O_CLOEXEC);
  if (fd >= 0) {
    CHECK(::pwrite(fd, "x", 1, 0) < 0);
    CHECK(::ftruncate(fd, 0) < 0);
    ::close(fd);
  }
  CHECK(staged->bytes() == bytes_of(test_plugin("echo")));
}

TEST_CASE("two files under one name, one after the other, are two images",
          "[plugin_file]") {
  const folder f;
  const auto file = f.path / "partner.so";
  fs::copy_file(test_plugin("proposer"), file);
  {
    const auto staged = read(file);
    const auto image = host::plugin_image::map(*staged);
    REQUIRE(image.ok());
    CHECK(creates(**image, "test.proposer"));
  }
  // The first object and its descriptor are gone; the number is free again, the path the
  // same.
  fs::remove(file);
  fs::copy_file(test_plugin("sleeper"), file);
  const auto staged = read(file);
  const auto image = host::plugin_image::map(*staged);
  REQUIRE(image.ok());
  CHECK(creates(**image, "test.sleeper"));
  CHECK_FALSE(creates(**image, "test.proposer"));
}

TEST_CASE("the same bytes are mapped once, from wherever they come", "[plugin_file]") {
  const folder f;
  fs::copy_file(test_plugin("echo"), f.path / "copy.so");
  const auto a = host::plugin_image::map(*read(test_plugin("echo")));
  const auto b = host::plugin_image::map(*read(f.path / "copy.so"));
  REQUIRE(a.ok());
  REQUIRE(b.ok());
  CHECK((*a)->table() == (*b)->table());
}

TEST_CASE("a copy in the store that is not ours to trust is refused", "[plugin_file]") {
  const folder f;
  const auto staged = read(test_plugin("echo"));
  auto kept = staged->keep(f.path / "store");
  REQUIRE(kept.ok());
  struct stat s {};
  REQUIRE(::stat(kept->c_str(), &s) == 0);
  CHECK((s.st_mode & 07777) == 0444);
  REQUIRE(staged->keep(f.path / "store").ok()); // there already

  SECTION("other bytes") {
    auto bytes = bytes_of(*kept);
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
    overwrite(*kept, bytes);
    fs::permissions(*kept, fs::perms::owner_read);
    const auto r = staged->keep(f.path / "store");
    REQUIRE_FALSE(r.ok());
    CHECK(r.error().code() == errc::corrupt);
  }
  SECTION("a longer file") {
    overwrite(*kept, bytes_of(*kept) + "x");
    const auto r = staged->keep(f.path / "store");
    REQUIRE_FALSE(r.ok());
    CHECK(r.error().code() == errc::corrupt);
  }
  SECTION("a symbolic link to the right bytes") {
    fs::rename(*kept, f.path / "elsewhere.so");
    fs::create_symlink(f.path / "elsewhere.so", *kept);
    const auto r = staged->keep(f.path / "store");
    REQUIRE_FALSE(r.ok());
    CHECK(r.error().code() == errc::denied);
  }
  SECTION("a pipe, which must not make the node wait") {
    fs::remove(*kept);
    REQUIRE(::mkfifo(kept->c_str(), 0444) == 0);
    const auto r = staged->keep(f.path / "store");
    REQUIRE_FALSE(r.ok());
    CHECK(r.error().code() == errc::denied);
  }
  SECTION("a file that others may write") {
    fs::permissions(*kept, fs::perms::others_write, fs::perm_options::add);
    const auto r = staged->keep(f.path / "store");
    REQUIRE_FALSE(r.ok());
    CHECK(r.error().code() == errc::denied);
  }
}

TEST_CASE("reading writes nothing and a refusal names the file", "[plugin_file]") {
  const folder f;
  for (const auto* name : {"no_manifest", "bad_abi", "extra_export"}) {
    INFO(name);
    const auto r = host::staged_plugin::read(test_plugin(name));
    REQUIRE_FALSE(r.ok());
    CHECK_THAT(r.error().describe(), Catch::Contains(std::string(name) + ".so"));
    CHECK_THAT(r.error().describe(), !Catch::Contains("/proc/self"));
  }
  std::ofstream(f.path / "empty.so").close();
  std::ofstream(f.path / "text.so") << "no ELF";
  REQUIRE(::mkfifo((f.path / "pipe.so").c_str(), 0600) == 0);
  for (const auto* name : {"empty.so", "text.so", "pipe.so"}) {
    INFO(name);
    const auto r = host::staged_plugin::read(f.path / name);
    REQUIRE_FALSE(r.ok());
    CHECK(r.error().code() == errc::plugin);
  }
  const auto missing = host::staged_plugin::read(f.path / "missing.so");
  REQUIRE_FALSE(missing.ok());
  CHECK(missing.error().code() == errc::not_found);
}

TEST_CASE("only what the operator lets run in the node runs there",
          "[plugin_file]") {
  using host::executor_kind;
  const std::optional<executor_kind> wishes[] = {std::nullopt, executor_kind::scheduled,
                                                 executor_kind::thread,
                                                 executor_kind::process};
  for (const bool may : {false, true}) {
    for (const bool runs : {false, true}) {
      for (const auto preferred : {executor_kind::scheduled, executor_kind::thread}) {
        for (const auto& wish : wishes) {
          const auto r = host::isolation({may, runs, preferred, wish});
          CAPTURE(may, runs);
          if (!wish) {
            REQUIRE(r.ok());
            CHECK(*r == (may && runs ? preferred : executor_kind::process));
          } else if (*wish == executor_kind::process || may) {
            REQUIRE(r.ok());
            CHECK(*r == *wish);
          } else {
            REQUIRE_FALSE(r.ok());
            CHECK(r.error().code() == errc::denied);
          }
        }
      }
    }
  }
}

TEST_CASE("executors have names that read back", "[plugin_file]") {
  using host::executor_kind;
  for (const auto kind :
       {executor_kind::scheduled, executor_kind::thread, executor_kind::process}) {
    const auto r = host::executor_from(host::to_string(kind));
    REQUIRE(r.ok());
    CHECK(*r == kind);
  }
  CHECK_FALSE(host::executor_from("inline").ok());
}
