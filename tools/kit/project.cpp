// new, build: a partner's project from a template, and from there to a tested plugin
// file.
#include "kit/commands.hpp"
#include "kit/templates.hpp"
#include "trust/safe_file.hpp"

#include <fmt/format.h>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fstream>

namespace crossdock::kit {
namespace {

namespace fs = std::filesystem;

// -- new
// ------------------------------------------------------------------------------------------

struct new_words {
  std::string name;
  std::string kind = "agent";
  std::string vendor;
  std::string directory;
};

bool is_name(std::string_view text) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  };
  return !text.empty() && text.size() <= 64 && text.front() >= 'a' &&
         text.front() <= 'z' && plain(text.back()) &&
         std::all_of(text.begin(), text.end(),
                     [&](char c) { return plain(c) || c == '-'; });
}

std::string filled(std::string_view text,
                   const std::vector<std::pair<std::string, std::string>>& values) {
  std::string out(text);
  for (const auto& [name, value] : values) {
    const auto mark = "@" + name + "@";
    for (auto at = out.find(mark); at != out.npos;
         at = out.find(mark, at + value.size())) {
      out.replace(at, mark.size(), value);
    }
  }
  return out;
}

ending make_project(context& c, const new_words& w) {
  if (!is_name(w.name)) {
    return error(errc::invalid,
                 "a name has small letters, digits and hyphens and begins with a "
                 "letter: acme-pricing")
        .at("name", w.name);
  }
  // acme-pricing of vendor acme is the plugin acme.pricing: what keys sign for begins
  // with "acme".
  const auto hyphen = w.name.find('-');
  if (hyphen == std::string::npos && w.vendor.empty()) {
    return error(errc::invalid,
                 "whose is it? name it VENDOR-NAME, as acme-pricing, or say "
                 "--vendor: the plugin's id begins with it");
  }
  const auto vendor = w.vendor.empty() ? w.name.substr(0, hyphen) : w.vendor;
  if (!is_name(vendor)) {
    return error(errc::invalid, "a vendor has small letters, digits and hyphens")
        .at("vendor", vendor);
  }
  const auto own =
      w.name.starts_with(vendor + "-") ? w.name.substr(vendor.size() + 1) : w.name;
  auto identifier = w.name;
  std::replace(identifier.begin(), identifier.end(), '-', '_');
  const std::vector<std::pair<std::string, std::string>> values{
      {"NAME", w.name},
      {"IDENTIFIER", identifier},
      {"ID", vendor + "." + own},
      {"VENDOR", vendor}};

  const fs::path folder = w.directory.empty() ? fs::path(w.name) : fs::path(w.directory);
  std::error_code failure;
  if (fs::exists(folder, failure) && !fs::is_empty(folder, failure)) {
    return error(errc::exists, "the folder is there and not empty: nothing was changed")
        .at("folder", folder.string());
  }
  json files = json::array();
  for (const auto& t : templates) {
    if (t.kind != "common" && t.kind != w.kind) {
      continue;
    }
    const auto to = folder / filled(t.file, values);
    fs::create_directories(to.parent_path(), failure);
    if (failure) {
      return error(errc::io, "the folder cannot be made: " + failure.message())
          .at("folder", to.parent_path().string());
    }
    if (auto put = trust::put_file(fs::absolute(to), filled(t.text, values), 0644);
        !put) {
      return std::move(put).error();
    }
    files.push_back(to.string());
  }
  if (c.told_program(
          {{"folder", folder.string()}, {"id", vendor + "." + own}, {"files", files}})) {
    return cli::exit_code::ok;
  }
  auto& paper = c.paper();
  paper.field("project", folder.string() + ", the " + w.kind + " " + vendor + "." + own);
  for (const auto& file : files) {
    paper.line("  " + file.get<std::string>());
  }
  paper.line();
  paper.line("To build and test it:");
  paper.verbatim("crossdock plugin build " + folder.string());
  return cli::exit_code::ok;
}

// -- build
// ----------------------------------------------------------------------------------------

struct build_words {
  std::string directory = ".";
  std::string type = "Release";
  bool without_tests = false;
};

/// Runs a program of the machine; what it prints goes to standard error, so that --json
/// stays one object. Errors: not_found, and internal with the program's exit code.
result<void> run_program(context& c, const std::vector<std::string>& command,
                         const char* remedy) {
  c.around().err << "== " << command[0] << ' ' << command[1] << std::endl;
  std::vector<char*> argv;
  for (const auto& word : command) {
    argv.push_back(const_cast<char*>(word.c_str()));
  }
  argv.push_back(nullptr);
  const auto child = ::fork();
  if (child == 0) {
    ::dup2(STDERR_FILENO, STDOUT_FILENO);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) {
    return error(errc::internal, command[0] + " cannot be started");
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
    return error(errc::not_found, command[0] + " is not here: apt-get install " + remedy);
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return error(errc::invalid, command[0] + " says no; what is wrong stands above");
  }
  return {};
}

