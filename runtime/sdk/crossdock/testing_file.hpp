/// Loads a plugin file into a test, so that a test sees what is shipped, in whatever language
/// it was written. C++17, Linux.
#pragma once

#include <cstring>
#include <fstream>
#include <iterator>
#include <vector>

#include <dlfcn.h>
#include <elf.h>

#include <crossdock/json.hpp>

namespace crossdock::sdk::testing {

/// A plugin file that is mapped until the program ends.
struct loaded_plugin {
  std::string file;
  const cdk_entry* entry = nullptr;
  json manifest;

  /// The manifest's entry of a component. Throws and lists what there is if there is none.
  const json& component(const std::string& id) const {
    std::string all;
    for (const auto& c : manifest.at("components")) {
      if (c.at("id") == id)
        return c;
      all += (all.empty() ? "" : ", ") + c.at("id").get<std::string>();
    }
    throw std::runtime_error{file + " has no component '" + id + "'; it has " + all};
  }
};

namespace internal {

inline std::string section_of(const std::string& file, const char* wanted) {
  std::ifstream in{file, std::ios::binary};
  const std::vector<char> bytes{std::istreambuf_iterator<char>{in}, {}};
  const auto take = [&](std::uint64_t at, auto& out) {
    if (at > bytes.size() || bytes.size() - at < sizeof out)
      throw std::runtime_error{file + " is not a whole ELF file"};
    std::memcpy(&out, bytes.data() + at, sizeof out);
  };
  Elf64_Ehdr header{};
  take(0, header);
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
    throw std::runtime_error{file + " is not an ELF file"};
  const auto section = [&](unsigned index) {
    Elf64_Shdr s{};
    take(header.e_shoff + std::uint64_t{index} * sizeof s, s);
    if (s.sh_type != SHT_NOBITS &&
        (s.sh_offset > bytes.size() || s.sh_size > bytes.size() - s.sh_offset))
      throw std::runtime_error{file + " is not a whole ELF file"};
    return s;
  };
  const auto names = section(header.e_shstrndx);
  for (unsigned i = 1; i < header.e_shnum; ++i) {
    const auto s = section(i);
    if (s.sh_name >= names.sh_size)
      continue;
    const std::string_view rest{bytes.data() + names.sh_offset + s.sh_name,
                                static_cast<std::size_t>(names.sh_size - s.sh_name)};
    if (rest.substr(0, rest.find('\0')) == wanted)
      return {bytes.data() + s.sh_offset, static_cast<std::size_t>(s.sh_size)};
  }
  throw std::runtime_error{file + " has no section " + wanted +
                           ": build it with crossdock_add_plugin"};
}

} // namespace internal

/// Maps a plugin file and reads its manifest. Throws std::runtime_error that says what is
/// wrong with the file.
inline loaded_plugin load(const std::string& file) {
  if (!std::ifstream{file})
    throw std::runtime_error{file + " cannot be opened: build the plugin first"};
  loaded_plugin out;
  out.file = file;
  out.manifest = json::parse(internal::section_of(file, CDK_MANIFEST_SECTION));
  const auto path = file.find('/') == std::string::npos ? "./" + file : file;
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!library)
    throw std::runtime_error{"the loader refused the plugin: " + std::string{dlerror()}};
  const auto entry =
      reinterpret_cast<cdk_entry_function>(dlsym(library, CDK_ENTRY_SYMBOL));
  if (!entry)
    throw std::runtime_error{file + " does not export " CDK_ENTRY_SYMBOL};
  out.entry = entry();
  if (!out.entry || out.entry->magic != CDK_MAGIC)
    throw std::runtime_error{"the entry of " + file + " has no crossdock magic number"};
  if (out.entry->abi_major != CDK_ABI_MAJOR || out.entry->min_host_minor > CDK_ABI_MINOR)
    throw std::runtime_error{
        file + " is for plugin ABI " + std::to_string(out.entry->abi_major) + "." +
        std::to_string(out.entry->min_host_minor) + " and this SDK is " +
        std::to_string(CDK_ABI_MAJOR) + "." + std::to_string(CDK_ABI_MINOR)};
  return out;
}

} // namespace crossdock::sdk::testing
