/// Whole messages over a SOCK_SEQPACKET socket, in packets that fit its buffers.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace crossdock::host::child {

using steady = std::chrono::steady_clock;

/// What one descriptor of a socket pair is used for, by one thread at a time. A packet is
/// one byte, 1 if more of the message follows, and then the bytes. Does not own the
/// descriptor.
class channel {
public:
  /// `largest`: a longer message of the other side ends the conversation.
  explicit channel(int descriptor = -1, std::size_t largest = 64u << 20)
      : descriptor_(descriptor), largest_(largest) {}

  enum class outcome { done, closed, late, too_large };

  /// Sends it whole, with `passed` as a descriptor beside it unless that is negative.
  /// While the other side does not read, what it sends meanwhile is kept for receive():
  /// neither waits for the other for ever.
  outcome send(std::string_view message, std::optional<steady::time_point> until = {},
               int passed = -1);
  /// Sends a message of one packet or, if there is no room for it now, not at all.
  bool offer(std::string_view message);
  /// The next message. Descriptors that the other side sends are not accepted.
  outcome receive(std::string& message, std::optional<steady::time_point> until = {});
  /// The same, and takes a descriptor that is beside it; -1 if there is none.
  outcome receive(std::string& message, int& passed,
                  std::optional<steady::time_point> until = {});

  int descriptor() const { return descriptor_; }

private:
  outcome wait(short events, std::optional<steady::time_point> until,
               short& happened) const;
  outcome take(int* passed);

  int descriptor_;
  std::size_t largest_;
  std::string part_;     ///< of a message that is not complete
  std::string whole_;    ///< complete messages, each after its length
  std::size_t read_ = 0; ///< of `whole_`
  int passed_ = -1;
};

} // namespace crossdock::host::child
