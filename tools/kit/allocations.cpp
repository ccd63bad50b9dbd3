#include "kit/allocations.hpp"

#include <dlfcn.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>
#include <vector>

namespace crossdock::kit {
namespace {

unsigned left = 0; ///< until the one that fails; 0: none is to fail
bool happened = false;

bool due() {
  if (left == 0 || --left > 0) {
    return false;
  }
  happened = true;
  return true;
}

void* failing_malloc(std::size_t n) {
  return due() ? nullptr : std::malloc(n);
}
void* failing_calloc(std::size_t n, std::size_t size) {
  return due() ? nullptr : std::calloc(n, size);
}
void* failing_realloc(void* p, std::size_t n) {
  return due() ? nullptr : std::realloc(p, n);
}
void* failing_aligned(std::size_t alignment, std::size_t n) {
  return due() ? nullptr : std::aligned_alloc(alignment, n);
}
char* failing_strdup(const char* text) {
  return due() ? nullptr : ::strdup(text);
}
void* failing_new(std::size_t n) {
  if (due()) {
    throw std::bad_alloc();
  }
  return ::operator new(n);
}
void* failing_new_array(std::size_t n) {
  if (due()) {
    throw std::bad_alloc();
  }
  return ::operator new[](n);
}
void* failing_new_nothrow(std::size_t n, const std::nothrow_t& how) {
  return due() ? nullptr : ::operator new(n, how);
}

std::uintptr_t instead_of(std::string_view name) {
  const std::pair<std::string_view, void*> all[] = {
      {"malloc", reinterpret_cast<void*>(&failing_malloc)},
      {"calloc", reinterpret_cast<void*>(&failing_calloc)},
      {"realloc", reinterpret_cast<void*>(&failing_realloc)},
      {"aligned_alloc", reinterpret_cast<void*>(&failing_aligned)},
      {"strdup", reinterpret_cast<void*>(&failing_strdup)},
      {"_Znwm", reinterpret_cast<void*>(&failing_new)},
      {"_Znam", reinterpret_cast<void*>(&failing_new_array)},
      {"_ZnwmRKSt9nothrow_t", reinterpret_cast<void*>(&failing_new_nothrow)}};
  for (const auto& [known, function] : all) {
    if (known == name) {
      return reinterpret_cast<std::uintptr_t>(function);
    }
  }
  return 0;
}

/// The relocations of a loaded file, from its dynamic section (ELF gABI).
struct relocations {
  std::uintptr_t base = 0;
  const ElfW(Sym) * symbols = nullptr;
  const char* names = nullptr;
  std::vector<std::pair<const ElfW(Rela)*, std::size_t>> tables;
};

relocations of_file(const void* inside) {
  relocations out;
  Dl_info info{};
  void* extra = nullptr;
  if (::dladdr1(inside, &info, &extra, RTLD_DL_LINKMAP) == 0 || extra == nullptr) {
    return out;
  }
  const auto* map = static_cast<const link_map*>(extra);
  out.base = map->l_addr;
  const auto at = [&](ElfW(Addr) value) {
    return value < out.base ? value + out.base : value;
  };
  const ElfW(Rela)* rela = nullptr;
  const ElfW(Rela)* plt = nullptr;
  std::size_t rela_bytes = 0;
  std::size_t plt_bytes = 0;
  for (const auto* d = map->l_ld; d->d_tag != DT_NULL; ++d) {
    switch (d->d_tag) {
    case DT_SYMTAB:
      out.symbols = reinterpret_cast<const ElfW(Sym)*>(at(d->d_un.d_ptr));
      break;
    case DT_STRTAB:
      out.names = reinterpret_cast<const char*>(at(d->d_un.d_ptr));
      break;
    case DT_RELA:
      rela = reinterpret_cast<const ElfW(Rela)*>(at(d->d_un.d_ptr));
      break;
    case DT_RELASZ:
      rela_bytes = d->d_un.d_val;
      break;
    case DT_JMPREL:
      plt = reinterpret_cast<const ElfW(Rela)*>(at(d->d_un.d_ptr));
      break;
    case DT_PLTRELSZ:
      plt_bytes = d->d_un.d_val;
      break;
    default:
      break;
    }
  }
  if (rela != nullptr) {
    out.tables.emplace_back(rela, rela_bytes / sizeof(ElfW(Rela)));
  }
  if (plt != nullptr) {
    out.tables.emplace_back(plt, plt_bytes / sizeof(ElfW(Rela)));
  }
  return out;
}

} // namespace

allocations::allocations(const void* inside) {
  fail(0);
  const auto file = of_file(inside);
  if (file.symbols == nullptr || file.names == nullptr) {
    return;
  }
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  for (const auto& [table, count] : file.tables) {
    for (std::size_t i = 0; i < count; ++i) {
      const auto symbol = ELF64_R_SYM(table[i].r_info);
      const auto function =
          symbol == 0 ? 0 : instead_of(file.names + file.symbols[symbol].st_name);
      if (function == 0) {
        continue;
      }
      auto* slot = reinterpret_cast<std::uintptr_t*>(file.base + table[i].r_offset);
      // The loader made the slots read-only once it had filled them.
      auto* start =
          reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(slot) & ~(page - 1));
      if (::mprotect(start, page, PROT_READ | PROT_WRITE) == 0) {
        *slot = function;
        ++slots_;
      }
    }
  }
}

allocations::~allocations() {
  fail(0);
}

void allocations::fail(unsigned n) {
  left = n;
  happened = false;
}

bool allocations::failed() {
  return happened;
}

} // namespace crossdock::kit