bool on_path(std::string_view program) {
  const char* path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "/usr/bin:/bin";
  while (true) {
    const auto colon = rest.find(':');
    const auto file = fs::path(rest.substr(0, colon)) / program;
    if (!rest.substr(0, colon).empty() && ::access(file.c_str(), X_OK) == 0) {
      return true;
    }
    if (colon == std::string_view::npos) {
      return false;
    }
    rest.remove_prefix(colon + 1);
  }
}

/// CMake's own default needs make, which a machine with Ninja may well not have. Whoever
/// has chosen already, by the variable or by an earlier configuration, keeps that.
result<void> choose_generator(std::vector<std::string>& configure,
                              const fs::path& build) {
  if (std::getenv("CMAKE_GENERATOR") != nullptr || fs::exists(build / "CMakeCache.txt") ||
      on_path("make") || !on_path("cmake")) { // without cmake that is said first
    return {};
  }
  if (!on_path("ninja")) {
    return error(errc::not_found, "neither make nor ninja is here: apt-get install make");
  }
  configure.insert(configure.end(), {"-G", "Ninja"});
  return {};
}

/// Where this program's installation keeps its CMake package.
fs::path installation() {
  std::error_code failure;
  return fs::read_symlink("/proc/self/exe", failure).parent_path().parent_path();
}

ending build_project(context& c, const build_words& w) {
  const fs::path folder = w.directory;
  if (!fs::exists(folder / "CMakeLists.txt")) {
    return error(errc::not_found,
                 "there is no CMakeLists.txt: name the project's folder, or make "
                 "one with `crossdock plugin new`")
        .at("folder", folder.string());
  }
  const auto build = (folder / "build").string();
  std::vector<std::string> configure{"cmake",
                                     "-S",
                                     folder.string(),
                                     "-B",
                                     build,
                                     "-DCMAKE_BUILD_TYPE=" + w.type,
                                     "-DCMAKE_PREFIX_PATH=" + installation().string()};
  if (auto r = choose_generator(configure, build); !r) {
    return std::move(r).error();
  }
  if (auto r = run_program(c, configure, "cmake g++ nlohmann-json3-dev"); !r) {
    return std::move(r).error();
  }
  if (auto r = run_program(c, {"cmake", "--build", build, "--parallel"}, "cmake"); !r) {
    return std::move(r).error();
  }
  if (!w.without_tests) {
    if (auto r = run_program(c, {"ctest", "--test-dir", build, "--output-on-failure"},
                             "cmake");
        !r) {
      return std::move(r).error();
    }
  }
  json files = json::array();
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(fs::path(build) / "plugins", failure)) {
    if (entry.path().extension() == ".so") {
      files.push_back(entry.path().lexically_normal().string());
    }
  }
  if (!c.told_program({{"plugins", files}, {"tested", !w.without_tests}})) {
    for (const auto& file : files) {
      c.paper().field("plugin", file.get<std::string>());
    }
  }
  return cli::exit_code::ok;
}

} // namespace

void add_project(CLI::App& app, context& c) {
  auto n = std::make_shared<new_words>();
  auto* fresh =
      c.command(app, "new", "Make a project for a plugin that builds and passes its test",
                n, make_project);
  fresh
      ->add_option("name", n->name,
                   "VENDOR-NAME, as acme-pricing: the plugin acme.pricing")
      ->required();
  fresh->add_option("--kind", n->kind, "agent or connector")
      ->capture_default_str()
      ->check(CLI::IsMember({"agent", "connector"}));
  fresh->add_option("--vendor", n->vendor,
                    "Who makes it (default: the name up to its hyphen)");
  fresh->add_option("--directory", n->directory,
                    "Where to (default: a folder of that name)");

  auto b = std::make_shared<build_words>();
  auto* build = c.command(app, "build", "Configure, build and test a plugin's project", b,
                          build_project);
  build->add_option("directory", b->directory, "The project's folder")
      ->capture_default_str();
  build->add_option("--type", b->type, "Release or Debug")
      ->capture_default_str()
      ->check(CLI::IsMember({"Release", "Debug"}));
  build->add_flag("--no-tests", b->without_tests, "Build alone");
}

} // namespace crossdock::kit
