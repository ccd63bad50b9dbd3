/// What a process may no longer do once it runs a plugin. All of it is irrevocable.
#pragma once

#include "base/error.hpp"
#include "base/json.hpp"

#include <cstddef>

namespace crossdock::host::child {

struct confinement {
  std::size_t address_space_bytes = 512u << 20;
  bool threads = false; ///< a connector may start threads; nobody starts processes
};

/// Lower priority, limits of memory, files and core dumps, no root, death with the
/// parent. Errors: io.
result<void> lower(const confinement& c);

/// Only files below the folders of libraries can be opened, for reading (Landlock, as far
/// as the kernel has it); system calls outside a short list wait for the parent, which
/// denies them. Gives the descriptor the parent answers them on and says what the kernel
/// offers:
/// {"landlock": 0..., "seccomp": "notify"}. Errors: io, if system calls cannot be
/// confined.
struct confined {
  int listener = -1;
  json report;
};
result<confined> confine(const confinement& c);

/// Once the plugin is loaded and created: no file at all is opened any more, whatever the
/// parent answers. Errors: io.
result<void> seal();

} // namespace crossdock::host::child
