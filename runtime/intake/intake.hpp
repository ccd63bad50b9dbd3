/// INTAKE: what enters the node from a system of record.
///
/// Promises
///  - An event is accepted once: (source, id) seen before with the same body is dropped and
///    counted, with another body it is quarantined.
///  - Only events whose payload matches the catalogue's schema pass; the others become dead
///    letters with the reason.
///  - Free text from outside is labelled `untrusted` by the catalogue's field list.
///  - What is accepted is durable before its source hears of it (class A).
#pragma once

#include "base/catalogue.hpp"
#include "dispatch/dispatch.hpp"

namespace crossdock::intake {

enum class outcome { accepted, repeated, refused };

struct admission {
  outcome what = outcome::accepted;
  std::uint64_t seq = 0;
  std::string reason; ///< of a refusal
};

class desk {
public:
  desk(std::shared_ptr<const catalogue> words, std::shared_ptr<dispatch::exchange> exchange);

  static std::vector<ledger::migration> migrations();

  /// Judges and, if it passes, publishes. Part of the caller's unit of work, so that a
  /// connector's cursor and its events commit together.
  result<admission> admit(ledger::transaction& tx, envelope e) const;

private:
  std::shared_ptr<const catalogue> words_;
  std::shared_ptr<dispatch::exchange> exchange_;
};

} // namespace crossdock::intake
