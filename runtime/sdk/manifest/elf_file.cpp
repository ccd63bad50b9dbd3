#include "sdk/manifest/elf_file.hpp"

#include <cerrno>
#include <cstring>
#include <elf.h>
#include <fstream>

namespace crossdock::manifest {
namespace {

constexpr std::uint64_t file_bytes_max = 256ull << 20; // larger is no plugin
constexpr std::size_t sections_max = 4096;             // a linked library has about 40
constexpr std::size_t symbols_max = 1 << 20;

/// Copies a T from `offset`, false if it does not lie wholly inside.
template <class T>
bool take(const std::vector<std::uint8_t>& bytes, std::uint64_t offset, T& out) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T))
    return false;
  std::memcpy(&out, bytes.data() + offset, sizeof(T));
  return true;
}

bool inside(const std::vector<std::uint8_t>& bytes, std::uint64_t offset,
            std::uint64_t size) {
  return offset <= bytes.size() && size <= bytes.size() - offset;
}

/// The zero-terminated text at `at` of a string table, nothing if it runs out of the
/// table.
std::optional<std::string> text_at(const std::vector<std::uint8_t>& bytes,
                                   std::uint64_t table, std::uint64_t table_size,
                                   std::uint64_t at) {
  if (!inside(bytes, table, table_size) || at >= table_size)
    return std::nullopt;
  const auto* begin = reinterpret_cast<const char*>(bytes.data() + table + at);
  const auto* end = static_cast<const char*>(std::memchr(begin, 0, table_size - at));
  if (!end)
    return std::nullopt;
  return std::string{begin, end};
}

} // namespace

std::variant<elf_file, std::string> elf_file::read(const std::string& path) {
  std::ifstream in{path, std::ios::binary | std::ios::ate};
  if (!in)
    return path + " cannot be opened: " + std::strerror(errno);
  const auto size = static_cast<std::int64_t>(in.tellg());
  if (size < 0 || static_cast<std::uint64_t>(size) > file_bytes_max)
    return path + " is larger than 256 MiB";
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size));
  in.seekg(0);
  if (!in.read(reinterpret_cast<char*>(bytes.data()), size))
    return path + " cannot be read";
  auto parsed = parse(std::move(bytes));
  if (auto* problem = std::get_if<std::string>(&parsed))
    return path + ": " + *problem;
  return parsed;
}

std::variant<elf_file, std::string> elf_file::parse(std::vector<std::uint8_t> bytes) {
  elf_file file;
  file.bytes_ = std::move(bytes);
  if (auto problem = file.load(); !problem.empty())
    return problem;
  return file;
}

std::optional<std::string_view> elf_file::section(std::string_view name) const {
  for (const auto& s : sections_)
    if (s.name == name)
      return std::string_view{reinterpret_cast<const char*>(bytes_.data()) + s.offset,
                              static_cast<std::size_t>(s.size)};
  return std::nullopt;
}

