/// What the node and the program that runs a plugin say to each other. Both come from one
/// build, so the form may change freely; what comes from the child is read as hostile.
#pragma once

#include "crossdock/abi.h"

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace crossdock::host::child {

/// The first byte of a message.
enum class frame : std::uint8_t {
  // to the child, on the step channel
  hello = 1,
  event,
  quiesce,
  probe,
  destroy,
  resume,
  snapshot,
  restore,
  // from the child, on the step channel
  ready = 32,
  refused,
  done,
  quiesced,
  probed,
  snapshotted,
  restored,
  resumed,
  // on the channel for every thread of the child
  listener = 64, ///< the descriptor of denied system calls is beside it
  log,
  metric,
  post,
  connect,
  answer ///< to post and connect
};

/// What a plugin called in a step, in a `done`.
enum class op : std::uint8_t {
  send = 1,
  ask,
  call,
  reply,
  timer,
  cancel,
  propose,
  memory_put,
  memory_del
};

class packer {
public:
  explicit packer(frame f) { number(static_cast<std::uint8_t>(f)); }
  packer() = default;

  template <class T>
  requires std::is_arithmetic_v<T> packer& number(T v) {
    out_.append(reinterpret_cast<const char*>(&v), sizeof v);
    return *this;
  }
  packer& text(std::string_view t) {
    number(static_cast<std::uint64_t>(t.size()));
    out_ += t;
    return *this;
  }
  packer& text(cdk_str t) {
    return text(std::string_view(t.ptr, t.ptr == nullptr ? 0 : t.len));
  }
  packer& text(cdk_bytes t) {
    return text(std::string_view(reinterpret_cast<const char*>(t.ptr),
                                 t.ptr == nullptr ? 0 : t.len));
  }
  const std::string& bytes() const { return out_; }
  void clear() { out_.clear(); }
  void append(const packer& other) { out_ += other.out_; }

private:
  std::string out_;
};

/// Reads what a packer wrote. After anything that does not fit, good() is false and
/// everything reads as zero or empty. Texts point into what it reads from.
class unpacker {
public:
  explicit unpacker(std::string_view bytes) : rest_(bytes) {}

  template <class T>
  T number() {
    T v{};
    if (rest_.size() < sizeof v) {
      good_ = false;
      rest_ = {};
      return v;
    }
    std::memcpy(&v, rest_.data(), sizeof v);
    rest_.remove_prefix(sizeof v);
    return v;
  }
  std::string_view text() {
    const auto size = number<std::uint64_t>();
    if (size > rest_.size()) {
      good_ = false;
      rest_ = {};
      return {};
    }
    const auto t = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return t;
  }
  cdk_str str() {
    const auto t = text();
    return {t.data(), t.size()};
  }
  cdk_bytes bytes() {
    const auto t = text();
    return {reinterpret_cast<const std::uint8_t*>(t.data()), t.size()};
  }
  frame kind() { return static_cast<frame>(number<std::uint8_t>()); }
  bool good() const { return good_; }
  bool at_end() const { return rest_.empty(); }

private:
  std::string_view rest_;
  bool good_ = true;
};

/// All of a cdk_event but its size; the texts of what is read point into the message.
void pack(packer& to, const cdk_event& e);
cdk_event unpack_event(unpacker& from);

/// A proposal, without its request id.
void pack(packer& to, const cdk_proposal& p);
cdk_proposal unpack_proposal(unpacker& from);

} // namespace crossdock::host::child
