/// Whether a plugin file may be loaded, and whether it keeps the contract, judged without
/// running an instruction of it.
#pragma once

#include <string>
#include <vector>

#include "sdk/manifest/elf_file.hpp"
#include "sdk/manifest/manifest.hpp"

namespace crossdock::manifest {

/// Every reason why the host would refuse the file, each a sentence with its remedy;
/// empty if there is none.
std::vector<std::string> check_plugin(const std::string& path);

/// The checked manifest inside a plugin file.
parsed_manifest from_plugin(const std::string& path);

// -- what a checker demands beyond that
// --------------------------------------------------

/// What the machine that loads the file has. The default is Debian 12's.
struct floor {
  std::string glibc = "2.36";
  std::string glibcxx = "3.4.30"; ///< of libstdc++
  std::string cxxabi = "1.3.13";  ///< of libstdc++
  std::string gcc = "12.0.0";     ///< of libgcc_s
};

struct demands {
  manifest::floor floor;
  std::vector<std::string> more_libraries; ///< allowed beyond the usual ones
  std::vector<std::string> more_imports;   ///< allowed although the rules forbid them
};

/// One rule that the file breaks. The name of a rule never changes its meaning.
struct finding {
  std::string rule; ///< "elf.exports"
  std::string text; ///< a sentence that says what to change
};

/// The rules that examine() knows, in the order in which it looks.
struct rule {
  const char* name;
  const char* what; ///< what holds for a file that keeps it
};
const std::vector<rule>& rules();

/// What the file breaks of rules(), each once and with its remedy.
std::vector<finding> examine(const std::string& path, const demands& d = {});

/// What is no breach, but worth a person's look before the file is granted anything.
/// Empty if the file is unreadable: examine() says so.
std::vector<std::string> unusual(const std::string& path);

/// True if version `a` ("2.4") is newer than `b` ("2.36"); compared number by number.
bool newer_version(const std::string& a, const std::string& b);

} // namespace crossdock::manifest
