/// Reads what the loader would see of a shared library, without loading it.
///
/// Every access is bounds-checked against the bytes: a torn or hostile file is an error
/// sentence, never a crash. Only x86-64 and AArch64, 64 bit, little-endian, ET_DYN.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace crossdock::manifest {

/// One entry of the dynamic symbol table.
struct elf_symbol {
  std::string name;
  bool defined = false; ///< here, rather than in a library that this file needs
  bool unique = false;  ///< STB_GNU_UNIQUE: merged across every loaded file
};

/// A version of a library's symbols that the loader insists on.
struct elf_version {
  std::string library; ///< "libc.so.6"
  std::string name;    ///< "GLIBC_2.34"
};

class elf_file {
public:
  /// The parsed file, or a sentence that says what is wrong with it. At most 256 MiB.
  static std::variant<elf_file, std::string> read(const std::string& path);
  static std::variant<elf_file, std::string> parse(std::vector<std::uint8_t> bytes);

  /// The bytes of a section; nothing if there is none of that name. Two of one name are
  /// an error of parse().
  std::optional<std::string_view> section(std::string_view name) const;

  /// Dynamic symbols other than local ones.
  const std::vector<elf_symbol>& symbols() const { return symbols_; }
  /// Libraries that the loader will look for.
  const std::vector<std::string>& needed() const { return needed_; }
  /// Symbol versions without which the loader refuses the file.
  const std::vector<elf_version>& versions() const { return versions_; }
  bool has_text_relocations() const { return text_relocations_; }
  bool has_executable_stack() const { return executable_stack_; }
  bool has_run_path() const { return run_path_; }
  bool binds_now() const { return binds_now_; }
  bool never_unloads() const { return no_delete_; }

private:
  elf_file() = default;
  std::string load();
  std::string load_versions(std::uint64_t table, std::uint64_t size,
                            std::uint64_t strings, std::uint64_t strings_size);

  std::vector<std::uint8_t> bytes_;
  struct named_range {
    std::string name;
    std::uint64_t offset, size;
  };
  std::vector<named_range> sections_;
  std::vector<elf_symbol> symbols_;
  std::vector<std::string> needed_;
  std::vector<elf_version> versions_;
  bool text_relocations_ = false;
  bool executable_stack_ = true; // what the kernel assumes without PT_GNU_STACK
  bool run_path_ = false;
  bool binds_now_ = false;
  bool no_delete_ = false;
};

} // namespace crossdock::manifest
