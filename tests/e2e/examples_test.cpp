// The SDK's examples, by different compilers and in three languages, in one node.
// contract/sdk_examples makes the files; without them this has nothing to load.
#include <catch2/catch.hpp>

#include "support/node_process.hpp"

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

using namespace crossdock::test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

std::string read(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

} // namespace

TEST_CASE(
    "plugins in C, C++ and Rust, by g++, clang and rustc, work side by side in one node",
    "[e2e]") {
  const char* folder = std::getenv("EXAMPLE_PLUGINS");
  REQUIRE(folder != nullptr);
  const fs::path plugins = folder;
  REQUIRE(fs::exists(plugins / "price-guard.so")); // made by contract/sdk_examples

  // The connector reads a file, which no process of its own may.
  const bool sandboxed = GENERATE(false, true);
  INFO((sandboxed ? "agents in processes of their own" : "all in the node"));
  node_process node;
  const auto words = node.folder() / "catalogue";
  fs::copy(source_folder() / "config" / "catalogue", words);
  for (const auto& entry :
       fs::directory_iterator(source_folder() / "examples" / "catalogue")) {
    fs::copy(entry.path(), words);
  }
  auto text = read(node.config_file());
  const auto shipped = (source_folder() / "config" / "catalogue").string();
  text.replace(text.find(shipped), shipped.size(), words.string());
  std::vector<std::string> files;
  const std::map<std::string, std::string> settings{
      {"price-guard", "tolerance_percent = 5\n"},
      {"price-list", "list_file = \"prices.jsonl\"\n"},
      {"busy-items", "limit = 2\n"},
      {"double-order", ""}};
  for (const auto& [name, config] : settings) {
    const auto file = (plugins / (name + ".so")).string();
    files.push_back(file);
    text += "\n[[plugin]]\nfile = \"" + file +
            "\"\n[[plugin.component]]\nid = \"example." + name +
            "\"\n" + (sandboxed && name != "price-list" ? "executor = \"process\"\n" : "") +
            "[plugin.component.config]\n" + config;
  }
  std::ofstream(node.config_file()) << text;
  std::vector<std::string> lock{crossdock_program(), "plugin", "lock", "--output",
                                (node.folder() / "more.lock").string()};
  lock.insert(lock.end(), files.begin(), files.end());
  const auto locked = run(lock);
  INFO(locked.text);
  REQUIRE(locked.code == 0);
  std::ofstream(node.folder() / "plugins.lock", std::ios::app)
      << read(node.folder() / "more.lock");

  node.start();
  auto day = node.play(3);
  REQUIRE(day.wait(60s) == 0);
  std::map<std::string, std::uint64_t> steps;
  const bool all = until(
      [&] {
        steps.clear();
        const auto list = node.ask("plugin.list");
        for (const auto& one : list.at("plugins")) {
          const auto name = one.at("component").get<std::string>();
          CHECK(one.at("state") == "running");
          CHECK(one.at("failed_steps") == 0);
          CHECK(one.value("denied_calls", 0) == 0);
          if (settings.contains(name.substr(name.find('.') + 1))) {
            steps[name] = one.at("steps").get<std::uint64_t>();
          }
        }
        return steps.size() == settings.size() &&
               std::all_of(steps.begin(), steps.end(),
                           [](const auto& s) { return s.second > 1; });
      },
      60s);
  INFO(json(steps).dump());
  CHECK(all);
  CHECK(node.stop() == 0);
}
