#include "sdk/manifest/check.hpp"
#include "sdk/manifest/elf_file.hpp"
#include "sdk/manifest/imports.hpp"

#include <fstream>
#include <iterator>
#include <random>

#include <catch2/catch.hpp>

using namespace crossdock::manifest;
using Catch::Matchers::Contains;

namespace {

std::string plugin(const std::string& name) {
  return std::string{TEST_PLUGINS} + "/" + name + ".so";
}

std::vector<std::uint8_t> bytes_of(const std::string& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

/// A manifest with one line replaced, and what is said about it.
std::string complaint(const std::string& from, const std::string& to) {
  std::string text = R"(id = "acme.hold"
version = "1.0.0"
vendor = "Acme"
license = "MIT"

[[components]]
id = "acme.hold"
kind = "agent"
executor = "scheduled"
consumes = [{ topic = "order.line", version = 1 }]
calls = ["erp.stock"]
capabilities = ["tool/1"]
)";
  text.replace(text.find(from), from.size(), to);
  const auto parsed = from_toml(text, "plugin.toml");
  const auto* wrong = std::get_if<problems>(&parsed);
  return wrong ? wrong->front().text() : "";
}

} // namespace

TEST_CASE("a plugin built with the SDK passes the check", "[sdk]") {
  for (const char* name : {"thrower", "sleeper", "echo"})
    CHECK(check_plugin(plugin(name)).empty());
}

TEST_CASE("a plugin that exports more than its entry fails the check", "[sdk]") {
  const auto wrong = check_plugin(plugin("extra_export"));
  REQUIRE(wrong.size() == 1);
  CHECK_THAT(wrong[0], Contains("exports crossdock_test_extra"));
}

TEST_CASE("a plugin without a manifest fails the check", "[sdk]") {
  const auto wrong = check_plugin(plugin("no_manifest"));
  REQUIRE(wrong.size() == 1);
  CHECK_THAT(wrong[0], Contains("has no section .crossdock.manifest"));
}

TEST_CASE("the manifest is read from the file without running it", "[sdk]") {
  const auto parsed = from_plugin(plugin("echo"));
  REQUIRE(std::holds_alternative<nlohmann::json>(parsed));
  const auto& manifest = std::get<nlohmann::json>(parsed);
  CHECK(manifest["id"] == "test.plugins.echo");
  CHECK(manifest["components"].size() == 2);
  CHECK(canonical(manifest) == canonical(nlohmann::json::parse(canonical(manifest))));
  // A file of another major version can be read and named, but not loaded.
  const auto other = from_plugin(plugin("bad_abi"));
  CHECK(std::get<nlohmann::json>(other)["abi"]["major"] == 2);
}

TEST_CASE("what is no plugin is a sentence", "[sdk]") {
  CHECK_THAT(check_plugin("/nowhere.so").at(0), Contains("cannot be opened"));
  CHECK_THAT(check_plugin(__FILE__).at(0), Contains("not an ELF file"));
}

TEST_CASE("a torn or altered file is refused or read, never a crash", "[sdk]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random{seed};
  const auto whole = bytes_of(plugin("echo"));
  REQUIRE(whole.size() > 4096);
  for (int round = 0; round < 200; ++round) {
    auto torn = whole;
    torn.resize(random() % whole.size());
    CHECK(std::holds_alternative<std::string>(elf_file::parse(torn)));
  }
  for (int round = 0; round < 200; ++round) {
    auto altered = whole;
    for (int i = 0; i < 8; ++i) // the headers are where a lie hurts
      altered[random() % 1024] = static_cast<std::uint8_t>(random());
    for (int i = 0; i < 8; ++i)
      altered[altered.size() - 1 - random() % 4096] = static_cast<std::uint8_t>(random());
    (void)elf_file::parse(altered);
  }
}

TEST_CASE("a wrong manifest is named with file, line and field", "[sdk]") {
  CHECK(complaint("MIT", "MIT").empty());
  CHECK_THAT(complaint("\"scheduled\"", "\"quick\""),
             Contains("plugin.toml:9:12: components.0.executor"));
  CHECK_THAT(complaint("1.0.0", "one"), Contains("plugin.toml:2:11: version"));
  CHECK_THAT(complaint("[\"tool/1\"]", "[]"), Contains("tool/1 is missing"));
  CHECK_THAT(complaint("license", "licence"), Contains("licen"));
  CHECK_THAT(complaint("\"acme.hold\"\nversion", "\"acme.hold\nversion"),
             Contains("plugin.toml:1:"));
}

TEST_CASE("an agent may not import what a replay could not repeat; a connector may",
          "[sdk]") {
  for (const char* symbol : {"time", "connect", "rand", "fopen", "nanosleep"}) {
    CHECK(forbidden_import(symbol, true) != nullptr);
    CHECK(forbidden_import(symbol, false) == nullptr);
  }
  for (const char* symbol : {"fork", "dlopen", "sigaction", "setenv", "_exit"})
    CHECK(forbidden_import(symbol, false) != nullptr);
  for (const char* symbol : {"malloc", "timez", "memcpy", ""})
    CHECK(forbidden_import(symbol, true) == nullptr);
  std::string before;
  for (const auto& r : import_rules()) { // sorted and each once: it is searched by halves
    CHECK(before < r.symbol);
    before = r.symbol;
  }
}

TEST_CASE("versions compare number by number", "[sdk]") {
  CHECK(newer_version("2.36", "2.4"));
  CHECK(newer_version("3.4.30", "3.4"));
  CHECK_FALSE(newer_version("2.2.5", "2.36"));
  CHECK_FALSE(newer_version("2.36", "2.36"));
  CHECK_FALSE(newer_version("3.4", "3.4.0"));
}

TEST_CASE("a library newer than the machine's is found", "[sdk]") {
  const auto rules_of = [](const demands& d) {
    std::vector<std::string> out;
    for (const auto& f : examine(plugin("echo"), d))
      out.push_back(f.rule);
    return out;
  };
  CHECK(rules_of({}).empty());
  demands old;
  old.floor.glibcxx = "3.4.20";
  CHECK(rules_of(old) == std::vector<std::string>{"elf.floor"});
}
