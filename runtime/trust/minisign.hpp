/// Signatures in minisign's format, by OpenSSL alone: what `minisign -S` writes verifies here,
/// and what is signed here verifies with `minisign -V`.
/// Format: https://jedisct1.github.io/minisign/, "Signature format" and "Secret key format".
#pragma once

#include "base/error.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace crossdock::trust {

/// Chosen at random when a key is made; tells keys apart, proves nothing.
using key_id = std::array<std::uint8_t, 8>;

/// As minisign prints it, but always with all 16 digits: "0073D9CC84145968".
std::string key_id_text(const key_id& id);
/// Reads up to 16 hexadecimal digits; minisign leaves out zeros in front. Errors: malformed.
result<key_id> key_id_from_text(std::string_view text);

struct public_key {
  key_id id{};
  std::array<std::uint8_t, 32> ed25519{};

  /// Reads the line "RW..." or a whole .pub file. Errors: malformed.
  static result<public_key> parse(std::string_view text);
  /// The line "RW...".
  std::string line() const;
  /// A .pub file.
  std::string str() const;
};

struct signature {
  bool prehashed = true; ///< "ED": over the BLAKE2b-512 of the file; "Ed": over the file itself
  key_id id{};
  std::array<std::uint8_t, 64> of_file{};
  std::array<std::uint8_t, 64> of_comment{}; ///< over of_file and the trusted comment
  std::string comment;                       ///< trusted, once the signature verified

  /// Reads a .minisig file. Only its one canonical form is taken, except for the untrusted
  /// comment and line ends. Errors: malformed, limit (over 16 KiB).
  static result<signature> parse(std::string_view text);
  /// A .minisig file.
  std::string str(std::string_view untrusted_comment) const;
};

/// Whether `key` signed exactly `file` and the comment. Errors: denied, saying which of the
/// three (another key, the file, the comment) does not fit.
result<void> verify(const public_key& key, std::string_view file, const signature& s);

/// Its bytes are wiped when it goes.
class secret_key {
public:
  /// Asked for the password if the key is encrypted. Errors end the reading.
  using password_source = std::function<result<std::string>()>;

  /// Errors: internal, if the system has no randomness.
  static result<secret_key> generate();
  /// Reads a minisign secret key file, encrypted (scrypt) or not. Errors: malformed, denied
  /// (wrong password), limit (scrypt would need more than 1 GiB).
  static result<secret_key> parse(std::string_view text, const password_source& password);
  ~secret_key();
  secret_key(const secret_key&) = default;
  secret_key& operator=(const secret_key&) = default;

  public_key public_half() const;
  /// A secret key file as minisign writes and reads it. An empty password leaves it
  /// unencrypted; otherwise scrypt needs 128 MiB to read it. Errors: internal.
  result<std::string> str(std::string_view password) const;
  /// Signs the file's bytes and the comment. Errors: invalid (a comment of more than one line
  /// or 8 KiB), internal.
  result<signature> sign(std::string_view file, std::string_view comment,
                         bool prehashed = true) const;

private:
  secret_key() = default;
  key_id id_{};
  std::array<std::uint8_t, 64> seed_and_public_{};
};

} // namespace crossdock::trust
