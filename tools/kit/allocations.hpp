/// Memory that runs out for a plugin, and for nobody else in the process.
#pragma once

#include <cstddef>

namespace crossdock::kit {

/// From its making on, the calls of malloc, calloc, realloc, aligned_alloc, strdup and
/// operator new in one loaded file go through here (its relocated slots are written
/// anew). What libraries allocate on its behalf is theirs. One at a time, on one thread.
class allocations {
public:
  /// `inside`: any address of the file, such as that of its table.
  explicit allocations(const void* inside);
  ~allocations();
  allocations(const allocations&) = delete;
  allocations& operator=(const allocations&) = delete;

  /// How many slots the file has for them; 0: it allocates nothing itself.
  std::size_t slots() const { return slots_; }
  /// The n-th of its allocations from now on fails, and only that one; 0: none does.
  static void fail(unsigned n);
  /// Whether that one was asked for.
  static bool failed();

private:
  std::size_t slots_ = 0;
};

} // namespace crossdock::kit
