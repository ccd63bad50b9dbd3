#include "sdk/manifest/check.hpp"

#include "sdk/crossdock/abi.h"
#include "sdk/manifest/elf_file.hpp"

namespace crossdock::manifest {

parsed_manifest from_plugin(const std::string& path) {
  const auto read = elf_file::read(path);
  if (const auto* problem = std::get_if<std::string>(&read))
    return problems{{path, 0, 0, "", *problem}};
  const auto text = std::get<elf_file>(read).section(CDK_MANIFEST_SECTION);
  if (!text)
    return problems{{path, 0, 0, "",
                     "has no section " CDK_MANIFEST_SECTION
                     ": build it with crossdock_add_plugin"}};
  return from_json(*text, path);
}

std::vector<std::string> check_plugin(const std::string& path) {
  const auto read = elf_file::read(path);
  if (const auto* problem = std::get_if<std::string>(&read))
    return {*problem};
  const auto& file = std::get<elf_file>(read);

  std::vector<std::string> wrong;
  const auto add = [&](const std::string& what) { wrong.push_back(path + " " + what); };
  bool entry = false;
  for (const auto& symbol : file.symbols()) {
    if (symbol.unique)
      add("has the unique symbol " + symbol.name +
          ", which two loaded versions would share: compile with -fno-gnu-unique");
    if (!symbol.defined)
      continue;
    if (symbol.name == CDK_ENTRY_SYMBOL)
      entry = true;
    else
      add("exports " + symbol.name +
          "; only " CDK_ENTRY_SYMBOL
          " may be exported: link with the SDK's version script");
  }
  if (!entry)
    add("does not export " CDK_ENTRY_SYMBOL
        ": name a component with CROSSDOCK_AGENT or CROSSDOCK_CONNECTOR");
  if (file.has_text_relocations())
    add("has text relocations: compile with -fPIC");
  if (file.has_executable_stack())
    add("asks for an executable stack: link with -Wl,-z,noexecstack");
  if (file.has_run_path())
    add("has an RPATH or RUNPATH, so it would load libraries from a folder of the "
        "machine "
        "that built it: link without -rpath");
  if (!file.binds_now())
    add("binds symbols lazily: link with -Wl,-z,now");
  const auto manifest = from_plugin(path);
  if (const auto* problems_found = std::get_if<problems>(&manifest))
    for (const auto& p : *problems_found)
      wrong.push_back(p.text());
  return wrong;
}

} // namespace crossdock::manifest
