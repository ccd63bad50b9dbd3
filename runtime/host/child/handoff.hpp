/// A component as its process needs it: its rights, limits, configuration and memory, and
/// the catalogue's entries of what it may say.
#pragma once

#include "host/component.hpp"
#include "host/step.hpp"

#include <memory>
#include <string>

namespace crossdock::host::child {

class packer;
class unpacker;

struct handoff {
  std::shared_ptr<const component> what; ///< without a file in the child
  std::shared_ptr<const catalogue> words;
  std::shared_ptr<const memory_view> memory;
  int parent = 0; ///< its process id
};

/// All of a component's memory.
void pack(packer& to, const memory_view& memory);
std::shared_ptr<memory_view> unpack_memory(unpacker& from);

/// The message that starts the conversation.
std::string pack_hello(const handoff& h);
/// Errors: malformed; of the catalogue.
result<handoff> unpack_hello(unpacker& from);

} // namespace crossdock::host::child