std::string elf_file::load() {
  Elf64_Ehdr header{};
  if (!take(bytes_, 0, header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
    return "not an ELF file";
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB)
    return "not a 64-bit little-endian ELF file";
  if (header.e_type != ET_DYN)
    return "not a shared library";
  if (header.e_machine != EM_X86_64 && header.e_machine != EM_AARCH64)
    return "built for another processor (machine " + std::to_string(header.e_machine) +
           ")";
  if (header.e_shentsize != sizeof(Elf64_Shdr) || header.e_shnum == 0 ||
      header.e_shnum > sections_max || header.e_phentsize != sizeof(Elf64_Phdr))
    return "its header tables are malformed";

  // What the loader follows: the program headers.
  std::optional<Elf64_Phdr> dynamic;
  std::vector<Elf64_Phdr> loads;
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr p{};
    if (!take(bytes_, header.e_phoff + i * sizeof p, p))
      return "its program headers run past the end of the file";
    if (p.p_type == PT_DYNAMIC)
      dynamic = p;
    else if (p.p_type == PT_LOAD)
      loads.push_back(p);
    else if (p.p_type == PT_GNU_STACK)
      executable_stack_ = (p.p_flags & PF_X) != 0;
  }
  if (!dynamic || !inside(bytes_, dynamic->p_offset, dynamic->p_filesz))
    return "it has no dynamic section";

  std::vector<Elf64_Shdr> headers(header.e_shnum);
  for (std::size_t i = 0; i < headers.size(); ++i)
    if (!take(bytes_, header.e_shoff + i * sizeof(Elf64_Shdr), headers[i]))
      return "its section headers run past the end of the file";
  if (header.e_shstrndx >= headers.size())
    return "it has no section names";
  const auto& names = headers[header.e_shstrndx];
  const Elf64_Shdr* symbol_table = nullptr;
  const Elf64_Shdr* version_table = nullptr;
  for (const auto& s : headers) {
    const auto name = text_at(bytes_, names.sh_offset, names.sh_size, s.sh_name);
    if (!name)
      return "a section has no name";
    if (s.sh_type != SHT_NOBITS && s.sh_type != SHT_NULL) {
      if (!inside(bytes_, s.sh_offset, s.sh_size))
        return "section " + *name + " runs past the end of the file";
      if (!name->empty() && section(*name) && name->rfind(".crossdock", 0) == 0)
        return "section " + *name + " is there twice";
      sections_.push_back({*name, s.sh_offset, s.sh_size});
    }
    if (s.sh_type == SHT_DYNSYM)
      symbol_table = &s;
    if (s.sh_type == SHT_GNU_verneed)
      version_table = &s;
  }
  if (!symbol_table || symbol_table->sh_link >= headers.size() ||
      symbol_table->sh_entsize != sizeof(Elf64_Sym))
    return "it has no dynamic symbol table";
  const auto& strings = headers[symbol_table->sh_link];

  for (std::uint64_t at = 0; at + sizeof(Elf64_Dyn) <= dynamic->p_filesz;
       at += sizeof(Elf64_Dyn)) {
    Elf64_Dyn d{};
    if (!take(bytes_, dynamic->p_offset + at, d) || d.d_tag == DT_NULL)
      break;
    switch (d.d_tag) {
    case DT_NEEDED:
      if (auto text = text_at(bytes_, strings.sh_offset, strings.sh_size, d.d_un.d_val))
        needed_.push_back(*text);
      break;
    case DT_RPATH:
    case DT_RUNPATH:
      run_path_ = true;
      break;
    case DT_TEXTREL:
      text_relocations_ = true;
      break;
    case DT_BIND_NOW:
      binds_now_ = true;
      break;
    case DT_FLAGS:
      text_relocations_ |= (d.d_un.d_val & DF_TEXTREL) != 0;
      binds_now_ |= (d.d_un.d_val & DF_BIND_NOW) != 0;
      break;
    case DT_FLAGS_1:
      binds_now_ |= (d.d_un.d_val & DF_1_NOW) != 0;
      no_delete_ |= (d.d_un.d_val & DF_1_NODELETE) != 0;
      break;
    // The loader follows these two; a file whose sections say otherwise hides something.
    case DT_SYMTAB:
      if (d.d_un.d_ptr != symbol_table->sh_addr)
        return "its sections and its dynamic table name different symbol tables";
      break;
    case DT_STRTAB:
      if (d.d_un.d_ptr != strings.sh_addr)
        return "its sections and its dynamic table name different string tables";
      break;
    case DT_VERNEED:
      if (!version_table || d.d_un.d_ptr != version_table->sh_addr)
        return "its sections and its dynamic table name different version tables";
      break;
    default:
      break;
    }
  }

  const auto count = symbol_table->sh_size / sizeof(Elf64_Sym);
  if (count > symbols_max)
    return "it has more than a million dynamic symbols";
  for (std::uint64_t i = 1; i < count; ++i) {
    Elf64_Sym symbol{};
    if (!take(bytes_, symbol_table->sh_offset + i * sizeof symbol, symbol))
      return "its symbol table runs past the end of the file";
    const auto bind = ELF64_ST_BIND(symbol.st_info);
    if (bind == STB_LOCAL)
      continue;
    auto name = text_at(bytes_, strings.sh_offset, strings.sh_size, symbol.st_name);
    if (!name)
      return "a dynamic symbol has no name";
    symbols_.push_back(
        {std::move(*name), symbol.st_shndx != SHN_UNDEF, bind == STB_GNU_UNIQUE});
  }
  return version_table ? load_versions(version_table->sh_offset, version_table->sh_size,
                                       strings.sh_offset, strings.sh_size)
                       : std::string{};
}

std::string elf_file::load_versions(std::uint64_t table, std::uint64_t size,
                                    std::uint64_t strings, std::uint64_t strings_size) {
  constexpr std::size_t versions_max = 65'536; // the format numbers them with 16 bits
  const char* const torn = "its version table runs past the end of the file";
  // Offsets only grow, or the walk ends: a table cannot lead in circles.
  for (std::uint64_t at = 0; at < size;) {
    Elf64_Verneed need{};
    if (!take(bytes_, table + at, need))
      return torn;
    const auto library = text_at(bytes_, strings, strings_size, need.vn_file);
    if (!library)
      return torn;
    std::uint64_t aux_at = at + need.vn_aux;
    for (unsigned i = 0; i < need.vn_cnt; ++i) {
      Elf64_Vernaux aux{};
      if (aux_at >= size || !take(bytes_, table + aux_at, aux))
        return torn;
      auto name = text_at(bytes_, strings, strings_size, aux.vna_name);
      if (!name || versions_.size() == versions_max)
        return torn;
      versions_.push_back({*library, std::move(*name)});
      if (aux.vna_next == 0)
        break;
      aux_at += aux.vna_next;
    }
    if (need.vn_next == 0)
      break;
    at += need.vn_next;
  }
  return {};
}

} // namespace crossdock::manifest
