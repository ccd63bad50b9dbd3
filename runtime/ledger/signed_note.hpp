/// Private to the room: C2SP signed-note with Ed25519, and the tlog-checkpoint text in
/// it.
#pragma once

#include "base/digest.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace crossdock::ledger {

using ed25519_bytes = std::array<std::uint8_t, 32>;

/// What a verifier needs to know: "NAME+HASH+BASE64(0x01 || key)" (signed-note, vkey).
struct verification_key {
  std::string name;
  ed25519_bytes key{};

  /// Errors: malformed, also if the hash does not belong to name and key.
  static result<verification_key> parse(std::string_view vkey);
  std::string str() const;
  /// The first four bytes of SHA-256(name || "\n" || 0x01 || key).
  std::array<std::uint8_t, 4> id() const;
  bool verifies(std::string_view text, std::string_view signature) const;
};

/// A name that fits a key and a signature line: not empty, no blanks, no plus, printable
/// ASCII.
bool valid_key_name(std::string_view name);

/// The private half. Holds the 32-byte seed of RFC 8032.
class signing_key {
public:
  /// The caller guarantees a valid name.
  static result<signing_key> from_seed(std::string name, const ed25519_bytes& seed);
  /// "PRIVATE+KEY+NAME+HASH+BASE64(0x01 || seed)". Errors: malformed.
  static result<signing_key> parse(std::string_view line);
  std::string str() const;

  const verification_key& public_key() const { return public_; }
  /// `text` ends with a newline; gives the whole note. Errors: internal.
  result<std::string> sign(std::string_view text) const;

private:
  signing_key(verification_key pub, const ed25519_bytes& seed)
      : public_(std::move(pub)), seed_(seed) {}
  verification_key public_;
  ed25519_bytes seed_;
};

/// The text of a note if it carries a good signature of `key`; lines of other keys are
/// allowed. Errors: malformed; denied (no good signature of this key).
result<std::string> open_note(std::string_view note, const verification_key& key);

/// tlog-checkpoint: "origin\nsize\nbase64(root)\n".
struct tree_head {
  std::string origin;
  std::uint64_t size = 0;
  sha256 root{};

  std::string text() const;
  /// Errors: malformed.
  static result<tree_head> parse(std::string_view text);
};

} // namespace crossdock::ledger
