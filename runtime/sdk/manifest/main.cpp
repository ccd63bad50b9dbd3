/// crossdock-manifest: makes, shows and checks the manifest of a plugin file.
/// Exit codes: 0 fine, 1 something is wrong with the file, 2 wrong use.

#include <fstream>
#include <iostream>

#include <CLI/CLI.hpp>

#include "sdk/manifest/check.hpp"

namespace {

using namespace crossdock::manifest;

int report(const problems& all) {
  for (const auto& p : all)
    std::cerr << p.text() << '\n';
  return 1;
}

int make(const std::string& toml, const std::string& output) {
  const auto parsed = from_toml_file(toml);
  if (const auto* wrong = std::get_if<problems>(&parsed))
    return report(*wrong);
  const auto text = canonical(std::get<nlohmann::json>(parsed));
  if (output.empty()) {
    std::cout << text << '\n';
    return 0;
  }
  std::ofstream out{output, std::ios::binary | std::ios::trunc};
  if (!(out << text) || !out.flush()) {
    std::cerr << output << ": cannot be written\n";
    return 1;
  }
  return 0;
}

int show(const std::string& plugin) {
  const auto parsed = from_plugin(plugin);
  if (const auto* wrong = std::get_if<problems>(&parsed))
    return report(*wrong);
  std::cout << std::get<nlohmann::json>(parsed).dump(2) << '\n';
  return 0;
}

int check(const std::string& plugin) {
  const auto wrong = check_plugin(plugin);
  for (const auto& sentence : wrong)
    std::cerr << sentence << '\n';
  return wrong.empty() ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
  CLI::App app{"Makes, shows and checks the manifest of a crossdock plugin."};
  std::string file, output;
  bool show_it = false, check_it = false;
  app.add_option("file", file, "a plugin.toml, or a plugin's .so with --show or --check")
      ->required();
  app.add_option("-o,--output", output, "where the canonical JSON goes; default: here");
  auto* shows =
      app.add_flag("--show", show_it, "print the manifest inside a plugin file");
  app.add_flag("--check", check_it, "say why the host would refuse a plugin file")
      ->excludes(shows);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  if (show_it)
    return show(file);
  return check_it ? check(file) : make(file, output);
}
