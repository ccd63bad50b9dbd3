/// System calls of a confined process that its filter does not allow: they wait until
/// they are answered here, so that none goes unnoticed.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace crossdock::host::child {

/// Owns the descriptor that the filter's listener is. On one thread.
class attempts {
public:
  /// Told what was tried, as "socket(AF_INET)".
  using teller = std::function<void(const std::string& what)>;

  attempts(int listener, teller tell);
  ~attempts();
  attempts(const attempts&) = delete;
  attempts& operator=(const attempts&) = delete;

  int descriptor() const { return listener_; }
  /// Answers one call that waits: with EPERM or EACCES, but while `loading`, when files
  /// of the system's libraries may be opened. False if nobody will call any more.
  bool answer(bool loading);
  /// All that was denied.
  std::uint64_t count() const { return count_; }

private:
  int listener_;
  teller tell_;
  std::uint64_t count_ = 0;
};

} // namespace crossdock::host::child
